"""Structs of the group-version storage/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, Int64, Quantity, Time, ZeroStr
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class CSIDriver(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CSIDriver")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: CSIDriverSpec = field(default_factory=lambda: CSIDriverSpec())


class CSIDriverList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CSIDriverList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[CSIDriver] = field(default_factory=zero.array)


class CSIDriverSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    attachRequired: bool | None = None
    fsGroupPolicy: str | None = None
    nodeAllocatableUpdatePeriodSeconds: Int64 | None = None
    podInfoOnMount: bool | None = None
    preventPodSchedulingIfMissing: bool | None = None
    requiresRepublish: bool | None = None
    seLinuxMount: bool | None = None
    serviceAccountTokenInSecrets: bool | None = None
    storageCapacity: bool | None = None
    tokenRequests: list[TokenRequest] = []
    volumeLifecycleModes: list[str] = []


class CSINode(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CSINode")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: CSINodeSpec = field(default_factory=lambda: CSINodeSpec())


class CSINodeDriver(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocatable: VolumeNodeResources | None = None
    name: str = field(default_factory=zero.string)
    nodeID: str = field(default_factory=zero.string)
    topologyKeys: list[str] | None = field(default_factory=zero.null)


class CSINodeList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CSINodeList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[CSINode] = field(default_factory=zero.array)


class CSINodeSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    drivers: list[CSINodeDriver] | None = field(default_factory=zero.null)


class CSIStorageCapacity(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CSIStorageCapacity")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    capacity: Quantity | None = None
    maximumVolumeSize: Quantity | None = None
    nodeTopology: meta_v1.LabelSelector | None = None
    storageClassName: str = field(default_factory=zero.string)


class CSIStorageCapacityList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CSIStorageCapacityList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[CSIStorageCapacity] = field(default_factory=zero.array)


class StorageClass(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "StorageClass")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    allowVolumeExpansion: bool | None = None
    allowedTopologies: list[core_v1.TopologySelectorTerm] = []
    mountOptions: list[str] = []
    parameters: dict[str, str] = {}
    provisioner: str = field(default_factory=zero.string)
    reclaimPolicy: str | None = None
    volumeBindingMode: str | None = None


class StorageClassList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "StorageClassList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[StorageClass] = field(default_factory=zero.array)


class TokenRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    audience: str = field(default_factory=zero.string)
    expirationSeconds: Int64 | None = None


class VolumeAttachment(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "VolumeAttachment")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: VolumeAttachmentSpec = field(default_factory=lambda: VolumeAttachmentSpec())
    status: VolumeAttachmentStatus = field(default_factory=lambda: VolumeAttachmentStatus())


class VolumeAttachmentList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "VolumeAttachmentList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[VolumeAttachment] = field(default_factory=zero.array)


class VolumeAttachmentSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    inlineVolumeSpec: core_v1.PersistentVolumeSpec | None = None
    persistentVolumeName: str | None = None


class VolumeAttachmentSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    attacher: str = field(default_factory=zero.string)
    nodeName: str = field(default_factory=zero.string)
    source: VolumeAttachmentSource = field(default_factory=lambda: VolumeAttachmentSource())


class VolumeAttachmentStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    attachError: VolumeError | None = None
    attached: bool = field(default_factory=zero.false)
    attachmentMetadata: dict[str, str] = {}
    detachError: VolumeError | None = None


class VolumeAttributesClass(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "VolumeAttributesClass")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    driverName: str = field(default_factory=zero.string)
    parameters: dict[str, str] = {}


class VolumeAttributesClassList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "storage.k8s.io/v1")
    kind: str = field(default_factory=lambda: "VolumeAttributesClassList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[VolumeAttributesClass] = field(default_factory=zero.array)


class VolumeError(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    errorCode: Int32 | None = None
    message: ZeroStr | None = None
    time: Time | None = field(default_factory=zero.null)


class VolumeNodeResources(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    count: Int32 | None = None
