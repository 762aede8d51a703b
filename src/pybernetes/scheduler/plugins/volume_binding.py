"""VolumeBinding: nodes that can give the Pod its volumes; binds those that are free, asks for those to be made.

Filter chooses for every node (`volume_choice.py`), Reserve assumes the choice of the node taken, PreBind writes it
and waits until the binder has finished. Source: pkg/scheduler/framework/plugins/volumebinding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.apimachinery import quantity, volume_claims
from pybernetes.apimachinery.fresh import fresh
from pybernetes.client.objects import key_of
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, PluginArguments, PreFilterResult, Verdict
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status, failed, unresolvable
from pybernetes.scheduler.storage_view import StorageView
from pybernetes.scheduler.volume_choice import REASONS, Choice, PodClaims, Storage, choose

_STATE = "VolumeBinding"
_DEFAULT_TIMEOUT_S = 600


class BindingFailed(Exception):
    """The volumes cannot be had; the Pod is scheduled anew."""


@dataclass(slots=True)
class _State:
    claims: PodClaims = field(default_factory=PodClaims)
    choice: Choice | None = None
    snapshot: Snapshot | None = None
    volumes: list[PersistentVolume] = field(default_factory=list)
    """As they are to be written."""
    provisions: list[PersistentVolumeClaim] = field(default_factory=list)
    """As they are to be written."""
    bound_to: list[PersistentVolumeClaim] = field(default_factory=list)
    """The claims of `volumes`."""


class VolumeBinding:
    name = _STATE

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        self._timeout_s = int(arguments.arguments.get("bindTimeoutSeconds") or _DEFAULT_TIMEOUT_S)
        if self._timeout_s < 0:
            raise ValueError("bindTimeoutSeconds must not be negative")
        self._handle = handle
        view = self._view = handle.storage
        self._storage = None if view is None else storage_of(view)

    # Which nodes

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        view = self._view
        if view is None or not volume_claims.claim_names(info.pod):
            return PreFilterResult(SKIP)
        problem = claim_problem(view, info.pod)
        if problem:
            return PreFilterResult(unresolvable(problem))
        claims = _sorted_out(view, info.pod)
        if claims.immediate:
            return PreFilterResult(unresolvable("pod has unbound immediate PersistentVolumeClaims"))
        state.write(_STATE, _State(claims, snapshot=snapshot))
        return PreFilterResult(SUCCESS)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        own = state.read(_STATE, _State)
        assert self._storage is not None
        own.choice = choose(own.claims, self._storage, snapshot)
        return Verdict(REASONS, own.choice.failures, unresolvable=True)

    # The chosen one

    def reserve(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        own = self._state(state)
        if own is None or own.choice is None or own.snapshot is None:
            return SUCCESS
        bindings, provisions = own.choice.on(own.snapshot.row_of[node_name])
        for claim, volume in bindings:
            own.volumes.append(_assumed_volume(volume, claim))
            own.bound_to.append(claim)
        own.provisions = [_assumed_claim(claim, node_name) for claim in provisions]
        assert self._view is not None
        for made in own.volumes:
            self._view.volumes.put(made)
        for asked in own.provisions:
            self._view.claims.put(asked)
        return SUCCESS

    def unreserve(self, state: CycleState, info: PodInfo, node_name: str) -> None:
        own = self._state(state)
        if own is None or self._view is None:
            return
        for volume in own.volumes:
            self._view.volumes.restore(key_of(volume))
        for claim in own.provisions:
            self._view.claims.restore(key_of(claim))

    def pre_bind_waits(self, state: CycleState, info: PodInfo, node_name: str) -> bool:
        own = self._state(state)
        return own is not None and bool(own.volumes or own.provisions)

    async def pre_bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        own = self._state(state)
        if own is None or not (own.volumes or own.provisions):
            return SUCCESS
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._write(own)
                await self._until_bound(own, info.pod, node_name)
        except TimeoutError:
            return failed(BindingFailed("binding volumes: context deadline exceeded"))
        except BindingFailed as error:
            return failed(BindingFailed(f"binding volumes: {error}"))
        return SUCCESS

    async def _write(self, own: _State) -> None:
        assert self._view is not None
        for index, volume in enumerate(own.volumes):
            own.volumes[index] = written = await self._handle.client.update(volume)
            self._view.volumes.put(written)
        for index, claim in enumerate(own.provisions):
            own.provisions[index] = asked = await self._handle.client.update(claim)
            self._view.claims.put(asked)

    async def _until_bound(self, own: _State, pod: Pod, node_name: str) -> None:
        """Raises BindingFailed when it will not come to that."""
        assert self._view is not None and own.snapshot is not None
        keys = [key_of(claim) for claim in (*own.bound_to, *own.provisions)]
        while True:
            current = self._handle.pod(pod.metadata.namespace or "", pod.metadata.name or "")
            if current is None or current.metadata.uid != pod.metadata.uid:
                raise BindingFailed("pod does not exist any more")
            row = own.snapshot.row_of.get(node_name)
            node = own.snapshot.nodes[row] if row is not None else None
            if node is None:
                raise BindingFailed(f'failed to get node "{node_name}": node "{node_name}" not found')
            if _is_done(own, self._view, node_name, node.metadata.labels):
                return
            await self._view.waiters.change(keys)

    def _state(self, state: CycleState) -> _State | None:
        return state.peek(_STATE, _State)

    # When to try again

    def events_to_register(self) -> Sequence[Registration]:
        added_or_updated = Action.ADD | Action.UPDATE
        return [
            Registration(ClusterEvent(EventResource.STORAGE_CLASS, added_or_updated), _class_may_help),
            Registration(ClusterEvent(EventResource.PERSISTENT_VOLUME_CLAIM, added_or_updated), own_claim),
            Registration(ClusterEvent(EventResource.PERSISTENT_VOLUME, added_or_updated)),
            Registration(ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL)),
            Registration(ClusterEvent(EventResource.CSI_NODE, added_or_updated), lambda info, old, new: old is None),
            Registration(ClusterEvent(EventResource.CSI_DRIVER, Action.UPDATE), self._driver_may_help),
            Registration(ClusterEvent(EventResource.CSI_STORAGE_CAPACITY, added_or_updated), _capacity_may_help),
        ]

    def _driver_may_help(self, info: PodInfo, old: Any, new: Any) -> bool:
        """The driver no longer keeps account of space. Differs: also for claims of the driver's classes."""
        return bool(old.spec.storageCapacity) and not new.spec.storageCapacity


def storage_of(view: StorageView) -> Storage:
    return Storage(view.volumes.get, view.volumes_of_class, view.storage_class, view.driver, view.capacities)


def claim_problem(view: StorageView, pod: Pod) -> str:
    """Why the Pod cannot be placed whatever the nodes are; "" when its claims are in order."""
    for volume in pod.spec.volumes:
        name = volume_claims.claim_name(pod, volume)
        if not name:
            continue
        claim = view.claim(pod.metadata.namespace or "", name)
        if claim is None:
            if volume.ephemeral is not None:
                return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
            return f'persistentvolumeclaim "{name}" not found'
        if claim.status.phase == "Lost":
            gone = claim.spec.volumeName or ""
            return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{gone}"'
        if claim.metadata.deletionTimestamp is not None:
            return f'persistentvolumeclaim "{name}" is being deleted'
        if volume.ephemeral is not None:
            try:
                volume_claims.check_made_for(pod, claim)
            except volume_claims.NotForPod as error:
                return str(error)
    return ""


def own_claim(info: PodInfo, old: Any, new: Any) -> bool:
    """A claim that the waiting Pod names."""
    if new.metadata.namespace != info.pod.metadata.namespace:
        return False
    return new.metadata.name in volume_claims.claim_names(info.pod)


def _sorted_out(view: StorageView, pod: Pod) -> PodClaims:
    found = PodClaims()
    for name in volume_claims.claim_names(pod):
        claim = view.claim(pod.metadata.namespace or "", name)
        assert claim is not None
        if volume_claims.is_bound(claim):
            found.bound.append(claim)
        elif not claim.spec.volumeName and volume_claims.waits_for_consumer(
            view.storage_class(volume_claims.class_of_claim(claim))
        ):
            found.delayed.append(claim)
        else:
            found.immediate.append(claim)
    return found


def _assumed_volume(volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume:
    changed = fresh(volume)
    if not volume_claims.is_meant_for(volume, claim):
        changed.metadata.annotations.setdefault(volume_claims.BOUND_BY_CONTROLLER, "yes")
    changed.spec.claimRef = volume_claims.reference(claim)
    return changed


def _assumed_claim(claim: PersistentVolumeClaim, node_name: str) -> PersistentVolumeClaim:
    changed = fresh(claim)
    changed.metadata.annotations[volume_claims.SELECTED_NODE] = node_name
    return changed


def _is_done(own: _State, view: StorageView, node_name: str, labels: dict[str, str]) -> bool:
    """Whether all is bound. Raises BindingFailed when somebody undid what was asked."""
    for volume, claim in zip(own.volumes, own.bound_to, strict=True):
        current, asked = view.volumes.get(key_of(volume)), view.claims.get(key_of(claim))
        if current is None or asked is None:
            what = "persistentvolume" if current is None else "persistentvolumeclaim"
            raise BindingFailed(f"failed to check binding: {what} not found")
        _check_reach(current, node_name, labels)
        if current.spec.claimRef is None or not current.spec.claimRef.uid:
            raise BindingFailed(f'ClaimRef got reset for pv "{current.metadata.name}"')
        if not volume_claims.is_bound(asked):
            return False
    for claim in own.provisions:
        asked = view.claims.get(key_of(claim))
        if asked is None:
            raise BindingFailed("failed to check provisioning pvc: persistentvolumeclaim not found")
        selected = asked.metadata.annotations.get(volume_claims.SELECTED_NODE)
        if not asked.metadata.annotations:
            raise BindingFailed(f'selectedNode annotation reset for PVC "{asked.metadata.name}"')
        if selected != node_name:
            raise BindingFailed(f'provisioning failed for PVC "{asked.metadata.name}"')
        if asked.spec.volumeName:
            made = view.volumes.get(asked.spec.volumeName)
            if made is None:
                return False
            _check_reach(made, node_name, labels)
        if not volume_claims.is_bound(asked):
            return False
    return True


def _check_reach(volume: PersistentVolume, node_name: str, labels: dict[str, str]) -> None:
    if not volume_claims.reaches(volume, node_name, labels):
        what = f'pv "{volume.metadata.name}" node affinity doesn\'t match node "{node_name}"'
        raise BindingFailed(f"{what}: no matching NodeSelectorTerms")


def _class_may_help(info: PodInfo, old: Any, new: Any) -> bool:
    return old is None or old.allowedTopologies != new.allowedTopologies


def _capacity_may_help(info: PodInfo, old: Any, new: Any) -> bool:
    if old is None:
        return True
    before, now = old.maximumVolumeSize or old.capacity, new.maximumVolumeSize or new.capacity
    return now is not None and (before is None or quantity.compare(now, before) > 0)
