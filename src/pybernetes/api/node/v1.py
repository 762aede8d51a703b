"""Structs of the group-version node/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Quantity
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class Overhead(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    podFixed: dict[str, Quantity] = {}


class RuntimeClass(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "node.k8s.io/v1")
    kind: str = field(default_factory=lambda: "RuntimeClass")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    handler: str = field(default_factory=zero.string)
    overhead: Overhead | None = None
    scheduling: Scheduling | None = None


class RuntimeClassList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "node.k8s.io/v1")
    kind: str = field(default_factory=lambda: "RuntimeClassList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[RuntimeClass] = field(default_factory=zero.array)


class Scheduling(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nodeSelector: dict[str, str] = {}
    tolerations: list[core_v1.Toleration] = []
