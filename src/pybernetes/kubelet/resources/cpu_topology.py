"""The CPUs of the machine: cores, sockets, NUMA nodes, and which of them to take so that they lie together.

Source: pkg/kubelet/cm/cpumanager/cpu_assignment.go takeByTopologyNUMAPacked, topology/topology.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pybernetes.apimachinery.number_runs import runs_of


@dataclass(frozen=True, slots=True)
class Cpu:
    id: int
    core: int
    """Unique on the machine, as sockets are."""
    socket: int = 0
    node: int = 0
    cache: int = 0
    """Those with the same number share the last level of cache."""


_RUN = re.compile("([0-9]{1,5})(?:-([0-9]{1,5}))?")
Topology = dict[int, Cpu]
"""By number."""


def read_topology(folder: Path = Path("/sys/devices/system")) -> Topology:
    """The CPUs that are switched on. Raises OSError or ValueError."""
    nodes = {
        cpu: int(place.name.removeprefix("node"))
        for place in (folder / "node").glob("node[0-9]*")
        for cpu in parse((place / "cpulist").read_text())
    }
    found = {}
    for cpu in parse((folder / "cpu" / "online").read_text()):
        about = folder / "cpu" / f"cpu{cpu}" / "topology"
        siblings = parse((about / "thread_siblings_list").read_text())
        socket = int((about / "physical_package_id").read_text())
        found[cpu] = Cpu(cpu, min(siblings), socket, nodes.get(cpu, 0), _cache_of(folder / "cpu" / f"cpu{cpu}", socket))
    return found


def _cache_of(folder: Path, socket: int) -> int:
    """The first CPU of those that share the third level of cache; the socket where there is none."""
    for index in (folder / "cache").glob("index*"):
        if (index / "level").read_text().strip() == "3":
            return min(parse((index / "shared_cpu_list").read_text()))
    return socket


def parse(text: str) -> frozenset[int]:
    """A list as the kernel writes it: 0-3,8. Raises ValueError."""
    found = set()
    for part in filter(None, text.strip().split(",")):
        run = _RUN.fullmatch(part)
        first, last = (int(run[1]), int(run[2] or run[1])) if run is not None else (1, 0)
        if first > last:
            raise ValueError(f"{text!r} is no list of CPUs such as 0-1,4")
        found |= set(range(first, last + 1))
    return frozenset(found)


def text_of(cpus: Iterable[int]) -> str:
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs_of(cpus))


def take(
    topology: Topology, available: Iterable[int], count: int, *, by_cache: bool = False, over_cores: bool = False
) -> frozenset[int] | None:
    """So many CPUs as near to each other as can be: whole NUMA nodes, sockets and cores first. None: too few.

    `by_cache`: those that share a cache before whole cores. `over_cores`: after sockets the first of each core.
    """
    taking = _Taking(topology, set(available), count)
    if count > len(taking.free):
        return None
    for level in taking.levels:
        taking.take_whole(level)
    if by_cache:
        taking.take_by_cache()
    if not over_cores:
        taking.take_whole(_core)
    taking.take_rest(socket_of if over_cores else _core)
    return frozenset(taking.taken)


def nodes_in_order(topology: Topology, available: Iterable[int]) -> list[int]:
    """NUMA nodes that have CPUs left: those with few first, and together those of a socket."""
    return _Taking(topology, set(available), 0).in_order(node_of)


_Level = Callable[[Cpu], int]


def node_of(cpu: Cpu) -> int:
    return cpu.node


def socket_of(cpu: Cpu) -> int:
    return cpu.socket


def _core(cpu: Cpu) -> int:
    return cpu.core


def _cache(cpu: Cpu) -> int:
    return cpu.cache


class _Taking:
    def __init__(self, topology: Topology, free: set[int], count: int) -> None:
        self._topology = topology
        self.free = free
        self.wanted = count
        self.taken: set[int] = set()
        nodes, sockets = {cpu.node for cpu in topology.values()}, {cpu.socket for cpu in topology.values()}
        self.levels: list[_Level] = [node_of, socket_of] if len(sockets) >= len(nodes) else [socket_of, node_of]

    def _take(self, cpus: Iterable[int]) -> None:
        chosen = list(cpus)
        self.taken |= set(chosen)
        self.free -= set(chosen)
        self.wanted -= len(chosen)

    def take_whole(self, level: _Level) -> None:
        groups = self._groups(level)
        size = len(self._topology) // len(groups)
        for group in self.in_order(level):
            if set(groups[group]) <= self.free and size <= self.wanted and len(groups[group]) <= self.wanted:
                self._take(groups[group])

    def take_rest(self, level: _Level) -> None:
        for group in self.in_order(level):
            mine = sorted(cpu for cpu in self.free if level(self._topology[cpu]) == group)
            self._take(mine[: self.wanted])

    def take_by_cache(self) -> None:
        """Whole caches, and of the next one what is wanted still, if it has that in whole cores."""
        groups = self._groups(_cache)
        size, each = len(self._topology) // len(groups), len(self._topology) // len(self._groups(_core))
        for cache in self.in_order(_cache):
            if not self.wanted:
                return
            if self.wanted >= size:
                for whole in self.in_order(_cache):
                    if set(groups[whole]) <= self.free and len(groups[whole]) <= self.wanted:
                        self._take(groups[whole])
            mine = {cpu for cpu in groups[cache] if cpu in self.free}
            cores = sorted({self._topology[cpu].core for cpu in mine})[: -(-self.wanted // each)]
            part = sorted(cpu for cpu in self.free if self._topology[cpu].core in cores)
            if self.wanted % 2 and each > 1 and len(part) > self.wanted:
                part.pop()
            if len(part) == self.wanted:
                self._take(part)

    def _groups(self, level: _Level) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for cpu in self._topology.values():
            found.setdefault(level(cpu), []).append(cpu.id)
        return found

    def in_order(self, level: _Level) -> list[int]:
        """Groups with few free CPUs first, those of a fuller node or socket before others."""
        wholes = self.levels[: self.levels.index(node_of) + 1] if level is _cache else self.levels
        wholes = [*wholes, level]
        counts = [self._counted(whole) for whole in wholes]

        def rank(group: int) -> list[tuple[int, int]]:
            cpu = next(self._topology[each] for each in sorted(self.free) if level(self._topology[each]) == group)
            return [(count[whole(cpu)], whole(cpu)) for whole, count in zip(wholes, counts, strict=True)]

        return sorted({level(self._topology[each]) for each in self.free}, key=rank)

    def _counted(self, level: _Level) -> dict[int, int]:
        found: dict[int, int] = {}
        for each in self.free:
            group = level(self._topology[each])
            found[group] = found.get(group, 0) + 1
        return found
