"""IP addresses and networks.

Source: apiserver/pkg/cel/library/{ip,cidr}.go, net/netip (Go).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from pybernetes.apimachinery.field_errors import quoted
from pybernetes.cel import types
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import Meter, Opaque

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_LONGEST = 60
_READING = 20
"""The work of reading an address."""
_PROBLEM = "network address parse error during conversion from string"
_LINK_LOCAL = ipaddress.ip_network("224.0.0.0/24")
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


def _wrong(text: str, said: str) -> CelError:
    return CelError(f"ParseAddr({quoted(text)}): {said}")


def _parse_problem(text: str) -> str:
    """What Go says of a text that is no address."""
    for c in text:
        if c == ".":
            return _ipv4_problem(text)
        if c == ":":
            return "each group must have 1 or more digits" if "::" not in text else "address string too short"
        if c == "%":
            return "missing IPv6 address"
    return "unable to parse IP"


def _ipv4_problem(text: str) -> str:
    fields = text.split(".")
    for at, field in enumerate(fields):
        bad = next((i for i, c in enumerate(field) if c not in "0123456789"), -1)
        if bad >= 0:
            rest = text[sum(len(each) + 1 for each in fields[:at]) + bad :]
            return f"unexpected character (at {quoted(rest)})"
        if field == "":
            return "IPv4 field must have at least one digit"
        if len(field) > 1 and field[0] == "0":
            return "IPv4 field has octet with leading zero"
        if int(field[:4]) > 255:
            return "IPv4 field has value >255"
        if at == 3 and len(fields) > 4:
            return "IPv4 address too long"
    return "IPv4 address too short" if len(fields) < 4 else "unable to parse IP"


def _address(text: str) -> _Address:
    head = f"IP Address {quoted(text)} parse error during conversion from string: "
    if len(text) > _LONGEST:
        raise CelError(f"{head}{_wrong(text, _parse_problem(text))}")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise CelError(f"{head}{_wrong(text, _parse_problem(text))}") from None
    if "%" in text:
        raise CelError(f"IP address {quoted(text)} with zone value is not allowed")
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        raise CelError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return found


def _interface(text: str) -> _Interface:
    head = f"{_PROBLEM}: netip.ParsePrefix"
    address, slash, bits = text.rpartition("/")
    if not slash:
        raise CelError(f"{head}({quoted(text)}): no '/'")
    if len(address) > _LONGEST:
        raise CelError(f"{head}({quoted(text)}): {_wrong(address, _parse_problem(address))}")
    try:
        base = ipaddress.ip_address(address)
    except ValueError:
        raise CelError(f"{head}({quoted(text)}): {_wrong(address, _parse_problem(address))}") from None
    if "%" in address:
        raise CelError(f"{head}({quoted(text)}): IPv6 zones cannot be present in a prefix")
    if not bits.isascii() or not bits.isdigit() or len(bits) > 3 or (len(bits) > 1 and bits[0] == "0"):
        raise CelError(f"{head}({quoted(text)}): bad bits after slash: {quoted(bits)}")
    if int(bits) > base.max_prefixlen:
        raise CelError(f"{head}({quoted(text)}): prefix length out of range")
    if isinstance(base, ipaddress.IPv6Address) and base.ipv4_mapped is not None:
        raise CelError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return ipaddress.ip_interface(f"{base}/{bits}")


def _ip_value(address: _Address) -> Opaque:
    return Opaque(types.IP, address, address.max_prefixlen // 8)


def _cidr_value(interface: _Interface) -> Opaque:
    return Opaque(types.CIDR, interface, -(-interface.network.prefixlen // 8))


def _ip(meter: Meter, given: Any) -> Opaque:
    meter.did(_READING)
    return _ip_value(_address(given) if isinstance(given, str) else given.value.ip)


def _cidr(meter: Meter, text: str) -> Opaque:
    meter.did(_READING)
    try:
        return _cidr_value(_interface(text))
    except CelError as error:
        raise CelError(f"{_PROBLEM}: {error}") from None


def _is(read: Callable[[str], Any]) -> Callable[[Meter, str], bool]:
    def work(meter: Meter, text: str) -> bool:
        meter.did(_READING)
        try:
            read(text)
        except CelError:
            return False
        return True

    return work


def _contains_ip(meter: Meter, network: Opaque, other: Any) -> bool:
    meter.did(_READING)
    address = _address(other) if isinstance(other, str) else other.value
    return bool(address in network.value.network)


def _contains_cidr(meter: Meter, network: Opaque, other: Any) -> bool:
    meter.did(_READING)
    outer = network.value.network
    inner = (_interface(other) if isinstance(other, str) else other.value).network
    return bool(outer.version == inner.version and outer.overlaps(inner) and outer.prefixlen <= inner.prefixlen)


def _link_local_multicast(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address in _LINK_LOCAL
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02


def _global_unicast(address: _Address) -> bool:
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not (special or address == _BROADCAST)


def _of(work: Callable[[Any], Any]) -> Callable[[Meter, Opaque], Any]:
    return lambda _meter, given: work(given.value)


TABLE: dict[str, Callable[..., Any]] = {
    "ip": _ip,
    "isIP": _is(_address),
    "ip.isCanonical": lambda _meter, text: str(_address(text)) == text,
    "family": _of(lambda address: address.version),
    "isUnspecified": _of(lambda address: address.is_unspecified),
    "isLoopback": _of(lambda address: address.is_loopback),
    "isLinkLocalMulticast": _of(_link_local_multicast),
    "isLinkLocalUnicast": _of(lambda address: address.is_link_local),
    "isGlobalUnicast": _of(_global_unicast),
    "cidr": _cidr,
    "isCIDR": _is(_interface),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "prefixLength": _of(lambda interface: interface.network.prefixlen),
    "masked": _of(lambda interface: _cidr_value(ipaddress.ip_interface(str(interface.network)))),
}
