"""A layer: files, links and folders in a tar that is the same for the same content."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

_STANDARD_FOLDERS = {"bin": 0o755, "dev": 0o755, "etc": 0o755, "proc": 0o755, "root": 0o700, "sys": 0o755}


@dataclass(slots=True)
class Layer:
    """Collects entries; paths are relative to the root, without a leading slash."""

    _entries: dict[str, tuple[tarfile.TarInfo, bytes]] = field(default_factory=dict)

    def folder(self, path: str, mode: int = 0o755) -> None:
        entry = self._entry(path, mode)
        entry.type = tarfile.DIRTYPE
        self._add(entry, b"")

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        entry = self._entry(path, mode)
        entry.size = len(data)
        self._add(entry, data)

    def link(self, path: str, target: str) -> None:
        entry = self._entry(path, 0o777)
        entry.type = tarfile.SYMTYPE
        entry.linkname = target
        self._add(entry, b"")

    def standard_folders(self) -> None:
        """What programs expect of any root: /tmp, /etc and the mount points."""
        for path, mode in _STANDARD_FOLDERS.items():
            self.folder(path, mode)
        self.folder("tmp", 0o1777)

    def tree(self, source: Path, destination: str = "") -> None:
        """A folder of this machine with all that is in it; special files are left out."""
        for path in sorted(source.rglob("*")):
            name = f"{destination.strip('/')}/{path.relative_to(source)}".lstrip("/")
            if path.is_symlink():
                self.link(name, str(path.readlink()))
            elif path.is_dir():
                self.folder(name, path.stat().st_mode & 0o7777)
            elif path.is_file():
                self.file(name, path.read_bytes(), path.stat().st_mode & 0o7777)

    def tar(self) -> bytes:
        """Folders before what is in them, without times or owners of this machine."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for entry, data in self._entries.values():
                archive.addfile(entry, io.BytesIO(data))
        return buffer.getvalue()

    def _entry(self, path: str, mode: int) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(path.strip("/"))
        entry.mode = mode
        return entry

    def _add(self, entry: tarfile.TarInfo, data: bytes) -> None:
        for parent in reversed(list(Path(entry.name).parents)[:-1]):
            if str(parent) not in self._entries:
                self.folder(str(parent))
        self._entries[entry.name] = (entry, data)
