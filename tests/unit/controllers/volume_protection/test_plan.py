"""Which claims and volumes may go."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod
from pybernetes.controllers.volume_protection import plan
from tests.unit.controllers.builders import make

NAMED = {"name": "v", "persistentVolumeClaim": {"claimName": "web-data"}}
MADE = {"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}
WHEN = "2026-01-01T00:00:00Z"


def pod(volume: dict[str, Any], node: str = "n", **meta: Any) -> Pod:
    metadata = {"name": "web", "namespace": "default", "uid": "p-web", **meta}
    return make(Pod, {"metadata": metadata, "spec": {"containers": [], "volumes": [volume], "nodeName": node}})


def claim(owner: str = "", **meta: Any) -> PersistentVolumeClaim:
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": owner, "controller": True}
    owners = [reference] if owner else []
    return make(PersistentVolumeClaim, {"metadata": {"name": "web-data", "ownerReferences": owners, **meta}})


@pytest.mark.parametrize(
    ("by", "what", "used"),
    [
        pytest.param(pod(NAMED), claim(), True, id="named"),
        pytest.param(pod(NAMED, node=""), claim(), False, id="not scheduled"),
        pytest.param(pod({"name": "v", "emptyDir": {}}), claim(), False, id="another volume"),
        pytest.param(pod(MADE), claim("p-web"), True, id="made for the pod"),
        pytest.param(pod(MADE), claim(), False, id="of that name by chance"),
        pytest.param(
            pod(MADE, deletionTimestamp=WHEN, deletionGracePeriodSeconds=0), claim("p-web"), False, id="shut down"
        ),
    ],
)
def test_use(by: Pod, what: PersistentVolumeClaim, used: bool) -> None:
    assert plan.uses(by, what) is used


@pytest.mark.parametrize(
    ("meta", "used", "wanted"),
    [
        ({}, False, [plan.CLAIM_FINALIZER]),
        ({"finalizers": [plan.CLAIM_FINALIZER]}, False, None),
        ({"finalizers": ["a", plan.CLAIM_FINALIZER], "deletionTimestamp": WHEN}, False, ["a"]),
        ({"finalizers": [plan.CLAIM_FINALIZER], "deletionTimestamp": WHEN}, True, None),
        ({"finalizers": ["a"], "deletionTimestamp": WHEN}, False, None),
    ],
)
def test_finalizers(meta: dict[str, Any], used: bool, wanted: list[str] | None) -> None:
    assert plan.wanted_finalizers(claim(**meta), plan.CLAIM_FINALIZER, used) == wanted
