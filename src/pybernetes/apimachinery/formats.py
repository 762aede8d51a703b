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
from pybernetes.apimachinery.times import TimeError, duration_nanos

_UUID = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?%s[0-9a-fA-F]{3}-?%s[0-9a-fA-F]{3}-?[0-9a-fA-F]{12}"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_PART_IN_WORDS = re.compile(r"(\d+)\s*([A-Za-zµ]+)", re.ASCII)
_UNITS_IN_WORDS: tuple[tuple[tuple[str, ...], str, int], ...] = (
    (("ns",), "nano", 1),
    (("us", "µs"), "micro", 10**3),
    (("ms",), "milli", 10**6),
    (("s",), "sec", 10**9),
    (("m",), "min", 60 * 10**9),
    (("h", "hr"), "hour", 3600 * 10**9),
    (("d",), "day", 24 * 3600 * 10**9),
    (("w", "wk"), "week", 7 * 24 * 3600 * 10**9),
)
"""What a unit is called, how its long names begin, and its nanoseconds."""
_MOST_DIGITS = 18
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


def nanos_of(text: str) -> int | None:
    """The length of a duration such as 1h30m or 3 days; None when it is none.

    Source: kube-openapi/pkg/validation/strfmt/duration.go, which passes over what is neither a number nor a unit.
    """
    try:
        return duration_nanos(text)
    except TimeError:
        parts = _PART_IN_WORDS.findall(text)
    if any(len(number) > _MOST_DIGITS for number, _ in parts):
        return None
    found = [int(number) * nanos for number, unit in parts if (nanos := _nanos_of_unit(unit.lower()))]
    return sum(found) if found else None


def _nanos_of_unit(unit: str) -> int:
    return next((nanos for own, long, nanos in _UNITS_IN_WORDS if unit in own or unit.startswith(long)), 0)


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
    "duration": lambda text: nanos_of(text) is not None,
    "datetime": _date_time,
    "date-time": _date_time,
    "k8s-short-name": lambda text: not names.dns1123_label(text),
    "k8s-long-name": lambda text: not names.dns1123_subdomain(text),
}
