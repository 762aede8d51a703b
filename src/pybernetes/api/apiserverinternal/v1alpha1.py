"""Structs of the group-version apiserverinternal/v1alpha1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Time, ZeroInt64
from pybernetes.api.meta import v1 as meta_v1

class ServerStorageVersion(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiServerID: str = ""
    decodableVersions: list[str] = []
    encodingVersion: str = ""
    servedVersions: list[str] = []


class StorageVersion(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "internal.apiserver.k8s.io/v1alpha1")
    kind: str = field(default_factory=lambda: "StorageVersion")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: StorageVersionSpec = field(default_factory=lambda: StorageVersionSpec())
    status: StorageVersionStatus = field(default_factory=lambda: StorageVersionStatus())


class StorageVersionCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: str = ""
    observedGeneration: ZeroInt64 | None = None
    reason: str = field(default_factory=zero.string)
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class StorageVersionList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "internal.apiserver.k8s.io/v1alpha1")
    kind: str = field(default_factory=lambda: "StorageVersionList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[StorageVersion] = field(default_factory=zero.array)


class StorageVersionSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class StorageVersionStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    commonEncodingVersion: str | None = None
    conditions: list[StorageVersionCondition] = []
    storageVersions: list[ServerStorageVersion] = []
