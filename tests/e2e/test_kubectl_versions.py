"""Debian's kubectls, for the basic verbs: 1.20 with SPDY streams and validation by OpenAPI v2, 1.32, and the newest.

That of Debian 12 is 1.20, that of 13 is 1.32; what is being made ready for the next release follows upstream.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from .conftest import IMAGE, Cluster, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

LATER = ("trixie", "sid")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def run(*command: str | Path, within: Path) -> str:
    done = subprocess.run(command, cwd=within, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"Debian's packages cannot be had here: {done.stderr.strip()}")
    return done.stdout


@pytest.fixture(scope="module")
def later_releases(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options with which apt-get knows the packages of the releases after Debian 12, and none that is installed."""
    folder = tmp_path_factory.mktemp("apt")
    known = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", within=folder).splitlines()
    address = next((line.split()[0] for line in known if line.split()[1:] == ["bookworm"]), None)
    if address is None or not KEYRING.exists():
        pytest.skip("no mirror of Debian is known here")
    (folder / "lists/partial").mkdir(parents=True)
    (folder / "status").touch()
    sources = [f"deb [signed-by={KEYRING}] {address} {release} main\n" for release in LATER]
    (folder / "sources").write_text("".join(sources))
    settings = {
        "Dir::Etc::SourceList": folder / "sources", "Dir::Etc::SourceParts": "-", "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": folder / "status", "Dir::Cache": folder, "Acquire::Languages": "none",
    }  # fmt: skip
    options = [f"-o{name}={value}" for name, value in settings.items()]
    run("apt-get", *options, "update", within=folder)
    return options


@pytest.fixture(scope="module", params=["bookworm", *LATER])
def other_kubectl(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubectl of a Debian release, unpacked beside whatever is installed."""
    folder = tmp_path_factory.mktemp(request.param)
    if shutil.which("apt-get") is None:
        pytest.skip("needs Debian's packages")
    if request.param in LATER:
        options = request.getfixturevalue("later_releases")
        run("apt-get", *options, "download", f"kubectl/{request.param}", within=folder)
    else:
        run("apt-get", "download", "kubernetes-client", within=folder)
    (package,) = folder.glob("*.deb")
    run("dpkg", "-x", package, folder, within=folder)
    return folder / "usr/bin/kubectl"


@pytest.fixture
def other(cluster: Cluster, namespace: str, other_kubectl: Path) -> Iterator[Cluster]:
    yield replace(cluster, kubectl_path=str(other_kubectl))


def test_basic_verbs(other: Cluster) -> None:
    other.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=2", "--", "sleep", "1000")
    other.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    other.kubectl("scale", "deployment/web", "--replicas=1")
    assert "AVAILABLE" in other.kubectl("get", "deployments").stdout
    assert "NewReplicaSetAvailable" in other.kubectl("describe", "deployment", "web").stdout
    other.kubectl("label", "deployment", "web", "tier=one")
    assert "FIELD: replicas <integer>" in " ".join(other.kubectl("explain", "deployment.spec.replicas").stdout.split())
    other.kubectl("delete", "deployment", "web")


def test_streams(other: Cluster, tmp_path: Path) -> None:
    other.kubectl("run", "box", f"--image={IMAGE}", "--", "sh", "-c", "echo said; sleep 1000")
    other.kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=120s")
    eventually("it says so", lambda: other.kubectl("logs", "box").stdout == "said\n")
    done = other.kubectl("exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert other.kubectl("exec", "-i", "box", "--", "cat", stdin="typed\n").stdout == "typed\n"
    (tmp_path / "file").write_text("copied")
    other.kubectl("cp", str(tmp_path / "file"), "box:/tmp/file")
    assert other.kubectl("exec", "box", "--", "cat", "/tmp/file").stdout == "copied"


def test_validation_before_sending(other: Cluster) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndataa: {a: b}\n"
    done = other.kubectl("apply", "-f", "-", stdin=manifest, check=False)
    assert done.returncode == 1
    assert 'unknown field "dataa"' in done.stderr
    other.kubectl("apply", "-f", "-", stdin=manifest.replace("dataa", "data"))
    assert "unchanged" in other.kubectl("apply", "-f", "-", stdin=manifest.replace("dataa", "data")).stdout
