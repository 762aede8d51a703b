"""What a pod needs next, from its spec and what the runtime has: the pure heart of the worker.

Source: pkg/kubelet/kuberuntime/kuberuntime_manager.go computePodActions, computeInitContainerActions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Container as ContainerSpec
from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.pods import AnyContainer
from pybernetes.kubelet.pod_spec import (
    container_hash,
    is_sidecar,
    probe_grace_period_s,
    should_restart,
    termination_grace_period_s,
)
from pybernetes.kubelet.resources.requests import size_of
from pybernetes.kubelet.resources.resizing import Update
from pybernetes.kubelet.runtime import Container, PodRuntime, Size
from pybernetes.kubelet.worker.status import ProbeResults


@dataclass(frozen=True, slots=True)
class Stop:
    container: Container
    message: str
    grace_period_s: int


@dataclass(slots=True)
class Plan:
    """`new_sandbox`: every container must stop first, then a sandbox of number `attempt` is made."""

    new_sandbox: bool = False
    attempt: int = 0
    start: list[str] = field(default_factory=list)
    stop: list[Stop] = field(default_factory=list)
    resize: list[Update] = field(default_factory=list)
    done: bool = False
    """Nothing runs and nothing will: the pod has ended by itself."""


def plan(pod: Pod, runtime: PodRuntime, probes: ProbeResults) -> Plan:
    sandbox = runtime.sandbox
    ready = [s for s in runtime.sandboxes if s.ready]
    usable = (
        sandbox is not None and sandbox.ready and len(ready) == 1 and (bool(pod.spec.hostNetwork) or bool(sandbox.ips))
    )
    if not usable:
        # A sandbox that failed to start has its number all the same, and may have no time at which it was made.
        return _with_new_sandbox(pod, runtime, max((s.attempt + 1 for s in runtime.sandboxes), default=0))
    result = Plan()
    for ephemeral in pod.spec.ephemeralContainers:
        if runtime.find(ephemeral.name) is None:
            result.start.append(ephemeral.name)
    if not _plan_init(pod, runtime, probes, result) or result.done:
        return result
    kept = 0
    starting = len(result.start)
    for spec in pod.spec.containers:
        kept += _plan_container(pod, spec, runtime, probes, result)
    if kept == 0 and len(result.start) == starting and not result.stop:
        names = {c.name for c in pod.spec.containers}
        if not any(c.name in names for c in runtime.running()):
            return Plan(done=True)
    return result


def _with_new_sandbox(pod: Pod, runtime: PodRuntime, attempt: int) -> Plan:
    stops = [
        Stop(c, "Pod sandbox changed, it will be killed and re-created.", termination_grace_period_s(pod))
        for c in runtime.running()
    ]
    never = not any(_restartable(pod, c) for c in pod.spec.containers)
    if never and attempt != 0 and runtime.containers:
        return Plan(stop=stops, done=not stops)
    wanted = []
    for spec in pod.spec.containers:
        newest = runtime.find(spec.name)
        policy = spec.restartPolicy or pod.spec.restartPolicy
        if policy == "OnFailure" and newest is not None and newest.state == "exited" and newest.exit_code == 0:
            continue
        if newest is not None and newest.state == "exited" and not should_restart(spec, pod, newest.exit_code):
            continue
        wanted.append(spec)
    if not wanted and any(runtime.find(c.name) is not None for c in pod.spec.containers):
        return Plan(stop=stops, done=not stops)
    return Plan(new_sandbox=True, attempt=attempt, stop=stops)


def _restartable(pod: Pod, spec: ContainerSpec) -> bool:
    policy = spec.restartPolicy or pod.spec.restartPolicy or "Always"
    return policy != "Never" or bool(spec.restartPolicyRules)


def _plan_container(pod: Pod, spec: ContainerSpec, runtime: PodRuntime, probes: ProbeResults, result: Plan) -> bool:
    """Adds what one regular container needs; whether it is kept running."""
    newest = _in_sandbox(runtime, spec.name)
    if newest is None or newest.state != "running":
        past = runtime.find(spec.name)
        ended = newest if newest is not None else past
        if ended is None or ended.state in ("created", "unknown") or should_restart(spec, pod, ended.exit_code):
            result.start.append(spec.name)
            result.stop.extend(_if_lost(pod, newest, "Container"))
        elif newest is None and past is not None and past.exit_code == 0 and _restartable(pod, spec):
            pass
        return False
    stop = _reason_to_stop(pod, spec, newest, probes, f"Container {spec.name}")
    if stop is None:
        return _plan_size(pod, spec, newest, result)
    message, grace, always = stop
    if always or _restartable(pod, spec):
        message += ", will be restarted"
        result.start.append(spec.name)
    result.stop.append(Stop(newest, message, grace))
    return False


def _if_lost(pod: Pod, container: Container | None, subject: str) -> list[Stop]:
    """One of which the runtime no longer knows whether it runs must not run beside the next."""
    if container is None or container.state != "unknown":
        return []
    message = f'{subject} is in "{container.state}" state, try killing it before restart'
    return [Stop(container, message, termination_grace_period_s(pod))]


def _plan_size(pod: Pod, spec: ContainerSpec, container: Container, result: Plan) -> bool:
    """Adds what a running container needs to have what it was granted; whether it is kept running.

    Source: kuberuntime_manager.go computePodResizeAction.
    """
    before, after = container.size, size_of(pod, spec)
    if before is None or before == after:
        return True
    policies = {p.resourceName: p.restartPolicy for p in spec.resizePolicy}
    if any(policies.get(name) == "RestartContainer" for name in _changed(before, after)):
        message = f"Container {spec.name} resize requires restart"
        result.stop.append(Stop(container, message, termination_grace_period_s(pod)))
        result.start.append(spec.name)
        return False
    result.resize.append(Update(container.id, spec.name, before, after))
    return True


def _changed(before: Size, after: Size) -> list[str]:
    cpu = (before.cpu_request_milli, before.cpu_limit_milli) != (after.cpu_request_milli, after.cpu_limit_milli)
    memory = (before.memory_request_bytes, before.memory_limit_bytes) != (
        after.memory_request_bytes,
        after.memory_limit_bytes,
    )
    return ["cpu"] * cpu + ["memory"] * memory


def _reason_to_stop(
    pod: Pod, spec: AnyContainer, container: Container, probes: ProbeResults, subject: str
) -> tuple[str, int, bool] | None:
    """Message, grace period, and whether it restarts whatever the policy."""
    if container.hash and container.hash != container_hash(spec):
        return f"{subject} definition changed", termination_grace_period_s(pod), True
    if probes.liveness.get(container.id) is False:
        return f"{subject} failed liveness probe", probe_grace_period_s(pod, spec.livenessProbe), False
    if probes.startup.get(container.id) is False:
        return f"{subject} failed startup probe", probe_grace_period_s(pod, spec.startupProbe), False
    return None


def _plan_init(pod: Pod, runtime: PodRuntime, probes: ProbeResults, result: Plan) -> bool:
    """Adds what init containers need; whether regular containers may run."""
    specs = pod.spec.initContainers
    if not specs:
        return True
    initialized = any(
        (c := _in_sandbox(runtime, spec.name)) is not None and c.state in ("created", "running")
        for spec in pod.spec.containers
    ) or any((c := _in_sandbox(runtime, spec.name)) is not None and c.state == "exited" for spec in pod.spec.containers)
    before = initialized  # whether the container after the one looked at has begun
    starts: list[str] = []
    for index in range(len(specs) - 1, -1, -1):
        spec = specs[index]
        status = _in_sandbox(runtime, spec.name)
        last = index == len(specs) - 1
        if status is None:
            if before and is_sidecar(spec):
                starts.append(spec.name)
            continue
        if before and not is_sidecar(spec):
            continue
        if status.state == "running":
            if is_sidecar(spec):
                initialized = _plan_sidecar(pod, spec, status, probes, result, starts, index, last, before, initialized)
            else:
                _plan_size(pod, spec, status, result)
        elif status.state == "exited" and not is_sidecar(spec):
            if status.exit_code != 0:
                if not should_restart(spec, pod, status.exit_code):
                    result.done = True
                    result.start = []
                    return False
                starts.append(spec.name)
            elif last:
                initialized = True
            else:
                starts.append(specs[index + 1].name)
        else:  # created but never started, lost, or a sidecar that ended
            result.stop.extend(_if_lost(pod, status, "Init container"))
            starts.append(spec.name)
        before = True
    if not before:
        starts.append(specs[0].name)
    result.start.extend(reversed(starts))
    return initialized


def _plan_sidecar(
    pod: Pod,
    spec: ContainerSpec,
    status: Container,
    probes: ProbeResults,
    result: Plan,
    starts: list[str],
    index: int,
    last: bool,
    before: bool,
    initialized: bool,
) -> bool:
    """A running sidecar lets the next init container begin once it has started; whether the pod is initialized."""
    stop = _reason_to_stop(pod, spec, status, probes, f"Init container {spec.name}")
    if stop is not None:
        result.stop.append(Stop(status, stop[0], stop[1]))
        starts.append(spec.name)
        return initialized
    if not _plan_size(pod, spec, status, result):
        starts.append(result.start.pop())
        return initialized
    if spec.startupProbe is not None and probes.startup.get(status.id) is not True and not before:
        return initialized
    if last:
        return True
    if not before:
        starts.append(pod.spec.initContainers[index + 1].name)
    return initialized


def _in_sandbox(runtime: PodRuntime, name: str) -> Container | None:
    """The newest container of that name if it belongs to the sandbox in use."""
    newest = runtime.find(name)
    sandbox = runtime.sandbox
    if newest is None or sandbox is None or (newest.sandbox_id and newest.sandbox_id != sandbox.id):
        return None
    return newest
