"""What the node has left and what its pods use: /proc, file systems, cgroups, the runtime's statistics.

`observe` is cheap and asked every ten seconds; `usages` walks folders and is asked only when a pod has to go, or has a
limit on its storage.

Source: pkg/kubelet/eviction/helpers.go makeSignalObservations, pkg/kubelet/server/stats/summary.go.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.eviction import thresholds as t
from pybernetes.kubelet.eviction.ranking import ContainerUsage, Usage
from pybernetes.kubelet.eviction.thresholds import Observation
from pybernetes.kubelet.node.usage import disk_usage, meminfo, memory_in_use, memory_limit, processes
from pybernetes.kubelet.node.usage import usage as cgroup_usage
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.resources.cgroups import Cgroups
from pybernetes.kubelet.runtime import CONTAINER_NAME_LABEL, POD_UID_LABEL


class Signals(Protocol):
    images_apart: bool
    """Whether images and containers' layers have a disk of their own, by the last observation."""

    async def observe(self) -> Mapping[str, Observation]:
        """By signal; what cannot be observed is left out."""
        ...

    async def usages(self, pods: Iterable[Pod]) -> dict[str, Usage]:
        """By uid."""
        ...


class HostSignals:
    def __init__(self, config: KubeletConfig, cri: CriClient, cgroups: Cgroups | None) -> None:
        self._config = config
        self._cri = cri
        self._cgroups = cgroups
        self._image_folder = ""
        self.images_apart = False

    async def observe(self) -> Mapping[str, Observation]:
        found = {t.MEMORY: _memory(), t.PIDS: _processes()}
        if self._cgroups is not None:
            held = _of_pods(self._cgroups)
            found |= {t.ALLOCATABLE: held} if held is not None else {}
        disk = os.statvfs(self._config.root_dir)
        found[t.NODEFS], found[t.NODEFS_INODES] = _space(disk), _inodes(disk)
        with suppress(CriError, OSError):
            folder = await self._images()
            images = os.statvfs(folder)
            self.images_apart = _device(folder) != _device(self._config.root_dir)
            found[t.IMAGEFS], found[t.IMAGEFS_INODES] = _space(images), _inodes(images)
        return found

    async def _images(self) -> str:
        if not self._image_folder:
            info = await self._cri.image_fs_info()
            self._image_folder = next((f.fs_id.mountpoint for f in info.image_filesystems), "")
        return self._image_folder or self._config.root_dir

    async def usages(self, pods: Iterable[Pod]) -> dict[str, Usage]:
        pods = list(pods)
        found = {uid_of(pod): Usage() for pod in pods}
        for pod in pods:
            usage = found[uid_of(pod)]
            if self._cgroups is not None:
                used = cgroup_usage(self._cgroups.hierarchies, self._cgroups.parent_of(pod))
                usage.memory_bytes = used.working_set_bytes if used is not None else 0
                with suppress(OSError):
                    usage.processes = self._cgroups.processes(pod)
        await self._add_containers(found)
        await asyncio.to_thread(self._add_folders, pods, found)
        return found

    async def _add_containers(self, found: dict[str, Usage]) -> None:
        try:
            stats = await self._cri.container_stats()
        except CriError:
            return
        for stat in stats:
            usage = found.get(stat.attributes.labels.get(POD_UID_LABEL, ""))
            if usage is None:
                continue
            layer = stat.writable_layer
            name = stat.attributes.labels.get(CONTAINER_NAME_LABEL, "")
            usage.containers[name] = ContainerUsage(stat.memory.working_set_bytes.value, layer.used_bytes.value)
            usage.layer_bytes += layer.used_bytes.value
            usage.layer_inodes += layer.inodes_used.value
            usage.disk_bytes += layer.used_bytes.value
            usage.inodes += layer.inodes_used.value

    def _add_folders(self, pods: list[Pod], found: dict[str, Usage]) -> None:
        for pod in pods:
            usage, meta = found[uid_of(pod)], pod.metadata
            logs = Path(self._config.pod_log_dir) / f"{meta.namespace}_{meta.name}_{meta.uid}"
            for container in pod.spec.containers:
                size, files = disk_usage(logs / container.name)
                usage.containers.setdefault(container.name, ContainerUsage()).disk_bytes += size
                usage.disk_bytes += size
                usage.inodes += files
            folder = Path(self._config.root_dir) / "pods" / uid_of(pod) / "volumes" / "kubernetes.io~empty-dir"
            for volume in pod.spec.volumes:
                if volume.emptyDir is None:
                    continue
                size, files = disk_usage(folder / volume.name)
                usage.volumes[volume.name] = size
                if not volume.emptyDir.medium:
                    usage.disk_bytes += size
                    usage.inodes += files


def _device(folder: str) -> int:
    return Path(folder).stat().st_dev


def _memory() -> Observation:
    fields = meminfo()
    return Observation(fields["MemTotal"] - memory_in_use(fields)[1], fields["MemTotal"])


def _of_pods(cgroups: Cgroups) -> Observation | None:
    """What pods together have left of the memory that they are held to."""
    limit = memory_limit(cgroups.hierarchies, cgroups.of_pods)
    used = cgroup_usage(cgroups.hierarchies, cgroups.of_pods)
    if limit is None or used is None:
        return None
    return Observation(max(limit - used.working_set_bytes, 0), limit)


def _processes() -> Observation:
    most, running = processes()
    return Observation(max(most - running, 0), most)


def _space(disk: os.statvfs_result) -> Observation:
    return Observation(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def _inodes(disk: os.statvfs_result) -> Observation:
    return Observation(disk.f_ffree, disk.f_files)
