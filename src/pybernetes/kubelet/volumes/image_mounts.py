"""Images as volumes that the runtime cannot mount as asked: a containerd before 2.2 shows one on a folder, with `ctr`.

What is shown stays, whatever becomes of the image, until it is released. Source: KEP-4639. Differs: what lies in it may
be executed, as such a runtime mounts folders for containers.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from pybernetes.kubelet.volumes import mounts
from pybernetes.kubelet.volumes.disks import run
from pybernetes.kubelet.volumes.payload import VolumeError

FOLDER = "kubernetes.io~image"
_NAMESPACE = "k8s.io"
_ROOT_LABEL = "containerd.io/gc.root=volume"


class ImageMounts:
    def __init__(self, endpoint: str) -> None:
        self._socket = endpoint.removeprefix("unix://")

    async def mount(self, image: str, place: Path) -> None:
        """`image` is its id. Does nothing where something is mounted. Raises VolumeError, OSError."""
        if mounts.is_mount_point(place):
            return
        await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True, mode=0o750)
        await self._forget(place)
        await self._ctr("images", "mount", image, str(place))
        await self._ctr("snapshots", "label", str(place), _ROOT_LABEL)

    async def release(self, place: Path) -> None:
        """Raises VolumeError, OSError."""
        if mounts.is_mount_point(place):
            mounts.unmount(place, mounts.MNT_DETACH)
        await self._forget(place)

    async def _forget(self, place: Path) -> None:
        """The view that the mount was made of, where there is one."""
        for kind, verb in (("snapshots", "remove"), ("leases", "delete")):
            try:
                await self._ctr(kind, verb, str(place))
            except VolumeError as error:
                if "not found" not in str(error):
                    raise

    async def _ctr(self, *arguments: str) -> None:
        status, said = await run("ctr", "--address", self._socket, "--namespace", _NAMESPACE, *arguments)
        if status:
            raise VolumeError(f"{' '.join(arguments[:2])} failed: {said.removeprefix('ctr: ')}")
