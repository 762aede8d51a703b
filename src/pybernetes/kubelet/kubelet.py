"""The kubelet: pods of one node, from the API and a directory, kept running in a container runtime.

    informer (spec.nodeName=me) ─┐                      ┌─► runtime (CRI)
    static pods (inotify) ───────┼─► PodRunner, a pod ──┼─► volumes, cgroups, probes
    runtime's events ────────────┘                      └─► status writer ─► API

This module wires the parts and finds the runner that a fact is for. What a pod needs is decided in
`worker/`; nothing here looks into a pod.

Source: pkg/kubelet/kubelet.go, pkg/kubelet/kubelet_pods.go HandlePodCleanups.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.api.core.v1 import Container as ContainerSpec
from pybernetes.api.core.v1 import Node as NodeObject
from pybernetes.api.core.v1 import ObjectReference, Pod, Service
from pybernetes.api.node.v1 import RuntimeClass
from pybernetes.apimachinery import errors, quantity
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION, is_finished
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.informer import Informer
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.kubelet import pod_spec, runtime
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers.configs import NodeFacts, instance_of
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.ending import Endings
from pybernetes.kubelet.images import Images
from pybernetes.kubelet.node.agent import NodeAgent
from pybernetes.kubelet.node.garbage import Garbage
from pybernetes.kubelet.node.log_rotation import LogRotation
from pybernetes.kubelet.node.status import default_address, initial_node
from pybernetes.kubelet.objects import Reference
from pybernetes.kubelet.probes.manager import Probes
from pybernetes.kubelet.resources.admission import Rejection, admit
from pybernetes.kubelet.resources.requests import pod_requests
from pybernetes.kubelet.resources.resizing import Grants
from pybernetes.kubelet.runtime import FoundPod, sandbox_of
from pybernetes.kubelet.serving.host import Exits, Host
from pybernetes.kubelet.sources.static_pods import MirrorPods, StaticPods
from pybernetes.kubelet.surroundings import Surroundings
from pybernetes.kubelet.volumes.csi.volumes import CsiVolumes
from pybernetes.kubelet.volumes.payload import VolumeError
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.machine import PodWorker, Stage, WorkerSettings
from pybernetes.kubelet.worker.shell import Node, PodRunner, observed
from pybernetes.kubelet.worker.status_writer import StatusWriter

if TYPE_CHECKING:
    from pybernetes.kubelet.serving.server import KubeletServer

_LOG = logging.getLogger(__name__)
_RUNTIME_RETRY_S = 0.1
_MIRROR_RETRY_S = 2.0
_STRAYS_RETRY_S = 5.0
_SYSTEM_LOGS = "/var/log"


class Kubelet:
    """`client` None runs static pods alone. `run` ends when it is cancelled; pods run on."""

    def __init__(
        self,
        client: Client | None,
        config: KubeletConfig,
        clock: Clock,
        random: Random,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.around = surroundings or Surroundings()
        self.client = client
        self.config = config
        self.clock = clock
        self.random = random
        self.runners: dict[str, PodRunner] = {}
        self.started = asyncio.Event()
        """Set when pods that ran before are adopted and new ones are taken."""
        self.server_port = 0
        self.cri: CriClient
        self.node: Node
        self.agent: NodeAgent | None = None
        self.csi: CsiVolumes | None = None
        self.machine = self.around.machine(config)
        self.settings = WorkerSettings(host_ips=[config.node_ip or default_address()], began_s=clock.now())
        self._static: dict[str, Pod] = {}
        self._by_source: dict[str, dict[str, Pod]] = {}
        self._unread = {"file"} if config.static_pod_path else set[str]()
        if config.static_pod_url:
            self._unread.add("http")
        self._orphans_looked_for = False
        self._mirrors: dict[tuple[str, str], Pod] = {}
        self._found: dict[str, FoundPod] = {}
        self._making_room: set[str] = set()
        self.exits = Exits(self._is_running)
        self._group: asyncio.TaskGroup
        self._recorder: EventRecorder | None = None
        self._server: KubeletServer | None = None
        self._pods: Informer[Pod] | None = None
        self._services: Informer[Service] | None = None
        self._node_informer: Informer[NodeObject] | None = None
        self._mirror_pods: MirrorPods | None = None

    # Life.

    async def run(self) -> None:
        """Serves until cancelled. Raises OSError where the node's folders or cgroups cannot be made."""
        self.around.make_folders(self.config)
        async with self.around.runtime(self.config) as self.cri, asyncio.TaskGroup() as self._group:
            self._assemble()
            events = self.around.events(self.cri, self._container_changed, lambda: bool(self.runners))
            try:
                await self._start_server()
                if self.agent is not None:
                    self.spawn(self.agent.run(), "node")
                await self._wait_for_runtime()
                self._found = await self._look_at_runtime()
                self.spawn(events.run(), "container events")
                await self._follow_sources()
                self._adopt_orphans()
                self.started.set()
                self._reconcile_mirrors()
                self.spawn(self.endings.run(), "eviction")
                await self._housekeep(self._garbage)
            finally:
                await self._close()

    async def _close(self) -> None:
        for runner in self.runners.values():
            runner.close()
        self.node.probes.stop_all()
        await self.node.objects.stop()
        await self._stop_server()
        if self.csi is not None:
            await self.csi.drivers.close()
        if self._recorder is not None:
            await self._recorder.stop()

    def _assemble(self) -> None:
        config, client, around = self.config, self.client, self.around
        cgroups = around.cgroups(config)
        if cgroups is not None:
            cgroups.setup()
        tokens = around.tokens(client, self.clock)
        objects = around.objects(client, self._objects_changed)
        if client is not None:
            self.csi = around.csi(client, config, self.clock, self._registered)
        volumes = around.volumes(config, objects, tokens, self.csi)
        self.grants = Grants(around.grants_folder(volumes), self._no_room)
        facts = NodeFacts(self.settings.host_ips, self.machine.allocatable, self.machine.memory_bytes)
        configs = around.configs(self.cri, config, volumes, objects, self._known_services, cgroups, facts)
        self._garbage = Garbage(self.cri, config, self.clock)
        self.endings = Endings(self, self._garbage, around.signals(config, self.cri, cgroups))
        images = Images(
            self.cri,
            objects,
            serialize=config.serialize_image_pulls,
            max_parallel=config.max_parallel_image_pulls,
        )
        self.node = Node(
            cri=self.cri,
            images=images,
            volumes=volumes,
            objects=objects,
            configs=configs,
            cgroups=cgroups,
            probes=Probes(self.clock, self.random, self.settings.began_s),
            statuses=StatusWriter(client, self._api_pod, self.spawn, lambda _uid: None),
            clock=self.clock,
            record=self.record,
            spawn=self.spawn,
            services_known=asyncio.Event(),
            probe=around.probe,
            run_hook=around.run_hook,
            on_stage=self._stage_changed,
            runtime_handler=self._runtime_handler,
            has_exited=lambda container_id: container_id in self.exits,
            exited_within=self.exits.noted_within,
            on_exit=self.exits.told,
        )
        if tokens is not None:
            self.node.forget_tokens = tokens.forget
            self.node.renew_at_s = tokens.renew_at_s
        if client is not None:
            self._recorder = around.recorder(client, config, self.clock)
            self.agent = NodeAgent(
                client,
                self.cri,
                config,
                self.machine,
                self.settings.host_ips,
                self.clock,
                lambda: self.server_port,
                self.record_of_node,
                self._shown_node,
                lambda: self.csi.attachments.in_use if self.csi is not None else (),
            )
            if self.csi is not None:
                self.csi.attachments.changed = self.agent.something_changed
                self.csi.record_of_claim = self._recorder.event
            self._mirror_pods = MirrorPods(client, lambda: self.agent.node if self.agent is not None else None)

    async def _wait_for_runtime(self) -> None:
        told = False
        while True:
            try:
                told_version = await self.cri.version()
                self.settings.runtime_name = told_version.runtime_name
                self.node.volumes.no_images = runtime.lacks_image_volumes(
                    told_version.runtime_name, told_version.runtime_version
                )
                return
            except CriError as error:
                if not told:
                    _LOG.warning("waiting for the container runtime at %s: %s", self.cri.endpoint, error.message)
                    told = True
                await asyncio.sleep(_RUNTIME_RETRY_S)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task whose failure is told and harms nobody else."""
        return self._group.create_task(self._guarded(work, name), name=name)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            _LOG.exception("%s failed", name)

    # What ran before this kubelet began.

    async def _look_at_runtime(self) -> dict[str, FoundPod]:
        """Pods that this kubelet (in an earlier life) made; of others' containers nothing is known here."""
        mine = {runtime.KUBELET_LABEL: instance_of(self.config)}
        found: dict[str, FoundPod] = {}

        def pod_of(labels: Any) -> FoundPod:
            uid = labels[runtime.POD_UID_LABEL]
            if uid not in found:
                names = labels[runtime.POD_NAMESPACE_LABEL], labels[runtime.POD_NAME_LABEL]
                found[uid] = FoundPod(uid, *names)
            return found[uid]

        for item in await self.cri.list_pod_sandboxes(mine):
            pod = pod_of(item.labels)
            try:
                status = (await self.cri.pod_sandbox_status(item.id)).status
            except CriError as error:
                if error.not_found:
                    continue
                raise
            pod.runtime = pod.runtime.with_sandbox(sandbox_of(status))
        for item in await self.cri.list_containers(mine):
            pod = pod_of(item.labels)
            try:
                status = (await self.cri.container_status(item.id)).status
            except CriError as error:
                if error.not_found:
                    continue
                raise
            pod.runtime = pod.runtime.with_container(observed(status, item.pod_sandbox_id))
            grace = status.annotations.get(runtime.GRACE_PERIOD_ANNOTATION, "")
            pod.grace_period_s = int(grace) if grace.isdecimal() else pod.grace_period_s
        return found

    def _adopt_orphans(self) -> None:
        """Pods that run and that no source asks for are ended; folders and cgroups of none are removed."""
        if self._unread or self._orphans_looked_for:
            return
        self._orphans_looked_for = True
        for uid, found in self._found.items():
            if uid in self.runners:
                continue
            pod = _pod_from_labels(found)
            runner = self._new_runner(pod)
            runner.post(m.PodRemoved())
        self._found = {}
        strays = self.node.volumes.known_pods()
        if self.node.cgroups is not None:
            strays |= self.node.cgroups.pods()
        self.spawn(self._remove_strays(strays - set(self.runners)), "strays")
        known = {self.node.configs.log_folder_of(r.worker.pod).name for r in self.runners.values()}
        self.around.remove_stray_logs(self.config, known)

    async def _remove_strays(self, uids: set[str]) -> None:
        """What a driver has to give back waits until the driver is there."""
        while True:
            uids = {uid for uid in uids if not await self._stray_removed(uid)}
            try:
                if not uids and self.csi is not None:
                    await self.csi.tear_down_strays()
                if not uids:
                    return
            except (VolumeError, OSError) as error:
                _LOG.warning("a volume that nobody uses stays for now: %s", error)
            await asyncio.sleep(_STRAYS_RETRY_S)

    async def _stray_removed(self, uid: str) -> bool:
        try:
            await self.node.volumes.remove(uid)
            if self.node.cgroups is not None:
                self.node.cgroups.remove(uid)
        except VolumeError as error:
            _LOG.warning("volumes of pod %s, which is gone, stay for now: %s", uid, error)
            return False
        except OSError as error:
            _LOG.warning("what is left of pod %s cannot be removed: %s", uid, error)
        return True

    # Where pods come from.

    async def _follow_sources(self) -> None:
        if self.client is not None:
            factory = self.around.informers(self.client, self.clock, self.random)
            name = self.config.node_name
            self._services = factory.informer(Service)
            self._node_informer = factory.informer(NodeObject, field_selector=f"metadata.name={name}")
            self._pods = factory.informer(Pod, field_selector=f"spec.nodeName={name}")
            self._pods.add_handler(
                on_add=self._pod_seen, on_update=lambda _old, pod: self._pod_seen(pod), on_delete=self._pod_gone
            )
            if self.csi is not None:
                seen = self.csi.attachments.node_seen
                self._node_informer.add_handler(on_add=seen, on_update=lambda _old, node: seen(node))
                self.spawn(self._follow_plugins(self.csi), "plugins")
            await factory.start(self._group)
            self.spawn(self._when_services_known(), "services")
        else:
            self.node.services_known.set()
        if self.config.static_pod_path:
            static = StaticPods(
                Path(self.config.static_pod_path),
                self.config.node_name,
                self.clock,
                partial(self._static_pods_read, "file"),
            )
            self.spawn(static.run(), "static pods")
            await asyncio.sleep(0)
        if self.config.static_pod_url:
            self.spawn(self._follow_url(), "static pods from a URL")
        if self._pods is not None:
            await self._pods.wait_synced()

    async def _registered(self) -> NodeObject:
        assert self.agent is not None
        return await self.agent.registered()

    async def _follow_plugins(self, csi: CsiVolumes) -> None:
        """Takes what registers in the folder of plugins, after it is told which node this is."""
        from pybernetes.kubelet.plugins.registration import Plugins

        await csi.drivers.begin()
        await Plugins(Path(self.config.root_dir, "plugins_registry"), {"CSIPlugin": csi.drivers}).run()

    async def _follow_url(self) -> None:
        from pybernetes.kubelet.sources.manifest_url import ManifestUrl

        config = self.config
        source = ManifestUrl(
            config.static_pod_url,
            config.static_pod_url_headers,
            config.http_check_frequency_s,
            config.node_name,
            self.clock,
            partial(self._static_pods_read, "http"),
        )
        await source.run()

    async def _when_services_known(self) -> None:
        assert self._services is not None
        await self._services.wait_synced()
        self.node.services_known.set()

    def _known_services(self) -> Iterable[Service]:
        return self._services.lister.list() if self._services is not None else ()

    def _pod_seen(self, pod: Pod) -> None:
        if pod_spec.is_mirror(pod):
            self._mirror_seen(pod)
            return
        self._wanted(pod)
        self.node.statuses.seen(pod_spec.uid_of(pod), pod)

    def _pod_gone(self, pod: Pod) -> None:
        if pod_spec.is_mirror(pod):
            self._mirrors.pop(_full_name(pod), None)
            self._reconcile_mirrors()
            return
        runner = self.runners.get(pod_spec.uid_of(pod))
        if runner is not None:
            if pod.metadata.deletionTimestamp is not None:
                runner.post(m.PodUpdated(self.grants.decide(pod).pod))
            runner.post(m.PodRemoved())

    def _wanted(self, pod: Pod) -> None:
        uid = pod_spec.uid_of(pod)
        runner = self.runners.get(uid)
        if runner is not None:
            self._updated(runner, pod)
            return
        adopted = uid in self._found
        rejection = None
        if adopted:
            self.grants.remembered(pod)
        if not adopted and not is_finished(pod) and pod.metadata.deletionTimestamp is None:
            node = self._own_node()
            if uid in self._making_room:
                return
            rejection = self.endings.refuses(pod) or admit(pod, self._active_pods(), node, self.machine.allocatable)
            if rejection is not None:
                room = self.endings.make_room(pod, rejection)
                if not isinstance(room, Rejection):
                    self._making_room.add(uid)
                    self.spawn(self._wanted_after(pod, room), "preemption")
                    return
                rejection = room
            if rejection is None:
                self.grants.admitted(pod)
        decision = self.grants.decide(pod)
        runner = self._new_runner(decision.pod)
        if rejection is not None:
            self.record(pod, "Warning", rejection.reason, rejection.message, "")
            runner.post(m.PodEnded(rejection.reason, f"Pod was rejected: {rejection.message}"))
        else:
            runner.pod_updated(decision)

    async def _wanted_after(self, pod: Pod, others: list[Pod]) -> None:
        """A critical pod begins when those that make room for it are gone."""
        for other in others:
            await self.endings.gone(other)
        uid = pod_spec.uid_of(pod)
        self._making_room.discard(uid)
        newest = self._static.get(uid) or self._api_pod_named(pod)
        if newest is not None and uid not in self.runners:
            self._wanted(newest)

    def _api_pod_named(self, pod: Pod) -> Pod | None:
        if self._pods is None:
            return None
        found = self._pods.lister.get(pod.metadata.namespace or "", pod.metadata.name or "")
        return found if found is not None and pod_spec.uid_of(found) == pod_spec.uid_of(pod) else None

    def _updated(self, runner: PodRunner, pod: Pod) -> None:
        """A pod that runs has another spec or other metadata: it gets what it asks for where there is room."""
        before = pod_requests(runner.worker.pod) if self.grants.waiting else {}
        decision = self.grants.decide(pod)
        runner.pod_updated(decision)
        if decision.started and before and _shrunk(before, pod_requests(pod)):
            self._grant_waiting()

    def _grant_waiting(self) -> None:
        """Room was made: pods that wait for resources are looked at in their turn."""
        for pod in self.grants.in_turn():
            runner = self.runners.get(pod_spec.uid_of(pod))
            if runner is None or runner.worker.stage is not Stage.SYNCING:
                self.grants.forget(pod_spec.uid_of(pod))
                continue
            decision = self.grants.decide(pod)
            if decision.started:
                runner.pod_updated(decision)

    def _no_room(self, pod: Pod) -> str:
        others = [p for p in self._active_pods() if pod_spec.uid_of(p) != pod_spec.uid_of(pod)]
        rejection = admit(pod, others, self._own_node(), self.machine.allocatable)
        return rejection.message if rejection is not None else ""

    def _new_runner(self, pod: Pod) -> PodRunner:
        uid = pod_spec.uid_of(pod)
        runner = PodRunner(PodWorker(pod, self.settings), self.node)
        self.runners[uid] = runner
        found = self._found.get(uid)
        if found is not None:
            runner.worker.runtime = found.runtime
        return runner

    async def _runtime_handler(self, pod: Pod) -> str:
        name = pod.spec.runtimeClassName
        if not name or self.client is None:
            return ""
        return (await self.client.get(RuntimeClass, name)).handler

    def _shown_node(self) -> NodeObject | None:
        return self._node_informer.lister.get("", self.config.node_name) if self._node_informer is not None else None

    def _own_node(self) -> NodeObject:
        if (shown := self._shown_node()) is not None:
            return shown
        if self.agent is not None and self.agent.node is not None:
            return self.agent.node
        return initial_node(self.config)

    def _active_pods(self) -> list[Pod]:
        active = (Stage.SYNCING, Stage.TERMINATING)
        return [r.worker.pod for r in self.runners.values() if r.worker.stage in active and not r.worker.override]

    # Static pods and their mirrors.

    def _static_pods_read(self, source: str, found: dict[str, Pod]) -> None:
        self._unread.discard(source)
        self._by_source[source] = found
        pods = {uid: pod for one in self._by_source.values() for uid, pod in one.items()}
        gone = [uid for uid in self._static if uid not in pods]
        new = [pod for uid, pod in pods.items() if uid not in self._static]
        self._static = dict(pods)
        for uid in gone:
            runner = self.runners.get(uid)
            if runner is not None:
                runner.post(m.PodRemoved())
        for pod in new:
            self._wanted(pod)
        self._reconcile_mirrors()
        if self.started.is_set():
            self._adopt_orphans()

    def _mirror_seen(self, mirror: Pod) -> None:
        before = self._mirrors.get(_full_name(mirror))
        new = before is None or before.metadata.uid != mirror.metadata.uid
        self._mirrors[_full_name(mirror)] = mirror
        self._reconcile_mirrors()
        for uid, pod in self._static.items():
            if _full_name(pod) != _full_name(mirror) or (runner := self.runners.get(uid)) is None:
                continue
            if new:
                self.node.statuses.write(uid, runner.worker.status, False)
            else:
                self.node.statuses.seen(uid, mirror)

    def _reconcile_mirrors(self) -> None:
        if self._mirror_pods is None:
            return
        wanted = {_full_name(pod): pod for pod in self._static.values()}
        for name, mirror in self._mirrors.items():
            if name not in wanted and self._static_read():
                self.spawn(self._remove_mirror(mirror), f"mirror of {name[1]}")
        for name, pod in wanted.items():
            existing = self._mirrors.get(name)
            digest = pod.metadata.annotations.get(pod_spec.HASH_ANNOTATION)
            if (
                existing is None
                or existing.metadata.deletionTimestamp is not None
                or existing.metadata.annotations.get(MIRROR_ANNOTATION) != digest
            ):
                self.spawn(self._ensure_mirror(pod, existing), f"mirror of {name[1]}")

    def _static_read(self) -> bool:
        return not self._unread

    async def _ensure_mirror(self, pod: Pod, existing: Pod | None) -> None:
        assert self._mirror_pods is not None and self.agent is not None
        await self.agent.registered()
        try:
            await self._mirror_pods.ensure(pod, existing)
        except (errors.StatusError, OSError) as error:
            _LOG.warning("the mirror of static pod %s cannot be made yet: %s", pod.metadata.name, error)
            await asyncio.sleep(_MIRROR_RETRY_S)
            self._reconcile_mirrors()

    async def _remove_mirror(self, mirror: Pod) -> None:
        assert self._mirror_pods is not None
        try:
            await self._mirror_pods.remove(mirror)
        except (errors.StatusError, OSError) as error:
            _LOG.warning("mirror pod %s cannot be removed: %s", mirror.metadata.name, error)

    def _api_pod(self, uid: str) -> Pod | None:
        """The object in the API that shows the pod of that uid."""
        static = self._static.get(uid)
        if static is not None:
            return self._mirrors.get(_full_name(static))
        runner = self.runners.get(uid)
        return self._api_pod_named(runner.worker.pod) if runner is not None else None

    # What happens in the runtime and elsewhere.

    def _container_changed(self, container_id: str, kind: str) -> None:
        if kind == "relist":
            self.spawn(self._relist(), "relist")
            return
        self.exits.noted(container_id)
        for runner in self.runners.values():
            known = runner.worker.runtime
            if known.by_id(container_id) is not None or any(s.id == container_id for s in known.sandboxes):
                self.spawn(runner.observe_exit(container_id), "observe exit")
                return

    def _is_running(self, container_id: str) -> bool:
        found = (r.worker.runtime.by_id(container_id) for r in self.runners.values())
        return any(c is not None and c.state == "running" for c in found)

    async def _relist(self) -> None:
        """Compares what is thought to run with what the runtime says, for when events may have been lost."""
        if not self.runners:
            return
        mine = {runtime.KUBELET_LABEL: instance_of(self.config)}
        thought = {c.id: r for r in self.runners.values() for c in r.worker.runtime.running()}
        thought |= {s.id: r for r in self.runners.values() for s in r.worker.runtime.sandboxes if s.ready}
        try:
            alive = {c.id for c in await self.cri.list_containers(mine) if c.state == 1}
            alive |= {s.id for s in await self.cri.list_pod_sandboxes(mine) if s.state == 0}
        except CriError as error:
            _LOG.debug("the runtime cannot be listed: %s", error)
            return
        for container_id, runner in thought.items():
            if container_id not in alive:
                self.spawn(self._check_lost(runner, container_id), "check lost")

    async def _check_lost(self, runner: PodRunner, container_id: str) -> None:
        try:
            await self.cri.container_status(container_id)
        except CriError as error:
            known = runner.worker.runtime.by_id(container_id)
            if error.not_found and known is not None:
                runner.post(m.ContainerStopped(container_id, None))
                return
        await runner.observe_exit(container_id)

    def _objects_changed(self, _reference: Reference, uids: Iterable[str]) -> None:
        for uid in uids:
            runner = self.runners.get(uid)
            if runner is not None:
                runner.objects_changed()

    def _stage_changed(self, uid: str) -> None:
        runner = self.runners.get(uid)
        if runner is None:
            return
        self.endings.stage_changed()
        if runner.worker.stage is not Stage.SYNCING and self.grants.waiting:
            self._grant_waiting()
        if runner.worker.stage is Stage.GONE:
            del self.runners[uid]
            self.grants.forget(uid)
            self.node.statuses.forget(uid)
            self._recheck_static(runner)

    def _recheck_static(self, gone: PodRunner) -> None:
        """A static pod whose file is there again under the same uid starts anew."""
        pod = self._static.get(gone.uid)
        if pod is not None:
            self._wanted(pod)

    async def _housekeep(self, garbage: Garbage) -> None:
        rounds = 0
        logs = LogRotation(self.cri, self.config, self.clock)
        while True:
            await asyncio.sleep(self.config.housekeeping_period_s)
            rounds += 1
            if not self.runners:
                continue
            await self._guarded(self._relist(), "relist")
            for runner in list(self.runners.values()):
                if runner.worker.stage is Stage.SYNCING:
                    runner.look_at_volumes()
                    await logs.rotate(runner.worker.runtime)
                    for container_id in await garbage.collect_containers(runner.worker.runtime):
                        runner.post(m.ContainerStopped(container_id, None))
            if self.agent is not None:
                self.agent.something_changed()
            if rounds % 5 == 0:
                try:
                    await garbage.collect_images()
                except CriError as error:
                    _LOG.debug("images cannot be collected: %s", error)

    # Telling.

    def record(self, pod: Pod, kind: str, reason: str, message: str, container: str = "") -> None:
        if self._recorder is None:
            _LOG.info("%s %s/%s: %s %s", kind, pod.metadata.name, container, reason, message)
            return
        meta = pod.metadata
        reference = ObjectReference(
            apiVersion="v1",
            kind="Pod",
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            resourceVersion=meta.resourceVersion,
            fieldPath=pod_spec.field_path(pod, container) or None if container else None,
        )
        self._recorder.event(reference, kind, reason, message)

    def record_of_node(self, node: NodeObject, kind: str, reason: str, message: str) -> None:
        if self._recorder is not None:
            name = node.metadata.name
            reference = ObjectReference(apiVersion="v1", kind="Node", name=name, uid=name)
            self._recorder.event(reference, kind, reason, message)

    # The server, which is another module's.

    async def _start_server(self) -> None:
        config = self.config
        if config.server_port < 0:
            return
        from pybernetes.kubelet.serving.server import KubeletServer, ServerConfig

        self._server = KubeletServer(
            Host(self),
            ServerConfig(
                host=config.server_address,
                port=config.server_port,
                tls_cert_file=config.tls_cert_file,
                tls_private_key_file=config.tls_private_key_file,
                client_ca_file=config.client_ca_file,
                node_name=config.node_name,
                debugging_handlers=config.enable_debugging_handlers,
                system_log_folder=_SYSTEM_LOGS,
            ),
            self.clock,
        )
        await self._server.start()
        self.server_port = self._server.port

    async def _stop_server(self) -> None:
        if self._server is not None:
            await self._server.stop()


def _shrunk(before: dict[str, str], after: dict[str, str]) -> bool:
    return any(quantity.compare(after.get(n, "0"), before.get(n, "0")) < 0 for n in ("cpu", "memory"))


def _full_name(pod: Pod) -> tuple[str, str]:
    return pod.metadata.namespace or "", pod.metadata.name or ""


def _pod_from_labels(found: FoundPod) -> Pod:
    """As much of a pod as the runtime remembers: enough to end it."""
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace, pod.metadata.uid = found.name, found.namespace, found.uid
    pod.spec.terminationGracePeriodSeconds = found.grace_period_s
    names = dict.fromkeys(c.name for c in found.runtime.containers)
    pod.spec.containers = [ContainerSpec(name=name) for name in names]
    return pod
