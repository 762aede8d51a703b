"""Which devices an expression selects: compiled once, and asked once a device. CEL is imported with the first of them.

Source: dynamic-resource-allocation/cel/compile.go.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pybernetes.api.resource.v1 import Device, DeviceAttribute, ResourceSlice
from pybernetes.apimachinery import quantity

if TYPE_CHECKING:
    from pybernetes.cel.environment import Environment

Selects = Callable[[str, Device], bool]
"""(driver, device) -> whether it is selected. Raises SelectorFailed."""

_KEPT = 64
_VARIABLE = "device"


class SelectorFailed(Exception):
    """An expression cannot be compiled, or not be evaluated for a device."""


class Selectors:
    def __init__(self) -> None:
        self._compiled: OrderedDict[str, Selects | SelectorFailed] = OrderedDict()
        self._answers: dict[str, dict[tuple[str, str], bool]] = {}
        """By the uid of a slice: (device, expression) -> whether it is selected."""

    def matches(self, expression: str, of: ResourceSlice, device: Device) -> bool:
        """Raises SelectorFailed."""
        answers = self._answers.setdefault(of.metadata.uid or "", {})
        known = answers.get((device.name, expression))
        if known is None:
            selects = self._program(expression)
            if isinstance(selects, SelectorFailed):
                raise selects
            known = answers[device.name, expression] = selects(of.spec.driver, device)
        return known

    def forget(self, of: ResourceSlice) -> None:
        """It has changed, or is gone."""
        self._answers.pop(of.metadata.uid or "", None)

    def _program(self, expression: str) -> Selects | SelectorFailed:
        found = self._compiled.get(expression)
        if found is None:
            try:
                found = compiled(expression)
            except SelectorFailed as error:
                found = error
            self._compiled[expression] = found
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(expression)
        return found


def compiled(expression: str) -> Selects:
    """Raises SelectorFailed."""
    from pybernetes.cel import costs
    from pybernetes.cel.syntax import CelError

    environment = _environment()
    try:
        program = environment.program(environment.compile(expression))
    except CelError as error:
        raise SelectorFailed(f"CEL compile error: compilation failed: {error}") from None

    def is_selected(driver: str, device: Device) -> bool:
        found, _ = program.evaluate({_VARIABLE: _tree(driver, device)}, costs.LIMIT_PER_CALL)
        if isinstance(found, bool):
            return found
        raise SelectorFailed(f"CEL runtime error: {found}")

    return is_selected


@functools.cache
def _environment() -> Environment:
    from pybernetes.cel import types
    from pybernetes.cel.environment import Environment

    return Environment({_VARIABLE: types.DYN}, bindings=True)


class _Domains(dict[str, dict[str, Any]]):
    """A domain that the device has nothing of is empty, and no mistake."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key) or {}


def _tree(driver: str, device: Device) -> dict[str, Any]:
    from pybernetes.cel.values import Quantity

    attributes, capacity = _Domains(), _Domains()
    for name, attribute in device.attributes.items():
        domain, _, own = name.rpartition("/")
        attributes.setdefault(domain or driver, {})[own] = _value(name, attribute)
    for name, amount in device.capacity.items():
        domain, _, own = name.rpartition("/")
        capacity.setdefault(domain or driver, {})[own] = Quantity(quantity.nano(amount.value))
    shared = bool(device.allowMultipleAllocations)
    return {"driver": driver, "attributes": attributes, "capacity": capacity, "allowMultipleAllocations": shared}


def _value(name: str, attribute: DeviceAttribute) -> Any:
    for value in (attribute.int_, attribute.bool_, attribute.string):
        if value is not None:
            return value
    if attribute.version is None:
        raise SelectorFailed(f"CEL runtime error: attribute {name}: unsupported attribute value")
    return _version()(attribute.version)


@functools.cache
def _version() -> Callable[[str], Any]:
    """Makes what expressions compare versions by."""
    from pybernetes.cel import types
    from pybernetes.cel.environment import Environment

    environment = Environment({"text": types.STRING})
    program = environment.program(environment.compile("semver(text)"))
    return lambda text: program.evaluate({"text": text})[0]
