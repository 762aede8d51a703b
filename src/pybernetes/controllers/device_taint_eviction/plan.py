"""When a Pod must leave the devices that it was given. Pure.

Source: pkg/controller/devicetainteviction/device_taint_eviction.go. Differs: taints of DeviceTaintRules, whose gate is
off by default, are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pybernetes.api.core.v1 import Pod
from pybernetes.api.resource.v1 import Device, DeviceRequestAllocationResult, DeviceTaint, ResourceClaim, ResourceSlice
from pybernetes.apimachinery import resource_claims
from pybernetes.apimachinery.times import parse_time
from pybernetes.apimachinery.tolerations import NO_EXECUTE, tolerates

ClaimOf = Callable[[str], ResourceClaim | None]
"""The claim of a name in the Pod's namespace."""


def pool_key(driver: str, pool: str) -> str:
    return f"{driver}/{pool}"


def pool_of(each: ResourceSlice) -> list[str]:
    return [pool_key(each.spec.driver, each.spec.pool.name)]


def pools_of(claim: ResourceClaim) -> list[str]:
    """Of the devices that a claim was given."""
    allocation = claim.status.allocation
    results = allocation.devices.results if allocation is not None else []
    return sorted({pool_key(result.driver, result.pool) for result in results})


def device(slices: Sequence[ResourceSlice], name: str) -> Device | None:
    """From the newest generation of a pool."""
    newest = max((each.spec.pool.generation for each in slices), default=0)
    current = (each for each in slices if each.spec.pool.generation == newest)
    return next((found for each in current for found in each.spec.devices if found.name == name), None)


def claim_ends(claim: ResourceClaim, slices_of: Callable[[str], Sequence[ResourceSlice]]) -> float | None:
    """When the users of a claim must be gone; None: never. `slices_of`: by the key of a pool."""
    allocation = claim.status.allocation
    ends = []
    for result in allocation.devices.results if allocation is not None else []:
        found = device(slices_of(pool_key(result.driver, result.pool)), result.device)
        for taint in found.taints if found is not None else []:
            if taint.effect == NO_EXECUTE and (end := _taint_ends(taint, result)) is not None:
                ends.append(end)
    return min(ends, default=None)


def _taint_ends(taint: DeviceTaint, result: DeviceRequestAllocationResult) -> float | None:
    since = parse_time(taint.timeAdded) if taint.timeAdded else 0.0
    fitting = [
        toleration
        for toleration in result.tolerations
        if toleration.effect == NO_EXECUTE and tolerates(toleration, taint.key, taint.value or "", taint.effect)
    ]
    if any(toleration.tolerationSeconds is None for toleration in fitting):
        return None
    return since + min((max(0, toleration.tolerationSeconds or 0) for toleration in fitting), default=0)


def pod_ends(pod: Pod, claim_of: ClaimOf, ends: Callable[[ResourceClaim], float | None]) -> float | None:
    """When a Pod must be gone, by all claims that are reserved for it."""
    if not pod.spec.nodeName:
        return None
    return min((end for claim in _claims(pod, claim_of) if (end := ends(claim)) is not None), default=None)


def _claims(pod: Pod, claim_of: ClaimOf) -> Iterable[ResourceClaim]:
    for wanted in pod.spec.resourceClaims:
        name = resource_claims.claim_name(pod, wanted)
        claim = claim_of(name) if name else None
        if claim is None or not resource_claims.is_reserved_for(pod, claim):
            continue
        if wanted.resourceClaimName is not None or resource_claims.is_for(pod, claim):
            yield claim
