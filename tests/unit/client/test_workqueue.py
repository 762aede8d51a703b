"""The queue's promises: deduplication, one worker a key, back-off, causes."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.client import cause
from pybernetes.client.cause import Cause
from pybernetes.client.workqueue import RateLimitedQueue, ShutDown
from pybernetes.sim.loop import run


def test_a_key_waits_once_and_comes_back_after_done() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        queue.add("a")
        queue.add("b")
        queue.add("a")
        assert [await queue.get(), await queue.get()] == ["a", "b"]
        queue.add("a")
        queue.add("a")
        assert len(queue) == 0, "a is being worked on"
        queue.done("a")
        assert await queue.get() == "a"
        queue.done("a")
        queue.done("b")
        assert queue.idle

    run(main())


def test_back_off_doubles_until_forgotten() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        loop = asyncio.get_running_loop()
        waits = []
        for attempt in range(20):
            if attempt == 19:
                queue.forget("a")
            start = loop.time()
            queue.add_rate_limited("a")
            await queue.get()
            waits.append(round(loop.time() - start, 3))
            queue.done("a")
        assert waits[:4] == [0.005, 0.01, 0.02, 0.04]
        assert waits[18] == 1000
        assert waits[19] == 0.005

    run(main())


def test_of_several_delays_the_first_counts() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        queue.add_after("a", 60)
        queue.add_after("a", 5)
        queue.add_after("a", 30)
        await queue.get()
        assert asyncio.get_running_loop().time() == pytest.approx(5)
        queue.done("a")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 100)

    run(main())


def test_the_newest_cause_comes_with_the_key() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        for revision in (5, 9, 7):
            with cause.caused_by(Cause(revision)):
                queue.add("a")
        await queue.get()
        assert cause.current().revision == 9
        queue.add_rate_limited("a")
        with cause.caused_by(Cause(3)):
            queue.add_after("a", 50)
        queue.done("a")
        assert cause.current() == cause.NONE
        await queue.get()
        assert cause.current().revision == 9, "a retry keeps its cause"

    run(main())


def test_shut_down_hands_out_the_rest() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        waiter = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        queue.add("b")
        queue.shut_down()
        queue.add("late")
        assert await waiter == "a"
        assert await queue.get() == "b"
        with pytest.raises(ShutDown):
            await queue.get()

    run(main())


def test_a_cancelled_getter_loses_no_key() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        first = asyncio.create_task(queue.get())
        second = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        first.cancel()
        assert await asyncio.wait_for(second, 60) == "a"

    run(main())


def test_a_resting_key_comes_once_after_its_rest() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        loop = asyncio.get_running_loop()
        queue.add("a")
        start = loop.time()
        await queue.get()
        queue.rest("a", 3)
        queue.done("a")
        for _ in range(5):
            queue.add("a")
        queue.add("b")
        assert await queue.get() == "b", "others need not wait"
        queue.done("b")
        assert not queue.idle, "there is work left"
        assert await queue.get() == "a"
        assert loop.time() - start == 3
        queue.done("a")
        assert queue.idle
        queue.add("a")
        assert await queue.get() == "a", "rested enough"

    run(main())


def test_work_that_lasts_longer_than_the_rest_does_not_meet_itself() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        queue.add("a")
        await queue.get()
        queue.rest("a", 1)
        queue.add("a")
        await asyncio.sleep(5)
        assert len(queue) == 0, "a is still being worked on"
        queue.done("a")
        assert await queue.get() == "a"

    run(main())


def test_shut_down_ends_rests() -> None:
    async def main() -> None:
        queue: RateLimitedQueue[str] = RateLimitedQueue()
        queue.add("a")
        await queue.get()
        queue.rest("a", 60)
        queue.done("a")
        queue.add("a")
        queue.shut_down()
        assert await queue.get() == "a"
        with pytest.raises(ShutDown):
            await queue.get()

    run(main())
