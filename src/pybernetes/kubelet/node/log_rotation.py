"""Keeps container logs small: a log that grew too large is set aside, older ones are compressed, the oldest go.

    0.log                      written to now
    0.log.20260102-030405      the one before, still plain for followers
    0.log.20260102-020304.gz   older

Source: pkg/kubelet/logs/container_log_manager.go.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pybernetes.host.clock import Clock
from pybernetes.host.files import open_plain
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.runtime import PodRuntime

_LOG = logging.getLogger(__name__)
_FASTEST = 1
"""Of zlib's levels: 335 to 520 MB/s where the best has 32 to 95, for a file a fifth larger.

While one is compressed nothing rotates: a container that writes faster than this ends up with ever larger files.
"""


class LogRotation:
    def __init__(self, cri: CriClient, config: KubeletConfig, clock: Clock) -> None:
        self._cri = cri
        self._config = config
        self._clock = clock

    async def run(self, pods: Callable[[], Iterable[PodRuntime]]) -> None:
        """Looks at the logs of all of them again and again."""
        while True:
            await asyncio.sleep(self._config.container_log_monitor_interval_s)
            for runtime in pods():
                await self.rotate(runtime)

    async def rotate(self, runtime: PodRuntime) -> None:
        """Looks at the logs of a pod's running containers."""
        for container in runtime.running():
            path = Path(container.log_path)
            if not container.log_path or not _larger(path, self._config.container_log_max_bytes):
                continue
            try:
                await asyncio.to_thread(compress_older, path, self._config.container_log_max_files)
                stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._clock.now()))
                aside = _rename(path, Path(f"{path}.{stamp}"))
            except OSError as error:
                _LOG.warning("log %s cannot be rotated: %s", path, error.strerror)
                continue
            try:
                await self._cri.reopen_container_log(container.id)
            except CriError as error:
                _LOG.warning("log %s cannot be opened anew: %s", path, error)
                _rename(aside, path)


def compress_older(path: Path, keep_files: int) -> None:
    """Compresses what was set aside before and removes the oldest, so that with two more `keep_files` remain."""
    rotated = sorted(p for p in path.parent.glob(path.name + ".*") if not p.name.endswith(".tmp"))
    surplus = max(len(rotated) - max(keep_files - 2, 0), 0)
    for old in rotated[:surplus]:
        old.unlink(missing_ok=True)
    for plain in rotated[surplus:]:
        if plain.suffix != ".gz":
            unfinished = plain.with_name(plain.name + ".tmp")
            unfinished.unlink(missing_ok=True)
            with open_plain(plain) as source, unfinished.open("xb") as file, gzip.open(file, "wb", _FASTEST) as target:
                shutil.copyfileobj(source, target)
            unfinished.rename(plain.with_name(plain.name + ".gz"))
            plain.unlink()


def _larger(path: Path, limit: int) -> bool:
    try:
        return path.stat().st_size > limit
    except OSError:
        return False


def _rename(path: Path, to: Path) -> Path:
    return path.rename(to)
