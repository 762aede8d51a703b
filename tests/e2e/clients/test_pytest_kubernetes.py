"""The pytest plugin `pytest-kubernetes` from PyPI, on a cluster that is given to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import PATIENCE_S, Cluster

pytestmark = pytest.mark.e2e
pytest.importorskip("pytest_kubernetes")

_TESTS = """
def test_given_cluster(k8s):
    k8s.kubectl(["create", "configmap", "given", "--from-literal=a=1"], as_dict=False)
    assert k8s.kubectl(["get", "configmap", "given"])["data"] == {"a": "1"}
    k8s.kubectl(["delete", "configmap", "given"], as_dict=False)
"""


def test_given_cluster(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    # The plugin removes the file in the end.
    kubeconfig = shutil.copy(cluster.kubeconfig, tmp_path / "given")
    (tmp_path / "test_users.py").write_text(_TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}",
         "--k8s-provider=external", f"--k8s-kubeconfig={kubeconfig}", str(tmp_path)],
        env=cluster.env, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr
