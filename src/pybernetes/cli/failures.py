"""From an exception to the one line that a user reads."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from pybernetes.cluster.errors import ClusterError

_WAYS_OUT = {
    errno.ENOSPC: "the disk is full; free some space and run this again",
    errno.EDQUOT: "the disk quota is used up; free some space and run this again",
    errno.EROFS: "the file system is read-only; name another folder with --data-dir",
    errno.EACCES: "this needs root: run it with sudo, or name a folder of yours with --data-dir",
    errno.EPERM: "this needs root: run it with sudo",
}


def write_report(error: BaseException) -> str:
    """Writes the traceback to a file and names it; "" when it cannot."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="pybernetes-error-", suffix=".txt")
        with os.fdopen(descriptor, "w") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return ""
    return f" (details: {Path(name)})"


def one_line(error: BaseException, report: Callable[[BaseException], str | None] = write_report) -> str:
    """What happened and the way out. Of unexpected errors, `report` keeps the details and says where."""
    whole = error
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ClusterError):
        return _flat(str(error))
    if _tells_itself(error):
        return _flat(str(error))
    if isinstance(error, OSError) and error.errno in _WAYS_OUT:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{_WAYS_OUT[error.errno]}"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _flat(f"{place}{error.strerror or error}")
    return f"internal error: {type(error).__name__}: {_flat(str(error))[:200]}{report(whole) or ''}"


def _tells_itself(error: BaseException) -> bool:
    """Whether its text is made for users. Looked up among the modules that are loaded: importing costs."""
    import sys

    for module, name in (("apimachinery.errors", "StatusError"), ("client.kubeconfig", "KubeconfigError")):
        loaded = sys.modules.get(f"pybernetes.{module}")
        if loaded is not None and isinstance(error, getattr(loaded, name)):
            return True
    return False


def _flat(text: str) -> str:
    return " ".join(text.split())
