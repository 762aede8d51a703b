"""Resources of storage.k8s.io: defaults and columns.

Source: pkg/registry/storage, printers, apis/storage/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.api.storage import v1 as storage
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.default_class import STORAGE_MARKS, is_default
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import dns1123_subdomain, qualified_name
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.core.volumes.sources import validate_csi_driver_name
from pybernetes.apiserver.registry.generic.interface import Column, RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NAME, UNSET, age, columns

_FS_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_TOKENS_IN_SECRETS = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible "
    "logging of tokens in volume attributes"
)
_NODE_ID_LENGTH = 192
_MOST_PARAMETERS = 512
_PARAMETERS_BYTES = 256 * 1024
_MOST_OF_METADATA = 256 * 1024
_MOST_OF_AN_ERROR = 1024


class StorageClassStrategy(Strategy):
    metadata_again = "whole"
    returns_deleted_object = True
    columns = columns("Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age")

    def default(self, obj: storage.StorageClass) -> None:
        if obj.reclaimPolicy is None:
            obj.reclaimPolicy = "Delete"
        if obj.volumeBindingMode is None:
            obj.volumeBindingMode = "Immediate"

    def validate(self, obj: storage.StorageClass) -> list[FieldError]:
        found: list[FieldError] = []
        found += _validate_driver(obj.provisioner, Path("provisioner"))
        found += _validate_parameters(obj.parameters, empty=True)
        for name, supported in (
            ("reclaimPolicy", ("Delete", "Retain")),
            ("volumeBindingMode", ("Immediate", "WaitForFirstConsumer")),
        ):
            if getattr(obj, name) not in supported and (getattr(obj, name) or name != "reclaimPolicy"):
                found.append(FieldError.not_supported(Path(name), getattr(obj, name), supported))
        return found + _validate_topologies(obj.allowedTopologies, Path("allowedTopologies"))

    def validate_update(self, obj: storage.StorageClass, old: storage.StorageClass) -> list[FieldError]:
        found = self.validate(obj)
        for name in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
            value = getattr(obj, name)
            if value != getattr(old, name):
                found.append(FieldError.invalid(Path(name), value, IMMUTABLE))
        return found

    def row(self, obj: storage.StorageClass, now: float) -> list[Any]:
        name = obj.metadata.name or ""
        if is_default(obj, STORAGE_MARKS):
            name += " (default)"
        created = age(obj.metadata.creationTimestamp, now)
        expands = bool(obj.allowVolumeExpansion) if obj.allowVolumeExpansion is not None else False
        return [name, obj.provisioner, obj.reclaimPolicy or "", obj.volumeBindingMode or UNSET, expands, created]


def _validate_topologies(terms: Sequence[core.TopologySelectorTerm], path: Path) -> list[FieldError]:
    """Where volumes of a class may be: no term twice, no key twice in a term."""
    found: list[FieldError] = []
    seen: list[dict[str, set[str]]] = []
    for index, term in enumerate(terms):
        at = path.index(index).child("matchLabelExpressions")
        wanted: dict[str, set[str]] = {}
        for number, expression in enumerate(term.matchLabelExpressions):
            where = at.index(number)
            if not expression.values:
                found.append(FieldError.required(where.child("values")))
            for position, value in enumerate(expression.values):
                if value in expression.values[:position]:
                    found.append(FieldError.duplicate(where.child("values").index(position), value))
            problems = qualified_name(expression.key)
            found += [FieldError.invalid(where.child("key"), expression.key, message) for message in problems]
            if expression.key in wanted:
                found.append(FieldError.duplicate(where.child("key"), expression.key))
            wanted[expression.key] = set(expression.values)
        if wanted in seen or not wanted:
            found.append(FieldError.duplicate(at, ""))
        seen.append(wanted)
    return found


class CSINodeStrategy(Strategy):
    allow_unconditional_update = False
    returns_deleted_object = True
    columns = columns("Name", "Drivers:integer", "Age")

    def validate(self, obj: storage.CSINode) -> list[FieldError]:
        found: list[FieldError] = []
        seen: set[str] = set()
        for index, driver in enumerate(obj.spec.drivers or []):
            at = Path("spec", "drivers").index(index)
            found += validate_csi_driver_name(driver.name, at.child("name"))
            if not driver.nodeID:
                found.append(FieldError.required(at.child("nodeID")))
            elif len(driver.nodeID) > _NODE_ID_LENGTH:
                why = f"must be {_NODE_ID_LENGTH} characters or less"
                found.append(FieldError.invalid(at.child("nodeID"), driver.nodeID, why))
            count = driver.allocatable.count if driver.allocatable is not None else None
            if count is not None and count < 0:
                where = at.child("allocatable", "count")
                found.append(FieldError.invalid(where, count, "must be greater than or equal to 0"))
            for position, key in enumerate(driver.topologyKeys or []):
                if not key:
                    found.append(FieldError.required(at))
                if key in (driver.topologyKeys or [])[:position]:
                    found.append(FieldError.duplicate(at, key))
                found += [FieldError.invalid(at, key, message) for message in qualified_name(key)]
            if driver.name and driver.name in seen:
                found.append(FieldError.duplicate(at.child("name"), driver.name))
            seen.add(driver.name)
        return found

    def validate_update(self, obj: storage.CSINode, old: storage.CSINode) -> list[FieldError]:
        """A driver comes and goes; while it is there, only how many volumes it has room for changes."""
        found = self.validate(obj)
        at = Path("spec", "drivers")
        held = {driver.name: driver for driver in old.spec.drivers or []}
        for driver in obj.spec.drivers or []:
            before = held.get(driver.name)
            if before is not None and (driver.nodeID, driver.topologyKeys) != (before.nodeID, before.topologyKeys):
                shown = {
                    "Name": driver.name,
                    "NodeID": driver.nodeID,
                    "TopologyKeys": driver.topologyKeys or None,
                    "Allocatable": None,
                }
                found.append(FieldError.invalid(at, shown, IMMUTABLE))
        return found

    def row(self, obj: storage.CSINode, now: float) -> list[Any]:
        return [obj.metadata.name, len(obj.spec.drivers or []), age(obj.metadata.creationTimestamp, now)]


class CSIDriverStrategy(Strategy):
    allow_unconditional_update = False
    returns_deleted_object = True
    columns = columns(
        "Name", "AttachRequired:boolean", "PodInfoOnMount:boolean", "StorageCapacity:boolean", "TokenRequests",
        "RequiresRepublish:boolean", "Modes", "Age",
    )  # fmt: skip

    def default(self, obj: storage.CSIDriver) -> None:
        spec = obj.spec
        if spec.attachRequired is None:
            spec.attachRequired = True
        for name in ("podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"):
            if getattr(spec, name) is None:
                setattr(spec, name, False)
        if spec.fsGroupPolicy is None:
            spec.fsGroupPolicy = "ReadWriteOnceWithFSType"
        spec.volumeLifecycleModes = spec.volumeLifecycleModes or ["Persistent"]

    def prepare_for_update(self, ctx: RequestContext, obj: storage.CSIDriver, old: storage.CSIDriver) -> None:
        """The generation starts with the first change: nothing sets it at creation."""
        if obj.spec != old.spec:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def validate(self, obj: storage.CSIDriver) -> list[FieldError]:
        spec, at, found = obj.spec, Path("spec"), list[FieldError]()
        if spec.fsGroupPolicy not in _FS_GROUP_POLICIES:
            found.append(FieldError.not_supported(at.child("fsGroupPolicy"), spec.fsGroupPolicy, _FS_GROUP_POLICIES))
        seen: set[str] = set()
        for index, request in enumerate(spec.tokenRequests):
            where = at.child("tokenRequests").index(index)
            if request.audience in seen:
                found.append(FieldError.duplicate(where.child("audience"), request.audience))
            seen.add(request.audience)
            seconds = request.expirationSeconds
            if seconds is not None and seconds < 600:
                why = "may not specify a duration less than 10 minutes"
                found.append(FieldError.invalid(where.child("expirationSeconds"), seconds, why))
            elif seconds is not None and seconds > 2**32:
                why = "may not specify a duration larger than 2^32 seconds"
                found.append(FieldError.invalid(where.child("expirationSeconds"), seconds, why))
        modes = ("Persistent", "Ephemeral")
        where = at.child("volumeLifecycleModes")
        found += [
            FieldError.not_supported(where, mode, modes) for mode in spec.volumeLifecycleModes if mode not in modes
        ]
        period_s = spec.nodeAllocatableUpdatePeriodSeconds
        if period_s is not None and period_s < 10:
            why = "must be greater than or equal to 10 seconds"
            found.append(FieldError.invalid(at.child("nodeAllocatableUpdatePeriodSeconds"), period_s, why))
        return found

    def validate_update(self, obj: storage.CSIDriver, old: storage.CSIDriver) -> list[FieldError]:
        found = self.validate(obj)
        for name in ("attachRequired", "volumeLifecycleModes"):
            if getattr(obj.spec, name) != getattr(old.spec, name):
                at = Path("spec").child("attachedRequired" if name == "attachRequired" else name)
                found.append(FieldError.invalid(at, getattr(obj.spec, name), IMMUTABLE))
        return found

    def warnings(self, obj: storage.CSIDriver, old: storage.CSIDriver | None) -> list[str]:
        spec = obj.spec
        changed = old is None or spec.tokenRequests != old.spec.tokenRequests
        return (
            [_TOKENS_IN_SECRETS] if changed and spec.tokenRequests and spec.serviceAccountTokenInSecrets is None else []
        )

    def row(self, obj: storage.CSIDriver, now: float) -> list[Any]:
        spec = obj.spec
        return [
            obj.metadata.name,
            spec.attachRequired is not False,
            bool(spec.podInfoOnMount),
            bool(spec.storageCapacity),
            ",".join(request.audience for request in spec.tokenRequests) or UNSET,
            bool(spec.requiresRepublish),
            ",".join(spec.volumeLifecycleModes) or "<none>",
            age(obj.metadata.creationTimestamp, now),
        ]


class VolumeAttachmentStrategy(Strategy):
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    allow_unconditional_update = False
    returns_deleted_object = True
    columns = (
        NAME,
        Column("Attacher", "string", "name", "The driver that attaches the volume."),
        *columns("PV", "Node", "Attached:boolean", "Age"),
    )

    def validate(self, obj: storage.VolumeAttachment) -> list[FieldError]:
        spec, at = obj.spec, Path("spec")
        found = validate_csi_driver_name(spec.attacher, at.child("attacher"))
        source, volume = at.child("source"), spec.source.persistentVolumeName
        why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        if volume is None and spec.source.inlineVolumeSpec is None:
            found.append(FieldError.required(source, why))
        elif volume is not None and spec.source.inlineVolumeSpec is not None:
            found.append(FieldError.forbidden(source, why))
        elif volume is not None:
            where = source.child("persistentVolumeName")
            if not volume:
                found.append(FieldError.required(where, "must specify non empty persistentVolumeName"))
            found += [FieldError.invalid(where, volume, message) for message in dns1123_subdomain(volume)]
        problems = dns1123_subdomain(spec.nodeName)
        return found + [FieldError.invalid(at.child("nodeName"), spec.nodeName, message) for message in problems]

    def validate_update(self, obj: storage.VolumeAttachment, old: storage.VolumeAttachment) -> list[FieldError]:
        found = self.validate(obj)
        if obj.spec != old.spec:
            found.append(FieldError.invalid(Path("spec"), obj.spec, IMMUTABLE))
        return found

    def validate_status_update(self, obj: storage.VolumeAttachment, old: storage.VolumeAttachment) -> list[FieldError]:
        found: list[FieldError] = []
        for name in ("attachError", "detachError"):
            error, at = getattr(obj.status, name), Path("status", name)
            if error is None:
                continue
            if len((error.message or "").encode()) > _MOST_OF_AN_ERROR:
                found.append(FieldError.too_long(at.child("message"), _MOST_OF_METADATA))
            if (error.errorCode or 0) < 0:
                why = f"must be between 0 and {2**31 - 1}, inclusive"
                found.append(FieldError.invalid(at.child("errorCode"), error.errorCode, why))
        kept = obj.status.attachmentMetadata
        if sum(len(key.encode()) + len(value.encode()) for key, value in kept.items()) > _MOST_OF_METADATA:
            found.append(FieldError.too_long(Path("status", "attachmentMetadata"), _MOST_OF_METADATA))
        return found

    def row(self, obj: storage.VolumeAttachment, now: float) -> list[Any]:
        spec = obj.spec
        return [
            obj.metadata.name,
            spec.attacher,
            spec.source.persistentVolumeName or "",
            spec.nodeName,
            bool(obj.status.attached),
            age(obj.metadata.creationTimestamp, now),
        ]


class CSIStorageCapacityStrategy(Strategy):
    metadata_again = "whole"
    allow_unconditional_update = False

    def validate(self, obj: storage.CSIStorageCapacity) -> list[FieldError]:
        found = validate_label_selector(obj.nodeTopology, Path("nodeTopology"))
        at = Path("storageClassName")
        found += [FieldError.invalid(at, obj.storageClassName, m) for m in dns1123_subdomain(obj.storageClassName)]
        if obj.capacity is not None and quantity.nano(obj.capacity) < 0:
            found.append(FieldError.invalid(Path("capacity"), obj.capacity, "must be greater than or equal to 0"))
        return found

    def validate_update(self, obj: storage.CSIStorageCapacity, old: storage.CSIStorageCapacity) -> list[FieldError]:
        found = self.validate(obj)
        for name in ("nodeTopology", "storageClassName"):
            if getattr(obj, name) != getattr(old, name):
                found.append(FieldError.invalid(Path(name), getattr(obj, name), IMMUTABLE))
        return found


class VolumeAttributesClassStrategy(Strategy):
    metadata_again = "whole"
    returns_deleted_object = True
    columns = columns("Name", "DriverName", "Age")

    def validate(self, obj: storage.VolumeAttributesClass) -> list[FieldError]:
        return _validate_driver(obj.driverName, Path("driverName")) + _validate_parameters(obj.parameters, empty=False)

    def validate_update(
        self, obj: storage.VolumeAttributesClass, old: storage.VolumeAttributesClass
    ) -> list[FieldError]:
        found: list[FieldError] = []
        for name in ("driverName", "parameters"):
            if getattr(obj, name) != getattr(old, name):
                found.append(FieldError.forbidden(Path(name), f"updates to {name} are forbidden."))
        return found + self.validate(obj)

    def row(self, obj: storage.VolumeAttributesClass, now: float) -> list[Any]:
        return [obj.metadata.name, obj.driverName, age(obj.metadata.creationTimestamp, now)]


def _validate_driver(name: str, path: Path) -> list[FieldError]:
    """A provisioner or driver: a qualified name, in any case."""
    if not name:
        return [FieldError.required(path, name)]
    return [FieldError.invalid(path, name.lower(), message) for message in qualified_name(name.lower())]


def _validate_parameters(parameters: dict[str, str], *, empty: bool) -> list[FieldError]:
    at = Path("parameters")
    if len(parameters) > _MOST_PARAMETERS:
        return [FieldError.too_long(at, _MOST_PARAMETERS)]
    if not parameters and not empty:
        return [FieldError.required(at, "must contain at least one key/value pair")]
    found: list[FieldError] = []
    if "" in parameters:
        found.append(FieldError.invalid(at, "", "field can not be empty."))
    if sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items()) > _PARAMETERS_BYTES:
        found.append(FieldError.too_long(at, _PARAMETERS_BYTES))
    return found
