"""StatefulSets, DaemonSets, CronJobs and budgets with real containers, as kubectl shows them."""

from __future__ import annotations

import pytest

from .conftest import IMAGE, Cluster, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

_POD = f"""
      terminationGracePeriodSeconds: 0
      containers: [{{name: c, image: "{IMAGE}", command: [sleep, "100000"]}}]
"""
STATEFUL_SET = f"""
apiVersion: v1
kind: Service
metadata: {{name: db}}
spec: {{clusterIP: None, selector: {{app: db}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  replicas: 2
  serviceName: db
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:{_POD}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: db}}
spec: {{minAvailable: 2, selector: {{matchLabels: {{app: db}}}}}}
"""
DAEMON_SET = f"""
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: agent}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}}}
    spec:{_POD}
"""
CRON_JOB = f"""
apiVersion: batch/v1
kind: CronJob
metadata: {{name: tick}}
spec:
  schedule: "0 0 1 1 *"
  timeZone: Europe/Berlin
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{{name: c, image: "{IMAGE}", command: [echo, tock]}}]
"""


def test_a_stateful_sets_pods_have_names_and_a_budget_holds(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=STATEFUL_SET)
    cluster.kubectl("rollout", "status", "statefulset/db", "--timeout=120s")
    address = cluster.get("pod", "db-1")["status"]["podIP"]
    name = f"db-1.db.{namespace}.svc.cluster.local"

    def resolves() -> bool:
        return address in cluster.kubectl("exec", "db-0", "--", "nslookup", name, check=False).stdout

    eventually("the Pod's name resolves", resolves)

    def allowed() -> bool:
        status = cluster.get("pdb", "db")["status"]
        return bool((status["currentHealthy"], status["disruptionsAllowed"]) == (2, 0))

    eventually("the budget counts both Pods", allowed)
    node = cluster.get("pod", "db-0")["spec"]["nodeName"]
    drain = ("drain", node, "--pod-selector=app=db", "--ignore-daemonsets", "--timeout=5s")
    refused = "would violate the pod's disruption budget"
    eventually("the budget refuses", lambda: refused in cluster.kubectl(*drain, check=False).stderr)
    cluster.kubectl("uncordon", node)
    cluster.kubectl("scale", "statefulset/db", "--replicas=3")
    cluster.kubectl("rollout", "status", "statefulset/db", "--timeout=120s")
    uid = cluster.get("pod", "db-2")["metadata"]["uid"]
    cluster.kubectl("rollout", "restart", "statefulset/db")
    cluster.kubectl("rollout", "status", "statefulset/db", "--timeout=120s")
    assert cluster.get("pod", "db-2")["metadata"]["uid"] != uid


def test_a_daemon_set_runs_everywhere_and_rolls_back(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=DAEMON_SET)
    cluster.kubectl("rollout", "status", "daemonset/agent", "--timeout=120s")
    (pod,) = cluster.get("pods", "-l", "app=agent")["items"]
    assert pod["spec"]["nodeName"]
    cluster.kubectl("set", "env", "daemonset/agent", "LEVEL=2")
    cluster.kubectl("rollout", "status", "daemonset/agent", "--timeout=120s")
    cluster.kubectl("rollout", "undo", "daemonset/agent")
    cluster.kubectl("rollout", "status", "daemonset/agent", "--timeout=120s")
    (pod,) = cluster.get("pods", "-l", "app=agent")["items"]
    assert "env" not in pod["spec"]["containers"][0]
    assert "daemonset.apps/agent" in cluster.kubectl("get", "controllerrevisions").stdout


def test_a_cron_job_starts_by_hand_and_refuses_what_is_no_schedule(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=CRON_JOB)
    cluster.kubectl("create", "job", "--from=cronjob/tick", "now")
    cluster.kubectl("wait", "job/now", "--for=condition=Complete", "--timeout=120s")
    assert cluster.kubectl("logs", "job/now").stdout == "tock\n"
    refused = cluster.kubectl("apply", "-f", "-", stdin=CRON_JOB.replace("0 0 1 1 *", "61 * * * *"), check=False)
    assert "end of range (61) above maximum (59): 61" in refused.stderr
