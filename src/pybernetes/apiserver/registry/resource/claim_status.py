"""What drivers and the scheduler write into the status of a ResourceClaim.

Source: pkg/apis/resource/validation/validation.go (ValidateResourceClaimStatusUpdate).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import msgspec

from pybernetes.api.resource import v1 as resource
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.conditions import validate_conditions
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.resource.validation import (
    driver_errors,
    pool_name_errors,
    request_errors,
    requests_of,
    size_errors,
)

STATUS = Path("status")
_MOST_RESERVED = 256
_MOST_RESULTS = 32
_MOST_CONDITIONS = 8
_MOST_DATA = 10 * 1024
_MOST_ADDRESSES = 16
_LONGEST_INTERFACE = 256
_LONGEST_HARDWARE = 128
_NO_ADDRESS = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"
_UID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def validate_claim_status(obj: resource.ResourceClaim, old: resource.ResourceClaim) -> list[FieldError]:
    """Who reserves an allocation, what its devices say, and that an allocation never changes."""
    status, before = obj.status, old.status
    reserved = STATUS.child("reservedFor")
    found = _validate_consumers(status.reservedFor, reserved)
    allocated = {_identity(r) for r in status.allocation.devices.results} if status.allocation is not None else set()
    seen: set[tuple[str, ...]] = set()
    for index, device in enumerate(status.devices):
        at = STATUS.child("devices").index(index)
        found += _validate_device(device, at, allocated)
        if _identity(device) in seen:
            found.append(FieldError.duplicate(at, _shown(device)))
        seen.add(_identity(device))
    if status.reservedFor and status.allocation is None:
        found.append(FieldError.forbidden(reserved, "may not be specified when `allocated` is not set"))
    elif obj.metadata.deletionTimestamp is not None and any(r not in before.reservedFor for r in status.reservedFor):
        why = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
        found.append(FieldError.forbidden(reserved, why))
    at = STATUS.child("allocation")
    if before.allocation is not None and status.allocation is not None:
        if status.allocation != before.allocation:
            found.append(FieldError.invalid(at, status.allocation, IMMUTABLE))
    elif status.allocation is not None:
        found += _validate_results(status.allocation.devices.results, obj.spec, at.child("devices", "results"))
    return found


def drop_deallocated(obj: resource.ResourceClaim, old: resource.ResourceClaim) -> None:
    """What was said of a device goes with its allocation, so that who knows nothing of it need not take it away."""

    def allocated(claim: resource.ResourceClaim) -> set[tuple[str, ...]]:
        allocation = claim.status.allocation
        return {_identity(result) for result in allocation.devices.results} if allocation is not None else set()

    gone = allocated(old) - allocated(obj)
    obj.status.devices = [device for device in obj.status.devices if _identity(device) not in gone]


def _validate_consumers(consumers: list[resource.ResourceClaimConsumerReference], path: Path) -> list[FieldError]:
    found = size_errors(consumers, path, _MOST_RESERVED)
    seen: set[str] = set()
    for index, consumer in enumerate(consumers):
        for name in ("resource", "name", "uid"):
            if not getattr(consumer, name):
                found.append(FieldError.required(path.index(index).child(name)))
        if consumer.uid in seen:
            found.append(FieldError.duplicate(path.index(index), consumer.uid))
        seen.add(consumer.uid)
    return found


def _validate_results(results: Any, spec: resource.ResourceClaimSpec, path: Path) -> list[FieldError]:
    found = size_errors(results, path, _MOST_RESULTS)
    known = requests_of(spec)
    for index, result in enumerate(results):
        at = path.index(index)
        found += request_errors(result.request, known, at.child("request"))
        found += _validate_identity(result, at)
    return found


def _identity(device: Any) -> tuple[str, ...]:
    return (device.driver, device.pool, device.device, device.shareID or "")


def _shown(device: Any) -> dict[str, str]:
    return dict(zip(("Driver", "Pool", "Device", "ShareID"), _identity(device), strict=True))


def _validate_identity(device: Any, path: Path) -> list[FieldError]:
    found = driver_errors(device.driver, path.child("driver")) + pool_name_errors(device.pool, path.child("pool"))
    at = path.child("device")
    found += [FieldError.invalid(at, device.device, message) for message in names.dns1123_label(device.device)]
    if device.shareID is not None and not _UID.fullmatch(device.shareID):
        why = f"error validating uid: invalid UUID length: {len(device.shareID)}"
        found.append(FieldError.invalid(path.child("shareID"), device.shareID, why))
    return found


def _validate_device(
    device: resource.AllocatedDeviceStatus, path: Path, allocated: set[tuple[str, ...]]
) -> list[FieldError]:
    found = _validate_identity(device, path)
    if _identity(device) not in allocated:
        found.append(FieldError.invalid(path, _shown(device), "must be an allocated device in the claim"))
    at, conditions = path.child("conditions"), device.conditions or []
    found += size_errors(conditions, at, _MOST_CONDITIONS) + validate_conditions(conditions, at)
    if device.data is not None:
        found += _validate_data(device.data, path.child("data"))
    if device.networkData is not None:
        found += _validate_network(device.networkData, path.child("networkData"))
    return found


def _validate_data(data: Any, path: Path) -> list[FieldError]:
    if len(msgspec.json.encode(data)) > _MOST_DATA:
        return [FieldError.too_long(path, _MOST_DATA)]
    if not isinstance(data, dict):
        return [FieldError.invalid(path, "<value omitted>", "must be a valid JSON object")]
    return []


def _validate_network(network: resource.NetworkDeviceData, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name, longest in (("interfaceName", _LONGEST_INTERFACE), ("hardwareAddress", _LONGEST_HARDWARE)):
        if len((getattr(network, name) or "").encode()) > longest:
            found.append(FieldError.too_long(path.child(name), longest))
    at = path.child("ips")
    found += size_errors(network.ips, at, _MOST_ADDRESSES)
    for index, text in enumerate(network.ips):
        try:
            canonical = str(ipaddress.ip_interface(text)) if "/" in text else ""
        except ValueError:
            canonical = ""
        if not canonical:
            found.append(FieldError.invalid(at.index(index), text, _NO_ADDRESS))
        elif canonical != text:
            found.append(FieldError.invalid(at.index(index), text, f'must be in canonical form ("{canonical}")'))
        if text in network.ips[:index]:
            found.append(FieldError.duplicate(at.index(index), text))
    return found
