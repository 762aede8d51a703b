"""LimitRanger: containers get a namespace's default requests and limits; what is outside its bounds is refused.

Source: plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import pod_resources, quantity
from pybernetes.apimachinery.field_errors import aggregate
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

ANNOTATION = "kubernetes.io/limit-ranger"
Amounts = Mapping[str, str]


class LimitRanger(Plugin):
    name = "LimitRanger"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset(
        {("", "pods", ""), ("", "pods", "resize"), ("", "persistentvolumeclaims", "")}
    )
    mutates = True
    validates = True

    async def admit(self, attributes: Attributes) -> None:
        if attributes.resource.plural == "pods" and attributes.operation == "CREATE":
            for limits in await self.reader.read_all(core.LimitRange, attributes.namespace):
                set_defaults(attributes.object, limits)

    async def validate(self, attributes: Attributes) -> None:
        plural, old = attributes.resource.plural, attributes.old_object
        if plural == "pods" and attributes.operation == "UPDATE" and attributes.subresource != "resize":
            return
        if old is not None and old.metadata.deletionTimestamp is not None:
            return
        for limits in await self.reader.read_all(core.LimitRange, attributes.namespace):
            check = pod_violations if plural == "pods" else claim_violations
            found = list(check(attributes.object, limits))
            if found:
                raise attributes.forbidden(aggregate(found))


def set_defaults(pod: core.Pod, limits: core.LimitRange) -> None:
    """Fills in what containers leave out, and says so in an annotation."""
    default_limits: dict[str, str] = {}
    default_requests: dict[str, str] = {}
    for item in limits.spec.limits or []:
        if item.type == "Container":
            default_limits.update(item.default)
            default_requests.update(item.defaultRequest)
    said: list[str] = []
    for what, containers in (("container", pod.spec.containers), ("init container", pod.spec.initContainers)):
        for container in containers:
            if container.resources is None:
                container.resources = core.ResourceRequirements()
            held = container.resources
            new_limits = {k: v for k, v in default_limits.items() if k not in held.limits}
            new_requests = {k: v for k, v in default_requests.items() if k not in held.requests}
            held.limits = {**held.limits, **new_limits}
            held.requests = {**held.requests, **new_requests}
            if new_requests:
                said.append(f"{', '.join(sorted(new_requests))} request for {what} {container.name}")
            if new_limits:
                said.append(f"{', '.join(sorted(new_limits))} limit for {what} {container.name}")
    if said:
        pod.metadata.annotations[ANNOTATION] = "LimitRanger plugin set: " + "; ".join(said)


def pod_violations(pod: core.Pod, limits: core.LimitRange) -> Iterator[str]:
    for item in limits.spec.limits or []:
        if item.type == "Container":
            for container in [*pod.spec.containers, *pod.spec.initContainers]:
                held = container.resources or core.ResourceRequirements()
                yield from _violations(item, held.requests, held.limits)
        elif item.type == "Pod":
            requests = pod_resources.total(pod.spec, "requests", overhead=False)
            yield from _violations(item, requests, pod_resources.total(pod.spec, "limits", overhead=False))


def claim_violations(claim: core.PersistentVolumeClaim, limits: core.LimitRange) -> Iterator[str]:
    requests = claim.spec.resources.requests if claim.spec.resources is not None else {}
    for item in limits.spec.limits or []:
        if item.type != "PersistentVolumeClaim":
            continue
        for name, low in item.min.items():
            yield from _below(item.type, name, low, requests, {})
        for name, high in item.max.items():
            head = f"maximum {name} usage per {item.type} is {high}"
            if name not in requests:
                yield f"{head}.  No request is specified"
            elif quantity.compare(requests[name], high) > 0:
                yield f"{head}, but request is {requests[name]}"


def _violations(item: core.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, low in item.min.items():
        yield from _below(item.type, name, low, requests, limits)
    for name, high in item.max.items():
        head = f"maximum {name} usage per {item.type} is {high}"
        limit, request = limits.get(name), requests.get(name)
        if limit is None:
            yield f"{head}.  No limit is specified"
        elif quantity.compare(limit, high) > 0:
            yield f"{head}, but limit is {limit}"
        elif request is not None and quantity.compare(request, high) > 0:
            yield f"{head}, but request is {request}"
    for name, ratio in item.maxLimitRequestRatio.items():
        yield from _over_ratio(item.type, name, ratio, requests, limits)


def _below(kind: str, name: str, low: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    head = f"minimum {name} usage per {kind} is {low}"
    request, limit = requests.get(name), limits.get(name)
    if request is None:
        yield f"{head}.  No request is specified"
    elif quantity.compare(request, low) < 0:
        yield f"{head}, but request is {request}"
    elif limit is not None and quantity.compare(limit, low) < 0:
        yield f"{head}, but limit is {limit}"


def _over_ratio(kind: str, name: str, ratio: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    head = f"{name} max limit to request ratio per {kind} is {ratio}"
    request, limit = quantity.nano(requests.get(name, "0")), quantity.nano(limits.get(name, "0"))
    if not request:
        yield f"{head}, but no request is specified or request is 0"
    elif not limit:
        yield f"{head}, but no limit is specified or limit is 0"
    elif limit * quantity.NANO > quantity.nano(ratio) * request:
        yield f"{head}, but provided ratio is {limit / request:f}"
