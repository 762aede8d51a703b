"""What breaks is mended: processes, Pods, the control plane, a node."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pybernetes.cluster.spec import interface_tag

from .conftest import IMAGE, Cluster, eventually, make_cluster

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]


def kill_processes(marker: str) -> int:
    """Kills the processes whose command line is exactly `marker`'s words; how many there were."""
    wanted = marker.encode().split(b" ")
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            except OSError:
                continue
            if found[-len(wanted) :] == wanted:
                os.kill(int(entry.name), signal.SIGKILL)
                count += 1
    return count


def test_a_killed_container_is_restarted_with_back_off(cluster: Cluster, namespace: str) -> None:
    marker = f"sleep {86_400 + os.getpid()}"
    cluster.kubectl("run", "victim", f"--image={IMAGE}", "--", *marker.split())
    cluster.kubectl("wait", "pod/victim", "--for=condition=Ready", "--timeout=120s")
    uid = cluster.get("pod", "victim")["metadata"]["uid"]
    assert kill_processes(marker) == 1

    def restarted() -> bool:
        (status,) = cluster.get("pod", "victim")["status"]["containerStatuses"]
        return bool(status["restartCount"] == 1 and status["ready"])

    eventually("the container runs again", restarted)
    pod = cluster.get("pod", "victim")
    assert pod["metadata"]["uid"] == uid
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 137
    assert kill_processes(marker) == 1
    eventually("the second restart waits", lambda: "CrashLoopBackOff" in cluster.kubectl("get", "pod", "victim").stdout)
    why = "Back-off restarting failed container"
    eventually("the event says why", lambda: why in cluster.kubectl("describe", "pod", "victim").stdout)


def test_a_deleted_pod_is_replaced(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=2", "--", "sleep", "1000")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    before = {p["metadata"]["uid"] for p in cluster.get("pods")["items"]}
    name = cluster.get("pods")["items"][0]["metadata"]["name"]
    cluster.kubectl("delete", "pod", name, "--grace-period=1")

    def replaced() -> bool:
        after = {p["metadata"]["uid"] for p in cluster.get("pods")["items"]}
        return len(after) == 2 and len(after & before) == 1

    eventually("another is there", replaced)
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    made = make_cluster(tmp_path, "kill")
    made.down()
    yield made
    made.down()


def test_kill_9_of_the_control_plane(own: Cluster) -> None:
    """Containers go on, no acknowledged write is lost, the cluster converges."""
    own.up()
    own.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=3", "--", "sleep", "100000")
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    containers = {
        p["metadata"]["name"]: p["status"]["containerStatuses"][0]["containerID"] for p in own.get("pods")["items"]
    }
    acknowledged = []
    for round_ in range(3):
        for i in range(10):
            name = f"c-{round_}-{i}"
            own.kubectl("create", "configmap", name)
            acknowledged.append(name)
        for pid in component_pids(own):
            os.kill(pid, signal.SIGKILL)
        eventually("the API answers again", lambda: own.kubectl("get", "--raw", "/readyz", check=False).stdout == "ok")
    kept = {c["metadata"]["name"] for c in own.get("configmaps")["items"]}
    assert set(acknowledged) <= kept
    own.kubectl("scale", "deployment/web", "--replicas=4")
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    pods = own.get("pods")["items"]
    for pod in pods:
        (status,) = pod["status"]["containerStatuses"]
        if pod["metadata"]["name"] in containers:
            assert status["containerID"] == containers[pod["metadata"]["name"]], "the container was never stopped"
            assert status["restartCount"] == 0
    assert len(pods) == 4


def component_pids(cluster: Cluster) -> list[int]:
    """The processes of the control plane, as `status` tells them."""
    told = msgspec.json.decode(cluster.command("status", "--name", cluster.name, "-o", "json").stdout)
    return [c["pid"] for c in told["components"] if c["name"] == "control-plane"]


def test_a_node_stops_and_comes_back(own: Cluster) -> None:
    """Two nodes: the Pods of a stopped one are marked and replaced on the other; back, there are no duplicates."""
    own.up("--nodes", "2")
    nodes = sorted(n["metadata"]["name"] for n in own.get("nodes")["items"])
    assert len(nodes) == 2
    manifest = DEPLOYMENT % IMAGE
    own.kubectl("apply", "-f", "-", stdin=manifest)
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    spread = {p["spec"]["nodeName"] for p in own.get("pods")["items"]}
    assert spread == set(nodes), "Pods are spread over both nodes"
    for target in own.get("pods")["items"]:
        for source in own.get("pods")["items"]:
            own.kubectl(
                "exec", source["metadata"]["name"], "--", "ping", "-c", "1", "-W", "20", target["status"]["podIP"]
            )
    own.command("node", "stop", nodes[1], "--name", own.name)
    try:
        eventually("the node is not ready", lambda: "NotReady" in own.kubectl("get", "node", nodes[1]).stdout)

        def tainted() -> bool:
            taints = own.get("node", nodes[1])["spec"].get("taints", [])
            return "node.kubernetes.io/unreachable" in {taint["key"] for taint in taints}

        eventually("it is tainted", tainted)

        def moved() -> bool:
            living = [p for p in own.get("pods")["items"] if "deletionTimestamp" not in p["metadata"]]
            return len(living) == 4 and all(p["spec"]["nodeName"] == nodes[0] for p in living)

        eventually("the Pods run on the other node", moved)
        own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    finally:
        own.command("node", "start", nodes[1], "--name", own.name)
    own.kubectl("wait", "node", nodes[1], "--for=condition=Ready", "--timeout=120s")
    eventually("the old Pods are gone", lambda: len(own.get("pods")["items"]) == 4)
    assert all(p["spec"]["nodeName"] == nodes[0] for p in own.get("pods")["items"])


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      containers:
      - {name: main, image: "%s", command: [sleep, "100000"]}
"""


@pytest.mark.parametrize("nodes", [1, 2])
def test_down_leaves_nothing(own: Cluster, nodes: int) -> None:
    assert not any(footprint(own).values())
    own.up("--nodes", str(nodes))
    own.kubectl("run", "box", f"--image={IMAGE}", "--", "sleep", "100000")
    own.kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=120s")
    seen = footprint(own)
    assert all(seen[kind] for kind in ("processes", "mounts", "links", "tables", "routes", "cgroups")), seen
    assert bool(seen["namespaces"]) == (nodes > 1)
    own.up()
    own.down()
    assert not any(footprint(own).values()), footprint(own)
    assert not own.kubeconfig.exists() or own.name not in own.kubeconfig.read_text()
    own.down()


def footprint(cluster: Cluster) -> dict[str, list[str]]:
    """What this cluster has on the machine; others may run beside it."""
    words = (cluster.name, f"-{interface_tag(cluster.name)}", str(cluster.folder))

    def lines(text: str) -> list[str]:
        return [line for line in text.splitlines() if any(word in line for word in words)]

    def said(*command: str) -> list[str]:
        return lines(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    processes = "\n".join(cmdline(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    groups = "\n".join(str(p) for root in Path("/sys/fs/cgroup").iterdir() if root.is_dir() for p in root.iterdir())
    return {
        "processes": [line for line in lines(processes) if "pytest" not in line.split("/tmp")[0]],
        "mounts": lines(Path("/proc/mounts").read_text()),
        "links": lines("\n".join(entry.name for entry in Path("/sys/class/net").iterdir())),
        "namespaces": said("ip", "netns", "list"),
        "tables": said("nft", "list", "tables"),
        "routes": said("ip", "route"),
        "cgroups": lines(groups),
    }


def cmdline(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
