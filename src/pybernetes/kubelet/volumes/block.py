"""Block volumes: devices that containers are given as devices, not as files of a mount.

    plugins/kubernetes.io~local-volume/volumeDevices/NAME/UID     the device of a local volume, bound here for a pod
    pods/UID/volumeDevices/kubernetes.io~local-volume/NAME        a link to the device, which the runtime is told

The bind says on the node who uses a device. Source: pkg/volume/util/volumepathhandler, pkg/volume/local/local.go.
Differs: no loop device holds the device open besides.
"""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from pybernetes.kubelet.volumes import mounts
from pybernetes.kubelet.volumes.local import FOLDER
from pybernetes.kubelet.volumes.payload import VolumeError


def local_link(pods: Path, uid: str, name: str) -> Path:
    return pods / uid / "volumeDevices" / FOLDER / name


def map_local(root: Path, source: Path, uid: str, name: str) -> None:
    """Raises VolumeError, OSError."""
    map_device(source, _local_bind(root, uid, name), local_link(root / "pods", uid, name))


def unmap_locals(root: Path, uid: str) -> None:
    """Every local block volume of a pod. Raises OSError."""
    for link in (root / "pods" / uid / "volumeDevices" / FOLDER).glob("*"):
        bind = _local_bind(root, uid, link.name)
        unmap_device(bind, link)
        with suppress(OSError):
            bind.parent.rmdir()


def _local_bind(root: Path, uid: str, name: str) -> Path:
    return root / "plugins" / FOLDER / "volumeDevices" / name / uid


def map_device(source: Path, bind: Path, link: Path) -> None:
    """Does nothing again where it is done. Raises VolumeError, OSError."""
    if not source.exists():
        raise VolumeError(f'path "{source}" does not exist')
    if not stat.S_ISBLK(source.stat().st_mode):
        raise VolumeError(f'path "{source}" is not a block device')
    bind.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    bind.touch()
    if not mounts.is_mount_point(bind):
        mounts.mount(str(source.resolve()), bind, flags=mounts.MS_BIND)
    name_device(source, link)


def name_device(source: Path, link: Path) -> None:
    """Makes the link, which also says that the pod may have the device. Raises OSError."""
    link.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    link.unlink(missing_ok=True)
    link.symlink_to(source)


def unmap_device(bind: Path, link: Path) -> None:
    """Raises OSError."""
    link.unlink(missing_ok=True)
    if bind.exists():
        if mounts.is_mount_point(bind):
            mounts.unmount(bind, mounts.MNT_DETACH)
        bind.unlink()
