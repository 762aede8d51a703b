"""What values of a KubeletConfiguration are: read from JSON, shown as JSON. Pure.

Source: staging/src/k8s.io/kubelet/config/v1beta1/types.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.times import TimeError, format_duration, parse_duration
from pybernetes.kubelet.containers.sysctls import AllowedSysctls


@dataclass(frozen=True, slots=True)
class Kind:
    what: str
    """For those who gave something else."""
    read: Callable[[Any], Any]
    """Into what KubeletConfig has. Raises ValueError, TypeError, KeyError or AttributeError for what is none."""
    show: Callable[[Any], Any] = lambda value: value


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


def taint(key: str, value: str, effect: str) -> tuple[str, str, str]:
    """Raises ValueError for an effect that there is not."""
    if not key or effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise ValueError(effect)
    return key, value, effect


def _taints(value: Any) -> list[tuple[str, str, str]]:
    found = [_fields(item, ("key", "value", "effect")) for item in _is(list)(value)]
    return [taint(_text(item["key"]), _text(item.get("value", "")), _text(item["effect"])) for item in found]


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


TEXT = Kind("a text", _text)
TEXTS = Kind("a list of texts", _texts, list)
NAMES = Kind("a list of texts", lambda value: [n for n in _texts(value) if n != "none"], lambda n: list(n) or ["none"])
"""Among which `none` stands for nobody."""
INTEGER = Kind("a whole number", _integer)
FRACTION = Kind("a number", _is(int, float))
SWITCH = Kind("true or false", _is(bool))
DURATION = Kind("a duration such as 1m30s", _duration, format_duration)
SECONDS = Kind("a duration of 0s, or 1s and more", _whole_seconds, format_duration)
SIZE = Kind("a size such as 10Mi", _size, lambda size: quantity.from_value(size, "BinarySI"))
PAIRS = Kind("a map of texts", _mapping_of(_text), dict)
SWITCHES = Kind("a map of true and false", _mapping_of(_is(bool)), dict)
HEADERS = Kind("a map of lists of texts", _mapping_of(_texts), dict)
TAINTS = Kind("a list of taints: key, value, effect", _taints, _shown_taints)
PERIODS = Kind(
    f"a list of {_PRIORITY} and {_SECONDS}",
    _periods,
    lambda periods: [{_PRIORITY: p, _SECONDS: s} for p, s in sorted(periods.items())],
)
RESERVED_MEMORY = Kind(
    f"a list of {_NODE} and {_LIMITS}",
    _reserved_memory,
    lambda parts: [{_NODE: node, _LIMITS: dict(amounts)} for node, amounts in parts],
)
SYSCTLS = Kind("a list of texts", lambda value: AllowedSysctls(_texts(value)), lambda allowed: list(allowed.unsafe))
OBJECT = Kind("an object", _is(dict))
ANYTHING = Kind("anything", lambda value: value)
TLS_VERSION = _one_of({"VersionTLS12": 12, "VersionTLS13": 13})
AUTHORIZATION = _one_of({"Webhook": True, "AlwaysAllow": False})
