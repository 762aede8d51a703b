"""Deletes what has lost its last owner, and ends foreground and orphaning deletions.

It watches the metadata of every resource that can be listed, watched and deleted, follows them in a
graph, and before it deletes anything looks at its live owners.
Source: pkg/controller/garbagecollector. Differs: discovery is repeated when a CustomResourceDefinition
or APIService changes, not every 30 seconds; the object itself is looked at only when its informer has not told of it,
or when a write is refused because it has changed since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec

from pybernetes.api.core.v1 import ObjectReference
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import Resource
from pybernetes.client.discovery import preferred_resources
from pybernetes.client.informer import Informer
from pybernetes.client.metadata import MetadataClient, MetadataSource, PartialObject
from pybernetes.controllers.garbagecollector import plan
from pybernetes.controllers.garbagecollector.graph import FOREGROUND, ORPHAN, Graph, Identity, Node, Work
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller, TryAgain

_IGNORED = {("", "events"), ("events.k8s.io", "events")}
_NEEDED_VERBS = {"list", "watch", "delete"}
_CHANGES_DISCOVERY = {("apiextensions.k8s.io", "customresourcedefinitions"), ("apiregistration.k8s.io", "apiservices")}
_SYNC_TIMEOUT_S = 30.0
_SETTLE_S = 1.0
_DELETE, _ORPHAN = "delete:", "orphan:"
_REST_S_PER_DEPENDENT = 50e-6
"""Each one that goes has its owner looked at, with all that are left."""


class GarbageCollectorController(Controller):
    """Keys: `delete:UID` (attempt to delete), `orphan:UID` (orphan its dependents)."""

    name = "garbage-collector-controller"
    queue_name = "garbage_collector_attempt_to_delete"
    workers = 20

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._metadata = MetadataClient(self.client)
        self.graph = Graph()
        self._resources: dict[tuple[str, str], Resource] = {}
        """By (apiVersion, kind)."""
        self._monitors: dict[Resource, tuple[Informer[PartialObject], asyncio.Task[None]]] = {}
        self._undefined: set[str] = set()
        """Names of deleted CustomResourceDefinitions whose resources are still followed."""
        self._rediscover = asyncio.Event()
        self._rediscover.set()
        self.ready = asyncio.Event()
        """The graph is complete."""

    def background(self) -> list[Coroutine[Any, Any, None]]:
        return [self._monitor()]

    async def reconcile(self, key: str) -> None:
        await self.ready.wait()
        uid = key.partition(":")[2]
        node = self.graph.nodes.get(uid)
        if node is None:
            return
        if key.startswith(_ORPHAN):
            await self._orphan_dependents(node)
        else:
            await self._attempt_to_delete(node)

    # Following the world.

    async def _monitor(self) -> None:
        """Discovers resources, watches them, and does so again when there may be others."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._rediscover.wait()
                    self._rediscover.clear()
                    try:
                        self._follow(await preferred_resources(self.client), group)
                    except (errors.StatusError, OSError, ValueError) as error:
                        self.log.info("%s: cannot discover resources, trying again: %s", self.name, error)
                        self._rediscover.set()
                        await asyncio.sleep(_SETTLE_S)
                        continue
                    await self._wait_synced()
                    self.ready.set()
                    await asyncio.sleep(_SETTLE_S)
        finally:
            self._monitors.clear()

    def _follow(self, served: list[Resource], group: asyncio.TaskGroup) -> None:
        self._resources = {(r.api_version, r.kind): r for r in served}
        wanted = {r for r in served if set(r.verbs) >= _NEEDED_VERBS and (r.group, r.plural) not in _IGNORED}
        self._undefined &= {_name_of(r) for r in self._monitors}
        if self._undefined & {_name_of(r) for r in wanted}:
            self._rediscover.set()  # served to the last; it will be gone in a moment
        for resource in sorted(self._monitors.keys() - wanted, key=_order):
            informer, task = self._monitors.pop(resource)
            task.cancel()
            if _name_of(resource) in self._undefined:
                for obj in informer.lister.list():
                    self._queue(self.graph.remove(obj.metadata.uid or ""))
            else:
                # Its server may be away, or another version be preferred: no object need be gone.
                self._queue(self.graph.lose_sight((resource.api_version, resource.kind)))
        for resource in sorted(wanted - self._monitors.keys(), key=_order):
            informer = self._informer_of(resource)
            task = group.create_task(informer.run(), name=informer.name)
            self._monitors[resource] = (informer, task)

    def _informer_of(self, resource: Resource) -> Informer[PartialObject]:
        informer: Informer[PartialObject] = Informer(MetadataSource(self.client, resource), self.random)
        watched = (resource.group, resource.plural) in _CHANGES_DISCOVERY

        def changed(obj: PartialObject) -> None:
            self._queue(self.graph.put(_identity(resource, obj), obj.metadata))
            if watched and self.ready.is_set():
                self._undefined.discard(obj.metadata.name or "")
                self._rediscover.set()

        def deleted(obj: PartialObject) -> None:
            self._queue(self.graph.remove(obj.metadata.uid or ""))
            if watched:
                self._undefined.add(obj.metadata.name or "")
                self._rediscover.set()

        informer.add_handler(on_add=changed, on_update=lambda old, new: changed(new), on_delete=deleted)
        return informer

    async def _wait_synced(self) -> None:
        """A resource that cannot be listed must not stop the others for ever."""
        try:
            async with asyncio.timeout(_SYNC_TIMEOUT_S):
                for informer, _ in list(self._monitors.values()):
                    await informer.wait_synced()
        except TimeoutError:
            late = [informer.name for informer, _ in self._monitors.values() if not informer.has_synced]
            self.log.warning("%s: goes on without %s", self.name, ", ".join(late))

    def _queue(self, work: Work) -> None:
        for uid in work.delete:
            self.queue.add(_DELETE + uid)
        for uid in work.orphan:
            self.queue.add(_ORPHAN + uid)
        for uid, owner in work.misplaced:
            node = self.graph.nodes[uid]
            for ref in node.owners:
                if ref.uid == owner:
                    self._report_invalid(ref, node)

    # Acting.

    async def _attempt_to_delete(self, node: Node) -> None:
        if node.being_deleted and not node.deleting_dependents:
            return
        identity = node.identity
        resource = self._resource(identity.api_version, identity.kind)
        if resource.namespaced and not identity.namespace:
            return  # a reference without a namespace to a kind that has one: it names nothing, so nothing is gone
        known = None if node.virtual else self._known(identity, resource)
        if known is not None:
            try:
                await self._act(node, resource, known)
                return
            except errors.Conflict as error:
                self.log.debug("%s %s has changed, looking at it: %s", identity.kind, identity.name, error)
        try:
            latest = await self._metadata.get(resource, identity.name, _space(resource, identity.namespace))
        except errors.NotFound:
            self._gone(node)
            return
        if latest.metadata.uid != identity.uid:
            self._gone(node)
            return
        if node.virtual:
            # Its informer will tell of it, unless it was made and deleted while nobody watched.
            raise TryAgain(f"{identity.kind} {identity.name} has not been observed")
        await self._act(node, resource, latest)

    def _known(self, identity: Identity, resource: Resource) -> PartialObject | None:
        """What the informer told of it last; every write says which version it is for."""
        monitor = self._monitors.get(resource)
        found = None if monitor is None else monitor[0].lister.get(_space(resource, identity.namespace), identity.name)
        return found if found is not None and found.metadata.uid == identity.uid else None

    async def _act(self, node: Node, resource: Resource, latest: PartialObject) -> None:
        """Raises Conflict when `latest` is not the latest."""
        if node.deleting_dependents:
            await self._advance_foreground(node, resource)
            return
        if not latest.metadata.ownerReferences:
            return
        states = [(ref, await self._owner_state(ref, node)) for ref in latest.metadata.ownerReferences]
        decision = plan.decide(latest.metadata, states, self.graph.dependents(node.identity.uid))
        try:
            if isinstance(decision, plan.Keep):
                if decision.drop:
                    await self._drop_references(resource, latest, decision.drop)
                return
            if decision.unblock_first:
                latest = await self._unblock(resource, latest)
            meta = latest.metadata
            await self.client.dynamic.delete(
                resource,
                meta.name or "",
                meta.namespace or "",
                uid=meta.uid or "",
                resource_version=meta.resourceVersion or "",
                propagation=decision.propagation,
            )
        except errors.NotFound:
            self._gone(node)

    async def _advance_foreground(self, node: Node, resource: Resource) -> None:
        blocking = self.graph.blocking_dependents(node.identity.uid)
        if not blocking:
            await self._remove_finalizer(node, resource, FOREGROUND)
        self.queue.rest(_DELETE + node.identity.uid, len(blocking) * _REST_S_PER_DEPENDENT)
        for dependent in blocking:
            if not dependent.deleting_dependents:
                self.queue.add(_DELETE + dependent.identity.uid)

    async def _orphan_dependents(self, owner: Node) -> None:
        uid = owner.identity.uid
        for dependent in self.graph.dependents(uid):
            resource = self._resource(dependent.identity.api_version, dependent.identity.kind)
            try:
                latest = await self._metadata.get(resource, dependent.identity.name, dependent.identity.namespace)
                if latest.metadata.uid == dependent.identity.uid:
                    await self._drop_references(resource, latest, (uid,))
            except errors.NotFound:
                continue
        resource = self._resource(owner.identity.api_version, owner.identity.kind)
        await self._remove_finalizer(owner, resource, ORPHAN)

    async def _owner_state(self, ref: OwnerReference, node: Node) -> plan.State:
        """Looks at the owner itself. Raises LookupError for a kind that nobody serves."""
        namespace = node.identity.namespace
        if self.graph.is_absent(ref, namespace):
            return "dangling"
        resource = self._resource(ref.apiVersion, ref.kind)
        if resource.namespaced and not namespace:
            self._report_invalid(ref, node)
            return "solid"
        space = _space(resource, namespace)
        try:
            owner = await self._metadata.get(resource, ref.name, space)
        except errors.NotFound:
            owner = None
        if owner is None or owner.metadata.uid != ref.uid:
            self.graph.mark_absent(Identity(ref.apiVersion, ref.kind, space, ref.name, ref.uid))
            return "dangling"
        if owner.metadata.deletionTimestamp and FOREGROUND in owner.metadata.finalizers:
            return "waiting"
        return "solid"

    async def _drop_references(self, resource: Resource, latest: PartialObject, uids: tuple[str, ...]) -> None:
        kept = [ref for ref in latest.metadata.ownerReferences if ref.uid not in uids]
        if len(kept) < len(latest.metadata.ownerReferences):
            await self._write_references(resource, latest, kept)

    async def _unblock(self, resource: Resource, latest: PartialObject) -> PartialObject:
        refs = msgspec.json.decode(msgspec.json.encode(latest.metadata.ownerReferences), type=list[OwnerReference])
        for ref in refs:
            ref.blockOwnerDeletion = False if ref.blockOwnerDeletion else ref.blockOwnerDeletion
        return await self._write_references(resource, latest, refs)

    async def _write_references(
        self, resource: Resource, latest: PartialObject, refs: list[OwnerReference]
    ) -> PartialObject:
        meta = latest.metadata
        body = {"metadata": {"uid": meta.uid, "resourceVersion": meta.resourceVersion, "ownerReferences": refs or None}}
        return await self._metadata.patch(resource, meta.name or "", meta.namespace or "", body)

    async def _remove_finalizer(self, node: Node, resource: Resource, finalizer: str) -> None:
        identity = node.identity
        try:
            latest = await self._metadata.get(resource, identity.name, identity.namespace)
            meta = latest.metadata
            if meta.uid != identity.uid or finalizer not in meta.finalizers:
                return
            kept = [f for f in meta.finalizers if f != finalizer]
            body = {"metadata": {"uid": meta.uid, "resourceVersion": meta.resourceVersion, "finalizers": kept or None}}
            await self._metadata.patch(resource, identity.name, identity.namespace, body)
        except errors.NotFound:
            return

    def _gone(self, node: Node) -> None:
        """A live look found nothing under this identity: its dependents are looked at, each with its own reference."""
        self.graph.mark_absent(node.identity)
        uid = node.identity.uid
        if node.virtual:
            for dependent in sorted(node.dependents):
                self.queue.add(_DELETE + dependent)
        else:
            self._queue(self.graph.remove(uid))

    def _resource(self, api_version: str, kind: str) -> Resource:
        """Raises ServiceUnavailable for a kind that is not served, or not yet: it is tried again later."""
        found = self._resources.get((api_version, kind))
        if found is None:
            found = self._in_another_version(api_version, kind)
        if found is None:
            raise errors.ServiceUnavailable(f'no matches for kind "{kind}" in version "{api_version}"')
        return found

    def _in_another_version(self, api_version: str, kind: str) -> Resource | None:
        group = api_version.rpartition("/")[0]
        return next((r for r in self._resources.values() if r.group == group and r.kind == kind), None)

    def _report_invalid(self, ref: OwnerReference, node: Node) -> None:
        identity = node.identity
        about = ObjectReference(
            apiVersion=identity.api_version,
            kind=identity.kind,
            namespace=identity.namespace or None,
            name=identity.name,
            uid=identity.uid,
        )
        owner = f"[{ref.apiVersion}/{ref.kind}, namespace: {identity.namespace}, name: {ref.name}, uid: {ref.uid}]"
        message = f'ownerRef {owner} does not exist in namespace "{identity.namespace}"'
        self.recorder.event(about, "Warning", "OwnerRefInvalidNamespace", message)


def _identity(resource: Resource, obj: PartialObject) -> Identity:
    meta = obj.metadata
    return Identity(resource.api_version, resource.kind, meta.namespace or "", meta.name or "", meta.uid or "")


def _name_of(resource: Resource) -> str:
    """Of its CustomResourceDefinition."""
    return f"{resource.plural}.{resource.group}"


def _order(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.plural, resource.version


def _space(resource: Resource, namespace: str) -> str:
    return namespace if resource.namespaced else ""
