"""Pulls that the node itself has the credentials for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.cluster.images.archive import Image
from pybernetes.cluster.images.builtin import busybox_layer
from pybernetes.kubelet.credential_providers import read

from ..registries import PASSWORD, USER, locked, push
from .harness import Cluster, play
from .private_containerd import PrivateContainerd

pytestmark = pytest.mark.e2e
_API = "credentialprovider.kubelet.k8s.io/v1"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with locked(tmp_path) as address:
        yield address


def test_a_program_of_the_node_knows_the_credentials(
    containerd: PrivateContainerd, registry: str, tmp_path: Path
) -> None:
    push(registry, "team/app", Image("app:1", (busybox_layer(),), command=("sleep", "1000")))
    auth = {registry: {"username": USER, "password": PASSWORD}}
    answer = {"kind": "CredentialProviderResponse", "apiVersion": _API, "cacheKeyType": "Image", "auth": auth}
    program = tmp_path / "provider"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked\ncat <<E\n{json.dumps(answer)}\nE\n")
    program.chmod(0o755)
    provider = {"name": "provider", "apiVersion": _API, "matchImages": [registry], "defaultCacheDuration": "0s"}
    config = {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": [provider]}
    (tmp_path / "config.yaml").write_text(json.dumps(config))

    async def scene(cluster: Cluster) -> None:
        await cluster.stop_kubelet()
        cluster.settings |= {
            "credential_providers": read(tmp_path / "config.yaml"),
            "credential_provider_folder": str(tmp_path),
        }
        await cluster.start_kubelet()
        image = f"{registry}/team/app:1"
        await cluster.create("known", [{"name": "c", "image": image}])
        await cluster.running("known")
        assert json.loads((tmp_path / "asked").read_text())["image"] == image

    play(containerd, scene)
