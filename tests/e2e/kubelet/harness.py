"""One apiserver in memory, one kubelet, one containerd, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pybernetes.api.core.v1 import ConfigMap, Event, Node, Pod, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.kubelet.serving.kubelet_metrics import kubelet_metrics
from pybernetes.storage.memory import MemoryStore

from .private_containerd import IMAGE, PrivateContainerd

NODE = "node-a"
PATIENCE_S = 100
"""For what takes a second on a quiet machine."""


class Cluster:
    def __init__(self, containerd: PrivateContainerd, server: ApiServer) -> None:
        self.containerd = containerd
        self.admin = self._client(server, "admin", "system:masters")
        self._node_client = self._client(server, f"system:node:{NODE}", "system:nodes")
        self.settings: dict[str, Any] = {}
        """Of the kubelet's configuration, for its next start."""
        self.kubelet: Kubelet
        self._running: asyncio.Task[None] | None = None

    def _client(self, server: ApiServer, name: str, *groups: str) -> Client:
        user = UserInfo(name, groups=(*groups, "system:authenticated"))
        return Client(LocalTransport(server.handler, user))

    @property
    def folder(self) -> Path:
        return self.containerd.folder / "node"

    def config(self) -> KubeletConfig:
        config = KubeletConfig(
            node_name=NODE,
            node_ip="127.0.0.1",
            cri_endpoint=str(self.containerd.socket),
            root_dir=str(self.folder / "kubelet"),
            pod_log_dir=str(self.folder / "pods"),
            cgroup_root=self.containerd.cgroup_root,
            static_pod_path=str(self.folder / "manifests"),
            server_address="127.0.0.1",
            server_port=0,
            eviction_hard={},
        )
        for name, value in self.settings.items():
            setattr(config, name, value)
        return config

    async def start_kubelet(self) -> None:
        self.kubelet = Kubelet(self._node_client, self.config(), SystemClock(), Random())
        self._running = asyncio.create_task(self.kubelet.run())
        started = asyncio.create_task(self.kubelet.started.wait())
        await asyncio.wait([started, self._running], return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_S)
        if not started.done():
            await self._running

    async def stop_kubelet(self) -> None:
        """As suddenly as a process that is killed: nothing of it runs on, nothing is tidied."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def create(self, name: str, containers: list[dict[str, Any]] | None = None, **spec: Any) -> Pod:
        return await self.admin.create(self.pod(name, containers, **spec))

    def pod(self, name: str, containers: list[dict[str, Any]] | None = None, **spec: Any) -> Pod:
        given = containers or [{"name": "c", "command": ["sleep", "3600"]}]
        tree = {
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {
                "nodeName": NODE,
                "terminationGracePeriodSeconds": 1,
                "containers": [{"image": IMAGE, **c} for c in given],
                **spec,
            },
        }
        return msgspec.convert(tree, Pod)

    async def get(self, name: str) -> Pod:
        return await self.admin.get(Pod, name, "default")

    async def until(self, name: str, done: Callable[[Pod], Any]) -> Pod:
        pod = await self.get(name)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not done(pod):
                    await asyncio.sleep(0.02)
                    pod = await self.get(name)
        except TimeoutError:
            text = msgspec.json.format(msgspec.json.encode(pod.status)).decode()
            raise AssertionError(f"{name} did not come so far: {text}\n{await self.events(name)}") from None
        return pod

    async def until_new(self, name: str, old_uid: str) -> Pod:
        """The pod of that name with another uid, running."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(errors.NotFound):
                    pod = await self.get(name)
                    if pod.metadata.uid != old_uid and pod.status.phase == "Running":
                        return pod
                await asyncio.sleep(0.02)

    async def running(self, name: str) -> Pod:
        return await self.until(name, lambda p: p.status.phase == "Running" and all_ready(p))

    async def delete(self, name: str, grace_period_s: int | None = None) -> None:
        await self.admin.delete(Pod, name, "default", grace_period_s=grace_period_s)

    def new_folder(self, kind: str) -> Path:
        """For a plugin of a test: one of its own."""
        return self.folder / f"{kind}-{len(list(self.folder.glob(f'{kind}-*')))}"

    async def delete_all(self) -> None:
        for name in [runner.worker.pod.metadata.name or "" for runner in self.kubelet.runners.values()]:
            with contextlib.suppress(errors.NotFound):
                await self.delete(name, 0)
        await self.until_runners(lambda runners: not runners)

    async def gone(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.get(name)
                except errors.NotFound:
                    break
                await asyncio.sleep(0.02)
            await self.until_runners(lambda runners: name not in runners)

    async def until_runners(self, done: Callable[[set[str]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if done({r.worker.pod.metadata.name or "" for r in self.kubelet.runners.values()}):
                    return
                await asyncio.sleep(0.02)

    async def until_allocatable(self, resource: str, amount: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                nodes = (await self.admin.list(Node)).items  # none while it is not registered yet
                if any(node.status.allocatable.get(resource) == amount for node in nodes):
                    return
                await asyncio.sleep(0.02)

    async def log_has(self, pod: Pod, text: str) -> bool:
        container = pod.spec.containers[0].name
        folder = self.kubelet.node.configs.log_folder_of(pod) / container
        return any(text in file.read_text() for file in folder.glob("*.log"))

    async def events(self, name: str) -> list[str]:
        """What the kubelet has told of the pod so far."""
        await self.kubelet.recording.flush()
        page = await self.admin.list(Event, "default")
        found = [e for e in page.items if e.involvedObject.name == name]
        return [f"{e.reason}: {e.message}" for e in found]

    async def was_told(self, name: str, text: str) -> bool:
        return any(text in event for event in await self.events(name))

    def figures(self) -> dict[str, float]:
        """What the kubelet's page of metrics has now, by name and labels."""
        lines = (line for line in kubelet_metrics(self.kubelet, ()) if not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    async def exec(self, pod: Pod, *command: str) -> str:
        container_id = (pod.status.containerStatuses[0].containerID or "").rpartition("//")[2]
        stdout, stderr, code = await self.kubelet.cri.exec_sync(container_id, list(command), PATIENCE_S)
        assert code == 0, stderr.decode()
        return stdout.decode()


T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]]) -> T:
    """What `look` finds, once it finds something."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.02)


def all_ready(pod: Pod) -> bool:
    return bool(pod.status.containerStatuses) and all(s.ready for s in pod.status.containerStatuses)


@contextlib.asynccontextmanager
async def cluster(containerd: PrivateContainerd) -> AsyncIterator[Cluster]:
    clock = SystemClock()
    server = ApiServer(ApiServerConfig(port=-1, bind_addresses=()), MemoryStore(clock), clock, Random())
    await server.start()
    made = Cluster(containerd, server)
    await made.admin.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    root_ca = ObjectMeta(name="kube-root-ca.crt", namespace="default")
    await made.admin.create(ConfigMap(metadata=root_ca, data={"ca.crt": "-"}))
    try:
        await made.start_kubelet()
        yield made
        for pod in (await made.admin.list(Pod)).items:
            with contextlib.suppress(errors.NotFound):
                await made.admin.delete(Pod, pod.metadata.name or "", "default", grace_period_s=0)
        await made.until_runners(lambda runners: not runners)
    finally:
        await made.stop_kubelet()
        await server.stop()


def play(containerd: PrivateContainerd, scene: Callable[[Cluster], Awaitable[None]]) -> None:
    async def run() -> None:
        async with cluster(containerd) as made:
            await scene(made)

    asyncio.run(run())


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"name": "c", "command": ["sh", "-c", script], **more}


def neighbour() -> dict[str, Any]:
    """A container that serves whatever happens beside it."""
    probe = {"httpGet": {"port": 8080}, "periodSeconds": 1, "timeoutSeconds": 30}
    return shell("mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www", readinessProbe=probe)


async def resize(k: Cluster, name: str, **containers: dict[str, Any]) -> Pod:
    """Asks for other resources of containers, by their names."""
    wanted = {"spec": {"containers": [{"name": n, "resources": r} for n, r in containers.items()]}}
    return await k.admin.patch(Pod, name, "default", wanted, patch_type="strategic", subresource="resize")
