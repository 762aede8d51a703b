"""Types of objects by the names that users have for them."""

from __future__ import annotations

from pybernetes.apimachinery.scheme import RESOURCES, Resource
from pybernetes.cluster.errors import ClusterError


def built_in(text: str) -> Resource | None:
    """A type as kubectl takes it: plural, singular, short name or kind, with a group or not."""
    name, _, group = text.lower().partition(".")
    for resource in RESOURCES:
        names = (resource.plural, resource.singular, *resource.short_names)
        if name in names and (not group or group == resource.group):
            return resource
    return None


def unknown(text: str) -> ClusterError:
    return ClusterError(f"there is no resource type {text!r}; kubectl api-resources lists them")
