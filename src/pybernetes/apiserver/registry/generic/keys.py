"""Where an object lies in the store: upstream's /registry layout.

Source: pkg/kubeapiserver/default_storage_factory_builder.go (special prefixes) and
pkg/controlplane/storageversionhashdata; apiserver/pkg/registry/generic/registry/store.go (KeyFunc).
"""

from __future__ import annotations

from typing import NamedTuple

from pybernetes.apimachinery.scheme import RESOURCES, Resource

ROOT = "/registry/"

_SPECIAL: dict[tuple[str, str], str] = {
    ("", "services"): "services/specs",
    ("", "endpoints"): "services/endpoints",
    ("", "nodes"): "minions",
    ("", "replicationcontrollers"): "controllers",
    ("networking.k8s.io", "ingresses"): "ingress",
    ("events.k8s.io", "events"): "events",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "apiextensions.k8s.io/customresourcedefinitions",
    ("apiregistration.k8s.io", "apiservices"): "apiregistration.k8s.io/apiservices",
}


def prefix(resource: Resource) -> str:
    """The prefix of all objects of a resource, ending in a slash."""
    if resource.custom:
        return f"{ROOT}{resource.group}/{resource.plural}/"
    return f"{ROOT}{_SPECIAL.get((resource.group, resource.plural), resource.plural)}/"


class ObjectOfKey(NamedTuple):
    group: str
    plural: str
    namespace: str
    name: str


class ResourceOfKey:
    """(group, resource) of a store's key; None for one that no API serves (address claims, apiservers' leases)."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str] | None] = {}
        for resource in reversed(RESOURCES):
            group = "" if resource.plural == "events" else resource.group
            self._known.setdefault(prefix(resource), (group, resource.plural))

    def __call__(self, key: str) -> tuple[str, str] | None:
        found = self._resource(key.split("/"))
        return found[0] if found is not None else None

    def split(self, key: str) -> ObjectOfKey | None:
        """With namespace ("" for cluster-wide objects) and name."""
        parts = key.split("/")
        found = self._resource(parts)
        if found is None:
            return None
        (group, plural), length = found
        *namespace, name = parts[length:]
        return ObjectOfKey(group, plural, "/".join(namespace), name)

    def _resource(self, parts: list[str]) -> tuple[tuple[str, str], int] | None:
        """Of the longest prefix that a resource has, and its length; `group.with.dots/plural/` is a custom one's."""
        for length in (4, 3):
            found = self._known.get("/".join(parts[:length]) + "/") if len(parts) > length else None
            if found is not None:
                return found, length
        return ((parts[2], parts[3]), 4) if len(parts) > 4 and "." in parts[2] else None


def key(resource_prefix: str, namespaced: bool, namespace: str, name: str) -> str:
    return f"{resource_prefix}{namespace}/{name}" if namespaced else resource_prefix + name


def scope(resource_prefix: str, namespaced: bool, namespace: str) -> str:
    """The prefix of one namespace's objects, or of all."""
    return f"{resource_prefix}{namespace}/" if namespaced and namespace else resource_prefix
