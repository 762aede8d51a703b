"""Logging of a process: lines on stderr, which the supervisor appends to a file and rotates."""

from __future__ import annotations

import logging
import time

_QUIET = ("asyncio", "hpack")


def log_to_stderr(process: str, level: int = logging.INFO) -> None:
    """One line an event: time (UTC), level, logger, message; a traceback only with an unexpected error."""
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ %(levelname).1s {process} %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
