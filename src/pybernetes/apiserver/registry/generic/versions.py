"""Which version of a resource is stored, and how the other versions come from it.

Source: pkg/kubeapiserver/default_storage_factory_builder.go, `api/testdata` storage versions of v1.36.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from pybernetes.apimachinery.scheme import RESOURCES, Resource, find
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
