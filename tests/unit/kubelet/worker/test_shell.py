from __future__ import annotations

import asyncio
from contextlib import suppress

from pybernetes.kubelet.worker.shell import _to_its_end


def test_a_start_that_is_given_up_is_not_cut_off() -> None:
    asyncio.run(_given_up())


async def _given_up() -> None:
    heard: list[str] = []
    answers = {"create": asyncio.Event(), "start": asyncio.Event()}

    async def call(name: str) -> str:
        heard.append(f"{name} begins")
        await answers[name].wait()
        heard.append(f"{name} ends")
        return name

    async def hook() -> None:
        heard.append("hook begins")
        await asyncio.Event().wait()

    async def start() -> None:
        assert await _to_its_end(call("create")) == "create"
        assert await _to_its_end(call("start")) == "start"
        await hook()

    task = asyncio.create_task(start())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    answers["create"].set()
    answers["start"].set()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert heard == ["create begins", "create ends", "start begins", "start ends", "hook begins"]


def test_a_failure_after_a_start_was_given_up_is_told() -> None:
    asyncio.run(_failing())


async def _failing() -> None:
    answer = asyncio.Event()

    async def call() -> None:
        await answer.wait()
        raise OSError("the runtime refuses")

    async def start() -> str:
        try:
            await _to_its_end(call())
        except OSError as error:
            return str(error)
        return ""

    task = asyncio.create_task(start())
    await asyncio.sleep(0)
    task.cancel()
    answer.set()
    assert await task == "the runtime refuses"
