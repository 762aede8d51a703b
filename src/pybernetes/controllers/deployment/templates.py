"""Pod templates: when two are the same, and the hash that names a ReplicaSet. Pure.

Source: pkg/controller/deployment/util/deployment_util.go, pkg/controller/controller_utils.go (ComputeHash).
Differs: the hash is taken over canonical JSON, so its value is not upstream's; only equality within a
cluster matters, and it does not change when a new release adds fields.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.api.core.v1 import PodTemplateSpec
from pybernetes.api.meta.v1 import LabelSelector, ObjectMeta
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.runtime.hashes import name_hash
from pybernetes.controllers.runtime.templates import template_tree

HASH_LABEL = "pod-template-hash"
_LONGEST_NAME = 253


def same(a: PodTemplateSpec | None, b: PodTemplateSpec | None) -> bool:
    """Equal but for the pod-template-hash label."""
    return a == b or _tree(a) == _tree(b)


def template_hash(template: PodTemplateSpec, collision_count: int | None) -> str:
    """The template and the collision count, as part of a name."""
    data = msgspec.json.encode(_tree(template), order="sorted")
    if collision_count is not None:
        data += collision_count.to_bytes(8, "little")
    return name_hash(data)


def replica_set_name(deployment: str, hash_: str) -> str:
    return f"{deployment[: _LONGEST_NAME - 1 - len(hash_)]}-{hash_}"


def with_hash(template: PodTemplateSpec, hash_: str) -> PodTemplateSpec:
    copy = fresh(template)
    copy.metadata = copy.metadata or ObjectMeta()
    copy.metadata.labels = {**copy.metadata.labels, HASH_LABEL: hash_}
    return copy


def without_hash(template: PodTemplateSpec) -> PodTemplateSpec:
    copy = fresh(template)
    if copy.metadata is not None:
        copy.metadata.labels.pop(HASH_LABEL, None)
    return copy


def selector_with_hash(selector: LabelSelector | None, hash_: str) -> LabelSelector:
    copy = fresh(selector or LabelSelector())
    copy.matchLabels = {**copy.matchLabels, HASH_LABEL: hash_}
    return copy


def _tree(template: PodTemplateSpec | None) -> Any:
    return None if template is None else template_tree(without_hash(template))
