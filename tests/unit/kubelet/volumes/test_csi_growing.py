"""What a node does about a volume that has grown, by what the claim says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim
from pybernetes.kubelet.volumes.csi import growing
from pybernetes.kubelet.volumes.csi.growing import Failure

PENDING = {"type": "FileSystemResizePending", "status": "True"}
OTHER = {"type": "ModifyVolumeError", "status": "True"}


def claim(**status: Any) -> PersistentVolumeClaim:
    return msgspec.convert(
        {"metadata": {"name": "c", "resourceVersion": "7"}, "status": {"capacity": {"storage": "1Gi"}, **status}},
        PersistentVolumeClaim,
    )


def volume(size: str) -> PersistentVolume:
    return msgspec.convert({"metadata": {"name": "v"}, "spec": {"capacity": {"storage": size}}}, PersistentVolume)


@pytest.mark.parametrize(
    ("state", "allocated", "size", "wanted"),
    [
        (None, None, "1Gi", None),
        (None, None, "1024Mi", None),
        (None, None, "2Gi", "2Gi"),
        (None, "2Gi", "2Gi", None),
        ("ControllerResizeInProgress", "2Gi", "2Gi", None),
        ("NodeResizePending", "2Gi", "2Gi", "2Gi"),
        ("NodeResizeInProgress", "2Gi", "2Gi", "2Gi"),
        ("NodeResizePending", "1536Mi", "2Gi", "1536Mi"),
        ("NodeResizeInfeasible", "2Gi", "2Gi", None),
        ("NodeResizePending", "2Gi", "1Gi", None),
    ],
)
def test_wanted_size(state: str | None, allocated: str | None, size: str, wanted: str | None) -> None:
    status: dict[str, Any] = {}
    if state is not None:
        status["allocatedResourceStatuses"] = {"storage": state}
    if allocated is not None:
        status["allocatedResources"] = {"storage": allocated}
    assert growing.wanted_size(claim(**status), volume(size)) == wanted


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("FAILED_PRECONDITION", Failure.LATER),
        ("INVALID_ARGUMENT", Failure.NEVER),
        ("OUT_OF_RANGE", Failure.NEVER),
        ("NOT_FOUND", Failure.NEVER),
        ("INTERNAL", Failure.AGAIN),
        ("UNAVAILABLE", Failure.AGAIN),
    ],
)
def test_what_an_error_means(code: str, what: Failure) -> None:
    assert growing.failure(code) is what


def test_a_finished_claim_keeps_conditions_that_are_not_about_its_size() -> None:
    body = growing.finished(claim(conditions=[PENDING, OTHER]), "2Gi")
    assert body["metadata"] == {"resourceVersion": "7"}
    assert body["status"]["capacity"] == {"storage": "2Gi"}
    assert body["status"]["allocatedResourceStatuses"] == {"storage": None}
    assert [each["type"] for each in body["status"]["conditions"]] == ["ModifyVolumeError"]


@pytest.mark.parametrize("what", [Failure.NEVER, Failure.AGAIN])
def test_a_failure_is_a_condition(what: Failure) -> None:
    status = growing.failed(claim(conditions=[PENDING]), "no room", what, 0.0)["status"]
    assert [each["type"] for each in status["conditions"]] == ["FileSystemResizePending", "NodeResizeError"]
    assert status["conditions"][1]["message"] == "failed to expand pvc with no room"
    infeasible = {"storage": "NodeResizeInfeasible"}
    assert status.get("allocatedResourceStatuses") == (infeasible if what is Failure.NEVER else None)
