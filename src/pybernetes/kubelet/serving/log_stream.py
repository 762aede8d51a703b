"""A container's log as a stream of bytes, following the file while the container runs.

The kernel tells of new bytes and of a new file in the place of a rotated one (inotify), the kubelet
tells when the container has stopped; nothing is looked at on a timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from pybernetes.host.files import open_plain
from pybernetes.host.inotify import FolderWatch
from pybernetes.kubelet.serving.log_reader import LogOptions, LogRenderer, tail_start
from pybernetes.kubelet.serving.server_host import ContainerLog

_CHUNK = 64 * 1024


async def log_stream(
    log: ContainerLog, options: LogOptions, wait_stopped: Callable[[str], Awaitable[None]]
) -> AsyncIterator[bytes]:
    """Raises OSError at the first step when there is no such file."""
    path, file = _open(log.path)
    try:
        renderer = LogRenderer(options)
        if options.tail_lines is not None:
            file.seek(tail_start(file, options.tail_lines))
        if not (options.follow and log.running):
            # As long as it is now: a writer that is faster than the reader must not make it endless.
            left = 0 if options.tail_lines == 0 else os.fstat(file.fileno()).st_size - file.tell()
            async for shown in _to_end(file, renderer, max(left, 0)):
                yield shown
            if last := renderer.finish():
                yield last
            return
        with FolderWatch(path.parent) as watch:
            stopped = asyncio.ensure_future(wait_stopped(log.container_id))
            try:
                while True:
                    over = stopped.done()
                    async for shown in _to_end(file, renderer, None):
                        yield shown
                    if renderer.finished:
                        return
                    if fresh := _replaced(file, path):
                        file.close()
                        file = fresh
                        renderer.restart()
                        continue
                    if over:
                        if last := renderer.finish():
                            yield last
                        return
                    await _changed(watch, path.name, stopped)
            finally:
                stopped.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await stopped
    finally:
        file.close()


def _open(name: str) -> tuple[Path, BinaryIO]:
    """The path without symbolic links (a watch does not follow those), and the open file.

    Links above the folder of all pods' logs are the node's own; below it a pod may have laid them.
    """
    root = Path(name).parents[2]
    path = root.resolve() / Path(name).relative_to(root)
    return path, open_plain(path, root)


async def _to_end(file: BinaryIO, renderer: LogRenderer, left: int | None) -> AsyncIterator[bytes]:
    while not renderer.finished and (left is None or left > 0):
        data = file.read(_CHUNK if left is None else min(_CHUNK, left))
        if not data:
            return
        if left is not None:
            left -= len(data)
        shown = renderer.feed(data)
        if shown:
            yield shown
        else:
            await asyncio.sleep(0)  # a long file of which nothing is wanted must not hold up the rest


async def _changed(watch: FolderWatch, name: str, stopped: asyncio.Future[None]) -> None:
    """Waits for a change of this file or the end of the container."""
    while not stopped.done():
        waiting = asyncio.create_task(watch.wait())
        try:
            await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
            if waiting.done() and waiting.result() & {name, ""}:
                return
        finally:
            waiting.cancel()


def _replaced(file: BinaryIO, path: Path) -> BinaryIO | None:
    """The new file, when another lies at the path by now."""
    with contextlib.suppress(OSError):
        there = path.stat()
        mine = os.fstat(file.fileno())
        if (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev):
            return open_plain(path, path.parents[2])
    return None
