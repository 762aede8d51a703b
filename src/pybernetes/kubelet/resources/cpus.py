"""CPUs of a container's own, for guaranteed pods that ask for whole ones: the static policy.

All other containers share what is left. What the system is reserved is never anybody's own.

Source: pkg/kubelet/cm/cpumanager/policy_static.go, cpu_manager.go.
Differs: CPUs of init containers, which stay with their pod, are given on first. A machine or a reservation that has
changed since is a reason to refuse the start only while somebody has CPUs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.kubelet.checkpoint import Checkpoint
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.pod_spec import ends_first, uid_of
from pybernetes.kubelet.resources import cpu_options as o
from pybernetes.kubelet.resources.allocation import AllocationError
from pybernetes.kubelet.resources.cpu_spreading import spread
from pybernetes.kubelet.resources.cpu_topology import Topology, parse, take, text_of
from pybernetes.kubelet.resources.requests import pod_requests, qos_class, resources_of
from pybernetes.kubelet.resources.topology import Hint, Hints, hints_for

FILE = "cpu_manager_state"
_NO_CORES = "SMTAlignmentError"


class _State(msgspec.Struct, rename="camel"):
    policy_name: str
    default_cpu_set: str
    entries: dict[str, dict[str, str]] = {}


class Cpus:
    """`changed` is called when containers that share have other CPUs. Raises ValueError: nothing is reserved."""

    def __init__(self, config: KubeletConfig, topology: Topology, changed: Callable[[], None]) -> None:
        self._checkpoint = Checkpoint(Path(config.root_dir) / FILE, "which containers own which CPUs")
        self._topology = topology
        self._changed = changed
        self._options = o.chosen(
            config.cpu_manager_policy, config.cpu_manager_policy_options, FeatureGates(config.feature_gates)
        )
        if o.BY_SOCKET in self._options:
            _check_sockets(topology, config.topology_manager_policy)
        self._reserved = self._reserve(config)
        self._for_nobody = self._reserved if o.STRICT in self._options else frozenset[int]()
        self._own: dict[tuple[str, str], frozenset[int]] = {}
        """By pod's uid and container's name."""
        self._reusable: dict[str, set[int]] = {}

    def _reserve(self, config: KubeletConfig) -> frozenset[int]:
        """Those named, or as many as the system's share comes to."""
        if config.reserved_cpus:
            named = parse(config.reserved_cpus)
            if not named <= self._topology.keys():
                lacking = text_of(named - self._topology.keys())
                raise ValueError(f"reservedSystemCPUs (--reserved-cpus): the machine has no CPU {lacking}")
            return named
        parts = (config.system_reserved, config.kube_reserved)
        count = math.ceil(sum(quantity.milli(part.get("cpu", "0")) for part in parts) / 1000)
        found = self._together(self._topology, count)
        if not count or found is None:
            raise ValueError(
                "the static CPU manager policy needs CPU that is reserved for the system, fewer than there are: "
                "reservedSystemCPUs (--reserved-cpus), or cpu in systemReserved (--system-reserved)"
            )
        return found

    # Who has what.

    def shared(self) -> frozenset[int]:
        return frozenset(self._topology) - self._for_nobody - {cpu for own in self._own.values() for cpu in own}

    def allocatable(self) -> frozenset[int]:
        return frozenset(self._topology) - self._reserved

    def own(self, uid: str, container: str) -> frozenset[int]:
        return self._own.get((uid, container), frozenset())

    def of(self, uid: str, container: str) -> str:
        """The CPUs that a container may run on, as the runtime takes them."""
        return text_of(self.own(uid, container) or self.shared())

    # What hands out resources at admission.

    def concerns(self, pod: Pod) -> bool:
        return any(wanted(pod, c) for c in (*pod.spec.initContainers, *pod.spec.containers))

    def hints(self, pod: Pod, container: Container | None) -> Hints:
        uid = uid_of(pod)
        if container is not None:
            count, own = wanted(pod, container), self.own(uid, container.name)
        else:
            count = quantity.milli(pod_requests(pod).get("cpu", "0")) // 1000 if self.concerns(pod) else 0
            own = frozenset(cpu for (owner, _), cpus in self._own.items() if owner == uid for cpu in cpus)
        if not count:
            return {}
        if own and len(own) != count:
            return {"cpu": []}
        reusable = set() if own else self._reusable.get(uid, set())
        free = own or self.shared() - self._reserved

        def amount(cpus: Iterable[int], mask: int) -> int:
            return sum(1 for cpu in cpus if mask >> self._topology[cpu].node & 1)

        def enough_now(mask: int) -> bool:
            return amount(reusable, mask) == len(reusable) and amount({*free, *reusable}, mask) >= count

        def enough_idle(mask: int) -> bool:
            return amount(self._topology, mask) >= count

        nodes = sorted({cpu.node for cpu in self._topology.values()})
        return {"cpu": hints_for(nodes, enough_idle, enough_now, self._in_fewest_sockets)}

    def _in_fewest_sockets(self, mask: int, least: int) -> bool:
        """Whether nodes of a hint lie in as few sockets as `least` nodes do, where that is asked for."""
        if o.BY_SOCKET not in self._options:
            return False
        in_socket = len({cpu.node for cpu in self._topology.values()}) // len(
            {c.socket for c in self._topology.values()}
        )
        return len(self._sockets(mask)) == -(-least // in_socket)

    def _sockets(self, mask: int) -> set[int]:
        return {cpu.socket for cpu in self._topology.values() if mask >> cpu.node & 1}

    async def allocate(self, pod: Pod, container: Container, affinity: Hint) -> None:
        """Raises AllocationError."""
        uid, count = uid_of(pod), wanted(pod, container)
        if not count:
            return
        own = self.own(uid, container.name)
        if not own:
            own = self._take(uid, count, affinity)
            self._own[uid, container.name] = own
            self._keep()
            self._changed()
        reusable = self._reusable.setdefault(uid, set())
        if ends_first(pod, container):
            reusable |= own
        else:
            reusable -= own

    def _take(self, uid: str, count: int, affinity: Hint) -> frozenset[int]:
        free, reusable = self.shared() - self._reserved, self._reusable.get(uid, set())
        if o.WHOLE_CORES in self._options:
            self._check_cores(count, free | reusable)
        free = frozenset(reusable) if len(reusable) >= count else free | reusable
        if len(free) < count:
            raise AllocationError(
                f"not enough cpus available to satisfy request: requested={count}, available={len(free)}"
            )
        near = self._near(free, affinity)
        found = self._together(near, min(len(near), count)) or frozenset()
        rest = self._together(free - found, count - len(found))
        assert rest is not None
        return found | rest

    def _near(self, free: Iterable[int], affinity: Hint) -> set[int]:
        if affinity.nodes is None:
            return set()
        if o.BY_SOCKET in self._options:
            return {cpu for cpu in free if self._topology[cpu].socket in self._sockets(affinity.nodes)}
        return {cpu for cpu in free if affinity.allows(self._topology[cpu].node)}

    def _together(self, free: Iterable[int], count: int) -> frozenset[int] | None:
        """So many of these as the options say. None: too few."""
        if o.OVER_NODES in self._options:
            return spread(self._topology, free, count, self._in_core if o.WHOLE_CORES in self._options else 1)
        by_cache, over_cores = o.BY_CACHE in self._options, o.OVER_CORES in self._options
        return take(self._topology, free, count, by_cache=by_cache, over_cores=over_cores)

    @property
    def _in_core(self) -> int:
        return len(self._topology) // len({cpu.core for cpu in self._topology.values()})

    def _check_cores(self, count: int, free: Iterable[int]) -> None:
        each, broken = self._in_core, {self._topology[cpu].core for cpu in self._reserved}
        if count % each:
            text = f"SMT Alignment Error: requested {count} cpus not multiple cpus per core = {each}"
            raise AllocationError(text, _NO_CORES)
        whole = sum(1 for cpu in free if self._topology[cpu].core not in broken)
        if count > whole:
            about = f"available physical CPUs = {whole}, requested CPUs = {count}, CPUs per core = {each}"
            raise AllocationError(f"SMT Alignment Error: not enough free physical CPUs: {about}", _NO_CORES)

    def release(self, uid: str) -> None:
        self._reusable.pop(uid, None)
        mine = [key for key in self._own if key[0] == uid]
        for key in mine:
            del self._own[key]
        if mine:
            self._keep()
            self._changed()

    def only(self, uids: set[str]) -> None:
        for uid in {owner for owner, _ in self._own} - uids:
            self.release(uid)

    # Over restarts.

    def _keep(self) -> None:
        state = _State("static", text_of(self.shared()))
        for (uid, container), cpus in self._own.items():
            state.entries.setdefault(uid, {})[container] = text_of(cpus)
        self._checkpoint.keep(msgspec.json.encode(state))

    def remember(self) -> None:
        """Reads what an earlier kubelet wrote. Raises ValueError where that is not for these CPUs."""
        self._checkpoint.insist(self._take_over)

    def _take_over(self, text: bytes) -> None:
        state = msgspec.json.decode(text, type=_State)
        own = {(uid, name): parse(cpus) for uid, each in state.entries.items() for name, cpus in each.items()}
        if own:
            self._check(parse(state.default_cpu_set), own)
            self._own = own

    def _check(self, shared: frozenset[int], own: Mapping[tuple[str, str], frozenset[int]]) -> None:
        """Source: pkg/kubelet/cm/cpumanager/policy_static.go validateState."""
        if not shared:
            raise ValueError("default cpuset cannot be empty")
        if self._for_nobody & shared:
            strictly = text_of(self._for_nobody & shared)
            raise ValueError(
                f'some of strictly reserved cpus: "{strictly}" are present in defaultCpuSet: "{text_of(shared)}"'
            )
        if not self._for_nobody and not self._reserved <= shared:
            raise ValueError(
                f'not all reserved cpus: "{text_of(self._reserved)}" are present in defaultCpuSet: "{text_of(shared)}"'
            )
        for (uid, name), cpus in own.items():
            if cpus & shared:
                about = f'pod: {uid}, container: {name} cpuset: "{text_of(cpus)}"'
                raise ValueError(f'{about} overlaps with default cpuset "{text_of(shared)}"')
        known, there = shared.union(*own.values()), frozenset(self._topology) - self._for_nobody
        if known != there:
            raise ValueError(
                f'current set of available CPUs "{text_of(there)}" doesn\'t match with CPUs in state "{text_of(known)}"'
            )


def wanted(pod: Pod, container: Container | EphemeralContainer) -> int:
    """How many CPUs of its own a container is to have."""
    if pod.spec.resources is not None or qos_class(pod) != "Guaranteed":
        return 0
    milli = quantity.milli(resources_of(container).requests.get("cpu", "0"))
    return milli // 1000 if milli % 1000 == 0 else 0


def _check_sockets(topology: Topology, policy: str) -> None:
    """Raises ValueError where sockets are no sets of NUMA nodes to choose from."""
    if policy == "single-numa-node":
        raise ValueError(f"cpuManagerPolicyOptions: {o.BY_SOCKET} is not for topologyManagerPolicy single-numa-node")
    if len({cpu.socket for cpu in topology.values()}) > len({cpu.node for cpu in topology.values()}):
        raise ValueError(
            f"cpuManagerPolicyOptions: {o.BY_SOCKET} is not for a machine with more sockets than NUMA nodes"
        )
