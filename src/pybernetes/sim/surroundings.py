"""The surroundings of a simulated kubelet: nothing of a machine is read or written, and what it watches it shares.

All simulated nodes of a process have one copy of Pods, Nodes, Services, and of the ConfigMaps and Secrets that Pods
name (`Shared`); each kubelet is shown its part of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, cast

from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle
from pybernetes.api.core.v1 import (
    ClusterTrustBundleProjection,
    ConfigMap,
    LifecycleHandler,
    Node,
    NodeSystemInfo,
    Pod,
    Probe,
    Secret,
    Service,
)
from pybernetes.apimachinery import quantity
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.indexes import BY_NODE, node_of
from pybernetes.client.informer import Informer, InformerFactory
from pybernetes.client.objects import KubernetesObject, T
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.kubelet import runtime
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers.configs import Configs, NewContainer
from pybernetes.kubelet.containers.environment import ConfigError, Facts
from pybernetes.kubelet.cri.client import CriClient
from pybernetes.kubelet.eviction.signals import Signals
from pybernetes.kubelet.giving import Giving
from pybernetes.kubelet.node.status import Machine, architecture
from pybernetes.kubelet.objects import Reference, ReferencedObjects
from pybernetes.kubelet.pod_spec import container_hash
from pybernetes.kubelet.probes.prober import Answer, Running
from pybernetes.kubelet.resources.cgroups import Cgroups
from pybernetes.kubelet.surroundings import Events, Surroundings
from pybernetes.kubelet.volumes.csi.volumes import CsiVolumes, Recorder
from pybernetes.kubelet.volumes.manager import Volumes
from pybernetes.kubelet.volumes.payload import VolumeError, is_payload, payload
from pybernetes.kubelet.volumes.stats import NamedStats
from pybernetes.kubelet.volumes.tokens import Tokens
from pybernetes.sim.cri import ContainerConfig, SandboxConfig, SimulatedCri, SimulatedEvents
from pybernetes.sim.script import Script, ScriptError, script_of

OnBound = Callable[[int], None]
"""A Pod was bound, to any node; so many others wait to be."""


class Shared:
    """What the simulated nodes of a process have in common. `client` may read everything that any of them may."""

    def __init__(self, client: Client, clock: Clock, random: Random, on_bound: OnBound | None = None) -> None:
        self.factory = InformerFactory(client, clock, random)
        self.nodes = self.factory.informer(Node)
        self.pods = self.factory.informer(Pod)
        self.services = self.factory.informer(Service)
        self.feeds: dict[str, PodFeed] = {}
        """By node."""
        self._on_bound = on_bound
        self._unbound: set[str] = set()
        """uids"""
        self.objects = ReferencedObjects(client, self._object_changed)
        self.object_readers: dict[str, Callable[[Reference, Iterable[str]], None]] = {}
        """By uid of the Pod that names objects."""
        self.pods.add_index(BY_NODE, node_of)
        self.pods.add_handler(self._pod_added, self._pod_updated, self._pod_deleted)

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Returns when the first lists are there."""
        await self.factory.start(group)
        await self.factory.wait_synced()

    def pods_of(self, node: str) -> list[Pod]:
        return self.pods.lister.by_index(BY_NODE, node)

    def _object_changed(self, reference: Reference, uids: Iterable[str]) -> None:
        for uid in uids:
            if (told := self.object_readers.get(uid)) is not None:
                told(reference, (uid,))

    def _pod_added(self, pod: Pod) -> None:
        if not pod.spec.nodeName:
            self._unbound.add(pod.metadata.uid or "")
        if (feed := self.feeds.get(pod.spec.nodeName or "")) is not None and feed.on_add:
            feed.on_add(pod)

    def _pod_updated(self, old: Pod, pod: Pod) -> None:
        if pod.spec.nodeName and not old.spec.nodeName:
            self._unbound.discard(pod.metadata.uid or "")
            if self._on_bound is not None:
                self._on_bound(len(self._unbound))
        if (feed := self.feeds.get(pod.spec.nodeName or "")) is None:
            return
        if old.spec.nodeName != pod.spec.nodeName:
            if feed.on_add:
                feed.on_add(pod)
        elif feed.on_update:
            feed.on_update(old, pod)

    def _pod_deleted(self, pod: Pod) -> None:
        self._unbound.discard(pod.metadata.uid or "")
        if (feed := self.feeds.get(pod.spec.nodeName or "")) is not None and feed.on_delete:
            feed.on_delete(pod)


class PodFeed(Informer[Pod]):
    """The Pods of one node, out of the shared ones."""

    def __init__(self, shared: Shared, node: str) -> None:
        self._shared = shared
        self._node = node
        self.name = "Pod"
        self.lister = shared.pods.lister
        self.on_add: Callable[[Pod], None] | None = None
        self.on_update: Callable[[Pod, Pod], None] | None = None
        self.on_delete: Callable[[Pod], None] | None = None

    @property
    def has_synced(self) -> bool:
        return self._shared.pods.has_synced

    async def wait_synced(self) -> None:
        await self._shared.pods.wait_synced()

    def add_handler(
        self,
        on_add: Callable[[Pod], None] | None = None,
        on_update: Callable[[Pod, Pod], None] | None = None,
        on_delete: Callable[[Pod], None] | None = None,
    ) -> None:
        self.on_add, self.on_update, self.on_delete = on_add, on_update, on_delete
        self._shared.feeds[self._node] = self
        if on_add is not None:
            for pod in self._shared.pods_of(self._node):
                on_add(pod)


class _Informers(InformerFactory):
    """Shows one kubelet the shared informers."""

    def __init__(self, shared: Shared, node: str) -> None:
        self._shared = shared
        self._node = node

    def informer(
        self, cls: type[T], namespace: str = "", field_selector: str = "", label_selector: str = ""
    ) -> Informer[T]:
        shared = self._shared
        return cast("Informer[T]", PodFeed(shared, self._node) if cls is Pod else shared.factory.informer(cls))

    async def start(self, task_group: asyncio.TaskGroup) -> None:
        return


class _Objects(ReferencedObjects):
    """Shows one kubelet the shared ConfigMaps and Secrets."""

    def __init__(self, shared: Shared, on_change: Callable[[Reference, Iterable[str]], None]) -> None:
        self._shared = shared
        self._on_change = on_change
        self._mine: set[str] = set()

    def register(self, pod: Pod) -> None:
        uid = pod.metadata.uid or ""
        self._mine.add(uid)
        self._shared.object_readers[uid] = self._on_change
        self._shared.objects.register(pod)

    def unregister(self, uid: str) -> None:
        if uid in self._mine:
            self._mine.discard(uid)
            self._shared.object_readers.pop(uid, None)
            self._shared.objects.unregister(uid)

    async def ready(self, pod: Pod, timeout_s: float = 10.0) -> None:
        await self._shared.objects.ready(pod, timeout_s)

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        return self._shared.objects.config_map(namespace, name)

    def secret(self, namespace: str, name: str) -> Secret | None:
        return self._shared.objects.secret(namespace, name)

    def trust_bundles(self, projection: ClusterTrustBundleProjection) -> list[ClusterTrustBundle]:
        return self._shared.objects.trust_bundles(projection)

    async def stop(self) -> None:
        for uid in list(self._mine):
            self.unregister(uid)


class _Volumes(Volumes):
    """Every volume is there, once the objects are that it shows."""

    def __init__(self, objects: ReferencedObjects) -> None:
        super().__init__(Path("/nonexistent"), objects, None)

    def known_pods(self) -> set[str]:
        return set()

    async def prepare(self, pod: Pod, facts: Facts, record: Recorder) -> None:
        for volume in pod.spec.volumes:
            if not is_payload(volume):
                continue
            sources = (volume.projected.sources if volume.projected is not None else None) or []
            paths = (each.serviceAccountToken.path for each in sources if each.serviceAccountToken is not None)
            try:
                payload(pod, volume, self._objects, facts, dict.fromkeys(paths, ""))
            except (VolumeError, ValueError) as error:
                raise VolumeError(f'MountVolume.SetUp failed for volume "{volume.name}" : {error}') from error

    async def stats(self, pod: Pod, *, only_claims: bool = False) -> list[NamedStats]:
        return []

    async def refresh(self, pod: Pod, facts: Facts) -> bool:
        return False

    async def unmount(self, uid: str) -> None:
        return

    async def remove(self, uid: str) -> None:
        return


class _Configs(Configs):
    """Pods and containers as the simulated runtime takes them; what cannot be described is refused all the same."""

    def make_log_folder(self, pod: Pod, container: str = "") -> None:
        return

    def remove_log_folder(self, pod: Pod) -> None:
        return

    def restart_count_from_logs(self, pod: Pod, name: str) -> int:
        return 0

    def sandbox(self, pod: Pod, attempt: int, handler: str = "") -> tuple[Any, list[str]]:
        return SandboxConfig(pod, attempt), []

    def file_reader(self, pod: Pod) -> None:
        """Nothing writes files here, so variables out of them are left out."""
        return

    def container(self, new: NewContainer) -> Any:
        pod, spec = new.pod, new.spec
        if spec.env or spec.envFrom:
            self.environment(new)
        try:
            script_of(pod, spec)
        except ScriptError as error:
            raise ConfigError(str(error)) from None
        annotations = {
            runtime.HASH_ANNOTATION: container_hash(spec),
            runtime.RESTART_COUNT_ANNOTATION: str(new.restart_count),
        }
        return ContainerConfig(pod, spec, new.image_ref, self._pod_labels(pod), annotations)


class _Recorder(EventRecorder):
    """Of thousands of nodes only what went wrong is recorded."""

    def event(
        self, obj: KubernetesObject | Any, event_type: str, reason: str, message: str, *args: Any, **more: Any
    ) -> None:
        if event_type != "Normal":
            super().event(obj, event_type, reason, message, *args, **more)


class SimulatedSurroundings(Surroundings):
    """Of one node."""

    configs = _Configs

    def __init__(
        self, shared: Shared, node: str, clock: Clock, capacity: dict[str, str], *, only_warnings: bool
    ) -> None:
        self._shared = shared
        self._node = node
        self._clock = clock
        self._capacity = capacity
        self._only_warnings = only_warnings

    def machine(self, config: KubeletConfig) -> Machine:
        """What the Node says that it has, if there is one already."""
        node = self._shared.nodes.lister.get("", config.node_name)
        capacity = dict(node.status.capacity) if node is not None else {}
        allocatable = dict(node.status.allocatable) if node is not None else {}
        capacity = capacity or self._capacity
        info = NodeSystemInfo(
            machineID=config.node_name,
            systemUUID=config.node_name,
            bootID=config.node_name,
            kernelVersion="simulated",
            osImage="Simulated",
            operatingSystem="linux",
            architecture=architecture(),
            kubeletVersion=config.version,
            kubeProxyVersion="",
        )
        memory = quantity.value(capacity.get("memory", "0"))
        return Machine(capacity, allocatable or capacity, memory, info=info)

    def make_folders(self, config: KubeletConfig) -> None:
        return

    def remove_stray_logs(self, config: KubeletConfig, known: set[str]) -> None:
        return

    def runtime(self, config: KubeletConfig) -> CriClient:
        name = config.node_name

        def pod_cidr() -> str:
            node = self._shared.nodes.lister.get("", name)
            return (node.spec.podCIDR or "") if node is not None else ""

        def as_it_is(pod: Pod) -> Pod:
            return self._shared.pods.lister.get(pod.metadata.namespace or "", pod.metadata.name or "") or pod

        made = SimulatedCri(self._clock, pod_cidr, as_it_is)
        for pod in self._shared.pods_of(name):
            made.adopt(pod, _labels(pod))
        return made

    def events(self, cri: CriClient, on_change: Callable[[str, str], None], has_pods: Callable[[], bool]) -> Events:
        assert isinstance(cri, SimulatedCri)
        return SimulatedEvents(cri, on_change)

    def cgroups(self, config: KubeletConfig, machine: Machine) -> Cgroups | None:
        return None

    def tokens(self, client: Client | None, clock: Clock) -> Tokens | None:
        return None

    def objects(
        self, client: Client | None, on_change: Callable[[Reference, Iterable[str]], None]
    ) -> ReferencedObjects:
        return _Objects(self._shared, on_change)

    def csi(
        self, client: Client, config: KubeletConfig, clock: Clock, node: Callable[[], Awaitable[Node]]
    ) -> CsiVolumes | None:
        return None

    def volumes(
        self, config: KubeletConfig, objects: ReferencedObjects, tokens: Tokens | None, csi: CsiVolumes | None
    ) -> Volumes:
        return _Volumes(objects)

    def giving(self) -> type[Giving] | None:
        return None

    def signals(self, config: KubeletConfig, cri: CriClient, cgroups: Cgroups | None) -> Signals | None:
        return None

    def grants_folder(self, volumes: Volumes) -> Callable[[str], Path] | None:
        return None

    def recorder(self, client: Client, config: KubeletConfig, clock: Clock) -> EventRecorder:
        make = _Recorder if self._only_warnings else EventRecorder
        return make(client, "kubelet", config.node_name, clock)

    def informers(self, client: Client, clock: Clock, random: Random) -> InformerFactory:
        return _Informers(self._shared, self._node)

    async def probe(self, of: Running, probe: Probe) -> Answer:
        assert isinstance(of.cri, SimulatedCri)
        known = of.cri.container(of.container_id)
        age_s = self._clock.now() - known.started_at / 1e9
        try:
            script = script_of(of.pod, of.container)
        except ScriptError:
            script = Script()
        well = script.live(age_s) if probe is of.container.livenessProbe else script.ready(age_s)
        return Answer("success") if well else Answer("failure", "the simulation says so")

    async def run_hook(self, of: Running, handler: LifecycleHandler) -> None:
        if handler.sleep is not None:
            await asyncio.sleep(handler.sleep.seconds)


def _labels(pod: Pod) -> dict[str, str]:
    return {
        runtime.POD_NAME_LABEL: pod.metadata.name or "",
        runtime.POD_NAMESPACE_LABEL: pod.metadata.namespace or "",
        runtime.POD_UID_LABEL: pod.metadata.uid or "",
    }
