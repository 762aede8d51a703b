"""Keeps the status of PodDisruptionBudgets, by which evictions are granted.

Source: pkg/controller/disruption/disruption.go. Differs: of several budgets that select a Pod all are
brought up to date, not one; a Pod whose labels change tells the budget it leaves, too.
"""

from __future__ import annotations

from pybernetes.api.apps.v1 import Deployment, ReplicaSet, StatefulSet
from pybernetes.api.core.v1 import Pod, PodCondition, ReplicationController
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.api.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetStatus
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.apimachinery.times import format_time
from pybernetes.client.discovery import resource_in
from pybernetes.client.objects import KubernetesObject, key_of
from pybernetes.controllers.disruption import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.owners import controller_of

_STALE = "stale:"


class DisruptionController(Controller):
    """Keys: NAMESPACE/NAME of a budget; `stale:NAMESPACE/NAME` of a Pod whose DisruptionTarget came to nothing."""

    name = "disruption-controller"
    queue_name = "disruption"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("controllermanager")
        budgets, pods = self.informer(PodDisruptionBudget), self.informer(Pod)
        self._budgets, self._pods = budgets.lister, pods.lister
        self._deployments = self.informer(Deployment).lister
        self._replica_sets = self.informer(ReplicaSet).lister
        self._stateful_sets = self.informer(StatefulSet).lister
        self._replication_controllers = self.informer(ReplicationController).lister
        self.enqueue_all(budgets)
        pods.add_handler(on_add=self._pod_seen, on_update=self._pod_updated, on_delete=self._enqueue_budgets)

    async def reconcile(self, key: str) -> None:
        if key.startswith(_STALE):
            await self._clear_stale_condition(key.removeprefix(_STALE))
            return
        budget = self._budgets.by_key(key)
        if budget is None:
            return
        try:
            await self._sync(key, budget)
        except errors.Conflict:
            raise
        except (errors.StatusError, ValueError) as error:
            self.log.info("%s: %s: %s", self.name, key, error)
            await self._write(budget, plan.failed_status(budget, str(error), self.clock.now()))

    async def _sync(self, key: str, budget: PodDisruptionBudget) -> None:
        now = self.clock.now()
        try:
            selector = LabelSelector.of(budget.spec.selector)
        except SelectorError as error:
            self.recorder.event(budget, "Warning", "NoPods", f"Failed to get pods: {error}")
            raise
        pods = self._pods.list(budget.metadata.namespace or "", selector)
        if not pods:
            self.recorder.event(budget, "Normal", "NoPods", "No matching pods found")
        try:
            expected, desired = plan.counts(budget, pods, await self._owners(budget, pods, selector))
        except (errors.StatusError, ValueError) as error:
            text = f"Failed to calculate the number of expected pods: {error}"
            self.recorder.event(budget, "Warning", "CalculateExpectedPodCountFailed", text)
            raise
        disrupted = plan.disrupted(budget, pods, now)
        for pod in disrupted.not_deleted:
            text = f"Pod was expected by PDB {key} to be deleted but it wasn't"
            self.recorder.event(pod, "Warning", "NotDeleted", text)
        current = plan.healthy(pods, disrupted.pods, now)
        await self._write(budget, plan.status(budget, current, desired, expected, disrupted.pods, now))
        if disrupted.recheck_s is not None:
            self.queue.add_after(key, disrupted.recheck_s + 0.001)

    async def _owners(self, budget: PodDisruptionBudget, pods: list[Pod], selector: LabelSelector) -> list[plan.Owner]:
        """The owners of the Pods with their sizes. Raises ValueError for a Pod whose owner has none."""
        if not plan.needs_scale(budget):
            return []
        refs, unmanaged = plan.owners_of(pods)
        if unmanaged:
            text = (
                f"Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a "
                "result, the status of the PDB cannot be calculated correctly, which may result in undefined "
                'behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an '
                "integer value."
            )
            self.recorder.event(budget, "Warning", "UnmanagedPods", text)
        found = []
        for ref, pod in refs:
            owner = self._known_owner(ref, pod.metadata.namespace or "")
            if owner is None:
                owner = await self._scaled_owner(ref, pod.metadata.namespace or "")
            if owner is None:
                raise ValueError(f'found no controllers for pod "{pod.metadata.name}"')
            found.append(owner)
        return found

    def _known_owner(self, ref: OwnerReference, namespace: str) -> plan.Owner | None:
        """Of the built-in kinds, from informers; a ReplicaSet of a Deployment counts as the Deployment."""
        group = ref.apiVersion.rpartition("/")[0]
        obj: Deployment | ReplicaSet | StatefulSet | ReplicationController | None = None
        match (group, ref.kind):
            case ("apps" | "extensions", "ReplicaSet"):
                obj = self._replica_sets.get(namespace, ref.name)
                above = controller_of(obj) if obj is not None and obj.metadata.uid == ref.uid else None
                if above is not None and above.kind == "Deployment":
                    ref, obj = above, self._deployments.get(namespace, above.name)
            case ("apps", "StatefulSet"):
                obj = self._stateful_sets.get(namespace, ref.name)
            case ("", "ReplicationController"):
                obj = self._replication_controllers.get(namespace, ref.name)
        if obj is None or obj.metadata.uid != ref.uid:
            return None
        return plan.Owner(ref.uid, 1 if obj.spec.replicas is None else obj.spec.replicas)

    async def _scaled_owner(self, ref: OwnerReference, namespace: str) -> plan.Owner | None:
        """Of any other kind, through its scale subresource. Raises ValueError when it has none."""
        resource, has_scale = await self._resource(ref)
        try:
            scale = await self.client.dynamic.get(resource, ref.name, namespace, "scale")
        except errors.NotFound:
            if not has_scale:
                raise ValueError(f"{resource.qualified} does not implement the scale subresource") from None
            return None
        if scale.get("metadata", {}).get("uid") != ref.uid:
            return None
        return plan.Owner(ref.uid, scale.get("spec", {}).get("replicas", 0))

    async def _resource(self, ref: OwnerReference) -> tuple[Resource, bool]:
        """The resource of a reference's kind and whether it has a scale, from discovery."""
        group, _, version = ref.apiVersion.rpartition("/")
        found = await resource_in(self.client, group, version, ref.kind)
        if found is None:
            raise ValueError(f'no matches for kind "{ref.kind}" in version "{ref.apiVersion}"')
        return found

    async def _write(self, budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus) -> None:
        if budget.status == status:
            return
        changed = fresh(budget)
        changed.status = status
        await self.client.update_status(changed)

    async def _clear_stale_condition(self, key: str) -> None:
        """A Pod that was to be disrupted and then was not: its condition says so no longer."""
        pod = self._pods.by_key(key)
        wait_s = plan.stale_condition_in(pod, self.clock.now()) if pod is not None else None
        if pod is None or wait_s is None:
            return
        if wait_s > 0:
            self.queue.add_after(_STALE + key, wait_s)
            return
        changed = fresh(pod)
        told = PodCondition(
            type=plan.TARGET,
            status="False",
            lastTransitionTime=format_time(self.clock.now()),
            observedGeneration=pod.metadata.generation,
        )
        changed.status.conditions = [told if c.type == plan.TARGET else c for c in changed.status.conditions]
        try:
            await self.client.update_status(changed)
        except errors.NotFound:
            return

    # Events.

    def _pod_seen(self, pod: Pod) -> None:
        self._enqueue_budgets(pod)
        wait_s = plan.stale_condition_in(pod, self.clock.now())
        if wait_s is not None:
            self.queue.add_after(_STALE + key_of(pod), wait_s)

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        if old.metadata.labels != new.metadata.labels:
            self._enqueue_budgets(old)
        self._pod_seen(new)

    def _enqueue_budgets(self, pod: KubernetesObject) -> None:
        found = []
        for budget in self._budgets.list(pod.metadata.namespace or ""):
            try:
                if LabelSelector.of(budget.spec.selector).matches(pod.metadata.labels):
                    found.append(budget)
            except SelectorError:
                continue
        for budget in found:
            self.enqueue(budget)
        if len(found) > 1:
            names = ", ".join(sorted(budget.metadata.name or "" for budget in found))
            text = (
                f'Pod "{pod.metadata.namespace}"/"{pod.metadata.name}" matches multiple PodDisruptionBudgets: {names}.'
            )
            self.recorder.event(pod, "Warning", "MultiplePodDisruptionBudgets", text)
