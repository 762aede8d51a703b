"""Kubernetes's own types in CEL: quantities, URLs, addresses, networks, versions.

Each is a protobuf message with the text of the value: the library knows values by their message type. The functions
here
take and return the texts' meanings.
Source: apiserver/pkg/cel/library/{quantity,urls,ip,cidr,semverlib}.go.
"""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, message_factory, struct_pb2, timestamp_pb2

from pybernetes.apimachinery.quantity import parse

PACKAGE = "kubernetes"
NAMES = ("Quantity", "URL", "IP", "CIDR", "Semver")


def new_pool() -> descriptor_pool.DescriptorPool:
    """A pool with the messages of these types and the well-known ones."""
    pool = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, duration_pb2, struct_pb2):
        copied = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(copied)
        pool.Add(copied)
    file = descriptor_pb2.FileDescriptorProto(name="kubernetes.proto", package=PACKAGE, syntax="proto3")
    for name in NAMES:
        file.message_type.add(name=name).field.add(name="text", number=1, type=9, label=1)
    pool.Add(file)
    return pool


POOL = new_pool()
_CLASSES: dict[str, Any] = {
    name: message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in NAMES
}


def message(kind: str, text: str) -> Any:
    return _CLASSES[kind](text=text)


# -- quantities ------------------------------------------------------------------------------------


def amount(text: str) -> Decimal:
    """Raises ValueError."""
    return Decimal(parse(text))


def quantity(text: str) -> Any:
    amount(text)
    return message("Quantity", text)


def is_quantity(text: str) -> bool:
    try:
        amount(text)
    except (ValueError, ArithmeticError):
        return False
    return True


def quantity_of(number: Decimal) -> Any:
    return message("Quantity", format(number.normalize(), "f"))


# -- URLs ------------------------------------------------------------------------------------------


def split_url(text: str) -> SplitResult:
    """Raises ValueError for what is no absolute URI and no absolute path."""
    parts = urlsplit(text)
    _ = parts.port
    if any(c <= " " or c == "\x7f" for c in text) or not (parts.scheme or text.startswith("/")):
        raise ValueError(f"parse {text!r}: invalid URI for request")
    return parts


def url(text: str) -> Any:
    split_url(text)
    return message("URL", text)


def is_url(text: str) -> bool:
    try:
        split_url(text)
    except ValueError:
        return False
    return True


def url_host(text: str) -> str:
    return split_url(text).netloc.rpartition("@")[2]


def url_hostname(text: str) -> str:
    host = re.sub(r":\d*$", "", url_host(text))
    return host.removeprefix("[").removesuffix("]")


def url_port(text: str) -> str:
    port = split_url(text).port
    return "" if port is None else str(port)


def url_path(text: str) -> str:
    return quote(split_url(text).path, safe="/%:@!$&'()*+,;=-._~")


def url_query(text: str) -> dict[str, list[str]]:
    return parse_qs(split_url(text).query, keep_blank_values=True)


# -- addresses and networks ------------------------------------------------------------------------

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address(text: str) -> Address:
    found = ipaddress.ip_address(text)
    if "%" in text:
        raise ValueError(f'IP Address "{text}" with zone value is not allowed')
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        raise ValueError("IPv4-mapped IPv6 address is not allowed")
    return found


def ip(text: str) -> Any:
    address(text)
    return message("IP", text)


def is_ip(text: str) -> bool:
    try:
        address(text)
    except ValueError:
        return False
    return True


def is_global_unicast(text: str) -> bool:
    found = address(text)
    broadcast = found == ipaddress.IPv4Address("255.255.255.255")
    return not (found.is_unspecified or found.is_loopback or found.is_multicast or found.is_link_local or broadcast)


def is_link_local_multicast(text: str) -> bool:
    found = address(text)
    if found.version == 4:
        return found in ipaddress.ip_network("224.0.0.0/24")
    return found.packed[0] == 0xFF and found.packed[1] & 0x0F == 0x02


def interface(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    if not re.search(r"/\d+$", text):
        raise ValueError(f"network address parse error: {text!r}")
    return ipaddress.ip_interface(text)


def cidr(text: str) -> Any:
    interface(text)
    return message("CIDR", text)


def is_cidr(text: str) -> bool:
    try:
        interface(text)
    except ValueError:
        return False
    return True


def contains_ip(network: str, text: str) -> bool:
    return address(text) in interface(network).network


def contains_cidr(network: str, text: str) -> bool:
    outer, inner = interface(network).network, interface(text).network
    if outer.version != inner.version:
        return False
    return inner.network_address in outer and inner.prefixlen >= outer.prefixlen


# -- versions --------------------------------------------------------------------------------------

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)


def version(text: str) -> tuple[Any, ...]:
    """The order of a semantic version. Raises ValueError."""
    found = _SEMVER.fullmatch(text)
    if found is None:
        raise ValueError(f"Invalid semantic version: {text!r}")
    numbers = tuple(int(found[i]) for i in (1, 2, 3))
    if found[4] is None:
        return (*numbers, 1, ())
    parts = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in found[4].split("."))
    return (*numbers, 0, parts)


def semver(text: str) -> Any:
    version(text)
    return message("Semver", text)


def normalized(text: str) -> str:
    """A loose version made strict: v1.2 becomes 1.2.0."""
    text = text.removeprefix("v")
    core, separator, rest = re.fullmatch(r"([^-+]*)([-+]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    parts = [part.lstrip("0") or "0" if part.isdecimal() else part for part in core.split(".")]
    return ".".join([*parts, "0", "0"][: max(3, len(parts))]) + separator + rest


def is_semver(text: str) -> bool:
    try:
        version(text)
    except ValueError:
        return False
    return True
