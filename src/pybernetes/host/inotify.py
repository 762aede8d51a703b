"""inotify: learns of changes in a folder from the kernel, without looking again and again."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import struct
from pathlib import Path
from typing import Self

_IN_MODIFY, _IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_IN_CLOSE_WRITE, _IN_Q_OVERFLOW = 0x8, 0x4000
_EVENTS = _IN_MODIFY | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_CLOSE_WRITE
_HEADER = struct.Struct("iIII")


class FolderWatch:
    """Names that changed in one folder; use as a context manager on a running loop. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1
        self._names: set[str] = set()
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), f"inotify: {os.strerror(ctypes.get_errno())}")
        if libc.inotify_add_watch(self._descriptor, os.fsencode(self._folder), ctypes.c_uint32(_EVENTS)) < 0:
            number = ctypes.get_errno()
            os.close(self._descriptor)
            hint = " (the user's limit of inotify watches)" if number == errno.ENOSPC else ""
            raise OSError(number, f"cannot watch {self._folder}: {os.strerror(number)}{hint}")
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    async def wait(self) -> set[str]:
        """The names that changed since the last call, when there are any; "" stands for unknown ones."""
        await self._changed.wait()
        self._changed.clear()
        names, self._names = self._names, set()
        return names

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._descriptor, 64 * 1024)
            at = 0
            while at < len(data):
                _, mask, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size
                name = "" if mask & _IN_Q_OVERFLOW else os.fsdecode(data[at : at + length].rstrip(b"\0"))
                self._names.add(name)
                at += length
            self._changed.set()
