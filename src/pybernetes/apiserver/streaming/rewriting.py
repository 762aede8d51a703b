"""Links in what a proxied server answers, as the client has to ask for them: below the proxy's own path.

Pure. HTML is scanned once from front to back; only the values of attributes that hold links change.
Source: apimachinery/pkg/util/proxy/transport.go.
"""

from __future__ import annotations

import gzip
import html
import re
import zlib
from collections.abc import Callable
from posixpath import normpath
from urllib.parse import urlsplit, urlunsplit

MAX_PAGE = 4 * 1024 * 1024
"""Longer pages go through as they are."""

_LINKS: dict[str, frozenset[str]] = {
    tag: frozenset(attributes.split())
    for tag, attributes in {
        "a": "href", "applet": "codebase", "area": "href", "audio": "src", "base": "href", "blockquote": "cite",
        "body": "background", "button": "formaction", "command": "icon", "del": "cite", "embed": "src",
        "form": "action", "frame": "longdesc src", "head": "profile", "html": "manifest", "iframe": "longdesc src",
        "img": "longdesc src usemap", "input": "src usemap formaction", "ins": "cite", "link": "href",
        "object": "classid codebase data usemap", "q": "cite", "script": "src", "source": "src",
        "video": "poster src",
    }.items()
}  # fmt: skip
_OPENING = re.compile(rb"<(!--|[a-zA-Z][^\s/>]*)")
_ATTRIBUTE = re.compile(rb"[\s/]*([^\s/>=]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>\"']+))?")
_RAW_END = {tag: re.compile(rb"</" + tag.encode(), re.IGNORECASE) for tag in ("script", "style", "textarea", "title")}


def rewritten_url(target: str, base: str, hosts: tuple[str, ...]) -> str:
    """`target` below `base`, the path that the proxy answers under; links elsewhere and relative ones stay.

    `hosts`: the server's own names, with port; links to them count as links to itself.
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return target
    if (parts.netloc and parts.netloc not in hosts) or not parts.path.startswith("/"):
        return target
    if parts.path == base or parts.path.startswith(base + "/"):
        return target
    path = normpath(base + parts.path) + ("/" if parts.path.endswith("/") else "")
    return urlunsplit(("", "", path, parts.query, parts.fragment))


def rewrite_html(page: bytes, rewrite: Callable[[str], str]) -> bytes:
    """The page with every link passed through `rewrite`."""
    parts: list[bytes] = []
    kept = at = 0
    while opening := _OPENING.search(page, at):
        at = opening.end()
        tag = opening[1].decode("ascii", "replace").lower()
        if tag == "!--":
            at = _after(page, page.find(b"-->", at), 3)
            continue
        wanted = _LINKS.get(tag, frozenset())
        while attribute := _ATTRIBUTE.match(page, at):
            at = attribute.end()
            value = attribute[2]
            if value is None or attribute[1].decode("ascii", "replace").lower() not in wanted:
                continue
            text = html.unescape(value.strip(b"\"'").decode("utf-8", "surrogateescape"))
            new = rewrite(text)
            if new != text:
                parts += [page[kept : attribute.start(2)], b'"', _escaped(new), b'"']
                kept = at
        if tag in _RAW_END:
            end = _RAW_END[tag].search(page, at)
            at = end.end() if end else len(page)
    return b"".join([*parts, page[kept:]])


def _after(page: bytes, found: int, length: int) -> int:
    return len(page) if found < 0 else found + length


def _escaped(url: str) -> bytes:
    return html.escape(url).encode("utf-8", "surrogateescape")


def unpacked(body: bytes, encoding: str) -> bytes | None:
    """The page in a body; None for an encoding that is not known, damaged or unpacks to too much."""
    if not encoding:
        return body
    windows = {"gzip": (31,), "deflate": (15, -15)}.get(encoding, ())
    for window in windows:
        unpacker = zlib.decompressobj(window)
        try:
            page = unpacker.decompress(body, MAX_PAGE)
        except zlib.error:
            continue
        return page if unpacker.eof else None
    return None


def packed(page: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(page)
    return zlib.compress(page) if encoding == "deflate" else page
