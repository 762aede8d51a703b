"""One evaluation, and what it finds in values: items, entries, fields, pairs to loop over.

Source: cel-go/interpreter/{attributes,interpretable,runtimecost}.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.cel import costs, values
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import ABSENT, NOTHING, Optional

MOST_WORK = 4_000_000
"""How many steps one evaluation may take beyond what it is charged for."""
_GO_NAMES = {"bool": "Bool", "int": "Int", "uint": "Uint", "double": "Double", "string": "String", "bytes": "Bytes"}


class CostExceededError(Exception):
    """The evaluation cost more than it may."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")


class Run:
    """One evaluation: its variables, and what it has cost."""

    __slots__ = ("cost", "limit", "most_work", "places", "work")

    def __init__(self, places: list[Any], limit: int, most_work: int = MOST_WORK) -> None:
        self.places = places
        self.limit = limit
        self.most_work = most_work
        self.cost = 0
        self.work = 0

    def did(self, steps: int) -> None:
        """Counts work that has no cost of its own."""
        self.work += steps
        if self.work > self.most_work:
            raise CostExceededError

    def charge(self, amount: int) -> None:
        self.cost += amount
        if self.cost > self.limit:
            raise CostExceededError


def pairs(value: Any, *, two: bool) -> Iterable[tuple[Any, Any]]:
    """What the variables of a loop are: an item or a key, or what is there and at which place."""
    if isinstance(value, list):
        return enumerate(value) if two else zip(value, value, strict=True)
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, values.Record):
        return [(name, value.get(name)) for name in value.names()]
    kind = values.type_of(value)
    name = f"types.{_GO_NAMES.get(kind.kind, kind.runtime_name)}"
    raise CelError(f"unsupported comprehension range type: {name}" if two else f"got '{name}', expected iterable type")


def list_of(items: list[Any], optional: frozenset[int]) -> list[Any]:
    if not optional:
        return items
    found = []
    for i, item in enumerate(items):
        if i not in optional:
            found.append(item)
        elif not isinstance(item, Optional):
            raise CelError(f"cannot initialize optional list element from non-optional value {item}")
        elif item.present:
            found.append(item.value)
    return found


def map_of(entries: list[tuple[Any, Any]], optional: list[bool]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for (key, value), may_lack in zip(entries, optional, strict=True):
        if may_lack:
            if not isinstance(value, Optional):
                raise CelError(f"cannot initialize optional entry '{key}' from non-optional value {value}")
            if not value.present:
                continue
            value = value.value
        if isinstance(key, float) or not isinstance(key, str | int):
            raise CelError(f"unsupported key type: {values.type_of(key).runtime_name}")
        if values.lookup(found, key) is not ABSENT:
            raise CelError(f"Failed with repeated key: {key}")
        found[key] = value
    return found


def has(value: Any, name: str) -> bool:
    if isinstance(value, Optional):
        if not value.present:
            return False
        value = value.value
    if isinstance(value, values.Record):
        return value.get(name) is not ABSENT
    return isinstance(value, dict) and name in value


def index(value: Any, key: Any) -> Any:
    """An item or an entry. Raises CelError when there is none."""
    if isinstance(value, list):
        at = _position(key)
        if not 0 <= at < len(value):
            raise CelError(f"index out of bounds: {_shown(key)}")
        return value[at]
    if isinstance(value, dict):
        found = values.lookup(value, key)
    elif isinstance(value, values.Record) and isinstance(key, str):
        found = value.get(key)
    else:
        found = ABSENT
    if found is ABSENT:
        raise CelError(f"no such key: {_shown(key)}")
    return found


def _position(key: Any) -> int:
    if isinstance(key, bool) or not isinstance(key, int | float):
        raise CelError(f"unsupported index type '{values.type_of(key).runtime_name}' in list")
    if isinstance(key, float) and not key.is_integer():
        raise CelError(f"unsupported index value {_shown(key)} in list")
    return int(key)


def _shown(key: Any) -> str:
    return "true" if key is True else "false" if key is False else str(key)


def maybe(run: Run, value: Any, key: Any, *, text: bool = False) -> Any:
    """What an optional selection finds; to find nothing costs nothing."""
    if isinstance(value, Optional):
        if not value.present:
            return NOTHING
        value = value.value
    found = ABSENT
    if isinstance(value, list) and not text:
        at = _position(key)
        found = value[at] if 0 <= at < len(value) else ABSENT
    elif isinstance(value, dict):
        found = values.lookup(value, key)
    elif isinstance(value, values.Record):
        found = value.get(key)
    if found is ABSENT:
        return NOTHING
    run.cost += costs.READ
    return Optional(found)


def key_of(value: Any) -> Any:
    """Numbers are equal whatever they are, true is no number."""
    return ("bool", value) if isinstance(value, bool) else (value is None, value)


def membership(items: list[Any]) -> frozenset[Any] | None:
    """What is looked up instead of searching a list that never changes; None of one that has to be searched."""
    if any(item is not None and not isinstance(item, bool | int | float | str) for item in items):
        return None
    return frozenset(map(key_of, items))
