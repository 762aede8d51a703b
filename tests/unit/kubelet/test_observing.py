"""Looks at the whole runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

from pybernetes.kubelet.observing import Observing


def test_a_runtime_that_does_not_answer_is_not_asked_more_and_more() -> None:
    async def scene() -> None:
        answer, asked = asyncio.Event(), 0

        async def list_containers(_labels: Any) -> list[Any]:
            nonlocal asked
            asked += 1
            await answer.wait()
            return []

        async def list_pod_sandboxes(_labels: Any) -> list[Any]:
            return []

        def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            if name == "leftovers":
                work.close()
                return asyncio.create_task(asyncio.sleep(0))
            return asyncio.create_task(work)

        cri = SimpleNamespace(list_containers=list_containers, list_pod_sandboxes=list_pod_sandboxes, endpoint="/s")
        runtime = SimpleNamespace(running=list, sandboxes=[])
        runners = {"u": SimpleNamespace(worker=SimpleNamespace(runtime=runtime))}
        observing = Observing(cast(Any, cri), "i", cast(Any, runners), cast(Any, None), spawn)
        for _ in range(5):
            observing.changed("", "relist")
            await asyncio.sleep(0)
        assert asked == 1
        answer.set()
        assert observing._looking is not None
        await observing._looking
        observing.changed("", "relist")
        await observing._looking
        assert asked == 2

    asyncio.run(scene())
