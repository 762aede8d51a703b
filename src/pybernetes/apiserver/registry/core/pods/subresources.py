"""Subresources of Pods: binding, eviction, ephemeralcontainers, resize.

Source: pkg/registry/core/pod/storage/{storage,eviction}.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import Status, StatusCause
from pybernetes.api.policy import v1 as policy
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.scheme import GroupVersionKind
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.registry.core.pods import validation
from pybernetes.apiserver.registry.core.pods.strategy import scheduled_condition
from pybernetes.apiserver.registry.generic.interface import Body, DeleteOptions, RequestContext, Written
from pybernetes.apiserver.registry.generic.object_meta import match_namespace
from pybernetes.apiserver.registry.generic.subresources import SubresourceBase, ViewSubresource, reset_meta_for_status
from pybernetes.apiserver.registry.generic.writing import Current, UpdateRules

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage

BINDING = GroupVersionKind("", "v1", "Binding")
EVICTION = GroupVersionKind("policy", "v1", "Eviction")
_MAX_DISRUPTED_PODS = 2000


def _nothing(ctx: RequestContext, obj: Any, old: Any) -> None:
    """For writes that the server makes up itself: nothing to reset."""


def _no_errors(obj: Any, old: Any) -> list[FieldError]:
    return []


class BindingSubresource(SubresourceBase):
    """POST a Binding: gives the Pod its node, once."""

    async def create(self, ctx: RequestContext, body: Body) -> Written:
        binding: core.Binding = self.storage.codec.read(ctx, body, core.Binding, BINDING)
        if not binding.metadata.name:
            binding.metadata.name = ctx.name
        match_namespace(binding.metadata, ctx.namespace)
        if binding.metadata.name != ctx.name:
            raise errors.BadRequest("name in URL does not match name in Binding object")
        await self.storage.registry.admission.admit(Attributes(ctx, "CREATE", binding))
        _check_binding(binding)
        await self.storage.registry.admission.validate(Attributes(ctx, "CREATE", binding))
        registry = self.storage.registry

        def transform(old: core.Pod, current: Current) -> core.Pod:
            pod: core.Pod = self.storage.codec.decode(current.served)
            if pod.metadata.deletionTimestamp is not None:
                raise _conflict(ctx, f"pod {pod.metadata.name} is being deleted, cannot be assigned to a host")
            if binding.metadata.uid and binding.metadata.uid != pod.metadata.uid:
                raise _conflict(
                    ctx,
                    f"Precondition failed: UID in precondition: {binding.metadata.uid}, "
                    f"UID in object meta: {pod.metadata.uid}",
                )
            if pod.spec.nodeName:
                raise _conflict(ctx, f'pod {pod.metadata.name} is already assigned to node "{pod.spec.nodeName}"')
            if pod.spec.schedulingGates:
                raise _conflict(ctx, f"pod {pod.metadata.name} has non-empty .spec.schedulingGates")
            pod.spec.nodeName = binding.target.name
            pod.status.nominatedNodeName = None
            pod.metadata.annotations.update(binding.metadata.annotations)
            for key, value in binding.metadata.labels.items():
                pod.metadata.labels.setdefault(key, value)
            scheduled_condition(pod, registry.clock.now())
            return pod

        await self.storage.replace(ctx, transform, UpdateRules(_nothing, _no_errors))
        return Written(msgspec.json.encode(Status(status="Success", code=201)), created=True)


def _check_binding(binding: core.Binding) -> None:
    found = []
    if binding.target.kind not in (None, "", "Node"):
        at = Path("target").child("kind")
        found.append(FieldError.not_supported(at, binding.target.kind, ("Node", "<empty>")))
    if not binding.target.name:
        found.append(FieldError.required(Path("target").child("name"), ""))
    if found:
        raise invalid(("", "Binding"), binding.metadata.name or "", found)


def _conflict(ctx: RequestContext, why: str) -> errors.Conflict:
    error = errors.conflict("", "pods/binding", ctx.name, why)
    error.details.kind = "pods"
    return error


class EphemeralContainersSubresource(ViewSubresource):
    """Adds ephemeral containers, and changes nothing else."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, UpdateRules(_only_ephemeral, validation.validate_ephemeral_containers_update))


def _only_ephemeral(ctx: RequestContext, obj: core.Pod, old: core.Pod) -> None:
    ephemeral = obj.spec.ephemeralContainers
    obj.spec = msgspec.structs.replace(old.spec, ephemeralContainers=ephemeral)
    obj.status = old.status
    reset_meta_for_status(obj.metadata, old.metadata)
    if obj.spec != old.spec:
        obj.metadata.generation = (old.metadata.generation or 0) + 1


class ResizeSubresource(ViewSubresource):
    """Changes resources and resizePolicy of containers, and nothing else."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, UpdateRules(_only_resources, _validate_resize))


def _only_resources(ctx: RequestContext, obj: core.Pod, old: core.Pod) -> None:
    new = obj.spec
    lists: dict[str, list[core.Container]] = {}
    for name in ("containers", "initContainers"):
        wanted, before = getattr(new, name), getattr(old.spec, name)
        if [c.name for c in wanted] != [c.name for c in before]:
            # Left as it is; validation says that containers may not be added, removed or renamed.
            lists[name] = wanted
            continue
        lists[name] = [
            msgspec.structs.replace(o, resources=c.resources, resizePolicy=c.resizePolicy)
            for c, o in zip(wanted, before, strict=True)
        ]
    obj.spec = msgspec.structs.replace(
        old.spec, containers=lists["containers"], initContainers=lists["initContainers"], resources=new.resources
    )
    obj.status = old.status
    reset_meta_for_status(obj.metadata, old.metadata)
    if obj.spec != old.spec:
        obj.metadata.generation = (old.metadata.generation or 0) + 1


def _validate_resize(obj: core.Pod, old: core.Pod) -> list[FieldError]:
    from pybernetes.apiserver.registry.core.pods.resizing import validate_resize

    return validate_resize(obj, old)


class EvictionSubresource(SubresourceBase):
    """POST an Eviction: deletes the Pod if its PodDisruptionBudget has room for that."""

    async def create(self, ctx: RequestContext, body: Body) -> Written:
        eviction: policy.Eviction = self.storage.codec.read(ctx, body, policy.Eviction, EVICTION)
        if eviction.metadata.name and eviction.metadata.name != ctx.name:
            raise errors.BadRequest("name in URL does not match name in Eviction object")
        await self.storage.registry.admission.admit(Attributes(ctx, "CREATE", eviction))
        await self.storage.registry.admission.validate(Attributes(ctx, "CREATE", eviction))
        wanted = eviction.deleteOptions
        options = DeleteOptions()
        if wanted is not None:
            preconditions = wanted.preconditions
            options = DeleteOptions(
                wanted.gracePeriodSeconds,
                wanted.propagationPolicy,
                wanted.orphanDependents,
                preconditions.uid if preconditions else None,
                preconditions.resourceVersion if preconditions else None,
            )
            ctx.dry_run = ctx.dry_run or bool(wanted.dryRun)
        pod = await self.storage.registry.read(core.Pod, ctx.name, ctx.namespace)
        if pod is None:
            raise errors.not_found("", "pods", ctx.name)
        if not _ignores_budget(pod):
            await self._take_from_budget(ctx, pod)
        await self._mark(ctx, pod, options)
        deleting = _pods_ctx(ctx)
        await self.storage.delete(deleting, options)
        return Written(msgspec.json.encode(Status(status="Success", code=201)), created=True)

    async def _mark(self, ctx: RequestContext, pod: core.Pod, options: DeleteOptions) -> None:
        """Says on the Pod why it goes, before it goes."""
        if pod.metadata.deletionTimestamp is not None or options.resource_version:
            return
        registry = self.storage.registry

        def transform(old: core.Pod, current: Current) -> core.Pod:
            fresh: core.Pod = self.storage.codec.decode(current.served)
            fresh.status.conditions = [c for c in fresh.status.conditions if c.type != "DisruptionTarget"]
            fresh.status.conditions.append(
                core.PodCondition(
                    type="DisruptionTarget",
                    status="True",
                    reason="EvictionByEvictionAPI",
                    message="Eviction API: evicting",
                    lastTransitionTime=format_time(registry.clock.now()),
                    observedGeneration=fresh.metadata.generation,
                )
            )
            return fresh

        await self.storage.replace(_pods_ctx(ctx), transform, UpdateRules(_nothing, _no_errors))

    async def _take_from_budget(self, ctx: RequestContext, pod: core.Pod) -> None:
        """Uses one allowed disruption. Raises TooManyRequests when none is left."""
        budgets = [b for b in await self.storage.registry.read_all(policy.PodDisruptionBudget, ctx.namespace)
                   if _selects(b, pod)]  # fmt: skip
        if not budgets:
            return
        if len(budgets) > 1:
            raise errors.InternalError(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            )
        budget = budgets[0]
        ready = any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)
        if not ready and _evicts_unhealthy(budget):
            return
        now = self.storage.registry.clock.now()

        def take(fresh: policy.PodDisruptionBudget) -> None:
            status = fresh.status
            if (status.observedGeneration or 0) < (fresh.metadata.generation or 0):
                raise _too_many(
                    budget,
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    f"The disruption budget {budget.metadata.name} is still being processed by the server.",
                )
            if (status.disruptionsAllowed or 0) < 1:
                raise _too_many(
                    budget,
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    f"The disruption budget {budget.metadata.name} needs {status.desiredHealthy} healthy "
                    f"pods and has {status.currentHealthy} currently",
                )
            if len(status.disruptedPods) > _MAX_DISRUPTED_PODS:
                raise errors.Forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller")
            status.disruptionsAllowed = (status.disruptionsAllowed or 0) - 1
            status.disruptedPods[pod.metadata.name or ""] = format_time(now)

        await self.storage.registry.change_status(ctx, budget, take)


def _pods_ctx(ctx: RequestContext) -> RequestContext:
    """The same request on the Pod itself; the journal says eviction."""
    return RequestContext(
        user=ctx.user,
        resource=ctx.resource,
        verb="evict",
        namespace=ctx.namespace,
        name=ctx.name,
        user_agent=ctx.user_agent,
        dry_run=ctx.dry_run,
        traceparent=ctx.traceparent,
        cause_revision=ctx.cause_revision,
        warnings=ctx.warnings,
    )


def _ignores_budget(pod: core.Pod) -> bool:
    if pod.metadata.deletionTimestamp is not None:
        return True
    return pod.status.phase in ("Succeeded", "Failed", "Pending")


def _selects(budget: policy.PodDisruptionBudget, pod: core.Pod) -> bool:
    try:
        return LabelSelector.of(budget.spec.selector).matches(pod.metadata.labels)
    except SelectorError:
        return False


def _evicts_unhealthy(budget: policy.PodDisruptionBudget) -> bool:
    """Pods that are not ready may go when the policy says so, or while the budget is met."""
    if budget.spec.unhealthyPodEvictionPolicy == "AlwaysAllow":
        return True
    healthy, desired = budget.status.currentHealthy or 0, budget.status.desiredHealthy or 0
    return healthy >= desired and desired > 0


def _too_many(budget: policy.PodDisruptionBudget, message: str, why: str) -> errors.TooManyRequests:
    return errors.TooManyRequests(
        message, causes=[StatusCause(reason="DisruptionBudget", message=why)], retry_after_s=0
    )
