"""A ResourceQuota's status from the objects of its namespace. Pure. Source: pkg/controller/resourcequota."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pybernetes.api.core.v1 import Pod, ResourceQuota, ResourceQuotaStatus
from pybernetes.api.resource.v1 import ResourceClaim
from pybernetes.apimachinery import quantity, quota
from pybernetes.apimachinery.extended_resources import ClassesByResource, owner_of_extended_claim
from pybernetes.apimachinery.pod_resources import Amounts
from pybernetes.apimachinery.quota import ResourceKey
from pybernetes.apimachinery.times import parse_time


def status(
    found: ResourceQuota,
    objects: Mapping[ResourceKey, Collection[Any]],
    now: float,
    behind: ClassesByResource = quota.NO_CLASSES,
) -> ResourceQuotaStatus:
    """`objects`: of the namespace, by resource. What none of these resources counts for keeps its last value."""
    hard = dict(found.spec.hard)
    used = {name: amount for name, amount in found.status.used.items() if name in hard}
    counted: dict[str, str] = {}
    devices = quota.Devices(behind, lambda claim: _asked(claim, objects, now))
    for key, items in objects.items():
        names = quota.names_of(key, hard, behind)
        charged = [quota.usage(key, obj, now, devices) for obj in items if quota.in_scopes(found.spec, key, obj)]
        for name, amount in quota.total(charged, names).items():
            counted[name] = quantity.add(counted[name], amount) if name in counted else amount
    return ResourceQuotaStatus(hard=hard, used=used | counted)


def _asked(claim: ResourceClaim, objects: Mapping[ResourceKey, Collection[Any]], now: float) -> Amounts:
    """What the Pod whose extended resources a claim was made for counts for."""
    owner, claims = owner_of_extended_claim(claim), objects[quota.DEVICE_CLAIMS]
    for pod in objects.get(quota.PODS, ()) if owner is not None else ():
        if quota.is_the_claim_for(claim, pod, claims):
            return quota.usage(quota.PODS, pod, now)
    return {}


def differs(old: ResourceQuotaStatus, new: ResourceQuotaStatus) -> bool:
    return _values(old.hard) != _values(new.hard) or _values(old.used) != _values(new.used)


def _values(amounts: Mapping[str, str]) -> dict[str, int]:
    return {name: quantity.nano(amount) for name, amount in amounts.items()}


def counted(found: ResourceQuota) -> set[ResourceKey]:
    """The resources whose objects have to be numbered, and nothing more, for this quota."""
    keys = {quota.counted_resource(name) for name in found.spec.hard}
    return {key for key in keys if key is not None}


def next_release_s(pods: Iterable[Pod], now: float) -> float | None:
    """Seconds until the next Pod counts no more although it is still there."""
    ends = [
        parse_time(meta.deletionTimestamp) + meta.deletionGracePeriodSeconds
        for pod in pods
        if (meta := pod.metadata).deletionTimestamp and meta.deletionGracePeriodSeconds is not None
    ]
    return min((end - now + 1 for end in ends if end >= now), default=None)
