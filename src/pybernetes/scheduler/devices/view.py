"""What the scheduler knows of devices: claims, classes and slices, with what it has given and not written yet.

Source: framework/plugins/dynamicresources/{dra_manager,allocateddevices}.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pybernetes.api.core.v1 import Node
from pybernetes.api.resource.v1 import AllocationResult, DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.extended_resources import ClassesByResource, owner_of_extended_claim
from pybernetes.client.informer import Informer
from pybernetes.client.newest import Newest
from pybernetes.client.objects import key_of
from pybernetes.scheduler.devices.allocator import Allocated, Matches
from pybernetes.scheduler.devices.pools import DeviceId, Slices
from pybernetes.scheduler.devices.selectors import SelectorFailed, Selectors
from pybernetes.scheduler.events import EventResource
from pybernetes.scheduler.following import Move, Waiters, handlers

_POD_INDEX = "pod of extended resources"


class DeviceView:
    def __init__(self, informer: Callable[[Any], Informer[Any]], *, extended_resources: bool = True) -> None:
        """`informer(cls)`: the shared informer of a kind; `extended_resources`: whether some are made of devices."""
        self._claims = informer(ResourceClaim)
        self._classes = informer(DeviceClass)
        self._slices = informer(ResourceSlice)
        self._claims.add_index(_POD_INDEX, _pod_of_extended_claim)
        self.claims: Newest[ResourceClaim] = Newest(self._claims)
        self.waiters = Waiters()
        self._selectors = Selectors()
        self._counted: dict[str, AllocationResult] = {}
        """What is counted of a claim, by uid."""
        self._pending: dict[str, AllocationResult] = {}
        """What Pods are about to get, by the uid of the claim."""
        self._devices: Counter[DeviceId] = Counter()
        self._capacity: dict[DeviceId, Counter[str]] = {}
        self._sorted: Slices | None = None
        self._extended_resources = extended_resources
        self._behind_resources: ClassesByResource | None = None

    def follow(self, move: Move) -> None:
        """Tells the queue of every change."""
        self._claims.add_handler(*handlers(EventResource.RESOURCE_CLAIM, move, self._claim_seen))
        self._classes.add_handler(*handlers(EventResource.DEVICE_CLASS, move, self._class_seen))
        self._slices.add_handler(*handlers(EventResource.RESOURCE_SLICE, move, self._slice_seen))

    def device_class(self, name: str) -> DeviceClass | None:
        found: DeviceClass | None = self._classes.lister.get("", name)
        return found

    def behind_resources(self) -> ClassesByResource:
        """The classes whose devices extended resources are made of."""
        if self._behind_resources is None:
            listed: list[DeviceClass] = self._classes.lister.list() if self._extended_resources else []
            self._behind_resources = ClassesByResource(listed)
        return self._behind_resources

    def extended_claim(self, uid: str) -> ResourceClaim | None:
        """The claim that was made for the extended resources of the Pod with this uid."""
        found = self.claims.by_index(_POD_INDEX, uid)
        return found[0] if found else None

    def of_class(self, device_class: DeviceClass, node: Node) -> tuple[int, int]:
        """(devices of a class on a node, those of them that are given away); none where the class's words fail."""
        expressions = [selector.cel.expression for selector in device_class.spec.selectors if selector.cel is not None]
        total = given = 0
        allocated = self.allocated()
        try:
            for pool, each, device in self.slices().devices(node):
                if all(self._selectors.matches(expression, each, device) for expression in expressions):
                    total += 1
                    given += allocated.has(pool.device_id(device))
        except SelectorFailed:
            return 0, 0
        return total, given

    def slices(self) -> Slices:
        if self._sorted is None:
            listed: list[ResourceSlice] = self._slices.lister.list()
            self._sorted = Slices(listed)
        return self._sorted

    @property
    def matches(self) -> Matches:
        return self._selectors.matches

    def allocated(self) -> Allocated:
        """What is given away, as it is now."""
        return Allocated(self._devices, self._capacity)

    # What is given and not written yet

    def is_pending(self, claim: ResourceClaim) -> bool:
        return claim.metadata.uid in self._pending

    def give(self, claim: ResourceClaim, allocation: AllocationResult) -> None:
        uid = claim.metadata.uid or ""
        self._pending[uid] = allocation
        self._count(uid, allocation)

    def written(self, claim: ResourceClaim) -> None:
        """The answer to a write: it counts until the watch has something newer."""
        self.claims.put(claim)
        self._pending.pop(claim.metadata.uid or "", None)
        self._count(claim.metadata.uid or "", claim.status.allocation)

    def take_back(self, claim: ResourceClaim) -> None:
        """What was given did not come to be."""
        uid = claim.metadata.uid or ""
        if self._pending.pop(uid, None) is not None:
            now = self.claims.get(key_of(claim))
            self._count(uid, now.status.allocation if now is not None and now.metadata.uid == uid else None)

    # What the watch shows

    def _claim_seen(self, old: ResourceClaim | None, new: ResourceClaim | None) -> None:
        claim = new or old
        assert claim is not None
        uid, key = claim.metadata.uid or "", key_of(claim)
        if new is None:
            self._pending.pop(uid, None)
            self._count(uid, None)
        elif uid not in self._pending:
            now = self.claims.get(key)
            self._count(uid, now.status.allocation if now is not None else None)
        self.waiters.wake(key)

    def _class_seen(self, old: DeviceClass | None, new: DeviceClass | None) -> None:
        self._behind_resources = None

    def _slice_seen(self, old: ResourceSlice | None, new: ResourceSlice | None) -> None:
        self._sorted = None
        if old is not None:
            self._selectors.forget(old)

    def _count(self, uid: str, allocation: AllocationResult | None) -> None:
        before = self._counted.pop(uid, None)
        if before is not None:
            self._add(before, -1)
        if allocation is not None:
            self._counted[uid] = allocation
            self._add(allocation, 1)

    def _add(self, allocation: AllocationResult, sign: int) -> None:
        for device, consumed in _held(allocation):
            if consumed is None:
                self._devices[device] += sign
                if not self._devices[device]:
                    del self._devices[device]
                continue
            taken = self._capacity.setdefault(device, Counter())
            taken[""] += sign  # how many share it
            for name, amount in consumed.items():
                taken[name] += sign * quantity.nano(amount)
            if not taken[""]:
                del self._capacity[device]


def _pod_of_extended_claim(claim: ResourceClaim) -> list[str]:
    owner = owner_of_extended_claim(claim)
    return [] if owner is None else [owner.uid]


def _held(allocation: AllocationResult) -> Iterator[tuple[DeviceId, dict[str, str] | None]]:
    """The devices, with what is taken of those that are shared. Admin access takes nothing."""
    for result in allocation.devices.results:
        if not result.adminAccess:
            shared = result.consumedCapacity if result.shareID is not None else None
            yield (result.driver, result.pool, result.device), shared
