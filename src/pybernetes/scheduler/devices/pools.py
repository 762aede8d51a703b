"""The pools of devices that reach a node, out of the slices that drivers publish. Pure.

Source: dynamic-resource-allocation/structured/internal/incubating/pools_incubating.go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Node, NodeSelector
from pybernetes.api.resource.v1 import CounterSet, Device, ResourceSlice
from pybernetes.apimachinery.node_selector import parse_term

DeviceId = tuple[str, str, str]
"""(driver, pool, device)."""
PoolId = tuple[str, str]
"""(driver, pool)."""


@dataclass(slots=True)
class Pool:
    id: PoolId
    incomplete: bool = False
    """Its driver is not done with publishing it: nothing of it is given away."""
    invalid: bool = False
    slices: list[ResourceSlice] = field(default_factory=list)
    """Those with devices that may reach the node, by name."""
    elsewhere: list[ResourceSlice] = field(default_factory=list)
    """Those with devices of other nodes, which may use the pool's counters."""
    counters: dict[str, CounterSet] = field(default_factory=dict)

    def device_id(self, device: Device) -> DeviceId:
        return (*self.id, device.name)


class Slices:
    """All slices, so sorted that a node's are found without looking at those of other nodes."""

    def __init__(self, slices: Iterable[ResourceSlice]) -> None:
        self._on: dict[str, list[ResourceSlice]] = defaultdict(list)
        self._shared: list[ResourceSlice] = []
        self._of_pool: dict[PoolId, list[ResourceSlice]] = defaultdict(list)
        for each in slices:
            spec = each.spec
            if spec.nodeName and not spec.sharedCounters:
                self._on[spec.nodeName].append(each)
            else:
                self._shared.append(each)
            self._of_pool[spec.driver, spec.pool.name].append(each)

    def pools(self, node: Node) -> list[Pool]:
        """In the order in which devices are tried: by driver and pool, those with binding conditions last."""
        newest: dict[PoolId, list[ResourceSlice]] = {}
        for each in (*self._on.get(node.metadata.name or "", ()), *self._shared):
            if not _reaches(each, node):
                continue
            pool = each.spec.driver, each.spec.pool.name
            known = newest.get(pool)
            generation = known[0].spec.pool.generation if known else -1
            if each.spec.pool.generation > generation:
                newest[pool] = [each]
            elif each.spec.pool.generation == generation:
                newest[pool].append(each)
        found = [self._pool(pool, slices) for pool, slices in newest.items()]
        pools = [pool for pool in found if pool is not None]
        return sorted(pools, key=lambda pool: (_binds_later(pool), pool.id))

    def devices(self, node: Node) -> Iterator[tuple[Pool, ResourceSlice, Device]]:
        """Of all pools that can be given away."""
        for pool in self.pools(node):
            for each in pool.slices:
                for device in each.spec.devices:
                    if not each.spec.perDeviceNodeSelection or reaches(
                        node, device.nodeName, device.allNodes, device.nodeSelector
                    ):
                        yield pool, each, device

    def _pool(self, pool: PoolId, slices: list[ResourceSlice]) -> Pool | None:
        """None: its driver is replacing it."""
        wanted = slices[0].spec.pool
        everything: list[ResourceSlice] = slices
        if len(slices) != wanted.resourceSliceCount:
            others = self._of_pool[pool]
            if any(other.spec.pool.generation > wanted.generation for other in others):
                return None
            everything = [other for other in others if other.spec.pool.generation == wanted.generation]
            if len(everything) != wanted.resourceSliceCount:
                return Pool(pool, incomplete=True)
        here = {each.metadata.name for each in slices}
        with_devices = [each for each in slices if not each.spec.sharedCounters]
        sets = [counters for each in slices for counters in each.spec.sharedCounters]
        counters = {each.name: each for each in sets}
        devices = [device for each in with_devices for device in each.spec.devices]
        twice = len({device.name for device in devices}) < len(devices) or len(counters) < len(sets)
        if twice or not _counters_are_there(everything, counters):
            return Pool(pool, invalid=True)
        return Pool(
            pool,
            slices=sorted(with_devices, key=lambda each: each.metadata.name or ""),
            elsewhere=[each for each in everything if each.metadata.name not in here],
            counters=counters,
        )


def reaches(node: Node, name: str | None, everywhere: bool | None, selector: NodeSelector | None) -> bool:
    """Whether what is on the node of this name, everywhere, or on selected nodes, is on this one."""
    if name:
        return node.metadata.name == name
    return bool(everywhere) or (selector is not None and selects(selector, node))


def selects(selector: NodeSelector, node: Node) -> bool:
    name = node.metadata.name or ""
    return any(parse_term(term).matches(name, node.metadata.labels) for term in selector.nodeSelectorTerms)


def _reaches(each: ResourceSlice, node: Node) -> bool:
    spec = each.spec
    if spec.sharedCounters:
        return True
    if spec.nodeName or spec.allNodes or spec.nodeSelector is not None:
        return reaches(node, spec.nodeName, spec.allNodes, spec.nodeSelector)
    return bool(spec.perDeviceNodeSelection) and any(
        reaches(node, device.nodeName, device.allNodes, device.nodeSelector) for device in spec.devices
    )


def _counters_are_there(slices: Sequence[ResourceSlice], counters: Mapping[str, CounterSet]) -> bool:
    return all(
        used.counterSet in counters and used.counters.keys() <= counters[used.counterSet].counters.keys()
        for each in slices
        for device in each.spec.devices
        for used in device.consumesCounters
    )


def _binds_later(pool: Pool) -> bool:
    return any(device.bindingConditions for each in pool.slices for device in each.spec.devices)
