"""What is still asked for while a kubelet stops."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pybernetes.kubelet.kubelet import Kubelet


@pytest.mark.filterwarnings("error")
def test_work_that_is_asked_for_while_all_is_stopped_never_begins(caplog: pytest.LogCaptureFixture) -> None:
    """No failure is told, and no work is left that nobody waits for."""
    kubelet = object.__new__(Kubelet)
    begun: list[str] = []

    async def more() -> None:
        begun.append("more")

    async def worker() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            assert kubelet.spawn(more(), "more").cancelling()
            begun.append("asked")  # it goes on: a handler of an informer that others share must not end

    async def scene() -> asyncio.Task[None]:
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                kubelet._group = group
                task = kubelet.spawn(worker(), "worker")
                await asyncio.sleep(0)
                raise OSError("the runtime is gone")
        return task

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(scene()).cancelled()
    assert begun == ["asked"]
    assert caplog.records == []
