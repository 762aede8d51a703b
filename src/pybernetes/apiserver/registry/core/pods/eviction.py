"""The eviction subresource: a Pod is deleted when its PodDisruptionBudget has room for that.

What is decided is pure (`why_not`, `take`, `ignores_budget`, `evicts_unhealthy`); the shell reads, writes, and begins
anew when the Pod changed meanwhile.
Source: pkg/registry/core/pod/storage/eviction.go.
"""

from __future__ import annotations

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import Condition, Status, StatusCause
from pybernetes.api.policy import v1 as policy
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.conditions import condition_of, with_condition
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.scheme import GroupVersionKind
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.registry.generic.interface import Body, DeleteOptions, RequestContext, Written
from pybernetes.apiserver.registry.generic.subresources import SubresourceBase
from pybernetes.apiserver.registry.generic.writing import OWN_WRITE, Current

EVICTION = GroupVersionKind("policy", "v1", "Eviction")
_ALLOWED = "DisruptionAllowed"
_TARGET = "DisruptionTarget"
_MAX_DISRUPTED_PODS = 2000
_ATTEMPTS = 20
_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."


class EvictionSubresource(SubresourceBase):
    async def create(self, ctx: RequestContext, body: Body) -> Written:
        eviction = await self.read(ctx, body, policy.Eviction)
        if eviction.metadata.name != ctx.name:
            raise errors.BadRequest("name in URL does not match name in Eviction object")
        options = _delete_options(ctx, eviction)
        await self.storage.registry.admission.admit(Attributes(ctx, "CREATE", eviction))
        await self.storage.registry.admission.validate(Attributes(ctx, "CREATE", eviction))
        await self._evict(ctx, options)
        return Written(msgspec.json.encode(Status(status="Success", code=201)), created=True)

    async def _evict(self, ctx: RequestContext, options: DeleteOptions) -> None:
        """Raises TooManyRequests, Conflict when the Pod is another or another one than it was, NotFound."""
        for attempt in range(1, _ATTEMPTS + 1):
            pod = await self._pod(ctx)
            if not ignores_budget(pod):
                await self._evict_counted(ctx, pod, options)
                return
            # A Pod that waits may become ready, and counted, at any moment.
            waits = pod.status.phase == "Pending" and pod.metadata.deletionTimestamp is None
            try:
                await self._delete(ctx, _at_version(options, pod) if waits else options)
                return
            except errors.Conflict:
                # The caller named no version, so the newest is meant.
                if options.resource_version is not None or attempt == _ATTEMPTS:
                    raise

    async def _evict_counted(self, ctx: RequestContext, pod: core.Pod, options: DeleteOptions) -> None:
        """Once only: what was taken from a budget is taken, whatever becomes of the Pod."""
        budget = await self._budget_of(pod)
        if budget is None:
            await self._delete(ctx, options)
        elif not is_ready(pod) and evicts_unhealthy(budget):
            try:
                await self._delete(ctx, _at_version(options, pod))
            except errors.Conflict:
                if options.resource_version is not None:
                    raise
                raise _being_processed(budget) from None
        else:
            now = self.storage.registry.clock.now()
            name = ctx.name
            await self.storage.registry.change_status(ctx, budget, lambda newest: take(newest, name, now))
            await self._delete(ctx, options)

    async def _pod(self, ctx: RequestContext) -> core.Pod:
        current = await self.storage.current(self.storage.key(ctx, ctx.name))
        if current is None:
            raise errors.not_found("", "pods", ctx.name)
        pod: core.Pod = self.storage.codec.decode(current.served)
        return pod

    async def _budget_of(self, pod: core.Pod) -> policy.PodDisruptionBudget | None:
        namespace = pod.metadata.namespace or ""
        budgets = await self.storage.registry.read_all(policy.PodDisruptionBudget, namespace)
        found = [budget for budget in budgets if _selects(budget, pod)]
        if len(found) > 1:
            raise errors.Unknown(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            )
        return found[0] if found else None

    async def _delete(self, ctx: RequestContext, options: DeleteOptions) -> None:
        """Says on the Pod why it goes, and deletes it. Raises Conflict when it is not the one that is meant."""
        on_pod = _pods_ctx(ctx)
        if not ctx.dry_run:
            now = self.storage.registry.clock.now()

            def transform(old: core.Pod, current: Current) -> core.Pod:
                fresh: core.Pod = self.storage.codec.decode(current.served)
                _check_preconditions(fresh, options)
                _mark(fresh, now)
                return fresh

            served, _ = await self.storage.replace(on_pod, transform, OWN_WRITE)
            if options.resource_version is not None:
                options = _at_version(options, self.storage.codec.decode(served), anew=True)
        await self.storage.delete(on_pod, options)


def why_not(budget: policy.PodDisruptionBudget) -> errors.StatusError | None:
    """Why the budget lets nothing go now; None when it does."""
    status, name = budget.status, budget.metadata.name
    if (status.observedGeneration or 0) < (budget.metadata.generation or 0):
        return _being_processed(budget)
    allowed = status.disruptionsAllowed or 0
    if allowed < 0:
        return _forbidden(budget, "pdb disruptions allowed is negative")
    if len(status.disruptedPods) > _MAX_DISRUPTED_PODS:
        return _forbidden(budget, "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if allowed:
        return None
    healthy, desired = status.currentHealthy or 0, status.desiredHealthy or 0
    told = next((c for c in status.conditions if c.type == _ALLOWED and c.status == "False" and c.message), None)
    why = f"The disruption budget {name} does not allow evicting pods currently"
    if told is not None and told.reason == "SyncFailed":
        why = f"{why} because it failed sync: {told.message}"
    elif healthy <= desired:
        why = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    elif told is not None:
        why = f"{why} ({told.reason}): {told.message}"
    return _too_many(why)


def take(budget: policy.PodDisruptionBudget, pod: str, now: float) -> None:
    """Uses one allowed disruption for a Pod. Raises TooManyRequests, Forbidden when there is none."""
    refused = why_not(budget)
    if refused is not None:
        raise refused
    status = budget.status
    status.disruptionsAllowed = (status.disruptionsAllowed or 0) - 1
    if not status.disruptionsAllowed:
        none_left = Condition(
            type=_ALLOWED, status="False", reason="InsufficientPods", message="",
            observedGeneration=status.observedGeneration,
        )  # fmt: skip
        status.conditions = with_condition(status.conditions, none_left, now)
    status.disruptedPods[pod] = format_time(now)


def ignores_budget(pod: core.Pod) -> bool:
    """Does no application miss it? Pods that are done, are going or have not begun."""
    if pod.metadata.deletionTimestamp is not None:
        return True
    return pod.status.phase in ("Succeeded", "Failed", "Pending")


def evicts_unhealthy(budget: policy.PodDisruptionBudget) -> bool:
    """Pods that are not ready may go when the policy says so, or while the budget is met."""
    if budget.spec.unhealthyPodEvictionPolicy == "AlwaysAllow":
        return True
    healthy, desired = budget.status.currentHealthy or 0, budget.status.desiredHealthy or 0
    return healthy >= desired and desired > 0


def _delete_options(ctx: RequestContext, eviction: policy.Eviction) -> DeleteOptions:
    """How the Pod is to be deleted; sets ctx.dry_run. Raises Invalid."""
    wanted = eviction.deleteOptions
    if wanted is None:
        return DeleteOptions()
    if wanted.ignoreStoreReadErrorWithClusterBreakingPotential:
        path = Path("deleteOptions").child("ignoreStoreReadErrorWithClusterBreakingPotential")
        detail = "can not be set for pod eviction, try after removing the option"
        raise invalid(EVICTION, ctx.name, [FieldError.invalid(path, True, detail)])
    ctx.dry_run = ctx.dry_run or bool(wanted.dryRun)
    preconditions = wanted.preconditions
    return DeleteOptions(
        wanted.gracePeriodSeconds,
        wanted.propagationPolicy,
        wanted.orphanDependents,
        preconditions.uid if preconditions else None,
        preconditions.resourceVersion if preconditions else None,
    )


def _at_version(options: DeleteOptions, pod: core.Pod, anew: bool = False) -> DeleteOptions:
    """The options for this very state of the Pod, unless the caller named one; `anew`: our own write made another."""
    version = options.resource_version
    if version is None or anew:
        version = pod.metadata.resourceVersion
    return DeleteOptions(
        options.grace_period_s, options.propagation_policy, options.orphan_dependents, options.uid, version
    )


def _check_preconditions(pod: core.Pod, options: DeleteOptions) -> None:
    for what, wanted, found, then in (
        ("UID", options.uid, pod.metadata.uid, "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, pod.metadata.resourceVersion, "modified"),
    ):
        if wanted and wanted != found:
            raise errors.conflict(
                "", "Pod", pod.metadata.name or "",
                f"the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). "
                f"The object might have been {then}",
            )  # fmt: skip


def _mark(pod: core.Pod, now: float) -> None:
    before = condition_of(pod.status.conditions, _TARGET)
    since = before.lastTransitionTime if before is not None and before.status == "True" else format_time(now)
    told = core.PodCondition(
        type=_TARGET,
        status="True",
        reason="EvictionByEvictionAPI",
        message="Eviction API: evicting",
        lastTransitionTime=since,
        observedGeneration=pod.metadata.generation,
    )
    pod.status.conditions = [*(c for c in pod.status.conditions if c.type != _TARGET), told]


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


def _selects(budget: policy.PodDisruptionBudget, pod: core.Pod) -> bool:
    try:
        return LabelSelector.of(budget.spec.selector).matches(pod.metadata.labels)
    except SelectorError:
        return False


def _too_many(why: str, retry_after_s: int | None = None) -> errors.TooManyRequests:
    causes = [StatusCause(reason="DisruptionBudget", message=why)]
    return errors.TooManyRequests(_VIOLATES, causes=causes, retry_after_s=retry_after_s)


def _being_processed(budget: policy.PodDisruptionBudget) -> errors.TooManyRequests:
    return _too_many(f"The disruption budget {budget.metadata.name} is still being processed by the server.", 10)


def _forbidden(budget: policy.PodDisruptionBudget, why: str) -> errors.Forbidden:
    name = budget.metadata.name or ""
    text = f'poddisruptionbudget.policy "{name}" is forbidden: {why}'
    return errors.Forbidden(text, group="policy", kind="poddisruptionbudget", name=name)
