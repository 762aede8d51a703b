"""Structs of the group-version meta/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int64, Time, ZeroInt32, ZeroInt64, ZeroStr

class APIGroup(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "APIGroup")
    name: str = field(default_factory=zero.string)
    preferredVersion: GroupVersionForDiscovery = field(default_factory=lambda: GroupVersionForDiscovery())
    serverAddressByClientCIDRs: list[ServerAddressByClientCIDR] = []
    versions: list[GroupVersionForDiscovery] = field(default_factory=zero.array)


class APIGroupList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "APIGroupList")
    groups: list[APIGroup] = field(default_factory=zero.array)


class APIResource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    categories: list[str] = []
    group: ZeroStr | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    namespaced: bool = field(default_factory=zero.false)
    shortNames: list[str] = []
    singularName: str = field(default_factory=zero.string)
    storageVersionHash: ZeroStr | None = None
    verbs: list[str] = field(default_factory=zero.array)
    version: ZeroStr | None = None


class APIResourceList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "APIResourceList")
    groupVersion: str = field(default_factory=zero.string)
    resources: list[APIResource] = field(default_factory=zero.array)


class APIVersions(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "APIVersions")
    serverAddressByClientCIDRs: list[ServerAddressByClientCIDR] = field(default_factory=zero.array)
    versions: list[str] = field(default_factory=zero.array)


class Condition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: str = field(default_factory=zero.string)
    observedGeneration: ZeroInt64 | None = None
    reason: str = field(default_factory=zero.string)
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class DeleteOptions(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "DeleteOptions")
    dryRun: list[str] = []
    gracePeriodSeconds: Int64 | None = None
    ignoreStoreReadErrorWithClusterBreakingPotential: bool | None = None
    orphanDependents: bool | None = None
    preconditions: Preconditions | None = None
    propagationPolicy: str | None = None


class FieldSelectorRequirement(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    operator: str = field(default_factory=zero.string)
    values: list[str] = []


class GroupResource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    group: str = field(default_factory=zero.string)
    resource: str = field(default_factory=zero.string)


class GroupVersionForDiscovery(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    groupVersion: str = field(default_factory=zero.string)
    version: str = field(default_factory=zero.string)


class Info(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    buildDate: str = field(default_factory=zero.string)
    compiler: str = field(default_factory=zero.string)
    emulationMajor: str | None = None
    emulationMinor: str | None = None
    gitCommit: str = field(default_factory=zero.string)
    gitTreeState: str = field(default_factory=zero.string)
    gitVersion: str = field(default_factory=zero.string)
    goVersion: str = field(default_factory=zero.string)
    major: str = field(default_factory=zero.string)
    minCompatibilityMajor: str | None = None
    minCompatibilityMinor: str | None = None
    minor: str = field(default_factory=zero.string)
    platform: str = field(default_factory=zero.string)


class LabelSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    matchExpressions: list[LabelSelectorRequirement] = []
    matchLabels: dict[str, str] = {}


class LabelSelectorRequirement(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    operator: str = field(default_factory=zero.string)
    values: list[str] = []


class ListMeta(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    continue_: ZeroStr | None = field(default=None, name='continue')
    remainingItemCount: Int64 | None = None
    resourceVersion: ZeroStr | None = None
    selfLink: ZeroStr | None = None
    shardInfo: ShardInfo | None = None


class ManagedFieldsEntry(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: ZeroStr | None = None
    fieldsType: ZeroStr | None = None
    fieldsV1: Any = None
    manager: ZeroStr | None = None
    operation: ZeroStr | None = None
    subresource: ZeroStr | None = None
    time: Time | None = None


class ObjectMeta(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    annotations: dict[str, str] = {}
    creationTimestamp: Time | None = None
    deletionGracePeriodSeconds: Int64 | None = None
    deletionTimestamp: Time | None = None
    finalizers: list[str] = []
    generateName: ZeroStr | None = None
    generation: ZeroInt64 | None = None
    labels: dict[str, str] = {}
    managedFields: list[ManagedFieldsEntry] = []
    name: ZeroStr | None = None
    namespace: ZeroStr | None = None
    ownerReferences: list[OwnerReference] = []
    resourceVersion: ZeroStr | None = None
    selfLink: ZeroStr | None = None
    uid: ZeroStr | None = None


class OwnerReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=zero.string)
    blockOwnerDeletion: bool | None = None
    controller: bool | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    uid: str = field(default_factory=zero.string)


class Preconditions(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    resourceVersion: str | None = None
    uid: str | None = None


class ServerAddressByClientCIDR(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    clientCIDR: str = field(default_factory=zero.string)
    serverAddress: str = field(default_factory=zero.string)


class ShardInfo(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    selector: str = field(default_factory=zero.string)


class Status(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Status")
    metadata: ListMeta = field(default_factory=lambda: ListMeta())
    code: ZeroInt32 | None = None
    details: StatusDetails | None = None
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: ZeroStr | None = None


class StatusCause(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    field_: ZeroStr | None = field(default=None, name='field')
    message: ZeroStr | None = None
    reason: ZeroStr | None = None


class StatusDetails(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    causes: list[StatusCause] = []
    group: ZeroStr | None = None
    kind: ZeroStr | None = None
    name: ZeroStr | None = None
    retryAfterSeconds: ZeroInt32 | None = None
    uid: ZeroStr | None = None


class WatchEvent(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    object: Any = None
    type: str = field(default_factory=zero.string)
