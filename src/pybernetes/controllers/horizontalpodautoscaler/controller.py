"""Sets the size of what HorizontalPodAutoscalers name, through its scale subresource, every sync period.

An autoscaler is looked at when it comes, when its spec changes and then once a period; without one nothing runs.
Source: pkg/controller/podautoscaler/horizontal.go.
Differs: the first look is at once, upstream's after a period.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from pybernetes.api.autoscaling.v2 import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerStatus,
    MetricSpec,
    MetricStatus,
)
from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.conditions import with_condition
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.apimachinery.times import format_time
from pybernetes.client.discovery import resources_of
from pybernetes.client.objects import key_of
from pybernetes.client.workqueue import RateLimitedQueue
from pybernetes.controllers.horizontalpodautoscaler import behavior, plan
from pybernetes.controllers.horizontalpodautoscaler.figures import Action, Figures, Problem, action_of
from pybernetes.controllers.horizontalpodautoscaler.metrics import MetricsClient
from pybernetes.controllers.horizontalpodautoscaler.replicas import MetricError, Samples, Timing
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller

_CONFLICT_TRIES = 5
_CONFLICT_WAIT_S = 0.01
_NO_SCALE = "the HPA controller was unable to get the target's current scale: "
_DISABLED = "scaling is disabled since the replica count of the target is zero"


class _Ended(Exception):
    """The rest of a look makes no sense. Those who have told why return it, to be raised."""

    problem: Problem = "internal"


class _Misspecified(_Ended):
    """By what the autoscaler's spec says."""

    problem: Problem = "spec"


class HorizontalPodAutoscalerController(Controller):
    """Keys: NAMESPACE/NAME of an autoscaler."""

    name = "horizontal-pod-autoscaler-controller"
    queue_name = "horizontalpodautoscaler"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("horizontal-pod-autoscaler")
        settings, gates = context.config.horizontal_pod_autoscaler, FeatureGates(context.config.feature_gates)
        self._settings = settings
        self._to_zero = gates.enabled("HPAScaleToZero")
        self._configurable = gates.enabled("HPAConfigurableTolerance")
        self._timing = Timing(settings.cpu_initialization_period_s, settings.initial_readiness_delay_s)
        period_s = settings.sync_period_s
        # What fails is tried again with the next period: there is no back-off of its own.
        self.queue = RateLimitedQueue(self.queue_name, base_delay_s=period_s, max_delay_s=period_s)
        self._metrics = MetricsClient(self.client)
        self._history: dict[str, behavior.History] = {}
        self._figures = Figures()
        self._selectors: dict[str, LabelSelector] = {}
        """What each autoscaler selects, as last seen."""
        autoscalers, pods = self.informer(HorizontalPodAutoscaler), self.informer(Pod)
        self._autoscalers, self._pods = autoscalers.lister, pods.lister
        autoscalers.add_handler(on_add=self.enqueue, on_update=self._changed, on_delete=self.enqueue)

    def _changed(self, old: HorizontalPodAutoscaler, new: HorizontalPodAutoscaler) -> None:
        if old.spec != new.spec or old.metadata.uid != new.metadata.uid:
            self.enqueue(new)

    async def reconcile(self, key: str) -> None:
        held = self._autoscalers.by_key(key)
        if held is None:
            self._history.pop(key, None)
            self._selectors.pop(key, None)
            self._figures.desired.pop(key, None)
            return
        look, began = _Look(self, key, fresh(held)), asyncio.get_running_loop().time()
        problem: Problem = "internal"
        try:
            await look.run()
            problem = "none"
        except _Ended as error:
            problem = error.problem
            self.log.info("%s: %s: %s", self.name, key, error)
        finally:
            self._figures.looked(look.action, problem, asyncio.get_running_loop().time() - began)
            self.queue.add_after(key, self._settings.sync_period_s)

    def figures(self) -> Iterator[str]:
        return self._figures.lines(len(self._autoscalers))


class _Look:
    """One look at one autoscaler, whose status is changed on the way and written at the end."""

    def __init__(
        self, controller: HorizontalPodAutoscalerController, key: str, autoscaler: HorizontalPodAutoscaler
    ) -> None:
        self._of = controller
        self._key = key
        self.action: Action = "none"
        """What was done to the target."""
        self._hpa = autoscaler
        self._before = fresh(self._hpa.status)
        self._namespace = autoscaler.metadata.namespace or ""
        self._now = controller.clock.now()
        self._low = 1 if self._hpa.spec.minReplicas is None else self._hpa.spec.minReplicas
        reference = self._hpa.spec.scaleTargetRef
        self._reference = f"{reference.kind}/{self._namespace}/{reference.name}"

    async def run(self) -> None:
        hpa, high = self._hpa, self._hpa.spec.maxReplicas
        resource, scale = await self._scale()
        self._say(
            plan.ABLE, "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale"
        )
        current = (scale.get("spec") or {}).get("replicas") or 0
        history = self._of._history.setdefault(self._key, behavior.History())
        history.begin(current, self._now)
        emptied = self._of._to_zero and plan.was_scaled_to_zero(hpa)
        statuses: list[MetricStatus] = []
        desired, why, error, rescale = 0, "", "", True
        if current == 0 and not (emptied and (self._low != 0 or plan.has_outside_metric(hpa))):
            rescale = False
            self._say(plan.ACTIVE, "False", "ScalingDisabled", _DISABLED)
            if not self._of._to_zero:
                hpa.status.conditions = plan.without_condition(hpa.status.conditions, plan.TO_ZERO)
        elif current > high:
            desired, why = high, "Current number of replicas above Spec.MaxReplicas"
        elif 0 < current < self._low:
            desired, why = self._low, "Current number of replicas below Spec.MinReplicas"
        else:
            found = await self._outcome(current, scale)
            desired, statuses, error = max(found.replicas, 0), found.statuses, found.error
            if desired > current:
                why = f"{found.metric} above target"
            elif desired < current:
                why = "All metrics below target"
            desired = self._normalized(history, current, desired)
            if current == 0 and self._low != 0 and emptied and desired < self._low:
                desired, why = self._low, why or "Current number of replicas below Spec.MinReplicas"
            rescale = desired != current
        if rescale:
            await self._rescale(resource, scale, current, desired, why, statuses)
            history.scaled(hpa.spec.behavior, current, desired, self._now)
            self.action = action_of(current, desired)
        else:
            desired = current
        self._count(current, desired, statuses, scaled=rescale)
        self._of._figures.desired[self._key] = desired
        await self._write()
        if error:
            raise _Ended(error)

    # The target.

    async def _scale(self) -> tuple[Resource, dict[str, Any]]:
        """The target's resource and its Scale, from the first version that has one."""
        reference, client = self._hpa.spec.scaleTargetRef, self._of.client
        version = reference.apiVersion or ""
        if version.count("/") > 1:
            why = f"unexpected GroupVersion string: {version}"
            ended = await self._without_scale(why, f"invalid API version in scale target reference: {why}")
            raise _Misspecified(*ended.args)
        group = version.rpartition("/")[0]
        first: errors.StatusError | None = None
        mapped = await resources_of(client, group, reference.kind)
        for resource in mapped:
            try:
                return resource, await client.dynamic.get(resource, reference.name, self._namespace, "scale")
            except errors.StatusError as error:
                first = first or error
        if first is None:
            why = f'no matches for kind "{reference.kind}" in group "{group}"'
            raise await self._without_scale(why, f"unable to determine resource for scale target reference: {why}")
        why = first.message
        raise await self._without_scale(why, f"failed to query scale subresource for {self._reference}: {why}")

    async def _without_scale(self, why: str, error: str) -> _Ended:
        self._event("Warning", "FailedGetScale", why)
        self._say(plan.ABLE, "False", "FailedGetScale", _NO_SCALE + why)
        await self._write()
        return _Ended(error)

    async def _rescale(
        self,
        resource: Resource,
        scale: dict[str, Any],
        current: int,
        desired: int,
        why: str,
        statuses: list[MetricStatus],
    ) -> None:
        hpa, dynamic = self._hpa, self._of.client.dynamic
        for attempt in range(_CONFLICT_TRIES):
            scale.setdefault("spec", {})["replicas"] = desired
            try:
                await dynamic.update(resource, scale, "scale")
                break
            except errors.Conflict as error:
                if attempt == _CONFLICT_TRIES - 1:
                    raise await self._not_rescaled(current, desired, why, statuses, error.message) from None
                await asyncio.sleep(_CONFLICT_WAIT_S)
                scale = await dynamic.get(resource, hpa.spec.scaleTargetRef.name, self._namespace, "scale")
            except errors.StatusError as error:
                raise await self._not_rescaled(current, desired, why, statuses, error.message) from None
        text = f"the HPA controller was able to update the target scale to {desired}"
        self._say(plan.ABLE, "True", "SucceededRescale", text)
        self._event("Normal", "SuccessfulRescale", f"New size: {desired}; reason: {why}")
        if not self._of._to_zero:
            hpa.status.conditions = plan.without_condition(hpa.status.conditions, plan.TO_ZERO)
        elif current > 0 and desired == 0 and self._low == 0 and plan.has_outside_metric(hpa):
            self._say(plan.TO_ZERO, "True", "ScaledToZero", "the HPA controller scaled the workload to zero")
        else:
            text = "the HPA controller did not scale the workload to zero"
            self._say(plan.TO_ZERO, "False", "NotScaledToZero", text)

    async def _not_rescaled(
        self, current: int, desired: int, why: str, statuses: list[MetricStatus], error: str
    ) -> _Ended:
        self._event("Warning", "FailedRescale", f"New size: {desired}; reason: {why}; error: {error}")
        text = f"the HPA controller was unable to update the target scale: {error}"
        self._say(plan.ABLE, "False", "FailedUpdateScale", text)
        self._count(current, self._hpa.status.desiredReplicas, statuses, scaled=False)
        await self._write()
        return _Ended(f"failed to rescale {self._reference}: {error}")

    # What the metrics say.

    async def _outcome(self, current: int, scale: dict[str, Any]) -> plan.Outcome:
        """Raises _Ended when nothing can be concluded."""
        status = scale.get("status") or {}
        try:
            selector = self._selector(status.get("selector") or "")
        except MetricError as error:
            raise await self._undecided(current, [], str(error)) from None
        facts = plan.Facts(
            current,
            status.get("replicas") or 0,
            self._of._pods.list(self._namespace, selector),
            plan.tolerances(self._hpa, self._of._settings.tolerance, self._of._configurable),
            self._of._timing,
            self._now,
        )
        found = [await self._computed(metric, str(selector), facts) for metric in self._hpa.spec.metrics]
        made = plan.outcome(found, current)
        self._say(plan.ACTIVE, *made.active)
        if made.replicas < 0:
            raise await self._undecided(current, made.statuses, made.error)
        return made

    async def _computed(self, metric: MetricSpec, selector: str, facts: plan.Facts) -> plan.Suggestion | plan.Failure:
        """Suggested, and counted."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = await self._suggested(metric, selector, facts)
        failed = isinstance(found, plan.Failure)
        action = action_of(facts.spec_replicas, found.replicas) if isinstance(found, plan.Suggestion) else "none"
        self._of._figures.computed(action, "internal" if failed else "none", metric.type, loop.time() - began)
        return found

    async def _suggested(self, metric: MetricSpec, selector: str, facts: plan.Facts) -> plan.Suggestion | plan.Failure:
        found: Samples | int
        try:
            found = await self._of._metrics.fetch(metric, self._namespace, selector)
        except MetricError as error:
            failed = plan.failure(metric, plan.unfetched(metric, self._namespace, str(error)))
            self._event("Warning", failed.reason, failed.message)
            return failed
        try:
            return plan.suggestion(metric, found, facts)
        except MetricError as error:
            failed = plan.failure(metric, str(error))
            self._event("Warning", failed.reason, failed.message)
            return failed

    async def _undecided(self, current: int, statuses: list[MetricStatus], error: str) -> _Ended:
        self._count(current, self._hpa.status.desiredReplicas, statuses, scaled=False)
        await self._write()
        self._event("Warning", "FailedComputeMetricsReplicas", error)
        about = f"failed to compute desired number of replicas based on listed metrics for {self._reference}"
        return _Ended(f"{about}: {error}")

    def _selector(self, text: str) -> LabelSelector:
        """The target's Pods, that must be no other autoscaler's. Raises MetricError, told as upstream does."""
        if not text:
            self._event("Warning", "SelectorRequired", "selector is required")
            message = "the HPA target's scale is missing a selector"
            self._say(plan.ACTIVE, "False", "InvalidSelector", message)
            raise MetricError("selector is required")
        try:
            selector = LabelSelector.parse(text)
        except SelectorError as error:
            message = f"couldn't convert selector into a corresponding internal selector object: {error}"
            self._event("Warning", "InvalidSelector", message)
            self._say(plan.ACTIVE, "False", "InvalidSelector", message)
            raise MetricError(message) from None
        selectors = self._of._selectors
        selectors[self._key] = selector
        pods = self._of._pods.list(self._namespace, selector)
        rivals = [
            key
            for key, other in sorted(selectors.items())
            if key.partition("/")[0] == self._namespace and any(other.matches(pod.metadata.labels) for pod in pods)
        ]
        if len(rivals) > 1:
            names = " ".join(f"{{{name} {space}}}" for space, _, name in (key.partition("/") for key in rivals))
            message = f"pods by selector {text} are controlled by multiple HPAs: [{names}]"
            self._event("Warning", "AmbiguousSelector", message)
            self._say(plan.ACTIVE, "False", "AmbiguousSelector", message)
            raise MetricError(message)
        return selector

    def _normalized(self, history: behavior.History, current: int, desired: int) -> int:
        spec, window_s = self._hpa.spec, self._of._settings.downscale_stabilization_s
        if spec.behavior is None:
            made = behavior.normalized(history, current, desired, self._low, spec.maxReplicas, window_s, self._now)
        else:
            made = behavior.normalized_by(
                spec.behavior, history, current, desired, self._low, spec.maxReplicas, window_s, self._now
            )
        self._say(plan.ABLE, "True", *made.able)
        self._say(plan.LIMITED, "True" if made.limited else "False", *made.limit)
        return made.replicas

    # What is told of it.

    def _say(self, kind: str, status: str, reason: str, message: str) -> None:
        told = HorizontalPodAutoscalerCondition(type=kind, status=status, reason=reason, message=message)
        self._hpa.status.conditions = with_condition(self._hpa.status.conditions, told, self._now)

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._of.recorder.event(self._hpa, kind, reason, message)

    def _count(self, current: int, desired: int, statuses: list[MetricStatus], *, scaled: bool) -> None:
        old = self._hpa.status
        self._hpa.status = HorizontalPodAutoscalerStatus(
            conditions=old.conditions,
            currentMetrics=statuses,
            currentReplicas=current,
            desiredReplicas=desired,
            lastScaleTime=format_time(self._now) if scaled else old.lastScaleTime,
        )

    async def _write(self) -> None:
        if self._hpa.status == self._before:
            return
        try:
            await self._of.client.update_status(self._hpa)
        except errors.NotFound:
            raise _Ended(f"{key_of(self._hpa)} is gone") from None
        except errors.StatusError as error:
            self._event("Warning", "FailedUpdateStatus", error.message)
            raise _Ended(f"failed to update status for {self._hpa.metadata.name}: {error.message}") from None
