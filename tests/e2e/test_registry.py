"""An ordinary pull from a registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.cluster.images.archive import Image
from pybernetes.cluster.images.builtin import busybox_layer

from .conftest import Cluster, eventually
from .registries import PASSWORD, USER, locked, push, serving

pytestmark = pytest.mark.e2e


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as address:
        yield address


def test_a_pod_pulls_its_image(cluster: Cluster, namespace: str, registry: str) -> None:
    push(registry, "team/app", Image("app:1", (busybox_layer(),), command=("sh", "-c", "echo pulled; sleep 1000")))
    cluster.kubectl("run", "app", f"--image={registry}/team/app:1")
    cluster.kubectl("wait", "pod/app", "--for=condition=Ready", "--timeout=120s")
    eventually("it says so", lambda: cluster.kubectl("logs", "app").stdout == "pulled\n")
    assert "Successfully pulled image" in cluster.kubectl("describe", "pod", "app").stdout
    (status,) = cluster.get("pod", "app")["status"]["containerStatuses"]
    assert status["image"] == f"{registry}/team/app:1"
    assert status["imageID"].startswith(f"{registry}/team/app@sha256:")


def test_image_load_pulls_into_the_nodes(cluster: Cluster, registry: str) -> None:
    push(registry, "team/tool", Image("tool:7", (busybox_layer(),), command=("sh",)))
    loaded = cluster.command("image", "load", f"{registry}/team/tool:7", "--name", cluster.name)
    assert loaded.stdout == f"loaded {registry}/team/tool:7\n"
    assert f"{registry}/team/tool:7" in cluster.command("image", "ls", "--name", cluster.name).stdout
    missing = cluster.command("image", "load", f"{registry}/team/none:1", "--name", cluster.name, check=False)
    assert (missing.returncode, len(missing.stderr.splitlines())) == (1, 1)
    assert "not found" in missing.stderr


def test_a_registry_that_asks_who_it_is(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with locked(tmp_path) as registry:
        push(registry, "team/app", Image("app:1", (busybox_layer(),), command=("sleep", "1000")))
        image = f"--image={registry}/team/app:1"
        cluster.kubectl("run", "stranger", image)
        describe = ("describe", "pod", "stranger")
        eventually("it is refused", lambda: "401 Unauthorized" in cluster.kubectl(*describe).stdout)

        login = (f"--docker-server={registry}", f"--docker-username={USER}", f"--docker-password={PASSWORD}")
        cluster.kubectl("create", "secret", "docker-registry", "key", *login)
        cluster.kubectl("patch", "serviceaccount", "default", "-p", '{"imagePullSecrets": [{"name": "key"}]}')
        cluster.kubectl("run", "known", image)
        cluster.kubectl("wait", "pod/known", "--for=condition=Ready", "--timeout=120s")
