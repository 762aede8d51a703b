"""The owner graph: what every change asks to be looked at; and what is decided after the look."""

from __future__ import annotations

from typing import Any

from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.controllers.garbagecollector import plan
from pybernetes.controllers.garbagecollector.graph import FOREGROUND, ORPHAN, Graph, Identity, Node


def identity(kind: str, name: str, namespace: str = "default") -> Identity:
    return Identity("v1", kind, namespace, name, f"u-{name}")


def meta(*owners: str, kind: str = "Owner", **extra: Any) -> ObjectMeta:
    refs = [_ref(o, kind) for o in owners]
    return ObjectMeta(ownerReferences=refs, **extra)


def _ref(name: str, kind: str, block: bool = True) -> OwnerReference:
    return OwnerReference(apiVersion="v1", kind=kind, name=name, uid=f"u-{name}", blockOwnerDeletion=block)


def test_an_owner_nobody_has_seen_is_looked_for() -> None:
    graph = Graph()
    work = graph.put(identity("Child", "c"), meta("o"))
    assert work.delete == ["u-o"]
    assert graph.nodes["u-o"].virtual
    assert graph.put(identity("Owner", "o"), meta()).delete == []
    assert not graph.nodes["u-o"].virtual
    assert graph.nodes["u-o"].dependents == {"u-c"}


def test_a_gone_owner_has_its_dependents_looked_at() -> None:
    graph = Graph()
    graph.put(identity("Owner", "o"), meta())
    graph.put(identity("Child", "c"), meta("o"))
    assert graph.remove("u-o").delete == ["u-c"]
    assert graph.is_absent(_ref("o", "Owner"), "default")
    graph.remove("u-c")
    assert graph.nodes == {}, "nothing is left behind"


def test_a_reference_that_does_not_fit_is_looked_at() -> None:
    graph = Graph()
    graph.put(identity("Owner", "o", namespace="elsewhere"), meta())
    assert graph.put(identity("Child", "c"), meta("o")).delete == ["u-c"]
    assert graph.put(identity("Child", "d"), meta("late")).delete == ["u-late"]
    assert graph.put(identity("Other", "late"), meta()).delete == ["u-d"]


def test_an_owner_in_another_namespace_is_told_of_whichever_is_seen_first() -> None:
    graph = Graph()
    graph.put(identity("Owner", "o", namespace="elsewhere"), meta())
    assert graph.put(identity("Child", "c"), meta("o")).misplaced == [("u-c", "u-o")]
    graph.put(identity("Child", "d"), meta("late"))
    work = graph.put(identity("Owner", "late", namespace="elsewhere"), meta())
    assert (work.delete, work.misplaced) == (["u-d"], [("u-d", "u-late")])
    graph.put(identity("Other", "wrong"), meta())
    assert graph.put(identity("Child", "e"), meta("wrong")).misplaced == [], "another kind, but here"


def test_what_a_dependent_without_namespace_says_of_its_owner_is_doubted_by_others() -> None:
    graph = Graph()
    assert graph.put(identity("Volume", "v", namespace=""), meta("o")).delete == ["u-o"]
    assert graph.put(identity("Child", "c"), meta("o")).delete == ["u-c"]


def test_what_nobody_watches_any_more_is_not_gone() -> None:
    graph = Graph()
    graph.put(identity("Owner", "o"), meta())
    graph.put(identity("Child", "c"), meta("o"))
    assert graph.lose_sight(("v1", "Owner")).delete == ["u-o"], "it is looked at, not what it owns"
    assert graph.nodes["u-o"].virtual
    assert not graph.is_absent(_ref("o", "Owner"), "default")
    assert graph.put(identity("Owner", "o"), meta()).delete == []
    assert not graph.nodes["u-o"].virtual
    assert graph.nodes["u-o"].dependents == {"u-c"}


def test_foreground_deletion_waits_for_blocking_dependents() -> None:
    graph = Graph()
    graph.put(identity("Owner", "o"), meta())
    graph.put(identity("Child", "c"), meta("o"))
    deleted = meta(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[FOREGROUND])
    assert graph.put(identity("Owner", "o"), deleted).delete == ["u-c", "u-o"]
    assert [n.identity.name for n in graph.blocking_dependents("u-o")] == ["c"]
    unblocked = ObjectMeta(ownerReferences=[_ref("o", "Owner", block=False)])
    assert graph.put(identity("Child", "c"), unblocked).delete == ["u-o"]
    assert graph.blocking_dependents("u-o") == []
    assert graph.remove("u-c").delete == ["u-o"]


def test_orphaning_is_asked_once() -> None:
    graph = Graph()
    deleted = meta(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[ORPHAN])
    assert graph.put(identity("Owner", "o"), deleted).orphan == ["u-o"]
    assert graph.put(identity("Owner", "o"), deleted).orphan == []


def test_decisions() -> None:
    first, second = _ref("a", "Owner"), _ref("b", "Owner")
    nothing = ObjectMeta()
    assert plan.decide(nothing, [(first, "solid")], []) == plan.Keep()
    assert plan.decide(nothing, [(first, "solid"), (second, "dangling")], []) == plan.Keep(drop=("u-b",))
    assert plan.decide(nothing, [(first, "dangling")], []) == plan.Delete("Background")
    dependent = Node(identity("Child", "c"))
    assert plan.decide(nothing, [(first, "waiting")], [dependent]) == plan.Delete("Foreground")
    dependent.deleting_dependents = True
    assert plan.decide(nothing, [(first, "waiting")], [dependent]) == plan.Delete("Foreground", unblock_first=True)
    assert plan.decide(nothing, [(first, "waiting")], []) == plan.Delete("Background")
    assert plan.decide(ObjectMeta(finalizers=[ORPHAN]), [(first, "dangling")], []) == plan.Delete("Orphan")
