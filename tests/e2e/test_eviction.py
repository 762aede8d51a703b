"""Evictions under a PodDisruptionBudget: what a client is told, and how kubectl drain waits for its turn."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import IMAGE, PATIENCE_S, Cluster, eventually

pytestmark = pytest.mark.e2e


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "guarded"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "guarded"}},
        "template": {
            "metadata": {"labels": {"app": "guarded"}},
            "spec": {
                "containers": [{"name": "sleep", "image": IMAGE, "command": ["sleep", "1000"]}],
                "terminationGracePeriodSeconds": 0,
            },
        },
    },
}


def budget(minimum: int) -> str:
    spec = {"minAvailable": minimum, "selector": {"matchLabels": {"app": "guarded"}}}
    made = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "guard"}, "spec": spec}
    return json.dumps(made)


@pytest.fixture
def guarded(cluster: Cluster, namespace: str) -> list[str]:
    """The names of two Pods, neither of which may go."""
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(DEPLOYMENT))
    cluster.kubectl("rollout", "status", "deployment/guarded", f"--timeout={PATIENCE_S}s")
    cluster.kubectl("apply", "-f", "-", stdin=budget(2))
    eventually("the budget counts both Pods", lambda: cluster.get("pdb", "guard")["status"]["currentHealthy"] == 2)
    return [pod["metadata"]["name"] for pod in cluster.get("pods", "-l", "app=guarded")["items"]]


def test_an_eviction_too_many(cluster: Cluster, namespace: str, guarded: list[str]) -> None:
    kubernetes = pytest.importorskip("kubernetes")
    kubernetes.config.load_kube_config(str(cluster.kubeconfig))
    api = kubernetes.client.CoreV1Api()

    def evict(**options: Any) -> Any:
        body = {"metadata": {"name": guarded[0], "namespace": namespace}, **options}
        return api.create_namespaced_pod_eviction(guarded[0], namespace, body)

    for options in ({}, {"deleteOptions": {"dryRun": ["All"]}}):
        with pytest.raises(kubernetes.client.ApiException) as refused:
            evict(**options)
        assert (refused.value.status, refused.value.reason) == (429, "Too Many Requests")
        told = json.loads(refused.value.body)
        assert (told["status"], told["reason"], told["code"]) == ("Failure", "TooManyRequests", 429)
        assert told["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
        cause = "The disruption budget guard needs 2 healthy pods and has 2 currently"
        assert told["details"]["causes"] == [{"reason": "DisruptionBudget", "message": cause}]
    cluster.kubectl("apply", "-f", "-", stdin=budget(1))
    eventually("one Pod may go", lambda: cluster.get("pdb", "guard")["status"]["disruptionsAllowed"] == 1)
    uid = cluster.get("pod", guarded[0])["metadata"]["uid"]
    evict(deleteOptions={"dryRun": ["All"]})
    assert cluster.get("pod", guarded[0])["metadata"]["uid"] == uid, "a dry run evicts nothing"
    evict(deleteOptions={"preconditions": {"uid": uid}})
    cluster.kubectl("wait", f"pod/{guarded[0]}", "--for=delete", f"--timeout={PATIENCE_S}s")


def test_a_drain_waits_for_the_budget(cluster: Cluster, namespace: str, guarded: list[str]) -> None:
    node = cluster.get("pod", guarded[0])["spec"]["nodeName"]
    draining = cluster.start(
        "drain", node, "--pod-selector=app=guarded", "--ignore-daemonsets", f"--timeout={PATIENCE_S}s"
    )
    try:
        assert draining.stdout is not None
        said = []
        while "will retry after 5s" not in (line := draining.stdout.readline()):
            assert line, said
            said.append(line)
        assert "Cannot evict pod as it would violate the pod's disruption budget." in line
        assert {name for name in guarded if cluster.get("pod", name)["status"]["phase"] == "Running"} == set(guarded)
        cluster.kubectl("delete", "pdb", "guard")
        said = draining.stdout.readlines()
        assert draining.wait() == 0, said
        assert all(f"pod/{name} evicted\n" in said for name in guarded)
    finally:
        draining.kill()
        cluster.kubectl("uncordon", node)
