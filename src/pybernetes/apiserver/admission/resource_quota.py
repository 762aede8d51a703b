"""ResourceQuota: what a namespace may hold is charged before an object comes in, and refused when it is too much.

The charge is written to the quota's status by compare-and-set, so that two requests never share the last
unit. An object that is refused after all stays charged until the controller counts again.
What the configuration limits by default comes in only where a quota covers it.
Source: apiserver/pkg/admission/plugin/resourcequota/{admission,controller}.go, apis/resourcequota/v1/types.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import errors, quantity, quota
from pybernetes.apimachinery.extended_resources import ClassesByResource, owner_of_extended_claim
from pybernetes.apimachinery.pod_resources import Amounts
from pybernetes.apimachinery.quota import ResourceKey
from pybernetes.apiserver.admission.configuration import converted
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin, Reader

_CHANGEABLE = (quota.PODS, quota.SERVICES, quota.CLAIMS, quota.DEVICE_CLAIMS)
"""Those that may count for more, or for less, after an update."""
_CONFIGURATIONS = {
    ("apiserver.config.k8s.io/v1", "ResourceQuotaConfiguration"),
    ("resourcequota.admission.k8s.io/v1alpha1", "Configuration"),
    ("resourcequota.admission.k8s.io/v1beta1", "Configuration"),
}
_COUNTED_SUBRESOURCES = frozenset({(quota.PODS, "resize"), (quota.CLAIMS, "status")})


class Limited(msgspec.Struct, forbid_unknown_fields=True):
    """A resource that may be consumed only where a quota covers it."""

    apiGroup: str = ""
    resource: str = ""
    matchContains: list[str] = []
    """Parts of the names of what is consumed."""
    matchScopes: list[core.ScopedResourceSelectorRequirement] = []


class _Configuration(msgspec.Struct, forbid_unknown_fields=True):
    apiVersion: str
    kind: str
    limitedResources: list[Limited] = []


class ResourceQuotas(Plugin):
    name = "ResourceQuota"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE"})
    validates = True

    limited: Sequence[Limited] = ()

    def __init__(self, reader: Reader, *, of_devices: bool = True) -> None:
        """`of_devices`: whether extended resources may stand for devices."""
        super().__init__(reader)
        self._of_devices = of_devices

    def configure(self, tree: dict[str, Any]) -> None:
        limited = converted(tree, _Configuration, _CONFIGURATIONS, "ResourceQuota").limitedResources
        for number, each in enumerate(limited):
            if not each.resource:
                raise ValueError(f"limitedResources[{number}].resource: Required value")
        self.limited = limited

    def wants(self, operation: Operation, group: str, plural: str, subresource: str) -> bool:
        key = (group, plural)
        if operation not in self.operations or key in quota.IGNORED:
            return False
        if subresource:
            return operation == "UPDATE" and (key, subresource) in _COUNTED_SUBRESOURCES
        return operation == "CREATE" or key in _CHANGEABLE

    async def validate(self, attributes: Attributes) -> None:
        if not attributes.resource.namespaced or _is_same_to_all(attributes):
            return
        charges = []
        quotas = await self.reader.read_all(core.ResourceQuota, attributes.namespace)
        if not quotas and not self.limited:
            return
        devices = await self._devices(attributes)
        if self.limited:
            _require_cover(attributes, self.limited, quotas, devices)
        for found in quotas:
            delta = _charge(attributes, found, devices)
            if delta:
                _check(attributes, found, delta)
                charges.append((found, delta))
        for found, delta in charges:
            await self._write(attributes, found, delta)

    async def _devices(self, attributes: Attributes) -> quota.Devices:
        if _key(attributes) != quota.DEVICE_CLAIMS or not self._of_devices:
            return quota.NO_DEVICES
        from pybernetes.api.resource.v1 import DeviceClass, ResourceClaim

        behind = ClassesByResource(await self.reader.read_all(DeviceClass))
        claim: ResourceClaim = attributes.object
        asked: Amounts = {}
        owner = owner_of_extended_claim(claim)
        pod = await self.reader.read(core.Pod, owner.name, attributes.namespace) if owner is not None else None
        if pod is not None:
            others = await self.reader.read_all(ResourceClaim, attributes.namespace)
            if quota.is_the_claim_for(claim, pod, others):
                asked = _usage(quota.PODS, pod)
        return quota.Devices(behind, lambda claim: asked)

    async def _write(self, attributes: Attributes, found: core.ResourceQuota, delta: Amounts) -> None:
        def add(newest: core.ResourceQuota) -> None:
            _check(attributes, newest, delta)
            used = newest.status.used
            newest.status.used = {**used, **{n: quantity.add(used.get(n, "0"), delta[n]) for n in delta}}

        try:
            await self.reader.change_status(attributes.ctx, found, add)
        except errors.NotFound:
            return  # a quota that is gone limits nothing


def _key(attributes: Attributes) -> ResourceKey:
    return attributes.resource.group, attributes.resource.plural


def _is_same_to_all(attributes: Attributes) -> bool:
    """An update of a Pod counts only when it moves between scopes."""
    if attributes.operation != "UPDATE" or _key(attributes) != quota.PODS or attributes.subresource:
        return False
    return quota.is_terminating(attributes.object) == quota.is_terminating(attributes.old_object)


def _charge(attributes: Attributes, found: core.ResourceQuota, devices: quota.Devices) -> Amounts:
    """What the object adds to a quota; empty when the quota is not about it. Raises Forbidden."""
    key, obj, old = _key(attributes), attributes.object, attributes.old_object
    status = found.status
    names = quota.names_of(key, status.hard, devices.behind)
    if not names or not quota.in_scopes(found.spec, key, obj):
        return {}
    unsaid = quota.unsaid(obj, names) if key == quota.PODS else {}
    if unsaid:
        said = "; ".join(f"{name} for: {','.join(containers)}" for name, containers in unsaid.items())
        raise attributes.forbidden(f"failed quota: {found.metadata.name}: must specify {said}")
    if not names <= status.used.keys():
        listed = ",".join(sorted(names))
        raise attributes.forbidden(f"status unknown for quota: {found.metadata.name}, resources: {listed}")
    amounts = _usage(key, obj, devices)
    if old is not None and quota.matches(found, status.hard, key, old, devices):
        amounts = quota.more(amounts, _usage(key, old, devices))
    return {name: amount for name, amount in amounts.items() if name in names and quantity.nano(amount) > 0}


def _require_cover(
    attributes: Attributes,
    limited: Iterable[Limited],
    quotas: Iterable[core.ResourceQuota],
    devices: quota.Devices,
) -> None:
    """Raises Forbidden for what is limited by default and what no quota that is about the object speaks of."""
    key, obj, old = _key(attributes), attributes.object, attributes.old_object
    amounts = _usage(key, obj, devices)
    if old is not None and not quota.more(amounts, _usage(key, old, devices)):
        return
    about_it = [found for found in quotas if quota.matches(found, found.status.hard, key, obj, devices)]
    names = {
        name
        for each in limited
        if (each.apiGroup, each.resource) == key
        for name, amount in amounts.items()
        if quantity.nano(amount) > 0 and any(part in name for part in each.matchContains)
    }
    bare = names.difference(*(quota.names_of(key, found.status.hard, devices.behind) for found in about_it))
    if bare:
        raise attributes.forbidden(f"insufficient quota to consume: {','.join(sorted(bare))}")
    covered = {
        scope.scopeName for found in quotas for scope in quota.scopes_of(found.spec) if quota.in_scope(scope, key, obj)
    }
    scopes = [scope for each in limited for scope in each.matchScopes if quota.in_scope(scope, key, obj)]
    open_ones = [scope for scope in scopes if scope.scopeName not in covered]
    if open_ones:
        said = " ".join(f"{{{s.scopeName} {s.operator} [{' '.join(s.values)}]}}" for s in open_ones)
        raise attributes.forbidden(f"insufficient quota to match these scopes: [{said}]")


def _usage(key: ResourceKey, obj: Any, devices: quota.Devices = quota.NO_DEVICES) -> Amounts:
    """As if nothing's time were up: what is on its way in does not end by waiting."""
    return quota.usage(key, obj, 0.0, devices)


def _check(attributes: Attributes, found: core.ResourceQuota, delta: Amounts) -> None:
    """Raises Forbidden when the charge is too much for the quota. What a status tells has happened, and is charged."""
    if attributes.subresource == "status":
        return
    used, hard = found.status.used, found.status.hard
    over = quota.exceeded(used, delta, hard)
    if not over:
        return

    def listed(amounts: Amounts) -> str:
        return ",".join(f"{name}={quantity.canonical(amounts.get(name, '0'))}" for name in over)

    raise attributes.forbidden(
        f"exceeded quota: {found.metadata.name}, requested: {listed(delta)}, "
        f"used: {listed(used)}, limited: {listed(hard)}"
    )
