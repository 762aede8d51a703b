"""Validation of resource.k8s.io.

Source: pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pybernetes.api.resource import v1 as resource
from pybernetes.apimachinery import names
from pybernetes.apimachinery.extended_resources import is_extended
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE

SPEC = Path("spec")
_MOST = 32
_MOST_DEVICES = 128
_LONGEST_POOL = 253
_LONGEST_SELECTOR = 10 * 1024
_MODES = ("All", "ExactCount")
_EXACTLY_ONE = "exactly one of `exactly` or `firstAvailable` is required"
_NO_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
_ONE_PLACE = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"


def _name(value: str, path: Path, check: Callable[[str], list[str]]) -> list[FieldError]:
    if not value:
        return [FieldError.required(path)]
    return [FieldError.invalid(path, value, message) for message in check(value)]


def pool_name_errors(name: str, path: Path) -> list[FieldError]:
    if not name:
        return [FieldError.required(path)]
    found = [FieldError.too_long(path, _LONGEST_POOL)] if len(name) > _LONGEST_POOL else []
    for part in name.split("/"):
        found += [FieldError.invalid(path, part, message) for message in names.dns1123_subdomain(part)]
    return found


def validate_class(spec: resource.DeviceClassSpec) -> list[FieldError]:
    found = _selectors(spec.selectors, SPEC.child("selectors"))
    for index, config in enumerate(spec.config):
        found += _configuration(config, SPEC.child("config").index(index))
    extended = spec.extendedResourceName
    if extended is not None and not is_extended(extended):
        at = SPEC.child("extendedResourceName")
        found.append(FieldError.invalid(at, extended, "must be a valid extended resource name"))
    return found


def validate_claim(spec: resource.ResourceClaimSpec, path: Path) -> list[FieldError]:
    path, devices = path.child("devices"), spec.devices
    found: list[FieldError] = []
    known = requests_of(spec)
    seen: set[str] = set()
    found += size_errors(devices.requests or [], path.child("requests"))
    for index, request in enumerate(devices.requests or []):
        at = path.child("requests").index(index)
        found += _request(request, at)
        if request.name in seen:
            found.append(FieldError.duplicate(at, request.name))
        seen.add(request.name)
    found += size_errors(devices.constraints, path.child("constraints"))
    for index, constraint in enumerate(devices.constraints):
        at = path.child("constraints").index(index)
        found += _references(constraint.requests, known, at.child("requests"))
        if constraint.matchAttribute is not None:
            found += _qualified(constraint.matchAttribute, at.child("matchAttribute"))
        elif constraint.distinctAttribute is None:
            why = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
            found.append(FieldError.required(at, why))
    found += size_errors(devices.config, path.child("config"))
    for index, config in enumerate(devices.config):
        at = path.child("config").index(index)
        found += _references(config.requests, known, at.child("requests"))
        found += _configuration(config, at)
    return found


def size_errors(items: Sequence[Any], path: Path, most: int = _MOST) -> list[FieldError]:
    return [FieldError.too_many(path, len(items), most)] if len(items) > most else []


def _request(request: resource.DeviceRequest, path: Path) -> list[FieldError]:
    problems = names.dns1123_label(request.name)
    found = [FieldError.invalid(path.child("name"), request.name, message) for message in problems]
    if request.exactly is None and not request.firstAvailable:
        found.append(FieldError.required(path, _EXACTLY_ONE))
    elif request.exactly is not None and request.firstAvailable:
        found.append(FieldError.invalid(path, None, f"{_EXACTLY_ONE}, but multiple fields are set"))
    elif request.exactly is not None:
        found += _asked(request.exactly, path.child("exactly"))
    else:
        seen: set[str] = set()
        for index, asked in enumerate(request.firstAvailable):
            at = path.child("firstAvailable").index(index)
            problems = names.dns1123_label(asked.name)
            found += [FieldError.invalid(at.child("name"), asked.name, message) for message in problems]
            found += _asked(asked, at)
            if asked.name in seen:
                found.append(FieldError.duplicate(at, asked.name))
            seen.add(asked.name)
    return found


def _asked(asked: resource.ExactDeviceRequest | resource.DeviceSubRequest, path: Path) -> list[FieldError]:
    found = _name(asked.deviceClassName, path.child("deviceClassName"), names.dns1123_subdomain)
    found += _selectors(asked.selectors, path.child("selectors"))
    count = asked.count or 0
    if asked.allocationMode not in _MODES:
        found.append(FieldError.not_supported(path.child("allocationMode"), asked.allocationMode, _MODES))
    elif asked.allocationMode == "All" and count:
        why = "must not be specified when allocationMode is 'All'"
        found.append(FieldError.invalid(path.child("count"), count, why))
    elif asked.allocationMode == "ExactCount" and count <= 0:
        found.append(FieldError.invalid(path.child("count"), count, "must be greater than zero"))
    return found


def _selectors(selectors: Sequence[resource.DeviceSelector], path: Path) -> list[FieldError]:
    found = size_errors(selectors, path)
    for index, selector in enumerate(selectors):
        at = path.index(index).child("cel")
        if selector.cel is None:
            found.append(FieldError.required(at))
        else:
            found += _selector(selector.cel.expression, at.child("expression"))
    return found


def _selector(expression: str, path: Path) -> list[FieldError]:
    if len(expression.encode()) > _LONGEST_SELECTOR:
        return [FieldError.too_long(path, _LONGEST_SELECTOR)]
    # Imported with the first selector: it brings CEL.
    from pybernetes.apiserver.registry import expressions

    why = expressions.problem(expression, (expressions.DEVICE,), expressions.BOOL)
    return [FieldError.invalid(path, expression, why)] if why else []


def requests_of(spec: resource.ResourceClaimSpec) -> dict[str, set[str]]:
    """The names of a claim's requests, with those of their alternatives."""
    return {r.name: {s.name for s in r.firstAvailable} for r in (spec.devices.requests or [])}


def request_errors(text: str, known: dict[str, set[str]], path: Path) -> list[FieldError]:
    """A reference to a request of the claim, or to one of its alternatives."""
    request, slash, sub = text.partition("/")
    found: list[FieldError] = []
    if "/" not in sub:
        for part in (request, sub) if slash else (request,):
            found += [FieldError.invalid(path, part, m) for m in names.dns1123_label(part)]
    if request not in known or (slash and sub not in known[request]):
        found.append(FieldError.invalid(path, text, _NO_REQUEST))
    return found


def _references(requests: Sequence[str], known: dict[str, set[str]], path: Path) -> list[FieldError]:
    found = size_errors(requests, path)
    for index, text in enumerate(requests):
        found += request_errors(text, known, path.index(index))
        if text in requests[:index]:
            found.append(FieldError.duplicate(path.index(index), text))
    return found


def _configuration(config: Any, path: Path) -> list[FieldError]:
    opaque, at = config.opaque, path.child("opaque")
    if opaque is None:
        return [FieldError.required(at)]
    found = driver_errors(opaque.driver, at.child("driver"))
    if opaque.parameters is None:
        found.append(FieldError.required(at.child("parameters")))
    elif not isinstance(opaque.parameters, dict):
        found.append(
            FieldError.invalid(at.child("parameters"), "<value omitted>", "parameters must be a valid JSON object")
        )
    return found


def driver_errors(driver: str, path: Path) -> list[FieldError]:
    found = _name(driver, path, lambda value: names.dns1123_subdomain(value.lower()))
    if len(driver) > 63:
        found.append(FieldError.too_long(path, 63))
    return found


def _qualified(name: str, path: Path) -> list[FieldError]:
    domain, slash, rest = name.partition("/")
    if not slash:
        why = "a fully qualified name must be a domain and a name separated by a slash"
        return [*_identifier(name, path), FieldError.invalid(path, name, why)]
    found = driver_errors(domain, path) if domain else [FieldError.invalid(path, "", "the domain must not be empty")]
    return found + (_identifier(rest, path) if rest else [FieldError.invalid(path, "", "the name must not be empty")])


def _identifier(text: str, path: Path) -> list[FieldError]:
    found = [FieldError.too_long(path, _MOST)] if len(text) > _MOST else []
    return found + [FieldError.invalid(path, text, message) for message in names.c_identifier(text)]


def validate_slice(spec: resource.ResourceSliceSpec, old: resource.ResourceSliceSpec | None = None) -> list[FieldError]:
    found = driver_errors(spec.driver, SPEC.child("driver"))
    pool = SPEC.child("pool")
    found += pool_name_errors(spec.pool.name, pool.child("name"))
    if spec.pool.resourceSliceCount <= 0:
        why = "must be greater than zero"
        found.append(FieldError.invalid(pool.child("resourceSliceCount"), spec.pool.resourceSliceCount, why))
    if spec.pool.generation < 0:
        why = "must be greater than or equal to zero"
        found.append(FieldError.invalid(pool.child("generation"), spec.pool.generation, why))
    if old is not None:
        for value, before, at in (
            (spec.pool.name, old.pool.name, pool.child("name")),
            (spec.driver, old.driver, SPEC.child("driver")),
            (spec.nodeName, old.nodeName, SPEC.child("nodeName")),
        ):
            if value != before:
                found.append(FieldError.invalid(at, value, IMMUTABLE))
    if spec.nodeName is not None and not spec.nodeName:
        found.append(
            FieldError.invalid(SPEC.child("nodeName"), "", "must be either unset or set to a non-empty string")
        )
    elif spec.nodeName:
        found += _name(spec.nodeName, SPEC.child("nodeName"), names.dns1123_subdomain)
    places = [name for name in _PLACES if getattr(spec, name)]
    if not places:
        found.append(FieldError.required(SPEC, _ONE_PLACE))
    elif len(places) > 1:
        shown = "{" + ", ".join(f"`{name}`" for name in places) + "}"
        found.append(FieldError.invalid(SPEC, shown, f"{_ONE_PLACE}, but multiple fields are set"))
    found += size_errors(spec.devices, SPEC.child("devices"), _MOST_DEVICES)
    seen: set[str] = set()
    for index, device in enumerate(spec.devices):
        at = SPEC.child("devices").index(index)
        found += [FieldError.invalid(at.child("name"), device.name, m) for m in names.dns1123_label(device.name)]
        if device.name in seen:
            found.append(FieldError.duplicate(at, device.name))
        seen.add(device.name)
        found += _attributes(device, at)
    return found


_PLACES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_KINDS = ("int", "bool", "string", "version")
_EFFECTS = ("NoExecute", "NoSchedule", "None")


def _attributes(device: resource.Device, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if len(device.attributes) + len(device.capacity) > _MOST:
        why = f"the total number of attributes and capacities must not exceed {_MOST}"
        found.append(FieldError.invalid(path, len(device.attributes) + len(device.capacity), why))
    for key, value in device.attributes.items():
        at = path.child("attributes").key(key)
        given = [name for name in _KINDS if getattr(value, name, getattr(value, f"{name}_", None)) is not None]
        if not given:
            found.append(FieldError.invalid(at, "", "exactly one value must be specified"))
        elif len(given) > 1:
            found.append(FieldError.invalid(at, value, "exactly one value must be specified"))
    for index, taint in enumerate(device.taints):
        at = path.child("taints").index(index)
        found += [FieldError.invalid(at.child("key"), taint.key, m) for m in names.qualified_name(taint.key)]
        if not taint.effect:
            found.append(FieldError.required(at.child("effect")))
        elif taint.effect not in _EFFECTS:
            found.append(FieldError.not_supported(at.child("effect"), taint.effect, _EFFECTS))
    return found
