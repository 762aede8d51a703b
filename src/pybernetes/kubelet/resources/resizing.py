"""In-place resize: what each pod was granted of what its spec asks, and how a grant becomes real.

A pod runs with what it was granted. When its spec asks for something else, the grant follows as soon as the node has
room; until then the pod waits (`Deferred`), and is looked at again when other pods end or shrink. `steps` puts the
writes of one resize in an order in which limits are never below what they hold. Grants are kept in a file beside the
pod's volumes, so that a kubelet that comes back knows them.

Source: pkg/kubelet/allocation (allocation_manager.go, handlers.go), pkg/kubelet/events/resize.go,
kuberuntime/kuberuntime_manager.go doPodResizeAction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from pybernetes.api.core.v1 import Container, Pod, ResourceRequirements
from pybernetes.apimachinery import quantity
from pybernetes.host.files import write_atomic
from pybernetes.kubelet.pod_spec import find_condition, uid_of
from pybernetes.kubelet.resources.requests import CgroupValues, pod_requests, qos_class, resources_of, size_of
from pybernetes.kubelet.resources.unified_memory import may_swap
from pybernetes.kubelet.runtime import Size

_LOG = logging.getLogger(__name__)
_FILE = "allocation.json"
_UNLIMITED = 1 << 62


class Grant(msgspec.Struct, frozen=True):
    """The resources a pod runs with: its own and those of its containers by name."""

    containers: dict[str, ResourceRequirements]
    pod: ResourceRequirements | None = None


def _containers(pod: Pod) -> list[Container]:
    return [*pod.spec.containers, *pod.spec.initContainers]


def grant_of(pod: Pod) -> Grant:
    return Grant({c.name: c.resources or ResourceRequirements() for c in _containers(pod)}, pod.spec.resources)


def with_grant(pod: Pod, grant: Grant) -> Pod:
    """The pod as it runs; the same object where it has all that it asks for."""

    def held(container: Container) -> Container:
        resources = grant.containers.get(container.name)
        if resources is None or _same(resources, container.resources):
            return container
        return msgspec.structs.replace(container, resources=resources)

    containers = [held(c) for c in pod.spec.containers]
    init = [held(c) for c in pod.spec.initContainers]
    whole = pod.spec.resources if _same(grant.pod, pod.spec.resources) else grant.pod
    pairs = zip((*containers, *init), (*pod.spec.containers, *pod.spec.initContainers), strict=True)
    if whole is pod.spec.resources and all(new is old for new, old in pairs):
        return pod
    spec = msgspec.structs.replace(pod.spec, containers=containers, initContainers=init, resources=whole)
    return msgspec.structs.replace(pod, spec=spec)


def _same(left: ResourceRequirements | None, right: ResourceRequirements | None) -> bool:
    left, right = left or ResourceRequirements(), right or ResourceRequirements()

    def equal(one: dict[str, str], other: dict[str, str]) -> bool:
        return one.keys() == other.keys() and all(quantity.compare(one[k], other[k]) == 0 for k in one)

    return left == right or (equal(left.requests, right.requests) and equal(left.limits, right.limits))


def _differ_in(resource: str, before: Pod, after: Pod) -> bool:
    def requests(pod: Pod) -> list[str]:
        return [resources_of(container).requests.get(resource, "0") for container in _containers(pod)]

    return any(quantity.compare(old, new) != 0 for old, new in zip(requests(before), requests(after), strict=True))


def _swap_would_change(before: Pod, after: Pod) -> bool:
    """Whether a container that may swap is to have another request for memory without a restart."""

    def changes(old: Container, new: Container) -> bool:
        had, wanted = size_of(before, old), size_of(after, new)
        if had.memory_request_bytes == wanted.memory_request_bytes:
            return False
        restarts = any(p.resourceName == "memory" and p.restartPolicy == "RestartContainer" for p in old.resizePolicy)
        return not restarts and (may_swap(before, had) or may_swap(after, wanted))

    return any(changes(old, new) for old, new in zip(_containers(before), _containers(after), strict=True))


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a pod's spec: the pod as it runs now, whether that is news, and why it is not all it asks."""

    pod: Pod
    started: bool = False
    reason: str = ""
    message: str = ""


class Grants:
    """`fits(pod)` says why the node has no room for the pod as given, beside the others as granted; "" if it has.

    `stay`: resources of which Guaranteed pods keep what they have, as it was handed out to them as their own, and the
    policy that says so. `swap`: whether containers have a part of the swap, by what they ask for when they start.
    """

    def __init__(
        self,
        folder_of: Callable[[str], Path] | None,
        fits: Callable[[Pod], str],
        stay: Mapping[str, str] | None = None,
        *,
        swap: bool = False,
    ) -> None:
        self._folder_of = folder_of
        self._fits = fits
        self._stay = stay or {}
        self._swap = swap
        self._granted: dict[str, Grant] = {}
        self._waiting: dict[str, Pod] = {}

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def admitted(self, pod: Pod) -> None:
        """The pod runs as its spec says. What has neither requests nor limits cannot be resized and is not kept."""
        if qos_class(pod) != "BestEffort":
            self._keep(uid_of(pod), grant_of(pod))

    def remembered(self, pod: Pod) -> None:
        """A pod that ran before this kubelet began: it runs with what an earlier one granted."""
        if self._folder_of is None:
            return
        try:
            kept = (self._folder_of(uid_of(pod)) / _FILE).read_bytes()
            self._granted[uid_of(pod)] = msgspec.json.decode(kept, type=Grant)
        except FileNotFoundError:
            self.admitted(pod)
        except (OSError, msgspec.DecodeError) as error:
            _LOG.warning("what was granted to pod %s cannot be read: %s", uid_of(pod), error)
            self.admitted(pod)

    def forget(self, uid: str) -> None:
        self._granted.pop(uid, None)
        self._waiting.pop(uid, None)

    def decide(self, pod: Pod) -> Decision:
        """What the pod runs with, now that its spec is as given."""
        uid = uid_of(pod)
        grant = self._granted.get(uid)
        if grant is None:
            return Decision(pod)
        running = with_grant(pod, grant)
        if running is pod:
            self._waiting.pop(uid, None)
            return Decision(pod)
        if why := self._never(running, pod):
            self._waiting.pop(uid, None)
            return Decision(running, reason="Infeasible", message=why)
        if why := self._fits(pod):
            self._waiting[uid] = pod
            return Decision(running, reason="Deferred", message=why)
        self._waiting.pop(uid, None)
        self._keep(uid, grant_of(pod))
        return Decision(pod, started=True)

    def _never(self, running: Pod, pod: Pod) -> str:
        """Why the pod cannot be resized so, "" if it can. Source: pkg/kubelet/allocation/handlers.go."""
        if self._swap and _swap_would_change(running, pod):
            return "In-place resize of containers with swap is not supported."
        for resource, policy in self._stay.items():
            if qos_class(pod) == "Guaranteed" and _differ_in(resource, running, pod):
                return f"Resize is infeasible for Guaranteed Pods alongside {policy}"
        return ""

    def in_turn(self) -> list[Pod]:
        """Pods that wait: what grows nothing first, then by priority, quality of service, and time of waiting."""

        def rank(pod: Pod) -> tuple[bool, int, bool, str]:
            pending = find_condition(pod.status, "PodResizePending")
            since = (pending.lastTransitionTime or "") if pending is not None else ""
            grows = self._grows(pod)
            return grows, -(pod.spec.priority or 0), qos_class(pod) != "Guaranteed", since or "9"

        return sorted(self._waiting.values(), key=rank)

    def _grows(self, pod: Pod) -> bool:
        before, after = pod_requests(with_grant(pod, self._granted[uid_of(pod)])), pod_requests(pod)
        return any(quantity.compare(after.get(n, "0"), before.get(n, "0")) > 0 for n in ("cpu", "memory"))

    def _keep(self, uid: str, grant: Grant) -> None:
        self._granted[uid] = grant
        if self._folder_of is None:
            return
        folder = self._folder_of(uid)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            write_atomic(folder / _FILE, msgspec.json.encode(grant), 0o600)
        except OSError as error:
            _LOG.warning("what was granted to pod %s cannot be kept: %s", uid, error)


# How a grant becomes real.


@dataclass(frozen=True, slots=True)
class Update:
    """A running container that is to have another size."""

    container_id: str
    name: str
    before: Size
    after: Size


@dataclass(frozen=True, slots=True)
class Step:
    """Writes some of the pod's own cgroup, or else sets the size of one container."""

    pod: CgroupValues | None = None
    container_id: str = ""
    name: str = ""
    size: Size = Size()  # noqa: RUF009 - frozen


def steps(before: CgroupValues, after: CgroupValues, updates: Iterable[Update]) -> list[Step]:
    """Memory, then CPU; the pod's limits grow before its containers' and shrink after them."""
    updates = list(updates)
    sizes = {u.container_id: u.before for u in updates}
    found: list[Step] = []

    def containers(memory: bool) -> None:
        def growth(update: Update) -> int:
            if memory:
                grown = (update.after.memory_limit_bytes or _UNLIMITED) - (
                    update.before.memory_limit_bytes or _UNLIMITED
                )
                return grown or update.after.memory_request_bytes - update.before.memory_request_bytes
            grown = update.after.cpu_limit_milli - update.before.cpu_limit_milli
            return grown or update.after.cpu_request_milli - update.before.cpu_request_milli

        for update in sorted((u for u in updates if growth(u)), key=lambda u: growth(u) > 0):
            size, after = sizes[update.container_id], update.after
            if memory:
                size = replace(
                    size, memory_request_bytes=after.memory_request_bytes, memory_limit_bytes=after.memory_limit_bytes
                )
            else:
                size = replace(size, cpu_request_milli=after.cpu_request_milli, cpu_limit_milli=after.cpu_limit_milli)
            sizes[update.container_id] = size
            found.append(Step(container_id=update.container_id, name=update.name, size=size))

    def pass_over(pod_writes: list[tuple[CgroupValues, int]], memory: bool) -> None:
        found.extend(Step(pod=values) for values, grown in pod_writes if grown > 0)
        containers(memory)
        found.extend(Step(pod=values) for values, grown in reversed(pod_writes) if grown < 0)

    limit, old_limit = after.memory_limit_bytes, before.memory_limit_bytes
    grown = 0 if limit is None else limit - (old_limit if old_limit is not None else _UNLIMITED)
    pass_over([(CgroupValues(memory_limit_bytes=limit), grown)], memory=True)
    quota, old_quota = after.cpu_quota_us or -1, before.cpu_quota_us or -1
    shares, old_shares = after.cpu_shares or 0, before.cpu_shares or 0
    grown = 0 if quota < 0 else quota - (old_quota if old_quota > 0 else 0)
    writes = [(CgroupValues(cpu_quota_us=quota), grown), (CgroupValues(cpu_shares=shares), shares - old_shares)]
    pass_over(writes, memory=False)
    return found


def too_small(before: CgroupValues, after: CgroupValues, updates: Iterable[Update], usage: Callable[[str], int]) -> str:
    """Why memory limits cannot shrink as asked, "" if they can. `usage` is of a container by id, of the pod by ""."""
    problems = []
    limit, old_limit = after.memory_limit_bytes, before.memory_limit_bytes
    if limit is not None and (old_limit is None or limit < old_limit) and (used := usage("")) >= limit:
        problems.append(f"attempting to set pod memory limit ({limit}) below current usage ({used})")
    for update in updates:
        limit, old_limit = update.after.memory_limit_bytes, update.before.memory_limit_bytes
        if limit and (not old_limit or limit < old_limit) and (used := usage(update.container_id)) >= limit:
            about = f"({limit}) below current usage ({used})"
            problems.append(f'attempting to set container "{update.name}" memory limit {about}')
    if not problems:
        return ""
    joined = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return f"cannot decrease memory limits: {joined}"


def summary(what: str, pod: Pod, generation: int, error: str = "") -> str:
    """The message of an event about a resize: what, and the resources as JSON."""

    def listed(containers: list[Container]) -> list[dict[str, object]]:
        return [{"name": c.name, "resources": _ordered(c.resources)} for c in containers]

    tree: dict[str, object] = {}
    if pod.spec.initContainers:
        tree["initContainers"] = listed(pod.spec.initContainers)
    tree["containers"] = listed(pod.spec.containers)
    tree["generation"] = generation
    if error:
        tree["error"] = error
    return f"{what}: {msgspec.json.encode(tree).decode()}"


def _ordered(resources: ResourceRequirements | None) -> dict[str, dict[str, str]]:
    held = resources or ResourceRequirements()
    pairs = (("limits", held.limits), ("requests", held.requests))
    return {name: dict(sorted(amounts.items())) for name, amounts in pairs if amounts}
