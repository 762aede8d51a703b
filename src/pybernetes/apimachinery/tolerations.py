"""Whether tolerations accept a taint: for the scheduler's filters and hints, evictions, daemons. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pybernetes.api.core.v1 import Taint, Toleration

if TYPE_CHECKING:
    from pybernetes.api.resource.v1 import DeviceToleration

NO_SCHEDULE = "NoSchedule"
NO_EXECUTE = "NoExecute"
PREFER_NO_SCHEDULE = "PreferNoSchedule"
UNSCHEDULABLE_TAINT = "node.kubernetes.io/unschedulable"


def tolerates(toleration: Toleration | DeviceToleration, key: str, value: str, effect: str) -> bool:
    """Whether a taint of a node or of a device is accepted.

    Source: api/core/v1/toleration.go (comparison operators are behind an alpha gate, off),
    dynamic-resource-allocation/resourceclaim/devicetoleration.go.
    """
    if toleration.effect and toleration.effect != effect:
        return False
    if toleration.key and toleration.key != key:
        return False
    if toleration.operator in (None, "", "Equal"):
        return (toleration.value or "") == value
    return toleration.operator == "Exists"


def any_tolerates(tolerations: Iterable[Toleration | DeviceToleration], key: str, value: str, effect: str) -> bool:
    return any(tolerates(toleration, key, value, effect) for toleration in tolerations)


def untolerated(taints: Sequence[Taint], tolerations: Sequence[Toleration], effects: tuple[str, ...]) -> Taint | None:
    """The first taint with one of the effects that nothing tolerates."""
    for taint in taints:
        if taint.effect in effects and not any_tolerates(tolerations, taint.key, taint.value or "", taint.effect):
            return taint
    return None
