from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import run_slot
from .private_containerd import PrivateContainerd


@pytest.fixture(scope="module")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateContainerd]:
    if os.geteuid() != 0 or shutil.which("containerd") is None:
        pytest.skip("needs root and containerd")
    made = PrivateContainerd(Path(tmp_path_factory.mktemp("ctd")), run_slot())
    try:
        made.start()
        yield made
    finally:
        made.stop()
