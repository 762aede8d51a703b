"""What an object counts for in a ResourceQuota, and whether a quota is about it. Pure.

Asked by admission, which charges what comes in, and by the controller, which counts what there is.
Source: pkg/quota/v1/evaluator/core, apiserver/pkg/quota/v1/generic/evaluator.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.extended_resources import OF_CLASS, ClassesByResource, is_native, owner_of_extended_claim
from pybernetes.apimachinery.pod_resources import Amounts, add, amounts_of, held
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.times import parse_time
from pybernetes.apimachinery.volume_claims import class_of_claim

if TYPE_CHECKING:
    from pybernetes.api.resource import v1 as resource

ResourceKey = tuple[str, str]
"""(group, plural)."""

PODS: ResourceKey = ("", "pods")
SERVICES: ResourceKey = ("", "services")
CLAIMS: ResourceKey = ("", "persistentvolumeclaims")
DEVICE_CLAIMS: ResourceKey = ("resource.k8s.io", "resourceclaims")

IGNORED: frozenset[ResourceKey] = frozenset({
    ("", "bindings"), ("", "componentstatuses"), ("", "events"), ("events.k8s.io", "events"),
    ("authentication.k8s.io", "tokenreviews"), ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"), ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"), ("authorization.k8s.io", "selfsubjectrulesreviews"),
})  # fmt: skip
"""Never charged."""

_ALIASES: dict[ResourceKey, str] = {
    ("", name): name for name in ("configmaps", "resourcequotas", "replicationcontrollers", "secrets")
}
_POD_NAMES = frozenset({
    "pods", "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage",
    "limits.cpu", "limits.memory", "limits.ephemeral-storage",
})  # fmt: skip
_POD_PREFIXES = ("hugepages-", "requests.hugepages-")
_SERVICE_NAMES = frozenset({"services", "services.nodeports", "services.loadbalancers"})
_CLAIM_NAMES = ("persistentvolumeclaims", "requests.storage")
_STORAGE_CLASS = ".storageclass.storage.k8s.io/"
_DEVICES = ".deviceclass.resource.k8s.io/devices"
_REQUESTS = "requests."
_MOST_DEVICES = 32
"""Of one allocation: what a request for all devices of a class counts for."""
_MUST_SAY = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_COMPUTE = ("cpu", "memory", "ephemeral-storage")


def count_name(key: ResourceKey) -> str:
    """The quota's name for the number of objects of a resource, e.g. count/deployments.apps."""
    group, plural = key
    return f"count/{plural}.{group}" if group else f"count/{plural}"


def counted_resource(name: str) -> ResourceKey | None:
    """The resource whose objects alone a name counts; None for names of Pods, Services and claims."""
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
        return group, plural
    return ("", name) if ("", name) in _ALIASES else None


@dataclass(frozen=True, slots=True)
class Devices:
    """How claims to devices count for extended resources."""

    behind: ClassesByResource
    asked: Callable[[resource.ResourceClaim], Amounts]
    """What the Pod whose extended resources a claim was made for counts for already."""


NO_CLASSES = ClassesByResource()
NO_DEVICES = Devices(NO_CLASSES, lambda claim: {})


def names_of(key: ResourceKey, names: Iterable[str], behind: ClassesByResource = NO_CLASSES) -> set[str]:
    """Those of a quota's resource names that objects of this resource can count for."""
    return {
        name for name in names if name == count_name(key) or name == _ALIASES.get(key) or _is_own(key, name, behind)
    }


def _is_own(key: ResourceKey, name: str, behind: ClassesByResource) -> bool:
    if key == PODS:
        return name in _POD_NAMES or name.startswith(_POD_PREFIXES) or _is_extended(name)
    if key == SERVICES:
        return name in _SERVICE_NAMES
    if key == DEVICE_CLAIMS:
        return name.endswith(_DEVICES) or _is_made_of_devices(name, behind)
    return key == CLAIMS and (name in _CLAIM_NAMES or name.endswith(tuple(_STORAGE_CLASS + n for n in _CLAIM_NAMES)))


def _is_extended(name: str) -> bool:
    """requests.VENDOR/RESOURCE, or devices of a class that are asked for like one."""
    vendors = name.startswith(_REQUESTS) and not is_native(name)
    return vendors or name.startswith(_REQUESTS + OF_CLASS)


def _is_made_of_devices(name: str, behind: ClassesByResource) -> bool:
    """By the name that its class gives; or by the class, which must give one."""
    if name.startswith(_REQUESTS + OF_CLASS):
        return bool(behind.resource(name.removeprefix(_REQUESTS + OF_CLASS)))
    return name.startswith(_REQUESTS) and behind.get(name.removeprefix(_REQUESTS)) is not None


# Usage.


def usage(key: ResourceKey, obj: Any, now: float, devices: Devices = NO_DEVICES) -> Amounts:
    """What one object counts for; amounts may be zero."""
    found = {count_name(key): "1"}
    if key in _ALIASES:
        found[_ALIASES[key]] = "1"
    if key == PODS:
        found.update(_pod_usage(obj, now))
    elif key == SERVICES:
        found.update(_service_usage(obj.spec))
    elif key == CLAIMS:
        found.update(_claim_usage(obj))
    elif key == DEVICE_CLAIMS:
        found.update(_device_usage(obj, devices))
    return found


def _pod_usage(pod: core.Pod, now: float) -> Amounts:
    if not is_charged(pod, now):
        return {}
    found = {"pods": "1"}
    for prefix, amounts in (("requests.", held(pod, "requests")), ("limits.", held(pod, "limits"))):
        for name, amount in amounts.items():
            if name in _COMPUTE:
                found[prefix + name] = amount
            if prefix == "requests.":
                if name in _COMPUTE or name.startswith("hugepages-"):
                    found[name] = amount
                if name not in _COMPUTE and _is_own(PODS, prefix + name, NO_CLASSES):
                    found[prefix + name] = amount
    return found


def is_charged(pod: core.Pod, now: float) -> bool:
    """Not when it has ended, or should have ended by now."""
    if is_finished(pod):
        return False
    meta = pod.metadata
    if meta.deletionTimestamp is None or meta.deletionGracePeriodSeconds is None:
        return True
    return now <= parse_time(meta.deletionTimestamp) + meta.deletionGracePeriodSeconds


def _service_usage(spec: core.ServiceSpec) -> Amounts:
    node_ports = 0
    if spec.type == "NodePort" or (spec.type == "LoadBalancer" and spec.allocateLoadBalancerNodePorts is not False):
        node_ports = len(spec.ports)
    elif spec.type == "LoadBalancer":
        node_ports = sum(1 for port in spec.ports if port.nodePort)
    balancers = "1" if spec.type == "LoadBalancer" else "0"
    return {"services": "1", "services.nodeports": str(node_ports), "services.loadbalancers": balancers}


def _claim_usage(claim: core.PersistentVolumeClaim) -> Amounts:
    found = {"persistentvolumeclaims": "1"}
    requests = claim.spec.resources.requests if claim.spec.resources is not None else {}
    if "storage" in requests:
        wanted = max(requests["storage"], claim.status.allocatedResources.get("storage", "0"), key=quantity.nano)
        whole = -(-quantity.nano(wanted) // quantity.NANO) * quantity.NANO
        found["requests.storage"] = wanted if quantity.nano(wanted) == whole else quantity.from_nano(whole)
    storage_class = class_of_claim(claim)
    if storage_class:
        found.update({storage_class + _STORAGE_CLASS + name: amount for name, amount in dict(found).items()})
    return found


def _device_usage(claim: resource.ResourceClaim, devices: Devices) -> Amounts:
    """By device class, of alternatives the most that one of them takes; and as the resources that a Pod may ask for."""
    found: Counter[str] = Counter()
    for request in claim.spec.devices.requests or []:
        most: Counter[str] = Counter()
        choices: list[Any] = [request.exactly] if request.exactly is not None else [*request.firstAvailable]
        for wanted in choices:
            count = _MOST_DEVICES if wanted.allocationMode == "All" else wanted.count or 0
            most |= Counter({wanted.deviceClassName: count})
        found += most
    asked = devices.asked(claim)
    amounts = {name + _DEVICES: str(count) for name, count in found.items()}
    for name, count in found.items():
        given = devices.behind.resource(name)
        for extended in (OF_CLASS + name, given) if given else (OF_CLASS + name,):
            more = quantity.subtract(str(count), asked.get(_REQUESTS + extended, "0"))
            if quantity.nano(more) > 0:
                amounts[_REQUESTS + extended] = more
    return amounts


def is_the_claim_for(claim: resource.ResourceClaim, pod: core.Pod, claims: Iterable[resource.ResourceClaim]) -> bool:
    """Whether it was made for the Pod's extended resources: the one that its status names, or else the first of these.

    `claims`: of the namespace.
    """
    if not _is_extended_claim_of(claim, pod):
        return False
    if pod.status.extendedResourceClaimStatus is not None:
        return pod.status.extendedResourceClaimStatus.resourceClaimName == claim.metadata.name
    return all(_age(claim) <= _age(other) for other in claims if _is_extended_claim_of(other, pod))


def _is_extended_claim_of(claim: resource.ResourceClaim, pod: core.Pod) -> bool:
    owner = owner_of_extended_claim(claim)
    return owner is not None and owner.uid == pod.metadata.uid


def _age(claim: resource.ResourceClaim) -> tuple[str, str]:
    return claim.metadata.creationTimestamp or "", claim.metadata.name or ""


# Which quotas.


def matches(
    quota: core.ResourceQuota, names: Iterable[str], key: ResourceKey, obj: Any, devices: Devices = NO_DEVICES
) -> bool:
    """Whether a quota that limits `names` is about this object: one of the names, and all of its scopes."""
    return bool(names_of(key, names, devices.behind)) and in_scopes(quota.spec, key, obj)


def scopes_of(spec: core.ResourceQuotaSpec) -> list[core.ScopedResourceSelectorRequirement]:
    wanted = [core.ScopedResourceSelectorRequirement(scopeName=scope, operator="Exists") for scope in spec.scopes]
    return wanted if spec.scopeSelector is None else wanted + spec.scopeSelector.matchExpressions


def in_scopes(spec: core.ResourceQuotaSpec, key: ResourceKey, obj: Any) -> bool:
    return all(in_scope(requirement, key, obj) for requirement in scopes_of(spec))


def in_scope(requirement: core.ScopedResourceSelectorRequirement, key: ResourceKey, obj: Any) -> bool:
    if key == PODS:
        return _pod_in_scope(requirement, obj)
    return key == CLAIMS and _claim_in_scope(requirement, obj)


def _pod_in_scope(requirement: core.ScopedResourceSelectorRequirement, pod: core.Pod) -> bool:
    scope = requirement.scopeName
    if scope == "PriorityClass":
        name = pod.spec.priorityClassName
        return _selected(requirement, [name] if name else [])
    check = _POD_SCOPES.get(scope)
    return check is not None and check(pod)


def is_terminating(pod: core.Pod) -> bool:
    """In the sense of the scope: it has a deadline."""
    return pod.spec.activeDeadlineSeconds is not None and pod.spec.activeDeadlineSeconds >= 0


def _is_best_effort(pod: core.Pod) -> bool:
    if pod.status.qosClass:
        return pod.status.qosClass == "BestEffort"
    spec = pod.spec
    holders: list[core.ResourceRequirements | None] = [c.resources for c in (*spec.containers, *spec.initContainers)]
    if spec.resources is not None:
        holders.append(spec.resources)
    said = (amounts for held in holders if held is not None for amounts in (held.requests, held.limits))
    return not any(quantity.nano(a[name]) > 0 for a in said for name in ("cpu", "memory") if name in a)


def _reaches_other_namespaces(pod: core.Pod) -> bool:
    affinity = pod.spec.affinity
    for rules in (affinity.podAffinity, affinity.podAntiAffinity) if affinity is not None else ():
        if rules is None:
            continue
        terms = [*rules.requiredDuringSchedulingIgnoredDuringExecution]
        terms += [weighted.podAffinityTerm for weighted in rules.preferredDuringSchedulingIgnoredDuringExecution]
        if any(term.namespaces or term.namespaceSelector is not None for term in terms):
            return True
    return False


_POD_SCOPES: dict[str, Callable[[core.Pod], bool]] = {
    "Terminating": is_terminating,
    "NotTerminating": lambda pod: not is_terminating(pod),
    "BestEffort": _is_best_effort,
    "NotBestEffort": lambda pod: not _is_best_effort(pod),
    "CrossNamespacePodAffinity": _reaches_other_namespaces,
}


def _claim_in_scope(requirement: core.ScopedResourceSelectorRequirement, claim: core.PersistentVolumeClaim) -> bool:
    if requirement.scopeName != "VolumeAttributesClass":
        return False
    return _selected(requirement, attributes_classes(claim))


def attributes_classes(claim: core.PersistentVolumeClaim) -> list[str]:
    """The VolumeAttributesClasses that a claim has, wants, or is on its way to."""
    status = claim.status
    target = status.modifyVolumeStatus.targetVolumeAttributesClassName if status.modifyVolumeStatus else None
    names = (claim.spec.volumeAttributesClassName, status.currentVolumeAttributesClassName, target)
    return [name for name in names if name]


def _selected(requirement: core.ScopedResourceSelectorRequirement, names: Sequence[str]) -> bool:
    values = requirement.values
    if requirement.operator == "Exists":
        return bool(names)
    if requirement.operator == "DoesNotExist":
        return not names
    if requirement.operator == "In":
        return any(name in values for name in names)
    if requirement.operator == "NotIn":
        return not names or any(name not in values for name in names)
    return False


# What admission asks.


def unsaid(pod: core.Pod, names: Iterable[str]) -> dict[str, list[str]]:
    """For each limited amount that every container must state: the containers that do not."""
    own = pod.spec.resources
    if own is not None and (own.requests or own.limits):
        return {}
    missing: dict[str, list[str]] = {}
    for name in sorted(set(names) & set(_MUST_SAY)):
        kind, _, plain = name.rpartition(".")
        for container in (*pod.spec.containers, *pod.spec.initContainers):
            if plain not in amounts_of(container, "limits" if kind == "limits" else "requests"):
                missing.setdefault(name, []).append(container.name)
    return {name: sorted(containers) for name, containers in missing.items()}


def exceeded(used: Mapping[str, str], delta: Mapping[str, str], hard: Mapping[str, str]) -> list[str]:
    """The names, sorted, whose limit would be passed."""
    return sorted(
        name
        for name, amount in delta.items()
        if name in hard and quantity.compare(quantity.add(used.get(name, "0"), amount), hard[name]) > 0
    )


def more(new: Mapping[str, str], old: Mapping[str, str]) -> Amounts:
    """By how much `new` is above `old`; only what is above."""
    return {
        name: quantity.subtract(amount, old[name]) if name in old else amount
        for name, amount in new.items()
        if quantity.compare(amount, old.get(name, "0")) > 0
    }


def total(amounts: Iterable[Mapping[str, str]], names: Iterable[str]) -> Amounts:
    """The sum by name, of these names alone; a name that nothing counts for is 0."""
    found = dict.fromkeys(names, "0")
    for one in amounts:
        add(found, {name: amount for name, amount in one.items() if name in found})
    return found
