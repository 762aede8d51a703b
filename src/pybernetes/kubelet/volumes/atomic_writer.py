"""Files that change all at once: a reader sees the old set or the new one, never a mixture.

    folder/name        -> ..data/name          a link for every top-level name
    folder/..data      -> ..2026_01_02_x       the one link that is exchanged
    folder/..2026_01_02_x/name                 the files themselves

Source: pkg/volume/util/atomic_writer.go.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_DATA = "..data"
_NEW_DATA = "..data_tmp"


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    mode: int = 0o644
    owner: int | None = None


def write(folder: Path, payload: Mapping[str, File], group: int | None = None) -> bool:
    """Makes `folder` hold exactly the payload (relative path to file); whether anything changed."""
    for path in payload:
        _check(path)
    current = _current(folder)
    if current is not None and _same(current, payload):
        return False
    stamp = time.strftime("..%Y_%m_%d_%H_%M_%S.", time.gmtime())
    fresh = Path(tempfile.mkdtemp(prefix=stamp, dir=folder))
    fresh.chmod(0o755)
    _own(fresh, None, group)
    for path, file in payload.items():
        place = fresh / path
        for parent in reversed(place.relative_to(fresh).parents[:-1]):
            (fresh / parent).mkdir(mode=0o755, exist_ok=True)
            _own(fresh / parent, None, group)
        place.write_bytes(file.content)
        place.chmod(file.mode)
        _own(place, file.owner, group)
    new_link = folder / _NEW_DATA
    with suppress(FileNotFoundError):
        new_link.unlink()
    new_link.symlink_to(fresh.name)
    new_link.rename(folder / _DATA)
    names = {path.partition("/")[0] for path in payload}
    for name in names:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"{_DATA}/{name}")
    for entry in folder.iterdir():
        if entry.name.startswith("..") and entry not in (folder / _DATA, fresh):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
        elif entry.is_symlink() and entry.name not in names and entry.readlink() == Path(_DATA, entry.name):
            entry.unlink()
    return True


def _check(path: str) -> None:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or parts[0].startswith("..") or len(path) > 4096:
        raise ValueError(f"invalid path: must not contain '..' or begin with '/' or '..': {path!r}")


def _current(folder: Path) -> Path | None:
    link = folder / _DATA
    if not link.is_symlink():
        return None
    target = folder / link.readlink()
    return target if target.is_dir() else None


def _same(current: Path, payload: Mapping[str, File]) -> bool:
    present = {str(p.relative_to(current)) for p in current.rglob("*") if not p.is_dir()}
    if present != set(payload):
        return False
    for path, file in payload.items():
        place = current / path
        if place.read_bytes() != file.content or (place.stat().st_mode & 0o777) != file.mode & 0o777:
            return False
    return True


def _own(path: Path, owner: int | None, group: int | None) -> None:
    if owner is not None or group is not None:
        os.chown(path, -1 if owner is None else owner, -1 if group is None else group)
