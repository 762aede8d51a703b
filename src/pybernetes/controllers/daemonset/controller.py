"""Runs a Pod of each DaemonSet on every node that it suits.

Source: pkg/controller/daemon/daemon_controller.go, update.go. Differs: a node that goes brings its
DaemonSets' status up to date at once.
"""

from __future__ import annotations

import asyncio

from pybernetes.api.apps.v1 import ControllerRevision, DaemonSet, DaemonSetStatus
from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.meta.v1 import LabelSelector as SelectorStruct
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.client.objects import T, key_of
from pybernetes.controllers.daemonset import plan
from pybernetes.controllers.daemonset.placement import Placement, daemon_template, pinned, target_node
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
from pybernetes.controllers.runtime.revisions import (
    REVISION_LABEL,
    data_of,
    delete_revision,
    in_order,
    new_revision,
    renumbered,
)

_FIRST_BACKOFF_S = 1.0
_MOST_BACKOFF_S = 900.0
_NODE_INDEX = "daemon node"


class _FailedPods:
    """How long a node waits before its failed daemon is replaced: twice as long each time."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, str], tuple[float, float]] = {}

    def wait_s(self, daemon_set: DaemonSet, node: str, now: float) -> float:
        """Seconds left; when there are none, the Pod is replaced now and the next wait begins."""
        key = f"{daemon_set.metadata.uid}/{daemon_set.status.observedGeneration}", node
        since, wait_s = self._waits.get(key, (0.0, 0.0))
        if now - since < wait_s:
            return since + wait_s - now
        fresh_start = now - since > 2 * _MOST_BACKOFF_S
        self._waits[key] = now, _FIRST_BACKOFF_S if fresh_start else min(2 * wait_s, _MOST_BACKOFF_S)
        return 0.0

    def forget(self, daemon_set: DaemonSet) -> None:
        prefix = f"{daemon_set.metadata.uid}/"
        self._waits = {key: wait for key, wait in self._waits.items() if not key[0].startswith(prefix)}


class DaemonSetController(Controller):
    name = "daemonset-controller"
    queue_name = "daemonset"
    workers = 2

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._expectations = Expectations()
        self._failed_pods = _FailedPods()
        self._pod_control = PodControl(self.client, self.recorder)
        daemon_sets, pods, nodes = self.informer(DaemonSet), self.informer(Pod), self.informer(Node)
        revisions = self.informer(ControllerRevision)
        self._daemon_sets, self._pods, self._nodes = daemon_sets.lister, pods.lister, nodes.lister
        self._revisions = revisions.lister
        pods.add_index("controller", controller_index)
        pods.add_index(_NODE_INDEX, _daemon_node)
        revisions.add_index("controller", controller_index)
        self._owned = OwnedPods("DaemonSet", self._daemon_sets, self.queue, self._expectations)
        daemon_sets.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self._daemon_set_deleted
        )
        self._owned.follow(pods)
        revisions.add_handler(
            on_add=self._revision_changed,
            on_update=lambda old, new: self._revision_changed(new),
            on_delete=self._revision_changed,
        )
        nodes.add_handler(on_add=self._node_changed, on_update=self._node_updated, on_delete=self._node_deleted)

    async def reconcile(self, key: str) -> None:
        known = self._daemon_sets.by_key(key)
        if known is None:
            self._expectations.forget(key)
            return
        daemon_set = fresh(known)
        if daemon_set.spec.selector == SelectorStruct():
            text = "This daemon set is selecting all pods. A non-empty selector is required."
            self.recorder.event(daemon_set, "Warning", "SelectingAll", text)
            return
        if daemon_set.metadata.deletionTimestamp:
            return
        try:
            selector = LabelSelector.of(daemon_set.spec.selector)
        except SelectorError as error:
            self.log.warning("DaemonSet %s has no usable selector: %s", key, error)
            return
        current, old = await self._history(daemon_set, selector)
        hash_ = current.metadata.labels.get(REVISION_LABEL, "")
        satisfied = self._expectations.satisfied(key)
        failure: Exception | None = None
        if satisfied:
            failure = await self._update(key, daemon_set, selector, hash_, old)
        else:
            self.queue.add_after(key, self._expectations.wait_s(key))
        view = self._view(daemon_set, await self._claim_pods(daemon_set, selector), hash_)
        status = plan.status(view, observed=satisfied)
        await self._write_status(daemon_set, status)
        if failure is not None:
            raise failure
        if daemon_set.spec.minReadySeconds and status.numberReady != (status.numberAvailable or 0):
            self.queue.add_after(key, daemon_set.spec.minReadySeconds)

    async def _update(
        self, key: str, daemon_set: DaemonSet, selector: LabelSelector, hash_: str, old: list[ControllerRevision]
    ) -> Exception | None:
        """Creates and deletes what is due, then rolls, then forgets history; the first failure ends it."""
        view = self._view(daemon_set, await self._claim_pods(daemon_set, selector), hash_)
        todo = plan.manage(view, lambda node: self._failed_pods.wait_s(daemon_set, node, view.now))
        self._tell_finished(daemon_set, todo)
        if todo.wait_s is not None:
            self.queue.add_after(key, todo.wait_s)
        failure = await self._do(key, daemon_set, todo, hash_)
        if failure is None and self._expectations.satisfied(key) and plan.rolls(daemon_set):
            view = self._view(daemon_set, await self._claim_pods(daemon_set, selector), hash_)
            failure = await self._do(key, daemon_set, plan.roll(view), hash_)
        if failure is not None:
            return failure
        pods = self._pods.by_index("controller", daemon_set.metadata.uid or "")
        for revision in plan.surplus_revisions(daemon_set, old, pods):
            await delete_revision(self.client, revision)
        return None

    async def _do(self, key: str, daemon_set: DaemonSet, todo: plan.Todo, hash_: str) -> Exception | None:
        """Creates and deletes; the first failure is returned, the rest was tried."""
        nodes, doomed = todo.create_on[: plan.BURST], todo.delete[: plan.BURST]
        self._expectations.expect(key, len(nodes), [identity(pod) for pod in doomed])
        template = daemon_template(daemon_set, hash_)

        async def create(number: int) -> None:
            try:
                await self._pod_control.create(
                    pod_from_template(pinned(template, nodes[number]), daemon_set), daemon_set
                )
            except errors.StatusError as error:
                if not is_namespace_terminating(error):
                    raise

        async def delete(pod: Pod) -> None:
            try:
                await self._pod_control.delete(pod, daemon_set)
            except (errors.StatusError, OSError) as error:
                self._expectations.deletion_observed(key, identity(pod))
                if not isinstance(error, errors.NotFound):
                    raise

        created, failure = await slow_start(len(nodes), create)
        if created < len(nodes):
            self._expectations.creation_observed(key, len(nodes) - created)
        if isinstance(failure, OSError):
            self._expectations.doubt(key)
        results = await asyncio.gather(*map(delete, doomed), return_exceptions=True)
        return failure or next((r for r in results if isinstance(r, Exception)), None)

    def _tell_finished(self, daemon_set: DaemonSet, todo: plan.Todo) -> None:
        for pod in todo.failed:
            text = f"Found failed daemon pod {key_of(pod)} on node {target_node(pod)}, will try to kill it"
            self.recorder.event(daemon_set, "Warning", "FailedDaemonPod", text)
        for pod in todo.succeeded:
            text = f"Found succeeded daemon pod {key_of(pod)} on node {target_node(pod)}, will try to delete it"
            self.recorder.event(daemon_set, "Normal", "SucceededDaemonPod", text)

    def _view(self, daemon_set: DaemonSet, pods: list[Pod], hash_: str) -> plan.View:
        nodes = sorted(self._nodes.list(), key=lambda node: node.metadata.name or "")
        placement = Placement(daemon_set)
        return plan.View(daemon_set, nodes, plan.by_node(pods), hash_, placement, self.clock.now())

    # History.

    async def _history(
        self, daemon_set: DaemonSet, selector: LabelSelector
    ) -> tuple[ControllerRevision, list[ControllerRevision]]:
        """(the revision of the template as it is, the others in order)."""
        data = data_of(daemon_set.spec.template)
        same: list[ControllerRevision] = []
        old: list[ControllerRevision] = []
        for revision in in_order(await self._claim_revisions(daemon_set, selector)):
            labelled = await self._labelled(revision)
            (same if labelled.data == data else old).append(labelled)
        number = (old[-1].revision if old else 0) + 1
        if not same:
            return await self._snapshot(daemon_set, number), old
        current = same[-1]
        if len(same) > 1:
            await self._drop_duplicates(daemon_set, selector, current, same[:-1])
        if current.revision < number:
            current = await renumbered(self.client, current, number)
        return current, old

    async def _labelled(self, revision: ControllerRevision) -> ControllerRevision:
        if REVISION_LABEL in revision.metadata.labels:
            return revision
        changed = fresh(revision)
        changed.metadata.labels = {**changed.metadata.labels, REVISION_LABEL: revision.metadata.name or ""}
        return await self.client.update(changed)

    async def _snapshot(self, daemon_set: DaemonSet, number: int) -> ControllerRevision:
        collisions = daemon_set.status.collisionCount
        wanted = new_revision(daemon_set, number, collisions, REVISION_LABEL, daemon_set.metadata.annotations)
        try:
            return await self.client.create(wanted)
        except errors.AlreadyExists:
            meta = wanted.metadata
            found = await self.client.get(ControllerRevision, meta.name or "", meta.namespace or "")
            if found.data == wanted.data:
                return found
            newest = await self.client.get(DaemonSet, daemon_set.metadata.name or "", meta.namespace or "")
            if newest.status.collisionCount == collisions:
                newest.status.collisionCount = (collisions or 0) + 1
                await self.client.update_status(newest)
            raise

    async def _drop_duplicates(
        self,
        daemon_set: DaemonSet,
        selector: LabelSelector,
        kept: ControllerRevision,
        others: list[ControllerRevision],
    ) -> None:
        """Gives the Pods of duplicates the kept revision's label, then deletes the duplicates."""
        hash_ = kept.metadata.labels.get(REVISION_LABEL)
        for pod in await self._claim_pods(daemon_set, selector):
            if pod.metadata.labels.get(REVISION_LABEL) != hash_:
                body = {"metadata": {"labels": {REVISION_LABEL: hash_}}}
                await self.client.patch(Pod, pod.metadata.name or "", pod.metadata.namespace or "", body)
        for revision in others:
            await delete_revision(self.client, revision)

    # Reading and writing.

    async def _write_status(self, daemon_set: DaemonSet, status: DaemonSetStatus) -> None:
        """Only when it differs; one retry on the newest version."""
        if daemon_set.status == status:
            return
        changed = fresh(daemon_set)
        changed.status = status
        try:
            await self.client.update_status(changed)
        except errors.Conflict:
            meta = daemon_set.metadata
            newest = await self.client.get(DaemonSet, meta.name or "", meta.namespace or "")
            if newest.metadata.uid != meta.uid:
                return
            status.collisionCount = newest.status.collisionCount
            newest.status = status
            await self.client.update_status(newest)
        except errors.NotFound:
            return

    async def _claim_pods(self, daemon_set: DaemonSet, selector: LabelSelector) -> list[Pod]:
        meta = daemon_set.metadata
        known = self._pods.by_index("controller", meta.uid or "")
        known += self._pods.by_index("controller", orphans_in(meta.namespace or ""))
        return await self._claims_on(Pod, daemon_set, selector).claim(known)

    async def _claim_revisions(self, daemon_set: DaemonSet, selector: LabelSelector) -> list[ControllerRevision]:
        meta = daemon_set.metadata
        known = self._revisions.by_index("controller", meta.uid or "")
        known += self._revisions.by_index("controller", orphans_in(meta.namespace or ""))
        return await self._claims_on(ControllerRevision, daemon_set, selector).claim(known)

    def _claims_on(self, cls: type[T], daemon_set: DaemonSet, selector: LabelSelector) -> Claims[T]:
        meta = daemon_set.metadata

        async def read() -> DaemonSet:
            return await self.client.get(DaemonSet, meta.name or "", meta.namespace or "")

        return Claims(self.client, cls, daemon_set, selector, read)

    # Events.

    def _daemon_set_deleted(self, daemon_set: DaemonSet) -> None:
        self._expectations.forget(key_of(daemon_set))
        self._failed_pods.forget(daemon_set)
        self.enqueue(daemon_set)

    def _revision_changed(self, revision: ControllerRevision) -> None:
        namespace = revision.metadata.namespace or ""
        ref = controller_of(revision)
        if ref is not None:
            owner = self._owned.owner_of(namespace, ref)
            if owner is not None:
                self.enqueue(owner)
            return
        for daemon_set in self._daemon_sets.list(namespace):
            try:
                if LabelSelector.of(daemon_set.spec.selector).matches(revision.metadata.labels):
                    self.enqueue(daemon_set)
            except SelectorError:
                continue

    def _node_updated(self, old: Node, new: Node) -> None:
        if old.metadata.labels != new.metadata.labels or old.spec.taints != new.spec.taints:
            self._node_changed(new)

    def _node_changed(self, node: Node) -> None:
        daemon_sets = self._daemon_sets.list()
        if not daemon_sets:
            return
        here = self._pods.by_index(_NODE_INDEX, node.metadata.name or "")
        for daemon_set in daemon_sets:
            uid = daemon_set.metadata.uid
            own = [pod for pod in here if (ref := controller_of(pod)) is not None and ref.uid == uid]
            if plan.concerns(daemon_set, node, own):
                self.enqueue(daemon_set)

    def _node_deleted(self, node: Node) -> None:
        for daemon_set in self._daemon_sets.list():
            self.enqueue(daemon_set)


def _daemon_node(pod: Pod) -> list[str]:
    """Index function: the node of a DaemonSet's Pod."""
    ref = controller_of(pod)
    if ref is None or ref.kind != "DaemonSet":
        return []
    node = target_node(pod)
    return [node] if node is not None else []
