"""Keeps as many Pods of a ReplicaSet as it wants. Source: pkg/controller/replicaset/replica_set.go.

A ReplicationController is the same with a plainer selector: `kind` tells which of the two a controller keeps.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from pybernetes.api.apps.v1 import ReplicaSet
from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.client.informer import Informer
from pybernetes.client.objects import key_of
from pybernetes.controllers.replicaset import plan
from pybernetes.controllers.replicaset.plan import ReplicaOwner, ReplicaStatus
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.expectations import Expectations
from pybernetes.controllers.runtime.owned_pods import OwnedPods, identity
from pybernetes.controllers.runtime.owners import Claims, controller_index, controller_of, orphans_in
from pybernetes.controllers.runtime.pod_control import (
    PodControl,
    is_namespace_terminating,
    pod_from_template,
    slow_start,
)
from pybernetes.controllers.runtime.pods import is_active, is_terminating


class ReplicaSetController(Controller):
    name = "replicaset-controller"
    queue_name = "replicaset"
    kind: ClassVar[type[ReplicaOwner]] = ReplicaSet

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._expectations = Expectations()
        self._pod_control = PodControl(self.client, self.recorder)
        replica_sets: Informer[Any] = self.informer(self.kind)
        pods = self.informer(Pod)
        self._replica_sets, self._pods = replica_sets.lister, pods.lister
        replica_sets.add_index("controller", controller_index)
        pods.add_index("controller", controller_index)
        replica_sets.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self._replica_set_deleted
        )
        OwnedPods(self.kind.__name__, self._replica_sets, self.queue, self._expectations, plan.selector_of).follow(pods)

    async def reconcile(self, key: str) -> None:
        replica_set: ReplicaOwner | None = self._replica_sets.by_key(key)
        if replica_set is None:
            self._expectations.forget(key)
            return
        satisfied = self._expectations.satisfied(key)
        if not satisfied:
            self.queue.add_after(key, self._expectations.wait_s(key))
        try:
            selector = plan.selector_of(replica_set)
        except SelectorError as error:
            self.log.warning("%s %s has no usable selector: %s", replica_set.kind, key, error)
            return
        uid, namespace = replica_set.metadata.uid or "", replica_set.metadata.namespace or ""
        owned = self._pods.by_index("controller", uid)
        candidates = owned + self._pods.by_index("controller", orphans_in(namespace))
        active = await self._claims(replica_set, selector).claim([p for p in candidates if is_active(p)])
        terminating = [p for p in owned if is_terminating(p) and selector.matches(p.metadata.labels)]
        failure: Exception | None = None
        if satisfied and not replica_set.metadata.deletionTimestamp:
            failure = await self._scale(key, replica_set, active)
        self.queue.rest(key, len(candidates) * plan.REST_S_PER_POD)
        now = self.clock.now()
        status = plan.status(replica_set, active, terminating, failure, now)
        await self._write_status(replica_set, status)
        if failure is not None:
            raise failure
        min_ready_s = replica_set.spec.minReadySeconds or 0
        if min_ready_s and status.readyReplicas != status.availableReplicas:
            wait_s = plan.next_availability_check_s(active, min_ready_s, now)
            self.queue.add_after(key, min_ready_s if wait_s is None else wait_s)

    async def _scale(self, key: str, replica_set: ReplicaOwner, active: list[Pod]) -> Exception | None:
        """Creates or deletes; the first failure is returned, the rest was tried."""
        difference = plan.difference(replica_set, active)
        if difference > 0:
            return await self._create(key, replica_set, difference)
        if difference < 0:
            doomed = plan.pods_to_delete(active, self._related(replica_set), -difference, self.clock.now())
            return await self._delete(key, replica_set, doomed)
        return None

    async def _create(self, key: str, replica_set: ReplicaOwner, count: int) -> Exception | None:
        template = replica_set.spec.template
        if template is None:
            return None
        self._expectations.expect_creations(key, count)

        async def create(_: int) -> bool:
            try:
                await self._pod_control.create(pod_from_template(template, replica_set), replica_set)
            except errors.StatusError as error:
                if not is_namespace_terminating(error):
                    raise
            return True

        created, failure = await slow_start(count, create)
        if created < count:
            self._expectations.creation_observed(key, count - created)
        if isinstance(failure, OSError):
            self._expectations.doubt(key)
        return failure

    async def _delete(self, key: str, replica_set: ReplicaOwner, doomed: list[Pod]) -> Exception | None:
        self._expectations.expect_deletions(key, [identity(pod) for pod in doomed])

        async def delete(pod: Pod) -> None:
            try:
                await self._pod_control.delete(pod, replica_set)
            except (errors.StatusError, OSError) as error:
                self._expectations.deletion_observed(key, identity(pod))
                if not isinstance(error, errors.NotFound):
                    raise

        results = await asyncio.gather(*map(delete, doomed), return_exceptions=True)
        return next((r for r in results if isinstance(r, Exception)), None)

    async def _write_status(self, replica_set: ReplicaOwner, status: ReplicaStatus) -> None:
        """Only when it differs; one retry on the newest version."""
        if replica_set.status == status:
            return
        changed: Any = fresh(replica_set)
        changed.status = status
        try:
            await self.client.update_status(changed)
        except errors.Conflict:
            meta = replica_set.metadata
            newest: Any = await self.client.get(self.kind, meta.name or "", meta.namespace or "")
            if newest.metadata.uid != meta.uid:
                return
            newest.status = status
            await self.client.update_status(newest)
        except errors.NotFound:
            return

    def _claims(self, replica_set: ReplicaOwner, selector: LabelSelector) -> Claims[Pod]:
        meta = replica_set.metadata

        async def read() -> ReplicaOwner:
            return await self.client.get(self.kind, meta.name or "", meta.namespace or "")

        return Claims(self.client, Pod, replica_set, selector, read)

    def _related(self, replica_set: ReplicaOwner) -> list[Pod]:
        """Pods of every ReplicaSet with the same controller, its own included."""
        ref = controller_of(replica_set)
        related = self._replica_sets.by_index("controller", ref.uid) if ref else [replica_set]
        return [pod for other in related for pod in self._pods.by_index("controller", other.metadata.uid or "")]

    def _replica_set_deleted(self, replica_set: ReplicaOwner) -> None:
        self._expectations.forget(key_of(replica_set))
        self.enqueue(replica_set)
