"""Links, addresses, routes and neighbours as the kernel's own messages have them.

`netlink.py` says what they are to be. Messages are those few fields and attributes that are used here.

Source: include/uapi/linux/rtnetlink.h (struct ifaddrmsg of if_addr.h, rtmsg, ifinfomsg, ndmsg of neighbour.h).
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from pybernetes.host.ip_families import socket_family
from pybernetes.host.netlink_socket import (
    ACKNOWLEDGED,
    CREATE,
    DUMP,
    EXCLUSIVE,
    NESTED,
    REPLACE,
    ask,
    attribute,
    attributes,
    number_attribute,
    talking_to,
    tell,
    text_attribute,
)

PERMANENT = 0x80
"""State of a neighbour that was told, and is not asked for."""
_NEW_LINK, _DELETE_LINK, _GET_LINK = 16, 17, 18
_NEW_ADDRESS, _DELETE_ADDRESS, _GET_ADDRESS = 20, 21, 22
_NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 24, 25, 26
_NEW_NEIGHBOUR, _DELETE_NEIGHBOUR, _GET_NEIGHBOUR = 28, 29, 30

_LINK, _ADDRESS, _ROUTE, _NEIGHBOUR = "=BxHiII", "=BBBBI", "=BBBBBBBBI", "=B3xiHBB"
_LINK_MAC, _LINK_NAME, _LINK_MTU, _LINK_INFO = 1, 3, 4, 18
_LINK_KIND, _LINK_OPTIONS = 1, 2
_ADDRESS_IP, _ADDRESS_LOCAL = 1, 2
_ROUTE_TO, _ROUTE_DEVICE, _ROUTE_GATEWAY, _ROUTE_METRIC, _ROUTE_SOURCE = 1, 4, 5, 6, 7
_NEIGHBOUR_IP, _NEIGHBOUR_MAC = 1, 2

_UP = 0x1
_NO_DUPLICATE_DETECTION = 0x2
_MAIN_TABLE = 254
_ANYWHERE, _NOWHERE = 0, 255
"""How far a route's destination may be: of a new one, and of one that is to go, whatever it is."""
_HEADER_BYTES = 16
_ORDER = sys.byteorder


@dataclass(frozen=True, slots=True)
class Link:
    index: int
    type: int
    flags: int
    name: str
    mac: str
    mtu: int
    options: bytes
    """Attributes of its kind."""


@dataclass(frozen=True, slots=True)
class Address:
    index: int
    ip: str
    prefix: int
    scope: int


@dataclass(frozen=True, slots=True)
class KernelRoute:
    ip: str
    prefix: int
    gateway: str
    index: int
    """Of the device; 0 for none."""
    protocol: int
    kind: int
    flags: int = 0
    source: str = ""
    metric: int = 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    index: int
    ip: str
    mac: str = ""
    state: int = 0
    flags: int = 0
    family: int = 0
    """AF_BRIDGE for an entry of a forwarding table; else that of the address."""


class RtNetlink:
    """A conversation with the kernel, in the network namespace of the thread. Raises OSError."""

    def __enter__(self) -> Self:
        self._kernel = talking_to(socket.NETLINK_ROUTE)
        return self

    def __exit__(self, *_: object) -> None:
        self._kernel.close()

    # Links.

    def index(self, name: str) -> int | None:
        try:
            return socket.if_nametoindex(name)
        except OSError:
            return None

    def links(self) -> Iterator[Link]:
        for message in ask(self._kernel, _GET_LINK, DUMP, struct.pack(_LINK, 0, 0, 0, 0, 0)):
            _, type_, index, flags, _ = struct.unpack_from(_LINK, message, _HEADER_BYTES)
            told = dict(attributes(message, _HEADER_BYTES + struct.calcsize(_LINK)))
            options = dict(attributes(told.get(_LINK_INFO, b""), 0)).get(_LINK_OPTIONS, b"")
            name = told[_LINK_NAME].rstrip(b"\0").decode(errors="replace")
            mtu = int.from_bytes(told.get(_LINK_MTU, b""), _ORDER)
            yield Link(index, type_, flags, name, _mac(told.get(_LINK_MAC)), mtu, options)

    def add_link(self, name: str, kind: str, mac: str = "", options: bytes = b"") -> None:
        info = text_attribute(_LINK_KIND, kind) + attribute(_LINK_OPTIONS | NESTED, options)
        parts = [text_attribute(_LINK_NAME, name), attribute(_LINK_INFO | NESTED, info)]
        if mac:
            parts.append(attribute(_LINK_MAC, _mac_bytes(mac)))
        self._link(_NEW_LINK, CREATE | EXCLUSIVE, 0, 0, *parts)

    def set_link_up(self, index: int, mtu: int = 0) -> None:
        """With that MTU, if one is given."""
        self._link(_NEW_LINK, 0, index, _UP, *((number_attribute(_LINK_MTU, mtu),) if mtu else ()))

    def delete_link(self, index: int) -> None:
        self._link(_DELETE_LINK, 0, index, 0)

    def _link(self, kind: int, flags: int, index: int, up: int, *parts: bytes) -> None:
        tell(self._kernel, kind, flags, struct.pack(_LINK, 0, 0, index, up, up) + b"".join(parts))

    # Addresses.

    def addresses(self) -> Iterator[Address]:
        for message in ask(self._kernel, _GET_ADDRESS, DUMP, struct.pack(_ADDRESS, 0, 0, 0, 0, 0)):
            _, prefix, _, scope, index = struct.unpack_from(_ADDRESS, message, _HEADER_BYTES)
            told = dict(attributes(message, _HEADER_BYTES + struct.calcsize(_ADDRESS)))
            yield Address(index, _ip(told.get(_ADDRESS_LOCAL) or told.get(_ADDRESS_IP)), prefix, scope)

    def add_address(self, index: int, cidr: str) -> None:
        # It is ours alone: waiting for somebody else to claim an IPv6 address would only hold up Pods.
        self._address(_NEW_ADDRESS, CREATE | EXCLUSIVE, index, cidr, _NO_DUPLICATE_DETECTION if ":" in cidr else 0)

    def delete_address(self, index: int, cidr: str) -> None:
        self._address(_DELETE_ADDRESS, 0, index, cidr, 0)

    def _address(self, kind: int, flags: int, index: int, cidr: str, state: int) -> None:
        ip, _, prefix = cidr.partition("/")
        packed = ip_address(ip).packed
        body = struct.pack(_ADDRESS, socket_family(ip), int(prefix), state, 0, index)
        tell(self._kernel, kind, flags, body + attribute(_ADDRESS_LOCAL, packed) + attribute(_ADDRESS_IP, packed))

    # Routes.

    def routes(self) -> Iterator[KernelRoute]:
        """Of both families."""
        for family in (socket.AF_INET, socket.AF_INET6):
            yield from self._routes(DUMP, struct.pack(_ROUTE, family, *[0] * 8))

    def way_to(self, ip: str) -> KernelRoute:
        """The route that a packet would take."""
        packed = ip_address(ip).packed
        body = struct.pack(_ROUTE, socket_family(ip), 8 * len(packed), *[0] * 7) + attribute(_ROUTE_TO, packed)
        (found,) = self._routes(ACKNOWLEDGED, body)
        return found

    def set_route(self, route: KernelRoute) -> None:
        """Instead of another one to the same destination, if there is one."""
        self._route(_NEW_ROUTE, CREATE | REPLACE, _ANYWHERE, route)

    def delete_route(self, route: KernelRoute) -> None:
        self._route(_DELETE_ROUTE, 0, _NOWHERE, route)

    def _routes(self, flags: int, body: bytes) -> Iterator[KernelRoute]:
        for message in ask(self._kernel, _GET_ROUTE, flags, body):
            _, prefix, _, _, _, protocol, _, kind, state = struct.unpack_from(_ROUTE, message, _HEADER_BYTES)
            told = dict(attributes(message, _HEADER_BYTES + struct.calcsize(_ROUTE)))
            index = int.from_bytes(told.get(_ROUTE_DEVICE, b""), _ORDER)
            source, metric = _ip(told.get(_ROUTE_SOURCE)), int.from_bytes(told.get(_ROUTE_METRIC, b""), _ORDER)
            to, gateway = _ip(told.get(_ROUTE_TO)), _ip(told.get(_ROUTE_GATEWAY))
            yield KernelRoute(to, prefix, gateway, index, protocol, kind, state, source, metric)

    def _route(self, kind: int, flags: int, scope: int, route: KernelRoute) -> None:
        head = (route.prefix, 0, 0, _MAIN_TABLE, route.protocol, scope, route.kind, route.flags)
        body = struct.pack(_ROUTE, socket_family(route.ip), *head)
        for attribute_kind, ip in (
            (_ROUTE_TO, route.ip),
            (_ROUTE_GATEWAY, route.gateway),
            (_ROUTE_SOURCE, route.source),
        ):
            body += attribute(attribute_kind, ip_address(ip).packed) if ip else b""
        for attribute_kind, number in ((_ROUTE_DEVICE, route.index), (_ROUTE_METRIC, route.metric)):
            body += number_attribute(attribute_kind, number) if number else b""
        tell(self._kernel, kind, flags, body)

    # Neighbours, and entries of forwarding tables.

    def neighbours(self, family: int = 0, flags: int = 0) -> Iterator[Neighbour]:
        """Those with these flags alone, of which the kernel tells only when it is asked for them."""
        for message in ask(self._kernel, _GET_NEIGHBOUR, DUMP, struct.pack(_NEIGHBOUR, family, 0, 0, flags, 0)):
            family, index, state, known, _ = struct.unpack_from(_NEIGHBOUR, message, _HEADER_BYTES)
            told = dict(attributes(message, _HEADER_BYTES + struct.calcsize(_NEIGHBOUR)))
            yield Neighbour(index, _ip(told.get(_NEIGHBOUR_IP)), _mac(told.get(_NEIGHBOUR_MAC)), state, known, family)

    def add_neighbour(self, neighbour: Neighbour) -> None:
        self._neighbour(_NEW_NEIGHBOUR, CREATE | EXCLUSIVE, neighbour)

    def set_neighbour(self, neighbour: Neighbour) -> None:
        self._neighbour(_NEW_NEIGHBOUR, CREATE | REPLACE, neighbour)

    def delete_neighbour(self, neighbour: Neighbour) -> None:
        self._neighbour(_DELETE_NEIGHBOUR, 0, neighbour)

    def _neighbour(self, kind: int, flags: int, told: Neighbour) -> None:
        body = struct.pack(_NEIGHBOUR, told.family or socket_family(told.ip), told.index, told.state, told.flags, 0)
        body += attribute(_NEIGHBOUR_IP, ip_address(told.ip).packed)
        if told.mac:
            body += attribute(_NEIGHBOUR_MAC, _mac_bytes(told.mac))
        tell(self._kernel, kind, flags, body)


def _ip(told: bytes | None) -> str:
    return str(ip_address(told)) if told else ""


def _mac(told: bytes | None) -> str:
    return (told or b"").hex(":")


def _mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
