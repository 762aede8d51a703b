"""Keeps the Pods of a StatefulSet: each with its own name, storage and turn.

Source: pkg/controller/statefulset/stateful_set.go, stateful_set_control.go, stateful_pod_control.go.
"""

from __future__ import annotations

from pybernetes.api.apps.v1 import ControllerRevision, StatefulSet, StatefulSetStatus
from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.client.objects import T
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.owned_pods import OwnedPods
from pybernetes.controllers.runtime.owners import Claims, controller_index, orphans_in
from pybernetes.controllers.runtime.pod_control import slow_start
from pybernetes.controllers.runtime.revisions import (
    delete_revision,
    equal_to,
    in_order,
    new_revision,
    renumbered,
)
from pybernetes.controllers.statefulset import claims, plan
from pybernetes.controllers.statefulset.plan import Action, Step, View
from pybernetes.controllers.statefulset.pods import (
    claims_for,
    identity_matches,
    is_member,
    ordinal_of,
    storage_matches,
    take_identity,
    take_storage,
)

_HASH_LABEL = "controller.kubernetes.io/hash"


class StatefulSetController(Controller):
    name = "statefulset-controller"
    queue_name = "statefulset"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        sets, pods = self.informer(StatefulSet), self.informer(Pod)
        revisions = self.informer(ControllerRevision)
        self._sets, self._pods, self._revisions = sets.lister, pods.lister, revisions.lister
        self._claims = self.informer(PersistentVolumeClaim).lister
        pods.add_index("controller", controller_index)
        revisions.add_index("controller", controller_index)
        self.enqueue_all(sets)
        OwnedPods("StatefulSet", self._sets, self.queue).follow(pods)

    async def reconcile(self, key: str) -> None:
        found = self._sets.by_key(key)
        if found is None:
            return
        set_ = fresh(found)
        try:
            selector = LabelSelector.of(set_.spec.selector)
        except SelectorError as error:
            self.log.warning("StatefulSet %s has no usable selector: %s", key, error)
            return
        revisions = in_order(await self._claim_revisions(set_, selector))
        pods = await self._claim_pods(set_, selector)
        current, update, collisions = await self._agree_on_revisions(set_, revisions)
        namespace = set_.metadata.namespace or ""
        view = View(set_, pods, current, update, lambda name: self._claims.get(namespace, name), self.clock.now())
        steps = plan.plan(view)
        updating, failure = 0, None
        try:
            await self._run(view, steps.replicas)
            await self._run(view, steps.surplus)
            for step in steps.update:
                await self._do(view, step)
                updating += 1
        except (errors.StatusError, OSError, ValueError) as error:
            failure = error
        status = plan.status(view, collisions, updating)
        await self._write_status(set_, status)
        for revision in plan.surplus_revisions(view, revisions):
            await delete_revision(self.client, revision)
        if failure is not None:
            raise failure
        if set_.spec.minReadySeconds and (status.readyReplicas or 0) != (status.availableReplicas or 0):
            wait_s = plan.next_availability_check_s(view)
            self.queue.add_after(key, set_.spec.minReadySeconds if wait_s is None else wait_s)

    async def _agree_on_revisions(
        self, set_: StatefulSet, revisions: list[ControllerRevision]
    ) -> tuple[ControllerRevision, ControllerRevision, int]:
        """(the revision that is, the one that shall be, collisions of names so far)."""
        collisions = set_.status.collisionCount or 0
        number = revisions[-1].revision + 1 if revisions else 1
        wanted = new_revision(set_, number, collisions, _HASH_LABEL, set_.metadata.annotations)
        equal = equal_to(revisions, wanted.data)
        if equal and equal[-1] is revisions[-1]:
            update = revisions[-1]
        elif equal:
            update = await renumbered(self.client, equal[-1], number)
        else:
            update, collisions = await self._create_revision(set_, wanted, collisions)
        current = next((r for r in revisions if r.metadata.name == set_.status.currentRevision), None)
        return current or update, update, collisions

    async def _create_revision(
        self, set_: StatefulSet, wanted: ControllerRevision, collisions: int
    ) -> tuple[ControllerRevision, int]:
        """Under the next name that is free, when another revision has its own."""
        while True:
            try:
                return await self.client.create(wanted), collisions
            except errors.AlreadyExists:
                meta = wanted.metadata
                found = await self.client.get(ControllerRevision, meta.name or "", meta.namespace or "")
                if found.data == wanted.data:
                    return found, collisions
                collisions += 1
                wanted = new_revision(set_, wanted.revision, collisions, _HASH_LABEL, set_.metadata.annotations)

    async def _run(self, view: View, steps: list[list[Step]]) -> None:
        """Pod after Pod in order, or in growing batches."""

        async def one(number: int) -> None:
            for step in steps[number]:
                await self._do(view, step)

        if view.ordered:
            for number in range(len(steps)):
                await one(number)
            return
        _, failure = await slow_start(len(steps), one)
        if failure is not None:
            raise failure

    async def _do(self, view: View, step: Step) -> None:
        match step.action:
            case Action.CREATE:
                await self._create(view.set, step.pod)
            case Action.CLAIMS:
                await self._keep_claims(view.set, step.pod)
            case Action.REPAIR:
                await self._repair(view.set, step.pod)
            case Action.DELETE:
                await self._delete(view.set, step.pod)

    async def _create(self, set_: StatefulSet, pod: Pod) -> None:
        try:
            await self._create_claims(set_, pod)
            await self.client.create(pod)
        except errors.AlreadyExists:
            raise
        except (errors.StatusError, OSError, ValueError) as error:
            self._tell("create", set_, pod, error)
            raise
        self._tell("create", set_, pod)

    async def _delete(self, set_: StatefulSet, pod: Pod) -> None:
        meta = pod.metadata
        try:
            await self.client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except errors.NotFound:
            pass
        except errors.StatusError as error:
            self._tell("delete", set_, pod, error)
            raise
        self._tell("delete", set_, pod)

    async def _repair(self, set_: StatefulSet, known: Pod) -> None:
        pod = fresh(known)
        changed = False
        try:
            if not identity_matches(set_, pod):
                take_identity(set_, pod)
                changed = True
            if not storage_matches(set_, pod):
                take_storage(set_, pod)
                await self._create_claims(set_, pod)
                changed = True
            await self._own_claims(set_, pod)
            if not changed:
                return
            await self.client.update(pod)
        except errors.Conflict:
            raise
        except (errors.StatusError, OSError, ValueError) as error:
            self._tell("update", set_, pod, error)
            raise
        self._tell("update", set_, pod)

    async def _keep_claims(self, set_: StatefulSet, pod: Pod) -> None:
        if not pod.metadata.deletionTimestamp:
            await self._create_claims(set_, pod)
        await self._own_claims(set_, pod)

    async def _create_claims(self, set_: StatefulSet, pod: Pod) -> None:
        """Those that are missing. Raises ValueError while one is being deleted."""
        for claim in claims_for(set_, ordinal_of(pod)).values():
            name = claim.metadata.name or ""
            known = self._claims.get(claim.metadata.namespace or "", name)
            if known is not None:
                if known.metadata.deletionTimestamp:
                    raise ValueError(f"pvc {name} is being deleted")
                continue
            claim.metadata.ownerReferences = claims.owners(claim, set_, pod)
            try:
                await self.client.create(claim)
            except errors.AlreadyExists:
                continue
            except errors.StatusError as error:
                text = f"Create Claim {name} for Pod {pod.metadata.name} in StatefulSet {set_.metadata.name} failed"
                text += f" error: {error}"
                self.recorder.event(set_, "Warning", "FailedCreate", text)
                raise
            text = f"Create Claim {name} Pod {pod.metadata.name} in StatefulSet {set_.metadata.name} success"
            self.recorder.event(set_, "Normal", "SuccessfulCreate", text)

    async def _own_claims(self, set_: StatefulSet, pod: Pod) -> None:
        """Writes the owners that the retention policy asks for."""
        for wanted in claims_for(set_, ordinal_of(pod)).values():
            claim = self._claims.get(wanted.metadata.namespace or "", wanted.metadata.name or "")
            if claim is None:
                continue
            if claims.has_unexpected_controller(claim, set_, pod):
                text = (
                    f"PersistentVolumeClaim {claim.metadata.name} has a conflicting OwnerReference that acts as a "
                    "managing controller, the retention policy is ignored for this claim"
                )
                self.recorder.event(set_, "Warning", "ConflictingController", text)
            if not claims.is_up_to_date(claim, set_, pod):
                changed = fresh(claim)
                changed.metadata.ownerReferences = claims.owners(claim, set_, pod)
                await self.client.update(changed)

    async def _write_status(self, set_: StatefulSet, status: StatefulSetStatus) -> None:
        """Only when it differs; one retry on the newest version."""
        if set_.status == status:
            return
        changed = fresh(set_)
        changed.status = status
        try:
            await self.client.update_status(changed)
        except errors.Conflict:
            meta = set_.metadata
            newest = await self.client.get(StatefulSet, meta.name or "", meta.namespace or "")
            if newest.metadata.uid != meta.uid:
                return
            newest.status = status
            await self.client.update_status(newest)
        except errors.NotFound:
            return

    async def _claim_pods(self, set_: StatefulSet, selector: LabelSelector) -> list[Pod]:
        """Pods of our name only: what another made by hand is no ordinal of ours."""
        meta = set_.metadata
        known = self._pods.by_index("controller", meta.uid or "")
        known += [p for p in self._pods.by_index("controller", orphans_in(meta.namespace or "")) if is_member(set_, p)]
        return [p for p in await self._claims_on(Pod, set_, selector).claim(known) if is_member(set_, p)]

    async def _claim_revisions(self, set_: StatefulSet, selector: LabelSelector) -> list[ControllerRevision]:
        meta = set_.metadata
        known = self._revisions.by_index("controller", meta.uid or "")
        known += self._revisions.by_index("controller", orphans_in(meta.namespace or ""))
        matching = [revision for revision in known if selector.matches(revision.metadata.labels)]
        return await self._claims_on(ControllerRevision, set_, selector).claim(matching)

    def _claims_on(self, cls: type[T], set_: StatefulSet, selector: LabelSelector) -> Claims[T]:
        meta = set_.metadata

        async def read() -> StatefulSet:
            return await self.client.get(StatefulSet, meta.name or "", meta.namespace or "")

        return Claims(self.client, cls, set_, selector, read)

    def _tell(self, verb: str, set_: StatefulSet, pod: Pod, error: Exception | None = None) -> None:
        what = f"{verb.title()} Pod {pod.metadata.name} in StatefulSet {set_.metadata.name}"
        if error is None:
            self.recorder.event(set_, "Normal", f"Successful{verb.title()}", f"{what} successful")
        else:
            self.recorder.event(set_, "Warning", f"Failed{verb.title()}", f"{what} failed error: {error}")
