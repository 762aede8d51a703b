"""Which devices a Pod's claims get on a node: the first solution of a search through all of them. Pure.

Claims, their requests and the devices of each request are gone through in order; for a request, only combinations are
tried, never the same devices in another order. The caller bounds the search.
Source: dynamic-resource-allocation/structured/internal/incubating/allocator_incubating.go.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from pybernetes.api.resource.v1 import (
    AllocationResult,
    Device,
    DeviceAllocationConfiguration,
    DeviceAllocationResult,
    DeviceClass,
    DeviceRequest,
    DeviceRequestAllocationResult,
    DeviceSelector,
    DeviceSubRequest,
    DeviceTaint,
    DeviceToleration,
    ExactDeviceRequest,
    ResourceClaim,
    ResourceSlice,
)
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.tolerations import any_tolerates
from pybernetes.scheduler.devices import capacity
from pybernetes.scheduler.devices.constraints import Constraint
from pybernetes.scheduler.devices.pools import DeviceId, Pool, Slices, reaches
from pybernetes.scheduler.devices.selectors import SelectorFailed

MOST_DEVICES = 32
"""Of one claim. Source: resource/v1/types.go, AllocationResultsMaxSize."""
_BLOCKING = ("NoSchedule", "NoExecute")

Matches = Callable[[str, ResourceSlice, Device], bool]
"""(CEL expression, slice, device of it). Raises SelectorFailed."""


class AllocationFailed(Exception):
    """Something is wrong with a claim or a class: there is no sense in trying other nodes."""


class NodeFailed(Exception):
    """Something is wrong with this node's devices."""


@dataclass(slots=True)
class Allocated:
    """What claims have already."""

    devices: Collection[DeviceId] = ()
    """By one claim alone."""
    capacity: Mapping[DeviceId, Mapping[str, int]] = field(default_factory=dict)
    """Of shared devices, in billionths."""

    def has(self, device: DeviceId) -> bool:
        return device in self.devices or device in self.capacity


@dataclass(slots=True)
class _Request:
    """A request, or one of its alternatives."""

    name: str
    parent: str
    asked: ExactDeviceRequest | DeviceSubRequest
    device_class: DeviceClass
    claim: str
    count: int = 0
    all: list[_Candidate] | None = None
    """Of a request for all devices."""

    @property
    def full_name(self) -> str:
        return f"{self.parent}/{self.name}" if self.parent else self.name

    @property
    def admin(self) -> bool:
        return isinstance(self.asked, ExactDeviceRequest) and bool(self.asked.adminAccess)

    @property
    def base(self) -> tuple[str, str]:
        """(name of the request, of the alternative) as constraints have it."""
        return (self.parent, self.name) if self.parent else (self.name, "")


@dataclass(slots=True)
class _Candidate:
    id: DeviceId
    device: Device
    slice: ResourceSlice
    pool: Pool


@dataclass(slots=True)
class _Given:
    request: _Request
    candidate: _Candidate
    consumed: dict[str, str] | None
    """Of a device that is shared."""


class Allocator:
    """For the claims of one Pod, on any node."""

    def __init__(
        self,
        allocated: Allocated,
        classes: Callable[[str], DeviceClass | None],
        slices: Slices,
        matches: Matches,
        go_on: Callable[[], None],
        new_id: Callable[[], str],
    ) -> None:
        """`go_on()` raises what ends a search that takes too long; `new_id()` makes the id of a share."""
        self.allocated = allocated
        self.classes = classes
        self.slices = slices
        self.matches = matches
        self.go_on = go_on
        self.new_id = new_id
        self.free_counters: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        """Per pool what devices that are given leave of its counters, in billionths."""

    def allocate(self, node: Node, claims: Sequence[ResourceClaim]) -> list[AllocationResult] | None:
        """A result for each claim; None: they cannot all be had. Raises AllocationFailed, NodeFailed."""
        pools = self.slices.pools(node)
        search = _Search(self, node, claims, pools)
        try:
            found = search.run()
        except RecursionError:
            raise AllocationFailed("too many devices are asked for at once") from None
        if found:
            return [search.result(index) for index in range(len(claims))]
        if any(pool.invalid for pool in pools):
            raise NodeFailed("invalid resource pools were encountered")
        return None


class _TooMany(Exception):
    """What is left of the claim asks for more devices than fit into a result."""


class _Search:
    def __init__(self, allocator: Allocator, node: Node, claims: Sequence[ResourceClaim], pools: list[Pool]) -> None:
        self._of = allocator
        self._node = node
        self._claims = claims
        self._pools = pools
        self._matching: dict[tuple[int, DeviceId], bool] = {}
        self._requests: list[list[list[_Request]]] = []
        """Per claim and request its alternatives."""
        self._constraints: list[list[Constraint]] = []
        self._given: list[list[_Given]] = [[] for _ in claims]
        self._taking: dict[DeviceId, list[int]] = defaultdict(list)
        """The claims that get a device of their own in this attempt."""
        self._sharing: dict[DeviceId, dict[str, int]] = {}
        self._used_counters: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
        self._every = list(self._candidates())
        for claim in claims:
            self._read(claim)

    # What is asked

    def _read(self, claim: ResourceClaim) -> None:
        key = f"{claim.metadata.namespace}/{claim.metadata.name}"
        spec = claim.spec.devices
        requests = [self._alternatives(key, request) for request in spec.requests or ()]
        least = sum(min(each.count for each in alternatives) for alternatives in requests)
        if least > MOST_DEVICES:
            raise AllocationFailed(
                f"claim {key}: number of requested devices {least} exceeds the claim limit of {MOST_DEVICES}"
            )
        for index, constraint in enumerate(spec.constraints):
            if constraint.matchAttribute is None and constraint.distinctAttribute is None:
                raise AllocationFailed(
                    f"claim {key}, constraint #{index}: empty constraint (unsupported constraint type?)"
                )
        self._requests.append(requests)
        self._constraints.append([Constraint(constraint) for constraint in spec.constraints])

    def _alternatives(self, claim: str, request: DeviceRequest) -> list[_Request]:
        if request.exactly is not None:
            return [self._request(claim, request.name, "", request.exactly)]
        return [self._request(claim, each.name, request.name, each) for each in request.firstAvailable]

    def _request(self, claim: str, name: str, parent: str, asked: ExactDeviceRequest | DeviceSubRequest) -> _Request:
        where = f"claim {claim}, request {name}"
        device_class = self._of.classes(asked.deviceClassName)
        if device_class is None:
            raise AllocationFailed(
                f"{where}: could not retrieve device class {asked.deviceClassName}: "
                f'deviceclass.resource.k8s.io "{asked.deviceClassName}" not found'
            )
        for index, selector in enumerate(asked.selectors):
            if selector.cel is None:
                raise AllocationFailed(f"{where}, selector #{index}: CEL expression empty (unsupported selector type?)")
        found = _Request(name, parent, asked, device_class, claim)
        if asked.allocationMode == "ExactCount":
            found.count = asked.count or 0
        elif asked.allocationMode == "All":
            found.all = self._everything(where, found)
            found.count = len(found.all)
        else:
            raise AllocationFailed(f"{where}: unsupported count mode {asked.allocationMode}")
        return found

    def _everything(self, where: str, request: _Request) -> list[_Candidate]:
        for pool in self._pools:
            if pool.incomplete or pool.invalid:
                how = "being updated" if pool.incomplete else "invalid"
                raise AllocationFailed(
                    f"{where}: asks for all devices, but resource pool {'/'.join(pool.id)} is currently {how}"
                )
        return [
            each
            for each in self._every
            if self._is_selectable(request, each)
            and capacity.fits(request.asked.capacity, each.device, self._left(each))
        ]

    # The search

    def run(self) -> bool:
        return self._claim(0)

    def _claim(self, claim: int) -> bool:
        if claim == len(self._claims):
            return True
        try:
            return self._next(claim, 0)
        except _TooMany:
            # With other alternatives for the claims before, it may fit.
            return False

    def _next(self, claim: int, index: int) -> bool:
        """From a request of a claim on. Raises _TooMany when no alternative is small enough."""
        if index == len(self._requests[claim]):
            return self._claim(claim + 1)
        alternatives = self._requests[claim][index]
        too_many = True
        for request in alternatives:
            try:
                if self._device(claim, index, request, 0, 0):
                    return True
                too_many = False
            except _TooMany:
                if len(alternatives) == 1:
                    raise
        if too_many:
            raise _TooMany
        return False

    def _device(self, claim: int, index: int, request: _Request, number: int, start: int) -> bool:
        """Finds device `number` of a request among the candidates from `start` on, and all that comes after it."""
        self._of.go_on()
        if request.all is not None and not request.all:
            return False
        if number == request.count:
            return self._next(claim, index + 1)
        if len(self._given[claim]) + request.count - number > MOST_DEVICES:
            raise _TooMany
        if request.all is not None:
            candidate = request.all[number]
            if not self._take(claim, request, candidate, must=True):
                return False
            return self._or_back(claim, functools.partial(self._device, claim, index, request, number + 1, 0))
        for position in range(start, len(self._every)):
            candidate = self._every[position]
            if not self._is_usable(claim, request, candidate):
                continue
            if not self._take(claim, request, candidate, must=False):
                continue
            if self._or_back(claim, functools.partial(self._device, claim, index, request, number + 1, position + 1)):
                return True
        return False

    def _or_back(self, claim: int, go_on: Callable[[], bool]) -> bool:
        """Whether it works out; the device is given back if not."""
        try:
            found = go_on()
        except BaseException:
            self._give_back(claim)
            raise
        if not found:
            self._give_back(claim)
        return found

    def _candidates(self) -> Iterator[_Candidate]:
        for pool in self._pools:
            if not pool.incomplete and not pool.invalid:
                for each in pool.slices:
                    for device in each.spec.devices:
                        yield _Candidate(pool.device_id(device), device, each, pool)

    def _is_usable(self, claim: int, request: _Request, candidate: _Candidate) -> bool:
        if not self._is_free(claim, request, candidate) or not self._is_selectable(request, candidate):
            return False
        return capacity.fits(request.asked.capacity, candidate.device, self._left(candidate))

    def _is_free(self, claim: int, request: _Request, candidate: _Candidate) -> bool:
        taking = self._taking.get(candidate.id, ())
        if request.admin:
            return claim not in taking
        return not taking and candidate.id not in self._of.allocated.devices

    def _is_selectable(self, request: _Request, candidate: _Candidate) -> bool:
        key = id(request), candidate.id
        known = self._matching.get(key)
        if known is None:
            known = self._matching[key] = self._matches(request, candidate)
        return known

    def _matches(self, request: _Request, candidate: _Candidate) -> bool:
        device, each = candidate.device, candidate.slice
        if each.spec.perDeviceNodeSelection and not reaches(
            self._node, device.nodeName, device.allNodes, device.nodeSelector
        ):
            return False
        of_class = f"class {request.device_class.metadata.name}"
        return self._selected(of_class, request.device_class.spec.selectors, candidate) and self._selected(
            f"claim {request.claim}", request.asked.selectors, candidate
        )

    def _selected(self, whose: str, selectors: Sequence[DeviceSelector], candidate: _Candidate) -> bool:
        for index, selector in enumerate(selectors):
            expression = selector.cel.expression if selector.cel is not None else ""
            try:
                if not self._of.matches(expression, candidate.slice, candidate.device):
                    return False
            except SelectorFailed as error:
                raise AllocationFailed(f"{whose}: selector #{index}: {error}") from None
        return True

    def _left(self, candidate: _Candidate) -> Mapping[str, int]:
        """What is taken of a device's capacity by claims that share it."""
        taken = dict(self._of.allocated.capacity.get(candidate.id, {}))
        for name, amount in self._sharing.get(candidate.id, {}).items():
            taken[name] = taken.get(name, 0) + amount
        return taken

    # Taking and giving back

    def _take(self, claim: int, request: _Request, candidate: _Candidate, *, must: bool) -> bool:
        device = candidate.device
        if must and not self._is_free(claim, request, candidate):
            return False
        if must and not capacity.fits(request.asked.capacity, device, self._left(candidate)):
            return False
        if _is_tainted(device.taints, request.asked.tolerations):
            return False
        shared = bool(device.allowMultipleAllocations)
        in_use = shared and (candidate.id in self._sharing or candidate.id in self._of.allocated.capacity)
        if not in_use and not self._use_counters(candidate):
            return False
        concerned = [each for each in self._constraints[claim] if each.concerns(*request.base)]
        for count, constraint in enumerate(concerned):
            if not constraint.add(device, candidate.id):
                for other in concerned[:count]:
                    other.remove()
                if not in_use:
                    self._use_counters(candidate, -1)
                if must:
                    key = f"{self._claims[claim].metadata.namespace}/{self._claims[claim].metadata.name}"
                    raise AllocationFailed(
                        f"claim {key}, request {request.name}: cannot add device {'/'.join(candidate.id)} "
                        "because a claim constraint would not be satisfied"
                    )
                return False
        consumed = capacity.consumed(request.asked.capacity, device) if shared else None
        if consumed is None:
            self._taking[candidate.id].append(claim)
        else:
            self._share(candidate.id, consumed, 1)
        self._given[claim].append(_Given(request, candidate, consumed))
        return True

    def _give_back(self, claim: int) -> None:
        """What the claim got last."""
        given = self._given[claim].pop()
        candidate = given.candidate
        for constraint in self._constraints[claim]:
            if constraint.concerns(*given.request.base):
                constraint.remove()
        if given.consumed is None:
            self._taking[candidate.id].remove(claim)
            self._use_counters(candidate, -1)
            return
        self._share(candidate.id, given.consumed, -1)
        if candidate.id not in self._sharing and candidate.id not in self._of.allocated.capacity:
            self._use_counters(candidate, -1)

    def _share(self, device: DeviceId, consumed: Mapping[str, str], sign: int) -> None:
        taken = self._sharing.setdefault(device, {"": 0})
        taken[""] += sign  # how many share it
        for name, amount in consumed.items():
            taken[name] = taken.get(name, 0) + sign * quantity.nano(amount)
        if not taken[""]:
            del self._sharing[device]

    def _use_counters(self, candidate: _Candidate, sign: int = 1) -> bool:
        """Takes what the device needs of its pool's counters, if they have it; or gives it back."""
        if not candidate.device.consumesCounters:
            return True
        free, used = self._free(candidate.pool), self._used_counters[candidate.pool.id]
        needs = list(_needs(candidate.device))
        for key, amount in needs:
            used[key] = used.get(key, 0) + sign * amount
        if sign > 0 and any(used[key] > free.get(key, 0) for key, _ in needs):
            for key, amount in needs:
                used[key] -= amount
            return False
        return True

    def _free(self, pool: Pool) -> dict[tuple[str, str], int]:
        found = self._of.free_counters.get(pool.id)
        if found is None:
            found = self._of.free_counters[pool.id] = {
                (name, counter): quantity.nano(amount.value)
                for name, each in pool.counters.items()
                for counter, amount in each.counters.items()
            }
            for each in (*pool.slices, *pool.elsewhere):
                for device in each.spec.devices:
                    if self._of.allocated.has(pool.device_id(device)):
                        for key, amount in _needs(device):
                            found[key] = found.get(key, 0) - amount
        return found

    # The result

    def result(self, claim: int) -> AllocationResult:
        given = self._given[claim]
        return AllocationResult(
            devices=DeviceAllocationResult(
                results=[self._device_result(each) for each in given], config=self._configuration(claim)
            ),
            nodeSelector=self._node_selector(given),
        )

    def _device_result(self, given: _Given) -> DeviceRequestAllocationResult:
        driver, pool, name = given.candidate.id
        device = given.candidate.device
        return DeviceRequestAllocationResult(
            request=given.request.full_name,
            driver=driver,
            pool=pool,
            device=name,
            adminAccess=True if given.request.admin else None,
            tolerations=list(given.request.asked.tolerations),
            bindingConditions=list(device.bindingConditions),
            bindingFailureConditions=list(device.bindingFailureConditions),
            shareID=self._of.new_id() if given.consumed is not None else None,
            consumedCapacity=given.consumed or {},
        )

    def _configuration(self, claim: int) -> list[DeviceAllocationConfiguration]:
        """Of the classes, each once, then of the claim as far as it concerns what was chosen."""
        spec = self._claims[claim].spec.devices
        chosen = {given.request.base[0]: given.request for given in self._given[claim]}
        names: dict[str, list[str]] = {}
        classes: dict[str, DeviceClass] = {}
        for request in spec.requests or ():
            if request.name in chosen:
                device_class = chosen[request.name].device_class
                classes[device_class.metadata.name or ""] = device_class
                names.setdefault(device_class.metadata.name or "", []).append(chosen[request.name].full_name)
        found = [
            DeviceAllocationConfiguration(source="FromClass", requests=list(names[name]), opaque=config.opaque)
            for name, device_class in classes.items()
            for config in device_class.spec.config
        ]
        concerned = {name for base, request in chosen.items() for name in (base, request.full_name)}
        found += [
            DeviceAllocationConfiguration(source="FromClaim", requests=list(config.requests), opaque=config.opaque)
            for config in spec.config
            if not config.requests or concerned.intersection(config.requests)
        ]
        return found

    def _node_selector(self, given: Sequence[_Given]) -> NodeSelector | None:
        """Where the devices can be used; None: everywhere."""
        term = NodeSelectorTerm()
        for each in given:
            spec, device = each.candidate.slice.spec, each.candidate.device
            where = device if spec.perDeviceNodeSelection else spec
            if where.nodeName or device.bindsToNode:
                name = NodeSelectorRequirement(
                    key="metadata.name", operator="In", values=[self._node.metadata.name or ""]
                )
                return NodeSelector(nodeSelectorTerms=[NodeSelectorTerm(matchFields=[name])])
            for wanted in where.nodeSelector.nodeSelectorTerms if where.nodeSelector is not None else ():
                for into, more in (
                    (term.matchFields, wanted.matchFields),
                    (term.matchExpressions, wanted.matchExpressions),
                ):
                    into += [requirement for requirement in more if not _has(into, requirement)]
        return NodeSelector(nodeSelectorTerms=[term]) if term.matchFields or term.matchExpressions else None


def _has(requirements: Sequence[NodeSelectorRequirement], wanted: NodeSelectorRequirement) -> bool:
    return any(
        (each.key, each.operator, set(each.values)) == (wanted.key, wanted.operator, set(wanted.values))
        for each in requirements
    )


def _needs(device: Device) -> Iterator[tuple[tuple[str, str], int]]:
    """((counter set, counter), billionths)."""
    for used in device.consumesCounters:
        for name, amount in used.counters.items():
            yield (used.counterSet, name), quantity.nano(amount.value)


def _is_tainted(taints: Sequence[DeviceTaint], tolerations: Sequence[DeviceToleration]) -> bool:
    return any(
        taint.effect in _BLOCKING and not any_tolerates(tolerations, taint.key, taint.value or "", taint.effect)
        for taint in taints
    )
