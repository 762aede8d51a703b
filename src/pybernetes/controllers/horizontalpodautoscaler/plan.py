"""What an autoscaler concludes from its metrics, and how it says so. Pure: no await, no clock.

Source: pkg/controller/podautoscaler/horizontal.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api.autoscaling.v2 import (
    ContainerResourceMetricStatus,
    ExternalMetricStatus,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerCondition,
    MetricIdentifier,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
    ObjectMetricStatus,
    PodsMetricStatus,
    ResourceMetricStatus,
)
from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import LabelSelector
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.controllers.horizontalpodautoscaler import replicas
from pybernetes.controllers.horizontalpodautoscaler.replicas import MetricError, Samples, Timing, Tolerances

ABLE, ACTIVE, LIMITED, TO_ZERO = "AbleToScale", "ScalingActive", "ScalingLimited", "ScaledToZero"
_NO_TARGET = {
    "Object": "invalid object metric source: neither a value target nor an average value target was set",
    "External": "invalid external metric source: neither a value target nor an average value target was set",
    "Resource": (
        "invalid resource metric source: neither an average utilization target nor an average value (usage) "
        "target was set"
    ),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What every metric of an autoscaler is judged with."""

    spec_replicas: int
    status_replicas: int
    pods: Sequence[Pod]
    tolerances: Tolerances
    timing: Timing
    now: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What one metric asks for."""

    replicas: int
    metric: str
    """As the reason of a rescale tells it."""
    status: MetricStatus


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one metric asks for nothing."""

    reason: str
    message: str
    """The Event's; the condition says it, too."""
    error: str

    @property
    def condition(self) -> str:
        return f"the HPA was unable to compute the replica count: {self.message}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all metrics ask for together."""

    replicas: int
    """-1: nothing that could be done."""
    metric: str
    statuses: list[MetricStatus]
    active: tuple[str, str, str]
    """Status, reason and message of the condition ScalingActive."""
    error: str


def suggestion(spec: MetricSpec, found: Samples | int, facts: Facts) -> Suggestion:
    """`found`: samples of Pods, or one value in thousandths for Object and External metrics. Raises MetricError."""
    if spec.object is not None and isinstance(found, int):
        object_ = spec.object
        identifier = MetricIdentifier(name=object_.metric.name, selector=object_.metric.selector)
        current, count, average = _of_value(object_.target, found, facts, by_type=True)
        name = (
            f"external metric {object_.metric.name}({told(object_.metric.selector)})"
            if average
            else f"{object_.describedObject.kind} metric {object_.metric.name}"
        )
        described = ObjectMetricStatus(describedObject=object_.describedObject, metric=identifier, current=current)
        return Suggestion(count, name, MetricStatus(type="Object", object=described))
    if spec.external is not None and isinstance(found, int):
        metric = spec.external.metric
        current, count, _ = _of_value(spec.external.target, found, facts, by_type=False)
        external = ExternalMetricStatus(
            metric=MetricIdentifier(name=metric.name, selector=metric.selector), current=current
        )
        name = f"external metric {metric.name}({told(metric.selector)})"
        return Suggestion(count, name, MetricStatus(type="External", external=external))
    assert not isinstance(found, int)
    if spec.pods is not None:
        return _of_pods(spec, found, facts)
    return _of_resource(spec, found, facts)


def _of_value(target: MetricTarget, value: int, facts: Facts, *, by_type: bool) -> tuple[MetricValueStatus, int, bool]:
    """(current, replicas, whether per Pod). `by_type`: the target's type chooses, else which value is there."""
    average = target.averageValue is not None and (target.type == "AverageValue" or not by_type)
    whole = target.value is not None and (target.type == "Value" or not by_type)
    if average:
        goal = quantity.milli(target.averageValue or "")
        found = replicas.for_value_per_pod(facts.status_replicas, value, goal, facts.tolerances)
        return MetricValueStatus(averageValue=quantity.from_milli(found.usage)), found.replicas, True
    if whole:
        goal = quantity.milli(target.value or "")
        found = replicas.for_value(facts.spec_replicas, value, goal, facts.pods, facts.tolerances)
        return MetricValueStatus(value=quantity.from_milli(found.usage)), found.replicas, False
    raise MetricError(_NO_TARGET["Object" if by_type else "External"])


def _of_pods(spec: MetricSpec, samples: Samples, facts: Facts) -> Suggestion:
    assert spec.pods is not None
    goal, metric = quantity.milli(spec.pods.target.averageValue or "0"), spec.pods.metric
    if goal <= 0:
        raise MetricError("invalid pods metric source: no average value target was set")
    found = replicas.for_average(
        facts.spec_replicas, goal, "", samples, facts.pods, facts.tolerances, facts.timing, facts.now
    )
    status = PodsMetricStatus(
        metric=MetricIdentifier(name=metric.name, selector=metric.selector),
        current=MetricValueStatus(averageValue=quantity.from_milli(found.usage)),
    )
    return Suggestion(found.replicas, f"pods metric {metric.name}", MetricStatus(type="Pods", pods=status))


def _of_resource(spec: MetricSpec, samples: Samples, facts: Facts) -> Suggestion:
    source = spec.resource or spec.containerResource
    assert source is not None
    container = spec.containerResource.container if spec.resource is None and spec.containerResource else ""
    name, target = source.name, source.target
    if target.averageValue is not None:
        goal = quantity.milli(target.averageValue)
        found = replicas.for_average(
            facts.spec_replicas, goal, name, samples, facts.pods, facts.tolerances, facts.timing, facts.now
        )
        metric = f"{name} resource"
    elif target.averageUtilization is not None:
        found = replicas.for_utilization(
            facts.spec_replicas, target.averageUtilization, name, container, samples, facts.pods, facts.tolerances,
            facts.timing, facts.now,
        )  # fmt: skip
        metric = f"{name} {'container ' if container else ''}resource utilization (percentage of request)"
    else:
        raise MetricError(_NO_TARGET["Resource"])
    notation: quantity.Format = "BinarySI" if name == "memory" else "DecimalSI"
    used = quantity.from_nano(found.usage * 10**6, notation)
    current = MetricValueStatus(averageUtilization=found.utilization, averageValue=used)
    if container:
        of_container = ContainerResourceMetricStatus(name=name, container=container, current=current)
        return Suggestion(
            found.replicas, metric, MetricStatus(type="ContainerResource", containerResource=of_container)
        )
    of_pod = ResourceMetricStatus(name=name, current=current)
    return Suggestion(found.replicas, metric, MetricStatus(type="Resource", resource=of_pod))


def unfetched(spec: MetricSpec, namespace: str, why: str) -> str:
    """The text of a metric that could not be had."""
    if spec.object is not None:
        about = spec.object.describedObject
        return f"unable to get metric {spec.object.metric.name}: {why} on {about.kind} {namespace}/{about.name}"
    if spec.external is not None:
        metric = spec.external.metric
        return f"unable to get external metric {namespace}/{metric.name}/{told(metric.selector)}: {why}"
    if spec.pods is not None:
        return f"unable to get metric {spec.pods.metric.name}: {why}"
    source = spec.resource or spec.containerResource
    return f"unable to get metrics for resource {source.name if source is not None else ''}: {why}"


def failure(spec: MetricSpec, text: str) -> Failure:
    """How a metric that fails with `text` is told."""
    reason = f"FailedGet{spec.type}Metric"
    if spec.type == "Object" and spec.object is not None:
        per_pod = spec.object.target.type == "AverageValue" and spec.object.target.averageValue is not None
        inner = f"failed to get {spec.object.metric.name} object metric: {text}" if per_pod else text
        return Failure(reason, text, f"failed to get object metric value: {inner}")
    if spec.type == "Pods":
        return Failure(reason, text, f"failed to get pods metric value: {text}")
    if spec.type == "External" and spec.external is not None:
        name, inner = spec.external.metric.name, text
        if spec.external.target.averageValue is not None:
            inner = f"failed to get {name} external metric: {text}"
        elif spec.external.target.value is not None:
            inner = f"failed to get external metric {name}: {text}"
        return Failure(reason, text, f"failed to get {name} external metric value: {inner}")
    source = spec.resource if spec.type == "Resource" else spec.containerResource
    if source is None:
        text = f'unknown metric source type "{spec.type}"'
        return Failure("InvalidMetricSourceType", text, text)
    message = text
    if source.target.averageValue is not None:
        message = f"failed to get {source.name} usage: {text}"
    elif source.target.averageUtilization is not None:
        message = f"failed to get {source.name} utilization: {text}"
    if spec.containerResource is not None and spec.type == "ContainerResource":
        return Failure(
            reason, message, f"failed to get {spec.containerResource.container} container metric value: {message}"
        )
    return Failure(reason, message, f"failed to get {source.name} resource metric value: {message}")


def outcome(found: Sequence[Suggestion | Failure], current: int) -> Outcome:
    """The most that any metric asks for. One that fails keeps the others from scaling down."""
    failures = [each for each in found if isinstance(each, Failure)]
    statuses = [each.status if isinstance(each, Suggestion) else MetricStatus() for each in found]
    best: Suggestion | None = None
    for each in found:
        if isinstance(each, Suggestion) and (best is None or best.replicas == 0 or each.replicas > best.replicas):
            best = each
    error = ""
    if failures:
        error = f"invalid metrics ({len(failures)} invalid out of {len(found)}), first error is: {failures[0].error}"
    if best is None or (failures and best.replicas < current):
        said = ("False", failures[0].reason, failures[0].condition) if failures else ("False", "", "")
        return Outcome(-1, "", statuses, said, error)
    text = f"the HPA was able to successfully calculate a replica count from {best.metric}"
    return Outcome(best.replicas, best.metric, statuses, ("True", "ValidMetricFound", text), error)


def without_condition(
    held: Sequence[HorizontalPodAutoscalerCondition], kind: str
) -> list[HorizontalPodAutoscalerCondition]:
    return [c for c in held if c.type != kind]


def was_scaled_to_zero(autoscaler: HorizontalPodAutoscaler) -> bool:
    return condition_holds(autoscaler.status.conditions, TO_ZERO)


def has_outside_metric(autoscaler: HorizontalPodAutoscaler) -> bool:
    """Whether a metric exists that says something even of no Pods."""
    return any(metric.type in ("Object", "External") for metric in autoscaler.spec.metrics)


def tolerances(autoscaler: HorizontalPodAutoscaler, usual: float, configurable: bool) -> Tolerances:
    """`usual` in both directions, unless the behavior says otherwise and may."""
    behavior = autoscaler.spec.behavior
    if behavior is None or not configurable:
        return Tolerances(usual, usual)
    down = behavior.scaleDown.tolerance if behavior.scaleDown is not None else None
    up = behavior.scaleUp.tolerance if behavior.scaleUp is not None else None
    return Tolerances(
        usual if down is None else float(quantity.parse(down)), usual if up is None else float(quantity.parse(up))
    )


def told(selector: LabelSelector | None) -> str:
    """A selector as upstream's messages have it."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.matchLabels or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{each.key},Operator:{each.operator},Values:[{' '.join(each.values or [])}],}},"
        for each in selector.matchExpressions or []
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
