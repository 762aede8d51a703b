"""Metrics of real containers and an autoscaler that follows them, as kubectl shows both."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.times import parse_duration, parse_time

from .conftest import IMAGE, Cluster, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

BURN = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: burn}}
spec:
  selector: {{matchLabels: {{app: burn}}}}
  template:
    metadata: {{labels: {{app: burn}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: {IMAGE}
        command: [sh, -c, "while :; do if [ -e /tmp/quiet ]; then sleep 10; fi; done"]
        resources: {{requests: {{cpu: 20m}}, limits: {{cpu: 60m}}}}
"""


def test_kubectl_top_and_an_autoscaler_up_and_down(cluster: Cluster, namespace: str) -> None:
    def kubectl(*args: str, stdin: str | None = None) -> str:
        return cluster.kubectl(*args, stdin=stdin).stdout

    def tops() -> list[str]:
        """Of no Pod as long as there are no samples, which kubectl calls an error."""
        return cluster.kubectl("top", "pods", "--no-headers", check=False).stdout.splitlines()

    def replicas() -> int:
        return cluster.get("deployment", "burn")["spec"]["replicas"]

    kubectl("apply", "-f", "-", stdin=BURN)
    kubectl("rollout", "status", "deployment/burn")
    eventually("the node's CPU is told", lambda: "node-1" in cluster.kubectl("top", "nodes", check=False).stdout)
    eventually("the Pod's CPU is told", tops)
    header, row = kubectl("top", "pods", "--containers", "--sort-by=cpu", "-l", "app=burn").splitlines()
    assert header.split() == ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert row.split()[1] == "c"
    assert "Local" in kubectl("get", "apiservices", "v1beta1.metrics.k8s.io")
    assert "MEMORY" in kubectl("get", "pods.metrics.k8s.io")

    # A sample counts once its whole window lies after the Pod became ready.
    (pod,) = cluster.get("pods")["items"]
    ready = next(parse_time(c["lastTransitionTime"]) for c in pod["status"]["conditions"] if c["type"] == "Ready")

    def counts() -> bool:
        found = cluster.get("pods.metrics.k8s.io")["items"]
        return bool(found) and parse_time(found[0]["timestamp"]) - parse_duration(found[0]["window"]) > ready + 1

    eventually("a sample of the ready Pod", counts)
    kubectl("autoscale", "deployment", "burn", "--min=1", "--max=3", "--cpu-percent=50")
    eventually("it grows", lambda: replicas() == 3)
    kubectl("rollout", "status", "deployment/burn")
    why = "New size: 3; reason: cpu resource utilization (percentage of request) above target"
    eventually("it is told why", lambda: why in kubectl("describe", "hpa", "burn"))

    for name in kubectl("get", "pods", "-o", "name").split():
        kubectl("exec", name, "--", "touch", "/tmp/quiet")
    eventually("they are quiet", lambda: [int(line.split()[1][:-1]) < 5 for line in tops()] == [True] * 3)
    window = '{"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}'
    kubectl("patch", "hpa", "burn", "--type=merge", "-p", window)
    eventually("it shrinks", lambda: replicas() == 1)
    conditions = {each["type"]: each for each in cluster.get("hpa.v2.autoscaling", "burn")["status"]["conditions"]}
    assert conditions["ScalingActive"]["reason"] == "ValidMetricFound"
    assert conditions["AbleToScale"]["status"] == "True"
