"""What values of a KubeletConfiguration are: read from JSON or the texts of a flag, shown as JSON. Pure.

Source: staging/src/k8s.io/kubelet/config/v1beta1/types.go, cmd/kubelet/app/options/options.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.apimachinery import features, names, quantity
from pybernetes.apimachinery.times import TimeError, format_duration, parse_duration
from pybernetes.kubelet.containers.sysctls import AllowedSysctls


@dataclass(frozen=True, slots=True)
class Kind:
    what: str
    """For those who gave something else."""
    read: Callable[[Any], Any]
    """Into what KubeletConfig has. Raises ValueError, TypeError, KeyError or AttributeError for what is none."""
    show: Callable[[Any], Any] = lambda value: value
    of_flag: Callable[[Sequence[str]], Any] = lambda texts: texts[-1]
    """The JSON of all that a flag was given. Raises ValueError for what is not in its form."""
    form: str = "TEXT"
    """How a flag has it."""


def _is(*types: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) not in types:
            raise TypeError
        return value

    return read


_text, _integer = _is(str), _is(int)


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in _is(list)(value)]


def _mapping_of(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {_text(name): read(item) for name, item in _is(dict)(value).items()}


def _duration(value: Any) -> float:
    try:
        seconds = parse_duration(_text(value))
    except TimeError:
        raise ValueError from None
    if seconds < 0:
        raise ValueError
    return seconds


def _whole_seconds(value: Any) -> int:
    seconds = _duration(value)
    if 0 < seconds < 1:
        raise ValueError
    return int(seconds)


def _size(value: Any) -> int:
    found = quantity.value(_text(value))
    if found <= 0:
        raise ValueError
    return found


def _fields(value: Any, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    found: dict[str, Any] = _is(dict)(value)
    if not found.keys() <= set(allowed):
        raise ValueError
    return found


def _taint(key: str, value: str, effect: str) -> tuple[str, str, str]:
    if effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise ValueError(f"there is no effect {effect!r}")
    for problem in (*names.qualified_name(key), *names.label_value(value)):
        raise ValueError(problem)
    return key, value, effect


def _taints(value: Any) -> list[tuple[str, str, str]]:
    found = [_fields(item, ("key", "value", "effect")) for item in _is(list)(value)]
    taints = [_taint(_text(item["key"]), _text(item.get("value", "")), _text(item["effect"])) for item in found]
    if len({(key, effect) for key, _, effect in taints}) < len(taints):
        raise ValueError("two of them have the same key and effect")
    return taints


def _shown_taints(taints: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [
        {name: text for name, text in (("key", k), ("value", v), ("effect", e)) if text or name != "value"}
        for k, v, e in taints
    ]


def _one_of(choices: Mapping[str, Any]) -> Kind:
    """The first of them is what "" stands for."""
    shown = {value: name for name, value in choices.items()}
    default = next(iter(choices))
    return Kind(f"one of {', '.join(choices)}", lambda value: choices[_text(value) or default], shown.__getitem__)


_PRIORITY, _SECONDS = "priority", "shutdownGracePeriodSeconds"


def _periods(value: Any) -> dict[int, int]:
    found = [_fields(item, (_PRIORITY, _SECONDS)) for item in _is(list)(value)]
    return {_integer(item[_PRIORITY]): _integer(item[_SECONDS]) for item in found}


_NODE, _LIMITS = "numaNode", "limits"


def _reserved_memory(value: Any) -> list[tuple[int, dict[str, str]]]:
    found = [_fields(item, (_NODE, _LIMITS)) for item in _is(list)(value)]
    return [(_integer(item[_NODE]), _mapping_of(_amount)(item[_LIMITS])) for item in found]


def _amount(value: Any) -> str:
    text = str(_is(str, int)(value))
    quantity.value(text)
    return text


def _items(texts: Sequence[str]) -> Iterator[str]:
    return (item.strip() for text in texts for item in text.split(",") if item.strip())


def _pair(item: str, sign: str) -> tuple[str, str]:
    key, found, value = item.partition(sign)
    if not found:
        raise ValueError
    return key.strip(), value.strip()


def _pairs_by(sign: str) -> Callable[[Sequence[str]], dict[str, str]]:
    return lambda texts: dict(_pair(item, sign) for item in _items(texts))


def _flagged_headers(texts: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in (_pair(item, ":") for item in _items(texts)):
        found.setdefault(key, []).append(value)
    return found


def _flagged_taint(item: str) -> dict[str, str]:
    rest, effect = _pair(item, ":")
    key, _, value = rest.partition("=")
    return {"key": key, "value": value, "effect": effect}


def _flagged_reserved_memory(texts: Sequence[str]) -> list[dict[str, Any]]:
    parts = (_pair(part, ":") for text in texts for part in text.split(";") if part)
    return [{_NODE: int(node), _LIMITS: _pairs_by("=")([amounts])} for node, amounts in parts]


_LIST = (lambda texts: list(_items(texts)), "NAME,...")
_PAIRS = (_pairs_by("="), "KEY=VALUE,...")

TEXT = Kind("a text", _text)
TEXTS = Kind("a list of texts", _texts, list, *_LIST)
NAMES = Kind(
    "a list of texts", lambda value: [n for n in _texts(value) if n != "none"], lambda n: list(n) or ["none"], *_LIST
)
"""Among which `none` stands for nobody."""
INTEGER = Kind("a whole number", _integer, of_flag=lambda texts: int(texts[-1]), form="NUMBER")
FRACTION = Kind("a number", _is(int, float))
SWITCH = Kind("true or false", _is(bool), of_flag=lambda texts: features.is_true(texts[-1]), form="true|false")
DURATION = Kind("a duration such as 1m30s", _duration, format_duration, form="DURATION")
SECONDS = Kind("a duration of 0s, or 1s and more", _whole_seconds, format_duration)
SIZE = Kind("a size such as 10Mi", _size, lambda size: quantity.from_value(size, "BinarySI"), form="SIZE")
PAIRS = Kind("a map of texts", _mapping_of(_text), dict, *_PAIRS)
THRESHOLDS = Kind("a map of texts", _mapping_of(_text), dict, _pairs_by("<"), "SIGNAL<VALUE,...")
SWITCHES = Kind("a map of true and false", _mapping_of(_is(bool)), dict, features.parse, "NAME=true,...")
HEADERS = Kind("a map of lists of texts", _mapping_of(_texts), dict, _flagged_headers, "KEY:VALUE,...")
TAINTS = Kind(
    "a list of taints: key, value, effect",
    _taints,
    _shown_taints,
    lambda texts: [_flagged_taint(item) for item in _items(texts)],
    "KEY=VALUE:EFFECT,...",
)
PERIODS = Kind(
    f"a list of {_PRIORITY} and {_SECONDS}",
    _periods,
    lambda periods: [{_PRIORITY: p, _SECONDS: s} for p, s in sorted(periods.items())],
)
RESERVED_MEMORY = Kind(
    f"a list of {_NODE} and {_LIMITS}",
    _reserved_memory,
    lambda parts: [{_NODE: node, _LIMITS: dict(amounts)} for node, amounts in parts],
    _flagged_reserved_memory,
    "NODE:memory=AMOUNT,...",
)
SYSCTLS = Kind(
    "a list of texts", lambda value: AllowedSysctls(_texts(value)), lambda allowed: list(allowed.unsafe), *_LIST
)
OBJECT = Kind("an object", _is(dict))
ANYTHING = Kind("anything", lambda value: value)
TLS_VERSION = _one_of({"VersionTLS12": 12, "VersionTLS13": 13})
AUTHORIZATION = _one_of({"Webhook": True, "AlwaysAllow": False})
