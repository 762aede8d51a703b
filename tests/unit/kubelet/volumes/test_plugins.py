from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import PersistentVolume, Volume
from pybernetes.kubelet.volumes.plugins import plugin_name


@pytest.mark.parametrize(
    ("volume", "claimed", "name"),
    [
        ({"emptyDir": {}}, None, "kubernetes.io/empty-dir"),
        ({"csi": {"driver": "d.example"}}, None, "kubernetes.io/csi:d.example"),
        ({"persistentVolumeClaim": {"claimName": "c"}}, None, "N/A"),
        ({"persistentVolumeClaim": {"claimName": "c"}}, {"local": {"path": "/d"}}, "kubernetes.io/local-volume"),
    ],
    ids=["by its field", "a driver's", "a claim of which nothing is known", "what is behind a claim"],
)
def test_names_of_plugins(volume: dict[str, Any], claimed: dict[str, Any] | None, name: str) -> None:
    behind = msgspec.convert({"spec": claimed}, PersistentVolume) if claimed is not None else None
    assert plugin_name(msgspec.convert({"name": "v", **volume}, Volume), behind) == name
