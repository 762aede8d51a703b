"""Masks over all nodes that several plugins need: required node affinity, untolerated taints. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pybernetes.api.core.v1 import Toleration
from pybernetes.apimachinery.node_selector import RequiredAffinity, Requirement, Term
from pybernetes.apimachinery.tolerations import any_tolerates
from pybernetes.scheduler.columns import Bools
from pybernetes.scheduler.snapshot import Snapshot

_KEPT_MASKS = 128


def affinity_mask(snapshot: Snapshot, required: RequiredAffinity) -> Bools:
    """The nodes that satisfy a nodeSelector and required node affinity.

    The answer is kept until a node's name or labels change, so a thousand replicas ask once. Read-only.
    """
    kept = snapshot.label_masks.get(required)
    if kept is not None and kept[0] == snapshot.labels_generation:
        return kept[1]
    mask = np.ones(snapshot.rows, np.bool_)
    for key, value in required.selector:
        column = snapshot.label(key)
        mask &= column.among((value,), snapshot.rows) if column is not None else False
    if required.terms is not None:
        any_term = np.zeros(snapshot.rows, np.bool_)
        for term in required.terms:
            any_term |= term_mask(snapshot, term)
        mask &= any_term
    mask.flags.writeable = False
    snapshot.label_masks[required] = snapshot.labels_generation, mask
    if len(snapshot.label_masks) > _KEPT_MASKS:
        del snapshot.label_masks[next(iter(snapshot.label_masks))]
    return mask


def term_mask(snapshot: Snapshot, term: Term) -> Bools:
    """The nodes that one node selector term matches."""
    mask = np.full(snapshot.rows, term.valid, np.bool_)
    for requirement in term.labels:
        mask &= _label_mask(snapshot, requirement)
    for requirement in term.fields:
        mask &= _field_mask(snapshot, requirement)
    return mask


def untolerated_mask(snapshot: Snapshot, tolerations: Sequence[Toleration], effects: tuple[str, ...]) -> Bools | None:
    """The nodes with a taint of these effects that the Pod does not tolerate; None when there are none."""
    mask: Bools | None = None
    for (key, value, effect), nodes in snapshot.taints.items():
        if effect in effects and not any_tolerates(tolerations, key, value, effect):
            column = nodes[: snapshot.rows]
            mask = column.copy() if mask is None else np.logical_or(mask, column, out=mask)
    return mask


def _label_mask(snapshot: Snapshot, requirement: Requirement) -> Bools:
    rows = snapshot.rows
    column = snapshot.label(requirement.key)
    if column is None:
        return np.full(rows, requirement.matches(None), np.bool_)
    match requirement.operator:
        case "In":
            return column.among(requirement.values, rows)
        case "NotIn":
            return ~column.among(requirement.values, rows)
        case "Exists":
            return np.not_equal(column.codes[:rows], 0)
        case "DoesNotExist":
            return np.equal(column.codes[:rows], 0)
    return column.where(requirement.matches, rows)


def _field_mask(snapshot: Snapshot, requirement: Requirement) -> Bools:
    wanted = requirement.operator == "In"
    mask = np.full(snapshot.rows, not wanted, np.bool_)
    if requirement.key != "metadata.name":
        mask[:] = (requirement.values[0] == "") == wanted
    elif (row := snapshot.row_of.get(requirement.values[0])) is not None:
        mask[row] = wanted
    return mask
