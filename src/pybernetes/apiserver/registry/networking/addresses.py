"""ServiceCIDRs, from which Services get their addresses, and IPAddresses, which say who has which.

Source: pkg/registry/networking/{servicecidr,ipaddress}, pkg/apis/networking/validation, KEP-1880.
"""

from __future__ import annotations

import ipaddress
from typing import Any, ClassVar

from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import dns1123_subdomain
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, age, columns

_CIDRS = Path("spec", "cidrs")
_PARENT = Path("spec", "parentRef")
_IMMUTABLE = "field is immutable"
_MOST = 2


class ServiceCIDRStrategy(Strategy):
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    columns = columns("Name", "CIDRs", "Age")

    def validate(self, obj: networking.ServiceCIDR) -> list[FieldError]:
        given = obj.spec.cidrs
        if not given:
            return [FieldError.required(_CIDRS, "at least one CIDR required")]
        if len(given) > _MOST:
            return [FieldError.invalid(_CIDRS, given, "may only hold up to 2 values")]
        found: list[FieldError] = []
        families = []
        for index, text in enumerate(given):
            try:
                families.append(canonical_network(text).version)
            except ValueError as error:
                found.append(FieldError.invalid(_CIDRS.index(index), text, str(error)))
        if len(families) == _MOST and families[0] == families[1]:
            why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
            found.append(FieldError.invalid(_CIDRS, given, why))
        return found

    def validate_update(self, obj: networking.ServiceCIDR, old: networking.ServiceCIDR) -> list[FieldError]:
        """The ranges stay; a second one of the other family may come."""
        new, held = obj.spec.cidrs, old.spec.cidrs
        if len(held) == 1 and len(new) == _MOST:
            changed = [FieldError.invalid(_CIDRS.index(0), new[0], _IMMUTABLE)] if new[0] != held[0] else []
            return changed + self.validate(obj)
        if len(new) != len(held):
            return [FieldError.invalid(_CIDRS, new, _IMMUTABLE)]
        return [
            FieldError.invalid(_CIDRS.index(index), cidr, _IMMUTABLE)
            for index, cidr in enumerate(new)
            if cidr != held[index]
        ]

    def row(self, obj: networking.ServiceCIDR, now: float) -> list[Any]:
        return [obj.metadata.name, ",".join(obj.spec.cidrs), age(obj.metadata.creationTimestamp, now)]


class IPAddressStrategy(Strategy):
    metadata_again = "whole"
    columns = columns("Name", "ParentRef")

    def validate_name(self, name: str) -> list[str]:
        try:
            canonical = str(ipaddress.ip_address(name))
        except ValueError:
            return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
        return [] if canonical == name else [f'must be in canonical form ("{canonical}")']

    def validate(self, obj: networking.IPAddress) -> list[FieldError]:
        parent = obj.spec.parentRef
        if parent == networking.ParentReference():
            return [FieldError.required(_PARENT)]
        found: list[FieldError] = []
        if parent.group:
            found += [
                FieldError.invalid(_PARENT.child("group"), parent.group, w) for w in dns1123_subdomain(parent.group)
            ]
        for field, needed in (("resource", True), ("name", True), ("namespace", False)):
            value = getattr(parent, field) or ""
            if not value and needed:
                found.append(FieldError.required(_PARENT.child(field)))
            found += [FieldError.invalid(_PARENT.child(field), value, why) for why in _segment(value)]
        return found

    def validate_update(self, obj: networking.IPAddress, old: networking.IPAddress) -> list[FieldError]:
        found = self.validate(obj)
        if obj.spec.parentRef != old.spec.parentRef:
            found.append(FieldError.invalid(_PARENT, obj.spec.parentRef, _IMMUTABLE))
        return found

    def row(self, obj: networking.IPAddress, now: float) -> list[Any]:
        parent = obj.spec.parentRef
        kind = f"{parent.resource}.{parent.group}" if parent.group else parent.resource
        shown = "/".join(part for part in (kind.lower(), parent.namespace, parent.name) if part)
        return [obj.metadata.name, shown or NONE]


def canonical_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A CIDR in its one form, without host bits. Raises ValueError."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)") from None
    if "/" not in text or str(network) != text:
        raise ValueError(f'must be in canonical form ("{network}")')
    return network


def _segment(value: str) -> list[str]:
    """Source: apimachinery/pkg/api/validation/path."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{mark}'" for mark in ("/", "%") if mark in value]
