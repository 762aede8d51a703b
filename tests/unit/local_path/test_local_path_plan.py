"""What the local provisioner makes, refuses, and dares to delete."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim
from pybernetes.local_path import plan

_NAME = "pvc-00000000-0000-0000-0000-000000000001"
_ROOT = "/data/volumes"


def claim(**spec: Any) -> PersistentVolumeClaim:
    meta = {"name": "c", "namespace": "n", "uid": _NAME.removeprefix("pvc-")}
    basics = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return msgspec.convert({"metadata": meta, "spec": basics | spec}, PersistentVolumeClaim)


@pytest.mark.parametrize(
    "spec",
    [
        {"volumeMode": "Block"},
        {"accessModes": ["ReadWriteMany"]},
        {"selector": {"matchLabels": {"a": "b"}}},
        {"dataSource": {"kind": "PersistentVolumeClaim", "name": "x"}},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_what_a_folder_cannot_be_is_refused(spec: dict[str, Any]) -> None:
    assert plan.refusal(claim(**spec), plan.default_class()) is not None


def test_a_volume_is_on_its_node_alone() -> None:
    assert plan.refusal(claim(), plan.default_class()) is None
    made = plan.volume(claim(), plan.default_class(), "node-1", f"{_ROOT}/{_NAME}")
    assert made.metadata.name == _NAME
    assert made.spec.nodeAffinity is not None and made.spec.nodeAffinity.required is not None
    (term,) = made.spec.nodeAffinity.required.nodeSelectorTerms
    assert (term.matchExpressions or [])[0].values == ["node-1"]


@pytest.mark.parametrize(
    ("change", "deleted"),
    [
        ({}, True),
        ({"path": "/etc"}, False),
        ({"path": f"{_ROOT}/../../etc"}, False),
        ({"name": "pvc-.."}, False),
        ({"policy": "Retain"}, False),
        ({"phase": "Bound"}, False),
        ({"by": "somebody/else"}, False),
    ],
    ids=str,
)
def test_only_what_was_made_here_is_deleted(change: dict[str, str], deleted: bool) -> None:
    name = change.get("name", _NAME)
    tree = {
        "metadata": {
            "name": name,
            "annotations": {"pv.kubernetes.io/provisioned-by": change.get("by", plan.PROVISIONER)},
        },
        "spec": {
            "local": {"path": change.get("path", f"{_ROOT}/{name}")},
            "persistentVolumeReclaimPolicy": change.get("policy", "Delete"),
        },
        "status": {"phase": change.get("phase", "Released")},
    }
    assert bool(plan.to_delete(msgspec.convert(tree, PersistentVolume), _ROOT)) is deleted
