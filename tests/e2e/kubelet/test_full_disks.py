"""Disks that are full, cannot be written or lost the images: what runs goes on, what is new says why it waits, and then
comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pybernetes.cluster.images.containerd import ContainerdImages
from pybernetes.kubelet.volumes import mounts

from ..conftest import quiet_fetch
from .harness import Cluster, eventually, neighbour, play
from .private_containerd import IMAGE, PrivateContainerd

pytestmark = pytest.mark.e2e
VOLUMES = [{"name": "v", "configMap": {"name": "kube-root-ca.crt"}}]


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """To the last block."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    yield
    filler.unlink()


@contextlib.contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """For whoever opens something from now on; mounts below stay."""
    subprocess.run(["mount", "--rbind", str(disk), str(disk)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=True)
    yield
    mounts.unmount(disk, mounts.MNT_DETACH)


@pytest.mark.parametrize(
    ("fault", "why"),
    [(full, ": no space left on device"), (read_only, ": read-only file system")],
    ids=["full", "read-only"],
)
def test_a_kubelet_whose_folders_are(
    containerd: PrivateContainerd,
    small_disk: Path,
    fault: Callable[[Path], contextlib.AbstractContextManager[None]],
    why: str,
) -> None:
    async def scene(k: Cluster) -> None:
        await k.stop_kubelet()
        k.settings = {"root_dir": str(small_disk / "kubelet"), "pod_log_dir": str(small_disk / "pods")}
        await k.start_kubelet()
        await k.create("neighbour", [neighbour()])
        await k.create("old", volumes=VOLUMES)
        await k.running("old")
        before = await k.running("neighbour")
        with fault(small_disk):
            await k.create("new", volumes=VOLUMES)
            await eventually(lambda: k.was_told("new", why))
            await k.delete("old", 1)
            assert await asyncio.to_thread(quiet_fetch, f"http://{before.status.podIP}:8080/") == "served"
        await k.running("new")
        await k.gone("old")
        after = await k.running("neighbour")
        assert after.status.containerStatuses[0].containerID == before.status.containerStatuses[0].containerID

    play(containerd, scene)


def test_an_image_store_that_was_removed_beneath(containerd: PrivateContainerd) -> None:
    """Its archive, loaded again as `up` does, makes it whole."""
    images = ContainerdImages(containerd.socket, containerd.folder / "certs.d")

    async def scene(k: Cluster) -> None:
        await k.create("neighbour", [neighbour()])
        before = await k.running("neighbour")
        assert images.complete([IMAGE])
        shutil.rmtree(containerd.folder / "root" / "io.containerd.content.v1.content" / "blobs")
        assert not images.complete([IMAGE])
        await k.create("new")
        await eventually(lambda: k.was_told("new", ": blob not found"))
        assert await asyncio.to_thread(quiet_fetch, f"http://{before.status.podIP}:8080/") == "served"
        images.load(containerd.archive)
        assert images.complete([IMAGE])
        await k.running("new")
        after = await k.running("neighbour")
        assert after.status.containerStatuses[0].containerID == before.status.containerStatuses[0].containerID

    play(containerd, scene)
