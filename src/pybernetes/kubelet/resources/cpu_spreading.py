"""CPUs of several NUMA nodes in equal parts, where one node has too few: the option distribute-cpus-across-numa. Pure.

Of the fewest nodes that can do it those are chosen whose part leaves all nodes as evenly filled as can be.

Source: pkg/kubelet/cm/cpumanager/cpu_assignment.go takeByTopologyNUMADistributed.
Differs: of four nodes and more upstream's choice is overwritten as its search goes on (in iterateCombinations).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import combinations

from pybernetes.kubelet.resources.cpu_topology import Topology, nodes_in_order, take

Choice = tuple[tuple[int, ...], tuple[int, ...]]
"""Nodes that all give the same, and those of them that give what is left over."""


def spread(topology: Topology, available: Iterable[int], count: int, group: int) -> frozenset[int] | None:
    """So many CPUs, from each node in groups of `group`. None: too few."""
    free = set(available)
    choice = _choice(topology, free, count, group) if 0 < count <= len(free) and count % group == 0 else None
    if choice is None:
        return take(topology, free, count)
    nodes, others = choice
    each = _part(count, len(nodes), group)
    found: set[int] = set()

    def give(node: int, amount: int) -> None:
        mine = {cpu for cpu in free - found if topology[cpu].node == node}
        found.update((take(topology, mine, amount) if len(mine) >= amount else None) or ())

    for node in nodes:
        give(node, each)
    while len(found) < count:
        for node in others:
            if len(found) < count:
                give(node, group)
    return frozenset(found)


def _part(count: int, nodes: int, group: int) -> int:
    return count // nodes // group * group


def _choice(topology: Topology, free: set[int], count: int, group: int) -> Choice | None:
    order = nodes_in_order(topology, free)
    left = {node: sum(1 for cpu in free if topology[cpu].node == node) for node in order}
    everywhere = len({cpu.node for cpu in topology.values()})
    groups_of_node = math.ceil(math.ceil(len(topology) / group) / everywhere)
    wanted = count // group
    for size in range(math.ceil(wanted / groups_of_node), min(wanted, len(order)) + 1):
        best: tuple[float, Choice] | None = None
        for nodes in combinations(order, size):
            found = _balanced(left, nodes, count, group)
            if found is not None and (best is None or found[0] < best[0]):
                best = found[0], (nodes, found[1])
            if best is not None and best[0] == 0:
                break
        if best is not None:
            return best[1]
    return None


def _balanced(
    left: Mapping[int, int], nodes: tuple[int, ...], count: int, group: int
) -> tuple[float, tuple[int, ...]] | None:
    """How unevenly all are filled after these have given their part, and who gives the rest. None: they cannot."""
    each = _part(count, len(nodes), group)
    if sum(left[node] // group for node in nodes) * group < count or any(left[node] < each for node in nodes):
        return None
    after = {node: amount - each * (node in nodes) for node, amount in left.items()}
    rest = count - each * len(nodes)
    if not rest:
        return _unevenness(after), ()
    able = [node for node in nodes if after[node] >= group]
    best: tuple[float, tuple[int, ...]] | None = None
    for size in range(len(able), 0, -1):
        for others in combinations(able, size):
            if sum(after[node] // group for node in others) * group < rest:
                continue
            found = _unevenness(_without(after, others, rest, group))
            if best is None or found < best[0]:
                best = found, others
    return best


def _without(after: Mapping[int, int], others: tuple[int, ...], rest: int, group: int) -> dict[int, int]:
    found = dict(after)
    while rest > 0:
        for node in others:
            if rest and found[node] >= group:
                found[node] -= group
                rest -= group
    return found


def _unevenness(amounts: Mapping[int, int]) -> float:
    """The standard deviation, in thousandths."""
    mean = _rounded(sum(amounts.values()) / len(amounts))
    return _rounded(math.sqrt(sum((amount - mean) ** 2 for amount in amounts.values()) / len(amounts)))


def _rounded(number: float) -> float:
    return math.floor(number * 1000 + 0.5) / 1000
