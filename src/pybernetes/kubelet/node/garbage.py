"""What nobody needs any more: dead containers beyond what is kept for their logs, unused images.

`containers_to_remove` and `images_to_remove` decide and are pure; `Garbage` looks, removes, and tells of the node
what cannot be removed.

Source: pkg/kubelet/kuberuntime/kuberuntime_gc.go, pkg/kubelet/images/image_gc_manager.go, pkg/kubelet/kubelet.go
StartGarbageCollection. Differs: ContainerGCFailed is told of containers that stay, not of a runtime that is away.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.apimachinery.field_errors import aggregate
from pybernetes.apimachinery.times import format_duration
from pybernetes.host.clock import Clock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.runtime import Container, PodRuntime

_LOG = logging.getLogger(__name__)
_ALL = 1 << 62
"""More bytes than any disk holds."""


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


def images_to_remove(images: Iterable[ImageUse], now_s: float, minimum_age_s: float) -> list[ImageUse]:
    """Those of unused ones that may go, unused for longest first."""
    return [
        image
        for image in sorted(images, key=lambda i: (i.last_used_s, i.first_seen_s))
        if not image.pinned and now_s - image.first_seen_s >= minimum_age_s
    ]


def images_too_old(images: Iterable[ImageUse], now_s: float, maximum_age_s: float) -> list[ImageUse]:
    """Those that nobody has used for longer than that; one not used as far as is known has 0."""
    return [i for i in images if not i.pinned and now_s - i.last_used_s > maximum_age_s]


class _RuntimeConfig(msgspec.Struct):
    """As much as is looked at of what a runtime tells of its configuration."""

    sandboxImage: str = ""


class CollectionError(Exception):
    """Images stay that should go."""


class Garbage:
    """`tell` takes the reason and the message of a warning about the node; `volumes` names the images that pods have as
    volumes, which no container tells of."""

    def __init__(
        self,
        cri: CriClient,
        config: KubeletConfig,
        clock: Clock,
        tell: Callable[[str, str], None],
        volumes: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._cri = cri
        self._volumes = volumes
        self._config = config
        self._clock = clock
        self._tell = tell
        self._failed = False
        """Whether images could not be collected the last time."""
        self._began_s = clock.now()
        self.removed: Counter[str] = Counter()
        """Images, by why: age or space."""
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
        gone: list[str] = []
        failures: list[CriError] = []
        for container in containers:
            try:
                await self._cri.remove_container(container.id)
            except CriError as error:
                if error.code != "UNAVAILABLE":
                    failures.append(error)
                continue
            gone.append(container.id)
            _remove_file(container.log_path)
        if failures:
            self._tell("ContainerGCFailed", aggregate(failures))
        return gone

    async def look_after_images(self) -> None:
        """Removes images unused for too long, and unused ones where their disk is fuller than the high threshold.

        Failures are told; of those that say nothing of the disk the first in a row may pass, as while a runtime starts.
        """
        if self._config.image_gc_high_threshold_percent == 100 and not self._config.image_maximum_gc_age_s:
            return
        try:
            await self._collect_images()
        except (CriError, CollectionError) as error:
            _LOG.warning("images cannot be collected: %s", error)
            if self._failed:
                self._tell("ImageGCFailed", str(error))
            self._failed = True
        else:
            self._failed = False

    async def _collect_images(self) -> None:
        config, now = self._config, self._clock.now()
        unused = await self._unused_images(now)
        too_old = self._too_old(unused, now)
        _, failures = await self._remove_images(too_old, "age")
        if failures:
            age = format_duration(config.image_maximum_gc_age_s)
            why = f"encountered errors in image deletion: {aggregate(failures)}"
            raise CollectionError(f"wanted to free images older than {age}, {why}")
        available, capacity = await self._disk()
        if not capacity:
            text = "invalid capacity 0 on image filesystem"
            self._tell("InvalidDiskCapacity", text)
            raise CollectionError(text)
        filled_percent = 100 - available * 100 // capacity
        if filled_percent < config.image_gc_high_threshold_percent:
            return
        to_free = capacity * (100 - config.image_gc_low_threshold_percent) // 100 - available
        freed = await self._free([image for image in unused if image not in too_old], to_free, now)
        if freed < to_free:
            text = (
                f"Insufficient free disk space on the node's image filesystem ({filled_percent}% of "
                f"{_size(capacity)} used). Failed to free sufficient space by deleting unused images "
                f"(freed {freed} bytes). "
                "Investigate disk usage, as it could be used by active images, logs, volumes, or other data."
            )
            self._tell("FreeDiskSpaceFailed", text)
            raise CollectionError(text)

    async def remove_unused_images(self) -> None:
        """All that no container uses and that are not quite new, whatever the disk holds."""
        now = self._clock.now()
        try:
            await self._free(await self._unused_images(now), _ALL, now)
        except CollectionError as error:
            _LOG.warning("not all unused images can be removed: %s", error)

    async def _unused_images(self, now: float) -> list[ImageUse]:
        images = await self._cri.list_images()
        used = {c.image_ref for c in await self._cri.list_containers()}
        used.add(await self._image_of_sandboxes())
        for name in self._volumes():
            try:
                shown = await self._cri.image_status(name)
            except CriError as error:
                if error.away:
                    raise
                continue  # no image has this name, nor can anybody have mounted it
            if shown is not None:
                used.add(shown.id)
        present = {image.id for image in images}
        for known in (self._first_seen, self._last_used):
            for gone in [i for i in known if i not in present]:
                del known[gone]
        for image in images:
            self._first_seen.setdefault(image.id, now)
            if _is_used(image, used):
                self._last_used[image.id] = now
        return [
            ImageUse(i.id, i.size, self._first_seen[i.id], self._last_used.get(i.id, 0.0), i.pinned or was_loaded(i))
            for i in images
            if not _is_used(i, used)
        ]

    def _too_old(self, images: Iterable[ImageUse], now_s: float) -> list[ImageUse]:
        """None before this kubelet has looked for as long: it does not know what was used before."""
        maximum_age_s = self._config.image_maximum_gc_age_s
        if not maximum_age_s or now_s - self._began_s <= maximum_age_s:
            return []
        return images_too_old(images, now_s, maximum_age_s)

    async def _free(self, images: Iterable[ImageUse], to_free: int, now_s: float) -> int:
        """The bytes that went. Raises CollectionError where images that may go stay."""
        chosen = images_to_remove(images, now_s, self._config.image_minimum_gc_age_s)
        freed, failures = await self._remove_images(chosen, "space", to_free)
        if failures:
            done = f"wanted to free {to_free} bytes, but freed {freed} bytes space"
            raise CollectionError(f"{done} with errors in image deletion: {aggregate(failures)}")
        return freed

    async def _remove_images(
        self, images: Iterable[ImageUse], reason: str, to_free: int = _ALL
    ) -> tuple[int, list[CriError]]:
        """One after the other until so many bytes went; how many did."""
        freed, failures = 0, []
        for image in images:
            try:
                await self._cri.remove_image(image.id)
            except CriError as error:
                failures.append(error)
                continue
            self.removed[reason] += 1
            freed += image.size_bytes
            if freed >= to_free:
                break
        return freed, failures

    async def _image_of_sandboxes(self) -> str:
        """What every pod needs and no container names; newer runtimes pin it. "" where the runtime does not tell."""
        if self._sandbox_image is None:
            config = (await self._cri.status(verbose=True)).info.get("config", "{}")
            try:
                self._sandbox_image = msgspec.json.decode(config, type=_RuntimeConfig).sandboxImage
            except msgspec.DecodeError:
                self._sandbox_image = ""
        return self._sandbox_image

    async def _disk(self) -> tuple[int, int]:
        """Available and total bytes of the file system that holds images; 0 where it cannot be looked at."""
        info = await self._cri.image_fs_info()
        if not info.image_filesystems:
            raise CollectionError("imageFs information is unavailable")
        try:
            disk = os.statvfs(info.image_filesystems[0].fs_id.mountpoint)
        except OSError:
            return 0, 0
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize


def was_loaded(image: Any) -> bool:
    """Whether it has a name and no registry's digest: nobody could pull it again.

    Differs: upstream collects such images as well; one whose name has gone to a newer one is collected here, too.
    """
    return bool(image.repo_tags) and not image.repo_digests


def _is_used(image: Any, used: set[str]) -> bool:
    return image.id in used or any(name in used for name in (*image.repo_tags, *image.repo_digests))


def _size(number: int) -> str:
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if number >= 1 << power:
            return f"{number / (1 << power):.1f} {unit}"
    return f"{number} B"


def _remove_file(path: str) -> None:
    if path:
        Path(path).unlink(missing_ok=True)
