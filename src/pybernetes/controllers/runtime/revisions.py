"""ControllerRevisions: the history of a DaemonSet's or StatefulSet's template, and how it is kept.

The data of a revision is a patch that brings the template back, as `kubectl rollout undo` applies it.
Source: pkg/controller/history/controller_history.go. Differs: data is compared as a tree and hashed over
canonical JSON, so the hash is not upstream's; only equality within a cluster matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from pybernetes.api.apps.v1 import ControllerRevision
from pybernetes.api.core.v1 import PodTemplateSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.client.client import Client
from pybernetes.client.objects import KubernetesObject
from pybernetes.controllers.runtime.hashes import name_hash
from pybernetes.controllers.runtime.owners import controller_reference
from pybernetes.controllers.runtime.templates import template_tree

REVISION_LABEL = "controller-revision-hash"
"""On Pods: which revision they were made from."""
_LONGEST_PREFIX = 223


class _HasTemplate(Protocol):
    template: PodTemplateSpec


class Versioned(KubernetesObject, Protocol):
    @property
    def spec(self) -> _HasTemplate: ...


def data_of(template: PodTemplateSpec) -> dict[str, Any]:
    """The patch that brings this template back.

    To the byte what Go's encoder writes for it, since clients compare a template with a revision that way:
    keys sorted, and structs that it never leaves out.
    """
    tree = template_tree(template)
    tree.setdefault("metadata", {})
    for name in ("containers", "initContainers"):
        for container in tree.get("spec", {}).get(name, ()):
            container.setdefault("resources", {})
    data: dict[str, Any] = _sorted({"spec": {"template": {**tree, "$patch": "replace"}}})
    return data


def _sorted(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _sorted(tree[key]) for key in sorted(tree)}
    return [_sorted(item) for item in tree] if isinstance(tree, list) else tree


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The template that the revision holds. Raises ValueError when its data is none of ours."""
    tree = dict(((revision.data or {}).get("spec") or {}).get("template") or {})
    tree.pop("$patch", None)
    try:
        return msgspec.convert(tree, PodTemplateSpec)
    except msgspec.ValidationError as error:
        raise ValueError(f"controller revision {revision.metadata.name} has no template: {error}") from None


def data_hash(data: dict[str, Any], collision_count: int | None) -> str:
    text = msgspec.json.encode(data, order="sorted")
    return name_hash(text if collision_count is None else text + str(collision_count).encode())


def revision_name(owner: str, hash_: str) -> str:
    return f"{owner[:_LONGEST_PREFIX]}-{hash_}"


def new_revision(
    owner: Versioned, number: int, collision_count: int | None, hash_label: str, annotations: dict[str, str]
) -> ControllerRevision:
    """The revision of the owner's template; `hash_label` gets the hash that also ends its name."""
    template = owner.spec.template
    data = data_of(template)
    hash_ = data_hash(data, collision_count)
    labels = dict(template.metadata.labels) if template.metadata else {}
    return ControllerRevision(
        metadata=ObjectMeta(
            name=revision_name(owner.metadata.name or "", hash_),
            namespace=owner.metadata.namespace,
            labels={**labels, hash_label: hash_},
            annotations=dict(annotations),
            ownerReferences=[controller_reference(owner)],
        ),
        data=data,
        revision=number,
    )


def in_order(revisions: Iterable[ControllerRevision]) -> list[ControllerRevision]:
    """By number, then age, then name."""
    return sorted(revisions, key=lambda r: (r.revision, r.metadata.creationTimestamp or "", r.metadata.name or ""))


def equal_to(revisions: Sequence[ControllerRevision], data: dict[str, Any]) -> list[ControllerRevision]:
    return [revision for revision in revisions if revision.data == data]


async def renumbered(client: Client, revision: ControllerRevision, number: int) -> ControllerRevision:
    """The revision under a new number, written; one try on the newest version after a conflict."""
    changed = fresh(revision)
    changed.revision = number
    try:
        return await client.update(changed)
    except errors.Conflict:
        meta = revision.metadata
        newest = await client.get(ControllerRevision, meta.name or "", meta.namespace or "")
        if newest.revision == number:
            return newest
        newest.revision = number
        return await client.update(newest)


async def delete_revision(client: Client, revision: ControllerRevision) -> None:
    try:
        await client.delete(ControllerRevision, revision.metadata.name or "", revision.metadata.namespace or "")
    except errors.NotFound:
        return
