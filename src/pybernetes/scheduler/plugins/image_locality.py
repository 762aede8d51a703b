"""ImageLocality: nodes that already have the Pod's images score higher, by size and by how widespread an image is."""

from __future__ import annotations

import numpy as np

from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.framework import MAX_NODE_SCORE, CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status

_MIB = 1024 * 1024
_LEAST = 23 * _MIB
_MOST_PER_CONTAINER = 1000 * _MIB


class ImageLocality:
    name = "ImageLocality"

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        """Skip when no node has any of the images: all would score 0."""
        return SUCCESS if any(name in snapshot.images for name in images(info)) else SKIP

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        sums = np.zeros(snapshot.rows, np.int64)
        for name in images(info):
            column = snapshot.images.get(name)
            if column is not None:
                spread = len(column.entries) / snapshot.node_count
                sums[column.rows()] += int(snapshot.image_sizes[name] * spread)
        spec = info.pod.spec
        most = _MOST_PER_CONTAINER * (len(spec.initContainers) + len(spec.containers))
        clipped = np.clip(sums[rows], _LEAST, most)
        return MAX_NODE_SCORE * (clipped - _LEAST) // (most - _LEAST)


def images(info: PodInfo) -> list[str]:
    """The images of containers and image volumes, as nodes report them: with a tag."""
    spec = info.pod.spec
    names = [container.image or "" for container in (*spec.initContainers, *spec.containers)]
    names += [volume.image.reference or "" for volume in spec.volumes if volume.image is not None]
    return [normalized(name) for name in names]


def normalized(name: str) -> str:
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"
