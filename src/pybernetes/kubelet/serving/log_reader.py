"""Container logs in CRI format: from the runtime's file to what `kubectl logs` shows. Pure.

A line of the file is `2016-10-06T00:17:09.669794202Z stdout F text`; P in the place of F marks a piece
of a line that goes on. Older runtimes write Docker's JSON lines; both are read.

Source: staging/src/k8s.io/cri-client/pkg/logs/logs.go, tail.go.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from pybernetes.apimachinery.times import parse_time

_log = logging.getLogger(__name__)
_BLOCK = 1024
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class LogOptions:
    tail_lines: int | None = None
    """How many of the file's last lines; None for all."""
    limit_bytes: int | None = None
    since_s: float = 0.0
    """Lines before this time (seconds since the epoch) are left out."""
    timestamps: bool = False
    follow: bool = False
    streams: tuple[bytes, ...] = (b"stdout", b"stderr")


class _DockerLine(msgspec.Struct):
    log: str = ""
    stream: str = ""
    time: str = ""


class LogRenderer:
    """Feed it the file's bytes in pieces of any size; it gives what the client is to see."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._rest = b""
        self._new_line = True
        self._remaining = options.limit_bytes
        self.finished = False
        """limit_bytes is reached: no more will come."""

    def feed(self, data: bytes) -> bytes:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return b"".join([self._render(line + b"\n") for line in lines if not self.finished])

    def finish(self) -> bytes:
        """The last line, where the writer did not end it."""
        rest, self._rest = self._rest, b""
        return self._render(rest) if rest and not self.finished else b""

    def restart(self) -> None:
        """Another file follows: a line half written at the end of the last one will not go on."""
        self._rest = b""

    def _render(self, line: bytes) -> bytes:
        parsed = _docker(line) if line.startswith(b"{") else _cri(line)
        if parsed is None:
            _log.debug("not a line of a container log: %r", line[:200])
            return b""
        time, stream, text = parsed
        options = self._options
        if options.since_s and _seconds(time) < options.since_s:
            return b""
        shown = _fixed(time) + b" " + text if options.timestamps and self._new_line else text
        self._new_line = not text or text.endswith(b"\n")
        if stream not in options.streams:
            return b""
        if self._remaining is not None:
            shown = shown[: self._remaining]
            self._remaining -= len(shown)
            self.finished = self._remaining <= 0
        return shown


def tail_start(file: BinaryIO, lines: int) -> int:
    """Where the last `lines` lines of the file begin; a line without its end does not count."""
    left = file.seek(0, 2)
    found = 0
    while left > 0:
        right = left
        left = max(0, left - _BLOCK)
        file.seek(left)
        block = file.read(right - left)
        count = block.count(b"\n")
        if found + count > lines:
            for _ in range(found + count - lines):
                cut = block.index(b"\n") + 1
                block = block[cut:]
                left += cut
            return left
        found += count
    return 0


def _cri(line: bytes) -> tuple[bytes, bytes, bytes] | None:
    """(time, stream, text); the text of a piece has no newline."""
    fields = line.split(b" ", 3)
    if len(fields) != 4 or fields[1] not in (b"stdout", b"stderr") or len(fields[0]) < 20:
        return None
    time, stream, tags, text = fields
    if tags.split(b":", 1)[0] == b"P":
        text = text.removesuffix(b"\n")
    return time, stream, text


def _docker(line: bytes) -> tuple[bytes, bytes, bytes] | None:
    try:
        decoded = msgspec.json.decode(line, type=_DockerLine)
    except msgspec.DecodeError:
        return None
    return decoded.time.encode(), decoded.stream.encode(), decoded.log.encode()


def _seconds(time: bytes) -> float:
    try:
        return parse_time(time.decode("ascii"))
    except ValueError:
        return 0.0


def _fixed(time: bytes) -> bytes:
    """The time with nine digits of the second, as clients expect to sort by."""
    at = next((n for n in range(19, len(time)) if time[n] in b"Z+-"), len(time))
    fraction = time[20:at] if time[19:20] == b"." else b""
    return time[:19] + b"." + fraction.ljust(9, b"0")[:9] + time[at:]
