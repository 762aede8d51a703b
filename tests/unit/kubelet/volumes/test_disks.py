"""What is done to a disk before it is mounted. Source: mount-utils/safe_format_and_mount_test.go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes.kubelet.volumes.disks import format_and_mount
from pybernetes.kubelet.volumes.payload import VolumeError

_EMPTY = "exit 2"
_EXT4 = "echo TYPE=ext4"
_PARTITIONS = "echo PTTYPE=dos"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that write down how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    for name in ("blkid", "fsck", "mkfs.ext4", "mkfs.xfs", "mount"):
        _program(folder, name, _EXT4 if name == "blkid" else "exit 0")
    return folder


def _program(folder: Path, name: str, does: str) -> None:
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder.parent}/calls\n{does}\n')
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("holds", "fs_type", "options", "calls"),
    [
        pytest.param(_EMPTY, "", [], ["mkfs.ext4 -F -m0 /dev/d", "mount -t ext4 -o defaults"], id="empty"),
        pytest.param(_EMPTY, "xfs", [], ["mkfs.xfs -f /dev/d", "mount -t xfs -o defaults"], id="empty-xfs"),
        pytest.param(
            _EXT4, "ext4", ["noatime"], ["fsck -a /dev/d", "mount -t ext4 -o noatime,defaults"], id="formatted"
        ),
        pytest.param(_EXT4, "xfs", [], ["fsck -a /dev/d", "mount -t xfs -o defaults"], id="of-another-type"),
        pytest.param(_EXT4, "", ["ro"], ["mount -t ext4 -o ro,defaults"], id="read-only"),
        pytest.param(_PARTITIONS, "", [], ["fsck -a /dev/d", "mount -t ext4 -o defaults"], id="partitions"),
    ],
)
def test_only_an_empty_disk_is_formatted(
    tools: Path, tmp_path: Path, holds: str, fs_type: str, options: list[str], calls: list[str]
) -> None:
    _program(tools, "blkid", holds)
    asyncio.run(format_and_mount(Path("/dev/d"), tmp_path / "place", fs_type, options))
    found = (tmp_path / "calls").read_text().replace(f" /dev/d {tmp_path}/place", "").splitlines()
    assert found[1:] == calls


@pytest.mark.parametrize(
    ("program", "does", "options", "why"),
    [
        ("blkid", _EMPTY, ["ro"], "cannot mount unformatted disk /dev/d as we are manipulating it in read-only mode"),
        ("blkid", "echo what; exit 8", [], "failed to get disk format of disk /dev/d: exit status 8: what"),
        ("fsck", "echo broken; exit 4", [], "'fsck' found errors on device /dev/d but could not correct them: broken"),
        ("mount", "echo no; exit 32", [], "mount failed: exit status 32"),
    ],
    ids=["empty-read-only", "unknown", "beyond-repair", "not-mounted"],
)
def test_what_fails_is_told(tools: Path, tmp_path: Path, program: str, does: str, options: list[str], why: str) -> None:
    _program(tools, program, does)
    with pytest.raises(VolumeError, match=why):
        asyncio.run(format_and_mount(Path("/dev/d"), tmp_path / "place", "", options))


def test_a_type_that_the_node_cannot_make_is_told(tools: Path, tmp_path: Path) -> None:
    _program(tools, "blkid", _EMPTY)
    with pytest.raises(VolumeError, match=r"this node has no mkfs\.btrfs5"):
        asyncio.run(format_and_mount(Path("/dev/d"), tmp_path / "place", "btrfs5", []))
