"""File systems in `/stats/summary`: what they hold, and what of it containers and pods have.

Source: pkg/kubelet/stats/cri_stats_provider.go (makePodStorageStats, getFsInfo), pkg/kubelet/server/stats/summary.go.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.node.usage import disk_usage

Stats = dict[str, Any]
_OF_ALL = ("time", "availableBytes", "capacityBytes", "inodes", "inodesFree")


def whole(place: str, shown: str) -> Stats:
    """The file system that a folder is on; `shown` is the time. Raises OSError."""
    disk = os.statvfs(place)
    return {
        "time": shown,
        "capacityBytes": disk.f_blocks * disk.f_frsize,
        "availableBytes": disk.f_bavail * disk.f_frsize,
        "usedBytes": (disk.f_blocks - disk.f_bfree) * disk.f_frsize,
        "inodes": disk.f_files,
        "inodesFree": disk.f_ffree,
        "inodesUsed": disk.f_files - disk.f_ffree,
    }


def part(disk: Stats, used_bytes: int, inodes_used: int) -> Stats:
    """What somebody has of it."""
    return {
        **{name: disk[name] for name in _OF_ALL if name in disk},
        "usedBytes": used_bytes,
        "inodesUsed": inodes_used,
    }


async def of_images(cri: CriClient, shown: str) -> Stats | None:
    """None where the runtime does not tell of one that is here."""
    try:
        found = (await cri.image_fs_info()).image_filesystems
        if not found:
            return None
        return part(whole(found[0].fs_id.mountpoint, shown), found[0].used_bytes.value, found[0].inodes_used.value)
    except (CriError, OSError):
        return None


def add_logs(told: Stats, pod: Pod, logs: Path, disk: Stats) -> None:
    """To each of the pod's containers what its logs take, and to the pod what it has of the node's disk altogether.

    Its volumes and its containers' layers must be told already.
    """
    on_disk = {v.name for v in pod.spec.volumes if v.emptyDir is not None and not v.emptyDir.medium}
    used: list[Stats] = [volume for volume in told.get("volume", ()) if volume["name"] in on_disk]
    for container in told["containers"]:
        container["logs"] = part(disk, *disk_usage(logs / container["name"]))
        used += (container[kind] for kind in ("logs", "rootfs") if kind in container)
    told["ephemeral-storage"] = part(disk, _total(used, "usedBytes"), _total(used, "inodesUsed"))


def _total(used: Iterable[Stats], name: str) -> int:
    return sum(each.get(name, 0) for each in used)
