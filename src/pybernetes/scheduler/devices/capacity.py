"""What a request takes of a device that several claims share. Pure; amounts are in billionths.

Source: dynamic-resource-allocation/structured/internal/incubating/consumable_capacity.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.api.resource.v1 import CapacityRequestPolicyRange, CapacityRequirements, Device, DeviceCapacity
from pybernetes.apimachinery import quantity


def consumed(wanted: CapacityRequirements | None, device: Device) -> dict[str, str]:
    """Per capacity of the device what the request takes of it."""
    asked = wanted.requests if wanted is not None else {}
    return {name: _taken(asked.get(name), capacity) for name, capacity in device.capacity.items()}


def fits(wanted: CapacityRequirements | None, device: Device, taken: Mapping[str, int]) -> bool:
    """Whether the device still has what is asked, and gives it in such portions."""
    asked = wanted.requests if wanted is not None else {}
    if any(name not in device.capacity for name in asked):
        return False
    for name, amount in consumed(wanted, device).items():
        capacity = device.capacity[name]
        if _is_refused(amount, capacity):
            return False
        if quantity.nano(amount) + taken.get(name, 0) > quantity.nano(capacity.value):
            return False
    return True


def _taken(asked: str | None, capacity: DeviceCapacity) -> str:
    policy = capacity.requestPolicy
    if asked is None:
        return policy.default if policy is not None and policy.default is not None else capacity.value
    if policy is None:
        return asked
    if policy.validRange is not None:
        return _rounded_up(asked, policy.validRange)
    return next((value for value in policy.validValues if quantity.compare(asked, value) <= 0), asked)


def _rounded_up(asked: str, valid: CapacityRequestPolicyRange) -> str:
    if quantity.compare(asked, valid.min) < 0:
        return valid.min
    if valid.step is None:
        return asked
    least, step = quantity.value(valid.min), quantity.value(valid.step)
    steps = -((least - quantity.value(asked)) // step)
    return quantity.from_value(least + step * steps, "BinarySI")


def _is_refused(amount: str, capacity: DeviceCapacity) -> bool:
    policy = capacity.requestPolicy
    if policy is None or (policy.default is not None and amount == policy.default):
        return False
    if policy.validRange is not None:
        valid = policy.validRange
        if valid.max is not None and quantity.compare(amount, valid.max) > 0:
            return True
        return (
            valid.step is not None
            and (quantity.value(amount) - quantity.value(valid.min)) % quantity.value(valid.step) != 0
        )
    return bool(policy.validValues) and all(quantity.compare(amount, value) for value in policy.validValues)
