from __future__ import annotations

import os
from pathlib import Path

import pytest

from pybernetes.host.files import exclusive, open_plain, reason, write_atomic, write_if_changed


def test_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "text", 0o600)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("text", 0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_unchanged_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_if_changed(path, b"a")
    inode = path.stat().st_ino
    assert not write_if_changed(path, "a")
    assert path.stat().st_ino == inode
    assert write_if_changed(path, "b")


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "lock"
    with exclusive(path) as first:
        assert first
        with exclusive(path) as second:
            assert not second
    with exclusive(path) as third:
        assert third


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "link on the way", "nothing"])
def test_what_is_no_plain_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    """Nor waited for: a pipe would be, for ever."""
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "pod").mkdir(parents=True)
    secret.mkdir()
    (secret / "file").write_text("secret")
    place = root / "pod" / "file"
    if kind == "link":
        place.symlink_to(secret / "file")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "link on the way":
        place.parent.rmdir()
        place.parent.symlink_to(secret)
    with pytest.raises(OSError):
        open_plain(place, root)


def test_a_plain_file_is_opened_also_below_a_link_of_the_nodes_own(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("text")
    (tmp_path / "root").symlink_to(tmp_path / "there")
    with open_plain(tmp_path / "root" / "file", tmp_path / "root") as file:
        assert file.read() == b"text"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "/Some/Place"), "/Some/Place: no space left on device"),
        (OSError(30, "Read-only file system"), "read-only file system"),
        (OSError("a tool's word"), "a tool's word"),
    ],
    ids=["of a file", "of none", "without a number"],
)
def test_errors_in_the_words_of_others(error: OSError, told: str) -> None:
    assert reason(error) == told
