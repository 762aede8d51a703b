"""Pods in a real containerd: what they see, how they end, what is left (nothing)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import ConfigMap, Node, Pod, Secret, Service, ServicePort
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.kubelet.cri.client import CriError
from pybernetes.kubelet.resources.cgroups import detect
from pybernetes.kubelet.volumes import mounts
from pybernetes.kubelet.worker.machine import Stage
from tests.ports import free_ports

from ..conftest import quiet_fetch
from .harness import NODE, PATIENCE_S, Cluster, all_ready, eventually, play, shell
from .private_containerd import IMAGE, PrivateContainerd

pytestmark = pytest.mark.e2e
HOST_NETWORK = str(Path("/proc/self/ns/net").readlink())
PATIENT = {"periodSeconds": 1, "timeoutSeconds": 30}
"""A probe whose outcome says nothing about how busy the machine is."""


def test_node_is_registered_and_alive(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                node = next(iter((await k.admin.list(Node)).items), None)
                if node is not None and condition_holds(node.status.conditions, "Ready"):
                    break
                await asyncio.sleep(0.05)
        assert node.status.nodeInfo is not None
        assert node.status.nodeInfo.kubeletVersion.startswith("v1.36.")
        assert node.status.nodeInfo.containerRuntimeVersion.startswith("containerd://")
        assert {a.type for a in node.status.addresses} == {"InternalIP", "Hostname"}
        assert node.status.daemonEndpoints.kubeletEndpoint.Port == k.kubelet.server_port > 0
        assert any(IMAGE in name for image in node.status.images for name in image.names)

        async def leases() -> list[Lease]:
            return (await k.admin.list(Lease, "kube-node-lease")).items

        (lease,) = await eventually(leases)
        assert lease.spec.holderIdentity == NODE

    play(containerd, scene)


def test_what_a_container_sees(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        await k.admin.create(ConfigMap(metadata=ObjectMeta(name="cm", namespace="default"), data={"a": "1", "b": "2"}))
        database = Service(metadata=ObjectMeta(name="my-db", namespace="default"))
        database.spec.ports = [ServicePort(name="sql", port=5432)]
        service = await k.admin.create(database)
        secret = base64.b64encode(b"s3cret").decode()
        await k.admin.create(Secret(metadata=ObjectMeta(name="sec", namespace="default"), data={"key": secret}))
        env = [
            {"name": "PLAIN", "value": "x"},
            {"name": "EXPANDED", "value": "$(PLAIN)-$(A)-$$(PLAIN)"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "key"}}},
        ]
        container = {
            "name": "c",
            "command": ["sh", "-c", "echo started $(PLAIN); exec sleep 3600"],
            "env": env,
            "envFrom": [{"configMapRef": {"name": "cm"}, "prefix": "CM_"}],
            "resources": {"limits": {"cpu": "200m", "memory": "32Mi"}},
            "volumeMounts": [
                {"name": "cm", "mountPath": "/cm"},
                {"name": "sec", "mountPath": "/sec"},
                {"name": "all", "mountPath": "/all"},
                {"name": "mem", "mountPath": "/mem"},
                {"name": "data", "mountPath": "/sub", "subPath": "in/side"},
                {"name": "host", "mountPath": "/host", "readOnly": True},
            ],
        }
        host = k.folder / "host"
        volumes = [
            {"name": "cm", "configMap": {"name": "cm", "items": [{"key": "a", "path": "deep/er"}]}},
            {"name": "sec", "secret": {"secretName": "sec", "defaultMode": 0o400}},
            {"name": "mem", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {"name": "data", "emptyDir": {}},
            {"name": "host", "hostPath": {"path": str(host), "type": "DirectoryOrCreate"}},
            {
                "name": "all",
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
                    ]
                },
            },
        ]
        await k.create(
            "see", [container], volumes=volumes, automountServiceAccountToken=False, hostname="web", subdomain="svc"
        )
        pod = await k.running("see")
        seen = dict(line.split("=", 1) for line in (await k.exec(pod, "env")).splitlines())
        assert seen["EXPANDED"] == "x-$(A)-$(PLAIN)"
        assert seen["POD_IP"] == pod.status.podIP
        assert (seen["NODE"], seen["LABEL"], seen["CPU"], seen["SECRET"]) == (NODE, "see", "200", "s3cret")
        assert (seen["CM_a"], seen["CM_b"]) == ("1", "2")
        assert seen["MY_DB_SERVICE_HOST"] == service.spec.clusterIP
        assert seen["MY_DB_SERVICE_PORT_SQL"] == "5432"
        assert (await k.exec(pod, "cat", "/cm/deep/er")) == "1"
        assert (await k.exec(pod, "stat", "-Lc", "%a", "/sec/key")).strip() == "400"
        assert (await k.exec(pod, "cat", "/all/labels")) == 'app="see"'
        assert (await k.exec(pod, "cat", "/all/token")).count(".") == 2
        assert "tmpfs" in await k.exec(pod, "df", "/mem")
        await k.exec(pod, "touch", "/sub/file")
        data = k.kubelet.node.volumes.path(pod, next(v for v in pod.spec.volumes if v.name == "data"))
        assert data is not None and (data / "in/side/file").exists()
        hosts = await k.exec(pod, "cat", "/etc/hosts")
        assert f"{pod.status.podIP}\tweb.svc.default.svc.cluster.local\tweb" in hosts
        assert (await k.exec(pod, "hostname")).strip() == "web"
        resolv = (await k.exec(pod, "cat", "/etc/resolv.conf")).splitlines()
        assert "nameserver 10.96.0.10" in resolv
        assert any(
            line.startswith("search default.svc.cluster.local svc.cluster.local cluster.local") for line in resolv
        )
        assert "options ndots:5" in resolv
        log = k.folder / "pods" / f"default_see_{pod.metadata.uid}" / "c" / "0.log"
        assert log.read_text().rstrip().endswith("stdout F started x")
        assert pod.status.qosClass == "Guaranteed"
        _check_cgroups(k, pod)
        await _check_refresh(k, pod)
        events = await k.events("see")
        assert "Created: Container created" in events and "Started: Container started" in events
        await k.delete("see")
        await k.gone("see")
        uid = pod.metadata.uid or ""
        assert not (k.folder / "kubelet/pods" / uid).exists()
        assert not log.exists()
        assert not mounts.mounts_below(k.folder / "kubelet/pods" / uid)
        assert uid not in k.kubelet.node.cgroups.pods()
        assert host.is_dir(), "what lies on the host stays"

    play(containerd, scene)


def _check_cgroups(k: Cluster, pod: Pod) -> None:
    found = detect()
    place = f"{k.containerd.cgroup_root}/kubepods/pod{pod.metadata.uid}".lstrip("/")
    if found.version == 1:
        assert (found.controllers["memory"] / place / "memory.limit_in_bytes").read_text().strip() == str(32 << 20)
        assert (found.controllers["cpu"] / place / "cpu.cfs_quota_us").read_text().strip() == "20000"
        below = [p for p in (found.controllers["memory"] / place).iterdir() if p.is_dir()]
    else:
        assert found.unified is not None
        assert (found.unified / place / "memory.max").read_text().strip() == str(32 << 20)
        below = [p for p in (found.unified / place).iterdir() if p.is_dir()]
    assert len(below) == 2, "the sandbox and the container lie in the pod's group"


async def _check_refresh(k: Cluster, pod: Pod) -> None:
    await k.admin.patch(ConfigMap, "cm", "default", {"data": {"a": "new"}})
    await k.admin.patch(Pod, "see", "default", {"metadata": {"labels": {"more": "labels"}}})

    async def changed() -> bool:
        labels = await k.exec(pod, "cat", "/all/labels")
        return (await k.exec(pod, "cat", "/cm/deep/er"), labels) == ("new", 'app="see"\nmore="labels"')

    await eventually(changed)


def test_ends(containerd: PrivateContainerd) -> None:
    """Success, failure with a message, out of memory, a crash loop: each as the API shows it."""

    async def scene(k: Cluster) -> None:
        await k.create("good", [shell("exit 0")], restartPolicy="Never")
        bad = shell("echo some log; echo why > /dev/termination-log; exit 3")
        await k.create("bad", [bad], restartPolicy="Never")
        logs = shell("echo last words; exit 1", terminationMessagePolicy="FallbackToLogsOnError")
        await k.create("logs", [logs], restartPolicy="Never")
        greedy = shell("tail /dev/zero", resources={"limits": {"memory": "16Mi"}})
        await k.create("greedy", [greedy], restartPolicy="Never")
        await k.create("loop", [shell("exit 1")])
        assert (await k.until("good", lambda p: p.status.phase == "Succeeded")).status.podIP
        pod = await k.until("bad", lambda p: p.status.phase == "Failed")
        ended = pod.status.containerStatuses[0].state.terminated
        assert (ended.exitCode, ended.reason, ended.message) == (3, "Error", "why\n")
        pod = await k.until("logs", lambda p: p.status.phase == "Failed")
        assert pod.status.containerStatuses[0].state.terminated.message == "last words\n"
        pod = await k.until("greedy", lambda p: p.status.phase == "Failed")
        ended = pod.status.containerStatuses[0].state.terminated
        assert (ended.reason, ended.exitCode) == ("OOMKilled", 137)

        def looping(p: Pod) -> bool:
            state = p.status.containerStatuses[0].state if p.status.containerStatuses else None
            return bool(state and state.waiting and state.waiting.reason == "CrashLoopBackOff")

        pod = await k.until("loop", looping)
        status = pod.status.containerStatuses[0]
        assert pod.status.phase == "Running"
        assert status.restartCount == 1
        assert status.lastState.terminated.exitCode == 1
        assert status.state.waiting.message.startswith("back-off 10s restarting failed container=c pod=loop_default(")
        assert any(e.startswith("BackOff: Back-off restarting failed container c") for e in await k.events("loop"))

    play(containerd, scene)


def test_a_killed_process_is_restarted(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        await k.create("web")
        pod = await k.running("web")
        container_id = (pod.status.containerStatuses[0].containerID or "").rpartition("//")[2]
        os.kill(containerd.tasks()[container_id], signal.SIGKILL)
        pod = await k.until("web", lambda p: p.status.containerStatuses[0].restartCount == 1 and _running(p))
        assert pod.status.containerStatuses[0].lastState.terminated.exitCode == 137

    play(containerd, scene)


def _running(pod: Pod) -> bool:
    return pod.status.containerStatuses[0].state.running is not None


def test_init_containers_sidecar_and_hooks(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        mount = [{"name": "d", "mountPath": "/d"}]
        init = [
            {"name": "one", "image": IMAGE, "command": ["sh", "-c", "echo one >> /d/order"], "volumeMounts": mount},
            {
                "name": "side",
                "image": IMAGE,
                "restartPolicy": "Always",
                "command": ["sh", "-c", "echo side >> /d/order; sleep 3600"],
                "startupProbe": {"exec": {"command": ["grep", "side", "/d/order"]}, **PATIENT},
                "volumeMounts": mount,
            },
            {"name": "two", "image": IMAGE, "command": ["sh", "-c", "echo two >> /d/order"], "volumeMounts": mount},
        ]
        host = k.folder / "hooks"
        main = shell(
            "sleep 3600",
            volumeMounts=mount,
            lifecycle={
                "postStart": {"exec": {"command": ["sh", "-c", "echo post >> /d/order"]}},
                "preStop": {"exec": {"command": ["sh", "-c", "echo pre >> /d/order"]}},
            },
        )
        volume = {"name": "d", "hostPath": {"path": str(host), "type": "DirectoryOrCreate"}}
        await k.create("init", [main], initContainers=init, volumes=[volume], terminationGracePeriodSeconds=3)
        pod = await k.running("init")
        assert (host / "order").read_text().split() == ["one", "side", "two", "post"]
        assert [s.name for s in pod.status.initContainerStatuses] == ["one", "side", "two"]
        await k.delete("init")
        await k.gone("init")
        assert (host / "order").read_text().split()[-1] == "pre"
        killed = [e for e in await k.events("init") if e.startswith("Killing")]
        assert killed == ["Killing: Stopping container c", "Killing: Stopping container side"]

    play(containerd, scene)


def test_probes(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        web = shell(
            "mkdir /www; touch /tmp/alive; httpd -p 8080 -h /www; sleep 3600",
            ports=[{"name": "http", "containerPort": 8080}],
            readinessProbe={"httpGet": {"path": "/ready", "port": "http"}, **PATIENT, "failureThreshold": 1},
            livenessProbe={
                "exec": {"command": ["test", "-e", "/tmp/alive"]},
                **PATIENT,
                "failureThreshold": 2,
                "initialDelaySeconds": 1,
            },
            startupProbe={"tcpSocket": {"port": 8080}, **PATIENT, "failureThreshold": 100},
        )
        await k.create("probed", [web])
        pod = await k.until("probed", lambda p: p.status.containerStatuses and p.status.containerStatuses[0].started)
        assert pod.status.containerStatuses[0].ready is False
        await k.exec(pod, "touch", "/www/ready")
        pod = await k.running("probed")
        await k.exec(pod, "rm", "/www/ready")
        await k.until("probed", lambda p: not p.status.containerStatuses[0].ready)
        events = await k.events("probed")
        assert "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404" in events
        await k.exec(pod, "rm", "/tmp/alive")
        await k.until("probed", lambda p: p.status.containerStatuses[0].restartCount == 1)
        events = await k.events("probed")
        assert "Killing: Container c failed liveness probe, will be restarted" in events

    play(containerd, scene)


def test_images_that_cannot_be_had(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        def waits(reason: str) -> Callable[[Pod], bool]:
            def check(pod: Pod) -> bool:
                states = [s.state.waiting for s in pod.status.containerStatuses if s.state and s.state.waiting]
                return any(w.reason == reason for w in states)

            return check

        await k.create("never", [{"name": "c", "image": "none/such:1", "imagePullPolicy": "Never"}])
        await k.create("name", [{"name": "c", "image": "Not A Name"}])
        await k.create("pull", [{"name": "c", "image": "127.0.0.1:1/none/such:1"}])
        pod = await k.until("never", waits("ErrImageNeverPull"))
        assert pod.status.containerStatuses[0].state.waiting.message == (
            'Container image "none/such:1" is not present with pull policy of Never'
        )
        await k.until("name", waits("InvalidImageName"))
        pod = await k.until("pull", waits("ErrImagePull"))
        assert "127.0.0.1:1" in pod.status.containerStatuses[0].state.waiting.message
        pod = await k.until("pull", waits("ImagePullBackOff"))
        assert pod.status.containerStatuses[0].state.waiting.message.startswith(
            'Back-off pulling image "127.0.0.1:1/none/such:1": ErrImagePull: '
        )
        assert pod.status.phase == "Pending"
        for name in ("never", "name", "pull"):
            await k.delete(name)
            await k.gone(name)

    play(containerd, scene)


def test_a_missing_configmap_is_waited_for(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        ref = {"name": "V", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "k"}}}
        await k.create("waits", [shell("sleep 3600", env=[ref])])

        def waiting(pod: Pod) -> bool:
            state = pod.status.containerStatuses[0].state if pod.status.containerStatuses else None
            return bool(state and state.waiting and state.waiting.reason == "CreateContainerConfigError")

        pod = await k.until("waits", waiting)
        assert pod.status.containerStatuses[0].state.waiting.message == 'configmap "late" not found'
        await k.admin.create(ConfigMap(metadata=ObjectMeta(name="late", namespace="default"), data={"k": "v"}))
        pod = await k.until("waits", _up)
        assert (await k.exec(pod, "sh", "-c", "echo $V")).strip() == "v"

    play(containerd, scene)


def _up(pod: Pod) -> bool:
    return bool(pod.status.containerStatuses) and _running(pod)


def test_a_kubelet_that_dies_and_comes_back(containerd: PrivateContainerd) -> None:
    """Pods run on and are adopted; one deleted meanwhile is ended; others' containers are nobody's business."""

    async def scene(k: Cluster) -> None:
        bystander = f"bystander-{os.getpid()}"
        containerd.ctr("run", "-d", IMAGE, bystander, "sleep", "3600")
        await k.create("stays")
        await k.create("goes")
        before = await k.running("stays")
        await k.running("goes")
        pids = containerd.tasks()
        await k.stop_kubelet()
        await k.delete("goes", grace_period_s=0)
        await k.start_kubelet()
        await k.until_runners(lambda names: "goes" not in names)
        after = await k.running("stays")
        assert after.status == before.status
        left = containerd.tasks()
        assert left[bystander] == pids[bystander]
        assert len(left) == 3, "the bystander, and two of the pod that stays"
        assert all(pids[container_id] == pid for container_id, pid in left.items())
        container_id = (after.status.containerStatuses[0].containerID or "").rpartition("//")[2]
        os.kill(left[container_id], signal.SIGKILL)
        await k.until("stays", lambda p: p.status.containerStatuses[0].restartCount == 1 and _running(p))
        containerd.ctr("tasks", "kill", "-s", "9", bystander)

    play(containerd, scene)


def test_a_runtime_that_is_restarted(containerd: PrivateContainerd) -> None:
    """Containers run on, nothing is replaced, and the next exit is noticed again."""

    async def scene(k: Cluster) -> None:
        await k.create("web")
        before = await k.running("web")
        pids = containerd.tasks()
        await asyncio.to_thread(containerd.restart)

        async def answers() -> bool:
            with contextlib.suppress(CriError):
                return bool(await k.kubelet.cri.version())
            return False

        assert await eventually(answers)
        assert containerd.tasks() == pids
        container_id = (before.status.containerStatuses[0].containerID or "").rpartition("//")[2]
        os.kill(pids[container_id], signal.SIGKILL)
        await k.until("web", lambda p: p.status.containerStatuses[0].restartCount == 1 and _running(p))

    play(containerd, scene)


def test_a_kubelet_process_that_is_killed(containerd: PrivateContainerd) -> None:
    """The command itself, without an apiserver: kill -9, start again, the same containers."""
    folder = containerd.folder / "alone"
    (folder / "manifests").mkdir(parents=True)
    spec = {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "3600"]}],
    }
    tree = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"}, "spec": spec}
    (folder / "manifests" / "pod.json").write_bytes(msgspec.json.encode(tree))
    command = [sys.executable, "-m", "pybernetes", "kubelet", "--hostname-override", "alone", "--enable-server=false"]
    (health,) = free_ports(1)
    command += ["--fail-swap-on=false", "--healthz-port", str(health)]
    command += ["--container-runtime-endpoint", str(containerd.socket), "--root-dir", str(folder / "kubelet")]
    command += ["--pod-log-dir", str(folder / "pods"), "--cgroup-root", containerd.cgroup_root]
    command += ["--pod-manifest-path", str(folder / "manifests")]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file)
    try:
        _until(lambda: "Started" in log.read_text())  # killed before, it would take its call back
        pids = containerd.tasks()
        assert len(pids) == 2
        process.kill()
        process.wait()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        victim = max(pids.values())
        _until(lambda: _watches_manifests(process.pid))
        _until(lambda: quiet_fetch(f"http://127.0.0.1:{health}/healthz") == "ok")
        assert containerd.tasks() == pids
        os.kill(victim, signal.SIGKILL)
        again = _until(lambda: found if (found := containerd.tasks()) != pids and len(found) == 2 else None)
        assert len(set(again.items()) & set(pids.items())) == 1
        (folder / "manifests" / "pod.json").unlink()
        _until(lambda: containerd.tasks() == {})
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _watches_manifests(pid: int) -> bool:
    """Whether the kubelet has come so far that it follows its directory of static pods."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if fd.readlink() == Path("anon_inode:inotify"):
                return True
    return False


def _until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("not in time")


def test_static_pods_have_mirrors(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        manifest = k.folder / "manifests" / "web.yaml"
        tree = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "static", "annotations": {"note": "1"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "3600"]}],
            },
        }
        manifest.write_bytes(msgspec.json.encode(tree))
        name = f"static-{NODE}"

        async def mirrors() -> list[Pod]:
            return [p for p in (await k.admin.list(Pod)).items if p.metadata.name == name]

        await eventually(mirrors)
        pod = await k.until(name, lambda p: p.status.phase == "Running")
        assert "kubernetes.io/config.mirror" in pod.metadata.annotations
        assert pod.metadata.ownerReferences[0].kind == "Node"
        await k.delete(name, grace_period_s=0)
        again = await k.until_new(name, pod.metadata.uid or "")
        assert again.status.containerStatuses[0].containerID == pod.status.containerStatuses[0].containerID
        assert k.figures()["kubelet_mirror_pods"] == 1
        requests = {name for name in k.figures() if name.startswith("rest_client_requests_total")}
        assert 'rest_client_requests_total{code="201",host="localhost",method="POST"}' in requests
        manifest.unlink()
        await k.gone(name)
        assert k.figures()["kubelet_mirror_pods"] == 0
        assert k.figures()['kubelet_restarted_pods_total{static="true"}'] == 0
        tree["metadata"]["uid"] = "of-the-file"
        manifest.write_bytes(msgspec.json.encode(tree))
        await eventually(mirrors)
        pod = await k.running(name)
        (runner,) = [runner for uid, runner in k.kubelet.runners.items() if runner.worker.pod.metadata.name == name]
        manifest.unlink()

        async def ending() -> bool:
            return runner.worker.stage is not Stage.SYNCING

        assert await eventually(ending)
        manifest.write_bytes(msgspec.json.encode(tree))
        before = pod.status.containerStatuses[0].containerID

        async def anew() -> bool:
            """The mirror may be another one meanwhile."""
            return any(all_ready(p) and p.status.containerStatuses[0].containerID != before for p in await mirrors())

        assert await eventually(anew)
        assert k.figures()['kubelet_restarted_pods_total{static="true"}'] == 1
        manifest.unlink()
        await k.gone(name)

    play(containerd, scene)


def test_static_pods_from_a_url(containerd: PrivateContainerd) -> None:
    """Two of a list, then one; those that run outlive the kubelet while the URL does not answer."""

    async def scene(k: Cluster) -> None:
        def manifest(name: str) -> dict[str, Any]:
            containers = [{"name": "c", "image": IMAGE, "command": ["sleep", "3600"]}]
            spec = {"terminationGracePeriodSeconds": 1, "containers": containers}
            return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

        served = {"kind": "PodList", "items": [manifest("one"), manifest("two")]}

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            body = msgspec.json.encode(served)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
            writer.close()

        (port,) = free_ports(1)
        server = await asyncio.start_server(answer, "127.0.0.1", port)
        await k.stop_kubelet()
        k.settings = {"static_pod_url": f"http://127.0.0.1:{port}/", "http_check_frequency_s": 0.1}
        await k.start_kubelet()

        async def mirrors(*names: str) -> bool:
            shown = {p.metadata.name: p.status.phase for p in (await k.admin.list(Pod)).items}
            return shown == {f"{name}-{NODE}": "Running" for name in names}

        assert await eventually(lambda: mirrors("one", "two"))
        served["items"] = [manifest("one")]
        assert await eventually(lambda: mirrors("one"))
        before = containerd.tasks()
        server.close()
        await k.stop_kubelet()
        await k.start_kubelet()
        assert containerd.tasks() == before
        server = await asyncio.start_server(answer, "127.0.0.1", port)
        assert await eventually(lambda: mirrors("one"))
        assert containerd.tasks() == before
        served["items"] = []
        await k.gone(f"one-{NODE}")
        server.close()

    play(containerd, scene)


def test_pods_that_do_not_fit_are_refused(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        await k.create("huge", [shell("sleep 1", resources={"requests": {"cpu": "1000"}})])
        pod = await k.until("huge", lambda p: p.status.phase == "Failed")
        assert pod.status.reason == "OutOfcpu"
        assert "Node didn't have enough resource: cpu, requested: 1000000" in (pod.status.message or "")
        await k.create("picky", nodeSelector={"disk": "none"})
        pod = await k.until("picky", lambda p: p.status.phase == "Failed")
        assert pod.status.reason == "NodeAffinity"
        await k.create("unsafe", securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]})
        pod = await k.until("unsafe", lambda p: p.status.phase == "Failed")
        assert pod.status.reason == "SysctlForbidden"
        assert pod.status.message == 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted'

    play(containerd, scene)


def test_security_context(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        user = shell(
            "sleep 3600",
            securityContext={
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            },
            volumeMounts=[
                {"name": "d", "mountPath": "/d"},
                {"name": "m", "mountPath": "/m"},
                {"name": "m", "mountPath": "/part", "subPath": "new"},
            ],
        )
        await k.create(
            "user",
            [user],
            securityContext={
                "runAsUser": 1000,
                "runAsGroup": 2000,
                "fsGroup": 3000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            volumes=[{"name": "d", "emptyDir": {}}, {"name": "m", "emptyDir": {"medium": "Memory"}}],
        )
        pod = await k.running("user")
        assert (await k.exec(pod, "id", "-u")).strip() == "1000"
        assert (await k.exec(pod, "id", "-g")).strip() == "2000"
        assert "3000" in await k.exec(pod, "id", "-G")
        shown = await k.exec(pod, "stat", "-c", "%n %g %a", "/d", "/m", "/part")
        assert shown.splitlines() == ["/d 3000 2777", "/m 3000 3777", "/part 3000 3777"]
        await k.exec(pod, "touch", "/d/file")
        status = await k.exec(pod, "cat", "/proc/self/status")
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        assert fields["NoNewPrivs"].strip() == "1"
        assert fields["Seccomp"].strip() == "2"
        assert int(fields["CapBnd"].strip(), 16) == 1 << 10
        await k.create("root", [shell("sleep 1", securityContext={"runAsNonRoot": True})])

        def refused(p: Pod) -> bool:
            state = p.status.containerStatuses[0].state if p.status.containerStatuses else None
            return bool(state and state.waiting and state.waiting.reason == "CreateContainerConfigError")

        pod = await k.until("root", refused)
        assert "runAsNonRoot and image will run as root" in pod.status.containerStatuses[0].state.waiting.message

    play(containerd, scene)


def test_host_network(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        await k.create("host", hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet")
        pod = await k.running("host")
        assert pod.status.podIP == "127.0.0.1" == pod.status.hostIP
        assert "10.96.0.10" in await k.exec(pod, "cat", "/etc/resolv.conf")
        assert (await k.exec(pod, "cat", "/etc/hosts")).startswith("# Kubernetes-managed hosts file (host network).")
        assert (await k.exec(pod, "readlink", "/proc/self/ns/net")).strip() == HOST_NETWORK

    play(containerd, scene)


def test_a_volume_that_no_plugin_mounts_is_told(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        iscsi = {"targetPortal": "127.0.0.1:3260", "iqn": "iqn.2001-04.com.example:storage", "lun": 0}
        await k.create("shares", volumes=[{"name": "v", "iscsi": iscsi}])

        async def unmounted() -> list[str]:
            return [e for e in await k.events("shares") if e.startswith("FailedMount")]

        told = (await eventually(unmounted))[0]
        assert told == 'FailedMount: MountVolume.SetUp failed for volume "v" : no volume plugin matched'

    play(containerd, scene)


def test_root_of_a_pod_is_nobody_on_the_node(containerd: PrivateContainerd) -> None:
    """Or the Pod is refused, where the runtime cannot map ids."""

    async def scene(k: Cluster) -> None:
        handlers = (await k.admin.get(Node, NODE)).status.runtimeHandlers
        can = any(h.features is not None and h.features.userNamespaces for h in handlers)
        volumes = [{"name": "data", "emptyDir": {}}]
        mounts = [{"name": "data", "mountPath": "/data"}]
        container = {**shell("touch /data/mine; sleep 3600"), "volumeMounts": mounts}
        await k.create("alone", [container], volumes=volumes, hostUsers=False)
        if not can:
            why = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"
            assert await eventually(lambda: k.was_told("alone", why))
            return
        pod = await k.running("alone")
        inside, on_node, length = (await k.exec(pod, "cat", "/proc/self/uid_map")).split()
        assert (inside, length) == ("0", "65536") and int(on_node) >= 65536
        assert (await k.exec(pod, "stat", "-c", "%u", "/data/mine")).strip() == "0"

    play(containerd, scene)
