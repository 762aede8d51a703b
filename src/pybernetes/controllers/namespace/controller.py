"""Empties a namespace that is being deleted, Pods first, then lets it go. Source: pkg/controller/namespace/deletion."""

from __future__ import annotations

from pybernetes.api.core.v1 import Namespace, Pod
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.times import parse_time
from pybernetes.client.discovery import discover
from pybernetes.client.metadata import MetadataClient, PartialObject
from pybernetes.controllers.namespace import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller

_PODS = ("", "pods")


class NamespaceController(Controller):
    name = "namespace-controller"
    queue_name = "namespace"
    workers = 10

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._metadata = MetadataClient(self.client)
        namespaces, pods = self.informer(Namespace), self.informer(Pod)
        self._namespaces, self._pods = namespaces.lister, pods.lister
        self._attempts: dict[str, int] = {}
        namespaces.add_handler(
            on_add=self._changed,
            on_update=lambda old, new: self._changed(new),
            on_delete=self._forget,
        )
        pods.add_handler(on_delete=self._pod_deleted)

    async def reconcile(self, key: str) -> None:
        try:
            namespace = await self.client.get(Namespace, key)
            if not namespace.metadata.deletionTimestamp:
                return
            namespace = await self._mark_terminating(namespace)
            if not namespace.spec.finalizers:
                return
            progress = await self._empty(namespace)
            namespace = await self._write_conditions(namespace, progress)
            if progress.done:
                namespace.spec.finalizers = [f for f in namespace.spec.finalizers if f != plan.FINALIZER]
                await self.client.update_subresource(Namespace, key, "", "finalize", namespace)
                return
        except errors.NotFound:
            return
        for error in progress.errors:
            self.log.info("%s: emptying %s: %s", self.name, key, error)
        attempt = self._attempts.get(key, 0)
        self._attempts[key] = attempt + 1
        self.queue.add_after(key, plan.next_look_s(progress, attempt))

    async def _empty(self, namespace: Namespace) -> plan.Progress:
        """One pass: every resource, Pods before all else."""
        progress = plan.Progress()
        name = namespace.metadata.name or ""
        deleted = parse_time(namespace.metadata.deletionTimestamp or "")
        try:
            found = await discover(self.client)
        except (errors.StatusError, OSError, ValueError) as error:
            progress.discovery_error = str(error)
            return progress
        progress.discovery_error = plan.discovery_error(found.failed)
        deletable = [r for r in found.resources if r.namespaced and {"delete", "list"} <= set(r.verbs)]
        deletable.sort(key=lambda r: (r.group, r.plural) != _PODS)
        for resource in deletable:
            try:
                await self._empty_one(resource, name, deleted, progress)
            except (errors.NotFound, errors.MethodNotAllowed):
                continue  # not served any more
            except (errors.StatusError, OSError) as error:
                progress.errors.append(str(error))
            if (resource.group, resource.plural) == _PODS and progress.remaining:
                return progress
        return progress

    async def _empty_one(self, resource: Resource, namespace: str, deleted: float, progress: plan.Progress) -> None:
        items = await self._list(resource, namespace)
        if not items:
            return
        grace_s = self._grace_s(namespace, deleted) if (resource.group, resource.plural) == _PODS else 0.0
        if "deletecollection" in resource.verbs:
            await self.client.dynamic.delete_collection(resource, namespace, propagation="Background")
        else:
            for item in items:
                await self._delete(resource, namespace, item)
        rest = await self._list(resource, namespace)
        if rest:
            progress.remaining[resource] = len(rest)
            finalizers = [f for item in rest for f in item.metadata.finalizers]
            progress.finalizers.update(finalizers)
            progress.grace_s = max(progress.grace_s, grace_s)
            if not grace_s and not finalizers:
                progress.errors.append(plan.unexpected(resource, namespace))

    def _grace_s(self, namespace: str, deleted: float) -> float:
        """The longest grace period of a Pod that runs; 0 when by now it should have ended."""
        running = (pod for pod in self._pods.list(namespace) if not is_finished(pod))
        longest = float(max((pod.spec.terminationGracePeriodSeconds or 0 for pod in running), default=0))
        return longest if self.clock.now() - deleted < longest else 0.0

    async def _delete(self, resource: Resource, namespace: str, item: PartialObject) -> None:
        try:
            await self.client.dynamic.delete(resource, item.metadata.name or "", namespace, propagation="Background")
        except errors.NotFound:
            return

    async def _list(self, resource: Resource, namespace: str) -> list[PartialObject]:
        return (await self._metadata.list(resource, namespace)).items

    async def _mark_terminating(self, namespace: Namespace) -> Namespace:
        if namespace.status.phase == "Terminating":
            return namespace
        namespace.status.phase = "Terminating"
        return await self.client.update_status(namespace)

    async def _write_conditions(self, namespace: Namespace, progress: plan.Progress) -> Namespace:
        conditions = plan.conditions(namespace.status.conditions, progress, self.clock.now())
        if conditions is None:
            return namespace
        namespace.status.conditions = conditions
        return await self.client.update_status(namespace)

    def _changed(self, namespace: Namespace) -> None:
        if namespace.metadata.deletionTimestamp:
            self.enqueue(namespace)

    def _forget(self, namespace: Namespace) -> None:
        self._attempts.pop(namespace.metadata.name or "", None)

    def _pod_deleted(self, pod: Pod) -> None:
        """The last Pod's going lets the rest be deleted at once."""
        namespace = self._namespaces.by_key(pod.metadata.namespace or "")
        if namespace is None or not namespace.metadata.deletionTimestamp:
            return
        if not self._pods.list(pod.metadata.namespace or ""):
            self.enqueue(namespace)
