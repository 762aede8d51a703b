"""Which images a kubelet that runs short of disk removes, or one that keeps none for long; what it tells of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pybernetes.host.clock import Clock, LoopClock, SystemClock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.node import garbage as module
from pybernetes.kubelet.node.garbage import Garbage
from pybernetes.kubelet.runtime import Container, PodRuntime
from pybernetes.sim import loop


class Runtime:
    """Has six images, and a container of one. One was loaded, and one whose name a newer one has taken."""

    def __init__(self, info: dict[str, str], stays: str = "") -> None:
        """`stays`: an image or a container that cannot be removed."""
        self._info = info
        self._stays = stays
        self.removed: list[str] = []
        self.disks = ["/disk"]

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

    async def image_status(self, image: str) -> Any:
        if image == "sha256:1":
            raise CriError("UNKNOWN", 'can not resolve "sha256:1" locally: ambiguous digest string')
        return {each.repo_tags[0]: each for each in await self.list_images() if each.repo_tags}.get(image)

    async def image_fs_info(self) -> Any:
        return SimpleNamespace(
            image_filesystems=[SimpleNamespace(fs_id=SimpleNamespace(mountpoint=disk)) for disk in self.disks]
        )

    async def remove_image(self, image: str) -> None:
        if image == self._stays:
            raise CriError("UNKNOWN", f"{image} is busy")
        self.removed.append(image)

    remove_container = remove_image


def collector(
    runtime: Runtime, clock: Clock, tell: Callable[[str, str], None] = lambda _reason, _message: None, **settings: Any
) -> Garbage:
    return Garbage(cast("CriClient", runtime), KubeletConfig("node", **settings), clock, tell)


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
    asyncio.run(collector(runtime, SystemClock(), image_minimum_gc_age_s=0.0).remove_unused_images())
    assert sorted(runtime.removed) == removed


def test_an_image_that_is_a_volume_is_used() -> None:
    runtime = Runtime({"config": '{"sandboxImage": "pause:1"}'})
    shown = ["sha256:1", "unused:1", "away:1"]

    async def scene() -> None:
        config = KubeletConfig("node", image_minimum_gc_age_s=0.0)
        told = lambda _reason, _message: None  # noqa: E731
        garbage = Garbage(cast("CriClient", runtime), config, LoopClock(), told, lambda: shown)
        await garbage.remove_unused_images()
        assert runtime.removed == ["nameless"]
        shown.clear()
        await garbage.remove_unused_images()

    loop.run(scene())
    assert "unused" in runtime.removed[1:]


def test_images_that_nobody_has_used_for_long_are_removed_once_the_kubelet_knows() -> None:
    runtime = Runtime({"config": '{"sandboxImage": "pause:1"}'})

    async def scene() -> list[list[str]]:
        garbage, removed = collector(runtime, LoopClock(), image_maximum_gc_age_s=600.0), []
        for _ in range(3):
            await asyncio.sleep(300.0)
            await garbage.look_after_images()
            removed.append(list(runtime.removed))
        return removed

    assert loop.run(scene()) == [[], [], ["unused", "nameless"]]


def filled(percent: int) -> Callable[[str], Any]:
    """A disk of 300 GiB."""
    return lambda _path: SimpleNamespace(f_bavail=3 * (100 - percent), f_blocks=300, f_frsize=1 << 30)


def gone(_path: str) -> Any:
    raise FileNotFoundError


FULL = (
    "Insufficient free disk space on the node's image filesystem (90% of 300.0 GiB used). Failed to free sufficient "
    "space by deleting unused images (freed 2 bytes). Investigate disk usage, as it could be used by active images, "
    "logs, volumes, or other data."
)
BUSY = "errors in image deletion: rpc error: code = Unknown desc = unused is busy"
WANTED = "wanted to free 32212254720 bytes, but freed 1 bytes space with "
INVALID = "invalid capacity 0 on image filesystem"


@pytest.mark.parametrize(
    ("disk", "settings", "stays", "each_time", "repeated"),
    [
        (filled(84), {}, "", [], []),
        (filled(100), {"image_gc_high_threshold_percent": 100}, "", [], []),
        (filled(90), {}, "", ["FreeDiskSpaceFailed", FULL], ["ImageGCFailed", FULL]),
        (filled(90), {}, "unused", [], ["ImageGCFailed", WANTED + BUSY]),
        (
            filled(10),
            {"image_maximum_gc_age_s": 60.0},
            "unused",
            [],
            ["ImageGCFailed", f"wanted to free images older than 1m0s, encountered {BUSY}"],
        ),
        (gone, {}, "", ["InvalidDiskCapacity", INVALID], ["ImageGCFailed", INVALID]),
    ],
    ids=["enough left", "never collected", "full of other things", "an image stays", "an old one stays", "no disk"],
)
def test_what_cannot_be_freed_is_told(
    monkeypatch: pytest.MonkeyPatch,
    disk: Callable[[str], Any],
    settings: dict[str, Any],
    stays: str,
    each_time: list[str],
    repeated: list[str],
) -> None:
    """A failure that is not the disk's own is told from the second time on, as a runtime that starts may cause one."""
    monkeypatch.setattr(module.os, "statvfs", disk)

    async def scene() -> list[list[list[str]]]:
        told: list[list[str]] = []
        rounds = []
        runtime = Runtime({"config": '{"sandboxImage": "pause:1"}'}, stays)
        garbage = collector(
            runtime, LoopClock(), lambda *it: told.append([*it]), image_minimum_gc_age_s=0.0, **settings
        )
        for _ in range(3):
            await asyncio.sleep(300.0)
            await garbage.look_after_images()
            rounds.append(list(told))
            told.clear()
        return rounds

    first = [each_time] if each_time else []
    again = [*first, repeated] if repeated else first
    assert loop.run(scene()) == [first, again, again]


def test_after_a_success_the_next_failure_passes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "statvfs", filled(10))

    async def scene() -> list[str]:
        told: list[str] = []
        runtime = Runtime({"config": "{}"})
        garbage = collector(runtime, LoopClock(), lambda reason, message: told.append(f"{reason}: {message}"))
        for disks in ([], ["/disk"], [], []):
            runtime.disks = disks
            await garbage.look_after_images()
        return told

    assert loop.run(scene()) == ["ImageGCFailed: imageFs information is unavailable"]


def test_containers_that_stay_are_told() -> None:
    told: list[tuple[str, str]] = []
    runtime = Runtime({}, stays="c1")
    garbage = collector(runtime, SystemClock(), lambda *it: told.append(it))
    dead = tuple(Container(id=f"c{number}", name="app", state="exited") for number in range(4))
    assert asyncio.run(garbage.collect_containers(PodRuntime(containers=dead))) == ["c2", "c3"]
    assert told == []
    assert asyncio.run(garbage.remove_dead(PodRuntime(containers=dead))) == ["c0", "c2", "c3"]
    assert told == [("ContainerGCFailed", "rpc error: code = Unknown desc = c1 is busy")]
