"""mount(2) and umount(2), and which mounts lie below a folder."""

from __future__ import annotations

import ctypes
import errno
import os
import re
from functools import cache
from pathlib import Path

from pybernetes.host import mounts

MS_NOSUID = 2
MS_NODEV = 4
MS_BIND = 4096
MNT_DETACH = 2


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Raises OSError."""
    result = _libc().mount(
        source.encode(), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def unmount(target: Path, flags: int = 0) -> None:
    """Raises OSError."""
    if _libc().umount2(os.fsencode(target), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def mounts_below(folder: Path) -> list[Path]:
    """Mount points at or below a folder, innermost first."""
    return sorted(map(Path, mounts.below(folder)), key=lambda path: len(path.parts), reverse=True)


def is_mount_point(path: Path) -> bool:
    return path in mounts_below(path)


@cache
def _knows_noswap() -> bool:
    """Linux 6.4 and newer; an older one writes a line into its log whenever it is asked for it."""
    major, minor = re.findall("[0-9]+", os.uname().release)[:2]
    return (int(major), int(minor)) >= (6, 4)


def tmpfs(target: Path, size_bytes: int = 0) -> None:
    """A fresh tmpfs on a folder, whose pages are not swapped where the kernel can do that; one that is there stays.

    Source: pkg/kubelet/util/swap/swap_util.go IsTmpfsNoswapOptionSupported.
    """
    if is_mount_point(target):
        return
    flags, size = (MS_NODEV, f"size={size_bytes}") if size_bytes else (MS_NOSUID | MS_NODEV, "")
    if _knows_noswap():
        try:
            mount("tmpfs", target, "tmpfs", flags, f"noswap,{size}")
        except OSError as error:
            if error.errno != errno.EINVAL:  # as it is in a user namespace
                raise
        else:
            return
    mount("tmpfs", target, "tmpfs", flags, size)
