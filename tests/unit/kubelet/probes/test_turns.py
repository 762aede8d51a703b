"""Probes that are due at once begin in turn."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubelet.probes.turns import Turns
from pybernetes.sim import loop


class _Probes:
    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.began: list[tuple[str, float]] = []
        self.at_once = self.most = 0

    async def one(self, pod: str, seconds: float) -> None:
        async with self._turns.turn(pod):
            self.began.append((pod, asyncio.get_running_loop().time()))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                await asyncio.sleep(seconds)
            finally:
                self.at_once -= 1


def test_a_pod_with_few_probes_is_not_held_up_by_one_with_many() -> None:
    probes = _Probes(Turns(2, 10.0))

    async def scene() -> None:
        await asyncio.gather(*(probes.one("many", 1.0) for _ in range(100)), probes.one("few", 1.0))

    loop.run(scene())
    assert dict(reversed(probes.began))["few"] == 1.0
    assert probes.most == 2
    assert max(at for _, at in probes.began) == 50.0


def test_those_that_never_answer_give_their_places_on() -> None:
    probes = _Probes(Turns(2, 0.1))

    async def scene() -> None:
        await asyncio.gather(*(probes.one("silent", 3600.0) for _ in range(20)), probes.one("well", 0.01))

    loop.run(scene())
    assert round(dict(probes.began)["well"], 3) == 0.1
    assert round(max(at for _, at in probes.began), 3) == 0.91


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.booleans()), max_size=30))
def test_a_place_is_never_lost(probes_due: list[tuple[str, int, bool]]) -> None:
    """Also where what waits, or has just got its place, is cancelled."""
    turns = Turns(2, 2.5)
    probes = _Probes(turns)

    async def scene() -> None:
        tasks = [asyncio.create_task(probes.one(pod, seconds)) for pod, seconds, _ in probes_due]
        await asyncio.sleep(1.0)
        for task, (_, _, cancelled) in zip(tasks, probes_due, strict=True):
            if cancelled:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        probes.most = 0
        await asyncio.gather(*(probes.one("after", 1.0) for _ in range(4)))

    loop.run(scene())
    assert probes.most == 2
