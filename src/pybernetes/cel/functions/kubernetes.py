"""Quantities, versions, URLs, named formats.

Source: apiserver/pkg/cel/library/{quantity,semverlib,urls,format}.go, blang/semver/v4, net/url (Go).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import quoted
from pybernetes.apimachinery.formats import FORMATS
from pybernetes.apimachinery.quantity import NANO, QuantityError, nano
from pybernetes.cel import types
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import INT64, NOTHING, Meter, Opaque, Optional, Quantity, ordered, within

# -- quantities --------------------------------------------------------------------------------------


def _quantity(_meter: Meter, text: str) -> Quantity:
    try:
        return Quantity(nano(text))
    except QuantityError as error:
        raise CelError(str(error)) from None


def _is(read: Callable[..., Any]) -> Callable[..., bool]:
    def work(meter: Meter, *arguments: Any) -> bool:
        try:
            read(meter, *arguments)
        except CelError:
            return False
        return True

    return work


def _integral(value: Quantity) -> int | None:
    whole, rest = divmod(value.nano, NANO)
    return whole if not rest and INT64[0] <= whole <= INT64[1] else None


def _as_integer(_meter: Meter, value: Quantity) -> int:
    found = _integral(value)
    if found is None:
        raise CelError("cannot convert value to integer")
    return found


def _sum(sign: int) -> Callable[[Meter, Quantity, Any], Quantity]:
    def work(_meter: Meter, left: Quantity, right: Any) -> Quantity:
        other = right.nano if isinstance(right, Quantity) else right * NANO
        return Quantity(left.nano + sign * other)

    return work


def _order(left: Any, right: Any) -> int:
    return ordered(left.nano, right.nano) if isinstance(left, Quantity) else ordered(left.value, right.value)


# -- versions ----------------------------------------------------------------------------------------

_PART = re.compile(r"[0-9A-Za-z-]+", re.ASCII)


def _version_number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise CelError(f"Invalid character(s) found in {what} number {quoted(text)}")
    if len(text) > 1 and text[0] == "0":
        raise CelError(f"{what.capitalize()} number must not contain leading zeroes {quoted(text)}")
    if len(text) > 20 or int(text) > 2**64 - 1:
        raise CelError(f"strconv.ParseUint: parsing {quoted(text)}: value out of range")
    return int(text)


def _prerelease(text: str) -> tuple[int, int, str]:
    if not text:
        raise CelError("Prerelease is empty")
    if text.isascii() and text.isdigit():
        if len(text) > 1 and text[0] == "0":
            raise CelError(f"Numeric PreRelease version must not contain leading zeroes {quoted(text)}")
        if len(text) > 20:
            raise CelError(f"strconv.ParseUint: parsing {quoted(text)}: value out of range")
        return 0, int(text), ""
    if not _PART.fullmatch(text):
        raise CelError(f"Invalid character(s) found in prerelease {quoted(text)}")
    return 1, 0, text


def _version(text: str) -> tuple[Any, ...]:
    """The order of a semantic version."""
    if not text:
        raise CelError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise CelError("No Major.Minor.Patch elements found")
    major, minor = _version_number(parts[0], "major"), _version_number(parts[1], "minor")
    rest, plus, build = parts[2].partition("+")
    number, dash, before = rest.partition("-")
    patch = _version_number(number, "patch")
    released = tuple(_prerelease(each) for each in before.split(".")) if dash else ()
    for each in build.split(".") if plus else ():
        if not each:
            raise CelError("Build meta data is empty")
        if not _PART.fullmatch(each):
            raise CelError(f"Invalid character(s) found in build meta data {quoted(each)}")
    return major, minor, patch, 0 if dash else 1, released


def _normalized(text: str) -> str:
    parts = text.removeprefix("v").split(".", 2)
    for i, part in enumerate(parts):
        if len(part) > 1:
            stripped = part.lstrip("0")
            parts[i] = stripped if stripped[:1] in tuple("0123456789") and stripped else f"0{stripped}"
    if len(parts) < 3:
        if "+" in parts[-1] or "-" in parts[-1]:
            raise CelError("short version cannot contain PreRelease/Build meta data")
        parts += ["0"] * (3 - len(parts))
    return ".".join(parts)


def _semver(_meter: Meter, text: str, loose: bool = False) -> Opaque:
    return Opaque(types.SEMVER, _version(_normalized(text) if loose else text))


# -- URLs --------------------------------------------------------------------------------------------

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)


def _url_problem(text: str) -> str:
    """Why a text is no absolute URI and no absolute path; "" when it is one."""
    if any(c < " " or c == "\x7f" for c in text):
        return "net/url: invalid control character in URL"
    if not text:
        return "empty url"
    if text == "*":
        return ""
    head, colon, _ = text.partition(":")
    scheme = bool(colon) and _SCHEME.fullmatch(head) is not None
    if not scheme:
        if colon and head == "":
            return "missing protocol scheme"
        if colon and "/" not in head and not text.startswith("/"):
            return "first path segment in URL cannot contain colon"
        if not text.startswith("/"):
            return "invalid URI for request"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "missing ']' in host"
    rest = parts.netloc.rpartition("@")[2]
    if " " in rest:
        return 'invalid character " " in host name'
    host, _, port = rest.rpartition(":") if not rest.endswith("]") else (rest, "", "")
    if host and port and not port.isdecimal():
        return f"invalid port {quoted(':' + port)} after host"
    if (bad := _BAD_ESCAPE.search(parts.path)) is not None:
        return f"invalid URL escape {quoted(bad.group())}"
    return ""


def _url(_meter: Meter, text: str) -> Opaque:
    if problem := _url_problem(text):
        raise CelError(f"URL parse error during conversion from string: parse {quoted(text)}: {problem}")
    return Opaque(types.URL, urlsplit(text))


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _hostname(parts: SplitResult) -> str:
    return re.sub(r":\d*$", "", _host(parts)).removeprefix("[").removesuffix("]")


def _port(parts: SplitResult) -> str:
    found = re.search(r":(\d*)$", _host(parts))
    return found[1] if found is not None else ""


def _escaped_path(parts: SplitResult) -> str:
    again = quote(unquote(parts.path, errors="surrogateescape"), safe="/:@&=+$-._~!'()*,;", errors="surrogateescape")
    return again if "%" not in parts.path else parts.path


def _query(parts: SplitResult) -> dict[str, list[str]]:
    return parse_qs(parts.query, keep_blank_values=True)


def _of_url(work: Callable[[SplitResult], Any]) -> Callable[[Meter, Opaque], Any]:
    return lambda _meter, url: work(url.value)


# -- formats -----------------------------------------------------------------------------------------


def _prefix(check: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    return lambda text: check(names.masked_trailing_dash(text))


def _format(name: str, problem: str) -> Callable[[str], list[str]]:
    return lambda text: [] if FORMATS[name](text) else [problem]


def _uri(text: str) -> list[str]:
    problem = _url_problem(text)
    return [f"parse {quoted(text)}: {problem}"] if problem else []


_FORMATS: dict[str, tuple[Callable[[str], list[str]], int]] = {
    "dns1123Label": (names.dns1123_label, 30),
    "dns1123Subdomain": (names.dns1123_subdomain, 60),
    "dns1035Label": (names.dns1035_label, 30),
    "qualifiedName": (names.qualified_name, 60),
    "dns1123LabelPrefix": (_prefix(names.dns1123_label), 30),
    "dns1123SubdomainPrefix": (_prefix(names.dns1123_subdomain), 60),
    "dns1035LabelPrefix": (_prefix(names.dns1035_label), 30),
    "labelValue": (names.label_value, 40),
    "uri": (_uri, 1103),
    "uuid": (_format("uuid", "does not match the UUID format"), 70),
    "byte": (_format("byte", "invalid base64"), 84),
    "date": (_format("date", "invalid date"), 71),
    "datetime": (_format("datetime", "invalid datetime"), 71),
}
"""Each with the length of pattern that a check of it is charged for."""


def pattern_length(name: str) -> int:
    return _FORMATS[name][1]


def _named(_meter: Meter, name: str) -> Optional:
    return Optional(Opaque(types.FORMAT, name)) if name in _FORMATS else NOTHING


def _validate(_meter: Meter, form: Opaque, text: str) -> Optional:
    problems = _FORMATS[form.value][0](text)
    return Optional(problems) if problems else NOTHING


def _constant(value: Opaque) -> Callable[[Meter], Opaque]:
    return lambda _meter: value


TABLE: dict[str, Callable[..., Any]] = {
    "quantity": _quantity,
    "isQuantity": _is(_quantity),
    "sign": lambda _meter, value: _order(value, Quantity(0)),
    "isGreaterThan": lambda _meter, left, right: _order(left, right) > 0,
    "isLessThan": lambda _meter, left, right: _order(left, right) < 0,
    "compareTo": lambda _meter, left, right: _order(left, right),
    "asApproximateFloat": lambda _meter, value: float(value.amount),
    "asInteger": _as_integer,
    "isInteger": lambda _meter, value: _integral(value) is not None,
    "add": _sum(1),
    "sub": _sum(-1),
    "semver": _semver,
    "isSemver": _is(_semver),
    "major": lambda _meter, version: within(version.value[0], INT64, "integer overflow"),
    "minor": lambda _meter, version: within(version.value[1], INT64, "integer overflow"),
    "patch": lambda _meter, version: within(version.value[2], INT64, "integer overflow"),
    "url": _url,
    "isURL": _is(_url),
    "getScheme": _of_url(lambda parts: parts.scheme),
    "getHost": _of_url(_host),
    "getHostname": _of_url(_hostname),
    "getPort": _of_url(_port),
    "getEscapedPath": _of_url(_escaped_path),
    "getQuery": _of_url(_query),
    "format.named": _named,
    "validate": _validate,
    **{f"format.{name}": _constant(Opaque(types.FORMAT, name)) for name in _FORMATS},
}
