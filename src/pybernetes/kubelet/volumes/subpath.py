"""Parts of volumes as mounts of their own, without a way out of the volume.

A container may write symbolic links into a volume that another container mounts by subPath. The
path is therefore opened one component at a time, never following a link, and what was opened is
bound to a place of the kubelet's own, which is what the runtime is told.

Source: pkg/volume/util/subpath/subpath_linux.go (doSafeOpen, doSafeMakeDir).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pybernetes.kubelet.volumes import mounts

O_PATH = 0o10000000


class SubPathError(Exception):
    """The path cannot be used; the text tells nothing about the node's file system."""


def check(sub_path: str) -> None:
    if sub_path.startswith("/"):
        raise SubPathError(f"error SubPath `{sub_path}` must not be an absolute path")
    if ".." in sub_path.split("/"):
        raise SubPathError(f"unable to provision SubPath `{sub_path}`: must not contain '..'")


def make_folder(volume: Path, sub_path: str) -> None:
    """Makes the missing folders of `sub_path` inside the volume, with the volume's own mode and owner."""
    base = volume.stat()
    handle = os.open(volume, os.O_DIRECTORY | os.O_PATH | os.O_CLOEXEC)
    try:
        for part in _parts(volume, sub_path):
            try:
                following = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=handle)
                following = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
                own = Path(f"/proc/self/fd/{following}")
                os.chown(own, base.st_uid, base.st_gid)
                own.chmod(stat.S_IMODE(base.st_mode))
            os.close(handle)
            handle = following
    finally:
        os.close(handle)


def bind(volume: Path, sub_path: str, target: Path) -> Path:
    """Binds what `sub_path` names inside the volume to `target` and answers it. Raises SubPathError, OSError."""
    handle = _open(volume, sub_path)
    try:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if mounts.is_mount_point(target):
                if os.path.samestat(os.fstat(handle), target.stat()):
                    return target
                mounts.unmount(target, mounts.MNT_DETACH)
        elif is_folder:
            target.mkdir(mode=0o750)
        else:
            target.touch(mode=0o640)
        mounts.mount(f"/proc/self/fd/{handle}", target, flags=mounts.MS_BIND)
    finally:
        os.close(handle)
    return target


def _open(volume: Path, sub_path: str) -> int:
    handle = os.open(volume, os.O_DIRECTORY | os.O_PATH | os.O_CLOEXEC)
    for part in _parts(volume, sub_path):
        try:
            following = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        finally:
            os.close(handle)
        handle = following
        if stat.S_ISLNK(os.fstat(handle).st_mode):
            os.close(handle)
            raise SubPathError("subPath leads through a symbolic link")
    return handle


def _parts(volume: Path, sub_path: str) -> list[str]:
    """Components after links that stay inside the volume are resolved (a ..data link, for one)."""
    root = volume.resolve()
    resolved = (root / sub_path).resolve()
    if resolved != root and root not in resolved.parents:
        raise SubPathError("subPath leads out of the volume")
    return [part for part in resolved.relative_to(root).parts if part != "."]
