"""Gives memory back to the system after a large part of it was freed at once."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def give_back() -> None:
    """Frees what hangs together in cycles, and lets glibc return its free pages; other C libraries do so by themselves.

    Takes some milliseconds for each 10,000 objects that are not frozen: for rare occasions.
    """
    gc.collect()
    give_back_pages()


def give_back_pages() -> None:
    """Lets glibc return its free pages: some milliseconds at most."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
