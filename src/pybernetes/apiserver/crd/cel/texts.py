"""The work of CEL's string and list functions.

Source: cel-go/ext/{strings,formatting}.go, apiserver/pkg/cel/library/{regex,lists}.go.
"""

from __future__ import annotations

import datetime
import itertools
import re
from decimal import Decimal
from typing import Any

from pybernetes.apimachinery import patterns


def char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise ValueError(f"index out of range: {index}")
    return text[index : index + 1]


def index_of(text: str, part: str, start: int = 0) -> int:
    if not 0 <= start <= len(text):
        raise ValueError(f"index out of range: {start}")
    return text.find(part, start)


def last_index_of(text: str, part: str, last: int | None = None) -> int:
    if last is None:
        return text.rfind(part)
    if not 0 <= last <= len(text):
        raise ValueError(f"index out of range: {last}")
    return text.rfind(part, 0, last + len(part))


def lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def upper(text: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text)


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if not separator:
        found = list(text)
        return found if limit < 0 or len(found) <= limit else [*found[: limit - 1], "".join(found[limit - 1 :])]
    return text.split(separator, limit - 1 if limit > 0 else -1)


def substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise ValueError(f"invalid substring range. start: {start}, end: {stop}")
    return text[start:stop]


def quoted(text: str) -> str:
    escapes = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    body = "".join(escapes.get(c, c) for c in text.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{body}"'


def find(text: str, pattern: str) -> str:
    found = patterns.compiled(pattern).search(text)
    return found.group() if found is not None else ""


def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = (match.group() for match in patterns.compiled(pattern).finditer(text))
    return list(found if limit < 0 else itertools.islice(found, limit))


_MOST_COUNTED = 100_000


def sliced(items: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise ValueError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return items[start:end]


def distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def ordered(items: list[Any]) -> list[Any]:
    if len({type(item) for item in items}) > 1:
        raise ValueError("list elements must have the same type")
    return sorted(items)


def flattened(items: list[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise ValueError("level must be non-negative")
    found: list[Any] = []
    for item in items:
        if isinstance(item, list) and depth:
            found += flattened(item, depth - 1)
        else:
            found.append(item)
    return found


def counted(end: int) -> list[int]:
    if end > _MOST_COUNTED:
        raise ValueError(f"lists.range: {end} is more than {_MOST_COUNTED}")
    return list(range(end))


def total(items: list[Any]) -> Any:
    """The sum of numbers or of durations."""
    if items and isinstance(items[0], datetime.timedelta):
        return sum(items, datetime.timedelta())
    return sum(items)


def whole(number: Decimal) -> int:
    if number != number.to_integral_value() or not -(2**63) <= number < 2**63:
        raise ValueError("cannot convert value to integer")
    return int(number)


def formatted(text: str, arguments: list[Any]) -> str:
    """%s, %d, %f, %.2f, %e, %x, %X, %o, %b and %%."""
    rest = iter(arguments)

    def one(found: re.Match[str]) -> str:
        if found["clause"] == "%":
            return "%"
        try:
            value = next(rest)
        except StopIteration:
            raise ValueError("index out of range: too few arguments for format") from None
        return _clause(found["clause"], value, int(found["precision"] or 6))

    return re.sub(r"%(?:\.(?P<precision>\d{1,3}))?(?P<clause>[sdfexXob%])", one, text)


def _clause(clause: str, value: Any, precision: int) -> str:
    match clause:
        case "s":
            return shown(value)
        case "f":
            return f"{float(value):.{precision}f}"
        case "e":
            return f"{float(value):.{precision}e}"
        case "d" if isinstance(value, int | float):
            return str(int(value)) if float(value).is_integer() else str(value)
        case "b" if isinstance(value, bool):
            return "1" if value else "0"
        case "x" | "X" if isinstance(value, str | bytes):
            raw = value.encode() if isinstance(value, str) else value
            return raw.hex() if clause == "x" else raw.hex().upper()
    if not isinstance(value, int):
        raise ValueError(f"could not substitute argument: {clause} clause can only be used on integers")
    return format(value, clause)


def shown(value: Any) -> str:
    """A value as %s prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(k)}: {shown(v)}" for k, v in sorted(value.items(), key=str)) + "}"
    if isinstance(value, datetime.timedelta):
        seconds = value.total_seconds()
        return f"{int(seconds) if seconds.is_integer() else seconds}s"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)
