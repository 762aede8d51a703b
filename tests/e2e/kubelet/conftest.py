from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from pybernetes.kubelet.volumes import mounts

from ..conftest import run_slot
from .private_containerd import PrivateContainerd


@pytest.fixture(scope="module")
def containerd() -> Iterator[PrivateContainerd]:
    if os.geteuid() != 0 or shutil.which("containerd") is None:
        pytest.skip("needs root and containerd")
    folder = Path(mkdtemp(prefix="ctd-"))
    folder.chmod(0o711)  # root of a user namespace goes through to its root file system
    made = PrivateContainerd(folder, run_slot())
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filled file system harms nobody else."""
    image, place = tmp_path / "disk", tmp_path / "mounted"
    place.mkdir()
    image.touch()
    os.truncate(image, 64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-N", "1024", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    yield place
    for mounted in mounts.mounts_below(place):
        mounts.unmount(mounted, mounts.MNT_DETACH)
