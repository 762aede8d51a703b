"""Who owns spec.replicas: between the managedFields of a workload and those of its Scale.

A Scale has the managers of the workload's replicas alone; what comes back is put to the workload's other fields.
Source: apimachinery/pkg/util/managedfields/scalehandler.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.apimachinery.managed_fields import entries
from pybernetes.apimachinery.managed_fields.entries import Manager, Managers, Owned
from pybernetes.apimachinery.managed_fields.field_set import FieldSet, difference, has

SCALE_VERSION = "autoscaling/v1"
_REPLICAS = ("f:spec", "f:replicas")


def of_scale(parent: list[Any], path: Sequence[str]) -> list[dict[str, Any]]:
    """The managedFields of the Scale of an object with these; `path` leads to the object's replicas."""
    elements = tuple(f"f:{name}" for name in path)
    found: Managers = {}
    for manager, owned in _decoded(parent).items():
        if has(owned.fields, elements):
            who = Manager.of(manager.name, manager.operation, SCALE_VERSION, manager.subresource)
            found[who] = Owned(_set(_REPLICAS), SCALE_VERSION, owned.time)
    return entries.encode(found)


def of_parent(parent: list[Any], scale: list[Any], path: Sequence[str], api_version: str) -> list[dict[str, Any]]:
    """The managedFields of the object after its Scale was written; `api_version` is the object's.

    As upstream's, an updater that keeps the replicas gets an entry for them alone, and those that come from the Scale
    have no time.
    """
    elements = tuple(f"f:{name}" for name in path)
    replicas = _set(elements)
    owners = {who: owned for who, owned in _decoded(scale).items() if has(owned.fields, _REPLICAS)}
    found: Managers = {}
    for manager, owned in _decoded(parent).items():
        # An applier of the Scale is the object's; an updater, being of another version, is not.
        if not has(owned.fields, elements) or owners.pop(manager, None) is not None:
            found[manager] = owned
        elif fields := difference(owned.fields, replicas):
            found[manager] = owned._replace(fields=fields)
    moved: Managers = {}
    for manager in owners:
        who = Manager.of(manager.name, manager.operation, api_version, manager.subresource)
        moved[who] = Owned(replicas, api_version, None)
    return entries.encode(found, moved)


def _decoded(managed: list[Any]) -> Managers:
    try:
        return entries.decode(managed)
    except entries.EntriesError:
        return {}


def _set(path: Sequence[str]) -> FieldSet:
    node: FieldSet = {}
    for element in reversed(path):
        node = {element: node}
    return node
