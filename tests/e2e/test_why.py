"""`pybernetes why`: the chain from the user's request to the running container."""

from __future__ import annotations

import pytest

from .conftest import IMAGE, Cluster

pytestmark = pytest.mark.e2e


def test_why_a_pod_runs(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--", "sleep", "1000")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    name = cluster.get("pods")["items"][0]["metadata"]["name"]
    told = cluster.command("why", f"pod/{name}", "-n", namespace, "--name", cluster.name).stdout
    steps = [
        "kubernetes-admin", "deployments.apps/web", "deployment-controller", "replicasets.apps/web-",
        "replicaset-controller", f"pods/{name}", "kube-scheduler", "system:node:",
    ]  # fmt: skip
    at = 0
    for step in steps:
        found = told.find(step, at)
        assert found >= 0, f"{step!r} is not told after {told[:at]!r} in\n{told}"
        at = found
    missing = cluster.command("why", "pod/nobody", "-n", namespace, "--name", cluster.name, check=False)
    assert missing.returncode == 1
    assert missing.stderr.count("\n") == 1
    assert "Traceback" not in missing.stderr
