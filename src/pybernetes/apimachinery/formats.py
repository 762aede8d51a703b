"""The string formats that schemas of custom resources may ask for; any other format says nothing.

Source: apiextensions-apiserver/pkg/apiserver/validation/formats.go, kube-openapi/pkg/validation/strfmt.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from pybernetes.apimachinery import names

_UUID = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?%s[0-9a-fA-F]{3}-?%s[0-9a-fA-F]{3}-?[0-9a-fA-F]{12}"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_DURATION = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|0", re.ASCII)
_WORDY_DURATION = re.compile(
    r"(\d+\s*(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|"
    r"minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*)+",
    re.ASCII,
)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LABEL = r"[a-zA-Z0-9\u00a0-\uffff](?:[a-zA-Z0-9\u00a0-\uffff-]{0,61}[a-zA-Z0-9\u00a0-\uffff])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,63}}\.?")


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _ip(version: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version and "%" not in text
        except ValueError:
            return False

    return check


def _cidr(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text and text.rpartition("/")[2].isdecimal()


def _uri(text: str) -> bool:
    if any(c <= " " or c == "\x7f" for c in text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


def _byte(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def _date_time(text: str) -> bool:
    found = _DATE_TIME.fullmatch(text)
    return found is not None and _date(text[:10]) and int(found[1]) < 24 and int(found[2]) < 60 and int(found[3]) < 61


def seconds_of(text: str) -> float | None:
    """The length of a duration such as 1h30m; None when it is none."""
    if _DURATION.fullmatch(text):
        parts = re.findall(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", text)
        total = sum(float(number) * _UNITS[unit] for number, unit in parts)
        return -total if text.startswith("-") else total
    return None


def _duration(text: str) -> bool:
    return seconds_of(text) is not None or _WORDY_DURATION.fullmatch(text) is not None


def _email(text: str) -> bool:
    local, at, host = text.rpartition("@")
    return bool(at and local and host) and " " not in text and "@" not in local


def _checksum(text: str, length: int) -> bool:
    digits = re.sub(r"[-\s]", "", text)
    if len(digits) != length or not re.fullmatch(r"\d+[\dXx]", digits, re.ASCII):
        return False
    values = [10 if c in "Xx" else int(c) for c in digits]
    if length == 10:
        return sum((10 - i) * value for i, value in enumerate(values)) % 11 == 0
    return values[-1] != 10 and sum(value * (3 if i % 2 else 1) for i, value in enumerate(values)) % 10 == 0


def _credit_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    if not 13 <= len(digits) <= 19:
        return False
    total = 0
    for i, c in enumerate(reversed(digits)):
        value = int(c) * (1 + i % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


FORMATS: dict[str, Callable[[str], bool]] = {
    "bsonobjectid": _matches("[0-9a-fA-F]{24}"),
    "uri": _uri,
    "email": _email,
    "hostname": lambda text: len(text) <= 255 and _HOST.fullmatch(text) is not None,
    "ipv4": _ip(4),
    "ipv6": _ip(6),
    "cidr": _cidr,
    "mac": _matches(
        r"([0-9a-fA-F]{2}[:-]){5}([0-9a-fA-F]{2}[:-]){0,2}[0-9a-fA-F]{2}|([0-9a-fA-F]{4}\.){2,3}[0-9a-fA-F]{4}"
    ),
    "uuid": _matches("[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"),
    "uuid3": _matches(_UUID % ("3", "[0-9a-fA-F]")),
    "uuid4": _matches(_UUID % ("4", "[89abAB]")),
    "uuid5": _matches(_UUID % ("5", "[89abAB]")),
    "isbn": lambda text: _checksum(text, 10) or _checksum(text, 13),
    "isbn10": lambda text: _checksum(text, 10),
    "isbn13": lambda text: _checksum(text, 13),
    "creditcard": _credit_card,
    "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "hexcolor": _matches("#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _matches(
        r"rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,"
        r"\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)"
    ),
    "byte": _byte,
    "password": lambda text: True,
    "date": _date,
    "duration": _duration,
    "datetime": _date_time,
    "date-time": _date_time,
    "k8s-short-name": lambda text: not names.dns1123_label(text),
    "k8s-long-name": lambda text: not names.dns1123_subdomain(text),
}
