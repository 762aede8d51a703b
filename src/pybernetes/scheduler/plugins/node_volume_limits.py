"""NodeVolumeLimits: no more volumes of a CSI driver on a node than the driver says in its CSINode.

Nodes whose drivers name no limit are not looked at, so the work is by those that do.
Source: pkg/scheduler/framework/plugins/nodevolumelimits/csi.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pybernetes.api.storage.v1 import CSINode
from pybernetes.apimachinery import volume_claims
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, PreFilterResult, Refusal, Trial, Verdict
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.plugins.volume_binding import own_claim
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS
from pybernetes.scheduler.storage_view import StorageView

REASON = "node(s) exceed max volume count"
_STATE = "NodeVolumeLimits"

CsiVolume = tuple[str, str]
"""(driver, handle)."""


class NodeVolumeLimits:
    name = _STATE

    def __init__(self, handle: Handle) -> None:
        self._view = handle.storage

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        if self._view is None or not info.pod.spec.volumes:
            return PreFilterResult(SKIP)
        wanted = csi_volumes(self._view, info)
        if not wanted or not any(limits(node) for node in self._view.csi_nodes()):
            return PreFilterResult(SKIP)
        state.write(_STATE, wanted)
        return PreFilterResult(SUCCESS)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        assert self._view is not None
        wanted: set[CsiVolume] = state.read(_STATE, set)
        failed = np.zeros(snapshot.rows, np.bool_)
        for node in self._view.csi_nodes():
            name = node.metadata.name or ""
            row, most = snapshot.row_of.get(name, -1), limits(node)
            if row >= 0 and most:
                used = _used(self._view, snapshot.pods_on(name))
                failed[row] = too_many(wanted, used, self._attached(name), most)
        return Verdict.of(failed, REASON, unresolvable=False)

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial:
        assert self._view is not None
        name = snapshot.names()[row]
        most = next((limits(node) for node in self._view.csi_nodes() if node.metadata.name == name), {})
        return _LimitTrial(self._view, state.read(_STATE, set), snapshot.pods_on(name), self._attached(name), most)

    def _attached(self, node_name: str) -> set[CsiVolume]:
        """Also volumes whose Pods are gone, until they are detached."""
        assert self._view is not None
        found: set[CsiVolume] = set()
        for attachment in self._view.attachments(node_name):
            volume = self._view.volumes.get(attachment.spec.source.persistentVolumeName or "")
            if attachment.spec.attacher and volume is not None and volume.spec.csi is not None:
                found.add((attachment.spec.attacher, volume.spec.csi.volumeHandle))
        return found

    def events_to_register(self) -> Sequence[Registration]:
        return [
            Registration(ClusterEvent(EventResource.CSI_NODE, Action.ADD)),
            Registration(ClusterEvent(EventResource.CSI_NODE, Action.UPDATE), _limit_rose),
            Registration(ClusterEvent(EventResource.POD, Action.DELETE), _claims_freed),
            Registration(ClusterEvent(EventResource.PERSISTENT_VOLUME_CLAIM, Action.ADD), own_claim),
            Registration(
                ClusterEvent(EventResource.VOLUME_ATTACHMENT, Action.DELETE), lambda info, old, new: bool(info.claims)
            ),
        ]


class _LimitTrial:
    def __init__(
        self,
        view: StorageView,
        wanted: set[CsiVolume],
        pods: Iterable[PodInfo],
        attached: set[CsiVolume],
        most: dict[str, int],
    ) -> None:
        self._view = view
        self._wanted = wanted
        self._pods = {pod.uid: pod for pod in pods}
        self._attached = attached
        self._most = most

    def add(self, other: PodInfo) -> None:
        self._pods[other.uid] = other

    def remove(self, other: PodInfo) -> None:
        self._pods.pop(other.uid, None)

    def refusal(self) -> Refusal | None:
        used = _used(self._view, self._pods.values())
        return Refusal((REASON,)) if too_many(self._wanted, used, self._attached, self._most) else None


def limits(node: CSINode) -> dict[str, int]:
    """The most volumes of a driver on a node."""
    return {
        driver.name: driver.allocatable.count
        for driver in node.spec.drivers or ()
        if driver.allocatable is not None and driver.allocatable.count is not None
    }


def too_many(wanted: set[CsiVolume], used: set[CsiVolume], attached: set[CsiVolume], most: dict[str, int]) -> bool:
    """A volume that a Pod there uses takes no more room; one that is only attached counts as there and as new."""
    new, old = Counter(driver for driver, _ in wanted - used), Counter(driver for driver, _ in used | attached)
    return any(old[driver] + count > most[driver] for driver, count in new.items() if driver in most)


def _used(view: StorageView, pods: Iterable[PodInfo]) -> set[CsiVolume]:
    return {volume for pod in pods for volume in csi_volumes(view, pod)}


def csi_volumes(view: StorageView, info: PodInfo) -> set[CsiVolume]:
    """The CSI volumes of a Pod's claims; a claim without a volume counts for one of its class's driver."""
    found: set[CsiVolume] = set()
    for name in volume_claims.claim_names(info.pod):
        claim = view.claim(info.pod.metadata.namespace or "", name)
        if claim is None:
            continue
        volume = view.volumes.get(claim.spec.volumeName) if claim.spec.volumeName else None
        if volume is not None:
            if volume.spec.csi is not None:
                found.add((volume.spec.csi.driver, volume.spec.csi.volumeHandle))
            continue
        class_ = view.storage_class(volume_claims.class_of_claim(claim))
        if class_ is not None:
            found.add((class_.provisioner, f" {claim.metadata.namespace}/{name}"))
    return found


def _limit_rose(info: PodInfo, old: Any, new: Any) -> bool:
    before = limits(old)
    return any(count > before.get(driver, 0) for driver, count in limits(new).items())


def _claims_freed(info: PodInfo, old: Any, new: Any) -> bool:
    return bool(old.spec.nodeName or old.status.nominatedNodeName) and bool(volume_claims.claim_names(old))
