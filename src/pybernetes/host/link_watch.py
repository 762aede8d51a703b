"""Tells of links that go up, down or away and of our routes that vanish: with a link, the kernel drops its routes.

Source: include/uapi/linux/rtnetlink.h (RTM_NEWLINK, RTM_DELLINK, RTM_DELROUTE; struct ifinfomsg, rtmsg).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator

from pybernetes.host.kernel_notices import notices
from pybernetes.host.netlink import ROUTE_PROTOCOL
from pybernetes.host.netlink_socket import attributes

_GROUPS = 0x1 | 0x40 | 0x400
"""Links, IPv4 routes, IPv6 routes."""
_NEW_LINK, _DELETED_LINK, _DELETED_ROUTE = 16, 17, 25
_UP = 0x1 | 0x40
"""Switched on, and with a carrier."""
_SHORTEST = 28
"""The headers of a message about a route."""
_LINK_HEADERS = 32
_NAME = 3
_POD_LINK = b"veth"
"""How the bridge plugin begins the names of Pods' links, which carry no routes."""


async def link_changes() -> AsyncIterator[None]:
    """One item after each change in this network namespace, several at once as one. Never ends."""
    states: dict[int, bool] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as listener:
        listener.setblocking(False)
        listener.bind((0, _GROUPS))
        async for _ in notices(listener, lambda message: takes_away(message, states)):
            yield


def takes_away(message: bytes, states: dict[int, bool]) -> bool:
    """Whether routes may be missing after this; `states` is what is known of links, by number, and is kept."""
    found = False
    while len(message) >= _SHORTEST:
        length, kind = struct.unpack_from("=IH", message)
        if kind == _DELETED_ROUTE:
            found |= message[21] == ROUTE_PROTOCOL
        elif kind in (_NEW_LINK, _DELETED_LINK) and _is_a_machine_s(message[:length]):
            index, flags = struct.unpack_from("=iI", message, 20)
            before = states.get(index)
            states[index] = kind == _NEW_LINK and flags & _UP == _UP
            found |= before is not None and before != states[index]
        message = message[max(length + 3 & ~3, 16) :]
    return found


def _is_a_machine_s(message: bytes) -> bool:
    """Whether it is about a link as such, not as a bridge's, and not about a Pod's."""
    if len(message) < _LINK_HEADERS or message[16] != socket.AF_UNSPEC:
        return False
    names = (value for kind, value in attributes(message, _LINK_HEADERS) if kind == _NAME)
    return not next(names, b"").startswith(_POD_LINK)
