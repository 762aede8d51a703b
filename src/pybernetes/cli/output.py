"""What the command shows: steps while it works (on a terminal only), tables, results on stdout."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence

from pybernetes.host.processes import age_s

_GREEN, _DIM, _BOLD = "32", "2", "1"


class Progress:
    """Steps on stderr: shown on a terminal, silent otherwise. NO_COLOR takes the colours away."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._shown and not os.environ.get("NO_COLOR")
        self._start_s = time.monotonic() - age_s(os.getpid())
        self._open = ""

    @property
    def elapsed_s(self) -> float:
        """Since the command was started, the interpreter's own start included."""
        return time.monotonic() - self._start_s

    def step(self, text: str) -> None:
        """Starts a step; the one before it, if still open, is done."""
        self.done()
        self._open = text
        if self._shown:
            self._write(f"  {self._paint('…', _DIM)} {text}")

    def done(self, text: str = "") -> None:
        """Ends the open step, under another text if one is given."""
        if self._open and self._shown:
            moment = self._paint(f"{self.elapsed_s:.1f} s", _DIM)
            self._write(f"\r\x1b[K  {self._paint('✓', _GREEN)} {text or self._open}  {moment}\n")
        self._open = ""

    def abandon(self) -> None:
        """Takes an unfinished step off the screen, so that an error stands on a line of its own."""
        if self._open and self._shown:
            self._write("\r\x1b[K")
        self._open = ""

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def bold(text: str) -> str:
    """For stdout: bold on a terminal that has colours."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        return f"\x1b[{_BOLD}m{text}\x1b[0m"
    return text


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as kubectl prints them, three spaces apart, without blanks at the end of a line."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
