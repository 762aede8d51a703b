"""Lists of conditions, one of a type. Source: apimachinery/pkg/api/meta/conditions.go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from pybernetes.apimachinery.times import format_time


class AnyCondition(Protocol):
    """Every kind has a struct of its own for them, which may hold none where another must."""

    type: Any
    status: Any


class TimedCondition(AnyCondition, Protocol):
    lastTransitionTime: Any


A = TypeVar("A", bound=AnyCondition)
C = TypeVar("C", bound=TimedCondition)


def condition_of(conditions: Iterable[A], kind: str) -> A | None:
    """The condition of a type, where there is one."""
    for found in conditions:
        if found.type == kind:
            return found
    return None


def condition_holds(conditions: Iterable[AnyCondition], kind: str) -> bool:
    """Whether it is said to be true."""
    found = condition_of(conditions, kind)
    return found is not None and found.status == "True"


def with_condition(known: Sequence[C], told: C, now: float) -> list[C]:
    """`known` with `told`, which gets its time, in the place of what it says anew: that moves only with the status."""
    before = condition_of(known, told.type)
    if before is None:
        told.lastTransitionTime = format_time(now)
        return [*known, told]
    told.lastTransitionTime = before.lastTransitionTime if before.status == told.status else format_time(now)
    return [told if each.type == told.type else each for each in known]
