"""Rolls a Deployment's template out over ReplicaSets.

Decides only once it sees the ReplicaSets as it left them: from older ones it would give away the same surge twice.
Differs: upstream decides at once, and may then have more Pods than maxSurge while watches lag.
Source: pkg/controller/deployment/deployment_controller.go, sync.go.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from pybernetes.api.apps.v1 import Deployment, DeploymentCondition, ReplicaSet, ReplicaSetSpec
from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import LabelSelector as SelectorStruct
from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.client.objects import key_of, revision_of
from pybernetes.controllers.deployment import plan, progress, revisions, sizes, templates
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller, TryAgain
from pybernetes.controllers.runtime.owners import (
    Claims,
    controller_index,
    controller_of,
    controller_reference,
    orphans_in,
)
from pybernetes.controllers.runtime.pod_control import is_namespace_terminating


@dataclass(slots=True)
class _Rollout:
    """What one reconcile works on; replaced piece by piece by what the server answers."""

    deployment: Deployment
    new: ReplicaSet | None
    old: list[ReplicaSet]

    @property
    def everything(self) -> list[ReplicaSet]:
        return [*self.old, *([self.new] if self.new else [])]


class DeploymentController(Controller):
    name = "deployment-controller"
    queue_name = "deployment"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        deployments, replica_sets, pods = self.informer(Deployment), self.informer(ReplicaSet), self.informer(Pod)
        self._deployments, self._replica_sets, self._pods = deployments.lister, replica_sets.lister, pods.lister
        self._replica_set_informer = replica_sets
        self._written: dict[str, int] = {}
        """By key: the revision of the last ReplicaSet that was written for it."""
        replica_sets.add_index("controller", controller_index)
        pods.add_index("controller", controller_index)
        self.enqueue_all(deployments)
        replica_sets.add_handler(
            on_add=self._replica_set_added, on_update=self._replica_set_updated, on_delete=self._replica_set_deleted
        )
        pods.add_handler(on_delete=self._pod_deleted)

    async def reconcile(self, key: str) -> None:
        known = self._deployments.by_key(key)
        if known is None:
            self._written.pop(key, None)
            return
        if self._replica_set_informer.revision < self._written.get(key, 0):
            raise TryAgain("its ReplicaSets are not yet seen as they were left")
        deployment = fresh(known)
        if deployment.spec.selector == SelectorStruct():
            await self._refuse_selecting_all(deployment)
            return
        replica_sets = await self._claim(deployment)
        if replica_sets is None:
            return
        new = plan.find_new(deployment, replica_sets)
        rollout = _Rollout(deployment, new, [rs for rs in replica_sets if rs is not new])
        if deployment.metadata.deletionTimestamp:
            await self._sync_new(rollout, create=False)
            await self._write_plain_status(rollout)
            return
        if told := progress.pause_condition(deployment, self.clock.now()):
            await self._write_condition(rollout, told)
        if deployment.spec.paused:
            await self._scale(rollout)
        elif revisions.rollback_revision(deployment) is not None:
            await self._roll_back(rollout)
        else:
            await self._sync_new(rollout, create=False)
            if plan.is_scaling(rollout.deployment, rollout.everything):
                await self._scale(rollout, synced=True)
            elif sizes.is_rolling(deployment):
                await self._roll(key, rollout)
            else:
                await self._recreate(key, rollout)

    async def _roll(self, key: str, rollout: _Rollout) -> None:
        await self._sync_new(rollout, create=True)
        assert rollout.new is not None
        size = plan.new_size(rollout.deployment, rollout.new, rollout.everything)
        if not await self._resize(rollout, [plan.Resize(rollout.new, size)]):
            steps = plan.scale_down_old(rollout.deployment, rollout.new, rollout.old)
            if not await self._resize(rollout, steps):
                await self._clean_up_when_complete(rollout)
        await self._write_rollout_status(key, rollout)

    async def _recreate(self, key: str, rollout: _Rollout) -> None:
        """All old Pods must be gone before a new one is made."""
        steps = [plan.Resize(rs, 0) for rs in sizes.active(rollout.old)]
        if not await self._resize(rollout, steps) and not self._old_pods_run(rollout):
            await self._sync_new(rollout, create=True)
            assert rollout.new is not None
            await self._resize(rollout, [plan.Resize(rollout.new, sizes.replicas_of(rollout.deployment))])
            await self._clean_up_when_complete(rollout)
        await self._write_rollout_status(key, rollout)

    async def _scale(self, rollout: _Rollout, synced: bool = False) -> None:
        if not synced:
            await self._sync_new(rollout, create=False)
        await self._resize(rollout, plan.scale(rollout.deployment, rollout.new, rollout.old))
        if rollout.deployment.spec.paused and revisions.rollback_revision(rollout.deployment) is None:
            await self._clean_up(rollout)
        await self._write_plain_status(rollout)

    async def _roll_back(self, rollout: _Rollout) -> None:
        """What the deprecated annotation asks for; kubectl itself rolls back by patching the template."""
        await self._sync_new(rollout, create=True)
        deployment = fresh(rollout.deployment)
        wanted = revisions.rollback_revision(deployment) or revisions.last_revision(rollout.everything)
        target = next((rs for rs in rollout.everything if wanted and revisions.revision_of(rs) == wanted), None)
        deployment.metadata.annotations.pop(revisions.ROLLBACK_TO, None)
        kind, reason = "Warning", "DeploymentRollbackRevisionNotFound"
        if target is None or target.spec.template is None:
            message = "Unable to find the revision to rollback to." if wanted else "Unable to find last revision."
        elif templates.same(target.spec.template, deployment.spec.template):
            reason = "DeploymentRollbackTemplateUnchanged"
            name = deployment.metadata.name
            message = f'The rollback revision contains the same template as current deployment "{name}"'
        else:
            deployment.spec.template = templates.without_hash(target.spec.template)
            revisions.take_annotations_of(deployment, target)
            kind, reason = "Normal", "DeploymentRollback"
            message = f'Rolled back deployment "{deployment.metadata.name}" to revision {wanted}'
        await self.client.update(deployment)
        self.recorder.event(deployment, kind, reason, message)

    async def _sync_new(self, rollout: _Rollout, create: bool) -> None:
        """Brings the new ReplicaSet's annotations and the Deployment's revision up to date, creating it if asked."""
        revision = revisions.max_revision(rollout.old) + 1
        if rollout.new is None:
            if create:
                await self._create_new(rollout, revision)
            return
        deployment, new = rollout.deployment, fresh(rollout.new)
        changed = revisions.mark_new(deployment, new, revision, exists=True)
        if changed or (new.spec.minReadySeconds or 0) != (deployment.spec.minReadySeconds or 0):
            new.spec.minReadySeconds = deployment.spec.minReadySeconds
            rollout.new = new = await self._remember(deployment, self.client.update(new))
        told = None
        conditions = deployment.status.conditions
        if progress.has_deadline(deployment) and progress.find(conditions, progress.PROGRESSING) is None:
            message = f'Found new replica set "{new.metadata.name}"'
            now = self.clock.now()
            told = progress.condition(progress.PROGRESSING, "True", progress.NEW_FOUND, message, now)
        await self._write_revision(rollout, new.metadata.annotations.get(revisions.REVISION, ""), told)

    async def _create_new(self, rollout: _Rollout, revision: int) -> None:
        deployment = rollout.deployment
        hash_ = templates.template_hash(deployment.spec.template, deployment.status.collisionCount)
        template = templates.with_hash(deployment.spec.template, hash_)
        wanted = ReplicaSet(
            metadata=ObjectMeta(
                name=templates.replica_set_name(deployment.metadata.name or "", hash_),
                namespace=deployment.metadata.namespace,
                labels=dict(template.metadata.labels) if template.metadata else {},
                ownerReferences=[controller_reference(deployment)],
            ),
            spec=ReplicaSetSpec(
                replicas=0,
                minReadySeconds=deployment.spec.minReadySeconds,
                selector=templates.selector_with_hash(deployment.spec.selector, hash_),
                template=template,
            ),
        )
        wanted.spec.replicas = plan.new_size(deployment, wanted, [*rollout.old, wanted])
        revisions.mark_new(deployment, wanted, revision, exists=False)
        told = None
        try:
            made = await self._remember(deployment, self.client.create(wanted))
        except errors.AlreadyExists:
            made = await self._existing(rollout, wanted)
        except errors.StatusError as error:
            await self._creation_failed(rollout, wanted, error)
            raise
        else:
            if wanted.spec.replicas:
                text = f"Scaled up replica set {made.metadata.name} from 0 to {wanted.spec.replicas}"
                self.recorder.event(deployment, "Normal", "ScalingReplicaSet", text)
            if progress.has_deadline(deployment):
                text = f'Created new replica set "{made.metadata.name}"'
                now = self.clock.now()
                told = progress.condition(progress.PROGRESSING, "True", progress.NEW_CREATED, text, now)
        rollout.new = made
        await self._write_revision(rollout, str(revision), told)

    async def _existing(self, rollout: _Rollout, wanted: ReplicaSet) -> ReplicaSet:
        """The ReplicaSet of that name, if it is ours and the same; otherwise counts a hash collision and raises."""
        meta = wanted.metadata
        found = await self.client.get(ReplicaSet, meta.name or "", meta.namespace or "")
        ref = controller_of(found)
        ours = ref is not None and ref.uid == rollout.deployment.metadata.uid
        if ours and templates.same(found.spec.template, rollout.deployment.spec.template):
            return found
        deployment = fresh(rollout.deployment)
        deployment.status.collisionCount = (deployment.status.collisionCount or 0) + 1
        rollout.deployment = await self.client.update_status(deployment)
        raise errors.already_exists("apps", "replicasets", meta.name or "")

    async def _creation_failed(self, rollout: _Rollout, wanted: ReplicaSet, error: errors.StatusError) -> None:
        if is_namespace_terminating(error):
            return
        text = f'Failed to create new replica set "{wanted.metadata.name}": {error}'
        if progress.has_deadline(rollout.deployment):
            now = self.clock.now()
            told = progress.condition(progress.PROGRESSING, "False", progress.CREATE_FAILED, text, now)
            try:
                await self._write_condition(rollout, told)
            except errors.StatusError as second:
                self.log.debug("cannot tell that a ReplicaSet was refused: %s", second)
        self.recorder.event(rollout.deployment, "Warning", progress.CREATE_FAILED, text)

    async def _resize(self, rollout: _Rollout, steps: list[plan.Resize]) -> bool:
        """Writes the sizes; True when one changed."""
        scaled = False
        for step in steps:
            size = sizes.replicas_of(step.replica_set)
            if size == step.replicas and not (
                step.always and revisions.size_annotations_differ(rollout.deployment, step.replica_set)
            ):
                continue
            changed = fresh(step.replica_set)
            changed.spec.replicas = step.replicas
            revisions.set_size_annotations(rollout.deployment, changed)
            changed = await self._remember(rollout.deployment, self.client.update(changed))
            if rollout.new is step.replica_set:
                rollout.new = changed
            rollout.old = [changed if rs is step.replica_set else rs for rs in rollout.old]
            if size != step.replicas:
                scaled = True
                way = "up" if size < step.replicas else "down"
                text = f"Scaled {way} replica set {changed.metadata.name} from {size} to {step.replicas}"
                self.recorder.event(rollout.deployment, "Normal", "ScalingReplicaSet", text)
        return scaled

    async def _remember(self, deployment: Deployment, write: Awaitable[ReplicaSet]) -> ReplicaSet:
        written = await write
        self._written[key_of(deployment)] = revision_of(written)
        return written

    async def _clean_up_when_complete(self, rollout: _Rollout) -> None:
        if progress.is_complete(rollout.deployment, rollout.deployment.status):
            await self._clean_up(rollout)

    async def _clean_up(self, rollout: _Rollout) -> None:
        for rs in plan.cleanup(rollout.deployment, rollout.old):
            try:
                await self.client.delete(ReplicaSet, rs.metadata.name or "", rs.metadata.namespace or "")
            except errors.NotFound:
                continue

    async def _write_revision(self, rollout: _Rollout, revision: str, told: DeploymentCondition | None) -> None:
        """The revision annotation and a condition, written together as upstream does, through the status."""
        deployment = rollout.deployment
        same = deployment.metadata.annotations.get(revisions.REVISION, "") == revision
        if same and told is None:
            return
        changed = fresh(deployment)
        changed.metadata.annotations[revisions.REVISION] = revision
        if told is not None:
            changed.status.conditions = progress.with_condition(changed.status.conditions, told)
        rollout.deployment = await self.client.update_status(changed)

    async def _write_condition(self, rollout: _Rollout, told: DeploymentCondition) -> None:
        changed = fresh(rollout.deployment)
        changed.status.conditions = progress.with_condition(changed.status.conditions, told)
        rollout.deployment = await self.client.update_status(changed)

    async def _write_plain_status(self, rollout: _Rollout) -> None:
        found = progress.status(rollout.deployment, rollout.new, rollout.old, self.clock.now())
        if found != rollout.deployment.status:
            changed = fresh(rollout.deployment)
            changed.status = found
            rollout.deployment = await self.client.update_status(changed)

    async def _write_rollout_status(self, key: str, rollout: _Rollout) -> None:
        now = self.clock.now()
        found = progress.rollout_status(rollout.deployment, rollout.new, rollout.old, now)
        if found != rollout.deployment.status:
            changed = fresh(rollout.deployment)
            changed.status = found
            rollout.deployment = await self.client.update_status(changed)
        elif (wait_s := progress.next_check_s(rollout.deployment, found, now)) is not None:
            self.queue.add_after(key, wait_s)

    async def _refuse_selecting_all(self, deployment: Deployment) -> None:
        text = "This deployment is selecting all pods. A non-empty selector is required."
        self.recorder.event(deployment, "Warning", "SelectingAll", text)
        if (deployment.status.observedGeneration or 0) < (deployment.metadata.generation or 0):
            deployment.status.observedGeneration = deployment.metadata.generation
            await self.client.update_status(deployment)

    async def _claim(self, deployment: Deployment) -> list[ReplicaSet] | None:
        """The ReplicaSets of the Deployment, after adoption and release; None for an unusable selector."""
        meta = deployment.metadata
        try:
            selector = LabelSelector.of(deployment.spec.selector)
        except SelectorError as error:
            self.log.warning("Deployment %s/%s has no usable selector: %s", meta.namespace, meta.name, error)
            return None

        async def read() -> Deployment:
            return await self.client.get(Deployment, meta.name or "", meta.namespace or "")

        by_index = self._replica_sets.by_index
        candidates = by_index("controller", meta.uid or "") + by_index("controller", orphans_in(meta.namespace or ""))
        return await Claims(self.client, ReplicaSet, deployment, selector, read).claim(candidates)

    def _old_pods_run(self, rollout: _Rollout) -> bool:
        if any(rs.status.replicas for rs in rollout.old):
            return True
        return any(
            not is_finished(pod)
            for rs in rollout.old
            for pod in self._pods.by_index("controller", rs.metadata.uid or "")
        )

    def _owner(self, namespace: str, ref: OwnerReference | None) -> Deployment | None:
        if ref is None or ref.kind != "Deployment":
            return None
        found = self._deployments.get(namespace, ref.name)
        return found if found is not None and found.metadata.uid == ref.uid else None

    def _enqueue_owner(self, rs: ReplicaSet) -> None:
        owner = self._owner(rs.metadata.namespace or "", controller_of(rs))
        if owner is not None:
            self.enqueue(owner)

    def _enqueue_adopters(self, rs: ReplicaSet) -> None:
        for deployment in self._deployments.list(rs.metadata.namespace or ""):
            selector = LabelSelector.of(deployment.spec.selector)
            if not selector.empty and selector.matches(rs.metadata.labels):
                self.enqueue(deployment)

    def _replica_set_added(self, rs: ReplicaSet) -> None:
        if rs.metadata.deletionTimestamp:
            self._replica_set_deleted(rs)
        elif controller_of(rs) is not None:
            self._enqueue_owner(rs)
        else:
            self._enqueue_adopters(rs)

    def _replica_set_updated(self, old: ReplicaSet, new: ReplicaSet) -> None:
        old_ref, ref = controller_of(old), controller_of(new)
        if old_ref != ref and old_ref is not None:
            self._enqueue_owner(old)
        if ref is not None:
            self._enqueue_owner(new)
        elif old.metadata.labels != new.metadata.labels or old_ref != ref:
            self._enqueue_adopters(new)

    def _replica_set_deleted(self, rs: ReplicaSet) -> None:
        self._enqueue_owner(rs)

    def _pod_deleted(self, pod: Pod) -> None:
        """A Recreate rollout waits for the last old Pod to go."""
        ref = controller_of(pod)
        if ref is None or ref.kind != "ReplicaSet":
            return
        rs = self._replica_sets.get(pod.metadata.namespace or "", ref.name)
        if rs is None or rs.metadata.uid != ref.uid:
            return
        owner = self._owner(rs.metadata.namespace or "", controller_of(rs))
        if owner is None or sizes.is_rolling(owner):
            return
        siblings = self._replica_sets.by_index("controller", owner.metadata.uid or "")
        if not any(self._pods.by_index("controller", sibling.metadata.uid or "") for sibling in siblings):
            self.enqueue(owner)
