"""Kubelets are asked when somebody asks, and not in between."""

from __future__ import annotations

import asyncio

from pybernetes.apiserver.resource_metrics.sampler import Sampler
from pybernetes.host.clock import LoopClock
from pybernetes.sim.loop import run


class Kubelets:
    def __init__(self) -> None:
        self.clock = LoopClock()
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.sampler = Sampler(self.fetch, self.clock, 5.0)

    async def fetch(self, node: str) -> bytes:
        self.asked.append(node)
        if node in self.broken:
            raise OSError("connection refused")
        return f"node_cpu_usage_seconds_total {self.clock.now()} {int(self.clock.now() * 1000)}\n".encode()

    async def window_s(self, node: str) -> float | None:
        pair = (await self.sampler.sampled([node])).get(node)
        return round(pair[1].node.at - pair[0].node.at, 3) if pair is not None else None


def test_the_first_answer_takes_a_second_and_later_ones_none() -> None:
    async def body() -> None:
        made, loop = Kubelets(), asyncio.get_running_loop()
        start = loop.time()
        assert await made.window_s("a") == 1.0
        assert (loop.time() - start, made.asked) == (1.0, ["a", "a"])
        await asyncio.sleep(3)
        assert await made.window_s("a") == 1.0
        assert made.asked == ["a", "a"], "young enough to be told again"
        await asyncio.sleep(12)
        assert await made.window_s("a") == 15.0
        assert len(made.asked) == 3
        await asyncio.sleep(300)
        assert len(made.asked) == 3, "nothing runs between questions"
        assert await made.window_s("a") == 1.0, "the last sample is too old to tell anything of now"

    run(body())


def test_many_that_ask_at_once_share_the_samples() -> None:
    async def body() -> None:
        made = Kubelets()
        answers = await asyncio.gather(*(made.window_s("a") for _ in range(20)))
        assert (set(answers), made.asked) == ({1.0}, ["a", "a"])

    run(body())


def test_a_node_that_does_not_answer_is_left_out_and_left_alone_for_a_while() -> None:
    async def body() -> None:
        made = Kubelets()
        made.broken = {"b"}
        found = await made.sampler.sampled(["a", "b"])
        assert set(found) == {"a"}
        await made.sampler.sampled(["b"])
        assert made.asked.count("b") == 1
        made.broken.clear()
        await asyncio.sleep(11)
        assert await made.window_s("b") == 1.0
        made.sampler.forget(["a"])
        await made.sampler.sampled(["b"])
        assert made.asked.count("b") == 5, "what is forgotten begins anew"

    run(body())
