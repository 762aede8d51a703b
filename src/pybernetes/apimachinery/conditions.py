"""Lists of conditions, one of a type. Source: apimachinery/pkg/api/meta/conditions.go (SetStatusCondition)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pybernetes.api.meta.v1 import Condition
from pybernetes.apimachinery.times import format_time


def with_condition(known: Sequence[Condition], told: Condition, now: float) -> list[Condition]:
    """`known` with `told` in the place of what it says anew; its time moves only when its status does."""
    before = next((each for each in known if each.type == told.type), None)
    if before is None:
        return [*known, msgspec.structs.replace(told, lastTransitionTime=format_time(now))]
    since = before.lastTransitionTime if before.status == told.status else format_time(now)
    told = msgspec.structs.replace(told, lastTransitionTime=since)
    return [told if each.type == told.type else each for each in known]
