"""What became of objects, change by change in the order of the store, and the state that each change left.

Pure. A history is read from a store's own changes or merged from watches of several kinds: revisions order both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]
Key = tuple[str, str, str]
"""(kind, namespace, name)."""


@dataclass(frozen=True, slots=True)
class Change:
    revision: int
    kind: str
    tree: Tree
    """As the write left it; of a deletion, the last version."""
    deleted: bool = False
    user: str = ""
    """Who wrote it; "": not known."""

    @property
    def key(self) -> Key:
        return self.kind, namespace_of(self.tree), name_of(self.tree)


@dataclass(slots=True)
class State:
    """All objects that there are, and those that a controller owns."""

    objects: dict[Key, Tree] = field(default_factory=dict)
    by_uid: dict[str, Tree] = field(default_factory=dict)
    _owned: defaultdict[str, dict[Key, Tree]] = field(default_factory=lambda: defaultdict(dict))

    def apply(self, change: Change) -> None:
        old = self.objects.pop(change.key, None)
        if old is not None:
            self.by_uid.pop(uid_of(old), None)
            self._owned[controller_of(old)].pop(change.key, None)
        if not change.deleted:
            self.objects[change.key] = change.tree
            self.by_uid[uid_of(change.tree)] = change.tree
            self._owned[controller_of(change.tree)][change.key] = change.tree

    @classmethod
    def after(cls, changes: Iterable[Change]) -> State:
        state = cls()
        for change in changes:
            state.apply(change)
        return state

    def owned(self, owner: Tree, kind: str) -> list[Tree]:
        """What it controls, of one kind."""
        return [tree for key, tree in self._owned[uid_of(owner)].items() if key[0] == kind]

    def owner(self, tree: Tree, kind: str) -> Tree | None:
        """Its controller, where that is there and of this kind."""
        found = self.by_uid.get(controller_of(tree))
        return found if found is not None and found["kind"] == kind else None

    def deployment_of(self, pod: Tree) -> Tree | None:
        replica_set = self.owner(pod, "ReplicaSet")
        return self.owner(replica_set, "Deployment") if replica_set is not None else None

    def pods_of(self, deployment: Tree) -> list[Tree]:
        return [pod for rs in self.owned(deployment, "ReplicaSet") for pod in self.owned(rs, "Pod")]

    def of_kind(self, kind: str) -> Iterator[Tree]:
        return (tree for key, tree in self.objects.items() if key[0] == kind)


def name_of(tree: Tree) -> str:
    return str(tree["metadata"].get("name", ""))


def namespace_of(tree: Tree) -> str:
    return str(tree["metadata"].get("namespace", ""))


def uid_of(tree: Tree) -> str:
    return str(tree["metadata"].get("uid", ""))


def controller_of(tree: Tree) -> str:
    """The uid of its controller; "" when it has none."""
    refs = tree["metadata"].get("ownerReferences") or ()
    return str(next((ref["uid"] for ref in refs if ref.get("controller")), ""))


def is_deleting(tree: Tree) -> bool:
    return bool(tree["metadata"].get("deletionTimestamp"))


def phase_of(pod: Tree) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def is_active(pod: Tree) -> bool:
    return not is_deleting(pod) and phase_of(pod) not in ("Succeeded", "Failed")


def condition(tree: Tree, kind: str) -> Tree:
    """Empty where there is none."""
    found = (each for each in tree.get("status", {}).get("conditions") or () if each["type"] == kind)
    return next(found, {})


def is_available(pod: Tree) -> bool:
    """Ready and not about to go; there is no minReadySeconds here."""
    return is_active(pod) and condition(pod, "Ready").get("status") == "True"


def disruption_reason(pod: Tree) -> str:
    """Why somebody other than its owner takes it away; "" when nobody does."""
    return str(condition(pod, "DisruptionTarget").get("reason", ""))
