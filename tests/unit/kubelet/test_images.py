"""How many images are pulled at once, and how long that counts as."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pybernetes.api.core.v1 import Container
from pybernetes.host.clock import LoopClock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers.environment import Objects
from pybernetes.kubelet.cri.client import CriClient
from pybernetes.kubelet.images import Images
from pybernetes.sim import loop
from tests.unit.kubelet.pods import pod


class Runtime:
    """Takes ten seconds for each image."""

    def __init__(self) -> None:
        self.at_once = self.most = 0

    async def pull_image(self, image: str, _auth: Any, _sandbox: Any) -> str:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(10)
        self.at_once -= 1
        return image

    async def image_status(self, _image: str) -> Any:
        return SimpleNamespace(id="i", size=20 << 20)


@pytest.mark.parametrize(
    ("settings", "most", "last"),
    [
        ({}, 1, 'Successfully pulled image "i6:1" in 10s (1m0s including waiting). Image size: 20971520 bytes.'),
        ({"serialize_image_pulls": True, "max_parallel_image_pulls": 1}, 1, "in 10s (1m0s including waiting)"),
        ({"serialize_image_pulls": False, "max_parallel_image_pulls": 2}, 2, "in 10s (30s including waiting)"),
        ({"serialize_image_pulls": False}, 6, "in 10s (10s including waiting)"),
    ],
    ids=["by default", "one after the other", "two", "without a limit"],
)
def test_as_many_at_once_as_the_configuration_has_it(settings: dict[str, Any], most: int, last: str) -> None:
    runtime, told = Runtime(), []

    async def scene() -> float:
        images = Images(
            cast("CriClient", runtime), cast("Objects", None), KubeletConfig("node", **settings), LoopClock()
        )
        wanted = [Container(name="c", image=f"i{number}:1", imagePullPolicy="Always") for number in range(1, 7)]
        of = pod()
        await asyncio.gather(
            *(images.ensure(of, each, lambda *event: told.append(event[2]), may_pull=True) for each in wanted)
        )
        assert images.took.counts() == {("10MB-100MB",): 6}
        pulled_s = images.pulled_s("u1")
        assert images.pulled_s("u1") == 0.0, "it is forgotten"
        return pulled_s

    assert loop.run(scene()) == 60.0 / most
    assert runtime.most == most
    assert last in told[-1]
