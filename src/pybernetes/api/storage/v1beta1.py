"""Structs of the group-version storage/v1beta1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api.meta import v1 as meta_v1

class VolumeAttributesClass(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "VolumeAttributesClass")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    driverName: str = field(default_factory=zero.string)
    parameters: dict[str, str] = {}


class VolumeAttributesClassList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "VolumeAttributesClassList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[VolumeAttributesClass] = field(default_factory=zero.array)
