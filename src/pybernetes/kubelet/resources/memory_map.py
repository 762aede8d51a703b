"""How much memory of each NUMA node is handed out, to whom it could be, and from where it is taken. Pure.

Nodes from which somebody got memory that one of them did not have form a group: while that lasts, they are given
together or not at all. A set of nodes is a number with a bit for each, as in `topology.py`.

Source: pkg/kubelet/cm/memorymanager/policy_static.go, state/state.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from pybernetes.kubelet.resources.numa import NumaNode
from pybernetes.kubelet.resources.topology import Hint, hints_for, narrowest, nodes_of

MEMORY = "memory"
Amounts = Mapping[str, int]
"""Bytes by resource: memory and kinds of huge pages."""


class Table(msgspec.Struct, rename="camel"):
    """Of one resource of one node, in bytes."""

    total: int
    system_reserved: int
    allocatable: int
    reserved: int
    free: int


class NodeState(msgspec.Struct, rename="camel"):
    number_of_assignments: int
    memory_map: dict[str, Table]
    cells: list[int]
    """The group that the node is in."""


class Block(msgspec.Struct, rename={"numa_affinity": "numaAffinity"}):
    """Memory of one resource that a container has, from these nodes together."""

    numa_affinity: list[int]
    type: str
    size: int


MachineState = dict[int, NodeState]


def idle(nodes: Mapping[int, NumaNode], reserved: Mapping[int, Amounts]) -> MachineState:
    """Of a machine on which nobody has anything; huge pages are not memory."""
    found = {}
    for number, node in nodes.items():
        kept = reserved.get(number, {})
        tables = {}
        for name, total in {**node.huge_pages, MEMORY: node.memory_bytes}.items():
            pages = sum(node.huge_pages.values()) if name == MEMORY else 0
            allocatable = total - kept.get(name, 0) - pages
            tables[name] = Table(total, kept.get(name, 0), allocatable, 0, allocatable)
        found[number] = NodeState(0, tables, [number])
    return found


def same(one: MachineState, other: MachineState) -> bool:
    """Whether both are of the same nodes, groups and amounts; in a group it is all one whose memory was taken first.

    Source: pkg/kubelet/cm/memorymanager/policy_static.go areMachineStatesEqual.
    """

    def facts(state: MachineState) -> object:
        return {
            number: (
                node.number_of_assignments,
                sorted(node.cells),
                {
                    name: (table.total, table.system_reserved, table.allocatable, _of_group(state, node.cells, name))
                    for name, table in node.memory_map.items()
                },
            )
            for number, node in state.items()
        }

    return facts(one) == facts(other)


def _of_group(state: MachineState, cells: list[int], name: str) -> tuple[int, int]:
    tables = [node.memory_map[name] for cell in cells if (node := state.get(cell)) and name in node.memory_map]
    return sum(table.free for table in tables), sum(table.reserved for table in tables)


class MemoryMap:
    def __init__(self, state: MachineState) -> None:
        self.state = state

    def free(self, mask: int, name: str) -> int:
        return sum(table.free for table in self._tables(mask, name))

    def _tables(self, mask: int, name: str) -> list[Table]:
        maps = (self.state[number].memory_map for number in nodes_of(mask) if number in self.state)
        return [found[name] for found in maps if name in found]

    def suffices(self, mask: int, asked: Amounts) -> bool:
        return all(self.free(mask, name) >= size for name, size in asked.items())

    def hints(self, asked: Amounts, reusable: Mapping[int, Amounts]) -> list[Hint]:
        """Where so much can be had, small sets first; preferred are those as small as an idle machine needs.

        `reusable`: what the pod has from a set of nodes and needs no more.
        """

        def enough_idle(mask: int) -> bool:
            return all(sum(t.allocatable for t in self._tables(mask, name)) >= size for name, size in asked.items())

        def enough_now(mask: int) -> bool:
            wanted = {name: size - reusable.get(mask, {}).get(name, 0) for name, size in asked.items()}
            return self._goes_together(mask) and self.suffices(mask, wanted)

        return hints_for(list(self.state), enough_idle, enough_now)

    def _goes_together(self, mask: int) -> bool:
        """One node that is in no group; or several that are a group, or free of everything."""
        nodes = nodes_of(mask)
        if len(nodes) == 1:
            return len(self.state[nodes[0]].cells) == 1
        return not self.breaks_groups(mask)

    def breaks_groups(self, mask: int) -> bool:
        """Whether several nodes would be given together of which others have memory in another group or alone."""
        nodes = nodes_of(mask)
        states = [self.state[number] for number in nodes]
        return len(nodes) > 1 and any(s.number_of_assignments and sorted(s.cells) != nodes for s in states)

    def take(self, block: Block, size: int) -> None:
        """Of the block so much as is not the pod's already, from the nodes in turn."""
        for number in block.numa_affinity:
            node = self.state[number]
            node.number_of_assignments += 1
            node.cells = block.numa_affinity
            table = node.memory_map[block.type]
            part = min(table.free, size)
            table.free -= part
            table.reserved += part
            size -= part

    def give_back(self, block: Block) -> None:
        size = block.size
        for number in block.numa_affinity:
            node = self.state[number]
            node.number_of_assignments -= 1
            if not node.number_of_assignments:
                node.cells = [number]
            table = node.memory_map[block.type]
            part = min(table.reserved, size)
            table.free += part
            table.reserved -= part
            size -= part


def best(hints: Sequence[Hint]) -> Hint:
    """Preferred before others, then the narrowest, then the lowest."""
    return min(hints, key=lambda hint: (not hint.preferred, narrowest(hint.nodes or 0)))
