"""How much a volume holds and how much of that is used.

Source: pkg/volume/metrics_du.go, metrics_statfs.go, pkg/kubelet/metrics/collectors/volume_stats.go.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybernetes.apimachinery.metrics_text import head
from pybernetes.kubelet.node.usage import disk_usage

STORAGE_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600)
"""Of buckets, in seconds, for work on volumes."""


@dataclass(frozen=True, slots=True)
class VolumeStats:
    """Bytes and inodes."""

    capacity: int = 0
    available: int = 0
    used: int = 0
    inodes: int = 0
    inodes_free: int = 0
    inodes_used: int = 0


@dataclass(frozen=True, slots=True)
class NamedStats:
    """Of a volume as its pod calls it."""

    name: str
    claim: tuple[str, str] | None
    """Namespace and name of the claim that it is from."""
    stats: VolumeStats


def of_file_system(place: Path) -> VolumeStats:
    """For a volume that is one. Raises OSError."""
    found = os.statvfs(place)
    return VolumeStats(
        capacity=found.f_blocks * found.f_frsize,
        available=found.f_bavail * found.f_frsize,
        used=(found.f_blocks - found.f_bfree) * found.f_frsize,
        inodes=found.f_files,
        inodes_free=found.f_ffree,
        inodes_used=found.f_files - found.f_ffree,
    )


def of_folder(place: Path) -> VolumeStats:
    """For a volume that shares its disk with others: what it uses is counted. Raises OSError."""
    whole = of_file_system(place)
    used, files = disk_usage(place)
    return VolumeStats(whole.capacity, whole.available, used, whole.inodes, whole.inodes_free, files)


def summary(found: NamedStats, shown: str) -> dict[str, Any]:
    """VolumeStats of kubelet stats v1alpha1."""
    stats = found.stats
    made: dict[str, Any] = {
        "time": shown,
        "availableBytes": stats.available,
        "capacityBytes": stats.capacity,
        "usedBytes": stats.used,
        "inodesFree": stats.inodes_free,
        "inodes": stats.inodes,
        "inodesUsed": stats.inodes_used,
        "name": found.name,
    }
    if found.claim is not None:
        made["pvcRef"] = {"name": found.claim[1], "namespace": found.claim[0]}
    return made


_FAMILIES = (
    ("capacity_bytes", "Capacity in bytes of the volume", "capacity"),
    ("available_bytes", "Number of available bytes in the volume", "available"),
    ("used_bytes", "Number of used bytes in the volume", "used"),
    ("inodes", "Maximum number of inodes in the volume", "inodes"),
    ("inodes_free", "Number of free inodes in the volume", "inodes_free"),
    ("inodes_used", "Number of used inodes in the volume", "inodes_used"),
)


def metrics(found: Iterable[NamedStats]) -> list[str]:
    """Lines of /metrics for volumes of claims, each claim once."""
    by_claim = {each.claim: each.stats for each in found if each.claim is not None}
    lines: list[str] = []
    for family, about, field in _FAMILIES if by_claim else ():
        name = f"kubelet_volume_stats_{family}"
        lines += head(name, "gauge", about)
        for (namespace, claim), stats in sorted(by_claim.items()):
            labels = f'namespace="{namespace}",persistentvolumeclaim="{claim}"'
            lines.append(f"{name}{{{labels}}} {getattr(stats, field)}")
    return lines
