"""format(): a text with clauses for its arguments.

Source: cel-go/ext/formatting.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pybernetes.apimachinery.field_errors import quoted
from pybernetes.cel.functions.standard import to_string
from pybernetes.cel.syntax import CelError, Uint
from pybernetes.cel.types import Type
from pybernetes.cel.values import Duration, Meter, Record, Timestamp, type_of

_CLAUSE = re.compile(r"%(?:\.(?P<precision>[0-9]*))?(?P<verb>.?)", re.DOTALL)
_SCALARS = (bool, int, float, str, bytes, Timestamp, Duration, Type)
_WORDS_OF_DOUBLES = ("NaN", "Infinity", "-Infinity")
_MOST_PRECISE = 10_000
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def clauses(text: str) -> Iterator[re.Match[str] | None]:
    """The clauses of a text, one for each argument; None for one that the text ends in."""
    at = 0
    while (start := text.find("%", at)) >= 0:
        if text.startswith("%%", start):
            at = start + 2
            continue
        found = _CLAUSE.match(text, start) if start + 1 < len(text) else None
        yield found
        at = found.end() if found is not None else len(text)


def verb_of(clause: re.Match[str]) -> tuple[str, int]:
    """A clause's letter and precision. Raises CelError."""
    verb, precision = clause["verb"], clause["precision"]
    why = "could not parse formatting clause: "
    if precision is not None and not verb:
        raise CelError(f"{why}error while parsing precision: could not find end of precision specifier")
    if precision == "":
        said = 'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax'
        raise CelError(f"{why}error while parsing precision: {said}")
    if verb not in _VERBS:
        raise CelError(f'{why}unrecognized formatting clause "{verb}"')
    return verb, 6 if precision is None else int(precision[:9])


def problem(verb: str, kind: Type) -> str:
    """What is said of an argument whose type a clause does not take."""
    return f"{_PROBLEMS[verb.lower()]}, was given {kind.runtime_name}"


def _format(meter: Meter, text: str, arguments: list[Any]) -> str:
    written: list[str] = []
    at = 0
    for used, clause in enumerate(clauses(text)):
        if used >= len(arguments):
            raise CelError(f"index {used} out of range")
        if clause is None:
            raise CelError("unexpected end of string")
        written += [text[at : clause.start()].replace("%%", "%"), _clause(meter, clause, arguments[used])]
        at = clause.end()
    written.append(text[at:].replace("%%", "%"))
    return "".join(written)


def _clause(meter: Meter, clause: re.Match[str], value: Any) -> str:
    verb, digits = verb_of(clause)
    meter.did(digits)
    if digits > _MOST_PRECISE:
        raise CelError(f"error during formatting: precision {digits} is more than {_MOST_PRECISE}")
    try:
        return _VERBS[verb](meter, value, digits)
    except CelError as error:
        raise CelError(f"error during formatting: {error}") from None


def _wrong(verb: str, value: Any) -> CelError:
    return CelError(problem(verb, type_of(value)))


def _text(meter: Meter, value: Any, _digits: int = 6) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return _list(meter, value)
    if isinstance(value, dict | Record):
        return _map(meter, value)
    if isinstance(value, Type):
        return value.runtime_name
    if isinstance(value, _SCALARS):
        meter.did(1)
        return to_string(meter, value)
    raise _wrong("s", value)


def _decimal(_meter: Meter, value: Any, _digits: int = 6) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong("d", value)
    return str(int(value))


def _double(value: Any, verb: str) -> float:
    if isinstance(value, str) and value in _WORDS_OF_DOUBLES:
        return float(value.lower())
    if not isinstance(value, float):
        raise _wrong(verb, value)
    return value


def _special(value: float) -> str | None:
    if value != value:
        return "NaN"
    return {float("inf"): "∞", float("-inf"): "-∞"}.get(value)


def _fixed(_meter: Meter, value: Any, digits: int) -> str:
    number = _double(value, "f")
    return _special(number) or f"{number:,.{digits}f}"


def _scientific(_meter: Meter, value: Any, digits: int) -> str:
    number = _double(value, "e")
    if (special := _special(number)) is not None:
        return special
    mantissa, _, exponent = f"{number:.{digits}e}".partition("e")
    raised = f"{'-' if exponent[0] == '-' else ''}{abs(int(exponent)):02d}".translate(_RAISED)
    return f"{mantissa}×10{raised}"


def _binary(_meter: Meter, value: Any, _digits: int) -> str:
    if not isinstance(value, int):
        raise _wrong("b", value)
    return format(int(value), "b")


def _hex(upper: bool) -> Callable[[Meter, Any, int], str]:
    def form(_meter: Meter, value: Any, _digits: int) -> str:
        if isinstance(value, str | bytes):
            raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            shown = raw.hex()
        elif isinstance(value, int) and not isinstance(value, bool):
            shown = format(int(value), "x")
        else:
            raise _wrong("x", value)
        return shown.upper() if upper else shown

    return form


def _octal(_meter: Meter, value: Any, _digits: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong("o", value)
    return format(int(value), "o")


def _member(meter: Meter, value: Any) -> str:
    """A value within a list or a map."""
    meter.did(4)
    match value:
        case str():
            return quoted(value)
        case bytes():
            return f"b{quoted(to_string(meter, value))}"
        case float():
            special = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(value))
            return f"{value:.6f}" if special is None else quoted(special)
        case Timestamp():
            return f"timestamp({quoted(to_string(meter, value))})"
        case Duration():
            return f"duration({quoted(to_string(meter, value))})"
        case None | bool() | int() | list() | dict() | Record() | Type():
            return _text(meter, value)
    raise CelError(f"no formatting function for {type_of(value).runtime_name}")


def _list(meter: Meter, items: list[Any]) -> str:
    return f"[{', '.join(_member(meter, item) for item in items)}]"


def _map(meter: Meter, entries: Any) -> str:
    pairs = ((name, entries.get(name)) for name in (entries.names() if isinstance(entries, Record) else entries))
    shown = []
    for key, value in pairs:
        if not isinstance(key, str | int | Uint):
            raise CelError(f"no formatting function for map key of type {type_of(key).runtime_name}")
        shown.append((_member(meter, key), _member(meter, value)))
    return "{" + ", ".join(f"{key}:{value}" for key, value in sorted(shown, key=lambda pair: pair[0])) + "}"


_PROBLEMS = {
    "s": "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and "
    "timestamps",
    "d": "decimal clause can only be used on integers",
    "f": "fixed-point clause can only be used on doubles",
    "e": "scientific clause can only be used on doubles",
    "b": "only integers and bools can be formatted as binary",
    "x": "only integers, byte buffers, and strings can be formatted as hex",
    "o": "octal clause can only be used on integers",
}
_VERBS: dict[str, Callable[[Meter, Any, int], str]] = {
    "s": _text,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _binary,
    "x": _hex(False),
    "X": _hex(True),
    "o": _octal,
}
TABLE: dict[str, Callable[..., Any]] = {"format": _format}
