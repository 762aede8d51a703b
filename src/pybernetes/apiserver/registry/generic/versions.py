"""Which version of a resource is stored, and how the other versions come from it.

Source: pkg/kubeapiserver/default_storage_factory_builder.go, `api/testdata` storage versions of v1.36.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pybernetes.apimachinery.schema import Schema, schema_of
from pybernetes.apimachinery.scheme import RESOURCES, Resource, find
from pybernetes.apimachinery.trees import copy_tree
from pybernetes.apiserver.registry.generic.codec import Conversion

_STORED: dict[tuple[str, str], tuple[str, str]] = {
    ("events.k8s.io", "events"): ("", "v1"),
    ("autoscaling", "horizontalpodautoscalers"): ("autoscaling", "v2"),
}
"""Where it is not the most stable version of the same group."""


@functools.cache
def stored_as(resource: Resource) -> Resource:
    """The resource whose version lies in the store."""
    special = _STORED.get((resource.group, resource.plural))
    if special is not None:
        found = find(*special, resource.plural)
        assert found is not None
        return found
    versions = [r for r in RESOURCES if r.group == resource.group and r.plural == resource.plural]
    return min(versions, key=lambda r: _stability(r.version))


def _stability(version: str) -> tuple[int, str]:
    for rank, word in ((2, "alpha"), (1, "beta")):
        if word in version:
            return rank, "".join(chr(0x10FFFF - ord(c)) for c in version)
    return 0, "".join(chr(0x10FFFF - ord(c)) for c in version)


def conversion_of(resource: Resource) -> Conversion | None:
    """How a version of another shape is converted; None where only apiVersion differs."""
    make = _CONVERSIONS.get((resource.group, resource.version, resource.plural))
    return make() if make is not None else None


InVersion = Callable[[dict[str, Any], str], tuple[dict[str, Any], Schema] | None]


def in_version_of(resource: Resource) -> InVersion | None:
    """Objects of a resource in other versions, for managers of fields that wrote in them; None where paths are alike.

    Upstream converts for them within a group alone, so Events have managers in the group that was written last.
    """
    if resource.plural == "events":
        return lambda _tree, _api_version: None
    if (resource.group, resource.plural) == ("autoscaling", "horizontalpodautoscalers"):
        return functools.partial(_in_version, resource)
    return None


def _in_version(resource: Resource, tree: dict[str, Any], api_version: str) -> tuple[dict[str, Any], Schema] | None:
    group, _, version = api_version.rpartition("/")
    wanted = find(group, version, resource.plural)
    if wanted is None:
        return None
    tree = copy_tree(tree)
    if (before := conversion_of(resource)) is not None:
        tree = before.to_storage(tree)
    if (after := conversion_of(wanted)) is not None:
        tree = after.from_storage(tree)
    return tree, schema_of(wanted.struct())


def _events() -> Conversion:
    from pybernetes.apiserver.registry.core.events import conversion

    return Conversion(conversion.to_storage, conversion.from_storage)


def _autoscalers() -> Conversion:
    from pybernetes.apiserver.registry.autoscaling import conversion

    return Conversion(conversion.to_storage, conversion.from_storage)


_CONVERSIONS: dict[tuple[str, str, str], Callable[[], Conversion]] = {
    ("events.k8s.io", "v1", "events"): _events,
    ("autoscaling", "v1", "horizontalpodautoscalers"): _autoscalers,
}
