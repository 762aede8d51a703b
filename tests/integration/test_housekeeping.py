"""Garbage, namespaces, accounts, the CA, aggregated roles, orphaned Pods: real apiserver, virtual time."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from pybernetes.api.apiextensions.v1 import CustomResourceDefinition
from pybernetes.api.apiregistration.v1 import APIService
from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.api.core.v1 import ConfigMap, Namespace, Node, Pod, Secret, ServiceAccount
from pybernetes.api.rbac.v1 import ClusterRole
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import Resource
from pybernetes.client.client import Client
from pybernetes.client.discovery import preferred_resources
from pybernetes.client.metadata import PartialObject
from pybernetes.controllers.garbagecollector.controller import GarbageCollectorController
from tests.integration.cluster_world import NODE, World, definition, deployment, in_world


async def no_pods(w: World, namespace: str = "default") -> bool:
    return not await w.items(Pod, namespace)


async def with_pods(w: World) -> None:
    await w.create(Deployment, deployment())
    await w.settle()
    assert len(await w.items(Pod)) == 3


def test_background_deletion_takes_the_dependents() -> None:
    async def body(w: World) -> None:
        await with_pods(w)
        await w.client.delete(Deployment, "web", "default")
        assert await w.gone(Deployment, "web")
        await w.until(lambda: no_pods(w))
        assert await w.items(ReplicaSet) == []

    in_world(body)


def test_foreground_deletion_keeps_the_owner_until_the_last_dependent() -> None:
    async def body(w: World) -> None:
        await with_pods(w)
        await w.client.delete(Deployment, "web", "default", propagation="Foreground")

        async def gone_in_order() -> bool:
            pods, sets = await w.items(Pod), await w.items(ReplicaSet)
            if pods:
                assert sets, "Pods block their ReplicaSet"
            if sets:
                assert not await w.gone(Deployment, "web"), "which blocks its Deployment"
            return await w.gone(Deployment, "web")

        await w.until(gone_in_order)
        assert await w.items(Pod) == []

    in_world(body)


def test_orphaning_leaves_the_dependents() -> None:
    async def body(w: World) -> None:
        await with_pods(w)
        await w.client.delete(Deployment, "web", "default", propagation="Orphan")
        await w.until(lambda: w.gone(Deployment, "web"))
        await w.settle()
        (left,) = await w.items(ReplicaSet)
        assert left.metadata.ownerReferences == []
        assert len(await w.items(Pod)) == 3

    in_world(body)


def test_an_object_whose_owner_never_was_is_collected() -> None:
    async def body(w: World) -> None:
        ref = {"apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "11111111-1111-4111-8111-111111111111"}
        await w.create(ConfigMap, {"metadata": {"name": "child", "ownerReferences": [ref]}})
        await w.until(lambda: w.gone(ConfigMap, "child"))

    in_world(body)


def test_a_dangling_reference_is_taken_off_when_another_owner_lives() -> None:
    async def body(w: World) -> None:
        owners = [await w.create(ConfigMap, {"metadata": {"name": name}}) for name in ("a", "b")]
        refs = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": o.metadata.name, "uid": o.metadata.uid} for o in owners
        ]
        await w.create(ConfigMap, {"metadata": {"name": "child", "ownerReferences": refs}})
        await w.settle()
        await w.client.delete(ConfigMap, "a", "default")
        await w.settle()
        child = await w.client.get(ConfigMap, "child", "default")
        assert [r.name for r in child.metadata.ownerReferences] == ["b"]
        await w.client.delete(ConfigMap, "b", "default")
        await w.until(lambda: w.gone(ConfigMap, "child"))

    in_world(body)


def test_old_news_of_a_dependent_deletes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    old: dict[str, PartialObject] = {}
    monkeypatch.setattr(GarbageCollectorController, "_known", lambda self, identity, resource: old.get(identity.uid))

    async def body(w: World) -> None:
        owners = [await w.create(ConfigMap, {"metadata": {"name": name}}) for name in ("a", "b")]
        refs = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": o.metadata.name, "uid": o.metadata.uid} for o in owners
        ]
        child = await w.create(ConfigMap, {"metadata": {"name": "child", "ownerReferences": refs[:1]}})
        old[child.metadata.uid or ""] = PartialObject(metadata=child.metadata)
        await w.client.patch(ConfigMap, "child", "default", {"metadata": {"ownerReferences": refs}})
        await w.settle()
        await w.client.delete(ConfigMap, "a", "default")
        await w.settle()
        found = await w.client.get(ConfigMap, "child", "default")
        assert [r.name for r in found.metadata.ownerReferences] == ["b"]

    in_world(body)


def test_what_is_not_served_for_a_while_keeps_its_dependents(monkeypatch: pytest.MonkeyPatch) -> None:
    away: set[str] = set()

    async def served(client: Client) -> list[Resource]:
        return [resource for resource in await preferred_resources(client) if resource.plural not in away]

    monkeypatch.setattr("pybernetes.controllers.garbagecollector.controller.preferred_resources", served)

    async def body(w: World) -> None:
        owner = await w.create(ConfigMap, {"metadata": {"name": "owner"}})
        ref = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
        await w.create(Secret, {"metadata": {"name": "child", "ownerReferences": [ref]}})
        away.add("configmaps")
        await w.client.create(definition("first"))
        await w.settle()
        await w.create(Secret, {"metadata": {"name": "later", "ownerReferences": [ref]}})
        await w.settle()
        assert not await w.gone(Secret, "child")
        assert not await w.gone(Secret, "later")
        await w.client.delete(ConfigMap, "owner", "default")
        away.clear()
        await w.client.create(definition("second"))
        await w.until(lambda: w.gone(Secret, "child"))
        await w.until(lambda: w.gone(Secret, "later"))

    in_world(body)


def test_dependents_of_custom_resources_go_with_the_definition() -> None:
    async def body(w: World) -> None:
        await w.client.create(definition("thing"))
        things = Resource("example.com", "v1", "things", "Thing", True, ())

        async def made() -> bool:
            try:
                tree = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}}
                await w.client.dynamic.create(things, tree, "default")
            except errors.NotFound:
                return False
            return True

        await w.until(made)
        owner = await w.client.dynamic.get(things, "t", "default")
        ref = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": owner["metadata"]["uid"]}
        await w.create(ConfigMap, {"metadata": {"name": "child", "ownerReferences": [ref]}})
        await w.settle()
        await w.client.delete(CustomResourceDefinition, "things.example.com")
        await w.until(lambda: w.gone(ConfigMap, "child"))

    in_world(body)


def test_a_namespace_goes_with_all_it_holds() -> None:
    async def body(w: World) -> None:
        await w.client.create(Namespace(metadata=_named("gone")))
        tree = deployment()
        tree["metadata"]["namespace"] = "gone"
        await w.create(Deployment, tree)
        await w.create(ConfigMap, {"metadata": {"name": "c", "namespace": "gone"}})
        await w.settle()
        assert len(await w.items(Pod, "gone")) == 3
        await w.client.delete(Namespace, "gone")
        assert await w.until(lambda: w.gone(Namespace, "gone", "")) < 15
        for cls in (Pod, ReplicaSet, Deployment, ConfigMap, ServiceAccount):
            assert await w.items(cls, "gone") == []

    in_world(body)


def test_a_namespace_held_by_a_finalizer_says_so() -> None:
    async def body(w: World) -> None:
        await w.client.create(Namespace(metadata=_named("held")))
        meta = {"name": "c", "namespace": "held", "finalizers": ["example.com/hold"]}
        await w.create(ConfigMap, {"metadata": meta})
        await w.client.delete(Namespace, "held")
        await w.settle(30)
        found = await w.client.get(Namespace, "held")
        told = {c.type: c.message for c in found.status.conditions if c.status == "True"}
        assert told == {
            "NamespaceContentRemaining": "Some resources are remaining: configmaps. has 1 resource instances",
            "NamespaceFinalizersRemaining": (
                "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
            ),
        }
        await w.client.patch(ConfigMap, "c", "held", {"metadata": {"finalizers": None}})
        await w.until(lambda: w.gone(Namespace, "held", ""))

    in_world(body)


def test_a_namespace_waits_for_groups_whose_server_is_away() -> None:
    async def body(w: World) -> None:
        spec = {
            "group": "away.example.com",
            "version": "v1",
            "service": {"namespace": "default", "name": "nobody"},
            "groupPriorityMinimum": 1000,
            "versionPriority": 10,
            "insecureSkipTLSVerify": True,
        }
        await w.client.create(msgspec.convert({"metadata": {"name": "v1.away.example.com"}, "spec": spec}, APIService))
        await w.client.create(Namespace(metadata=_named("waiting")))
        await w.create(ConfigMap, {"metadata": {"name": "c", "namespace": "waiting"}})
        await w.settle()
        await w.client.delete(Namespace, "waiting")
        await w.settle(30)
        assert await w.items(ConfigMap, "waiting") == [], "all else goes"
        found = await w.client.get(Namespace, "waiting")
        told = {c.type: c.message for c in found.status.conditions if c.status == "True"}
        assert told == {
            "NamespaceDeletionDiscoveryFailure": (
                "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
                "away.example.com/v1: stale GroupVersion discovery: away.example.com/v1"
            )
        }
        await w.client.delete(APIService, "v1.away.example.com")
        await w.until(lambda: w.gone(Namespace, "waiting", ""))

    in_world(body)


def test_every_namespace_has_its_account_and_the_ca() -> None:
    async def body(w: World) -> None:
        await w.client.create(Namespace(metadata=_named("new")))
        await w.settle()
        ca = await w.client.get(ConfigMap, "kube-root-ca.crt", "new")
        assert ca.data == {"ca.crt": "the CA"}
        await w.client.delete(ServiceAccount, "default", "new")
        await w.client.patch(ConfigMap, "kube-root-ca.crt", "new", {"data": {"ca.crt": "forged"}})
        await w.settle()
        assert not await w.gone(ServiceAccount, "default", "new")
        ca = await w.client.get(ConfigMap, "kube-root-ca.crt", "new")
        assert ca.data == {"ca.crt": "the CA"}

    in_world(body)


def test_aggregated_roles_follow_the_roles_they_select() -> None:
    async def body(w: World) -> None:
        rule = {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}
        meta = {"name": "things", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}
        await w.client.dynamic.create(_cluster_roles(), {"metadata": meta, "rules": [rule]})

        async def there() -> bool:
            view = await w.client.get(ClusterRole, "view")
            return any("example.com" in r.apiGroups for r in view.rules)

        await w.until(there)
        assert len((await w.client.get(ClusterRole, "admin")).rules) > 10, "admin selects edit, edit selects view"
        await w.client.delete(ClusterRole, "things")

        async def taken_back() -> bool:
            return not await there()

        await w.until(taken_back)

    in_world(body)


def test_pods_of_a_node_that_is_gone_are_deleted_after_a_while() -> None:
    async def body(w: World) -> None:
        await with_pods(w)
        before = {p.metadata.uid for p in await w.items(Pod)}
        await w.client.delete(Node, NODE)
        await w.settle(30)
        assert {p.metadata.uid for p in await w.items(Pod)} == before

        async def replaced() -> bool:
            return not before & {p.metadata.uid for p in await w.items(Pod)}

        await w.until(replaced, within_s=60)

    in_world(body)


def test_every_write_says_which_write_led_to_it() -> None:
    async def body(w: World) -> None:
        await with_pods(w)
        entries = {e.key: e for e in await w.store.journal(limit=5000) if e.verb == "create"}
        (pod_key, *_) = sorted(k for k in entries if k.startswith("/registry/pods/default/"))
        pod = entries[pod_key]
        replica_set = next(e for k, e in entries.items() if k.startswith("/registry/replicasets/"))
        created = entries["/registry/deployments/default/web"]
        assert pod.cause_revision == replica_set.revision
        assert replica_set.cause_revision == created.revision
        assert created.cause_revision == 0
        assert pod.user == "system:serviceaccount:kube-system:replicaset-controller"
        await asyncio.sleep(0)

    in_world(body)


def _named(name: str):  # type: ignore[no-untyped-def]
    from pybernetes.api.meta.v1 import ObjectMeta

    return ObjectMeta(name=name)


def _cluster_roles():  # type: ignore[no-untyped-def]
    from pybernetes.apimachinery.scheme import resource_of

    return resource_of(ClusterRole)
