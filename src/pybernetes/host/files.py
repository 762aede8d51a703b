"""Files that are whole or not there: atomic writes with a mode, locks, and reading what somebody else has laid."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_SERIAL = itertools.count()


def write_atomic(path: Path, data: bytes | str, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Replaces `path` (of a link: what it points to) in one step; readers see the old or the new file.

    Raises OSError, and then the old file is untouched.
    """
    target = Path(os.path.realpath(path))
    content = data.encode() if isinstance(data, str) else data
    partial = target.with_name(f".{target.name}.{os.getpid()}-{next(_SERIAL)}")
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def write_if_changed(path: Path, data: bytes | str, mode: int = 0o644) -> bool:
    """Writes unless the file has that content already; whether it wrote."""
    content = data.encode() if isinstance(data, str) else data
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        pass
    write_atomic(path, content, mode)
    return True


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Holds an advisory lock on `path` (made if missing); False when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Holds an advisory lock on `folder` itself, once whoever has it lets go. Raises OSError when it is not there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def wait_unlocked(path: Path) -> None:
    """Returns once nobody holds the lock on `path` exclusively; at once when the file is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def open_plain(path: Path, within: Path | None = None) -> BinaryIO:
    """Opens a file to read that somebody else may have laid there: no link, no pipe that makes one wait, no device.

    `within`, where given, is a folder that no link on the way may lead out of. Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if within is not None and within.resolve() not in Path(f"/proc/self/fd/{handle}").readlink().parents:
            raise OSError(errno.ELOOP, f"leads out of {within}", str(path))
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def reason(error: OSError) -> str:
    """What went wrong with which file, as users of Kubernetes read it: `/path: no space left on device`."""
    text = error.strerror or str(error)
    text = text[:1].lower() + text[1:]
    return f"{error.filename}: {text}" if error.filename is not None else text
