"""Which resources this apiserver serves, by group and version, in the order discovery tells them.

Source: pkg/controlplane/apiserver/aggregator.go (the order of groups).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pybernetes.apimachinery.scheme import RESOURCES, Resource
from pybernetes.apiserver.runtime_config import RuntimeConfig

_GROUPS = (
    "", "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
    "autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
    "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
    "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io", "storagemigration.k8s.io",
)  # fmt: skip
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STAGES = {None: 2, "beta": 1, "alpha": 0}


class ServedResources:
    """The table that routing and discovery share. No strategy is imported for it: the start must be quick."""

    def __init__(self, runtime_config: RuntimeConfig) -> None:
        served = [r for r in RESOURCES if runtime_config.enabled(r)]
        self._by_path = {(r.group, r.version, r.plural): r for r in served}
        self._versions: dict[str, dict[str, list[Resource]]] = {}
        self.changes = 0
        """Rises whenever resources come or go; documents made from this table are as old as this number."""
        for resource in served:
            self._versions.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)

    def put(self, group: str, plural: str, resources: list[Resource]) -> None:
        """Serves a custom resource in these versions and no others; none: it is gone. A built-in one stays as it is."""
        old = [r for r in self._by_path.values() if r.group == group and r.plural == plural]
        if old == resources or any(not r.custom for r in old):
            return
        for resource in old:
            self._take_away(resource)
        for resource in resources:
            self._by_path[(group, resource.version, plural)] = resource
            listed = self._versions.setdefault(group, {}).setdefault(resource.version, [])
            listed.append(resource)
            listed.sort(key=lambda r: r.plural)
        self.changes += 1

    def _take_away(self, resource: Resource) -> None:
        del self._by_path[(resource.group, resource.version, resource.plural)]
        versions = self._versions[resource.group]
        versions[resource.version].remove(resource)
        if not versions[resource.version]:
            del versions[resource.version]
        if not versions:
            del self._versions[resource.group]

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._by_path.get((group, version, plural))

    def has(self, group: str, version: str) -> bool:
        return version in self._versions.get(group, {})

    def groups(self) -> list[str]:
        """Every group but the core group, in order of priority."""
        return sorted((g for g in self._versions if g), key=lambda g: (_rank(g), g))

    def versions(self, group: str) -> list[str]:
        """The versions of a group, the preferred first."""
        return sorted(self._versions.get(group, {}), key=_version_order, reverse=True)

    def resources(self, group: str, version: str) -> list[Resource]:
        return self._versions.get(group, {}).get(version, [])

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_path.values())


def _rank(group: str) -> int:
    return _GROUPS.index(group) if group in _GROUPS else len(_GROUPS)


def _version_order(version: str) -> tuple[int, int, int]:
    found = _VERSION.fullmatch(version)
    if found is None:
        return (-1, 0, 0)
    return (_STAGES[found[2]], int(found[1]), int(found[3] or 0))
