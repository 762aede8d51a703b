"""Whose the token of a ServiceAccount is, and who may read it. Source: pkg/volume/projected, pkg/volume/util."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.volumes.payload import DEFAULT_MODE, private_file


@pytest.mark.parametrize(
    ("pod_context", "containers", "mode", "owner"),
    [
        ({}, [{}], DEFAULT_MODE, None),
        ({"runAsUser": 1000}, [{}], 0o600, 1000),
        ({}, [{"runAsUser": 1000}, {"runAsUser": 1000}], 0o600, 1000),
        ({"runAsUser": 1000}, [{}, {"runAsUser": 0}], DEFAULT_MODE, None),
        ({}, [{"runAsUser": 1000}, {}], DEFAULT_MODE, None),
        ({"fsGroup": 5}, [{}], 0o600, None),
        ({"fsGroup": 5, "runAsUser": 1000}, [{}], 0o600, 1000),
    ],
    ids=["nobody said", "the Pod", "its containers", "two users", "one said nothing", "a group", "user and group"],
)
def test_token_files(
    pod_context: dict[str, Any], containers: list[dict[str, Any]], mode: int, owner: int | None
) -> None:
    listed = [{"name": f"c{index}", "securityContext": context} for index, context in enumerate(containers)]
    pod = msgspec.convert({"spec": {"securityContext": pod_context, "containers": listed}}, Pod)
    found = private_file(pod, b"token", None)
    assert (found.mode, found.owner) == (mode, owner)
