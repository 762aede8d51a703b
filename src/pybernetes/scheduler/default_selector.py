"""The selector that the Services and the controller of a Pod share: what default spreading counts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pybernetes.api.core.v1 import Pod, Service
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError

_OWNERS = {("apps/v1", "ReplicaSet"), ("apps/v1", "StatefulSet"), ("v1", "ReplicationController")}


def default_selector(pod: Pod, services: Iterable[Service], controller: Callable[[str, str], Any]) -> LabelSelector:
    """`controller(kind, name)` finds an owner in the Pod's namespace. Source: plugins/helper/spread.go."""
    merged: dict[str, str] = {}
    for service in services:
        selector = service.spec.selector
        if selector and all(pod.metadata.labels.get(key) == value for key, value in selector.items()):
            merged.update(selector)
    found = LabelSelector.of_set(merged)
    owner = next((ref for ref in pod.metadata.ownerReferences if ref.controller), None)
    if owner is None or (owner.apiVersion, owner.kind) not in _OWNERS:
        return found
    owning = controller(owner.kind, owner.name)
    if owning is None:
        return found
    if owner.kind == "ReplicationController":
        return LabelSelector.of_set({**merged, **owning.spec.selector})
    try:
        of_owner = LabelSelector.of(owning.spec.selector)
    except SelectorError:
        return found
    return LabelSelector((*found.requirements, *of_owner.requirements))
