"""What the nodes of one process send: under their own names, a few at a time, Leases beside all else.

While Pods wait to be bound they send fewer still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.transport import RawResponse, Transport
from pybernetes.sim.loop import run
from pybernetes.sim.transport import Turns

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"


class Held:
    """Answers no request until it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, str]]] = []
        self.free = asyncio.Event()

    async def request(self, method: str, target: str, headers: Mapping[str, str], *_: Any) -> RawResponse:
        self.sent.append((target, headers))
        await self.free.wait()
        return RawResponse(200)


def test_a_burst_of_statuses_waits_but_no_lease_does() -> None:
    asyncio.run(_burst())


async def _burst() -> None:
    held = Held()
    turns = Turns(cast("Transport", held))
    nodes = [turns.acting_as(UserInfo(f"system:node:n{i}", groups=("system:nodes",))) for i in range(100)]
    burst = [asyncio.ensure_future(node.request("PATCH", "/api/v1/pods", {"a": "b"})) for node in nodes]
    burst.append(asyncio.ensure_future(nodes[-1].request("PUT", LEASE, {})))
    await asyncio.sleep(0)
    assert 1 < len(held.sent) < 50
    assert held.sent[0][1] == {"a": "b", "impersonate-user": "system:node:n0", "impersonate-group": "system:nodes"}
    assert held.sent[-1][0] == LEASE
    held.free.set()
    await asyncio.gather(*burst)
    assert len(held.sent) == 101


class OneByOne:
    """Answers as many requests as it is told to."""

    def __init__(self) -> None:
        self.inside = 0
        self.answers = asyncio.Semaphore(0)

    async def request(self, *_: Any) -> RawResponse:
        self.inside += 1
        try:
            await self.answers.acquire()
        finally:
            self.inside -= 1
        return RawResponse(200)

    async def answer(self, count: int = 1) -> None:
        for _ in range(count):
            self.answers.release()
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("more_come", [True, False, None], ids=["more come", "none is left", "the rest fits nowhere"])
def test_nodes_send_less_while_pods_wait_to_be_bound(more_come: bool | None) -> None:
    run(_stepped_back(more_come))


async def _stepped_back(more_come: bool | None) -> None:
    server = OneByOne()
    turns = Turns(cast("Transport", server))
    node = turns.acting_as(UserInfo("system:node:n", groups=("system:nodes",)))
    turns.bound(1)
    burst = [asyncio.ensure_future(node.request("PATCH", "/api/v1/pods", {})) for _ in range(100)]
    await asyncio.sleep(0.001)
    few = server.inside
    await server.answer()
    assert server.inside == few
    burst[50].cancel()  # waits
    burst[1].cancel()  # is inside
    if more_come is None:
        await asyncio.sleep(1)
    else:
        turns.bound(int(more_come))
    await server.answer()
    assert (server.inside > 2 * few) is not more_come
    await server.answer(100)
    done = await asyncio.gather(*burst, return_exceptions=True)
    assert sum(isinstance(each, RawResponse) for each in done) == 98
    assert server.inside == 0
