"""Structs of the group-version resource/v1beta2. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int64, Quantity, Time, ZeroInt64, ZeroStr
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class AllocatedDeviceStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] | None = field(default_factory=zero.null)
    data: Any = None
    device: str = field(default_factory=zero.string)
    driver: str = field(default_factory=zero.string)
    networkData: NetworkDeviceData | None = None
    pool: str = field(default_factory=zero.string)
    shareID: str | None = None


class AllocationResult(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocationTimestamp: Time | None = None
    devices: DeviceAllocationResult = field(default_factory=lambda: DeviceAllocationResult())
    nodeSelector: core_v1.NodeSelector | None = None


class CELDeviceSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: str = field(default_factory=zero.string)


class CapacityRequestPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    default: Quantity | None = field(default_factory=zero.null)
    validRange: CapacityRequestPolicyRange | None = None
    validValues: list[Quantity] = []


class CapacityRequestPolicyRange(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    max: Quantity | None = None
    min: Quantity = field(default_factory=zero.quantity)
    step: Quantity | None = None


class CapacityRequirements(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    requests: dict[str, Quantity] = {}


class Counter(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    value: Quantity = field(default_factory=zero.quantity)


class CounterSet(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    counters: dict[str, Counter] = {}
    name: str = field(default_factory=zero.string)


class Device(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allNodes: bool | None = None
    allowMultipleAllocations: bool | None = None
    attributes: dict[str, DeviceAttribute] = {}
    bindingConditions: list[str] = []
    bindingFailureConditions: list[str] = []
    bindsToNode: bool | None = None
    capacity: dict[str, DeviceCapacity] = {}
    consumesCounters: list[DeviceCounterConsumption] = []
    name: str = field(default_factory=zero.string)
    nodeAllocatableResourceMappings: dict[str, NodeAllocatableResourceMapping] = {}
    nodeName: str | None = None
    nodeSelector: core_v1.NodeSelector | None = None
    taints: list[DeviceTaint] = []


class DeviceAllocationConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    opaque: OpaqueDeviceConfiguration | None = None
    requests: list[str] = []
    source: str = field(default_factory=zero.string)


class DeviceAllocationResult(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    config: list[DeviceAllocationConfiguration] = []
    results: list[DeviceRequestAllocationResult] = []


class DeviceAttribute(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    bool_: bool | None = field(default=None, name='bool')
    bools: list[bool] = []
    int_: Int64 | None = field(default=None, name='int')
    ints: list[Int64] = []
    string: str | None = None
    strings: list[str] = []
    version: str | None = None
    versions: list[str] = []


class DeviceCapacity(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    requestPolicy: CapacityRequestPolicy | None = None
    value: Quantity = field(default_factory=zero.quantity)


class DeviceClaim(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    config: list[DeviceClaimConfiguration] = []
    constraints: list[DeviceConstraint] = []
    requests: list[DeviceRequest] | None = field(default_factory=zero.null)


class DeviceClaimConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    opaque: OpaqueDeviceConfiguration | None = None
    requests: list[str] = []


class DeviceClass(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "DeviceClass")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: DeviceClassSpec = field(default_factory=lambda: DeviceClassSpec())


class DeviceClassConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    opaque: OpaqueDeviceConfiguration | None = None


class DeviceClassList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "DeviceClassList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[DeviceClass] = field(default_factory=zero.array)


class DeviceClassSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    config: list[DeviceClassConfiguration] = []
    extendedResourceName: str | None = None
    selectors: list[DeviceSelector] = []


class DeviceConstraint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    distinctAttribute: str | None = None
    matchAttribute: str | None = None
    requests: list[str] = []


class DeviceCounterConsumption(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    counterSet: str = field(default_factory=zero.string)
    counters: dict[str, Counter] = {}


class DeviceRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    exactly: ExactDeviceRequest | None = None
    firstAvailable: list[DeviceSubRequest] = []
    name: str = field(default_factory=zero.string)


class DeviceRequestAllocationResult(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    adminAccess: bool | None = None
    bindingConditions: list[str] = []
    bindingFailureConditions: list[str] = []
    consumedCapacity: dict[str, Quantity] = {}
    device: str = field(default_factory=zero.string)
    driver: str = field(default_factory=zero.string)
    pool: str = field(default_factory=zero.string)
    request: str = field(default_factory=zero.string)
    shareID: str | None = None
    tolerations: list[DeviceToleration] = []


class DeviceSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    cel: CELDeviceSelector | None = None


class DeviceSubRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocationMode: ZeroStr | None = None
    capacity: CapacityRequirements | None = None
    count: ZeroInt64 | None = None
    deviceClassName: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    selectors: list[DeviceSelector] = []
    tolerations: list[DeviceToleration] = []


class DeviceTaint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    effect: str = field(default_factory=zero.string)
    key: str = field(default_factory=zero.string)
    timeAdded: Time | None = None
    value: ZeroStr | None = None


class DeviceTaintRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "DeviceTaintRule")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: DeviceTaintRuleSpec = field(default_factory=lambda: DeviceTaintRuleSpec())
    status: DeviceTaintRuleStatus = field(default_factory=lambda: DeviceTaintRuleStatus())


class DeviceTaintRuleList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
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


class DeviceToleration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    effect: ZeroStr | None = None
    key: ZeroStr | None = None
    operator: ZeroStr | None = None
    tolerationSeconds: Int64 | None = None
    value: ZeroStr | None = None


class ExactDeviceRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    adminAccess: bool | None = None
    allocationMode: ZeroStr | None = None
    capacity: CapacityRequirements | None = None
    count: ZeroInt64 | None = None
    deviceClassName: str = field(default_factory=zero.string)
    selectors: list[DeviceSelector] = []
    tolerations: list[DeviceToleration] = []


class NetworkDeviceData(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hardwareAddress: ZeroStr | None = None
    interfaceName: ZeroStr | None = None
    ips: list[str] = []


class NodeAllocatableResourceMapping(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocationMultiplier: Quantity | None = None
    capacityKey: str | None = None


class OpaqueDeviceConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    driver: str = field(default_factory=zero.string)
    parameters: Any = None


class ResourceClaim(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "ResourceClaim")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ResourceClaimSpec = field(default_factory=lambda: ResourceClaimSpec())
    status: ResourceClaimStatus = field(default_factory=lambda: ResourceClaimStatus())


class ResourceClaimConsumerReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: ZeroStr | None = None
    name: str = field(default_factory=zero.string)
    resource: str = field(default_factory=zero.string)
    uid: str = field(default_factory=zero.string)


class ResourceClaimList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "ResourceClaimList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ResourceClaim] = field(default_factory=zero.array)


class ResourceClaimSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    devices: DeviceClaim = field(default_factory=lambda: DeviceClaim())


class ResourceClaimStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocation: AllocationResult | None = None
    devices: list[AllocatedDeviceStatus] = []
    reservedFor: list[ResourceClaimConsumerReference] = []


class ResourceClaimTemplate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "ResourceClaimTemplate")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ResourceClaimTemplateSpec = field(default_factory=lambda: ResourceClaimTemplateSpec())


class ResourceClaimTemplateList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "ResourceClaimTemplateList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ResourceClaimTemplate] = field(default_factory=zero.array)


class ResourceClaimTemplateSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ResourceClaimSpec = field(default_factory=lambda: ResourceClaimSpec())


class ResourcePool(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    generation: Int64 = field(default_factory=zero.zero)
    name: str = field(default_factory=zero.string)
    resourceSliceCount: Int64 = field(default_factory=zero.zero)


class ResourceSlice(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "ResourceSlice")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ResourceSliceSpec = field(default_factory=lambda: ResourceSliceSpec())


class ResourceSliceList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "resource.k8s.io/v1beta2")
    kind: str = field(default_factory=lambda: "ResourceSliceList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ResourceSlice] = field(default_factory=zero.array)


class ResourceSliceSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allNodes: bool | None = None
    devices: list[Device] = []
    driver: str = field(default_factory=zero.string)
    nodeName: str | None = None
    nodeSelector: core_v1.NodeSelector | None = None
    perDeviceNodeSelection: bool | None = None
    pool: ResourcePool = field(default_factory=lambda: ResourcePool())
    sharedCounters: list[CounterSet] = []
