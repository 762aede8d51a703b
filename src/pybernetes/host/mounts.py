"""Mounts below a folder, matched by exact path component, and taking them away."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

_DETACH = 2
_OCTAL = re.compile(r"\\([0-7]{3})")


def mount_points(mountinfo: str, folder: Path) -> list[str]:
    """Mount points at or below `folder`, the deepest mount last, from /proc/self/mountinfo's text."""
    top = str(folder)
    points = []
    for line in mountinfo.splitlines():
        point = _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), line.split()[4])
        if point == top or point.startswith(top + "/"):
            points.append(point)
    return points


def below(folder: Path) -> list[str]:
    return mount_points(Path("/proc/self/mountinfo").read_text(), folder)


def unmount_below(folder: Path) -> list[str]:
    """Detaches every mount at or below a folder, the newest first; what is still mounted afterwards."""
    library = ctypes.CDLL(None, use_errno=True)
    for point in reversed(below(folder)):
        library.umount2(os.fsencode(point), _DETACH)
    return below(folder)
