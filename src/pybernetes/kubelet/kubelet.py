"""The kubelet: pods of one node, from the API and a directory, kept running in a container runtime.

    informer (spec.nodeName=me) ─┐                      ┌─► runtime (CRI)
    static pods (inotify) ───────┼─► PodRunner, a pod ──┼─► volumes, cgroups, probes
    runtime's events ────────────┘                      └─► status writer ─► API

This module wires the parts and finds the runner that a fact is for: `admitting.py` takes pods, `observing.py` hears of
the runtime, `adoption.py` knows what ran before. What a pod needs is decided in `worker/`; nothing here looks into
a pod.

Source: pkg/kubelet/kubelet.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.api.core.v1 import Node as NodeObject
from pybernetes.api.core.v1 import Pod, Service
from pybernetes.api.node.v1 import RuntimeClass
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.admitting import Admitting
from pybernetes.kubelet.adoption import Strays, look_at_runtime, pod_from_labels
from pybernetes.kubelet.backoff import BackOff
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.configuration.checks import refuse_machine
from pybernetes.kubelet.containers.configs import NodeFacts, instance_of
from pybernetes.kubelet.cri.client import CriClient, CriError, once_it_answers
from pybernetes.kubelet.ending import Endings
from pybernetes.kubelet.giving import Giving
from pybernetes.kubelet.images import Images, images_of_volumes
from pybernetes.kubelet.node.agent import NodeAgent
from pybernetes.kubelet.node.garbage import Garbage
from pybernetes.kubelet.node.log_rotation import LogRotation
from pybernetes.kubelet.node.status import NOTHING_OFFERED, default_address, initial_node
from pybernetes.kubelet.objects import Reference
from pybernetes.kubelet.observing import Exits, Observing
from pybernetes.kubelet.pinning import Pinning
from pybernetes.kubelet.probes.manager import Probes
from pybernetes.kubelet.recording import Recording
from pybernetes.kubelet.resources import enforcing
from pybernetes.kubelet.runtime import FoundPod
from pybernetes.kubelet.serving.host import Host
from pybernetes.kubelet.sources.following import StaticSources
from pybernetes.kubelet.sources.mirrors import Mirrors, full_name
from pybernetes.kubelet.surroundings import Surroundings
from pybernetes.kubelet.volumes.csi.volumes import CsiVolumes
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.machine import PodWorker, Stage, WorkerSettings
from pybernetes.kubelet.worker.shell import Node, PodRunner
from pybernetes.kubelet.worker.status_writer import StatusWriter

if TYPE_CHECKING:
    from pybernetes.kubelet.certificates import OwnCertificate
    from pybernetes.kubelet.serving.pod_resources import PodResources
    from pybernetes.kubelet.serving.server import KubeletServer

_LOG = logging.getLogger(__name__)
_RUNTIME_RETRY_S = 0.1
_SYSTEM_LOGS = "/var/log"
_IMAGES_EVERY = 5
"""Rounds of the housekeeping."""


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
        self.certificates: list[OwnCertificate] = []
        """Those that are renewed."""
        self.cri: CriClient
        self.node: Node
        self.agent: NodeAgent | None = None
        self.csi: CsiVolumes | None = None
        self.giving: Giving | None = None
        self._pod_resources: PodResources | None = None
        self._pinning: Pinning | None = None
        self.machine = self.around.machine(config)
        self.settings = WorkerSettings(
            host_ips=config.node_ip.split(",") if config.node_ip else [default_address()], began_s=clock.now()
        )
        self._static = StaticSources(config, clock, self._static_changed)
        self._orphans_looked_for = False
        self._found: dict[str, FoundPod] = {}
        self.exits = Exits(self._is_running)
        self._group: asyncio.TaskGroup
        self._server: KubeletServer | None = None
        self._pods: Informer[Pod] | None = None
        self._services: Informer[Service] | None = None
        self._node_informer: Informer[NodeObject] | None = None
        self._mirrors: Mirrors | None = None
        self.restarted_static_pods = 0
        """That went and came again under the same uid."""

    # Life.

    async def run(self) -> None:
        """Serves until cancelled. Raises OSError where the node's folders or cgroups cannot be made."""
        self.around.make_folders(self.config)
        async with self.around.runtime(self.config) as self.cri, asyncio.TaskGroup() as self._group:
            self._assemble()
            events = self.around.events(self.cri, self.observing.changed, lambda: bool(self.runners))
            try:
                await self._start_server()
                await self._start_giving()
                if self.agent is not None:
                    self.spawn(self.agent.run(), "node")
                await self._wait_for_runtime()
                self._found = await once_it_answers(partial(look_at_runtime, self.cri, instance_of(self.config)))
                self.spawn(events.run(), "container events")
                await self._follow_sources()
                self._adopt_orphans()
                self.started.set()
                self.spawn(self.observing.relist(), "relist")
                if self._mirrors is not None:
                    self._mirrors.reconcile()
                self.spawn(self.endings.run(), "eviction")
                self.spawn(self._hold_pods(), "node allocatable")
                self.spawn(self.endings.shutdown.run(), "shutdown")
                logs = LogRotation(self.cri, self.config, self.clock)
                self.spawn(logs.run(lambda: [r.worker.runtime for r in self.runners.values()]), "log rotation")
                await self._housekeep(self.garbage)
            finally:
                await self._close()

    async def _close(self) -> None:
        for runner in self.runners.values():
            runner.close()
        self.node.probes.stop_all()
        await self.node.objects.stop()
        await self._stop_server()
        if self._pod_resources is not None:
            await self._pod_resources.stop()
        if self.giving is not None:
            await self.giving.stop()
        if self.csi is not None:
            await self.csi.drivers.close()
        await self.recording.stop()

    def _assemble(self) -> None:
        config, client, around = self.config, self.client, self.around
        cgroups = around.cgroups(config, self.machine)
        refuse_machine(config, cgroups.version if cgroups is not None else None, self.machine.swap_bytes)
        if cgroups is not None:
            cgroups.setup()
            enforcing.hold_reserved(cgroups, config)
        recorder = around.recorder(client, config, self.clock) if client is not None else None
        self.recording = Recording(recorder)
        self.record, self.record_of_node = self.recording.of_pod, self.recording.of_node
        tokens = around.tokens(client, self.clock)
        objects = around.objects(client, self._objects_changed)
        if client is not None:
            self.csi = around.csi(client, config, self.clock, self._registered)
        volumes = around.volumes(config, objects, tokens, self.csi)
        self._admitting = Admitting(self, around.grants_folder(volumes))
        self.observing = Observing(self.cri, instance_of(config), self.runners, self.exits, self.spawn)
        make = around.giving()
        told = self.spawn, self._given_changed, self._cpus_changed
        self.giving = None if make is None else make(config, self.machine.capacity, client, self.clock, *told)
        self._strays = Strays(volumes, cgroups, self.csi)
        facts = NodeFacts(
            self.settings.host_ips, self.machine.allocatable, self.machine.memory_bytes, self.machine.swap_bytes
        )
        configs = around.configs(self.cri, config, volumes, objects, self._known_services, cgroups, facts)
        self.garbage = Garbage(self.cri, config, self.clock, self.tell_node, self._images_of_volumes)
        self.endings = Endings(self, self.garbage, around.signals(config, self.cri, cgroups))
        images = Images(self.cri, objects, config, self.clock)
        self.node = Node(
            cri=self.cri,
            images=images,
            volumes=volumes,
            objects=objects,
            configs=configs,
            cgroups=cgroups,
            probes=Probes(self.clock, self.random, self.settings.began_s),
            statuses=StatusWriter(client, self._api_pod, self.spawn),
            clock=self.clock,
            record=self.record,
            spawn=self.spawn,
            services_known=asyncio.Event(),
            probe=around.probe,
            run_hook=around.run_hook,
            on_stage=self._stage_changed,
            runtime_handler=self._runtime_handler,
            giving=self.giving,
            has_exited=lambda container_id: container_id in self.exits,
            exited_within=self.exits.noted_within,
            on_exit=self.exits.told,
        )
        if tokens is not None:
            self.node.forget_tokens = tokens.forget
            self.node.renew_at_s = tokens.renew_at_s
        if client is not None:
            self.agent = NodeAgent(
                client,
                self.cri,
                config,
                self.machine,
                self.settings.host_ips,
                self.clock,
                self.random,
                lambda: self.server_port,
                self.record_of_node,
                self._shown_node,
                lambda: self.csi.attachments.in_use if self.csi is not None else (),
                lambda: self.giving.offer() if self.giving is not None else NOTHING_OFFERED,
            )
            if self.csi is not None and recorder is not None:
                self.csi.attachments.changed = self.agent.something_changed
                self.csi.record_of_claim = recorder.event
            static = self._static
            self._mirrors = Mirrors(client, self._registered, static.pods, static.all_read, self.spawn)

    async def _wait_for_runtime(self) -> None:
        told = False
        while True:
            try:
                told_version = await self.cri.version()
                handlers = (await self.cri.status()).runtime_handlers
                self.node.configs.user_namespaces.runtime_has(h.name for h in handlers if h.features.user_namespaces)
                self.settings.runtime_name = told_version.runtime_name
                self.node.volumes.meet_runtime(
                    told_version.runtime_name, told_version.runtime_version, self.cri.endpoint
                )
                return
            except CriError as error:
                if not told:
                    _LOG.warning("waiting for the container runtime at %s: %s", self.cri.endpoint, error.message)
                    told = True
                await asyncio.sleep(_RUNTIME_RETRY_S)

    async def _hold_pods(self) -> None:
        if self.node.cgroups is not None:
            tell = partial(self.record_of_node, self.own_node())
            await enforcing.hold_pods(self.node.cgroups, self.config, self.machine.capacity, tell)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task whose failure is told and harms nobody else; cancelled before it begins once the kubelet stops."""
        guarded = self._guarded(work, name)
        try:
            return self._group.create_task(guarded, name=name)
        except RuntimeError:
            work.close()
            task = asyncio.get_running_loop().create_task(guarded, name=name)
            task.cancel()
            return task

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            _LOG.exception("%s failed", name)

    # What ran before this kubelet began.

    def _adopt_orphans(self) -> None:
        """Pods that run and that no source asks for are ended; folders and cgroups of none are removed."""
        if not self._static.all_read() or self._orphans_looked_for:
            return
        self._orphans_looked_for = True
        for uid, found in self._found.items():
            if uid in self.runners:
                continue
            self.new_runner(pod_from_labels(found)).post(m.PodRemoved())
        self._found = {}
        if self.giving is not None:
            self.giving.only(set(self.runners))
        self._cpus_changed()
        self.spawn(self._strays.remove(self._strays.found() - set(self.runners)), "strays")
        known = {self.node.configs.log_folder_of(r.worker.pod).name for r in self.runners.values()}
        self.around.remove_stray_logs(self.config, known)

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
            await factory.start(self._group)
            self.spawn(self._when_services_known(), "services")
        else:
            self.node.services_known.set()
        self.spawn(self._follow_plugins(), "plugins")
        self._static.begin(self.spawn)
        await asyncio.sleep(0)
        if self._pods is not None:
            await self._pods.wait_synced()

    async def _registered(self) -> NodeObject:
        assert self.agent is not None
        return await self.agent.registered()

    async def _follow_plugins(self) -> None:
        """Takes what registers in the folder of plugins, after it is told which node this is."""
        from pybernetes.kubelet.plugins.registration import Plugins

        handlers = self.giving.handlers() if self.giving is not None else {}
        if self.csi is not None:
            await self.csi.drivers.begin()
            handlers["CSIPlugin"] = self.csi.drivers
        if handlers:
            await Plugins(Path(self.config.root_dir, "plugins_registry"), handlers).run()

    async def _start_giving(self) -> None:
        """Devices and claims, and who has them: before pods come."""
        if self.giving is None:
            return
        from pybernetes.kubelet.serving.pod_resources import PodResources

        if self.giving.cpus is not None:
            self._pinning = Pinning(self.cri, self.runners, self.giving.cpus.of)
        await self.giving.start()
        folder = Path(self.config.root_dir, "pod-resources")
        self._pod_resources = PodResources(folder, self.giving, self._admitting.active_pods)
        try:
            await self._pod_resources.start()
        except (OSError, RuntimeError) as error:
            _LOG.warning("who has which devices cannot be asked: %s", error)

    def _cpus_changed(self) -> None:
        if self._pinning is not None:
            self.spawn(self._pinning.follow(), "pinning")

    def _given_changed(self, uids: set[str]) -> None:
        if self.agent is not None:
            self.agent.something_changed()
        for uid in uids:
            if (runner := self.runners.get(uid)) is not None:
                self._tell_devices(runner)

    def _tell_devices(self, runner: PodRunner) -> None:
        if self.giving is not None and (health := self.giving.health(runner.worker.pod)) != runner.worker.device_health:
            runner.post(m.DevicesTold(health))

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
        self._admitting.wanted(pod)
        self.node.statuses.seen(pod_spec.uid_of(pod), pod)

    def _pod_gone(self, pod: Pod) -> None:
        if pod_spec.is_mirror(pod):
            if self._mirrors is not None:
                self._mirrors.gone(pod)
            return
        runner = self.runners.get(pod_spec.uid_of(pod))
        if runner is not None:
            if pod.metadata.deletionTimestamp is not None:
                runner.post(m.PodUpdated(self._admitting.grants.decide(pod).pod))
            runner.post(m.PodRemoved())

    def ran_before(self, uid: str) -> bool:
        """Whether the runtime has a pod of an earlier kubelet that is not adopted yet."""
        return uid in self._found

    def newest(self, pod: Pod) -> Pod | None:
        """The pod as its source has it now, None where it is gone."""
        return self._static.pods.get(pod_spec.uid_of(pod)) or self._api_pod_named(pod)

    def _api_pod_named(self, pod: Pod) -> Pod | None:
        if self._pods is None:
            return None
        found = self._pods.lister.get(pod.metadata.namespace or "", pod.metadata.name or "")
        return found if found is not None and pod_spec.uid_of(found) == pod_spec.uid_of(pod) else None

    def new_runner(self, pod: Pod) -> PodRunner:
        uid = pod_spec.uid_of(pod)
        longest_s = self.config.max_restart_back_off_s
        back_off = BackOff(min(BackOff().initial_s, longest_s), longest_s)
        runner = PodRunner(PodWorker(pod, self.settings, back_off), self.node)
        self.runners[uid] = runner
        found = self._found.get(uid)
        if found is not None:
            runner.worker.runtime = found.runtime
        if self.giving is not None:
            runner.worker.device_health = self.giving.health(pod)
        return runner

    async def _runtime_handler(self, pod: Pod) -> str:
        name = pod.spec.runtimeClassName
        if not name or self.client is None:
            return ""
        return (await self.client.get(RuntimeClass, name)).handler

    def _shown_node(self) -> NodeObject | None:
        return self._node_informer.lister.get("", self.config.node_name) if self._node_informer is not None else None

    def own_node(self) -> NodeObject:
        if (shown := self._shown_node()) is not None:
            return shown
        if self.agent is not None and self.agent.node is not None:
            return self.agent.node
        return initial_node(self.config)

    def tell_node(self, reason: str, message: str) -> None:
        """A warning about the node."""
        self.record_of_node(self.own_node(), "Warning", reason, message)

    # Static pods and their mirrors.

    @property
    def mirrors(self) -> int:
        return len(self._mirrors) if self._mirrors is not None else 0

    def _static_changed(self, new: list[Pod], gone: list[str]) -> None:
        for uid in gone:
            if (runner := self.runners.get(uid)) is not None:
                runner.post(m.PodRemoved())
        for pod in new:
            self._admitting.wanted(pod)
        if self._mirrors is not None:
            self._mirrors.reconcile()
        if self.started.is_set():
            self._adopt_orphans()

    def _mirror_seen(self, mirror: Pod) -> None:
        if self._mirrors is None:
            return
        new = self._mirrors.seen(mirror)
        for uid, pod in self._static.pods.items():
            if full_name(pod) != full_name(mirror) or (runner := self.runners.get(uid)) is None:
                continue
            if new:
                self.node.statuses.write(uid, runner.worker.status, False)
            else:
                self.node.statuses.seen(uid, mirror)

    def _api_pod(self, uid: str) -> Pod | None:
        """The object in the API that shows the pod of that uid."""
        static = self._static.pods.get(uid)
        if static is not None:
            return self._mirrors.of(static) if self._mirrors is not None else None
        runner = self.runners.get(uid)
        return self._api_pod_named(runner.worker.pod) if runner is not None else None

    # What happens in the runtime and elsewhere.

    def _is_running(self, container_id: str) -> bool:
        found = (r.worker.runtime.by_id(container_id) for r in self.runners.values())
        return any(c is not None and c.state == "running" for c in found)

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
        self._admitting.stage_changed(runner)
        if runner.worker.stage is Stage.GONE:
            del self.runners[uid]
            self.node.statuses.forget(uid)
            self.node.images.pulled_s(uid)
            self._recheck_static(runner)

    def _recheck_static(self, gone: PodRunner) -> None:
        """A static pod whose file is there again under the same uid starts anew."""
        pod = self._static.pods.get(gone.uid)
        if pod is not None:
            self.restarted_static_pods += 1
            self._admitting.wanted(pod)

    async def _housekeep(self, garbage: Garbage) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(self.config.housekeeping_period_s)
            rounds += 1
            if self.runners:
                await self._look_after_pods(garbage)
            if rounds % _IMAGES_EVERY == 0:
                await garbage.look_after_images()

    def _images_of_volumes(self) -> set[str]:
        return images_of_volumes(r.worker.pod for r in self.runners.values() if r.worker.stage is not Stage.FINISHED)

    async def _look_after_pods(self, garbage: Garbage) -> None:
        await self._guarded(self.observing.relist(), "relist")
        for runner in list(self.runners.values()):
            if runner.worker.stage is Stage.SYNCING:
                runner.look_at_volumes()
                for container_id in await garbage.collect_containers(runner.worker.runtime):
                    runner.post(m.ContainerStopped(container_id, None))
        if self.agent is not None:
            self.agent.something_changed()

    # The server, which is another module's.

    async def _start_server(self) -> None:
        config = self.config
        if not config.enable_server and not config.healthz_port:
            return
        from pybernetes.kubelet.serving.access import Access
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
                tls_min_version=config.tls_min_version,
                debugging_handlers=config.enable_debugging_handlers,
                system_log_folder=_SYSTEM_LOGS if config.enable_system_log_handler else "",
            ),
            self.clock,
            Access(
                self.client,
                config.node_name,
                tokens=config.accept_tokens,
                anonymous=config.anonymous_requests,
                authorize=config.authorize_requests,
            ),
        )
        if config.enable_server:
            await self._server.start()
            self.server_port = self._server.port
        if config.healthz_port:
            self.spawn(self._server.answer_health(config.healthz_address, config.healthz_port), "healthz")

    async def show_certificate(self, pem: bytes) -> None:
        """The server's from now on, with its key."""
        if self._server is not None:
            self._server.show_certificate(pem)

    async def _stop_server(self) -> None:
        if self._server is not None:
            await self._server.stop()
