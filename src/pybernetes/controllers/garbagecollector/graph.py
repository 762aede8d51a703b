"""The graph of owners and dependents, and what every change in it asks to be looked at. Pure.

Source: pkg/controller/garbagecollector/graph_builder.go. A node that only references know of is
virtual until it is observed. Nothing is decided here: the controller looks at the live objects.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_ABSENT_MOST = 500


@dataclass(frozen=True, slots=True)
class Identity:
    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class Node:
    identity: Identity
    owners: list[OwnerReference] = field(default_factory=list)
    dependents: set[str] = field(default_factory=set)
    """uids"""
    virtual: bool = False
    being_deleted: bool = False
    deleting_dependents: bool = False
    """Foreground deletion: it waits for its dependents."""
    orphaning: bool = False


@dataclass(slots=True)
class Work:
    """uids to look at because of a change."""

    delete: list[str] = field(default_factory=list)
    """Perhaps to be deleted, or to be let go."""
    orphan: list[str] = field(default_factory=list)
    """Their dependents are to be orphaned."""
    misplaced: list[tuple[str, str]] = field(default_factory=list)
    """Dependents and owners that are known to be in another namespace."""


class Graph:
    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._absent: OrderedDict[Identity, None] = OrderedDict()

    def put(self, identity: Identity, meta: ObjectMeta) -> Work:
        """An object was seen, created or changed."""
        work = Work()
        node = self.nodes.get(identity.uid)
        if node is None:
            node = self.nodes[identity.uid] = Node(identity)
        elif node.virtual:
            node.virtual = False
            if node.identity != identity:
                node.identity = identity
                wrong = [uid for uid in sorted(node.dependents) if not self._refers(uid, identity)]
                work.delete += wrong
                work.misplaced += [(uid, identity.uid) for uid in wrong if self._is_elsewhere(uid, identity)]
        self._set_owners(node, meta.ownerReferences, work)
        self._follow_deletion(node, meta, work)
        return work

    def remove(self, uid: str) -> Work:
        """An object is gone: its dependents and waiting owners have to be looked at."""
        work = Work()
        node = self.nodes.get(uid)
        if node is None:
            return work
        for owner in node.owners:
            self._unlink(uid, owner.uid)
            waiting = self.nodes.get(owner.uid)
            if waiting is not None and waiting.deleting_dependents:
                work.delete.append(owner.uid)
        if node.dependents:
            self.mark_absent(node.identity)
            work.delete += sorted(node.dependents)
            self.nodes[uid] = Node(node.identity, dependents=node.dependents, virtual=True)
        else:
            del self.nodes[uid]
        return work

    def lose_sight(self, kind: tuple[str, str]) -> Work:
        """Nobody watches this (apiVersion, kind) any more: what was seen of it is as good as what references tell.

        That is no proof that anything is gone: each is looked at, as soon as that can be done again.
        """
        found = [n for n in self.nodes.values() if not n.virtual and (n.identity.api_version, n.identity.kind) == kind]
        for node in found:
            node.virtual = True
        return Work(delete=[node.identity.uid for node in found])

    def blocking_dependents(self, uid: str) -> list[Node]:
        """Those that keep an owner in foreground deletion from going."""
        node = self.nodes[uid]
        found = (self.nodes[d] for d in sorted(node.dependents) if d in self.nodes)
        return [d for d in found if any(ref.uid == uid and ref.blockOwnerDeletion for ref in d.owners)]

    def dependents(self, uid: str) -> list[Node]:
        node = self.nodes.get(uid)
        return [self.nodes[d] for d in sorted(node.dependents) if d in self.nodes] if node else []

    def mark_absent(self, identity: Identity) -> None:
        """Remembers that a live look found no such owner."""
        self._absent[identity] = None
        self._absent.move_to_end(identity)
        if len(self._absent) > _ABSENT_MOST:
            self._absent.popitem(last=False)

    def is_absent(self, ref: OwnerReference, namespace: str) -> bool:
        return any(
            Identity(ref.apiVersion, ref.kind, space, ref.name, ref.uid) in self._absent for space in (namespace, "")
        )

    def _set_owners(self, node: Node, owners: list[OwnerReference], work: Work) -> None:
        before = {ref.uid: ref for ref in node.owners}
        after = {ref.uid: ref for ref in owners}
        node.owners = list(owners)
        uid = node.identity.uid
        for owner_uid, old in before.items():
            new = after.get(owner_uid)
            if old.blockOwnerDeletion and (new is None or not new.blockOwnerDeletion) and owner_uid in self.nodes:
                work.delete.append(owner_uid)
            if new is None:
                self._unlink(uid, owner_uid)
        doubtful = False
        for owner_uid, ref in after.items():
            if owner_uid not in before:
                doubtful |= self._link(node, ref, work)
        if doubtful:
            work.delete.append(uid)

    def _link(self, node: Node, ref: OwnerReference, work: Work) -> bool:
        """Adds the edge; True when the reference does not fit the owner that is known under its uid."""
        identity = node.identity
        owner = self.nodes.get(ref.uid)
        if owner is None:
            guess = Identity(ref.apiVersion, ref.kind, identity.namespace, ref.name, ref.uid)
            self.nodes[ref.uid] = Node(guess, dependents={identity.uid}, virtual=True)
            work.delete.append(ref.uid)
            return False
        owner.dependents.add(identity.uid)
        if owner.virtual and not owner.identity.namespace and identity.namespace:
            return True  # where the owner is has only been guessed, from a dependent without a namespace
        if not owner.virtual and self._is_elsewhere(identity.uid, owner.identity):
            work.misplaced.append((identity.uid, ref.uid))
        return not _matches(ref, owner.identity, identity.namespace)

    def _unlink(self, uid: str, owner_uid: str) -> None:
        owner = self.nodes.get(owner_uid)
        if owner is None:
            return
        owner.dependents.discard(uid)
        if owner.virtual and not owner.dependents:
            del self.nodes[owner_uid]

    def _is_elsewhere(self, uid: str, owner: Identity) -> bool:
        dependent = self.nodes.get(uid)
        return dependent is not None and owner.namespace not in ("", dependent.identity.namespace)

    def _refers(self, uid: str, owner: Identity) -> bool:
        dependent = self.nodes.get(uid)
        if dependent is None:
            return True
        refs = [ref for ref in dependent.owners if ref.uid == owner.uid]
        return any(_matches(ref, owner, dependent.identity.namespace) for ref in refs)

    def _follow_deletion(self, node: Node, meta: ObjectMeta, work: Work) -> None:
        node.being_deleted = meta.deletionTimestamp is not None
        if not node.being_deleted:
            return
        uid = node.identity.uid
        if ORPHAN in meta.finalizers:
            if not node.orphaning:
                node.orphaning = True
                work.orphan.append(uid)
        elif FOREGROUND in meta.finalizers and not node.deleting_dependents:
            node.deleting_dependents = True
            work.delete += [*sorted(node.dependents), uid]


def _matches(ref: OwnerReference, owner: Identity, namespace: str) -> bool:
    """The reference, from an object in `namespace`, names this owner."""
    same = (ref.apiVersion, ref.kind, ref.name) == (owner.api_version, owner.kind, owner.name)
    return same and owner.namespace in ("", namespace)
