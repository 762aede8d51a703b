"""Changes that other processes make to nftables are noticed, those of this one are not."""

from __future__ import annotations

import asyncio
import struct
import subprocess

import pytest

from pybernetes.host.nft import LibNft
from pybernetes.host.nft_watch import TableGuard, changed_by, foreign_changes
from tests.network_machine import Machine

HEADER = struct.pack("=IHHII", 48, 0xA0F, 0, 0, 0) + b"\0" * 4
ID = b"\x08\x00\x01\x00\x00\x00\x00\x02"


@pytest.mark.parametrize(
    ("message", "thread"),
    [
        (HEADER + ID + b"\x08\x00\x02\x00\x00\x00\x52\x6a", 0x526A),
        (HEADER + b"\x06\x00\x03\x00a\0\0\0" + b"\x08\x00\x02\x00\x00\x00\x00\x07", 7),
        (HEADER + ID, 0),
        (HEADER + b"\x00\x00\x00\x00\x00\x00", 0),
        (HEADER + b"\x08\x00\x02\x00\x01", 0),
        (b"", 0),
    ],
    ids=["second", "after a name of odd length", "not said", "broken length", "cut off", "empty"],
)
def test_who_changed_it(message: bytes, thread: int) -> None:
    assert changed_by(message) == thread


TABLE = "table ip guarded {\n chain checked {\n type filter hook input priority 0; counter;\n }\n}\n"


async def _watch() -> None:
    nft = LibNft()
    guard = TableGuard(["ip guarded checked"])
    assert not guard.touched(), "nothing is known yet"
    nft.apply(TABLE)
    guard.remember()
    changes = foreign_changes()
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    for command in (
        "flush ruleset",
        "flush table ip guarded",
        "delete table ip guarded",
        "add rule ip guarded checked accept",
    ):
        await asyncio.to_thread(nft.apply, f"add table ip guarded; delete table ip guarded\n{TABLE}")
        guard.remember()
        assert not guard.touched()
        assert not waiting.done(), "changes of this process are not told"
        await asyncio.to_thread(subprocess.run, ["nft", command], check=True)
        await asyncio.wait_for(waiting, 60)
        assert guard.touched(), command
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await asyncio.to_thread(nft.apply, "flush ruleset")
    waiting.cancel()


@pytest.mark.e2e
def test_the_kernel_tells() -> None:
    with Machine() as machine:
        machine.run(asyncio.run, _watch())
