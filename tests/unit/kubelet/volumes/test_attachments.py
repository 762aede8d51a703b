"""A volume is waited for until the API says that this node uses it and has it."""

from __future__ import annotations

import asyncio

from pybernetes.api.core.v1 import AttachedVolume, Node, NodeStatus
from pybernetes.kubelet.volumes.attachments import Attachments


def node(used: list[str], attached: list[str]) -> Node:
    found = [AttachedVolume(name=name, devicePath="") for name in attached]
    return Node(status=NodeStatus(volumesInUse=used, volumesAttached=found))


def test_named_as_used_first_then_waited_for() -> None:
    async def scene() -> None:
        attachments, told = Attachments(), 0

        def changed() -> None:
            nonlocal told
            told += 1

        attachments.changed = changed
        waits = asyncio.create_task(attachments.attached("v"))
        await asyncio.sleep(0)
        assert (attachments.in_use, told) == (["v"], 1)
        for seen in (node([], ["v"]), node(["v"], []), node(["v"], ["other"])):
            attachments.node_seen(seen)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not waits.done()
        attachments.node_seen(node(["v"], ["v"]))
        await waits
        await attachments.attached("v")
        assert told == 1
        attachments.leave("v")
        attachments.leave("v")
        assert (attachments.in_use, told) == ([], 2)

    asyncio.run(scene())
