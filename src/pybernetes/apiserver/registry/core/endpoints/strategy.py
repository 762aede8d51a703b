"""Endpoints. Source: pkg/registry/core/endpoint/strategy.go, apis/core/validation, printers printEndpoints."""

from __future__ import annotations

import ipaddress
from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.ip_values import NO_ADDRESS
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, age, columns
from pybernetes.host.ip_families import socket_address

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_SHOWN = 3


class EndpointsStrategy(Strategy):
    metadata_again = "whole"
    allow_create_on_update = True
    columns = columns("Name", "Endpoints", "Age")

    def default(self, obj: core.Endpoints) -> None:
        for subset in obj.subsets:
            for port in subset.ports:
                port.protocol = port.protocol or "TCP"

    def prepare_for_create(self, ctx: RequestContext, obj: core.Endpoints) -> None:
        """Nothing is reset."""

    def validate(self, obj: core.Endpoints) -> list[FieldError]:
        found: list[FieldError] = []
        for index, subset in enumerate(obj.subsets):
            at = Path("subsets").index(index)
            if not subset.addresses and not subset.notReadyAddresses:
                found.append(FieldError.required(at, "must specify `addresses` or `notReadyAddresses`"))
            for name in ("addresses", "notReadyAddresses"):
                for number, address in enumerate(getattr(subset, name)):
                    found += _validate_address(address, at.child(name).index(number))
            for number, port in enumerate(subset.ports):
                found += _validate_port(port, len(subset.ports) > 1, at.child("ports").index(number))
        return found

    def row(self, obj: core.Endpoints, now: float) -> list[Any]:
        return [obj.metadata.name, _format(obj), age(obj.metadata.creationTimestamp, now)]


def _format(obj: core.Endpoints) -> str:
    if not obj.subsets:
        return NONE
    found: list[str] = []
    for subset in obj.subsets:
        addresses = [address.ip for address in subset.addresses]
        if not subset.ports:
            found += addresses
        for port in subset.ports:
            found += [socket_address(ip, port.port) for ip in addresses]
    text = ",".join(found[:_SHOWN])
    return f"{text} + {len(found) - _SHOWN} more..." if len(found) > _SHOWN else text


def _validate_address(address: core.EndpointAddress, path: Path) -> list[FieldError]:
    found = validate_endpoint_ip(address.ip, path.child("ip"))
    if any(error.detail == NO_ADDRESS for error in found):
        found.append(FieldError.invalid(path.child("ip"), address.ip, "must be a valid IP address"))
    if address.hostname:
        at = path.child("hostname")
        found += [
            FieldError.invalid(at, address.hostname, message) for message in names.dns1123_label(address.hostname)
        ]
    if address.nodeName is not None:
        at = path.child("nodeName")
        found += [FieldError.invalid(at, address.nodeName, m) for m in names.dns1123_subdomain(address.nodeName)]
    return found


def validate_endpoint_ip(value: str, path: Path) -> list[FieldError]:
    """An address that traffic may be sent to from anywhere in the cluster."""
    try:
        ip = ipaddress.ip_address(value)
    except ValueError:
        return [FieldError.invalid(path, value, NO_ADDRESS)]
    found: list[FieldError] = []
    if ip.is_unspecified:
        found.append(FieldError.invalid(path, value, f"may not be unspecified ({value})"))
    if ip.is_loopback:
        found.append(FieldError.invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    if ip.is_link_local and not ip.is_multicast:
        why = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
        found.append(FieldError.invalid(path, value, why))
    if ip.is_multicast and (value.startswith("224.0.0.") or value.lower().startswith("ff02:")):
        why = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        found.append(FieldError.invalid(path, value, why))
    return found


def _validate_port(port: core.EndpointPort, named: bool, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not port.name:
        if named:
            found.append(FieldError.required(path.child("name")))
    else:
        found += [FieldError.invalid(path.child("name"), port.name, m) for m in names.dns1123_label(port.name)]
    found += [FieldError.invalid(path.child("port"), port.port, message) for message in names.port_number(port.port)]
    if port.protocol not in _PROTOCOLS:
        found.append(FieldError.not_supported(path.child("protocol"), port.protocol, _PROTOCOLS))
    if port.appProtocol is not None:
        at = path.child("appProtocol")
        found += [FieldError.invalid(at, port.appProtocol, m) for m in names.qualified_name(port.appProtocol)]
    return found
