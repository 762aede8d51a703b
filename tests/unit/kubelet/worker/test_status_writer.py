"""When statuses are written: the newest alone, and a first «Pending» only if the start takes longer than a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pybernetes.api.core.v1 import PodStatus
from pybernetes.kubelet.worker import status_writer
from pybernetes.kubelet.worker.status_writer import StatusWriter
from pybernetes.sim import loop
from tests.fake_api import FakeApi

from ..pods import pod

TURNS_OF_A_START = 8


@pytest.mark.parametrize(("turns", "written"), [(TURNS_OF_A_START, ["Running"]), (100, ["Pending", "Running"])])
def test_a_pod_that_starts_at_once_is_never_pending_however_long_a_turn_takes(
    turns: int, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_writer, "_FIRST_PENDING_S", 0.0)

    async def main() -> list[str]:
        api, made = FakeApi(), pod()
        api.put(made, "pods")
        tasks: list[asyncio.Task[None]] = []
        phases: list[str] = []

        def spawn(work: Coroutine[Any, Any, None], _name: str) -> asyncio.Task[None]:
            tasks.append(asyncio.create_task(work))
            return tasks[-1]

        writer = StatusWriter(api.client(), lambda _uid: made, spawn)
        writer.write("u1", PodStatus(phase="Pending"), final=False)
        for _ in range(turns):
            await asyncio.sleep(0)
            phases.append(api.get("pods", "web", "default")["status"].get("phase", ""))
        writer.write("u1", PodStatus(phase="Running"), final=False)
        await asyncio.gather(*tasks)
        phases.append(api.get("pods", "web", "default")["status"]["phase"])
        return [phase for phase in dict.fromkeys(phases) if phase]

    assert loop.run(main()) == written
