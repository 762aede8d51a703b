"""The distribution's docker-registry on the loopback, and what is pushed to it."""

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
from tests.ports import free_ports

from .conftest import eventually

USER, PASSWORD = "puller", "secret"
_HASH = "$2b$12$GXrkR35pTjXrfwJU.62mV.oh5Ib9nenu0f3I2FvUKVJ/xr3/Jj2tS"
_BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def serving(tmp_path: Path, more: str = "") -> Iterator[str]:
    """Its address; `more` is added to its configuration."""
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


@contextmanager
def locked(tmp_path: Path) -> Iterator[str]:
    """One that asks for USER and PASSWORD."""
    (tmp_path / "users").write_text(f"{USER}:{_HASH}\n")
    with serving(tmp_path, f"auth: {{htpasswd: {{realm: here, path: '{tmp_path / 'users'}'}}}}\n") as address:
        yield address


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
