"""Volumes of an NFS server, mounted by the system's own helper.

Source: pkg/volume/nfs/nfs.go, vendor/k8s.io/mount-utils/mount_linux.go.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from pybernetes.api.core.v1 import NFSVolumeSource
from pybernetes.kubelet.volumes import mounts
from pybernetes.kubelet.volumes.payload import VolumeError

FOLDER = "kubernetes.io~nfs"
_HELPER = "/sbin/mount.nfs"
_PATIENCE_S = 120.0


async def mount(source: NFSVolumeSource, place: Path, options: Sequence[str], read_only: bool) -> None:
    """Does nothing where it is mounted. Raises VolumeError with what the helper said, OSError."""
    if mounts.is_mount_point(place):
        return
    if shutil.which(_HELPER) is None:
        raise VolumeError(f"mount failed: this node has no {_HELPER}; it is in Debian's package nfs-common")
    await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True, mode=0o750)
    server = f"[{source.server}]" if ":" in source.server else source.server
    chosen = [*(["ro"] if read_only or source.readOnly else []), *options]
    arguments = ["-t", "nfs", *(["-o", ",".join(chosen)] if chosen else []), f"{server}:{source.path}", str(place)]
    process = await asyncio.create_subprocess_exec(
        "mount", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            output, _ = await process.communicate()
    except TimeoutError:
        raise VolumeError(f"mount failed: {server} did not answer within {_PATIENCE_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise VolumeError(
            f"mount failed: exit status {process.returncode}\nMounting command: mount\n"
            f"Mounting arguments: {' '.join(arguments)}\nOutput: {output.decode(errors='replace').strip()}"
        )
