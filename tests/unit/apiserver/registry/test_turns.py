"""Writers of one object wait for each other, and nobody waits for another object's."""

from __future__ import annotations

import asyncio

from pybernetes.apiserver.registry.generic.turns import Turns


def test_a_later_writer_waits_for_the_one_under_way() -> None:
    async def scenario() -> None:
        turns, steps = Turns(), []

        async def later() -> None:
            await turns.wait("a")
            steps.append("later")

        with turns.writing("a"):
            await turns.wait("b")
            waiting = asyncio.ensure_future(later())
            await asyncio.sleep(0)
            steps.append("written")
        await waiting
        assert steps == ["written", "later"]

    asyncio.run(scenario())


def test_one_at_a_time_and_in_order() -> None:
    async def scenario() -> None:
        turns, running, order = Turns(), 0, []

        async def write(number: int) -> None:
            nonlocal running
            await turns.wait("a")
            with turns.writing("a"):
                running += 1
                assert running == 1
                await asyncio.sleep(0)
                order.append(number)
                running -= 1

        await asyncio.gather(*[write(number) for number in range(6)])
        assert order == list(range(6))

    asyncio.run(scenario())


def test_who_is_cancelled_while_waiting_holds_nobody_up() -> None:
    async def scenario() -> None:
        turns = Turns()
        with turns.writing("a"):
            waiting = asyncio.ensure_future(turns.wait("a"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await turns.wait("a")

    asyncio.run(scenario())


def test_a_second_writer_that_did_not_wait_leaves_the_turn_to_the_first() -> None:
    async def scenario() -> None:
        turns = Turns()
        with turns.writing("a"):
            with turns.writing("a"):
                pass
            waiting = asyncio.ensure_future(turns.wait("a"))
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting

    asyncio.run(scenario())
