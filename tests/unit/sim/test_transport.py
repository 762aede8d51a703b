"""What the nodes of one process send: under their own names, a few at a time, Leases beside all else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.transport import RawResponse, Transport
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
