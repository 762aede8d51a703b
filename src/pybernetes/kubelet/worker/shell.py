"""Carries out what a pod's state machine asks: calls the runtime, writes files, reports facts back.

One runner a pod. Facts are handled in the order they come; instructions run side by side as
tasks, and each answers with exactly one event, whatever happens to it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from pybernetes.api.core.v1 import EphemeralContainer, Pod, PodStatus, Probe
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.pods import AnyContainer
from pybernetes.client import cause
from pybernetes.host import files
from pybernetes.host.clock import Clock
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.claims.manager import ClaimError
from pybernetes.kubelet.containers.configs import Configs, NewContainer
from pybernetes.kubelet.containers.environment import ConfigError
from pybernetes.kubelet.containers.given import Given
from pybernetes.kubelet.containers.lifecycle import HookError
from pybernetes.kubelet.containers.termination_message import termination_message
from pybernetes.kubelet.cri.client import CriClient, CriError, once_it_answers
from pybernetes.kubelet.giving import Giving
from pybernetes.kubelet.images import ImageError, Images
from pybernetes.kubelet.objects import ReferencedObjects
from pybernetes.kubelet.probes import prober
from pybernetes.kubelet.probes.manager import Probes
from pybernetes.kubelet.resources import resizing
from pybernetes.kubelet.resources.allocation import AllocationError
from pybernetes.kubelet.resources.cgroups import Cgroups
from pybernetes.kubelet.resources.resizing import Decision
from pybernetes.kubelet.runtime import CONTAINER_NAME_LABEL, POD_UID_LABEL, Container, Sandbox, container_of, sandbox_of
from pybernetes.kubelet.surroundings import ProbeOnce, RunHook
from pybernetes.kubelet.tasks import Spawn
from pybernetes.kubelet.volumes.manager import Volumes
from pybernetes.kubelet.volumes.payload import VolumeError
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.figures import Starting, WorkerFigures
from pybernetes.kubelet.worker.machine import PodWorker, Stage
from pybernetes.kubelet.worker.status_writer import StatusWriter

_LOG = logging.getLogger(__name__)
_EXIT_WAIT_S = 10.0
_SESSION_START_S = 1.0
_LOOKS, _LOOK_S = 50, 0.01
_HOUR_S = 3600.0
_T = TypeVar("_T")
_LOST = "internal error, see the log of the kubelet"


@dataclass(slots=True)
class Node:
    """What all runners of a node share."""

    cri: CriClient
    images: Images
    volumes: Volumes
    objects: ReferencedObjects
    configs: Configs
    cgroups: Cgroups | None
    probes: Probes
    statuses: StatusWriter
    clock: Clock
    record: Callable[[Pod, str, str, str, str], None]
    """pod, type, reason, message, container name (or "")."""
    spawn: Spawn
    services_known: asyncio.Event
    probe: ProbeOnce
    run_hook: RunHook
    on_stage: Callable[[str], None]
    """Called with a pod's uid when its worker went on to another stage."""
    runtime_handler: Callable[[Pod], Awaitable[str]]
    """The runtime's name for the pod's RuntimeClass."""
    giving: Giving | None = None
    """What containers get besides their spec; None has nothing to give."""
    figures: WorkerFigures = field(default_factory=WorkerFigures)
    on_exit: Callable[[str], None] = lambda _id: None
    has_exited: Callable[[str], bool] = lambda _id: False
    """Whether the end of a container was told lately, maybe before its pod knew of it."""
    exited_within: Callable[[str, float], Awaitable[bool]] | None = None
    """Waits for the end of a container, at most so many seconds; whether it came."""
    forget_tokens: Callable[[str], None] = lambda _uid: None
    renew_at_s: Callable[[str], float | None] = lambda _uid: None


class PodRunner:
    def __init__(self, worker: PodWorker, node: Node) -> None:
        self.worker = worker
        self.uid = pod_spec.uid_of(worker.pod)
        self._node = node
        self._events: deque[m.Event] = deque()
        self._handling = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at_s = math.inf
        self._starts: dict[str, asyncio.Task[None]] = {}
        self._preparing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._refresh: asyncio.TimerHandle | None = None
        self._refreshing = asyncio.Lock()
        self._sandbox_configs: dict[str, Any] = {}
        self._cause = cause.current()
        self._stage_since_s = node.clock.now()
        self._starting = Starting(node.figures, worker.pod, self._stage_since_s)

    def post(self, event: m.Event) -> None:
        """Takes a fact; what follows from it begins before this returns."""
        self._events.append(event)
        if self._handling:
            return
        if cause.current().revision:
            self._cause = cause.current()
        self._handling = True
        try:
            with cause.caused_by(self._cause):
                while self._events:
                    self._handle(self._events.popleft())
        finally:
            self._handling = False

    def _handle(self, event: m.Event) -> None:
        before, now_s = self.worker.stage, self._node.clock.now()
        for instruction in self.worker.handle(event, now_s):
            self._carry_out(instruction)
        self._set_alarm()
        if self.worker.stage is not before:
            self._node.figures.stage_left(before, now_s - self._stage_since_s)
            self._stage_since_s = now_s
            if self.worker.stage is Stage.GONE:
                self.close()
            self._node.on_stage(self.uid)

    def close(self) -> None:
        for timer in (self._alarm, self._refresh):
            if timer is not None:
                timer.cancel()
        for container in self.worker.runtime.containers:
            self._node.probes.stop(container.id)

    def _set_alarm(self) -> None:
        at_s = self.worker.wake_at_s
        if at_s == self._alarm_at_s:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at_s = None, at_s
        if at_s < math.inf:
            delay_s = min(max(at_s - self._node.clock.now(), 0.001), _HOUR_S)
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._alarm, self._alarm_at_s = None, math.inf
        self.post(m.Tick())

    def _carry_out(self, instruction: m.Instruction) -> None:
        pod = self.worker.pod
        match instruction:
            case m.Record(type=kind, reason=reason, message=message, container=name):
                self._node.record(pod, kind, reason, message, name)
            case m.WriteStatus(status=status, final=final):
                self._node.statuses.write(self.uid, status, final)
                self._count_start(status)
            case m.StartProbes():
                self._start_probes(instruction)
            case m.StopProbes(container_id=container_id, only_liveness=only_liveness):
                self._node.probes.stop(container_id, only_liveness)
            case m.CancelStart(name=name):
                _give_up(self._starts.get(name))
            case m.PrepareHost():
                self._preparing = self._spawn(self._prepare_host(pod), "prepare", m.HostPrepared(_LOST))
            case m.CancelPrepare():
                _give_up(self._preparing)
            case m.CreateSandbox(attempt=attempt):
                self._spawn(self._create_sandbox(pod, attempt), "sandbox", m.SandboxFailed(_LOST))
            case m.StopSandbox(sandbox_id=sandbox_id):
                self._spawn(self._stop_sandbox(sandbox_id), "stop sandbox", m.SandboxStopped(sandbox_id, _LOST))
            case m.EnsureImage(name=name):
                self._starts[name] = self._spawn(
                    self._ensure_image(pod, instruction), f"image of {name}", m.ImageFailed(name, "ErrImagePull", _LOST)
                )
            case m.StartContainer(name=name):
                self._starts[name] = self._spawn(
                    self._start_container(pod, instruction),
                    f"start {name}",
                    m.ContainerFailed(name, "RunContainerError", _LOST),
                )
            case m.StopContainer():
                self._spawn(
                    self._stop_container(pod, instruction),
                    f"stop {instruction.container.name}",
                    m.ContainerStopped(instruction.container.id, None, _LOST),
                )
            case m.ResizePod():
                self._spawn(self._resize(pod, instruction), "resize", m.PodResized({}, failure=_LOST))
            case m.RemoveContainers(container_ids=ids):
                self._spawn(self._remove_containers(ids), "remove containers", m.ContainersRemoved(failure=_LOST))
            case m.CleanUp():
                self._spawn(self._clean_up(), "clean up", m.CleanedUp(_LOST))
            case m.RemoveLeftovers():
                self._spawn(self._remove_leftovers(pod), "remove", m.LeftoversRemoved(_LOST))

    def _count_start(self, status: PodStatus) -> None:
        node = self._node
        if self.worker.stage is not Stage.SYNCING:
            return
        pulling_s = partial(node.images.pulled_s, self.uid)
        self._starting.told(self.worker.pod, status, self.worker.runtime, node.clock.now(), pulling_s)

    def _spawn(self, work: Coroutine[Any, Any, None], what: str, failure: m.Event | None = None) -> asyncio.Task[None]:
        task = self._node.spawn(self._answered(work, what, failure), f"{self.worker.pod.metadata.name}: {what}")
        task.add_done_callback(lambda _: work.close())  # which never began where the kubelet stops
        return task

    async def _answered(self, work: Coroutine[Any, Any, None], what: str, failure: m.Event | None) -> None:
        """A step that fails in a way nobody thought of is still answered, so that it is tried again."""
        try:
            await work
        except Exception:
            _LOG.exception("pod %s: %s failed", self.worker.pod.metadata.name, what)
            if failure is not None:
                self.post(failure)

    # Host.

    async def _prepare_host(self, pod: Pod) -> None:
        try:
            await self._make_ready(pod)
        except asyncio.CancelledError:
            if self.worker.stage is not Stage.SYNCING:
                self.post(m.HostPrepared("the pod ends"))
            raise

    async def _make_ready(self, pod: Pod) -> None:
        node, size = self._node, None
        try:
            if node.cgroups is not None:
                owns_cpus = node.giving is not None and bool(node.giving.cpu_owners(pod))
                with node.figures.of_cgroups("create"):
                    size = node.cgroups.create(pod, owns_cpus=owns_cpus)
        except OSError as error:
            text = f"unable to ensure pod container exists: {files.reason(error)}"
            node.record(pod, "Warning", "FailedCreatePodContainer", text, "")
            self.post(m.HostPrepared(text))
            return
        try:
            if node.giving is not None:
                await node.giving.prepare(pod)
        except ClaimError as error:
            text = f"Failed to prepare dynamic resources: {error}"
            node.record(pod, "Warning", "FailedPrepareDynamicResources", text, "")
            self.post(m.HostPrepared(text))
            return
        reason = "FailedMount"
        try:
            node.configs.make_log_folder(pod)
            node.objects.register(pod)
            await node.objects.ready(pod)
            await node.volumes.prepare(pod, node.configs.facts(), partial(node.record, pod))
        except TimeoutError:
            text = "failed to sync the configmaps and secrets of the pod: timed out waiting for the condition"
        except VolumeError as error:
            text = str(error)
        except OSError as error:
            reason, text = "Failed", f"error making pod data directories: {files.reason(error)}"
        else:
            self._plan_refresh()
            self.post(m.HostPrepared(size=size))
            if _shown(self.worker.pod) != _shown(pod):
                self._refresh_soon()
            return
        node.record(pod, "Warning", reason, text, "")
        self.post(m.HostPrepared(text))

    def objects_changed(self) -> None:
        """A ConfigMap or Secret that the pod refers to is another one now."""
        self.post(m.ObjectsChanged())
        self._refresh_soon()

    def pod_updated(self, decision: Decision) -> None:
        """The API has another version of the pod; files that show its metadata follow."""
        before, pod = self.worker.pod, decision.pod
        self.post(m.PodUpdated(pod, decision.started, decision.reason, decision.message))
        if _shown(before) != _shown(pod):
            self._refresh_soon()

    def _refresh_soon(self) -> None:
        if self.worker.stage is Stage.SYNCING and self.worker.host_ready:
            self._spawn(self._refresh_volumes(), "refresh volumes")

    async def _refresh_volumes(self) -> None:
        async with self._refreshing:  # the last one writes what is newest
            pod = self.worker.pod
            ips = pod_spec.pod_ips_of(self.worker.status)
            await self._node.volumes.refresh(pod, self._node.configs.facts(ips))
        self._plan_refresh()

    def _plan_refresh(self) -> None:
        """Tokens are renewed before they expire."""
        at_s = self._node.renew_at_s(self.uid)
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None
        if at_s is not None and self.worker.stage is Stage.SYNCING:
            delay_s = max(at_s - self._node.clock.now(), 1.0)
            self._refresh = asyncio.get_running_loop().call_later(delay_s, self._renew)

    def _renew(self) -> None:
        if self.worker.stage is Stage.SYNCING:
            self._spawn(self._refresh_volumes(), "renew tokens")

    def look_at_volumes(self) -> None:
        """Drivers that want it are asked for their volumes again, and volumes that have grown are told.

        Not while the last look waits for a driver: it is not asked twice at a time.
        """
        if self._looking is not None and not self._looking.done():
            return
        if self.worker.stage is Stage.SYNCING and self.worker.host_ready:
            pod = self.worker.pod
            record = partial(self._node.record, pod)
            self._looking = self._spawn(self._node.volumes.look_again(pod, record), "look at volumes")

    # Sandboxes.

    async def _create_sandbox(self, pod: Pod, attempt: int) -> None:
        node = self._node
        node.figures.pods_started += 1
        try:
            handler = await node.runtime_handler(pod)
            config, warnings = node.configs.sandbox(pod, attempt, handler)
            for warning in warnings:
                node.record(pod, "Warning", "DNSConfigForming", warning, "")
            sandbox_id = await node.cri.run_pod_sandbox(config, handler)
            self._sandbox_configs = {sandbox_id: config}
            answer = await node.cri.pod_sandbox_status(sandbox_id)
        except (CriError, StatusError, OSError, ValueError) as error:
            node.figures.pods_not_started += 1
            self.post(m.SandboxFailed(str(error), await self._sandboxes_left(pod)))
            return
        self.post(m.SandboxCreated(sandbox_of(answer.status, bool(pod.spec.hostNetwork))))

    async def _sandboxes_left(self, pod: Pod) -> tuple[Sandbox, ...]:
        """The pod's sandboxes after a failure: the next one needs a number that none of them has."""
        cri = self._node.cri

        async def look() -> tuple[Sandbox, ...]:
            items = await cri.list_pod_sandboxes({POD_UID_LABEL: pod_spec.uid_of(pod)})
            found = [(await cri.pod_sandbox_status(item.id)).status for item in items]
            return tuple(sandbox_of(status, bool(pod.spec.hostNetwork)) for status in found)

        try:
            return await once_it_answers(look)
        except CriError:
            return ()

    async def _stop_sandbox(self, sandbox_id: str) -> None:
        try:
            await self._node.cri.stop_pod_sandbox(sandbox_id)
        except CriError as error:
            self.post(m.SandboxStopped(sandbox_id, str(error)))
            return
        self.post(m.SandboxStopped(sandbox_id))

    def _sandbox_config(self, pod: Pod, sandbox_id: str) -> Any:
        config = self._sandbox_configs.get(sandbox_id)
        if config is None:
            sandbox = next((s for s in self.worker.runtime.sandboxes if s.id == sandbox_id), None)
            config, _ = self._node.configs.sandbox(pod, sandbox.attempt if sandbox is not None else 0)
            self._sandbox_configs = {sandbox_id: config}
        return config

    # Containers.

    async def _ensure_image(self, pod: Pod, asked: m.EnsureImage) -> None:
        name = asked.name
        spec = pod_spec.find_container(pod, name)
        assert spec is not None

        def record(kind: str, reason: str, message: str) -> None:
            self._node.record(pod, kind, reason, message, name)

        try:
            sandbox = self.worker.runtime.sandbox
            config = self._sandbox_config(pod, sandbox.id) if sandbox is not None else None
            reference = await self._node.images.ensure(
                pod, spec, record, may_pull=asked.may_pull, sandbox_config=config
            )
            shown = await self._node.images.ensure_volumes(
                pod, spec, record, may_pull=asked.may_pull, sandbox_config=config
            )
            await self._node.volumes.mount_images(pod, shown)
        except asyncio.CancelledError:
            self.post(m.ImageFailed(name, "ErrImagePull", "pull cancelled"))
            raise
        except ImageError as error:
            self._not_started(pod, name, error.reason)
            record("Warning", "Failed", f"Error: {error.reason}")
            self.post(m.ImageFailed(name, error.reason, error.message))
            return
        except (VolumeError, OSError) as error:
            self._not_started(pod, name, "CreateContainerError")
            record("Warning", "Failed", f"Error: {error}")
            self.post(m.ImageFailed(name, "CreateContainerError", str(error)))
            return
        self.post(m.ImageReady(name, reference))

    def _not_started(self, pod: Pod, name: str, reason: str) -> None:
        """Counts a container that was to start and had no image."""
        kind = pod_spec.kind_of(pod, name)
        self._node.figures.containers_started[kind] += 1
        self._node.figures.containers_not_started[kind, reason] += 1

    async def _start_container(self, pod: Pod, asked: m.StartContainer) -> None:
        """Create, start, postStart; what the runtime has in the end is told either way."""
        node, name = self._node, asked.name
        container_id = ""
        reason, message = "CreateContainerConfigError", ""
        kind = pod_spec.kind_of(pod, name)
        node.figures.containers_started[kind] += 1
        try:
            config, sandbox_config = await self._container_config(pod, asked)
            reason = "CreateContainerError"
            container_id = await _to_its_end(node.cri.create_container(asked.sandbox_id, config, sandbox_config))
            node.record(pod, "Normal", "Created", "Container created", name)
            reason = "RunContainerError"
            await _to_its_end(node.cri.start_container(container_id))
            node.record(pod, "Normal", "Started", "Container started", name)
            reason = "PostStartHookError"
            await self._post_start(pod, asked, container_id)
            started = await self._first_look(pod, name, container_id)
            if started is None:
                raise CriError("NOT_FOUND", "the container is gone")
        except asyncio.CancelledError:
            left = await self._containers_left(pod, name)
            self.post(m.ContainerFailed(name, reason, "cancelled: the pod is being deleted", left))
            return
        except (CriError, ConfigError, AllocationError, HookError, OSError, ValueError) as error:
            message = error.message if isinstance(error, CriError) else str(error)
            node.figures.containers_not_started[kind, reason] += 1
            if not isinstance(error, HookError):
                shown = message.replace(container_id, name) if container_id else message
                node.record(pod, "Warning", "Failed", f"Error: {shown}", name)
            left = await self._containers_left(pod, name) if reason != "CreateContainerConfigError" else ()
            self.post(m.ContainerFailed(name, reason, message, left))
            return
        self.post(m.ContainerStarted(started))
        if started.state == "running" and node.has_exited(container_id):
            await self.observe_exit(container_id)

    async def _containers_left(self, pod: Pod, name: str) -> tuple[Container, ...]:
        """The pod's containers of that name after a failure: a call that broke may have been heard all the same."""
        labels = {POD_UID_LABEL: pod_spec.uid_of(pod), CONTAINER_NAME_LABEL: name}

        async def look() -> tuple[Container, ...]:
            items = await self._node.cri.list_containers(labels)
            found = [((await self._node.cri.container_status(i.id)).status, i.pod_sandbox_id) for i in items]
            return tuple(observed(status, sandbox_id) for status, sandbox_id in found)

        try:
            return await once_it_answers(look)
        except CriError:
            return ()

    async def _first_look(self, pod: Pod, name: str, container_id: str) -> Container | None:
        """The container as it is told first.

        One that lives for a single session (`kubectl run -i`) gets a moment to end before it is told to run: whoever
        attaches to a command that is over already would miss what it said, while its log has it. Elsewhere the
        runtime is looked at only once a second, which comes to the same.
        """
        spec = pod_spec.find_container(pod, name)
        exited_within = self._node.exited_within
        if spec is None or not spec.stdinOnce or exited_within is None:
            return await self._look_at(container_id)
        if await exited_within(container_id, _SESSION_START_S):
            for _ in range(_LOOKS):
                found = await self._look_at(container_id)
                if found is None or found.state != "running":
                    return found
                await asyncio.sleep(_LOOK_S)
        return await self._look_at(container_id)

    async def _container_config(self, pod: Pod, asked: m.StartContainer) -> tuple[Any, Any]:
        node = self._node
        spec = pod_spec.find_container(pod, asked.name)
        assert spec is not None
        if not pod_spec.is_static(pod):
            await node.services_known.wait()
        count = asked.restart_count
        if count is None:
            count = node.configs.restart_count_from_logs(pod, asked.name)
        image = await node.cri.image_status(asked.image_ref)
        target = ""
        if isinstance(spec, EphemeralContainer) and spec.targetContainerName:
            found = self.worker.runtime.find(spec.targetContainerName)
            if found is None:
                raise ConfigError(f"unable to find target container {spec.targetContainerName}")
            target = found.id
        given = await node.giving.given(pod, spec) if node.giving is not None else Given()
        new = NewContainer(pod, spec, asked.image_ref, image, count, asked.pod_ips, target, given)
        config = node.configs.container(new)
        return config, self._sandbox_config(pod, asked.sandbox_id)

    async def _post_start(self, pod: Pod, asked: m.StartContainer, container_id: str) -> None:
        spec = pod_spec.find_container(pod, asked.name)
        if spec is None or spec.lifecycle is None or spec.lifecycle.postStart is None:
            return
        ip = asked.pod_ips[0] if asked.pod_ips else ""
        try:
            running = prober.Running(self._node.cri, pod, spec, container_id, ip)
            await self._node.run_hook(running, spec.lifecycle.postStart)
        except HookError:
            self._node.record(pod, "Warning", "FailedPostStartHook", "PostStartHook failed", asked.name)
            self._node.record(pod, "Normal", "Killing", "FailedPostStartHook", asked.name)
            grace_s = pod_spec.termination_grace_period_s(pod)
            await self._node.cri.stop_container(container_id, grace_s)
            raise

    async def _stop_container(self, pod: Pod, asked: m.StopContainer) -> None:
        container, grace_s = asked.container, asked.grace_period_s
        spec = pod_spec.find_container(pod, container.name)
        if (
            asked.run_pre_stop
            and spec is not None
            and spec.lifecycle is not None
            and spec.lifecycle.preStop is not None
        ):
            grace_s = await self._pre_stop(pod, asked, spec)
        try:
            await self._node.cri.stop_container(container.id, grace_s)
            left = await self._look_at(container.id)
        except CriError as error:
            self.post(m.ContainerStopped(container.id, None, str(error)))
            return
        if left is None or left.state != "running":
            self._node.on_exit(container.id)
        self.post(m.ContainerStopped(container.id, left))

    async def _pre_stop(self, pod: Pod, asked: m.StopContainer, spec: AnyContainer) -> int:
        """Runs the hook within the grace period and answers what is left of that, at least two seconds."""
        assert spec.lifecycle is not None and spec.lifecycle.preStop is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(asked.grace_period_s):
                await self._node.run_hook(self._running(pod, spec, asked.container.id), spec.lifecycle.preStop)
        except TimeoutError:
            pass
        except HookError as error:
            _LOG.info("preStop hook of %s: %s", asked.container.name, error)
            self._node.record(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", asked.container.name)
        return max(int(asked.grace_period_s - (loop.time() - began)), 2)

    async def _look_at(self, container_id: str) -> Container | None:
        """What the runtime says of a container now; None when it has none of that id."""
        try:
            answer = await self._node.cri.container_status(container_id)
        except CriError as error:
            if error.not_found:
                return None
            raise
        return observed(answer.status, self._sandbox_of(container_id))

    def _sandbox_of(self, container_id: str) -> str:
        known = self.worker.runtime.by_id(container_id)
        if known is not None:
            return known.sandbox_id
        sandbox = self.worker.runtime.sandbox
        return sandbox.id if sandbox is not None else ""

    async def observe_exit(self, container_id: str) -> None:
        """A process of the pod ended: waits until the runtime says so too (a moment later) and takes note.

        Or that it no longer knows: it may run on, and has to be stopped before another one starts.
        """
        node, delay_s, waited_s = self._node, 0.002, 0.0
        is_sandbox = any(s.id == container_id for s in self.worker.runtime.sandboxes)
        while waited_s < _EXIT_WAIT_S:
            if {f"stop/{container_id}", f"stop-sandbox/{container_id}"} & self.worker.in_flight.keys():
                return  # what stops it will tell
            with suppress(CriError):
                if is_sandbox:
                    answer = await node.cri.pod_sandbox_status(container_id)
                    if answer.status.state != 0:
                        self.post(m.SandboxObserved(sandbox_of(answer.status)))
                        return
                else:
                    container = await self._look_at(container_id)
                    if container is None:
                        return
                    if container.state in ("exited", "unknown"):
                        if container.state == "exited":
                            node.on_exit(container_id)
                        self.post(m.ContainerObserved(container))
                        return
            await asyncio.sleep(delay_s)
            waited_s += delay_s
            delay_s = min(delay_s * 2, 0.5)

    async def _remove_containers(self, container_ids: tuple[str, ...]) -> None:
        removed: list[str] = []
        failure = ""
        try:
            for container_id in container_ids:
                await self._node.cri.remove_container(container_id)
                removed.append(container_id)
        except CriError as error:
            failure = str(error)
        self.post(m.ContainersRemoved(tuple(removed), failure))

    # Resizing.

    async def _resize(self, pod: Pod, asked: m.ResizePod) -> None:
        """Step by step; after the first that fails the rest is left for another time."""
        node, done = self._node, {u.container_id: u.before for u in asked.updates}
        steps = resizing.steps(asked.before, asked.after, asked.updates)
        owners = node.giving.cpu_owners(pod) if node.giving is not None else set()
        try:
            if node.cgroups is not None:
                cgroups = node.cgroups
                usage = partial(cgroups.memory_usage, pod)
                if why := resizing.too_small(asked.before, asked.after, asked.updates, usage):
                    self.post(m.PodResized({}, failure=why))
                    return
            for step in steps:
                if step.pod is None:
                    spec = pod_spec.find_container(pod, step.name)
                    assert spec is not None
                    resources = node.configs.resources(pod, spec, step.size, owns_cpus=step.name in owners)
                    await node.cri.update_container_resources(step.container_id, resources)
                    done[step.container_id] = step.size
                elif node.cgroups is not None:
                    with node.figures.of_cgroups("update"):
                        node.cgroups.resize(pod, step.pod)
        except (CriError, OSError) as error:
            self.post(m.PodResized(done, failure=str(error)))
            return
        self.post(m.PodResized(done, asked.after))

    # Probes.

    def _running(self, pod: Pod, spec: AnyContainer, container_id: str) -> prober.Running:
        ips = pod_spec.pod_ips_of(self.worker.status)
        return prober.Running(self._node.cri, pod, spec, container_id, ips[0] if ips else "")

    def _start_probes(self, asked: m.StartProbes) -> None:
        container, node = asked.container, self._node
        spec = pod_spec.find_container(self.worker.pod, container.name)
        assert spec is not None

        async def ask(probe: Probe) -> prober.Answer:
            return await node.probe(self._running(self.worker.pod, spec, container.id), probe)

        def report(kind: m.ProbeKind, success: bool) -> None:
            self.post(m.ProbeReported(kind, container.id, success))

        def record(kind: str, reason: str, message: str) -> None:
            node.record(self.worker.pod, kind, reason, message, container.name)

        node.probes.start(spec, container, ask, report, record, startup_known=asked.startup_known)

    # The end.

    async def _clean_up(self) -> None:
        node = self._node
        try:
            if node.giving is not None:
                await node.giving.give_back(self.uid)
            await node.volumes.unmount(self.uid)
            if node.cgroups is not None:
                with node.figures.of_cgroups("destroy"):
                    node.cgroups.remove(self.uid)
        except (ClaimError, VolumeError, OSError) as error:
            _LOG.warning("pod %s cannot be cleaned up yet: %s", self.uid, error)
            self.post(m.CleanedUp(str(error)))
            return
        node.objects.unregister(self.uid)
        node.forget_tokens(self.uid)
        self.post(m.CleanedUp())

    async def _remove_leftovers(self, pod: Pod) -> None:
        node = self._node
        try:
            for container in self.worker.runtime.containers:
                await node.cri.remove_container(container.id)
            for sandbox in self.worker.runtime.sandboxes:
                await node.cri.stop_pod_sandbox(sandbox.id)
                await node.cri.remove_pod_sandbox(sandbox.id)
            await node.volumes.remove(self.uid)
            node.configs.remove_log_folder(pod)
        except (CriError, VolumeError, OSError) as error:
            _LOG.warning("what is left of pod %s cannot be removed yet: %s", self.uid, error)
            self.post(m.LeftoversRemoved(str(error)))
            return
        self.post(m.LeftoversRemoved())


def _give_up(task: asyncio.Task[None] | None) -> None:
    """Cancels a step in the next turn of the loop: by then it has begun and will answer, else it never would."""
    if task is not None:
        asyncio.get_running_loop().call_soon(task.cancel)


async def _to_its_end(call: Coroutine[Any, Any, _T]) -> _T:
    """What the runtime answers; a step that is given up meanwhile goes on until its next wait for something else.

    A start that is cut off half-way would leave a container that failed to start, which it did not.
    Source: pkg/kubelet/kubelet.go, SyncPod.
    """
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        answer = await task
        _give_up(asyncio.current_task())
        return answer


def observed(status: Any, sandbox_id: str) -> Container:
    """A container with its last words, where it has ended."""
    container = container_of(status, sandbox_id)
    if container.state == "exited" and (said := termination_message(status)):
        container = replace(container, message=f"{container.message}: {said}" if container.message else said)
    return container


def _shown(pod: Pod) -> tuple[dict[str, str], dict[str, str]]:
    """What of the pod's metadata files may show and may change."""
    return pod.metadata.labels, pod.metadata.annotations
