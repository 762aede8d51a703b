"""EndpointSlices. Source: pkg/registry/discovery/endpointslice/strategy.go, apis/discovery/{validation,v1}."""

from __future__ import annotations

import ipaddress
from typing import Any

from pybernetes.api.discovery import v1 as discovery
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.endpoints.strategy import validate_endpoint_ip
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns

_TYPES = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_SHOWN = 3
_MOST_HINTS = 8


class EndpointSliceStrategy(Strategy):
    columns = columns("Name", "AddressType", "Ports", "Endpoints", "Age")

    def default(self, obj: discovery.EndpointSlice) -> None:
        for port in obj.ports or []:
            port.name = port.name or ""
            port.protocol = "TCP" if port.protocol is None else port.protocol

    def prepare_for_create(self, ctx: RequestContext, obj: discovery.EndpointSlice) -> None:
        obj.metadata.generation = 1

    def prepare_for_update(
        self, ctx: RequestContext, obj: discovery.EndpointSlice, old: discovery.EndpointSlice
    ) -> None:
        changed = (obj.endpoints, obj.ports, obj.addressType) != (old.endpoints, old.ports, old.addressType)
        if changed or obj.metadata.labels != old.metadata.labels:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def validate(self, obj: discovery.EndpointSlice) -> list[FieldError]:
        found: list[FieldError] = []
        if not obj.addressType:
            found.append(FieldError.required(Path("addressType")))
        elif obj.addressType not in _TYPES:
            found.append(FieldError.not_supported(Path("addressType"), obj.addressType, _TYPES))
        if len(obj.endpoints or []) > 1000:
            found.append(FieldError.too_many(Path("endpoints"), len(obj.endpoints or []), 1000))
        for index, endpoint in enumerate(obj.endpoints or []):
            found += _validate_endpoint(endpoint, obj.addressType, Path("endpoints").index(index))
        return found + _validate_ports(obj.ports or [], Path("ports"))

    def validate_update(self, obj: discovery.EndpointSlice, old: discovery.EndpointSlice) -> list[FieldError]:
        found = self.validate(obj)
        if obj.addressType != old.addressType:
            found.append(FieldError.invalid(Path("addressType"), obj.addressType, IMMUTABLE))
        return found

    def row(self, obj: discovery.EndpointSlice, now: float) -> list[Any]:
        ports = [str(p.port) if p.port is not None else p.name or "*" for p in (obj.ports or [])]
        addresses = [address for endpoint in (obj.endpoints or []) for address in endpoint.addresses]
        meta = obj.metadata
        return [meta.name, obj.addressType, _more(ports), _more(addresses), age(meta.creationTimestamp, now)]


def _more(values: list[str]) -> str:
    text = ",".join(values[:_SHOWN])
    if len(values) > _SHOWN:
        return f"{text} + {len(values) - _SHOWN} more..."
    return text or UNSET


def _validate_endpoint(endpoint: discovery.Endpoint, kind: str, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    addresses = path.child("addresses")
    if not endpoint.addresses:
        found.append(FieldError.required(addresses, "must contain at least 1 address"))
    elif len(endpoint.addresses) > 100:
        found.append(FieldError.too_many(addresses, len(endpoint.addresses), 100))
    for index, address in enumerate(endpoint.addresses):
        at = addresses.index(index)
        if kind == "FQDN":
            found += [FieldError.invalid(at, address, message) for message in names.dns1123_subdomain(address)]
            continue
        wrong = validate_endpoint_ip(address, at)
        if not wrong and ipaddress.ip_address(address).version != (6 if kind == "IPv6" else 4):
            wrong = [FieldError.invalid(at, address, f"must be an {kind} address")]
        found += wrong
    if endpoint.hostname is not None:
        at = path.child("hostname")
        found += [FieldError.invalid(at, endpoint.hostname, m) for m in names.dns1123_label(endpoint.hostname)]
    if endpoint.nodeName is not None:
        at = path.child("nodeName")
        found += [FieldError.invalid(at, endpoint.nodeName, m) for m in names.dns1123_subdomain(endpoint.nodeName)]
    return found + (_validate_hints(endpoint.hints, path.child("hints")) if endpoint.hints is not None else [])


def _validate_hints(hints: discovery.EndpointHints, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for field, wrong in (("forZones", names.label_value), ("forNodes", names.dns1123_subdomain)):
        given = [hint.name for hint in getattr(hints, field)]
        if len(given) > _MOST_HINTS:
            found.append(FieldError.too_many(path.child(field), len(given), _MOST_HINTS))
            break
        for index, name in enumerate(given):
            at = path.child(field).index(index).child("name")
            if name in given[:index]:
                found.append(FieldError.duplicate(at, name))
            found += [FieldError.invalid(at, name, message) for message in wrong(name)]
    return found


def _validate_ports(ports: list[discovery.EndpointPort], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if len(ports) > 20_000:
        return [FieldError.too_many(path, len(ports), 20_000)]
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at = path.index(index)
        name = port.name or ""
        if name:
            found += [FieldError.invalid(at.child("name"), name, message) for message in names.dns1123_label(name)]
        if name in seen:
            found.append(FieldError.duplicate(at.child("name"), name))
        seen.add(name)
        if port.protocol not in _PROTOCOLS:
            found.append(FieldError.not_supported(at.child("protocol"), port.protocol, _PROTOCOLS))
        if port.appProtocol is not None:
            where = at.child("appProtocol")
            found += [FieldError.invalid(where, port.appProtocol, m) for m in names.qualified_name(port.appProtocol)]
    return found
