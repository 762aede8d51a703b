"""The life of one pod on this node as a state machine: events in, instructions out, no I/O.

    SYNCING ──deletion, deadline, eviction, all done──► TERMINATING ──nothing runs──► CLEANING
       CLEANING ──volumes and cgroups gone──► FINISHED ──gone from its source──► REMOVING ──► GONE

In SYNCING the plan (`plan.py`) is compared with what runs and with what is already under way.
The machine never blocks: everything it waits for comes as an event, and `wake_at_s` says when
it wants a Tick at the latest.

Source: pkg/kubelet/pod_workers.go, kubelet.go SyncPod, SyncTerminatingPod, SyncTerminatedPod.
Differs: upstream runs a pod's steps one after the other; here independent ones overlap.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pybernetes.api.core.v1 import ContainerStatus, Pod, PodStatus, ResourceStatus
from pybernetes.apimachinery.pods import RESTART_ALL, is_finished, is_terminal
from pybernetes.apimachinery.times import format_duration, parse_time
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.backoff import BackOff
from pybernetes.kubelet.pod_spec import full_name, is_sidecar, termination_grace_period_s
from pybernetes.kubelet.resources.requests import CgroupValues, pod_cgroup_values, size_of
from pybernetes.kubelet.resources.resizing import Update, summary
from pybernetes.kubelet.runtime import Container, PodRuntime, Sandbox
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.plan import Plan, Stop, plan
from pybernetes.kubelet.worker.status import Inputs, ProbeResults, Resize, generate


class Stage(enum.Enum):
    SYNCING = "syncing"
    TERMINATING = "terminating"
    CLEANING = "cleaning"
    FINISHED = "finished"
    REMOVING = "removing"
    GONE = "gone"


TRANSITIONS: dict[Stage, tuple[Stage, ...]] = {
    Stage.SYNCING: (Stage.TERMINATING,),
    Stage.TERMINATING: (Stage.CLEANING,),
    Stage.CLEANING: (Stage.FINISHED,),
    Stage.FINISHED: (Stage.REMOVING,),
    Stage.REMOVING: (Stage.GONE,),
    Stage.GONE: (),
}

RETRY_S = 10.0
_IMAGE_NOTICE_S = 5.0
"""How long ErrImagePull is shown before it becomes ImagePullBackOff."""


@dataclass(slots=True)
class WorkerSettings:
    """What is the same for every pod of the node."""

    host_ips: list[str] = field(default_factory=list)
    runtime_name: str = "containerd"
    began_s: float = 0.0
    """When this kubelet started: containers older than that keep their readiness until probed."""


class PodWorker:
    def __init__(self, pod: Pod, settings: WorkerSettings, backoff: BackOff | None = None) -> None:
        self.pod = pod
        self.settings = settings
        self.stage = Stage.SYNCING
        self.runtime = PodRuntime()
        self.removed = False
        self.host_ready = False
        self.in_flight: dict[str, m.Instruction] = {}
        self.failures: dict[str, tuple[str, str]] = {}
        self.probes = ProbeResults()
        self.override: tuple[str, str, str] | None = None
        self.disruption: tuple[str, str] | None = None
        told = pod_spec.find_condition(pod.status, "AllContainersRestarting")
        self.restarting_all = told is not None and told.status == "True"
        """The end of one container restarts all: they are stopped and removed before any starts again."""
        self.resize_pending: Resize | None = None
        self.resize_progress = _resize_under_way(pod)
        self.device_health: Mapping[str, list[ResourceStatus]] = {}
        self.status: PodStatus = pod.status
        self.wake_at_s = math.inf
        self.facts = 0
        """How many events were handled: a look at the runtime that was overtaken is not used."""
        self._crashes = backoff or BackOff()
        self._pulls = BackOff()
        self._troubles = BackOff(1.0, 30.0)
        self._pull_errors: dict[str, str] = {}
        self._retry_at: dict[str, float] = {}
        self._probed: dict[str, bool] = {}
        self._stop_grace: dict[str, int] = {}
        self._announced_backoff: dict[str, float] = {}
        self._counted: dict[str, str] = {}
        self._cancelled: set[str] = set()
        self._prepare_cancelled = False
        self._stopped: set[str] = set()
        self._grace_override: int | None = None
        self._terminating_since_s = 0.0
        self._pod_size: CgroupValues | None = None
        self._removed_all = False
        self._out: list[m.Instruction] = []

    # The one entry.

    def handle(self, event: m.Event, now_s: float) -> list[m.Instruction]:
        """Takes one fact and answers what to do about it, in order."""
        self._out = []
        self.facts += 1
        self._removed_all = False
        was_final = self.stage is Stage.FINISHED
        self._apply(event, now_s)
        self.wake_at_s = math.inf
        while True:
            before = self.stage
            self._evaluate(now_s)
            if self.stage is before:
                break
        self._tell_status(now_s, event, was_final)
        return self._out

    def violations(self) -> list[str]:
        """What must never be true after an event; for tests and simulations."""
        found = []
        if self.stage in (Stage.FINISHED, Stage.REMOVING, Stage.GONE):
            found += [f"{c.name} runs in a pod that has ended" for c in self.runtime.running()]
            found += [f"{name} is being started in a pod that has ended" for name in self._starting()]
        if self.stage is Stage.GONE and self.in_flight:
            found.append(f"in flight in a pod that is gone: {sorted(self.in_flight)}")
        names = [c.name for c in self.runtime.running()]
        found += [f"{name} runs twice" for name in {n for n in names if names.count(n) > 1}]
        return found

    # Facts.

    def _apply(self, event: m.Event, now_s: float) -> None:
        match event:
            case m.PodUpdated(pod=pod):
                self.pod = pod
                self._resize_told(event)
                if is_finished(pod) and not is_terminal(self.status.phase):
                    self.status = pod.status
            case m.PodRemoved():
                self.removed = True
            case m.PodEnded(reason=reason, message=message, phase=phase, grace_period_s=grace):
                if self.override is None:
                    self.override = (phase, reason, message)
                    self.disruption = event.disruption
                self._grace_override = grace
            case m.RuntimeObserved(runtime=runtime):
                self.runtime = runtime
            case m.ContainerObserved(container=container):
                known = self.runtime.by_id(container.id)
                if known is None or known.state != "exited":
                    self.runtime = self.runtime.with_container(container)
            case m.SandboxObserved(sandbox=sandbox):
                if any(s.id == sandbox.id for s in self.runtime.sandboxes):
                    self.runtime = self.runtime.with_sandbox(sandbox)
            case m.HostPrepared(failure=failure, size=size):
                self.in_flight.pop("host", None)
                self.host_ready = not failure
                if self.host_ready:
                    self._pod_size = size or pod_cgroup_values(self.pod)
                self._tried("host", not failure, now_s)
            case m.SandboxCreated(sandbox=sandbox):
                self.in_flight.pop("sandbox", None)
                self._tried("sandbox", True, now_s)
                self.runtime = self.runtime.with_sandbox(sandbox)
            case m.SandboxFailed(message=message, left=left):
                self.in_flight.pop("sandbox", None)
                self._tried("sandbox", False, now_s)
                for sandbox in left:
                    self.runtime = self.runtime.with_sandbox(sandbox)
                self._out.append(
                    m.Record("Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {message}")
                )
            case m.SandboxStopped(sandbox_id=sandbox_id, failure=failure):
                self.in_flight.pop(f"stop-sandbox/{sandbox_id}", None)
                self._sandbox_stopped(sandbox_id, failure, now_s)
            case m.ImageReady() | m.ImageFailed():
                self._image_answered(event, now_s)
            case m.ContainerStarted(container=container):
                self.in_flight.pop(f"start/{container.name}", None)
                self.failures.pop(container.name, None)
                self._retry_at.pop(f"start/{container.name}", None)
                self._merge(container)
            case m.ContainerFailed(name=name, reason=reason, message=message, left=left):
                self.in_flight.pop(f"start/{name}", None)
                self.failures[name] = (reason, message)
                for container in left:
                    self._merge(container)
                self._retry_at[f"start/{name}"] = now_s + RETRY_S
            case m.ContainerStopped(container_id=container_id, container=left, failure=failure):
                self._container_stopped(container_id, left, failure, now_s)
            case m.ProbeReported(kind=kind, container_id=container_id, success=success):
                getattr(self.probes, kind)[container_id] = success
            case m.DevicesTold(health=health):
                self.device_health = health
            case m.ObjectsChanged():
                for key in [k for k in self._retry_at if k == "host" or k.startswith("start/")]:
                    name = key.removeprefix("start/")
                    if key == "host" or self.failures.get(name, ("", ""))[0] == "CreateContainerConfigError":
                        del self._retry_at[key]
            case m.ContainersRemoved(container_ids=ids, failure=failure):
                self.in_flight.pop("remove", None)
                self._tried("remove", not failure, now_s)
                for container_id in ids:
                    self.runtime = self.runtime.without_container(container_id)
            case m.PodResized():
                self.in_flight.pop("resize", None)
                self._resized(event, now_s)
            case m.CleanedUp(failure=failure):
                self.in_flight.pop("cleanup", None)
                self._tried("cleanup", not failure, now_s)
                if not failure:
                    self._go(Stage.FINISHED)
            case m.LeftoversRemoved(failure=failure):
                self.in_flight.pop("leftovers", None)
                self._tried("leftovers", not failure, now_s)
                if not failure:
                    self.runtime = PodRuntime()
                    self._go(Stage.GONE)
            case m.Tick():
                pass

    def _resize_told(self, event: m.PodUpdated) -> None:
        generation = event.pod.metadata.generation
        if event.resized:
            self.resize_progress = Resize(generation=generation)
            self._retry_at.pop("resize", None)
            text = summary("Pod resize started", self.pod, generation or 0)
            self._out.append(m.Record("Normal", "ResizeStarted", text))
        before = self.resize_pending
        self.resize_pending = Resize(event.waits, event.message, generation) if event.waits else None
        if self.resize_pending is not None and (
            before is None or (before.reason, before.generation) != (event.waits, generation)
        ):
            text = summary(f"Pod resize {event.waits}", self.pod, generation or 0, event.message)
            self._out.append(m.Record("Warning", f"Resize{event.waits}", text))

    def _resized(self, event: m.PodResized, now_s: float) -> None:
        for container_id, size in event.sizes.items():
            known = self.runtime.by_id(container_id)
            if known is not None:
                self.runtime = self.runtime.with_container(replace(known, size=size))
        if event.pod is not None:
            self._pod_size = event.pod
        self._tried("resize", not event.failure, now_s)
        if event.failure:
            before = self.resize_progress or Resize(generation=self.pod.metadata.generation)
            self.resize_progress = replace(before, reason="Error", message=event.failure)
            if self.resize_progress != before:
                text = summary("Pod resize error", self.pod, before.generation or 0, event.failure)
                self._out.append(m.Record("Warning", "ResizeError", text))

    def _merge(self, container: Container) -> None:
        """What an answer says of a container, unless its end was seen already."""
        known = self.runtime.by_id(container.id)
        if known is None or known.state != "exited":
            self.runtime = self.runtime.with_container(container)

    def _sandbox_stopped(self, sandbox_id: str, failure: str, now_s: float) -> None:
        self._tried(f"stop-sandbox/{sandbox_id}", not failure, now_s)
        if failure:
            self._out.append(m.Record("Warning", "FailedKillPod", f"error killing pod: {failure}"))
            return
        self._stopped.add(sandbox_id)
        for sandbox in self.runtime.sandboxes:
            if sandbox.id == sandbox_id:
                self.runtime = self.runtime.with_sandbox(replace(sandbox, ready=False))

    def _image_answered(self, event: m.ImageReady | m.ImageFailed, now_s: float) -> None:
        name = event.name
        asked = self.in_flight.pop(f"start/{name}", None)
        spec = pod_spec.find_container(self.pod, name)
        key = f"image/{spec.image if spec is not None else name}"
        if isinstance(event, m.ImageReady):
            self._pull_errors.pop(key, None)
            if self.stage is Stage.SYNCING and asked is not None and not self.removed:
                self._start_with(name, event.image_ref)
            return
        reason, message = event.reason, event.message
        retry_s = now_s + RETRY_S
        if reason == "ErrImagePull":
            self._pulls.next(key, now_s, now_s)
            self._pull_errors[key] = f"{reason}: {message}"
            retry_s = now_s + min(_IMAGE_NOTICE_S, self._pulls.delay_s(key))
        elif reason == "ImagePullBackOff":
            if key in self._pull_errors:
                message = f"{message}: {self._pull_errors[key]}"
            retry_s = self._pulls.until(key, self._pulls.last_update_s(key)) or retry_s
        self.failures[name] = (reason, message)
        self._retry_at[f"start/{name}"] = retry_s

    def _start_with(self, name: str, image_ref: str) -> None:
        sandbox = self.runtime.sandbox
        if sandbox is None or not sandbox.ready:
            return
        past = self.runtime.find(name)
        hosts = self.settings.host_ips
        ips = hosts if self.pod.spec.hostNetwork else pod_spec.addresses_in_order(sandbox.ips, hosts)
        self._ask(
            m.StartContainer(
                name=name,
                image_ref=image_ref,
                restart_count=past.restart_count + 1 if past is not None else None,
                sandbox_id=sandbox.id,
                pod_ips=tuple(ips),
            )
        )

    def _container_stopped(self, container_id: str, left: Container | None, failure: str, now_s: float) -> None:
        self.in_flight.pop(f"stop/{container_id}", None)
        self._stop_grace.pop(container_id, None)
        if failure:
            self._retry_at[f"stop/{container_id}"] = now_s + 1.0
            self._out.append(m.Record("Warning", "FailedKillPod", f"error killing pod: {failure}"))
        if left is not None:
            self.runtime = self.runtime.with_container(left)
        elif not failure:
            self.runtime = self.runtime.without_container(container_id)

    # What to do.

    def _evaluate(self, now_s: float) -> None:
        if self.stage is Stage.SYNCING:
            self._sync(now_s)
        if self.stage is Stage.TERMINATING:
            self._terminate(now_s)
        elif self.runtime.running() and self.stage is not Stage.SYNCING:
            for container in self.runtime.running():  # a start that was cancelled too late
                self._stop(Stop(container, f"Stopping container {container.name}", 1), run_pre_stop=False)
        elif self.stage is Stage.CLEANING:
            if self._due("cleanup", now_s):
                self._ask(m.CleanUp())
        elif self.stage is Stage.FINISHED:
            if self.removed:
                self._go(Stage.REMOVING)
        elif self.stage is Stage.REMOVING and self._due("leftovers", now_s):
            self._ask(m.RemoveLeftovers())

    def _sync(self, now_s: float) -> None:
        self._check_deadline(now_s)
        if self.removed or self.pod.metadata.deletionTimestamp is not None or self.override is not None:
            self._go(Stage.TERMINATING, now_s)
            return
        if is_finished(self.pod) or is_terminal(self.status.phase):
            self._go(Stage.TERMINATING, now_s)
            return
        if not self.host_ready:
            if self._due("host", now_s):
                self._ask(m.PrepareHost())
            if not self.runtime.sandboxes:
                return
        self._update_probes()
        if self._restarts_all(now_s):
            return
        wanted = plan(self.pod, self.runtime, self.probes)
        if wanted.done and not self._starting():
            self._go(Stage.TERMINATING, now_s)
            return
        for stop in wanted.stop:
            self._stop(stop)
        if wanted.new_sandbox:
            self._renew_sandbox(wanted, now_s)
        elif self.host_ready:
            self._resize(wanted.resize, now_s)
            for name in wanted.start if "resize" not in self.in_flight else ():
                self._start(name, now_s)

    def _restarts_all(self, now_s: float) -> bool:
        """Stops and removes every container where the end of one asks for it; whether that is under way.

        Source: kuberuntime_manager.go getContainersToReset, container/helpers.go ShouldAllContainersRestart.
        """
        specs = [*self.pod.spec.initContainers, *self.pod.spec.containers]
        newest = [(spec, found) for spec in specs if (found := self.runtime.find(spec.name)) is not None]
        if not self.restarting_all:
            self.restarting_all = any(
                found.state == "exited" and pod_spec.matching_rule(spec, found.exit_code) == RESTART_ALL
                for spec, found in newest
            )
        if not self.restarting_all:
            return False
        names = {spec.name for spec in specs}
        for container in self.runtime.running():
            if container.name in names and self._due(f"stop/{container.id}", now_s):
                self._stop(Stop(container, "killing", 0), run_pre_stop=False)
        if self._starting() or any(c.name in names for c in self.runtime.running()):
            return True
        left = tuple(c.id for c in self.runtime.containers if c.name in names)
        if left:
            if self._due("remove", now_s):
                self._ask(m.RemoveContainers(left))
            return True
        self.restarting_all, self._removed_all = False, True
        for name in names:
            self._counted.pop(name, None)
            self.failures.pop(name, None)
        return False

    def _resize(self, updates: list[Update], now_s: float) -> None:
        """Asks for what was granted and is not yet so; tells when all of it is."""
        after = pod_cgroup_values(self.pod)
        before = self._pod_size or after
        if updates or before != after:
            stopping = any(key.startswith("stop/") for key in self.in_flight)
            if not stopping and self._due("resize", now_s):
                self._ask(m.ResizePod(before, after, tuple(updates)))
        elif self.resize_progress is not None and "resize" not in self.in_flight and self._has_its_sizes():
            text = summary("Pod resize completed", self.pod, self.resize_progress.generation or 0)
            self._out.append(m.Record("Normal", "ResizeCompleted", text))
            self.resize_progress = None

    def _has_its_sizes(self) -> bool:
        for container in self.runtime.running():
            spec = pod_spec.find_container(self.pod, container.name)
            if spec is not None and container.size is not None and container.size != size_of(self.pod, spec):
                return False
        return True

    def _check_deadline(self, now_s: float) -> None:
        limit = self.pod.spec.activeDeadlineSeconds
        start = self.status.startTime or self.pod.status.startTime
        if limit is None or not start or self.override is not None:
            return
        until = parse_time(start) + limit
        if now_s >= until:
            text = "Pod was active on the node longer than the specified deadline"
            self.override = ("Failed", "DeadlineExceeded", text)
            self._out.append(m.Record("Normal", "DeadlineExceeded", text))
        else:
            self._wake(until)

    def _renew_sandbox(self, wanted: Plan, now_s: float) -> None:
        if self.runtime.running() or self._starting():
            return
        for sandbox in self._holding():
            if self._due(f"stop-sandbox/{sandbox.id}", now_s):
                self._ask(m.StopSandbox(sandbox.id))
            return
        if self.host_ready and self._due("sandbox", now_s):
            if wanted.attempt > 0:
                self._out.append(
                    m.Record("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
                )
            self._ask(m.CreateSandbox(wanted.attempt))

    def _start(self, name: str, now_s: float) -> None:
        key = f"start/{name}"
        past = self.runtime.find(name)
        if key in self.in_flight or (past is not None and f"stop/{past.id}" in self.in_flight):
            return
        if past is not None and past.state == "running":
            return
        retry_at = self._retry_at.get(key, 0.0)
        if now_s < retry_at:
            self._wake(retry_at)
            return
        if past is not None and past.state == "exited" and self._counted.get(name) != past.id:
            if self._crashed_lately(name, past, now_s):
                return
            self._counted[name] = past.id
            self._crashes.next(self._crash_key(name), past.finished_at_s, now_s)
            self.failures.pop(name, None)
        spec = pod_spec.find_container(self.pod, name)
        pull_key = f"image/{spec.image if spec is not None else name}"
        until = self._pulls.until(pull_key, self._pulls.last_update_s(pull_key))
        self._ask(m.EnsureImage(name, may_pull=now_s >= until))

    def _crash_key(self, name: str) -> str:
        spec = pod_spec.find_container(self.pod, name)
        return f"{name}/{spec.image if spec is not None else ''}"

    def _crashed_lately(self, name: str, past: Container, now_s: float) -> bool:
        key = self._crash_key(name)
        until = self._crashes.until(key, past.finished_at_s)
        if now_s >= until:
            return False
        delay = format_duration(self._crashes.delay_s(key))
        text = f"back-off {delay} restarting failed container={name} pod={full_name(self.pod)}"
        self.failures[name] = ("CrashLoopBackOff", text)
        if self._announced_backoff.get(name) != until:
            self._announced_backoff[name] = until
            about = f"Back-off restarting failed container {name} in pod {full_name(self.pod)}"
            self._out.append(m.Record("Warning", "BackOff", about, name))
        self._wake(until)
        return True

    def _stop(self, stop: Stop, quiet: bool = False, run_pre_stop: bool = True) -> None:
        key = f"stop/{stop.container.id}"
        asked = self._stop_grace.get(stop.container.id)
        if key in self.in_flight and (asked is None or stop.grace_period_s >= asked):
            return
        if not quiet and key not in self.in_flight:
            self._out.append(m.Record("Normal", "Killing", stop.message, stop.container.name))
        self._stop_grace[stop.container.id] = stop.grace_period_s
        first = key not in self.in_flight
        instruction = m.StopContainer(stop.container, stop.grace_period_s, run_pre_stop and first)
        self.in_flight[key] = instruction
        self._out.append(instruction)

    def _terminate(self, now_s: float) -> None:
        self._update_probes()
        for name in self._starting():
            if name not in self._cancelled:
                self._cancelled.add(name)
                self._out.append(m.CancelStart(name))
        if "host" in self.in_flight and not self._prepare_cancelled:
            self._prepare_cancelled = True
            self._out.append(m.CancelPrepare())
        total = self._grace_override if self._grace_override is not None else termination_grace_period_s(self.pod)
        running = self.runtime.running()
        sidecars = [c.name for c in self.pod.spec.initContainers if is_sidecar(c)]
        regular = [c for c in running if c.name not in sidecars]
        turn = regular
        grace = max(int(total), 1)
        if not regular and running:
            last = max(sidecars.index(c.name) for c in running)
            turn = [c for c in running if sidecars.index(c.name) == last]
            grace = max(int(total - (now_s - self._terminating_since_s)), 1)
        for container in turn:
            key = f"stop/{container.id}"
            if self._due(key, now_s) or key in self.in_flight:
                self._stop(Stop(container, f"Stopping container {container.name}", grace))
        if running or self._starting() or "sandbox" in self.in_flight or "host" in self.in_flight:
            return
        holding = self._holding()
        for sandbox in holding:
            if self._due(f"stop-sandbox/{sandbox.id}", now_s):
                self._ask(m.StopSandbox(sandbox.id))
        if not holding and not self.in_flight:
            self._go(Stage.CLEANING)

    def _holding(self) -> list[Sandbox]:
        """Sandboxes that may hold a network yet: also one that died has to be stopped once."""
        return [s for s in self.runtime.sandboxes if s.ready or s.id not in self._stopped]

    # Probes follow the containers that run.

    def _update_probes(self) -> None:
        running = {c.id: c for c in self.runtime.running() if f"start/{c.name}" not in self.in_flight}
        for container_id in [i for i in self._probed if i not in running]:
            del self._probed[container_id]
            self.probes.forget(container_id)
            self._out.append(m.StopProbes(container_id))
        if self.stage is not Stage.SYNCING:
            for container_id, liveness in self._probed.items():
                if liveness:
                    self._probed[container_id] = False
                    self._out.append(m.StopProbes(container_id, only_liveness=True))
            return
        for container in running.values():
            spec = pod_spec.find_container(self.pod, container.name)
            if container.id in self._probed or spec is None:
                continue
            if spec.livenessProbe is None and spec.readinessProbe is None and spec.startupProbe is None:
                continue
            self._probed[container.id] = True
            older = container.started_at_s < self.settings.began_s
            old = next((s for s in self._old_statuses() if (s.containerID or "").endswith(container.id)), None)
            startup_known = bool(older and old is not None and old.started and spec.startupProbe is not None)
            if startup_known:
                self.probes.startup[container.id] = True
            elif spec.readinessProbe is not None and not older:
                self.probes.readiness[container.id] = False
            self._out.append(m.StartProbes(container, startup_known=startup_known))

    def _old_statuses(self) -> list[ContainerStatus]:
        return [*self.status.containerStatuses, *self.status.initContainerStatuses]

    # Telling.

    def _tell_status(self, now_s: float, event: m.Event, was_final: bool) -> None:
        if self.stage in (Stage.REMOVING, Stage.GONE):
            return
        status = generate(self.pod, self.runtime, self._inputs(now_s))
        final = self.stage is Stage.FINISHED
        changed = status != self.status
        self.status = status
        asked_again = final and isinstance(event, m.PodUpdated)
        if changed or (final and not was_final) or asked_again:
            self._out.append(m.WriteStatus(status, final=final))

    def _inputs(self, now_s: float) -> Inputs:
        starting = frozenset(
            k.removeprefix("start/") for k, i in self.in_flight.items() if isinstance(i, m.StartContainer)
        )
        return Inputs(
            old=self.status,
            now_s=now_s,
            runtime_name=self.settings.runtime_name,
            host_ips=self.settings.host_ips,
            failures=self.failures,
            probes=self.probes,
            starting=starting,
            ended=self.stage in (Stage.CLEANING, Stage.FINISHED),
            override=self.override,
            disruption=self.disruption,
            restarting_all=self.restarting_all,
            removed_all=self._removed_all,
            resize_pending=self.resize_pending,
            resize_progress=self.resize_progress,
            pod_size=self._pod_size,
            device_health=self.device_health,
        )

    # Small change.

    def _starting(self) -> list[str]:
        return [k.removeprefix("start/") for k in self.in_flight if k.startswith("start/")]

    def _ask(self, instruction: m.Instruction) -> None:
        assert instruction.key and instruction.key not in self.in_flight, instruction
        self.in_flight[instruction.key] = instruction
        self._out.append(instruction)

    def _due(self, key: str, now_s: float) -> bool:
        """Whether an instruction of that key may be asked for now; otherwise the worker wakes for it."""
        if key in self.in_flight:
            return False
        retry_at = self._retry_at.get(key, 0.0)
        if now_s < retry_at:
            self._wake(retry_at)
            return False
        return True

    def _tried(self, key: str, success: bool, now_s: float) -> None:
        """What failed is tried again soon at first, and ever later."""
        if success:
            self._troubles.reset(key)
            self._retry_at.pop(key, None)
        else:
            self._troubles.next(key, now_s, now_s)
            self._retry_at[key] = now_s + self._troubles.delay_s(key)

    def _wake(self, at_s: float) -> None:
        self.wake_at_s = min(self.wake_at_s, at_s)

    def _go(self, stage: Stage, now_s: float = 0.0) -> None:
        assert stage in TRANSITIONS[self.stage], (self.stage, stage)
        if stage is Stage.TERMINATING:
            self._terminating_since_s = now_s
        self.stage = stage


def _resize_under_way(pod: Pod) -> Resize | None:
    """As an earlier kubelet told it."""
    told = pod_spec.find_condition(pod.status, "PodResizeInProgress")
    return Resize(told.reason or "", told.message or "", told.observedGeneration) if told is not None else None
