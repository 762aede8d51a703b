"""IP addresses and CIDRs in fields that have been there since before these were looked at closely.

Source: apimachinery/pkg/util/validation/ip.go (IsValidIPForLegacyField, GetWarningsForIP, …), strict as by default.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from pybernetes.apimachinery.field_errors import FieldError, Path

NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NO_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _lenient(value: str) -> _Address | None:
    """The address as it was once read: zeros before a number count for nothing."""
    if "%" in value:
        return None
    text = re.sub(r"(?<![0-9a-fA-F])0+(?=[0-9])", "", value) if ":" not in value else value
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_address(value: str) -> bool:
    """However it is written."""
    return _lenient(value) is not None


def network_of(value: str) -> Network | None:
    """A CIDR as it was once read: zeros before a number and bits beyond the prefix count for nothing."""
    found = _parts(value)
    return None if found is None else ipaddress.ip_network(f"{found[0]}/{int(found[1])}", strict=False)


def _parts(value: str) -> tuple[_Address, str] | None:
    """Address and length of a CIDR that can be read at all."""
    text, _, bits = value.partition("/")
    address = _lenient(text)
    if address is None or not (bits.isascii() and bits.isdecimal()) or int(bits) > address.max_prefixlen:
        return None
    return address, bits


def _mapped(address: _Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def _canonical(address: _Address) -> str:
    """As Go prints it: an IPv4-mapped address is its IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _strict(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def validate_ip(value: str, path: Path, old: Collection[str] = ()) -> list[FieldError]:
    """`old` are the values that were there, which may stay whatever they are."""
    if value in old:
        return []
    address = _lenient(value)
    if address is None:
        return [FieldError.invalid(path, value, NO_ADDRESS)]
    if not _strict(value):
        return [FieldError.invalid(path, value, "must not have leading 0s")]
    return [FieldError.invalid(path, value, "must not be an IPv4-mapped IPv6 address")] if _mapped(address) else []


def validate_cidr(value: str, path: Path, old: Collection[str] = ()) -> list[FieldError]:
    if value in old:
        return []
    found = _parts(value)
    if found is None:
        return [FieldError.invalid(path, value, _NO_CIDR)]
    address, bits = found
    if not _strict(value.partition("/")[0]) or str(int(bits)) != bits:
        return [FieldError.invalid(path, value, "must not have leading 0s in IP or prefix length")]
    if _mapped(address):
        return [FieldError.invalid(path, value, "must not have an IPv4-mapped IPv6 address")]
    if ipaddress.ip_network(value, strict=False).network_address != address:
        return [FieldError.invalid(path, value, "must not have bits set beyond the prefix length")]
    return []


def ip_warnings(value: str, path: Path) -> list[str]:
    """Of a value that is an address, though perhaps an odd one."""
    address = _lenient(value)
    if address is None:
        return []
    if not _strict(value) or _mapped(address):
        return [f'{path}: non-standard IP address "{value}" is invalid: use "{_canonical(address)}"']
    if address.version == 6 and str(address) != value:
        return [f'{path}: IPv6 address "{value}" should be in RFC 5952 canonical format ("{address}")']
    return []


def cidr_warnings(value: str, path: Path) -> list[str]:
    parts, network = _parts(value), network_of(value)
    if parts is None or network is None:
        return []
    address, bits = parts
    text = value.partition("/")[0]
    found = []
    if network.network_address != address:
        shown = f'should be "{network}" or "{address}/{address.max_prefixlen}"?'
        found.append(f'{path}: CIDR value "{value}" is ambiguous in this context ({shown})')
    if not _strict(text) or str(int(bits)) != bits or _mapped(address):
        found.append(f'{path}: non-standard CIDR value "{value}" is invalid: use "{network}"')
    elif not found and address.version == 6 and str(address) != text:
        canonical = f"{address}/{bits}"
        found.append(f'{path}: IPv6 CIDR value "{value}" should be in RFC 5952 canonical format ("{canonical}")')
    return found
