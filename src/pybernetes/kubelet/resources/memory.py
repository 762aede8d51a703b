"""Memory and huge pages of NUMA nodes that a container has for itself, for guaranteed pods: the static policy.

A container whose memory is handed out may use these nodes alone (cpuset.mems); all others use all.

Source: pkg/kubelet/cm/memorymanager (memory_manager.go, policy_static.go, state/checkpoint.go).
Differs: a machine or a reservation that has changed since is a reason to refuse the start only while somebody has
memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from pybernetes.api.core.v1 import Container, Pod
from pybernetes.apimachinery import pod_resources, quantity
from pybernetes.kubelet.checkpoint import Checkpoint
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.pod_spec import ends_first, is_sidecar, uid_of
from pybernetes.kubelet.resources import memory_map, node_allocatable
from pybernetes.kubelet.resources.allocation import AllocationError
from pybernetes.kubelet.resources.memory_map import MEMORY, Amounts, Block, MemoryMap
from pybernetes.kubelet.resources.numa import NumaNode
from pybernetes.kubelet.resources.requests import qos_class, resources_of
from pybernetes.kubelet.resources.topology import Hint, Hints, mask_of, nodes_of

FILE = "memory_manager_state"


class _State(msgspec.Struct, rename="camel"):
    policy_name: str
    machine_state: dict[int, memory_map.NodeState]
    entries: dict[str, dict[str, list[Block]]] = {}
    checksum: int = 0


class Memory:
    """Raises ValueError where what is reserved of the nodes is not what the node as a whole reserves."""

    def __init__(self, config: KubeletConfig, nodes: Mapping[int, NumaNode], capacity: Mapping[str, str]) -> None:
        self._checkpoint = Checkpoint(Path(config.root_dir) / FILE, "which containers own which memory")
        self._map = MemoryMap(memory_map.idle(nodes, reserved_of(config, nodes, capacity)))
        self._blocks: dict[tuple[str, str], list[Block]] = {}
        """By pod's uid and container's name."""
        self._reusable: dict[str, dict[int, dict[str, int]]] = {}
        """What init containers that have ended by then had of a set of nodes, by pod."""

    # Who has what.

    def of(self, uid: str, container: str) -> Sequence[Block]:
        return self._blocks.get((uid, container), ())

    def nodes(self, uid: str, container: str) -> list[int]:
        """Those that a container may use; none stands for all."""
        return sorted({number for block in self.of(uid, container) for number in block.numa_affinity})

    def allocatable(self) -> list[Block]:
        return [
            Block([number], name, table.allocatable)
            for number, node in self._map.state.items()
            for name, table in node.memory_map.items()
            if table.allocatable
        ]

    # What hands out resources at admission.

    def concerns(self, pod: Pod) -> bool:
        return any(asked(pod, c) for c in (*pod.spec.initContainers, *pod.spec.containers))

    def hints(self, pod: Pod, container: Container | None) -> Hints:
        uid = uid_of(pod)
        if container is not None:
            wanted, held = asked(pod, container), self.of(uid, container.name)
        else:
            whole = pod_resources.total(pod.spec, "requests", overhead=False)
            wanted = _amounts(whole) if self.concerns(pod) else {}
            owners = (c.name for c in (*pod.spec.initContainers, *pod.spec.containers))
            held = next((blocks for name in owners if (blocks := self.of(uid, name))), ())
        if held:
            if {block.type: block.size for block in held} != wanted:
                return {}
            return {block.type: [Hint(mask_of(block.numa_affinity))] for block in held}
        found = self._map.hints(wanted, self._reusable.get(uid, {})) if wanted else []
        return dict.fromkeys(wanted, found) if found else {}

    async def allocate(self, pod: Pod, container: Container, affinity: Hint) -> None:
        """Raises AllocationError."""
        uid, wanted = uid_of(pod), asked(pod, container)
        if not wanted:
            return
        blocks = self._blocks.get((uid, container.name))
        if blocks is None:
            mask = self._choice(wanted, affinity, self._reusable.get(uid, {}))
            reusable = self._reusable.get(uid, {}).get(mask, {})
            blocks = [Block(nodes_of(mask), name, size) for name, size in wanted.items()]
            for block in blocks:
                self._map.take(block, max(block.size - reusable.get(block.type, 0), 0))
            self._blocks[uid, container.name] = blocks
            self._pass_from_init_containers(pod, container, blocks)
            self._keep()
        self._pass_on(pod, container, blocks)

    def _choice(self, wanted: Amounts, affinity: Hint, reusable: Mapping[int, Amounts]) -> int:
        """The set of nodes to take it from."""
        mask, hints = affinity.nodes, self._map.hints(wanted, reusable)
        if mask is None:
            if not hints:
                raise _refused("failed to get the default NUMA affinity, no NUMA nodes with enough memory is available")
            mask = _as_preferred(memory_map.best(hints), affinity, "default")
        if not self._map.suffices(mask, wanted):
            wider = [hint for hint in hints if hint.nodes is not None and hint.nodes & mask == mask]
            if not wider:
                raise _refused("failed to find NUMA nodes to extend the current topology hint")
            mask = _as_preferred(memory_map.best(wider), affinity, "extended")
        if self._map.breaks_groups(mask):
            raise _refused("preferred hint violates NUMA node allocation")
        return mask

    def _pass_on(self, pod: Pod, container: Container, blocks: Iterable[Block]) -> None:
        """What an init container has that ends before others begin may be theirs; what others have is their own."""
        reusable = self._reusable.setdefault(uid_of(pod), {})
        for block in blocks:
            amounts = reusable.setdefault(mask_of(block.numa_affinity), {})
            before = amounts.get(block.type, 0)
            amounts[block.type] = max(before, block.size) if ends_first(pod, container) else max(before - block.size, 0)

    def _pass_from_init_containers(self, pod: Pod, container: Container, blocks: Iterable[Block]) -> None:
        """What the container has of theirs is counted with it, so that it is given back once."""
        names = [c.name for c in pod.spec.initContainers]
        earlier = names[: names.index(container.name)] if container.name in names else names
        ended = [c.name for c in pod.spec.initContainers if c.name in earlier and not is_sidecar(c)]
        for block in blocks:
            size = block.size
            for theirs in (each for name in ended for each in self.of(uid_of(pod), name)):
                if (theirs.type, theirs.numa_affinity) == (block.type, block.numa_affinity):
                    part = min(theirs.size, size)
                    theirs.size -= part
                    size -= part

    def release(self, uid: str) -> None:
        self._reusable.pop(uid, None)
        mine = [key for key in self._blocks if key[0] == uid]
        for key in mine:
            for block in self._blocks.pop(key):
                self._map.give_back(block)
        if mine:
            self._keep()

    def only(self, uids: set[str]) -> None:
        for uid in {owner for owner, _ in self._blocks} - uids:
            self.release(uid)

    # Over restarts.

    def _keep(self) -> None:
        state = _State("Static", self._map.state)
        for (uid, container), blocks in self._blocks.items():
            state.entries.setdefault(uid, {})[container] = blocks
        state.checksum = _checksum(state)
        self._checkpoint.keep(msgspec.json.encode(state))

    def remember(self) -> None:
        """Reads what an earlier kubelet wrote. Raises ValueError where that is not for this memory."""
        self._checkpoint.insist(self._take_over)

    def _take_over(self, text: bytes) -> None:
        state = msgspec.json.decode(text, type=_State)
        if state.checksum != _checksum(state):
            raise ValueError("checkpoint is corrupted")
        for uid, containers in state.entries.items():
            for name, blocks in containers.items():
                self._blocks[uid, name] = blocks
                for block in blocks:
                    self._check(block, f"pod: {uid}, container: {name}")
                    self._map.take(block, block.size)
        if state.entries and not memory_map.same(state.machine_state, self._map.state):
            raise ValueError("the expected machine state is different from the real one")

    def _check(self, block: Block, about: str) -> None:
        nodes = [self._map.state.get(number) for number in block.numa_affinity]
        if None in nodes:
            raise ValueError(f"({about}) the memory assignment uses the NUMA that does not exist")
        if any(block.type not in node.memory_map for node in nodes if node is not None):
            raise ValueError(f"({about}) the memory assignment uses memory resource that does not exist")


def asked(pod: Pod, container: Container) -> Amounts:
    """What a container is to have of nodes of its own."""
    if pod.spec.resources is not None or qos_class(pod) != "Guaranteed":
        return {}
    return _amounts(resources_of(container).requests)


def _amounts(requests: Mapping[str, str]) -> Amounts:
    names = (name for name in requests if name == MEMORY or name.startswith("hugepages-"))
    return {name: quantity.value(requests[name]) for name in names}


def _as_preferred(found: Hint, wanted: Hint, which: str) -> int:
    assert found.nodes is not None
    if wanted.preferred and not found.preferred:
        raise _refused(f"failed to find the {which} preferred hint")
    return found.nodes


def _refused(why: str) -> AllocationError:
    return AllocationError(f"[memorymanager] {why}")


def _checksum(state: _State) -> int:
    return zlib.crc32(msgspec.json.encode(msgspec.structs.replace(state, checksum=0)))


def reserved_of(
    config: KubeletConfig, nodes: Mapping[int, NumaNode], capacity: Mapping[str, str]
) -> dict[int, dict[str, int]]:
    """By node; together it is what the node as a whole keeps from pods. Raises ValueError."""
    found: dict[int, dict[str, int]] = {}
    for number, amounts in config.reserved_memory:
        if number not in nodes:
            raise ValueError(
                f"the reserved memory configuration references a NUMA node {number} that does not exist on this machine"
            )
        found.setdefault(number, {}).update({name: quantity.value(text) for name, text in amounts.items()})
    kept = node_allocatable.kept(capacity, (config.system_reserved, config.kube_reserved), config.eviction_hard)
    for name in {MEMORY, *(name for amounts in found.values() for name in amounts)}:
        total, wanted = sum(amounts.get(name, 0) for amounts in found.values()), quantity.value(kept.get(name, "0"))
        if total != wanted:
            raise ValueError(
                f"reservedMemory (--reserved-memory): {total} bytes of {name} are reserved of NUMA nodes, but {wanted} "
                "by systemReserved, kubeReserved and evictionHard together; make them the same"
            )
    if not any(amounts.get(MEMORY) for amounts in found.values()):
        raise ValueError("memoryManagerPolicy Static needs memory that is reserved: systemReserved and reservedMemory")
    return found
