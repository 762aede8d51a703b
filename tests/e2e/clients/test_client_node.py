"""The client library `@kubernetes/client-node` from npm, unchanged, in Node.js."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ..conftest import IMAGE, Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

VERSION = "1.4.0"
FLOWS = Path(__file__).with_name("client_node.mjs")


@pytest.fixture(scope="module")
def package() -> Path:
    """A folder that has the package; kept, since it is large and does not change."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js with npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "pybernetes-tests" / f"client-node-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            command = [
                "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder),
                f"@kubernetes/client-node@{VERSION}",
            ]  # fmt: skip
            try:
                subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=True)
            except subprocess.SubprocessError as error:
                pytest.skip(f"npm cannot install the package here: {error} {str(error.stderr or '').strip()[-200:]}")  # type: ignore[attr-defined]
            (folder / "done").touch()
    return folder


@pytest.mark.parametrize("flow", ["streams", "objects", "generic"])
def test_flow(cluster: Cluster, namespace: str, gadgets: str, package: Path, flow: str) -> None:
    done = subprocess.run(
        ["node", str(FLOWS), flow, namespace, IMAGE],
        cwd=package, env=cluster.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
