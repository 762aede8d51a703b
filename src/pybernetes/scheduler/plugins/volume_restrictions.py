"""VolumeRestrictions: a ReadWriteOncePod claim has one Pod at a time, and some disks one Pod a node.

Source: pkg/scheduler/framework/plugins/volumerestrictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pybernetes.api.core.v1 import Volume
from pybernetes.client.objects import key_of
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, PreFilterResult, Refusal, Trial, Verdict
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.plugins.volume_binding import own_claim
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status

REASON_DISK = "node(s) had no available disk"
REASON_ONE_POD = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
_STATE = "VolumeRestrictions"


class VolumeRestrictions:
    name = _STATE

    def __init__(self, handle: Handle) -> None:
        self._view = handle.storage

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        claims = self._view.named_by(info) if self._view is not None else []
        if isinstance(claims, Status):
            return PreFilterResult(claims)
        exclusive = [key_of(claim) for claim in claims if "ReadWriteOncePod" in claim.spec.accessModes]
        in_use = any(snapshot.claim_users.get(key) for key in exclusive)
        if not info.disks and not in_use:
            return PreFilterResult(SKIP)
        state.write(_STATE, exclusive)
        return PreFilterResult(SUCCESS)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        exclusive: list[str] = state.read(_STATE, list)
        in_use = any(snapshot.claim_users.get(key) for key in exclusive)
        failures = np.full(snapshot.rows, 2 if in_use else 0, np.uint64)
        for uid in snapshot.disk_users if info.disks else ():
            other, row = snapshot.placed(uid)
            if row >= 0 and _clash(info, other):
                failures[row] = 1
        return Verdict((REASON_DISK, REASON_ONE_POD), failures, unresolvable=False)

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial:
        exclusive: list[str] = state.read(_STATE, list)
        users = {uid for key in exclusive for uid in snapshot.claim_users.get(key, ())}
        disks = {
            uid
            for uid in (snapshot.disk_users if info.disks else ())
            if snapshot.placed(uid)[1] == row and _clash(info, snapshot.placed(uid)[0])
        }
        return _VolumeTrial(info, frozenset(exclusive), users, disks)

    def events_to_register(self) -> Sequence[Registration]:
        return [
            Registration(ClusterEvent(EventResource.POD, Action.DELETE), _freed),
            Registration(ClusterEvent(EventResource.NODE, Action.ADD)),
            Registration(ClusterEvent(EventResource.PERSISTENT_VOLUME_CLAIM, Action.ADD), own_claim),
        ]


class _VolumeTrial:
    """Who is in the way on one node."""

    def __init__(self, info: PodInfo, exclusive: frozenset[str], users: set[str], disks: set[str]) -> None:
        self._info = info
        self._exclusive = exclusive
        self._users = users
        self._disks = disks

    def add(self, other: PodInfo) -> None:
        if not self._exclusive.isdisjoint(other.claims):
            self._users.add(other.uid)
        if _clash(self._info, other):
            self._disks.add(other.uid)

    def remove(self, other: PodInfo) -> None:
        self._users.discard(other.uid)
        self._disks.discard(other.uid)

    def refusal(self) -> Refusal | None:
        if self._disks:
            return Refusal((REASON_DISK,))
        return Refusal((REASON_ONE_POD,)) if self._users else None


def _clash(info: PodInfo, other: PodInfo) -> bool:
    return any(_same_disk(mine, theirs) for mine in info.disks for theirs in other.disks)


def _same_disk(a: Volume, b: Volume) -> bool:
    """Whether two volumes are one disk that cannot be shared the way they want to."""
    if a.gcePersistentDisk is not None and b.gcePersistentDisk is not None:
        both_read = a.gcePersistentDisk.readOnly and b.gcePersistentDisk.readOnly
        return a.gcePersistentDisk.pdName == b.gcePersistentDisk.pdName and not both_read
    if a.awsElasticBlockStore is not None and b.awsElasticBlockStore is not None:
        return a.awsElasticBlockStore.volumeID == b.awsElasticBlockStore.volumeID
    if a.iscsi is not None and b.iscsi is not None:
        return a.iscsi.iqn == b.iscsi.iqn and not (a.iscsi.readOnly and b.iscsi.readOnly)
    if a.rbd is not None and b.rbd is not None:
        same = not set(a.rbd.monitors).isdisjoint(b.rbd.monitors)
        same = same and (a.rbd.pool, a.rbd.image) == (b.rbd.pool, b.rbd.image)
        return same and not (a.rbd.readOnly and b.rbd.readOnly)
    return False


def _freed(info: PodInfo, old: Any, new: Any) -> bool:
    if old.metadata.namespace != info.pod.metadata.namespace:
        return False
    gone = PodInfo(old)
    return _clash(info, gone) or not set(info.claims).isdisjoint(gone.claims)
