"""What nobody needs any more: dead containers beyond what is kept for their logs, unused images.

`containers_to_remove` and `images_to_remove` decide and are pure; `Garbage` looks and removes.

Source: pkg/kubelet/kuberuntime/kuberuntime_gc.go, pkg/kubelet/images/image_gc_manager.go.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.host.clock import Clock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.runtime import Container, PodRuntime

_LOG = logging.getLogger(__name__)


def containers_to_remove(runtime: PodRuntime, keep_dead: int) -> list[Container]:
    """Dead containers older than the newest of their name and the `keep_dead` before it."""
    seen: dict[str, int] = {}
    surplus = []
    for container in runtime.containers:
        rank = seen.get(container.name, 0)
        seen[container.name] = rank + 1
        if rank > keep_dead and container.state == "exited":
            surplus.append(container)
    return surplus


@dataclass(frozen=True, slots=True)
class ImageUse:
    id: str
    size_bytes: int
    first_seen_s: float
    last_used_s: float
    pinned: bool = False


def images_to_remove(images: Iterable[ImageUse], to_free_bytes: int, now_s: float, minimum_age_s: float) -> list[str]:
    """Those unused for longest first, until enough would be freed."""
    chosen: list[str] = []
    for image in sorted(images, key=lambda i: (i.last_used_s, i.first_seen_s)):
        if to_free_bytes <= 0:
            break
        if image.pinned or now_s - image.first_seen_s < minimum_age_s or image.last_used_s >= now_s:
            continue
        chosen.append(image.id)
        to_free_bytes -= image.size_bytes
    return chosen


def images_too_old(images: Iterable[ImageUse], now_s: float, maximum_age_s: float) -> list[str]:
    """Those that nobody has used for longer than that; one not used as far as is known has 0."""
    return [i.id for i in images if not i.pinned and now_s - i.last_used_s > maximum_age_s]


class _RuntimeConfig(msgspec.Struct):
    """As much as is looked at of what a runtime tells of its configuration."""

    sandboxImage: str = ""


class Garbage:
    def __init__(self, cri: CriClient, config: KubeletConfig, clock: Clock) -> None:
        self._cri = cri
        self._config = config
        self._clock = clock
        self._began_s = clock.now()
        self._first_seen: dict[str, float] = {}
        self._last_used: dict[str, float] = {}
        self._sandbox_image: str | None = None

    async def collect_containers(self, runtime: PodRuntime) -> list[str]:
        """Removes what is too much of one pod; the ids that went."""
        return await self._remove(containers_to_remove(runtime, self._config.max_dead_containers_per_container))

    async def remove_dead(self, runtime: PodRuntime) -> list[str]:
        """Removes every dead container of a pod that has ended; the ids that went."""
        return await self._remove(c for c in runtime.containers if c.state == "exited")

    async def _remove(self, containers: Iterable[Container]) -> list[str]:
        gone = []
        for container in containers:
            try:
                await self._cri.remove_container(container.id)
            except CriError as error:
                _LOG.debug("container %s cannot be removed: %s", container.id, error)
                continue
            gone.append(container.id)
            _remove_file(container.log_path)
        return gone

    async def collect_images(self) -> list[str]:
        """Removes images unused for too long, and unused ones where their disk is fuller than the high threshold."""
        return await self._collect(0)

    async def _collect(self, to_free: int) -> list[str]:
        now = self._clock.now()
        images = await self._cri.list_images()
        used = {c.image_ref for c in await self._cri.list_containers()}
        used.add(await self._image_of_sandboxes())
        present = {image.id for image in images}
        for known in (self._first_seen, self._last_used):
            for gone in [i for i in known if i not in present]:
                del known[gone]
        for image in images:
            self._first_seen.setdefault(image.id, now)
            if _is_used(image, used):
                self._last_used[image.id] = now
        uses = [
            ImageUse(i.id, i.size, self._first_seen[i.id], self._last_used.get(i.id, 0.0), i.pinned or was_loaded(i))
            for i in images
        ]
        removed = await self._remove_images(self._too_old(uses, now))
        uses = [image for image in uses if image.id not in removed]
        if not to_free:
            filled, capacity = await self._disk()
            if not capacity or filled * 100 < capacity * self._config.image_gc_high_threshold_percent:
                return removed
            to_free = filled - capacity * self._config.image_gc_low_threshold_percent // 100
        chosen = images_to_remove(uses, to_free, now, self._config.image_minimum_gc_age_s)
        return removed + await self._remove_images(chosen)

    def _too_old(self, uses: Iterable[ImageUse], now_s: float) -> list[str]:
        """None before this kubelet has looked for as long: it does not know what was used before."""
        maximum_age_s = self._config.image_maximum_gc_age_s
        if not maximum_age_s or now_s - self._began_s <= maximum_age_s:
            return []
        return images_too_old(uses, now_s, maximum_age_s)

    async def _remove_images(self, image_ids: Iterable[str]) -> list[str]:
        removed = []
        for image_id in image_ids:
            try:
                await self._cri.remove_image(image_id)
            except CriError as error:
                _LOG.warning("image %s cannot be removed: %s", image_id, error)
                continue
            removed.append(image_id)
        return removed

    async def _image_of_sandboxes(self) -> str:
        """What every pod needs and no container names; newer runtimes pin it. "" where the runtime does not tell."""
        if self._sandbox_image is None:
            config = (await self._cri.status(verbose=True)).info.get("config", "{}")
            try:
                self._sandbox_image = msgspec.json.decode(config, type=_RuntimeConfig).sandboxImage
            except msgspec.DecodeError:
                self._sandbox_image = ""
        return self._sandbox_image

    async def remove_unused_images(self) -> None:
        """All that no container uses and that are not quite new, whatever the disk holds."""
        await self._collect(1 << 62)

    async def _disk(self) -> tuple[int, int]:
        """Used and total bytes of the file system that holds images."""
        info = await self._cri.image_fs_info()
        for entry in info.image_filesystems:
            if (usage := _usage(entry.fs_id.mountpoint)) is not None:
                return usage
        return 0, 0


def was_loaded(image: Any) -> bool:
    """Whether it has a name and no registry's digest: nobody could pull it again.

    Differs: upstream collects such images as well; one whose name has gone to a newer one is collected here, too.
    """
    return bool(image.repo_tags) and not image.repo_digests


def _is_used(image: Any, used: set[str]) -> bool:
    return image.id in used or any(name in used for name in (*image.repo_tags, *image.repo_digests))


def _usage(mount_point: str) -> tuple[int, int] | None:
    try:
        disk = os.statvfs(mount_point)
    except OSError:
        return None
    total = disk.f_blocks * disk.f_frsize
    return total - disk.f_bavail * disk.f_frsize, total


def _remove_file(path: str) -> None:
    if path:
        Path(path).unlink(missing_ok=True)
