"""What the apiserver hears of a node while its runtime is away, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri import cri_pb2 as untyped
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.node.agent import NodeAgent
from pybernetes.kubelet.node.status import NOTHING_OFFERED, Machine
from pybernetes.sim.loop import run
from tests.fake_api import FakeApi

pb: Any = untyped


class Runtime:
    def __init__(self) -> None:
        self.away, self.release = True, "1"

    def _answers(self) -> None:
        if self.away:
            raise CriError("UNAVAILABLE", "connection refused")

    async def version(self) -> Any:
        self._answers()
        return pb.VersionResponse(runtime_name="containerd", runtime_version=self.release)

    async def status(self) -> Any:
        self._answers()
        return pb.StatusResponse()

    async def list_images(self) -> list[Any]:
        self._answers()
        return []


def test_a_runtime_that_starts_again_takes_the_node_no_readiness_one_that_stays_away_does() -> None:
    async def scenario() -> None:
        api, runtime = FakeApi(), Runtime()
        agent = NodeAgent(
            api.client(),
            cast(CriClient, runtime),
            KubeletConfig(node_name="n"),
            Machine(),
            ["192.0.2.1"],
            LoopClock(),
            Random(1),
            lambda: 10250,
            lambda *event: None,
            lambda: None,
            lambda: (),
            lambda: NOTHING_OFFERED,
        )
        running = asyncio.create_task(agent.run())

        def told() -> tuple[str, str, str]:
            status = api.get("nodes", "n")["status"]
            (ready,) = (each for each in status["conditions"] if each["type"] == "Ready")
            return ready["status"], ready["message"], status["nodeInfo"]["containerRuntimeVersion"]

        down = "container runtime is down: connection refused"
        well = "kubelet is posting ready status"
        await asyncio.sleep(5)
        assert told() == ("False", down, "containerd://Unknown"), "it was never heard"
        runtime.away = False
        await asyncio.sleep(95)
        assert told() == ("True", well, "containerd://1")
        runtime.away = True
        await asyncio.sleep(19)
        assert told() == ("True", well, "containerd://Unknown"), "it may start again"
        runtime.away, runtime.release = False, "2"
        await asyncio.sleep(10)
        assert told() == ("True", well, "containerd://2")
        runtime.away = True
        await asyncio.sleep(45)
        assert told() == ("False", down, "containerd://Unknown")
        runtime.away = False
        await asyncio.sleep(3)
        assert told() == ("True", well, "containerd://2")
        running.cancel()

    run(scenario())
