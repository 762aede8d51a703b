"""An ordinary pull from a registry, with the distribution's docker-registry on the loopback."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from pybernetes.cluster.images.archive import Image, archive_blobs
from pybernetes.cluster.images.builtin import busybox_layer
from tests.ports import free_ports

from .conftest import Cluster, eventually

pytestmark = pytest.mark.e2e

USER, PASSWORD = "puller", "secret"
_HASH = "$2b$12$GXrkR35pTjXrfwJU.62mV.oh5Ib9nenu0f3I2FvUKVJ/xr3/Jj2tS"
_BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as address:
        yield address


@pytest.fixture
def locked_registry(tmp_path: Path) -> Iterator[str]:
    """One that asks for USER and PASSWORD."""
    (tmp_path / "users").write_text(f"{USER}:{_HASH}\n")
    with serving(tmp_path, f"auth: {{htpasswd: {{realm: here, path: '{tmp_path / 'users'}'}}}}\n") as address:
        yield address


@contextmanager
def serving(tmp_path: Path, more: str = "") -> Iterator[str]:
    if shutil.which("docker-registry") is None:
        pytest.skip("needs docker-registry")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {tmp_path / 'store'}}}\nhttp: {{addr: '{address}'}}\n"
        + more
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually("the registry answers", lambda: _status("GET", f"http://{address}/v2/") == 200)
        yield address
    finally:
        process.terminate()
        process.wait()


def _status(method: str, url: str, data: bytes | None = None, media: str = "application/octet-stream") -> int:
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": media, "Authorization": _BASIC}
    )
    try:
        with _OPENER.open(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def push(registry: str, repository: str, image: Image) -> None:
    """The registry protocol's upload: each blob, then the manifest under its tag."""
    blobs, manifest = archive_blobs(image)
    for blob in blobs:
        digest = "sha256:" + sha256(blob).hexdigest()
        uploads = f"http://{registry}/v2/{repository}/blobs/uploads/"
        start = urllib.request.Request(uploads, data=b"", method="POST", headers={"Authorization": _BASIC})
        with _OPENER.open(start, timeout=20) as answer:
            place = answer.headers["Location"]
        assert _status("PUT", f"{place}&digest={digest}", blob) == 201
    tag = image.name.rpartition(":")[2]
    media = json.loads(manifest)["mediaType"]
    assert _status("PUT", f"http://{registry}/v2/{repository}/manifests/{tag}", manifest, media) == 201


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


def test_a_registry_that_asks_who_it_is(cluster: Cluster, namespace: str, locked_registry: str) -> None:
    push(locked_registry, "team/app", Image("app:1", (busybox_layer(),), command=("sleep", "1000")))
    image = f"--image={locked_registry}/team/app:1"
    cluster.kubectl("run", "stranger", image)
    describe = ("describe", "pod", "stranger")
    eventually("it is refused", lambda: "401 Unauthorized" in cluster.kubectl(*describe).stdout)

    login = (f"--docker-server={locked_registry}", f"--docker-username={USER}", f"--docker-password={PASSWORD}")
    cluster.kubectl("create", "secret", "docker-registry", "key", *login)
    cluster.kubectl("patch", "serviceaccount", "default", "-p", '{"imagePullSecrets": [{"name": "key"}]}')
    cluster.kubectl("run", "known", image)
    cluster.kubectl("wait", "pod/known", "--for=condition=Ready", "--timeout=120s")
