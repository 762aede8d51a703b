"""A kubelet that dies at any call of a driver, before or after it took effect: the next one converges."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import PersistentVolume, Pod
from pybernetes.api.core.v1 import Volume as PodVolume
from pybernetes.api.storage.v1 import CSIDriver
from pybernetes.host.clock import SystemClock
from pybernetes.kubelet.rpc import RpcError
from pybernetes.kubelet.volumes.csi import csi_pb2 as untyped
from pybernetes.kubelet.volumes.csi import requests
from pybernetes.kubelet.volumes.csi.drivers import Drivers
from pybernetes.kubelet.volumes.csi.volumes import CsiVolumes
from pybernetes.kubelet.volumes.payload import VolumeError
from pybernetes.kubelet.volumes.tokens import Tokens
from tests.fake_api import FakeApi

PODS = ("one", "two")
CLAIM = msgspec.convert({"name": "data", "persistentVolumeClaim": {"claimName": "data"}}, PodVolume)
VOLUME = msgspec.convert(
    {
        "metadata": {"name": "pv"},
        "spec": {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d", "volumeHandle": "h"}},
    },
    PersistentVolume,
)
MOST_CALLS = 6
"""Stage, publish twice, unpublish twice, unstage."""


class Crash(Exception):
    """The kubelet is no more."""


class Driver:
    """Outlives the kubelet, and holds it to the order of calls."""

    def __init__(self) -> None:
        self.pb: Any = untyped
        self.staged: set[str] = set()
        self.published: dict[str, str] = {}
        self.crash_at = 0
        self.crash_after = False
        self.refuse_at = 0
        self.refuse_with = "INTERNAL"
        self.asked: list[str] = []
        self._calls = 0

    async def can(self) -> frozenset[int]:
        return frozenset({requests.STAGE})

    async def call(self, method: str, **fields: Any) -> Any:
        self._calls += 1
        self.asked.append(method)
        if self._calls == self.refuse_at:
            raise RpcError(self.refuse_with, "not now")
        if self._calls == self.crash_at and not self.crash_after:
            raise Crash
        getattr(self, method)(**fields)
        await asyncio.sleep(0)
        if self._calls == self.crash_at:
            raise Crash

    def NodeStageVolume(self, staging_target_path: str, **_: Any) -> None:
        assert Path(staging_target_path).is_dir()
        self.staged.add(staging_target_path)

    def NodePublishVolume(self, target_path: str, staging_target_path: str, **_: Any) -> None:
        assert staging_target_path in self.staged
        assert Path(target_path).parent.is_dir()
        self.published[target_path] = staging_target_path

    def NodeUnpublishVolume(self, target_path: str, **_: Any) -> None:
        self.published.pop(target_path, None)

    def NodeUnstageVolume(self, staging_target_path: str, **_: Any) -> None:
        assert staging_target_path not in self.published.values()
        self.staged.discard(staging_target_path)


class KnownDrivers(Drivers):
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def get(self, name: str) -> Any:
        return self._driver

    async def wait_for(self, name: str) -> None:
        return


def pod(name: str) -> Pod:
    return msgspec.convert({"metadata": {"name": name, "namespace": "default", "uid": name}}, Pod)


async def kubelet(root: Path, driver: Driver) -> CsiVolumes:
    api = FakeApi()
    about = {"metadata": {"name": "d"}, "spec": {"attachRequired": False, "volumeLifecycleModes": ["Persistent"]}}
    api.put(msgspec.convert(about, CSIDriver), "csidrivers")
    client, clock = api.client(), SystemClock()
    return CsiVolumes(root, client, KnownDrivers(driver), Tokens(client, clock), "node", clock)


async def start(volumes: CsiVolumes, name: str) -> None:
    use = requests.use_of(pod(name), CLAIM, VOLUME)
    assert use is not None
    await volumes.set_up(pod(name), CLAIM, VOLUME, use)


async def life(volumes: CsiVolumes) -> None:
    """Two pods come and go."""
    for name in PODS:
        await start(volumes, name)
    for name in PODS:
        await volumes.tear_down(name)


def left(root: Path) -> list[Path]:
    return [place for place in root.rglob("*") if place.is_file() or place.name in ("globalmount", "mount")]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, MOST_CALLS + 1))
@pytest.mark.parametrize(
    "stays", [(), ("one",), ("two",), PODS], ids=["both go", "one stays", "two stays", "both stay"]
)
def test_the_next_kubelet_converges(tmp_path: Path, call: int, after: bool, stays: tuple[str, ...]) -> None:
    async def scene() -> None:
        driver = Driver()
        driver.crash_at, driver.crash_after = call, after
        with pytest.raises(Crash):
            await life(await kubelet(tmp_path, driver))
        driver.crash_at = 0
        volumes = await kubelet(tmp_path, driver)
        for name in stays:
            await start(volumes, name)
        for name in set(PODS) - set(stays):
            await volumes.tear_down(name)
        await volumes.tear_down_strays()
        assert len(driver.published) == len(stays) and len(driver.staged) == bool(stays)
        assert bool(volumes.attachments.in_use) <= bool(stays)
        for name in stays:
            await volumes.tear_down(name)
        assert not driver.published and not driver.staged and not left(tmp_path)
        assert volumes.attachments.in_use == []

    asyncio.run(scene())


@pytest.mark.parametrize("call", range(1, MOST_CALLS + 1))
def test_what_is_refused_once_leaves_nothing(tmp_path: Path, call: int) -> None:
    async def scene() -> None:
        driver = Driver()
        driver.refuse_at = call
        volumes = await kubelet(tmp_path, driver)
        with pytest.raises(VolumeError, match="not now"):
            await life(volumes)
        for name in PODS:
            await volumes.tear_down(name)
        assert not driver.published and not driver.staged and not left(tmp_path)

    asyncio.run(scene())


@pytest.mark.parametrize(("code", "asked"), [("INTERNAL", False), ("DEADLINE_EXCEEDED", True)])
def test_only_what_was_refused_for_good_need_not_be_unpublished(tmp_path: Path, code: str, asked: bool) -> None:
    async def scene() -> None:
        driver = Driver()
        driver.refuse_at, driver.refuse_with = 2, code
        volumes = await kubelet(tmp_path, driver)
        with pytest.raises(VolumeError, match="not now"):
            await start(volumes, "one")
        await volumes.tear_down("one")
        assert driver.asked[:2] == ["NodeStageVolume", "NodePublishVolume"]
        assert ("NodeUnpublishVolume" in driver.asked) is asked
        assert not driver.staged and not left(tmp_path)

    asyncio.run(scene())


@pytest.mark.parametrize("first", ["comes", "goes"])
def test_one_pod_comes_while_the_other_goes(tmp_path: Path, first: str) -> None:
    async def scene() -> None:
        driver = Driver()
        volumes = await kubelet(tmp_path, driver)
        await start(volumes, "one")
        steps = [start(volumes, "two"), volumes.tear_down("one")]
        await asyncio.gather(*(steps if first == "comes" else reversed(steps)))
        assert len(driver.published) == len(driver.staged) == 1
        await volumes.tear_down("two")
        assert not driver.published and not driver.staged and not left(tmp_path)

    asyncio.run(scene())
