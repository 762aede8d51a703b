"""Structs of the group-version resource/v1alpha3. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, Int64, Time, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class DeviceTaint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    effect: str = field(default_factory=zero.string)
    key: str = field(default_factory=zero.string)
    timeAdded: Time | None = None
    value: ZeroStr | None = None


class DeviceTaintRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1alpha3")
    kind: str = field(default_factory=lambda: "DeviceTaintRule")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: DeviceTaintRuleSpec = field(default_factory=lambda: DeviceTaintRuleSpec())
    status: DeviceTaintRuleStatus = field(default_factory=lambda: DeviceTaintRuleStatus())


class DeviceTaintRuleList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1alpha3")
    kind: str = field(default_factory=lambda: "DeviceTaintRuleList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[DeviceTaintRule] = field(default_factory=zero.array)


class DeviceTaintRuleSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    deviceSelector: DeviceTaintSelector | None = None
    taint: DeviceTaint = field(default_factory=lambda: DeviceTaint())


class DeviceTaintRuleStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []


class DeviceTaintSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    device: str | None = None
    driver: str | None = None
    pool: str | None = None


class PoolStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocatedDevices: Int32 | None = None
    availableDevices: Int32 | None = None
    driver: str = ""
    generation: Int64 = field(default_factory=zero.zero)
    nodeName: str | None = None
    poolName: str = ""
    resourceSliceCount: Int32 | None = None
    totalDevices: Int32 | None = None
    unavailableDevices: Int32 | None = None
    validationError: str | None = None


class ResourcePoolStatusRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1alpha3")
    kind: str = field(default_factory=lambda: "ResourcePoolStatusRequest")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ResourcePoolStatusRequestSpec = field(default_factory=lambda: ResourcePoolStatusRequestSpec())
    status: ResourcePoolStatusRequestStatus = field(default_factory=lambda: ResourcePoolStatusRequestStatus())


class ResourcePoolStatusRequestList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1alpha3")
    kind: str = field(default_factory=lambda: "ResourcePoolStatusRequestList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ResourcePoolStatusRequest] = field(default_factory=zero.array)


class ResourcePoolStatusRequestSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    driver: str = field(default_factory=zero.string)
    limit: Int32 | None = None
    poolName: str | None = None


class ResourcePoolStatusRequestStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
    poolCount: Int32 = field(default_factory=zero.zero)
    pools: list[PoolStatus] = []
