"""Structs of the group-version storagemigration/v1beta1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class StorageVersionMigration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storagemigration.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "StorageVersionMigration")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: StorageVersionMigrationSpec = field(default_factory=lambda: StorageVersionMigrationSpec())
    status: StorageVersionMigrationStatus = field(default_factory=lambda: StorageVersionMigrationStatus())


class StorageVersionMigrationList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storagemigration.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "StorageVersionMigrationList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[StorageVersionMigration] = field(default_factory=zero.array)


class StorageVersionMigrationSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    resource: meta_v1.GroupResource = field(default_factory=lambda: meta_v1.GroupResource())


class StorageVersionMigrationStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
    resourceVersion: ZeroStr | None = None
