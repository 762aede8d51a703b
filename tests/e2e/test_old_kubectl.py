"""Debian 12's own kubectl, version 1.20, for the basic verbs: SPDY streams and validation by OpenAPI v2."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from .conftest import IMAGE, Cluster, eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def old_kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's kubectl, unpacked beside whatever is installed."""
    folder = tmp_path_factory.mktemp("kubectl")
    if shutil.which("apt-get") is None:
        pytest.skip("needs Debian's package kubernetes-client")
    done = subprocess.run(["apt-get", "download", "kubernetes-client"], cwd=folder, capture_output=True, check=False)
    packages = list(folder.glob("*.deb"))
    if done.returncode != 0 or not packages:
        pytest.skip("the package kubernetes-client cannot be had here")
    subprocess.run(["dpkg", "-x", packages[0], folder], check=True)
    return folder / "usr/bin/kubectl"


@pytest.fixture
def old(cluster: Cluster, namespace: str, old_kubectl: Path) -> Iterator[Cluster]:
    yield replace(cluster, kubectl_path=str(old_kubectl))


def test_basic_verbs(old: Cluster) -> None:
    old.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=2", "--", "sleep", "1000")
    old.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    old.kubectl("scale", "deployment/web", "--replicas=1")
    assert "AVAILABLE" in old.kubectl("get", "deployments").stdout
    assert "NewReplicaSetAvailable" in old.kubectl("describe", "deployment", "web").stdout
    old.kubectl("label", "deployment", "web", "tier=one")
    assert "FIELD:    replicas <integer>" in old.kubectl("explain", "deployment.spec.replicas").stdout
    old.kubectl("delete", "deployment", "web")


def test_streams(old: Cluster, tmp_path: Path) -> None:
    old.kubectl("run", "box", f"--image={IMAGE}", "--", "sh", "-c", "echo said; sleep 1000")
    old.kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=120s")
    eventually("it says so", lambda: old.kubectl("logs", "box").stdout == "said\n")
    done = old.kubectl("exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert old.kubectl("exec", "-i", "box", "--", "cat", stdin="typed\n").stdout == "typed\n"
    (tmp_path / "file").write_text("copied")
    old.kubectl("cp", str(tmp_path / "file"), "box:/tmp/file")
    assert old.kubectl("exec", "box", "--", "cat", "/tmp/file").stdout == "copied"


def test_validation_before_sending(old: Cluster) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndataa: {a: b}\n"
    done = old.kubectl("apply", "-f", "-", stdin=manifest, check=False)
    assert done.returncode == 1
    assert 'unknown field "dataa"' in done.stderr
    old.kubectl("apply", "-f", "-", stdin=manifest.replace("dataa", "data"))
    assert "unchanged" in old.kubectl("apply", "-f", "-", stdin=manifest.replace("dataa", "data")).stdout
