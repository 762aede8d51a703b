"""Gives a volume to a pod's fsGroup: every file its group, the group what the owner has, folders the setgid bit.

A pod that runs already may exchange a file for a link meanwhile, so each is opened once, without following
links, and only what was opened is changed. Source: pkg/volume/volume_linux.go (VolumeOwnership).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from pybernetes.api.core.v1 import Pod

_FILE = 0o660
_FOLDER = _FILE | stat.S_ISGID | 0o110
_ON_ROOT_MISMATCH = "OnRootMismatch"
_O_PATH = 0o10000000


def group_of(pod: Pod) -> int | None:
    """The fsGroup of a pod."""
    return pod.spec.securityContext.fsGroup if pod.spec.securityContext is not None else None


def give_to_pod(folder: Path, pod: Pod, read_only: bool) -> None:
    """Where the pod has an fsGroup and may write."""
    context = pod.spec.securityContext
    if context is not None and context.fsGroup is not None and not read_only:
        give(folder, context.fsGroup, context.fsGroupChangePolicy)


def give(folder: Path, group: int, policy: str | None) -> None:
    """With the policy OnRootMismatch, nothing when the folder itself is already right."""
    if policy == _ON_ROOT_MISMATCH and _is_right(folder, group):
        return
    # The folder itself last: it is what OnRootMismatch looks at.
    for _, folders, files, handle in os.fwalk(folder, topdown=False):
        for name in (*files, *folders):
            with suppress(FileNotFoundError):
                _give_one(name, handle, group)
    _give_one(str(folder), None, group)


def _is_right(folder: Path, group: int) -> bool:
    found = folder.stat()
    return found.st_gid == group and found.st_mode & _FOLDER == _FOLDER


def _give_one(name: str, within: int | None, group: int) -> None:
    handle = os.open(name, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        mode = os.fstat(handle).st_mode
        kind = stat.S_IFMT(mode)
        if kind == stat.S_IFLNK:
            os.chown(name, -1, group, dir_fd=within, follow_symlinks=False)
            return
        opened = Path(f"/proc/self/fd/{handle}")
        os.chown(opened, -1, group)
        opened.chmod(stat.S_IMODE(mode) | (_FOLDER if kind == stat.S_IFDIR else _FILE))
    finally:
        os.close(handle)
