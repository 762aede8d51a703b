"""DynamicResources: nodes where the devices are that a Pod's claims ask for; gives them to the claims.

Filter tries to allocate on every node, Reserve keeps the result of the node taken, PreBind writes it into the claims,
reserves them for the Pod and waits for devices that are made ready first. Where a node has none of an extended resource
that a class of devices stands for, the Pod gets one more claim, which is made once the node is taken.
Source: pkg/scheduler/framework/plugins/dynamicresources. Differs: the time that Filter may take is for all nodes
together, and shorter, because nothing else is decided meanwhile.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.resource.v1 import AllocationResult, DeviceRequest, ResourceClaim
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.resource_claims import claim_name, is_for, is_reserved_for
from pybernetes.apimachinery.times import parse_duration, parse_time
from pybernetes.client.objects import key_of
from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.devices.allocator import AllocationFailed, Allocator, NodeFailed
from pybernetes.scheduler.devices.extended import ExtendedClaim, extended_claim
from pybernetes.scheduler.devices.pools import selects
from pybernetes.scheduler.devices.view import DeviceView
from pybernetes.scheduler.devices.writing import ClaimsFailed, ClaimWriter
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import (
    CycleState,
    Diagnosis,
    PluginArguments,
    PreFilterResult,
    Tries,
    Verdict,
    default_normalize,
)
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, PluginFailed, Status, failed, unresolvable, unschedulable

_STATE = "DynamicResources"
_REASONS = (
    "cannot allocate all claims",
    "resourceclaim not available on the node",
    "invalid resource pools were encountered",
    "cannot schedule extended resource claim",
    "cannot fit resource",
)
_CANNOT, _ELSEWHERE, _INVALID, _STALE, _NO_SUCH = (np.uint64(1 << bit) for bit in range(len(_REASONS)))
_MOST_ALTERNATIVES = 8
_CHECKED_EVERY = 64
"""Steps of the search."""


class _NotReady(Exception):
    """The Pod has to wait, whatever the nodes are."""


@dataclass(slots=True)
class _State:
    claims: list[ResourceClaim]
    """Those that the Pod names."""
    extended: frozenset[str] = frozenset()
    """The extended resources it wants, some of which may be made of devices."""
    stale: ResourceClaim | None = None
    """What an attempt that failed made for them."""
    extended_on: dict[str, ExtendedClaim] = field(default_factory=dict)
    """By node: the claim that is needed for them."""
    taken: ExtendedClaim | None = None
    """Of the node that is taken."""
    made: ResourceClaim | None = None
    """What the taken one has become."""
    allocator: Allocator | None = None
    found: dict[str, list[AllocationResult]] = field(default_factory=dict)
    """By node: a result for each claim that is not allocated yet, that for extended resources last."""
    given: dict[str, AllocationResult] = field(default_factory=dict)
    """By the uid of the claim, once a node is taken."""
    unavailable: set[int] = field(default_factory=set)
    """Allocated claims that kept a node from being taken."""

    @property
    def to_allocate(self) -> list[ResourceClaim]:
        return [claim for claim in self.claims if claim.status.allocation is None]

    @property
    def to_get_ready(self) -> list[ResourceClaim]:
        extended = self.made or (self.taken and self.taken.claim)
        return [*self.claims, extended] if extended else self.claims


class DynamicResources:
    name = _STATE

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        given = arguments.arguments
        self._filter_timeout_s = parse_duration(str(given.get("filterTimeout") or "2s"))
        self._binding_timeout_s = parse_duration(str(given.get("bindingTimeout") or "10m"))
        if self._filter_timeout_s < 0 or self._binding_timeout_s < 1:
            raise ValueError("filterTimeout must not be negative, bindingTimeout must be at least 1s")
        self._handle = handle
        self._view = handle.devices
        self._writer = ClaimWriter(handle)

    # Whether there is anything to decide

    def pre_enqueue(self, info: PodInfo) -> Status:
        try:
            self._claims_of(info.pod)
        except _NotReady as why:
            return unresolvable(str(why))
        return SUCCESS

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        own = _State([])
        state.write(_STATE, own)
        view = self._view
        if view is None:
            return PreFilterResult(SKIP)
        extended = self._extended(view, info)
        if not info.pod.spec.resourceClaims and not extended:
            return PreFilterResult(SKIP)
        try:
            claims = self._claims_of(info.pod)
            for claim in claims:
                self._check(view, claim)
        except _NotReady as why:
            return PreFilterResult(unresolvable(str(why)))
        if not claims and not extended:
            return PreFilterResult(SKIP)
        own.claims, own.extended = claims, extended
        own.stale = view.extended_claim(info.uid) if extended else None
        if own.to_allocate or extended:
            own.allocator = Allocator(
                view.allocated(),
                view.device_class,
                view.slices(),
                view.matches,
                _Patience(self._filter_timeout_s).check,
                lambda: str(uuid.uuid4()),
            )
        return PreFilterResult(SUCCESS)

    def _extended(self, view: DeviceView, info: PodInfo) -> frozenset[str]:
        """The extended resources that it wants; empty when none of them can be made of devices."""
        behind = view.behind_resources()
        wanted = frozenset(name for name in info.requests if "/" in name)
        return wanted if any(behind.get(name) is not None for name in wanted) else frozenset()

    def _claims_of(self, pod: Pod) -> list[ResourceClaim]:
        """The claims that it uses. Raises _NotReady."""
        found: list[ResourceClaim] = []
        if self._view is None:
            return found
        namespace = pod.metadata.namespace or ""
        for wanted in pod.spec.resourceClaims:
            name = claim_name(pod, wanted)
            if name is None:
                raise _NotReady(f'pod "{namespace}/{pod.metadata.name}": ResourceClaim not created yet')
            if not name:
                continue
            claim = self._view.claims.get(f"{namespace}/{name}")
            if claim is None:
                raise _NotReady(f'resourceclaim.resource.k8s.io "{name}" not found')
            if claim.metadata.deletionTimestamp is not None:
                raise _NotReady(f'resourceclaim "{name}" is being deleted')
            if wanted.resourceClaimTemplateName is not None and not is_for(pod, claim):
                raise _NotReady(
                    f"ResourceClaim {namespace}/{name} was not created for Pod {namespace}/{pod.metadata.name} "
                    "(Pod is not owner)"
                )
            found.append(claim)
        return found

    def _check(self, view: DeviceView, claim: ResourceClaim) -> None:
        """Raises _NotReady."""
        if claim.status.allocation is not None:
            return
        if view.is_pending(claim):
            raise _NotReady(f"resource claim {key_of(claim)} is in the process of being allocated")
        for request in claim.spec.devices.requests or ():
            for name, device_class in _classes(request):
                if view.device_class(device_class) is None:
                    raise _NotReady(f"request {name}: device class {device_class} does not exist")

    # Which nodes

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        own = state.read(_STATE, _State)
        failures = np.zeros(snapshot.rows, np.uint64)
        if own.stale is not None:
            failures[snapshot.live_rows()] = _STALE
            return Verdict(_REASONS, failures, unresolvable=True)
        wanted = own.to_allocate
        made_for: dict[frozenset[str], ExtendedClaim] = {}
        late = {i for i, claim in enumerate(own.claims) if self._is_stuck(claim)}
        for row in np.flatnonzero(snapshot.live_rows()):
            node = snapshot.nodes[row]
            assert node is not None
            elsewhere = late | {
                index
                for index, claim in enumerate(own.claims)
                if claim.status.allocation is not None
                and claim.status.allocation.nodeSelector is not None
                and not selects(claim.status.allocation.nodeSelector, node)
            }
            if elsewhere:
                own.unavailable |= elsewhere
                failures[row] = _ELSEWHERE
                continue
            if own.allocator is None:
                continue
            name = node.metadata.name or ""
            of_devices = self._made_of_devices(own.extended, node)
            if of_devices is None:
                failures[row] = _NO_SUCH
                continue
            wanted_here = wanted
            if of_devices:
                if of_devices not in made_for:
                    made_for[of_devices] = self._extended_claim(info.pod, of_devices)
                own.extended_on[name] = made_for[of_devices]
                wanted_here = [*wanted, made_for[of_devices].claim]
            try:
                results = own.allocator.allocate(node, wanted_here) if wanted_here else []
            except NodeFailed:
                failures[row] = _INVALID
                continue
            except AllocationFailed as error:
                raise PluginFailed(failed(ClaimsFailed(f'running "{_STATE}" filter plugin: {error}'))) from error
            except TimeoutError:
                text = f'running "{_STATE}" filter plugin: node {name}: timed out trying to allocate devices'
                raise PluginFailed(failed(ClaimsFailed(text))) from None
            if results is None:
                failures[row] = _CANNOT
            else:
                own.found[name] = results
        return Verdict(_REASONS, failures, unresolvable=True)

    def _made_of_devices(self, extended: frozenset[str], node: Node) -> frozenset[str] | None:
        """Those of the resources that the node has none of; None: of one there are no devices either."""
        if not extended:
            return extended
        assert self._view is not None
        behind, offered = self._view.behind_resources(), node.status.allocatable
        missing = frozenset(name for name in extended if not quantity.nano(offered.get(name, "0")))
        found = frozenset(name for name in missing if behind.get(name) is not None)
        return found if all(name in offered for name in missing - found) else None

    def _extended_claim(self, pod: Pod, resources: frozenset[str]) -> ExtendedClaim:
        assert self._view is not None
        behind = self._view.behind_resources()
        classes = {name: found.metadata.name or "" for name in resources if (found := behind.get(name)) is not None}
        made = extended_claim(pod, classes)
        made.claim.metadata.uid = str(uuid.uuid4())  # so that devices can be given to it before it is made
        return made

    def _is_stuck(self, claim: ResourceClaim) -> bool:
        """Whether its devices failed to get ready, or take too long."""
        try:
            return not _is_ready(claim) and self._is_late(claim)
        except ClaimsFailed:
            return True

    def _is_late(self, claim: ResourceClaim) -> bool:
        allocation = claim.status.allocation
        if allocation is None or allocation.allocationTimestamp is None:
            return False
        conditional = any(result.bindingConditions for result in allocation.devices.results)
        since_s = parse_time(allocation.allocationTimestamp)
        return conditional and since_s + self._binding_timeout_s < self._handle.clock.now()

    def post_filter(
        self, tries: Tries, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis
    ) -> tuple[str | None, Status]:
        """Takes its devices from a claim that nobody else uses, when they are in the wrong place."""
        own = state.peek(_STATE, _State)
        if own is None:
            # Another plugin refused the Pod before this one looked: upstream's word for that, and its end.
            return None, failed(LookupError("not found"))
        if not own.claims and not own.extended:
            return None, unschedulable("no new claims to deallocate")
        if own.stale is not None:
            self._handle.start(self._writer.delete(own.stale), f"delete {key_of(own.stale)}")
            return None, unschedulable("deletion of ResourceClaim completed")
        unused = [
            claim
            for claim in (own.claims[index] for index in sorted(own.unavailable))
            if all(reference.uid == info.uid for reference in claim.status.reservedFor)
        ]
        if not unused:
            return None, unschedulable("still not schedulable")
        claim = unused[self._handle.choose(len(unused))]
        self._handle.start(self._writer.deallocate(claim), f"deallocate {key_of(claim)}")
        return None, unschedulable("deallocation of ResourceClaim completed")

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        """Without alternatives all nodes are equal, and get nothing."""
        own = state.read(_STATE, _State)
        chosen = any(request.firstAvailable for c in own.claims for request in c.spec.devices.requests or ())
        return SUCCESS if chosen else SKIP

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        own = state.read(_STATE, _State)
        names = snapshot.names()
        return np.fromiter((_score(own, names[row]) for row in rows), np.int64, len(rows))

    def normalize(self, state: CycleState, info: PodInfo, scores: Ints) -> Ints:
        return default_normalize(scores, reverse=False)

    # The chosen one

    def reserve(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        own = state.peek(_STATE, _State)
        if own is None or own.allocator is None:
            return SUCCESS
        assert self._view is not None
        own.taken = own.extended_on.get(node_name)
        claims = own.to_allocate if own.taken is None else [*own.to_allocate, own.taken.claim]
        for claim, allocation in zip(claims, own.found[node_name], strict=True):
            own.given[claim.metadata.uid or ""] = allocation
            self._view.give(claim, allocation)
        return SUCCESS

    def unreserve(self, state: CycleState, info: PodInfo, node_name: str) -> None:
        own = state.peek(_STATE, _State)
        if own is None or self._view is None:
            return
        for claim in own.claims:
            self._view.take_back(claim)
            if claim.status.allocation is not None and is_reserved_for(info.pod, claim):
                self._handle.start(self._writer.release(claim, info.uid), f"release {key_of(claim)}")
        if own.taken is not None:
            self._view.take_back(own.taken.claim)
        if own.made is not None:
            self._handle.start(self._writer.delete(own.made), f"delete {key_of(own.made)}")

    def pre_bind_waits(self, state: CycleState, info: PodInfo, node_name: str) -> bool:
        own = state.peek(_STATE, _State)
        return own is not None and any(not _is_ready_at_once(own, claim) for claim in own.to_get_ready)

    async def pre_bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        own = state.peek(_STATE, _State)
        if own is None or self._view is None:
            return SUCCESS
        try:
            for index, claim in enumerate(own.claims):
                if not is_reserved_for(info.pod, claim):
                    own.claims[index] = await self._writer.bind(
                        claim, own.given.get(claim.metadata.uid or ""), info.pod
                    )
            if own.taken is not None:
                own.made = await self._writer.make(own.taken)
                given = own.given[own.taken.claim.metadata.uid or ""]
                own.made = await self._writer.bind(own.made, given, info.pod)
                self._view.take_back(own.taken.claim)  # it counts under its own name from now on
                await self._writer.tell(own.made, own.taken, info.pod)
            if any(not _is_ready_at_once(own, claim) for claim in own.to_get_ready):
                text = f"waiting for binding conditions for device on node {node_name}"
                self._handle.event(info.pod, "Normal", "BindingConditionsPending", text)
                await self._until_ready(own)
        except ClaimsFailed as error:
            return failed(error)
        return SUCCESS

    async def _until_ready(self, own: _State) -> None:
        """Raises ClaimsFailed."""
        assert self._view is not None
        keys = [key_of(claim) for claim in own.to_get_ready]
        try:
            async with asyncio.timeout(self._binding_timeout_s):
                while True:
                    current = [self._view.claims.get(key) for key in keys]
                    if any(claim is None for claim in current):
                        raise ClaimsFailed("a claim is gone")
                    if all(claim is not None and _is_ready(claim) for claim in current):
                        return
                    await self._view.waiters.change(keys)
        except TimeoutError:
            raise ClaimsFailed("device binding timeout: context deadline exceeded") from None

    # When to try again

    def events_to_register(self) -> Sequence[Registration]:
        added_or_updated = Action.ADD | Action.UPDATE
        node = Action.ADD | Action.UPDATE_NODE_LABEL | Action.UPDATE_NODE_ALLOCATABLE
        return [
            Registration(ClusterEvent(EventResource.NODE, node)),
            Registration(ClusterEvent(EventResource.RESOURCE_CLAIM, Action.ALL), self._claim_may_help),
            Registration(
                ClusterEvent(EventResource.POD, Action.UPDATE_POD_GENERATED_RESOURCE_CLAIM), self._has_its_claims
            ),
            Registration(ClusterEvent(EventResource.DEVICE_CLASS, added_or_updated)),
            Registration(ClusterEvent(EventResource.RESOURCE_SLICE, added_or_updated)),
        ]

    def _claim_may_help(self, info: PodInfo, old: Any, new: Any) -> bool:
        """One of its own, or one that gave its devices back: those for extended resources do so by going."""
        if new is None:
            return old.status.allocation is not None or is_for(info.pod, old)
        try:
            claims = self._claims_of(info.pod)
        except _NotReady:
            return False
        if old is not None and old.status.allocation is not None and new.status.allocation is None:
            return True
        uses = any(claim.metadata.uid == new.metadata.uid for claim in claims)
        return uses and (old is None or old.status != new.status)

    def _has_its_claims(self, info: PodInfo, old: Any, new: Any) -> bool:
        if new.metadata.uid != info.uid:
            return False
        try:
            self._claims_of(new)
        except _NotReady:
            return False
        return True


class _Patience:
    """For one search through all nodes."""

    def __init__(self, limit_s: float) -> None:
        self._until_s = time.monotonic() + limit_s if limit_s else None
        self._steps = 0

    def check(self) -> None:
        """Raises TimeoutError."""
        self._steps += 1
        if self._until_s is not None and self._steps % _CHECKED_EVERY == 0 and time.monotonic() > self._until_s:
            raise TimeoutError


def _classes(request: DeviceRequest) -> list[tuple[str, str]]:
    """(name of the request, of its class), of each alternative."""
    if request.exactly is not None:
        return [(request.name, request.exactly.deviceClassName)]
    return [(f"{request.name}/{each.name}", each.deviceClassName) for each in request.firstAvailable]


def _score(own: _State, node_name: str) -> int:
    """More for alternatives that are asked for earlier."""
    results = iter(own.found.get(node_name, ()))
    total = 0
    for claim in own.claims:
        allocation = claim.status.allocation or next(results, None)
        if allocation is None:
            return 0
        chosen = {result.request for result in allocation.devices.results}
        for request in claim.spec.devices.requests or ():
            for index, alternative in enumerate(request.firstAvailable):
                if f"{request.name}/{alternative.name}" in chosen:
                    total += _MOST_ALTERNATIVES - index
    return total


def _is_ready_at_once(own: _State, claim: ResourceClaim) -> bool:
    allocation = own.given.get(claim.metadata.uid or "") or claim.status.allocation
    return allocation is None or not any(result.bindingConditions for result in allocation.devices.results)


def _is_ready(claim: ResourceClaim) -> bool:
    """Whether all devices say what their drivers want to see before a Pod comes. Raises ClaimsFailed."""
    if claim.status.allocation is None:
        return False
    said = {(status.driver, status.pool, status.device, status.shareID): status for status in claim.status.devices}
    for result in claim.status.allocation.devices.results:
        if not result.bindingConditions:
            continue
        status = said.get((result.driver, result.pool, result.device, result.shareID))
        if status is None:
            return False
        conditions = {condition.type: condition for condition in status.conditions or ()}
        for name in result.bindingFailureConditions:
            found = conditions.get(name)
            if found is not None and found.status == "True":
                raise ClaimsFailed(
                    f"device binding failed: claim={claim.metadata.name}, reason={found.reason}, "
                    f'message="{found.message}"'
                )
        if any(name not in conditions or conditions[name].status != "True" for name in result.bindingConditions):
            return False
    return True
