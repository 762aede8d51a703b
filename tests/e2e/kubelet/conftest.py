from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

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
