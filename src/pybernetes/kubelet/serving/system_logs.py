"""`/logs/` of the kubelet: the machine's own logs, folders as lists of links, files as they are.

Source: pkg/kubelet/kubelet.go (ServeLogs), which is net/http's FileServer of /var/log.
Differs: links that lead out of the folder are not followed: a Pod with a hostPath there could lay them anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import stat
from collections.abc import AsyncIterator, Iterator
from io import BufferedReader
from pathlib import Path
from urllib.parse import quote

from pybernetes.apimachinery.errors import MethodNotAllowed, NotFound
from pybernetes.http.messages import Request, Response

_CHUNK_BYTES = 64 * 1024
_SNIFFED_BYTES = 512
_MAX_LINKS = 40
_TEXT_CONTROLS = b"\t\n\r\f\x1b"


async def answer(request: Request, folder: Path, below: str) -> Response:
    """What `below` names under `folder`. Raises NotFound, MethodNotAllowed."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    return await asyncio.to_thread(_answer, request, folder, below)


def _answer(request: Request, folder: Path, below: str) -> Response:
    try:
        handle = _open_beneath(folder, below)
    except (OSError, ValueError):
        raise NotFound("404 page not found") from None
    found = os.fstat(handle)
    if stat.S_ISDIR(found.st_mode):
        with _closing(handle):
            if not request.path.endswith("/"):
                return Response(301, [("Location", quote(request.path.rpartition("/")[2]) + "/")])
            return Response(200, [("Content-Type", "text/html; charset=utf-8")], _listing(handle))
    file = os.fdopen(handle, "rb")
    size = found.st_size
    kind = _kind(file.peek(_SNIFFED_BYTES)[:_SNIFFED_BYTES])
    if request.method == "HEAD":
        file.close()
        return Response(200, [("Content-Type", kind)], b"", size)
    return Response(200, [("Content-Type", kind)], _chunks(file, size), size)


def _open_beneath(folder: Path, below: str) -> int:
    """A descriptor of the file or folder that is named, found step by step, so that nothing can be laid in between.

    Links are followed by hand, and never above the first folder. Raises OSError, ValueError.
    """
    inside = (f"{folder}/", f"{folder.resolve()}/")
    held = [os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        parts, links = below.split("/")[::-1], 0
        while parts:
            part = parts.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if len(held) == 1:
                    raise PermissionError("above the folder")
                os.close(held.pop())
                continue
            following = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held[-1])
            if not stat.S_ISLNK(os.fstat(following).st_mode):
                held.append(following)
                continue
            with _closing(following):
                target = os.readlink("", dir_fd=following)
            links += 1
            if links > _MAX_LINKS:
                raise PermissionError("links without an end")
            if target.startswith("/"):
                within = next((target.removeprefix(start) for start in inside if target.startswith(start)), None)
                if within is None:
                    raise PermissionError("a link that leads away")
                target = within
                while len(held) > 1:
                    os.close(held.pop())
            parts += target.split("/")[::-1]
        mode = os.fstat(held[-1]).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise PermissionError("neither a file nor a folder")
        return os.open(f"/proc/self/fd/{held[-1]}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for handle in held:
            os.close(handle)


@contextlib.contextmanager
def _closing(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(handle)


def _listing(folder: int) -> bytes:
    with os.scandir(folder) as entries:
        names = sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries)
    links = (f'<a href="{quote(os.fsencode(name))}">{html.escape(name)}</a>\n' for name in names)
    return f"<pre>\n{''.join(links)}</pre>\n".encode("utf-8", "surrogateescape")


def _kind(start: bytes) -> str:
    binary = any(byte < 32 and byte not in _TEXT_CONTROLS for byte in start)
    return "application/octet-stream" if binary else "text/plain; charset=utf-8"


async def _chunks(file: BufferedReader, left: int) -> AsyncIterator[bytes]:
    """As much as there was when the answer began: a log grows meanwhile."""
    try:
        while left and (data := await asyncio.to_thread(file.read, min(left, _CHUNK_BYTES))):
            left -= len(data)
            yield data
    finally:
        file.close()
