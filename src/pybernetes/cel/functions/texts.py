"""Functions of texts.

Source: cel-go/ext/strings.go, cel-go/common/types/string.go, apiserver/pkg/cel/library/regex.go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pybernetes.apimachinery import patterns
from pybernetes.cel import values
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import Meter

_LOWER = str.maketrans({chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)})
_UPPER = str.maketrans({chr(c): chr(c - 32) for c in range(ord("a"), ord("z") + 1)})
_ESCAPES = str.maketrans(
    {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        '"': '\\"',
    }
)
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029" \
    "\u202f\u205f\u3000"  # fmt: skip
_MATCHING = 16
"""The work of a match that is handed out."""
_COMPILING, _REPEATING = 2_000, 100_000
"""The work of making a regular expression, and of one that repeats parts, whose size its length does not tell."""


def _in(text: str, index: int) -> CelError | None:
    return None if 0 <= index <= len(text) else CelError(f"index out of range: {index}")


def _char_at(_meter: Meter, text: str, index: int) -> str:
    if (problem := _in(text, index)) is not None:
        raise problem
    return text[index : index + 1]


def _index_of(meter: Meter, text: Any, part: Any, start: int = 0) -> int:
    if isinstance(text, list):
        return _first(meter, text, part, range(len(text)))
    if part == "":
        return start
    if start < 0:
        raise CelError(f"index out of range: {start}")
    return int(text.find(part, start)) if start < len(text) else -1


def _last_index_of(meter: Meter, text: Any, part: Any, last: int | None = None) -> int:
    if isinstance(text, list):
        return _first(meter, text, part, range(len(text) - 1, -1, -1))
    if part == "":
        return len(text) if last is None else last
    if last is None:
        return int(text.rfind(part))
    if last < 0:
        raise CelError(f"index out of range: {last}")
    return -1 if last >= len(text) else int(text.rfind(part, 0, last + len(part)))


def _first(meter: Meter, items: list[Any], item: Any, indexes: range) -> int:
    for i in indexes:
        meter.did(1)
        if values.equal(items[i], item, meter):
            return i
    return -1


def _replace(meter: Meter, text: str, old: str, new: str, limit: int = -1) -> str:
    count = len(text) + 1 if old == "" else text.count(old)
    if limit >= 0:
        count = min(count, limit)
    meter.did((len(text) + count * len(new)) >> 5)
    return text.replace(old, new, max(limit, -1))


def _split(meter: Meter, text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    meter.did(len(text) >> 3)
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    found = list(text)
    return found if limit < 0 or len(found) <= limit else [*found[: limit - 1], "".join(found[limit - 1 :])]


def _substring(_meter: Meter, text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if end is not None and start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    for index in (start, stop):
        if (problem := _in(text, index)) is not None:
            raise problem
    return text[start:stop]


def _join(meter: Meter, items: list[Any], between: str = "") -> str:
    meter.did(len(items) >> 2)
    try:
        return between.join(items)
    except TypeError:
        wrong = next(item for item in items if not isinstance(item, str))
        raise CelError(f"join: invalid input: {wrong}") from None


def _quote(_meter: Meter, text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


@functools.lru_cache(256)
def _known(pattern: str) -> Any:
    return patterns.compiled(pattern)


def compiled(meter: Meter, pattern: str) -> Any:
    """A regular expression. Raises PatternError."""
    misses = _known.cache_info().misses
    try:
        return _known(pattern)
    finally:
        if _known.cache_info().misses != misses:
            repeats = "{" in pattern
            meter.did((_REPEATING if repeats else _COMPILING) + 10 * len(pattern))


def _pattern(meter: Meter, pattern: str) -> Any:
    try:
        return compiled(meter, pattern)
    except patterns.PatternError as error:
        raise CelError(f"Illegal regex: {error}") from None


def _matches(meter: Meter, text: str, pattern: str) -> bool:
    try:
        return compiled(meter, pattern).search(text) is not None
    except patterns.PatternError as error:
        raise CelError(str(error)) from None


def _find(meter: Meter, text: str, pattern: str) -> str:
    found = _pattern(meter, pattern).search(text)
    return found.group() if found is not None else ""


def _find_all(meter: Meter, text: str, pattern: str, limit: int = -1) -> list[str]:
    found: list[str] = []
    for match in _pattern(meter, pattern).finditer(text):
        if len(found) == limit:
            break
        meter.did(_MATCHING)
        found.append(match.group())
    return found


TABLE: dict[str, Callable[..., Any]] = {
    "charAt": _char_at,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "lowerAscii": lambda _meter, text: text.translate(_LOWER),
    "upperAscii": lambda _meter, text: text.translate(_UPPER),
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "trim": lambda _meter, text: text.strip(_SPACES),
    "join": _join,
    "strings.quote": _quote,
    "contains": lambda _meter, text, part: part in text,
    "startsWith": lambda _meter, text, part: text.startswith(part),
    "endsWith": lambda _meter, text, part: text.endswith(part),
    "matches": _matches,
    "find": _find,
    "findAll": _find_all,
}
