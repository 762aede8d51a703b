"""Lists of conditions, one of a type. Source: apimachinery/pkg/api/meta/conditions.go (SetStatusCondition)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from pybernetes.apimachinery.times import format_time


class AnyCondition(Protocol):
    """Every kind has a struct of its own for them."""

    type: str
    status: str
    lastTransitionTime: Any


C = TypeVar("C", bound=AnyCondition)


def with_condition(known: Sequence[C], told: C, now: float) -> list[C]:
    """`known` with `told`, which gets its time, in the place of what it says anew: that moves only with the status."""
    before = next((each for each in known if each.type == told.type), None)
    if before is None:
        told.lastTransitionTime = format_time(now)
        return [*known, told]
    told.lastTransitionTime = before.lastTransitionTime if before.status == told.status else format_time(now)
    return [told if each.type == told.type else each for each in known]
