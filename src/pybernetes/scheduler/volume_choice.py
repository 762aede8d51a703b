"""Which nodes can give a Pod its volumes, and which volumes it would get there. Pure: all nodes at once.

Source: pkg/scheduler/framework/plugins/volumebinding/binder.go, FindPodVolumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pybernetes.api.core.v1 import Node, PersistentVolume, PersistentVolumeClaim
from pybernetes.api.storage.v1 import CSIDriver, CSIStorageCapacity, StorageClass
from pybernetes.apimachinery import quantity, volume_claims
from pybernetes.apimachinery.node_selector import Requirement, Term
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.scheduler.columns import Bools, Ints
from pybernetes.scheduler.node_masks import term_mask
from pybernetes.scheduler.snapshot import Snapshot

NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind"
NOT_ENOUGH_SPACE = "node(s) did not have enough free storage"
NO_SUCH_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
REASONS = (NODE_CONFLICT, BIND_CONFLICT, NOT_ENOUGH_SPACE, NO_SUCH_VOLUME)
_UNREACHED, _UNBOUND, _FULL, _GONE = (np.uint64(1 << place) for place in range(len(REASONS)))

Bits = NDArray[np.uint64]
"""Of `REASONS`, by row."""


@dataclass(slots=True)
class PodClaims:
    """The claims of one Pod, by what is still to be done for them."""

    bound: list[PersistentVolumeClaim] = field(default_factory=list)
    delayed: list[PersistentVolumeClaim] = field(default_factory=list)
    """Their volumes are chosen or made once the node is known."""
    immediate: list[PersistentVolumeClaim] = field(default_factory=list)
    """Waited for before any node is looked at."""


@dataclass(slots=True)
class Choice:
    """The verdict by node, and what a node's choice would mean."""

    failures: Bits
    matches: list[tuple[PersistentVolumeClaim, list[PersistentVolume], Ints]]
    """(claim, volumes, by row which of them it would get; -1: none)."""
    to_provision: list[tuple[PersistentVolumeClaim, Bools]]
    """(claim, the nodes on which a volume would be made for it)."""

    def on(self, row: int) -> tuple[list[tuple[PersistentVolumeClaim, PersistentVolume]], list[PersistentVolumeClaim]]:
        """(claims with the volumes they get, claims to provision for) on one node."""
        bindings = [(claim, volumes[by_row[row]]) for claim, volumes, by_row in self.matches if by_row[row] >= 0]
        return bindings, [claim for claim, rows in self.to_provision if rows[row]]


@dataclass(slots=True, frozen=True)
class Storage:
    """Look-ups."""

    volume: Callable[[str], PersistentVolume | None]
    volumes_of_class: Callable[[str], list[PersistentVolume]]
    storage_class: Callable[[str], StorageClass | None]
    driver: Callable[[str], CSIDriver | None]
    capacities: Callable[[], Iterable[CSIStorageCapacity]]


def choose(claims: PodClaims, storage: Storage, snapshot: Snapshot) -> Choice:
    failures = np.zeros(snapshot.rows, np.uint64)
    _check_bound(claims.bound, storage, snapshot, failures)
    matches: list[tuple[PersistentVolumeClaim, list[PersistentVolume], Ints]] = []
    to_provision: list[tuple[PersistentVolumeClaim, Bools]] = []
    seek: list[PersistentVolumeClaim] = []
    elsewhere = np.zeros(snapshot.rows, np.bool_)
    for claim in claims.delayed:
        selected = claim.metadata.annotations.get(volume_claims.SELECTED_NODE)
        if selected is None:
            seek.append(claim)
            continue
        only = np.zeros(snapshot.rows, np.bool_)
        if (row := snapshot.row_of.get(selected)) is not None:
            only[row] = True
        elsewhere |= ~only
        to_provision.append((claim, only))
    failures[elsewhere] |= _UNBOUND
    taken: dict[str, Bools] = {}
    for claim in sorted(seek, key=lambda c: quantity.parse(volume_claims.requested(c))):
        volumes, by_row = _matched(claim, storage, snapshot, taken)
        if volumes:
            matches.append((claim, volumes, by_row))
        unmatched = (by_row < 0) & ~elsewhere
        if unmatched.any():
            to_provision.append((claim, unmatched))
    _check_provisions(to_provision, storage, snapshot, failures)
    return Choice(failures, matches, to_provision)


def _check_bound(
    claims: list[PersistentVolumeClaim],
    storage: Storage,
    snapshot: Snapshot,
    failures: Bits,
) -> None:
    """Marks, for each node, the first claim whose volume is gone or does not reach it."""
    undecided = np.ones(snapshot.rows, np.bool_)
    for claim in claims:
        volume = storage.volume(claim.spec.volumeName or "")
        if volume is None:
            failures[undecided] |= _GONE
            return
        unreached = undecided & ~reach_mask(snapshot, volume)
        failures[unreached] |= _UNREACHED
        undecided &= ~unreached


def _matched(
    claim: PersistentVolumeClaim, storage: Storage, snapshot: Snapshot, taken: dict[str, Bools]
) -> tuple[list[PersistentVolume], Ints]:
    """The first candidate that reaches each node and that no earlier claim of the Pod takes there."""
    by_row = np.full(snapshot.rows, -1, np.int64)
    volumes = volume_claims.candidates(claim, storage.volumes_of_class(volume_claims.class_of_claim(claim)))
    for index, volume in enumerate(volumes):
        meant = volume_claims.is_meant_for(volume, claim)
        if not meant and not volume_claims.allows_access(claim, volume):
            continue
        used = taken.get(volume.metadata.name or "")
        free = reach_mask(snapshot, volume) & (by_row < 0)
        if used is not None:
            free &= ~used
        by_row[free] = index
        taken[volume.metadata.name or ""] = free if used is None else used | free
        if meant or not (by_row < 0).any():
            break
    return volumes, by_row


def _check_provisions(
    to_provision: list[tuple[PersistentVolumeClaim, Bools]],
    storage: Storage,
    snapshot: Snapshot,
    failures: Bits,
) -> None:
    undecided = (failures & _UNBOUND) == 0
    for claim, rows in to_provision:
        rows = rows & undecided
        if not rows.any():
            continue
        name = volume_claims.class_of_claim(claim)
        class_ = storage.storage_class(name) if name else None
        if class_ is None or class_.provisioner in ("", volume_claims.NO_PROVISIONER):
            failures[rows] |= _UNBOUND
            undecided &= ~rows
            continue
        refused = rows & ~_topology_mask(class_, snapshot)
        failures[refused] |= _UNBOUND
        full = rows & ~refused & ~_roomy(claim, class_, storage, snapshot)
        failures[full] |= _FULL
        undecided &= ~refused & ~full


def reach_mask(snapshot: Snapshot, volume: PersistentVolume) -> Bools:
    """The nodes that reach a volume."""
    terms = volume_claims.node_terms(volume)
    return np.ones(snapshot.rows, np.bool_) if terms is None else _any_term(snapshot, terms)


def _any_term(snapshot: Snapshot, terms: Iterable[Term]) -> Bools:
    mask = np.zeros(snapshot.rows, np.bool_)
    for term in terms:
        mask |= term_mask(snapshot, term)
    return mask


def _topology_mask(class_: StorageClass, snapshot: Snapshot) -> Bools:
    """The nodes within the class's allowedTopologies; no such terms allow all, an empty term none."""
    if not class_.allowedTopologies:
        return np.ones(snapshot.rows, np.bool_)
    terms = [
        Term(tuple(Requirement(r.key, "In", tuple(r.values)) for r in term.matchLabelExpressions), ())
        for term in class_.allowedTopologies
        if term.matchLabelExpressions
    ]
    return _any_term(snapshot, terms)


def _roomy(claim: PersistentVolumeClaim, class_: StorageClass, storage: Storage, snapshot: Snapshot) -> Bools:
    """The nodes where the driver says it has the space; all, when it keeps no account."""
    driver = storage.driver(class_.provisioner)
    everywhere = np.ones(snapshot.rows, np.bool_)
    if "storage" not in claim.spec.resources.requests or driver is None or not driver.spec.storageCapacity:
        return everywhere
    size = quantity.value(volume_claims.requested(claim))
    mask = np.zeros(snapshot.rows, np.bool_)
    for account in storage.capacities():
        limit = account.maximumVolumeSize or account.capacity
        if account.storageClassName != class_.metadata.name or limit is None or quantity.value(limit) < size:
            continue
        if account.nodeTopology is not None:
            selector = LabelSelector.of(account.nodeTopology)
            mask |= np.fromiter((_selected(selector, node) for node in snapshot.nodes), np.bool_, snapshot.rows)
    return mask


def _selected(selector: LabelSelector, node: Node | None) -> bool:
    return node is not None and selector.matches(node.metadata.labels)
