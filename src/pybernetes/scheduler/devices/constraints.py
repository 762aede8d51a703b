"""What the devices of a claim must have in common, or must not. Pure.

Source: dynamic-resource-allocation/structured/internal/incubating/constraint.go.
"""

from __future__ import annotations

from pybernetes.api.resource.v1 import Device, DeviceAttribute, DeviceConstraint
from pybernetes.scheduler.devices.pools import DeviceId


class Constraint:
    """Counts the devices that are tried: `add` says whether one more would do."""

    def __init__(self, constraint: DeviceConstraint) -> None:
        self._requests = frozenset(constraint.requests)
        self._distinct = constraint.matchAttribute is None
        self._attribute = (constraint.distinctAttribute if self._distinct else constraint.matchAttribute) or ""
        self._values: list[object] = []

    def concerns(self, request: str, sub_request: str) -> bool:
        return (
            not self._requests
            or request in self._requests
            or (bool(sub_request) and f"{request}/{sub_request}" in self._requests)
        )

    def add(self, device: Device, device_id: DeviceId) -> bool:
        value = _value(attribute(device, device_id[0], self._attribute))
        if value is None or (self._values and (value in self._values) is self._distinct):
            return False
        self._values.append(value)
        return True

    def remove(self) -> None:
        """The device that was added last."""
        self._values.pop()


def attribute(device: Device, driver: str, name: str) -> DeviceAttribute | None:
    """By its full name; the driver's own need not have their domain in the device."""
    found = device.attributes.get(name)
    domain, _, own = name.partition("/")
    return device.attributes.get(own) if found is None and domain == driver else found


def _value(found: DeviceAttribute | None) -> object:
    """With its kind, because 1 is not true."""
    if found is None:
        return None
    kinds = (("string", found.string), ("int", found.int_), ("bool", found.bool_), ("version", found.version))
    return next(((kind, value) for kind, value in kinds if value is not None), None)
