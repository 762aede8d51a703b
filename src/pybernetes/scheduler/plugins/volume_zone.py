"""VolumeZone: volumes that are labelled with zones and regions keep their Pods there.

A node without any such label is in no zone, and takes every volume. Source: plugins/volumezone/volume_zone.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pybernetes.api.core.v1 import PersistentVolume
from pybernetes.apimachinery import volume_claims
from pybernetes.scheduler.columns import Bools
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, PreFilterResult, Verdict
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.plugins.volume_binding import own_claim
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status, unresolvable

REASON = "node(s) had no available volume zone"
_PRESENT_NAMES = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
"""Labels of old, and what they are called now."""
_LABELS = (*_PRESENT_NAMES, *_PRESENT_NAMES.values())
_STATE = "VolumeZone"
_BETWEEN_ZONES = "__"


class VolumeZone:
    name = _STATE

    def __init__(self, handle: Handle) -> None:
        self._view = handle.storage

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        if self._view is None:
            return PreFilterResult(SKIP)
        claims = self._view.named_by(info)
        if isinstance(claims, Status):
            return PreFilterResult(claims)
        wanted: list[tuple[str, frozenset[str]]] = []
        for claim in claims:
            if claim.spec.volumeName:
                volume = self._view.volumes.get(claim.spec.volumeName)
                if volume is None:
                    text = f'persistentvolume "{claim.spec.volumeName}" not found'
                    return PreFilterResult(unresolvable(text))
                wanted += zones(volume)
                continue
            name = volume_claims.class_of_claim(claim)
            if not name:
                text = "PersistentVolumeClaim had no pv name and storageClass name"
                return PreFilterResult(unresolvable(text))
            class_ = self._view.storage_class(name)
            if class_ is None:
                return PreFilterResult(unresolvable(f'storageclass.storage.k8s.io "{name}" not found'))
            if not volume_claims.waits_for_consumer(class_):
                return PreFilterResult(unresolvable("PersistentVolume had no name"))
        if not wanted:
            return PreFilterResult(SKIP)
        state.write(_STATE, wanted)
        return PreFilterResult(SUCCESS)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        wanted: list[tuple[str, frozenset[str]]] = state.read(_STATE, list)
        in_a_zone = np.zeros(snapshot.rows, np.bool_)
        for label in _LABELS:
            in_a_zone |= _has(snapshot, label)
        failed = np.zeros(snapshot.rows, np.bool_)
        for label, values in wanted:
            fits = _among(snapshot, label, values)
            now = _PRESENT_NAMES.get(label)
            if now is not None:
                fits |= ~_has(snapshot, label) & _among(snapshot, now, values)
            failed |= ~fits
        return Verdict.of(failed & in_a_zone, REASON, unresolvable=True)

    def events_to_register(self) -> Sequence[Registration]:
        changed = Action.ADD | Action.UPDATE
        return [
            Registration(ClusterEvent(EventResource.STORAGE_CLASS, Action.ADD), _waits),
            Registration(ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL)),
            Registration(ClusterEvent(EventResource.PERSISTENT_VOLUME_CLAIM, changed), own_claim),
            Registration(ClusterEvent(EventResource.PERSISTENT_VOLUME, changed), _moved),
        ]


def zones(volume: PersistentVolume) -> list[tuple[str, frozenset[str]]]:
    """(label, the values that will do)."""
    labels = volume.metadata.labels
    return [
        (label, values)
        for label in _LABELS
        if label in labels and "" not in (values := frozenset(labels[label].split(_BETWEEN_ZONES)))
    ]


def _has(snapshot: Snapshot, label: str) -> Bools:
    column = snapshot.label(label)
    return np.zeros(snapshot.rows, np.bool_) if column is None else np.not_equal(column.codes[: snapshot.rows], 0)


def _among(snapshot: Snapshot, label: str, values: frozenset[str]) -> Bools:
    column = snapshot.label(label)
    return np.zeros(snapshot.rows, np.bool_) if column is None else column.among(tuple(values), snapshot.rows)


def _waits(info: PodInfo, old: Any, new: Any) -> bool:
    return volume_claims.waits_for_consumer(new)


def _moved(info: PodInfo, old: Any, new: Any) -> bool:
    return old is None or zones(old) != zones(new)
