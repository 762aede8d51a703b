"""The system's own tools for disks: what is on one, a file system onto an empty one, and mounting.

Source: staging/src/k8s.io/mount-utils/mount_linux.go (formatAndMount, GetDiskFormat, checkAndRepairFilesystem).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pybernetes.kubelet import programs
from pybernetes.kubelet.volumes import mounts
from pybernetes.kubelet.volumes.payload import VolumeError

_PATIENCE_S = 120.0
_FORMAT_PATIENCE_S = 1800.0
_NOTHING_FOUND = 2
"""Of blkid: the disk is empty."""
_UNCORRECTED = 4
"""Of fsck: errors that are left."""
_MAKE: dict[str, tuple[str, ...]] = {"ext3": ("-F", "-m0"), "ext4": ("-F", "-m0"), "xfs": ("-f",)}
"""So that nothing is asked."""


async def format_and_mount(disk: Path, place: Path, fs_type: str, options: Sequence[str]) -> None:
    """Mounts a disk, with a file system of that type when it is empty; does nothing where it is mounted.

    What is on a disk is never written over. Raises VolumeError with what the tool said, OSError.
    """
    if mounts.is_mount_point(place):
        return
    fs_type = fs_type or "ext4"
    there = await _content(disk)
    if not there:
        if "ro" in options:
            raise VolumeError(f"cannot mount unformatted disk {disk} as we are manipulating it in read-only mode")
        status, said = await run(f"mkfs.{fs_type}", *_MAKE.get(fs_type, ()), str(disk), patience_s=_FORMAT_PATIENCE_S)
        if status:
            raise VolumeError(f'format of disk "{disk}" failed: type:("{fs_type}") errcode:({status}) output:({said})')
    elif "ro" not in options:
        status, said = await run("fsck", "-a", str(disk), patience_s=_FORMAT_PATIENCE_S)
        if status == _UNCORRECTED:
            raise VolumeError(f"'fsck' found errors on device {disk} but could not correct them: {said}")
    await mount(fs_type, str(disk), place, [*options, "defaults"])


async def mount(fs_type: str, source: str, place: Path, options: Sequence[str]) -> None:
    """Makes the folder and mounts onto it. Raises VolumeError with what mount(8) said, OSError."""
    await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True, mode=0o750)
    arguments = ["-t", fs_type, *(["-o", ",".join(options)] if options else []), source, str(place)]
    status, said = await run("mount", *arguments)
    if status:
        raise VolumeError(
            f"mount failed: exit status {status}\nMounting command: mount\n"
            f"Mounting arguments: {' '.join(arguments)}\nOutput: {said}"
        )


async def _content(disk: Path) -> str:
    """The type of what is on a disk; "" for an empty one. Raises VolumeError."""
    status, said = await run("blkid", "-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "export", str(disk))
    if status == _NOTHING_FOUND:
        return ""
    if status:
        raise VolumeError(f"failed to get disk format of disk {disk}: exit status {status}: {said}")
    found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return "unknown data, probably partitions" if "PTTYPE" in found else found.get("TYPE", "unknown data")


async def run(program: str, *arguments: str, patience_s: float = _PATIENCE_S) -> tuple[int, str]:
    """Exit status and output. Raises VolumeError where there is no such program, or it does not end in time."""
    try:
        status, output, complaints = await programs.run(program, *arguments, patience_s=patience_s)
    except FileNotFoundError:
        raise VolumeError(f"this node has no {program}") from None
    except TimeoutError:
        raise VolumeError(f"{program} failed: it did not end within {patience_s:g} s") from None
    return status, (output + complaints).decode(errors="replace").strip()
