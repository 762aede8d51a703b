"""`/logs/` of the kubelet: the machine's own logs, folders as lists of links, files as they are.

Source: pkg/kubelet/kubelet.go (ServeLogs), which is net/http's FileServer of /var/log.
Differs: links that lead out of the folder are not followed: a Pod with a hostPath there could lay them anywhere.
"""

from __future__ import annotations

import asyncio
import html
import os
from collections.abc import AsyncIterator
from io import BufferedReader
from pathlib import Path
from urllib.parse import quote

from pybernetes.apimachinery.errors import MethodNotAllowed, NotFound
from pybernetes.http.messages import Request, Response

_CHUNK_BYTES = 64 * 1024
_SNIFFED_BYTES = 512
_TEXT_CONTROLS = b"\t\n\r\f\x1b"


async def answer(request: Request, folder: Path, below: str) -> Response:
    """What `below` names under `folder`. Raises NotFound, MethodNotAllowed."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    return await asyncio.to_thread(_answer, request, folder, below)


def _answer(request: Request, folder: Path, below: str) -> Response:
    folder = folder.resolve()
    try:
        path = (folder / below.lstrip("/")).resolve(strict=True)
        if not path.is_relative_to(folder):
            raise NotFound("404 page not found")
        if path.is_dir():
            if not request.path.endswith("/"):
                return Response(301, [("Location", quote(request.path.rpartition("/")[2]) + "/")])
            return Response(200, [("Content-Type", "text/html; charset=utf-8")], _listing(path))
        if not path.is_file():
            raise NotFound("404 page not found")
        file = path.open("rb")
    except (OSError, RuntimeError, ValueError):
        raise NotFound("404 page not found") from None
    size = path.stat().st_size
    kind = _kind(file.peek(_SNIFFED_BYTES)[:_SNIFFED_BYTES])
    if request.method == "HEAD":
        file.close()
        return Response(200, [("Content-Type", kind)], b"", size)
    return Response(200, [("Content-Type", kind)], _chunks(file, size), size)


def _listing(folder: Path) -> bytes:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
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
