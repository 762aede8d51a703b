"""A pod's status from what the runtime runs: phase, conditions, container statuses. Pure.

Source: pkg/kubelet/kubelet_pods.go (getPhase, convertToAPIContainerStatuses, generateAPIPodStatus),
pkg/kubelet/status/generate.go and status_manager.go (mergePodStatus).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from pybernetes.api.core.v1 import Container as ContainerSpec
from pybernetes.api.core.v1 import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ContainerUser,
    EphemeralContainer,
    HostIP,
    LinuxContainerUser,
    Pod,
    PodCondition,
    PodIP,
    PodStatus,
    ResourceRequirements,
    ResourceStatus,
    VolumeMountStatus,
)
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.pods import AnyContainer, is_terminal, restarts_all
from pybernetes.apimachinery.times import format_time
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.pod_spec import find_condition, is_sidecar, should_restart
from pybernetes.kubelet.resources.requests import (
    CgroupValues,
    milli_of_quota,
    milli_of_shares,
    pod_cgroup_values,
    pod_limits,
    pod_requests,
    qos_class,
)
from pybernetes.kubelet.runtime import Container, PodRuntime

MAX_MESSAGES_BYTES = 12 * 1024
VANISHING_CONDITIONS = ("PodResizePending", "PodResizeInProgress")
"""Conditions of the kubelet that are there only while they are true."""
_OWNED_CONDITIONS = (
    "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
    *VANISHING_CONDITIONS, "DisruptionTarget", "AllContainersRestarting",
)  # fmt: skip
_LOST_EXIT_CODE = 137


@dataclass(slots=True)
class ProbeResults:
    """The last word of each probe about a container, by container id; absent means not known yet."""

    readiness: dict[str, bool] = field(default_factory=dict)
    liveness: dict[str, bool] = field(default_factory=dict)
    startup: dict[str, bool] = field(default_factory=dict)

    def forget(self, container_id: str) -> None:
        for results in (self.readiness, self.liveness, self.startup):
            results.pop(container_id, None)


@dataclass(frozen=True, slots=True)
class Resize:
    """What is told of a resize that waits or is under way; `generation` is that of the spec that asked for it."""

    reason: str = ""
    message: str = ""
    generation: int | None = None


@dataclass(slots=True)
class Inputs:
    """Everything a status depends on beside the pod and the runtime."""

    old: PodStatus
    now_s: float
    runtime_name: str = "containerd"
    host_ips: list[str] = field(default_factory=list)
    failures: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Why a container could not be started: (reason, message) by name."""
    probes: ProbeResults = field(default_factory=ProbeResults)
    starting: frozenset[str] = frozenset()
    """Containers whose start is not complete (postStart still runs): they are not shown as running."""
    ended: bool = False
    """No container of the pod runs or will run again: terminal phases may be told."""
    override: tuple[str, str, str] | None = None
    """phase, reason and message decided elsewhere: a deadline, an eviction."""
    disruption: tuple[str, str] | None = None
    """reason and message of the condition that says why the node ends the pod."""
    restarting_all: bool = False
    """All containers are being stopped and removed, to start anew."""
    removed_all: bool = False
    """They have just been."""
    resize_pending: Resize | None = None
    resize_progress: Resize | None = None
    pod_size: CgroupValues | None = None
    """What the pod's own cgroup holds; None for what the pod was granted."""
    device_health: Mapping[str, list[ResourceStatus]] = field(default_factory=dict)


def generate(pod: Pod, runtime: PodRuntime, inputs: Inputs) -> PodStatus:
    """The status to write. Phases never leave Succeeded and Failed."""
    old = inputs.old
    init = _container_statuses(pod, runtime, inputs, list(pod.spec.initContainers), old.initContainerStatuses, True)
    main = _container_statuses(pod, runtime, inputs, list(pod.spec.containers), old.containerStatuses, False)
    ephemeral = _container_statuses(
        pod, runtime, inputs, list(pod.spec.ephemeralContainers), old.ephemeralContainerStatuses, False
    )
    main.sort(key=lambda status: status.name)
    refused = inputs.override is not None or is_terminal(old.phase)
    if refused and inputs.ended and not runtime.sandboxes and not old.containerStatuses:
        init, main, ephemeral = [], [], []  # none is waited for
    if inputs.ended and (runtime.sandboxes or inputs.override is None):
        _conclude(pod, init, main)
    _limit_messages([*init, *main, *ephemeral])
    found_phase = phase(pod, init, main, inputs.ended, _has_started(main))
    reason, message = old.reason, old.message
    if inputs.override is not None:
        found_phase, reason, message = inputs.override
    if is_terminal(old.phase):
        found_phase = old.phase or ""
    elif inputs.ended and not is_terminal(found_phase):
        found_phase = "Failed"
    elif is_terminal(found_phase) and not inputs.ended:
        found_phase = old.phase or "Pending"  # told when nothing of the pod can run any more
        reason, message = old.reason, old.message
    if not is_terminal(found_phase) and inputs.override is None:
        reason, message = None, None
    status = PodStatus(
        phase=found_phase,
        reason=reason or None,
        message=message or None,
        startTime=old.startTime or format_time(inputs.now_s),
        qosClass=qos_class(pod),
        initContainerStatuses=init,
        containerStatuses=main,
        ephemeralContainerStatuses=ephemeral,
        observedGeneration=pod.metadata.generation,
        nominatedNodeName=old.nominatedNodeName,
        resourceClaimStatuses=old.resourceClaimStatuses,
    )
    _set_addresses(pod, runtime, inputs, status)
    status.conditions = _conditions(pod, runtime, inputs, status)
    _set_pod_resources(pod, status, inputs.pod_size)
    return status


def _set_pod_resources(pod: Pod, status: PodStatus, size: CgroupValues | None) -> None:
    """Source: kubelet_pods.go getEffectiveAllocatedResources, convertToAPIPodLevelResourcesStatus."""
    status.allocatedResources = pod_requests(pod)
    held = pod.spec.resources or ResourceRequirements()
    if pod.status.phase == "Running":
        requests = dict(held.requests)
        if "memory" in status.allocatedResources:
            requests.setdefault("memory", status.allocatedResources["memory"])
        for name in ("cpu", *(n for n in held.requests if n not in ("cpu", "memory"))):
            if name in status.allocatedResources:
                requests[name] = status.allocatedResources[name]
        limits = _pod_limits_in_force(pod)
        if size is not None:
            _correct(requests, limits, pod_cgroup_values(pod), size)
        status.resources = ResourceRequirements(requests=requests, limits=limits)
    else:
        status.resources = ResourceRequirements(requests=dict(status.allocatedResources), limits=pod_limits(pod))


def _pod_limits_in_force(pod: Pod) -> dict[str, str]:
    """What the pod's cgroup limits: a resource that every container limits, or the pod itself."""
    values, limits = pod_cgroup_values(pod), pod_limits(pod)
    held = dict(pod.spec.resources.limits) if pod.spec.resources is not None else {}
    if values.cpu_quota_us is not None and values.cpu_quota_us > 0 and "cpu" in limits:
        held["cpu"] = limits["cpu"]
    if values.memory_limit_bytes is not None:
        held["memory"] = limits["memory"]
    return held


def _correct(requests: dict[str, str], limits: dict[str, str], granted: CgroupValues, held: CgroupValues) -> None:
    """Where the pod's cgroup holds something else than was granted, what it holds is told."""
    if held.cpu_shares != granted.cpu_shares:
        requests["cpu"] = quantity.from_milli(milli_of_shares(held.cpu_shares or 0))
    found = {}
    if held.cpu_quota_us != granted.cpu_quota_us:
        found["cpu"] = quantity.from_milli(milli_of_quota(held.cpu_quota_us or 0))
    if held.memory_limit_bytes != granted.memory_limit_bytes:
        found["memory"] = quantity.from_value(held.memory_limit_bytes or 0, "BinarySI")
    for name, amount in found.items():
        limits.pop(name, None)
        if amount != "0":
            limits[name] = amount


def _set_addresses(pod: Pod, runtime: PodRuntime, inputs: Inputs, status: PodStatus) -> None:
    if inputs.host_ips:
        status.hostIP = inputs.host_ips[0]
        status.hostIPs = [HostIP(ip=ip) for ip in inputs.host_ips]
    ips: list[str] = []
    if pod.spec.hostNetwork:
        ips = inputs.host_ips if runtime.sandboxes or inputs.old.podIP else []
    elif runtime.sandbox is not None:
        ips = pod_spec.addresses_in_order(runtime.sandbox.ips, inputs.host_ips)
    if not ips and inputs.ended:
        ips = pod_spec.pod_ips_of(inputs.old)
    if ips:
        status.podIP = ips[0]
        status.podIPs = [PodIP(ip=ip) for ip in ips]


def phase(pod: Pod, init: list[ContainerStatus], main: list[ContainerStatus], ended: bool, initialized: bool) -> str:
    """The pod's phase from its containers' states."""
    by_name = {s.name: s for s in (*init, *main)}
    pending_init = pending_sidecars = 0
    for container in pod.spec.initContainers:
        status = by_name.get(container.name)
        state = status.state if status is not None and status.state is not None else ContainerState()
        if is_sidecar(container):
            if state.running is not None:
                pending_sidecars += not (status is not None and status.started)
            elif state.terminated is None and not (status and status.lastState and status.lastState.terminated):
                pending_sidecars += 1
            continue
        last = status.lastState if status is not None and status.lastState is not None else ContainerState()
        finished = state.terminated or (last.terminated if state.waiting is not None else None)
        if finished is None:
            pending_init += 1
        elif finished.exitCode != 0 and finished.reason != _RESTARTING_ALL:
            if not should_restart(container, pod, finished.exitCode):
                return "Failed"
            if state.terminated is None:
                pending_init += 0  # it failed before and waits to run again: as upstream, not pending
    running = waiting = stopped = succeeded = unknown = final = 0
    for container in pod.spec.containers:
        status = by_name.get(container.name)
        state = status.state if status is not None and status.state is not None else ContainerState()
        if status is None or state == ContainerState():
            unknown += 1
        elif state.running is not None:
            running += 1
        elif state.terminated is not None:
            stopped += 1
            succeeded += state.terminated.exitCode == 0
            final += not should_restart(container, pod, state.terminated.exitCode)
        elif status.lastState is not None and status.lastState.terminated is not None:
            stopped += 1
            final += not should_restart(container, pod, status.lastState.terminated.exitCode)
        else:
            waiting += 1
    if pending_init or (pending_sidecars and not initialized) or waiting:
        return "Pending"
    if running and not unknown:
        return "Running"
    if stopped and not running and not unknown:
        if ended:
            return "Succeeded" if stopped == succeeded else "Failed"
        if stopped != final:
            return "Running"
        return "Succeeded" if stopped == succeeded else "Failed"
    return "Pending"


def _has_started(main: list[ContainerStatus]) -> bool:
    return any(
        (s.state is not None and (s.state.running is not None or s.state.terminated is not None))
        or (s.lastState is not None and s.lastState.terminated is not None)
        for s in main
    )


def _container_statuses(
    pod: Pod,
    runtime: PodRuntime,
    inputs: Inputs,
    containers: list[AnyContainer],
    previous: list[ContainerStatus],
    init: bool,
) -> list[ContainerStatus]:
    old_by_name = {s.name: s for s in previous}
    return [_container_status(pod, runtime, inputs, c, old_by_name.get(c.name), init) for c in containers]


def _container_status(
    pod: Pod, runtime: PodRuntime, inputs: Inputs, spec: AnyContainer, old: ContainerStatus | None, init: bool
) -> ContainerStatus:
    history = [c for c in runtime.containers if c.name == spec.name]
    if history and history[0].state == "running" and spec.name in inputs.starting:
        history = history[1:]
    if history:
        status = _from_history(spec, history, inputs)
        if old is not None and len(history) == 1 and not inputs.ended:
            _keep_last_state(status, old)
    elif (
        (inputs.restarting_all or inputs.removed_all)
        and old is not None
        and old.state is not None
        and not isinstance(spec, EphemeralContainer)
    ):
        status = _removed(spec, old)
    else:
        status = _without_container(pod, spec, old)
    status.volumeMounts = [_mount_status(m) for m in spec.volumeMounts]
    status.allocatedResourcesStatus = list(inputs.device_health.get(spec.name, ()))
    newest = history[0] if history else None
    if init and newest is not None and newest.state == "exited" and newest.exit_code == 0 and not _sidecar(spec):
        pass  # done for good
    elif init and newest is None and not _sidecar(spec) and _regular_created(pod, runtime):
        if status.state is not None and status.state.waiting is not None:
            status.state = ContainerState(
                terminated=ContainerStateTerminated(
                    reason="Completed",
                    message="Unable to get init container status from container runtime and pod has been "
                    "initialized, treat it as exited normally",
                )
            )
    elif _waits_for_start(pod, spec, newest) and spec.name in inputs.failures and not inputs.ended:
        reason, message = inputs.failures[spec.name]
        if status.state is not None and status.state.terminated is not None:
            status.lastState = status.state
        status.state = ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message or None))
    _set_readiness(spec, status, old, newest, inputs, init)
    return status


def _from_history(spec: AnyContainer, history: list[Container], inputs: Inputs) -> ContainerStatus:
    newest = history[0]
    status = ContainerStatus(
        name=spec.name,
        image=newest.image or spec.image or "",
        imageID=newest.image_ref,
        containerID=f"{inputs.runtime_name}://{newest.id}",
        restartCount=newest.restart_count,
        state=_state(newest, inputs.runtime_name),
        resources=_resources(spec, newest),
        allocatedResources=spec.resources.requests if spec.resources is not None else {},
    )
    status.stopSignal = newest.stop_signal
    if newest.user is not None:
        uid, gid, groups = newest.user
        status.user = ContainerUser(linux=LinuxContainerUser(uid=uid, gid=gid, supplementalGroups=list(groups)))
    if len(history) > 1:
        status.lastState = _state(history[1], inputs.runtime_name)
    return status


def _keep_last_state(status: ContainerStatus, old: ContainerStatus) -> None:
    """The runtime has forgotten the container before this one: what was told of its end still holds."""
    if old.containerID and old.containerID != status.containerID and old.state is not None and old.state.terminated:
        status.lastState = ContainerState(terminated=old.state.terminated)
    elif old.lastState is not None and old.lastState.terminated is not None:
        status.lastState = old.lastState


_RESTARTING_ALL = "RestartingAllContainers"


def _removed(spec: AnyContainer, old: ContainerStatus) -> ContainerStatus:
    """Of a container that is gone because all of the pod's start anew."""
    text = "The container is removed because RestartAllContainers in place"
    status = ContainerStatus(name=spec.name, image=spec.image or "", restartCount=old.restartCount)
    status.lastState = old.lastState
    status.state = ContainerState(waiting=ContainerStateWaiting(reason=_RESTARTING_ALL, message=text))
    if old.state is not None and old.state.waiting is None:
        gone = ContainerStateTerminated(exitCode=_LOST_EXIT_CODE, reason=_RESTARTING_ALL, message=text)
        status.lastState = ContainerState(terminated=gone)
        status.restartCount += 1
    return status


def _resources(spec: AnyContainer, newest: Container) -> ResourceRequirements:
    """What the spec was granted, with the CPU and memory that the container has in fact."""
    held, size = spec.resources or ResourceRequirements(), newest.size
    if newest.state != "running" or size is None:
        return held

    def in_fact(amounts: dict[str, str], milli: int, size_bytes: int) -> dict[str, str]:
        found = dict(amounts)
        if "cpu" in found and milli and quantity.milli(found["cpu"]) != milli:
            found["cpu"] = quantity.from_milli(milli)
        if "memory" in found and size_bytes and quantity.value(found["memory"]) != size_bytes:
            found["memory"] = quantity.from_value(size_bytes, "BinarySI")
        return found

    return ResourceRequirements(
        limits=in_fact(held.limits, size.cpu_limit_milli, size.memory_limit_bytes),
        requests=in_fact(held.requests, size.cpu_request_milli, size.memory_request_bytes),
        claims=held.claims,
    )


def _state(container: Container, runtime_name: str) -> ContainerState:
    if container.state == "running":
        return ContainerState(running=ContainerStateRunning(startedAt=_time(container.started_at_s)))
    if container.state == "exited":
        return ContainerState(
            terminated=ContainerStateTerminated(
                exitCode=container.exit_code,
                reason=container.reason or None,
                message=container.message or None,
                startedAt=_time(container.started_at_s),
                finishedAt=_time(container.finished_at_s),
                containerID=f"{runtime_name}://{container.id}",
            )
        )
    return ContainerState(waiting=ContainerStateWaiting())


def _time(epoch_s: float) -> str | None:
    return format_time(epoch_s) if epoch_s > 0 else None


def _without_container(pod: Pod, spec: AnyContainer, old: ContainerStatus | None) -> ContainerStatus:
    """Of a container that the runtime does not have: not yet, or no longer."""
    if old is not None and old.state is not None and old.state.terminated is not None:
        return msgspec.structs.replace(old)
    waiting = "PodInitializing" if pod.spec.initContainers else "ContainerCreating"
    status = ContainerStatus(
        name=spec.name,
        image=spec.image or "",
        state=ContainerState(waiting=ContainerStateWaiting(reason=waiting)),
    )
    if old is not None:
        status.restartCount = old.restartCount
        status.lastState = old.lastState
        if old.state is not None and old.state.running is not None and not (old.lastState and old.lastState.terminated):
            status.lastState = ContainerState(
                terminated=ContainerStateTerminated(
                    exitCode=_LOST_EXIT_CODE,
                    reason="ContainerStatusUnknown",
                    message="The container could not be located when the pod was deleted.  "
                    "The container used to be Running",
                )
            )
            status.restartCount += pod.metadata.deletionTimestamp is None
    return status


def _conclude(pod: Pod, init: list[ContainerStatus], main: list[ContainerStatus]) -> None:
    """In a pod that ended, a container without a result counts as failed. Source: status_manager.go TerminatePod."""
    begun = _has_started(main)
    unsure = main if begun or not pod.spec.initContainers else []
    last = max((i for i, s in enumerate(init) if s.lastState or (s.state and not s.state.waiting)), default=-1)
    for status in (*unsure, *(init if begun else init[: last + 1])):
        if status.state is None or status.state.terminated is None:
            status.state = ContainerState(
                terminated=ContainerStateTerminated(
                    exitCode=_LOST_EXIT_CODE,
                    reason="ContainerStatusUnknown",
                    message="The container could not be located when the pod was terminated",
                )
            )


def _waits_for_start(pod: Pod, spec: AnyContainer, newest: Container | None) -> bool:
    if newest is None or newest.state == "created":
        return True
    if newest.state == "running":
        return False
    if isinstance(spec, ContainerSpec) and is_sidecar(spec):
        return True
    return should_restart(spec, pod, newest.exit_code)


def _sidecar(spec: AnyContainer) -> bool:
    return isinstance(spec, ContainerSpec) and is_sidecar(spec)


def _regular_created(pod: Pod, runtime: PodRuntime) -> bool:
    return any(runtime.find(c.name) is not None for c in pod.spec.containers)


def _set_readiness(
    spec: AnyContainer,
    status: ContainerStatus,
    old: ContainerStatus | None,
    newest: Container | None,
    inputs: Inputs,
    init: bool,
) -> None:
    """`started` and `ready`. Source: pkg/kubelet/prober/prober_manager.go UpdatePodStatus."""
    running = status.state is not None and status.state.running is not None
    same = old is not None and old.containerID == status.containerID
    started = running
    if running and newest is not None and spec.startupProbe is not None:
        known = inputs.probes.startup.get(newest.id)
        started = known if known is not None else bool(same and old is not None and old.started)
    status.started = started
    if init and not _sidecar(spec):
        ended = status.state.terminated if status.state is not None else None
        status.ready = ended is not None and ended.exitCode == 0
        return
    ready = started
    if started and newest is not None and spec.readinessProbe is not None:
        known = inputs.probes.readiness.get(newest.id)
        ready = known if known is not None else bool(same and old is not None and old.ready)
    status.ready = ready


def _mount_status(mount: object) -> VolumeMountStatus:
    read_only = getattr(mount, "readOnly", None)
    return VolumeMountStatus(
        name=getattr(mount, "name", ""),
        mountPath=getattr(mount, "mountPath", ""),
        readOnly=read_only or None,
        recursiveReadOnly="Disabled" if read_only else None,
    )


def _limit_messages(statuses: list[ContainerStatus]) -> None:
    limit = MAX_MESSAGES_BYTES // max(len(statuses), 1)
    for status in statuses:
        for state in (status.state, status.lastState):
            if state is not None and state.terminated is not None and state.terminated.message:
                message = state.terminated.message
                if len(message.encode()) > limit:
                    state.terminated.message = message.encode()[:limit].decode(errors="ignore")


def _conditions(pod: Pod, runtime: PodRuntime, inputs: Inputs, status: PodStatus) -> list[PodCondition]:
    """Ours in upstream's order after those of others, with the time of their last change."""
    others = [c for c in pod.status.conditions if c.type not in _OWNED_CONDITIONS]
    sandbox = runtime.sandbox
    has_sandbox = sandbox is not None and sandbox.ready and (bool(sandbox.ips) or bool(pod.spec.hostNetwork))
    containers_ready = _containers_ready(pod, status)
    found = [
        ("PodReadyToStartContainers", "True" if has_sandbox else "False", None, None),
        ("Initialized", *_initialized(pod, status)),
        ("Ready", *_pod_ready(pod, others, containers_ready)),
        ("ContainersReady", *containers_ready),
        ("PodScheduled", "True", None, None),
    ]
    if restarts_all(pod.spec):
        found.append(("AllContainersRestarting", *_restarting_all(inputs, status)))
    now = format_time(inputs.now_s)
    result = list(others)
    if not is_terminal(status.phase):
        result += _resize_conditions(inputs, now)
    result += _disruption(pod, inputs, now)
    for kind, value, reason, message in found:
        old = find_condition(inputs.old, kind)
        since = old.lastTransitionTime if old is not None and old.status == value else now
        result.append(
            PodCondition(
                type=kind,
                status=value,
                reason=reason,
                message=message,
                lastTransitionTime=since,
                observedGeneration=pod.metadata.generation,
            )
        )
    return result


def _restarting_all(inputs: Inputs, status: PodStatus) -> _Verdict:
    if is_terminal(status.phase):
        return "False", "PodCompleted" if status.phase == "Succeeded" else "PodFailed", None
    if inputs.restarting_all:
        return "True", "RestartAllContainersStarted", "container exited with restart policy rule"
    return "False", None, None


def _resize_conditions(inputs: Inputs, now: str) -> list[PodCondition]:
    found = []
    for kind, resize in (("PodResizePending", inputs.resize_pending), ("PodResizeInProgress", inputs.resize_progress)):
        if resize is None:
            continue
        old = find_condition(inputs.old, kind)
        same = old is not None and (old.reason or "") == resize.reason
        condition = PodCondition(type=kind, status="True", observedGeneration=resize.generation)
        condition.reason, condition.message = resize.reason or None, resize.message or None
        condition.lastTransitionTime = old.lastTransitionTime if same and old is not None else now
        found.append(condition)
    return found


def _disruption(pod: Pod, inputs: Inputs, now: str) -> list[PodCondition]:
    known = find_condition(inputs.old, "DisruptionTarget") or find_condition(pod.status, "DisruptionTarget")
    if inputs.disruption is None:
        return [known] if known is not None else []
    if known is not None and (known.reason, known.message) == inputs.disruption:
        return [known]
    reason, message = inputs.disruption
    return [
        PodCondition(
            type="DisruptionTarget",
            status="True",
            reason=reason,
            message=message,
            lastTransitionTime=now,
            observedGeneration=pod.metadata.generation,
        )
    ]


_Verdict = tuple[str, str | None, str | None]


def _containers_ready(pod: Pod, status: PodStatus) -> _Verdict:
    if status.phase == "Succeeded":
        return "False", "PodCompleted", None
    if status.phase == "Failed":
        return "False", "PodFailed", None
    by_name = {s.name: s for s in (*status.initContainerStatuses, *status.containerStatuses)}
    names = [c.name for c in pod.spec.initContainers if is_sidecar(c)] + [c.name for c in pod.spec.containers]
    unready = [name for name in names if not by_name[name].ready]
    if unready:
        return "False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return "True", None, None


def _pod_ready(pod: Pod, conditions: list[PodCondition], containers_ready: _Verdict) -> _Verdict:
    if containers_ready[0] != "True":
        return containers_ready
    messages = []
    for gate in pod.spec.readinessGates:
        found = condition_of(conditions, gate.conditionType)
        if found is None:
            messages.append(f'corresponding condition of pod readiness gate "{gate.conditionType}" does not exist.')
        elif found.status != "True":
            messages.append(
                f'the status of pod readiness gate "{gate.conditionType}" is not "True", but {found.status}'
            )
    if messages:
        return "False", "ReadinessGatesNotReady", ", ".join(messages)
    return "True", None, None


def _initialized(pod: Pod, status: PodStatus) -> _Verdict:
    by_name = {s.name: s for s in status.initContainerStatuses}
    if status.phase == "Succeeded":
        return "True", "PodCompleted", None
    started = any(
        s.started or (s.state is not None and s.state.terminated is not None) for s in status.containerStatuses
    )
    if started:
        return "True", None, None
    incomplete = []
    for container in pod.spec.initContainers:
        found = by_name[container.name]
        done = bool(found.started) if is_sidecar(container) else found.ready
        if not done:
            incomplete.append(container.name)
    if incomplete:
        return "False", "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(incomplete)}]"
    return "True", None, None
