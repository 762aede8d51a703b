"""Which IP families a Service has: ipFamilyPolicy and ipFamilies, defaulted and checked. Pure.

Source: pkg/registry/core/service/storage/alloc.go, initIPFamilyFields.
"""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apiserver.registry.core.services.validation import SPEC, validate_cluster_ips
from pybernetes.host.ip_families import family_of

_POLICY = SPEC.child("ipFamilyPolicy")
_FAMILIES = SPEC.child("ipFamilies")


def settle(spec: core.ServiceSpec, old: core.ServiceSpec | None, served: Sequence[str]) -> list[FieldError]:
    """Completes the spec; what is wrong with it.

    `served` are the families of the cluster's Services, IPv4 or IPv6, the default one first.
    """
    if spec.type == "ExternalName" or (old is not None and _is_left_as_it_was(spec, old)):
        return []
    if (old is None or old.type == "ExternalName") and spec.clusterIP and not spec.clusterIPs:
        spec.clusterIPs = [spec.clusterIP]
    everywhere = spec.clusterIP == "None" and not spec.selector
    if spec.ipFamilyPolicy is None:
        kept = old.ipFamilyPolicy if old is not None else None
        spec.ipFamilyPolicy = kept or ("RequireDualStack" if everywhere else "SingleStack")
    found = validate_cluster_ips(spec, old.clusterIPs if old is not None else [])
    found = found or [*_single_or_dual(spec, old), *_of_addresses(spec, served)]
    if found:
        return found
    if not everywhere:
        if spec.ipFamilyPolicy == "RequireDualStack" and len(served) == 1:
            why = "this cluster is not configured for dual-stack services"
            found.append(FieldError.invalid(_POLICY, spec.ipFamilyPolicy, why))
        for index, wanted in enumerate(spec.ipFamilies):
            if wanted not in served:
                found.append(FieldError.invalid(_FAMILIES.index(index), wanted, "not configured on this cluster"))
        if found:
            return found
    spec.ipFamilies = spec.ipFamilies or [served[0]]
    both = everywhere or len(served) > 1
    if both and len(spec.ipFamilies) == 1 and spec.ipFamilyPolicy != "SingleStack":
        spec.ipFamilies = [*spec.ipFamilies, "IPv6" if spec.ipFamilies[0] == "IPv4" else "IPv4"]
    return []


def _is_left_as_it_was(spec: core.ServiceSpec, old: core.ServiceSpec) -> bool:
    """A Service that prefers two families does not change them when the cluster's change, but when somebody asks."""
    return (
        spec.type == old.type
        and spec.ipFamilyPolicy == old.ipFamilyPolicy == "PreferDualStack"
        and spec.clusterIPs == old.clusterIPs
        and spec.ipFamilies == old.ipFamilies
    )


def _single_or_dual(spec: core.ServiceSpec, old: core.ServiceSpec | None) -> list[FieldError]:
    """Takes the second family off where the policy says so; what contradicts the policy."""
    found: list[FieldError] = []
    if spec.ipFamilyPolicy == "SingleStack":
        if old is not None and len(spec.clusterIPs) > 1 and spec.clusterIPs == old.clusterIPs:
            spec.clusterIPs = spec.clusterIPs[:1]
        if old is not None and len(spec.ipFamilies) > 1 and spec.ipFamilies == old.ipFamilies:
            spec.ipFamilies = spec.ipFamilies[:1]
        for several, what in ((spec.clusterIPs, "cluster IPs"), (spec.ipFamilies, "IP families")):
            if len(several) == 2:
                why = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
                found.append(FieldError.invalid(_POLICY, spec.ipFamilyPolicy, why))
    elif old is not None:
        for now, before, what in (
            (spec.clusterIPs, old.clusterIPs, "cluster IP"),
            (spec.ipFamilies, old.ipFamilies, "IP family"),
        ):
            if now and len(before) > len(now) and now[0] == before[0]:
                why = f"must be 'SingleStack' to release the secondary {what}"
                found.append(FieldError.invalid(_POLICY, spec.ipFamilyPolicy, why))
    return found


def _of_addresses(spec: core.ServiceSpec, served: Sequence[str]) -> list[FieldError]:
    """Adds the families of the addresses to ipFamilies."""
    found: list[FieldError] = []
    for index, address in enumerate(spec.clusterIPs):
        if address == "None":
            break
        if index < len(spec.ipFamilies):
            continue
        family = f"IPv{family_of(address)}"
        if family in served:
            spec.ipFamilies = [*spec.ipFamilies, family]
        else:
            where = SPEC.child("clusterIPs").index(index)
            found.append(FieldError.invalid(where, spec.clusterIPs, f"{family} is not configured on this cluster"))
    return found
