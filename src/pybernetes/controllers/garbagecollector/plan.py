"""What to do with an object whose owners were looked at. Pure.

Source: pkg/controller/garbagecollector/garbagecollector.go (attemptToDeleteItem).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.controllers.garbagecollector.graph import FOREGROUND, ORPHAN, Node

State = Literal["solid", "dangling", "waiting"]


@dataclass(frozen=True, slots=True)
class Keep:
    """It has an owner; `drop` are the uids of references to take off."""

    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    propagation: str
    unblock_first: bool = False
    """Its references must stop blocking, or two objects would wait for each other."""


def decide(
    meta: ObjectMeta, states: Sequence[tuple[OwnerReference, State]], dependents: Sequence[Node]
) -> Keep | Delete:
    """`states`: what the live look at each owner said. waiting: the owner is in foreground deletion."""
    gone = tuple(ref.uid for ref, state in states if state != "solid")
    if len(gone) < len(states):
        return Keep(drop=gone)
    if any(state == "waiting" for _, state in states) and dependents:
        return Delete("Foreground", unblock_first=any(d.deleting_dependents for d in dependents))
    if ORPHAN in meta.finalizers:
        return Delete("Orphan")
    return Delete("Foreground" if FOREGROUND in meta.finalizers else "Background")
