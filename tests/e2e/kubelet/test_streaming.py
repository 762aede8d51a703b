"""kubectl's and the Python client's streams through a real apiserver, kubelet and containerd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pybernetes.api.core.v1 import ConfigMap, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.client import HttpClient
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.storage.memory import MemoryStore
from tests.unit.http.certificates import Authority

from .harness import PATIENCE_S, Cluster
from .private_containerd import PrivateContainerd

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl"),
]
SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}
WEBSOCKETS = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "true"}
STREAMS = [
    pytest.param(WEBSOCKETS, b"v5.channel.k8s.io", b"SPDY/3.1+portforward.k8s.io", id="websocket"),
    pytest.param(SPDY, b"X-Stream-Protocol-Version: v4.channel.k8s.io", b"POST", id="spdy"),
]
"""kubectl's environment, and what it says at -v=8 of an exec and of a port-forward that go this way."""


@pytest.fixture(autouse=True)
def _a_kubectl_that_can(request: pytest.FixtureRequest) -> None:
    if "environment" in request.fixturenames and request.getfixturevalue("environment") is WEBSOCKETS:
        told = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, check=True).stdout
        if int(json.loads(told)["clientVersion"]["minor"].rstrip("+")) < 31:
            pytest.skip("this kubectl speaks no WebSocket: 1.31 was the first")


class Machine:
    """The cluster, and a kubectl that reaches it over TLS."""

    def __init__(self, cluster: Cluster, kubeconfig: Path, environment: dict[str, str]) -> None:
        self.cluster = cluster
        self.kubeconfig = kubeconfig
        self._environment = environment

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), **self._environment}
        return await asyncio.create_subprocess_exec(
            "kubectl", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )

    async def kubectl(self, *arguments: str, stdin: bytes = b"", code: int = 0) -> tuple[bytes, bytes]:
        process = await self.start(*arguments)
        async with asyncio.timeout(PATIENCE_S):
            stdout, stderr = await process.communicate(stdin)
        assert process.returncode == code, (process.returncode, stdout, stderr)
        return stdout, stderr


class _Served(Cluster):
    """A cluster whose kubelet has certificates."""

    files: tuple[str, str, str] = ("", "", "")

    def config(self) -> KubeletConfig:
        certificate, key, ca = self.files
        config = super().config()
        return replace(config, tls_cert_file=certificate, tls_private_key_file=key, client_ca_file=ca)


@contextlib.asynccontextmanager
async def machine(containerd: PrivateContainerd, folder: Path, environment: dict[str, str]) -> AsyncIterator[Machine]:
    clock = SystemClock()
    authority = Authority.create(folder, "ca")
    serving = authority.issue("apiserver", addresses=["127.0.0.1"])
    kubelet_client = authority.issue("kube-apiserver-kubelet-client", organizations=["system:masters"])
    admin = authority.issue("kubernetes-admin", organizations=["system:masters"])
    config = ApiServerConfig(
        port=0,
        tls_cert_file=serving[0],
        tls_private_key_file=serving[1],
        client_ca_file=authority.certificate_file,
        kubelet_client_certificate=kubelet_client[0],
        kubelet_client_key=kubelet_client[1],
        kubelet_certificate_authority=authority.certificate_file,
    )
    server = ApiServer(config, MemoryStore(clock), clock, Random())
    await server.start()
    cluster = _Served(containerd, server)
    cluster.files = (*authority.issue("node-a", addresses=["127.0.0.1"]), authority.certificate_file)
    await cluster.admin.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    root_ca = ObjectMeta(name="kube-root-ca.crt", namespace="default")
    await cluster.admin.create(ConfigMap(metadata=root_ca, data={"ca.crt": "-"}))
    entry = {"server": f"https://127.0.0.1:{server.port}", "certificate-authority": authority.certificate_file}
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": entry}],
                "users": [{"name": "u", "user": {"client-certificate": admin[0], "client-key": admin[1]}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    try:
        await cluster.start_kubelet()
        yield Machine(cluster, kubeconfig, environment)
        for name in [r.worker.pod.metadata.name or "" for r in cluster.kubelet.runners.values()]:
            await cluster.delete(name, grace_period_s=0)
        await cluster.until_runners(lambda runners: not runners)
    finally:
        await cluster.stop_kubelet()
        await server.stop()


Body = Callable[[Machine], Awaitable[None]]


def run(containerd: PrivateContainerd, folder: Path, environment: dict[str, str], body: Body) -> None:
    async def main() -> None:
        async with machine(containerd, folder, environment) as made:
            await asyncio.wait_for(body(made), 2 * PATIENCE_S)

    asyncio.run(main())


@pytest.mark.parametrize(("environment", "told", "_"), STREAMS)
def test_exec_and_cp(
    containerd: PrivateContainerd, tmp_path: Path, environment: dict[str, str], told: bytes, _: bytes
) -> None:
    async def body(machine: Machine) -> None:
        await machine.cluster.create("sh")
        await machine.cluster.running("sh")
        assert await machine.kubectl("exec", "sh", "--", "echo", "hello") == (b"hello\n", b"")
        assert told in (await machine.kubectl("exec", "-v=8", "sh", "--", "true"))[1]
        stdout, stderr = await machine.kubectl("exec", "sh", "--", "sh", "-c", "echo out; echo err >&2; exit 3", code=3)
        assert (stdout, stderr) == (b"out\n", b"err\ncommand terminated with exit code 3\n")
        text = b"x" * 3_000_000 + b"end"
        assert (await machine.kubectl("exec", "-i", "sh", "--", "cat", stdin=text))[0] == text
        count = await machine.kubectl("exec", "-i", "sh", "--", "wc", "-c", stdin=text)
        assert count[0].strip() == b"3000003"
        _, stderr = await machine.kubectl("exec", "sh", "--", "nothing-like-this", code=1)
        assert b"nothing-like-this" in stderr
        _, stderr = await machine.kubectl("exec", "sh", "-c", "nope", "--", "true", code=1)
        assert stderr == b"Error from server (BadRequest): container nope is not valid for pod sh\n"
        folder = tmp_path / "there"
        folder.mkdir()
        (folder / "file").write_bytes(os.urandom(500_000))
        await machine.kubectl("cp", str(folder), "sh:/tmp/copied")
        await machine.kubectl("cp", "sh:/tmp/copied/file", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == (folder / "file").read_bytes()

    run(containerd, tmp_path, environment, body)


@pytest.mark.parametrize(("environment", "_", "told"), STREAMS)
def test_port_forward(
    containerd: PrivateContainerd, tmp_path: Path, environment: dict[str, str], _: bytes, told: bytes
) -> None:
    async def body(machine: Machine) -> None:
        script = "mkdir /www; head -c 300000 /dev/zero >/www/zeros; echo hi >/www/index.html; httpd -f -p 8080 -h /www"
        probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
        await machine.cluster.create("web", [{"name": "c", "command": ["sh", "-c", script], "readinessProbe": probe}])
        await machine.cluster.running("web")
        process = await machine.start("port-forward", "-v=8", "pod/web", ":8080")
        assert process.stdout is not None and process.stderr is not None
        saying = asyncio.create_task(process.stderr.read())
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        assert line.startswith(b"Forwarding from 127.0.0.1:"), (line, await saying)
        client = HttpClient(f"http://{line.split()[2].decode()}")
        assert (await client.request("GET", "/")).body == b"hi\n"
        answers = await asyncio.gather(*(client.request("GET", "/zeros") for _ in range(8)))
        assert all(answer.body == bytes(300_000) for answer in answers)
        await client.close()
        process.terminate()
        await process.wait()
        assert told in await saying

    run(containerd, tmp_path, environment, body)


def test_logs(containerd: PrivateContainerd, tmp_path: Path) -> None:
    async def body(machine: Machine) -> None:
        script = "echo one; echo two >&2; while ! [ -e /tmp/go ]; do sleep 0.1; done; echo three"
        await machine.cluster.create("talk", [{"name": "c", "command": ["sh", "-c", script]}], restartPolicy="Never")
        await machine.cluster.running("talk")
        following = await machine.start("logs", "-f", "talk")
        assert following.stdout is not None
        first = [await following.stdout.readline() for _ in range(2)]
        assert sorted(first) == [b"one\n", b"two\n"]
        assert (await machine.kubectl("logs", "talk", "--tail=1"))[0] in (b"one\n", b"two\n")
        stamped = (await machine.kubectl("logs", "talk", "--timestamps"))[0].splitlines()
        assert len(stamped) == 2 and all(len(line.split()[0]) >= 30 for line in stamped)
        await machine.kubectl("exec", "talk", "--", "touch", "/tmp/go")
        assert await asyncio.wait_for(following.stdout.read(), PATIENCE_S) == b"three\n", "it ends with the container"
        assert await following.wait() == 0
        await machine.cluster.until("talk", lambda pod: pod.status.phase == "Succeeded")
        assert len((await machine.kubectl("logs", "talk"))[0].splitlines()) == 3
        _, stderr = await machine.kubectl("logs", "talk", "--previous", code=1)
        assert b'previous terminated container "c" in pod "talk" not found' in stderr

    run(containerd, tmp_path, WEBSOCKETS, body)


@pytest.mark.parametrize(("environment", "_", "__"), STREAMS)
def test_attach(
    containerd: PrivateContainerd, tmp_path: Path, environment: dict[str, str], _: bytes, __: bytes
) -> None:
    async def body(machine: Machine) -> None:
        shell = {"name": "c", "command": ["sh"], "stdin": True, "stdinOnce": True}
        await machine.cluster.create("ask", [shell], restartPolicy="Never")
        await machine.cluster.running("ask")
        stdout, _ = await machine.kubectl("attach", "-i", "ask", stdin=b"echo $((6 * 7)); exit 0\n")
        assert b"42\n" in stdout
        await machine.cluster.until("ask", lambda pod: pod.status.phase == "Succeeded")

    run(containerd, tmp_path, environment, body)


def test_the_python_client(containerd: PrivateContainerd, tmp_path: Path) -> None:
    def use(kubeconfig: Path) -> tuple[str, str, int]:
        from kubernetes import client, config, stream  # type: ignore[import-untyped]

        config.load_kube_config(str(kubeconfig))
        api = client.CoreV1Api()
        options = {"stderr": True, "stdin": False, "stdout": True, "tty": False}
        connect = api.connect_get_namespaced_pod_exec
        output = stream.stream(connect, "sh", "default", command=["echo", "hello"], **options)
        failing = stream.stream(connect, "sh", "default", command=["false"], _preload_content=False, **options)
        failing.run_forever(timeout=PATIENCE_S)
        return output, api.read_namespaced_pod_log("sh", "default"), failing.returncode

    async def body(machine: Machine) -> None:
        await machine.cluster.create("sh", [{"name": "c", "command": ["sh", "-c", "echo started; sleep 1000"]}])
        await machine.cluster.running("sh")
        assert await asyncio.to_thread(use, machine.kubeconfig) == ("hello\n", "started\n", 1)

    run(containerd, tmp_path, {}, body)


def test_nodes_through_the_apiserver(
    containerd: PrivateContainerd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kubelet is on loopback here, which a real cluster refuses to reach this way.
    monkeypatch.setattr("pybernetes.apiserver.streaming.location.allowed", lambda address: True)

    async def body(machine: Machine) -> None:
        await machine.cluster.create("sh")
        await machine.cluster.running("sh")
        ends = {"name": "c", "command": ["sh", "-c", "exit 3"]}
        await machine.cluster.create("ends", [ends], restartPolicy="Never")
        await machine.cluster.until("ends", lambda p: p.status.phase == "Failed")
        base = "/api/v1/nodes/node-a/proxy"
        assert (await machine.kubectl("get", "--raw", f"{base}/healthz"))[0] == b"ok"
        pods = json.loads((await machine.kubectl("get", "--raw", f"{base}/pods"))[0])
        assert "sh" in [pod["metadata"]["name"] for pod in pods["items"]]
        running = json.loads((await machine.kubectl("get", "--raw", f"{base}/runningpods/"))[0])
        assert "sh" in [pod["metadata"]["name"] for pod in running["items"]]
        summary = json.loads((await machine.kubectl("get", "--raw", f"{base}/stats/summary"))[0])
        assert summary["node"]["nodeName"] == "node-a"
        told = {"availableBytes", "usageBytes", "workingSetBytes", "rssBytes", "pageFaults", "majorPageFaults"}
        assert told <= set(summary["node"]["memory"])
        assert 0 < summary["node"]["rlimit"]["curproc"] < summary["node"]["rlimit"]["maxpid"]
        assert all(pod["process_stats"]["process_count"] > 0 for pod in summary["pods"])
        node = summary["node"]
        kinds = {"availableBytes", "capacityBytes", "usedBytes", "inodes", "inodesFree", "inodesUsed"}
        for disk in (node["fs"], node["runtime"]["imageFs"], node["runtime"]["containerFs"]):
            assert kinds <= set(disk) and 0 < disk["usedBytes"] < disk["capacityBytes"]
        assert node["network"]["interfaces"]
        assert {each["name"] for each in node["systemContainers"]} == {"kubelet", "pods"}
        assert all(each["memory"]["workingSetBytes"] > 0 for each in node["systemContainers"])
        assert node["memory"]["workingSetBytes"] <= node["memory"]["usageBytes"]
        for pod in summary["pods"]:
            assert kinds <= set(pod["ephemeral-storage"])
            parts = [container[kind] for container in pod["containers"] for kind in ("logs", "rootfs")]
            assert all(kinds <= set(each) for each in parts)
            assert pod["ephemeral-storage"]["usedBytes"] >= sum(each["usedBytes"] for each in parts)
        metrics = (await machine.kubectl("get", "--raw", f"{base}/metrics/resource"))[0]
        assert b'container_memory_working_set_bytes{container="c",namespace="default",pod="sh"}' in metrics
        metrics = (await machine.kubectl("get", "--raw", f"{base}/metrics"))[0]
        ended = b'container_type="container",exit_code="3",reason="Error"'
        assert b"kubelet_terminated_containers_total{" + ended + b"} 1\n" in metrics
        assert "kubeletconfig" in json.loads((await machine.kubectl("get", "--raw", f"{base}/configz"))[0])

    run(containerd, tmp_path, {}, body)
