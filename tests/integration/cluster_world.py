"""A control plane in one event loop and virtual time: the real apiserver in memory, real controllers, and
nodes that only pretend: they bind, run and end Pods as the Pod's image says.

Images: `good` (runs, ready at once), `never-ready`, `ok` (succeeds after a second), `fail` (exits with 1
after a second), `fail-CODE`. A Pod that is being deleted goes after a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar, TypeVar

import msgspec

from pybernetes.api.apiextensions.v1 import CustomResourceDefinition
from pybernetes.api.core.v1 import Binding, Node, ObjectReference, Pod
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.times import format_time
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.client.objects import KubernetesObject
from pybernetes.client.transport import LocalTransport
from pybernetes.cmd import wiring
from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.controllers.daemonset.placement import target_node
from pybernetes.controllers.manager import ControllerManager
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Handler
from pybernetes.sim.loop import run
from pybernetes.storage.memory import MemoryStore

T = TypeVar("T", bound=KubernetesObject)
_ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
NODE = "node-1"
WITHOUT_NODE_HEALTH = ["*", "-node-lifecycle-controller", "-taint-eviction-controller"]
"""The pretended node sends no heartbeats."""


def local_client_for(handler: Handler) -> Callable[[str], Client]:
    """How controllers in the apiserver's own process speak to it: each as its ServiceAccount, no sockets."""

    def client_for(account: str) -> Client:
        user = wiring.service_account(account) if account else wiring.CONTROLLER_MANAGER
        return Client(LocalTransport(handler, user), account or "kube-controller-manager")

    return client_for


class World:
    api_config: ClassVar[ApiServerConfig] = ApiServerConfig(bind_addresses=(), port=-1)

    def __init__(self, seed: int, config: ControllerManagerConfig) -> None:
        self.clock = LoopClock()
        self.random = Random(seed)
        self.store = MemoryStore()
        self.api = ApiServer(self.api_config, self.store, self.clock, self.random)
        self.client = Client(LocalTransport(self.api.handler, _ADMIN), "test")
        self._config = config
        self._tasks: list[asyncio.Task[None]] = []
        self._pods_in_work: set[asyncio.Task[None]] = set()
        self.manager = self._manager()

    def _manager(self) -> ControllerManager:
        return ControllerManager(local_client_for(self.api.handler), self._config, self.clock, self.random)

    async def start(self) -> None:
        await self.api.start()
        await self.add_node(NODE)
        self._tasks.append(asyncio.create_task(self._run_pods()))
        await self.start_controllers()

    async def start_controllers(self) -> None:
        self.manager = self._manager()
        self._controllers = asyncio.create_task(self.manager.run())
        await asyncio.wait_for(self.manager.started.wait(), 60)

    async def kill_controllers(self) -> None:
        self._controllers.cancel()
        await asyncio.gather(self._controllers, return_exceptions=True)

    async def stop(self) -> None:
        await self.kill_controllers()
        for task in [*self._tasks, *self._pods_in_work]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._pods_in_work, return_exceptions=True)
        await self.api.stop()

    async def add_node(self, name: str, **labels: str) -> None:
        """A node that is ready, so without the taint that new ones have until they report."""
        await self.client.create(Node(metadata=ObjectMeta(name=name, labels=labels)))
        await self.client.patch(Node, name, "", {"spec": {"taints": None}})

    # What tests do.

    async def create(self, cls: type[T], tree: dict[str, Any]) -> T:
        tree.setdefault("metadata", {}).setdefault("namespace", "default")
        return await self.client.create(msgspec.convert(tree, cls))

    async def items(self, cls: type[T], namespace: str = "default") -> list[T]:
        return (await self.client.list(cls, namespace)).items

    async def gone(self, cls: type[T], name: str, namespace: str = "default") -> bool:
        try:
            await self.client.get(cls, name, namespace)
        except errors.NotFound:
            return True
        return False

    async def until(self, what: Callable[[], Awaitable[bool]], within_s: float = 120.0) -> float:
        """Waits in virtual time; returns how long it took."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not await what():
            if loop.time() - start > within_s:
                raise AssertionError(f"not within {within_s} s (virtual)")
            await asyncio.sleep(0.05)
        return loop.time() - start

    @contextlib.asynccontextmanager
    async def following(self, cls: type[T], look: Callable[[list[T]], None]) -> AsyncIterator[None]:
        """Calls `look` with all objects after every change of one, however fast changes come."""
        factory = InformerFactory(self.client, self.clock, self.random)
        informer = factory.informer(cls)

        def changed(*_: object) -> None:
            if informer.has_synced:
                look(informer.lister.list())

        informer.add_handler(changed, changed, changed)
        async with asyncio.TaskGroup() as group:
            await factory.start(group)
            await factory.wait_synced()
            yield
            factory.stop()

    async def settle(self, seconds: float = 5.0) -> None:
        await asyncio.sleep(seconds)

    # What nodes do.

    async def _run_pods(self) -> None:
        factory = InformerFactory(self.client, self.clock, self.random)
        pods = factory.informer(Pod)
        pods.add_handler(on_add=self._pod_seen, on_update=self._pod_changed)
        async with asyncio.TaskGroup() as group:
            await factory.start(group)

    def _pod_changed(self, old: Pod, new: Pod) -> None:
        if new.metadata.deletionTimestamp and not old.metadata.deletionTimestamp:
            self._later(self._end(new))

    def _pod_seen(self, pod: Pod) -> None:
        if pod.metadata.deletionTimestamp:
            self._later(self._end(pod))
        elif pod.status.phase == "Pending":
            self._later(self._live(pod))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._pods_in_work.add(task)
        task.add_done_callback(self._pods_in_work.discard)

    async def _live(self, pod: Pod) -> None:
        with contextlib.suppress(errors.NotFound, errors.Conflict):
            name, namespace = pod.metadata.name or "", pod.metadata.namespace or ""
            binding = Binding(
                metadata=ObjectMeta(name=name, namespace=namespace),
                target=ObjectReference(kind="Node", name=target_node(pod) or NODE),
            )
            if not pod.spec.nodeName:
                await self.client.create_subresource(Pod, name, namespace, "binding", binding, binding_answer())
            image = pod.spec.containers[0].image or ""
            await self._tell(pod, "Running", ready=image != "never-ready")
            if image == "ok" or image.startswith("fail"):
                await asyncio.sleep(1)
                code = 0 if image == "ok" else int(image.partition("-")[2] or 1)
                await self._tell(pod, "Failed" if code else "Succeeded", ready=False, code=code)

    async def _end(self, pod: Pod) -> None:
        await asyncio.sleep(1)
        with contextlib.suppress(errors.NotFound):
            name, namespace = pod.metadata.name or "", pod.metadata.namespace or ""
            await self.client.delete(Pod, name, namespace, grace_period_s=0, uid=pod.metadata.uid or "")

    async def _tell(self, pod: Pod, phase: str, ready: bool, code: int | None = None) -> None:
        now = format_time(self.clock.now())
        state: dict[str, Any] = {"running": {"startedAt": now}}
        if code is not None:
            state = {"terminated": {"exitCode": code, "finishedAt": now, "startedAt": now}}
        container = pod.spec.containers[0]
        status = {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": now}],
            "containerStatuses": [
                {
                    "name": container.name,
                    "image": container.image,
                    "imageID": "",
                    "ready": ready,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        }
        await self.client.patch(
            Pod,
            pod.metadata.name or "",
            pod.metadata.namespace or "",
            {"status": status},
            patch_type="merge",
            subresource="status",
        )


def binding_answer() -> Any:
    from pybernetes.api.meta.v1 import Status

    return Status


@contextlib.asynccontextmanager
async def world(seed: int = 1, made: type[World] = World, **config: Any) -> AsyncIterator[World]:
    config.setdefault("controllers", WITHOUT_NODE_HEALTH)
    config.setdefault("root_ca_pem", "the CA")
    found = made(seed, ControllerManagerConfig(**config))
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


def in_world(body: Callable[[World], Awaitable[None]], seed: int = 1, made: type[World] = World, **config: Any) -> None:
    async def main() -> None:
        async with world(seed, made, **config) as w:
            await body(w)

    run(main())


def pod_template(image: str = "good", **labels: str) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}


def deployment(name: str = "web", replicas: int = 3, image: str = "good", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(image, app=name),
            **spec,
        },
    }


def job(name: str = "work", image: str = "ok", **spec: Any) -> dict[str, Any]:
    template = pod_template(image)
    template["spec"]["restartPolicy"] = "Never"
    return {"metadata": {"name": name}, "spec": {"template": template, **spec}}


def definition(name: str, schema: dict[str, Any] | None = None) -> CustomResourceDefinition:
    """Of NAMEs in v1 of example.com; without a schema of all that anybody says."""
    names = {"plural": f"{name}s", "singular": name, "kind": name.title(), "listKind": f"{name.title()}List"}
    unknown = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema or unknown}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return msgspec.convert({"metadata": {"name": f"{name}s.example.com"}, "spec": spec}, CustomResourceDefinition)
