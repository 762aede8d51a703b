"""Which images a kubelet that runs short of disk removes, or one that keeps none for long."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pybernetes.host.clock import LoopClock, SystemClock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriClient
from pybernetes.kubelet.node.garbage import Garbage
from pybernetes.sim import loop


class Runtime:
    """Has six images, and a container of one. One was loaded, and one whose name a newer one has taken."""

    def __init__(self, info: dict[str, str]) -> None:
        self._info = info
        self.removed: list[str] = []

    async def status(self, verbose: bool = False) -> Any:
        assert verbose
        return SimpleNamespace(info=self._info)

    async def list_images(self) -> list[Any]:
        return [
            SimpleNamespace(
                id=name,
                size=1,
                pinned=name == "pinned",
                repo_tags=[] if name == "nameless" else [f"{name}:1"],
                repo_digests=[] if name in ("loaded", "nameless") else [f"{name}@sha256:0"],
            )
            for name in ("pause", "used", "unused", "pinned", "loaded", "nameless")
        ]

    async def list_containers(self) -> list[Any]:
        return [SimpleNamespace(image_ref="used")]

    async def image_fs_info(self) -> Any:
        return SimpleNamespace(image_filesystems=[])

    async def remove_image(self, image: str) -> None:
        self.removed.append(image)


@pytest.mark.parametrize(
    ("info", "removed"),
    [
        ({"config": '{"sandboxImage": "pause:1", "other": {"a": [1]}}'}, ["nameless", "unused"]),
        ({"config": "no JSON"}, ["nameless", "pause", "unused"]),
        ({}, ["nameless", "pause", "unused"]),
    ],
    ids=["told", "broken", "not told"],
)
def test_the_image_of_sandboxes_is_used(info: dict[str, str], removed: list[str]) -> None:
    runtime = Runtime(info)
    config = KubeletConfig("node", image_minimum_gc_age_s=0.0)
    garbage = Garbage(cast("CriClient", runtime), config, SystemClock())
    asyncio.run(garbage.remove_unused_images())
    assert sorted(runtime.removed) == removed


def test_images_that_nobody_has_used_for_long_are_removed_once_the_kubelet_knows() -> None:
    runtime = Runtime({"config": '{"sandboxImage": "pause:1"}'})

    async def scene() -> list[list[str]]:
        config = KubeletConfig("node", image_maximum_gc_age_s=600.0)
        garbage, removed = Garbage(cast("CriClient", runtime), config, LoopClock()), []
        for _ in range(3):
            await asyncio.sleep(300.0)
            removed.append(await garbage.collect_images())
        return removed

    assert loop.run(scene()) == [[], [], ["unused", "nameless"]]
