"""What the client asks of a typed object: the generated Structs of resources fit."""

from __future__ import annotations

from typing import Protocol, TypeVar

from pybernetes.api.meta.v1 import ObjectMeta


class KubernetesObject(Protocol):
    apiVersion: str
    kind: str
    metadata: ObjectMeta


T = TypeVar("T", bound=KubernetesObject)


def key_of(obj: KubernetesObject) -> str:
    """`namespace/name`, or `name` for a cluster-scoped object: the key of stores and queues."""
    meta = obj.metadata
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name or ""


def revision_of(obj: KubernetesObject) -> int:
    """The number that its resourceVersion is; 0 for what has none."""
    text = obj.metadata.resourceVersion or ""
    return int(text) if text.isdecimal() else 0


def split_key(key: str) -> tuple[str, str]:
    """The (namespace, name) of a key; namespace is "" for a cluster-scoped object."""
    namespace, _, name = key.rpartition("/")
    return namespace, name
