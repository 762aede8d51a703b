"""Links that go and routes that go with them are noticed; what happens to Pods' links is not."""

from __future__ import annotations

import asyncio
import struct

import pytest

from pybernetes.host.link_watch import link_changes, takes_away
from pybernetes.host.netlink import KernelNetlink, Route
from tests.network_machine import Machine

NEW, GONE, ROUTE_GONE = 16, 17, 25
UP, NO_CARRIER, OFF = 0x41, 0x1, 0x0


def link(kind: int, index: int, flags: int, name: bytes = b"eth0", family: int = 0) -> bytes:
    attribute = struct.pack("=HH", 5 + len(name), 3) + name + b"\0" * (4 - len(name) % 4)
    body = struct.pack("=BBHiII", family, 0, 1, index, flags, 0xFFFFFFFF) + attribute
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def route(protocol: int) -> bytes:
    return struct.pack("=IHHII", 28, ROUTE_GONE, 0, 0, 0) + struct.pack(
        "=BBBBBBBBI", 2, 24, 0, 0, 254, protocol, 0, 1, 0
    )


@pytest.mark.parametrize(
    ("messages", "matters"),
    [
        ([link(NEW, 2, UP)], False),
        ([link(NEW, 2, UP), link(NEW, 2, UP)], False),
        ([link(NEW, 2, UP), link(NEW, 2, OFF)], True),
        ([link(NEW, 2, UP), link(NEW, 2, NO_CARRIER)], True),
        ([link(NEW, 2, OFF), link(NEW, 2, UP)], True),
        ([link(NEW, 2, UP), link(GONE, 2, UP)], True),
        ([link(NEW, 2, UP, b"veth1234"), link(GONE, 2, UP, b"veth1234")], False),
        ([link(NEW, 2, UP), link(GONE, 2, UP, family=7)], False),
        ([route(112)], True),
        ([route(2)], False),
        ([route(2) + route(112)], True),
        ([b"", b"\0" * 40], False),
    ],
    ids=[
        "first seen", "unchanged", "switched off", "without a carrier", "switched on", "gone", "a Pod's",
        "left a bridge", "our route", "the kernel's route", "two in one", "broken",
    ],
)  # fmt: skip
def test_what_takes_routes_away(messages: list[bytes], matters: bool) -> None:
    states: dict[int, bool] = {}
    *before, last = messages
    for message in before:
        takes_away(message, states)
    assert takes_away(last, states) is matters


async def _watch() -> None:
    netlink = KernelNetlink()
    ours = Route("198.51.100.0/24", gateway="192.0.2.9")
    await asyncio.to_thread(netlink.ensure_bridge, "seen", ["192.0.2.1/24"])
    changes = link_changes()
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    await asyncio.to_thread(netlink.ensure_route, ours)
    await asyncio.to_thread(netlink.delete_route, ours)
    await asyncio.wait_for(waiting, 60)
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    await asyncio.to_thread(netlink.ensure_bridge, "seen", ["192.0.2.1/24"], 1400)
    await asyncio.to_thread(netlink.delete_link, "seen")
    await asyncio.wait_for(waiting, 60)


@pytest.mark.e2e
def test_the_kernel_tells() -> None:
    with Machine() as machine:
        machine.run(asyncio.run, _watch())
