"""When statuses are written: the newest alone, and a first «Pending» only if the start takes longer than a moment.

And the ends of containers among them, counted once each."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import msgspec
import pytest

from pybernetes.api.core.v1 import PodStatus
from pybernetes.kubelet.runtime import Container
from pybernetes.kubelet.worker import status_writer
from pybernetes.kubelet.worker.status import Inputs, generate
from pybernetes.kubelet.worker.status_writer import StatusWriter
from pybernetes.sim import loop
from tests.fake_api import FakeApi

from ..pods import container, pod, running

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


def test_each_end_of_a_container_is_counted_once_also_over_a_restart_of_the_kubelet() -> None:
    made = pod([{"name": "a", "image": "i"}], [{"name": "side", "image": "i", "restartPolicy": "Always"}])

    def status(side: int | None, main: int | None) -> PodStatus:
        def one(name: str, code: int | None) -> Container:
            return container(made, name) if code is None else container(made, name, state="exited", exit_code=code)

        return generate(made, running(one("side", side), one("a", main)), Inputs(old=made.status, now_s=0.0))

    def forget(work: Coroutine[Any, Any, None], _name: str) -> asyncio.Task[None]:
        work.close()
        return cast("asyncio.Task[None]", None)

    client = FakeApi().client()
    writer = StatusWriter(client, lambda _uid: made, forget)
    for told in (status(None, None), status(None, 139), status(None, 139), status(None, None), status(137, 139)):
        writer.write("u1", told, final=False)
    assert writer.ends == {("container", 139, "Error"): 2, ("init_container", 137, "Error"): 1}

    later = StatusWriter(client, lambda _uid: msgspec.structs.replace(made, status=status(137, 139)), forget)
    later.write("u1", status(137, 139), final=False)
    assert not later.ends
