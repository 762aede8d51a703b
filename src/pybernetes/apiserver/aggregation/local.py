"""The APIService objects of what this apiserver serves itself: built-in group-versions and custom ones. Pure.

Source: cmd/kube-apiserver/app/aggregator.go, pkg/controlplane/apiserver/aggregator.go (priorities),
pkg/controlplane/controller/crdregistration.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.apiregistration.v1 import APIService, APIServiceSpec
from pybernetes.api.meta.v1 import ObjectMeta

MANAGED = "kube-aggregator.kubernetes.io/automanaged"
ON_START, ALWAYS = "onstart", "true"
CUSTOM_GROUP_PRIORITY, CUSTOM_VERSION_PRIORITY = 1000, 100
_IN_PROCESS_PRIORITY = (100, 100)
_GROUPS = {
    "": 18000, "apps": 17800, "events.k8s.io": 17750, "authentication.k8s.io": 17700, "authorization.k8s.io": 17600,
    "autoscaling": 17500, "batch": 17400, "certificates.k8s.io": 17300, "networking.k8s.io": 17200, "policy": 17100,
    "rbac.authorization.k8s.io": 17000, "storage.k8s.io": 16800, "admissionregistration.k8s.io": 16700,
    "apiextensions.k8s.io": 16700, "scheduling.k8s.io": 16600, "coordination.k8s.io": 16500, "node.k8s.io": 16300,
    "discovery.k8s.io": 16200, "resource.k8s.io": 16200, "flowcontrol.apiserver.k8s.io": 16100,
    "internal.apiserver.k8s.io": 16000, "storagemigration.k8s.io": 15800,
}  # fmt: skip
_VERSIONS = {
    ("", "v1"): 1,
    ("autoscaling", "v2"): 30,
    ("admissionregistration.k8s.io", "v1beta1"): 12,
    ("coordination.k8s.io", "v1beta1"): 13,
    ("coordination.k8s.io", "v1alpha2"): 12,
    ("flowcontrol.apiserver.k8s.io", "v1"): 21,
    ("internal.apiserver.k8s.io", "v1alpha1"): 9,
    ("resource.k8s.io", "v1"): 21,
    ("resource.k8s.io", "v1beta2"): 15,
    ("scheduling.k8s.io", "v1alpha2"): 2,
}


def priorities(group: str, version: str) -> tuple[int, int] | None:
    """groupPriorityMinimum and versionPriority of a built-in group-version.

    None for others; the aggregator's own group is among them.
    """
    if group not in _GROUPS:
        return None
    usual = 1 if "alpha" in version else 9 if "beta" in version else 15
    return _GROUPS[group], _VERSIONS.get((group, version), usual)


def built_in(group_versions: Iterable[tuple[str, str]]) -> list[APIService]:
    """One APIService a built-in group-version."""
    found = []
    for group, version in group_versions:
        given = priorities(group, version)
        if given is not None:
            found.append(_service(group, version, given, ON_START))
    return found


def custom(group: str, version: str) -> APIService:
    """The APIService of a group-version that a CustomResourceDefinition defines."""
    return _service(group, version, (CUSTOM_GROUP_PRIORITY, CUSTOM_VERSION_PRIORITY), ALWAYS)


def in_process(group: str, version: str) -> APIService:
    """The APIService of what is served here in another server's place; once made, it is the user's."""
    group_priority, version_priority = _IN_PROCESS_PRIORITY
    spec = APIServiceSpec(
        group=group, version=version, groupPriorityMinimum=group_priority, versionPriority=version_priority
    )
    return APIService(metadata=ObjectMeta(name=name_of(group, version)), spec=spec)


def name_of(group: str, version: str) -> str:
    return f"{version}.{group}"


def _service(group: str, version: str, priority: tuple[int, int], managed: str) -> APIService:
    spec = APIServiceSpec(
        group=group or None, version=version, groupPriorityMinimum=priority[0], versionPriority=priority[1]
    )
    return APIService(metadata=ObjectMeta(name=name_of(group, version), labels={MANAGED: managed}), spec=spec)


def reconciled(existing: APIService, wanted: APIService) -> bool:
    """An object that is managed gets its spec and label back; one of somebody else's making is left alone."""
    held = (existing.metadata.labels or {}).get(MANAGED)
    if held is None or (existing.spec == wanted.spec and held == (wanted.metadata.labels or {})[MANAGED]):
        return False
    existing.spec = wanted.spec
    existing.metadata.labels = {**(existing.metadata.labels or {}), **(wanted.metadata.labels or {})}
    return True
