"""Volumes that have grown: what the node has to do about it, and what the claim says of it. Pure.

Source: pkg/volume/util/operationexecutor/node_expander.go, pkg/volume/util/resize_util.go.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimCondition
from pybernetes.apimachinery import quantity, volume_claims
from pybernetes.apimachinery.times import format_time

_PENDING, IN_PROGRESS, _INFEASIBLE = "NodeResizePending", "NodeResizeInProgress", "NodeResizeInfeasible"
_CONDITIONS = {"Resizing", "FileSystemResizePending", "ControllerResizeError", "NodeResizeError"}
_NEVER = {"INVALID_ARGUMENT", "OUT_OF_RANGE", "NOT_FOUND"}


class Failure(Enum):
    """What an error of a driver means."""

    AGAIN = "tried again"
    LATER = "not while it is used, which keeps no pod from it"
    NEVER = "cannot be done"


def wanted_size(claim: PersistentVolumeClaim, found: PersistentVolume) -> str | None:
    """What the node has to make of the volume; None when there is nothing to do here."""
    size = volume_claims.capacity(found)
    if quantity.compare(size, claim.status.capacity.get("storage", "0")) <= 0:
        return None
    state = claim.status.allocatedResourceStatuses.get("storage")
    if state is None and not claim.status.allocatedResources:
        return size  # an older resizer, which does not tell how far it is
    return claim.status.allocatedResources.get("storage", size) if state in (_PENDING, IN_PROGRESS) else None


def failure(code: str) -> Failure:
    """By gRPC's code."""
    if code == "FAILED_PRECONDITION":
        return Failure.LATER
    return Failure.NEVER if code in _NEVER else Failure.AGAIN


def in_progress(claim: PersistentVolumeClaim) -> dict[str, Any]:
    return _patch(claim, {"allocatedResourceStatuses": {"storage": IN_PROGRESS}})


def finished(claim: PersistentVolumeClaim, size: str) -> dict[str, Any]:
    status = {"capacity": {"storage": size}, "allocatedResourceStatuses": {"storage": None}}
    return _patch(claim, {**status, "conditions": _shown(_others(claim, _CONDITIONS)) or None})


def failed(claim: PersistentVolumeClaim, why: str, what: Failure, now_s: float) -> dict[str, Any]:
    condition = PersistentVolumeClaimCondition(
        type="NodeResizeError",
        status="True",
        lastTransitionTime=format_time(now_s),
        message=f"failed to expand pvc with {why}",
    )
    status: dict[str, Any] = {"conditions": _shown([*_others(claim, {"NodeResizeError"}), condition])}
    if what is Failure.NEVER:
        status["allocatedResourceStatuses"] = {"storage": _INFEASIBLE}
    return _patch(claim, status)


def _patch(claim: PersistentVolumeClaim, status: dict[str, Any]) -> dict[str, Any]:
    """A merge patch that another writer's change makes fail."""
    return {"metadata": {"resourceVersion": claim.metadata.resourceVersion}, "status": status}


def _others(claim: PersistentVolumeClaim, types: set[str]) -> list[PersistentVolumeClaimCondition]:
    return [each for each in claim.status.conditions if each.type not in types]


def _shown(conditions: list[PersistentVolumeClaimCondition]) -> list[Any]:
    shown: list[Any] = msgspec.to_builtins(conditions)
    return shown
