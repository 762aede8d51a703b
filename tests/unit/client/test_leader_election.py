"""One leader at a time; another takes over when it dies, at once when it leaves in order."""

from __future__ import annotations

import asyncio

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.client.leader_election import LeaderElector
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.sim.loop import run
from tests.fake_api import FakeApi


class Contender:
    def __init__(self, api: FakeApi, name: str) -> None:
        self.leads = False
        client = Client(LocalTransport(api.handle, UserInfo("t")), name)
        self.elector = LeaderElector(client, "lock", name, LoopClock(), Random(1))
        self.task = asyncio.create_task(self.elector.run(self._lead))

    async def _lead(self) -> None:
        self.leads = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False


def test_a_leader_that_leaves_is_followed_at_once() -> None:
    async def main() -> None:
        api = FakeApi()
        first = Contender(api, "a")
        await asyncio.sleep(1)
        second = Contender(api, "b")
        await asyncio.sleep(60)
        assert (first.leads, second.leads) == (True, False)
        first.task.cancel()
        await asyncio.gather(first.task, return_exceptions=True)
        await asyncio.sleep(4)
        assert (first.leads, second.leads) == (False, True)
        second.task.cancel()
        await asyncio.gather(second.task, return_exceptions=True)

    run(main())


def test_a_leader_that_is_cut_off_stops_before_another_begins() -> None:
    async def main() -> None:
        api = FakeApi()
        first = Contender(api, "a")
        await asyncio.sleep(1)
        second = Contender(api, "b")
        await asyncio.sleep(10)
        cut = errors.ServiceUnavailable("cut off")
        api.faults = lambda request: cut if request.headers["user-agent"] == "a" else None
        for _ in range(300):
            await asyncio.sleep(0.1)
            assert not (first.leads and second.leads)
        assert second.leads
        assert first.task.done()
        second.task.cancel()
        await asyncio.gather(first.task, second.task, return_exceptions=True)

    run(main())
