"""Which options a tmpfs is mounted with, by what the kernel knows."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pybernetes.kubelet.volumes import mounts


@pytest.fixture(autouse=True)
def other_kernels() -> Iterator[None]:
    mounts._knows_noswap.cache_clear()
    yield
    mounts._knows_noswap.cache_clear()


@pytest.mark.parametrize(
    ("release", "refused", "asked"),
    [
        ("6.1.0-18-amd64", 0, ["size=5"]),
        ("6.18.44-fc", 0, ["noswap,size=5"]),
        ("10.0", errno.EINVAL, ["noswap,size=5", "size=5"]),
    ],
    ids=["too old", "new enough", "in a user namespace"],
)
def test_a_tmpfs_is_not_swapped_where_that_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, release: str, refused: int, asked: list[str]
) -> None:
    found = []

    def mount(source: str, target: Path, kind: str, flags: int, data: str) -> None:
        found.append(data)
        if refused and "noswap" in data:
            raise OSError(refused, "refused")

    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release))
    monkeypatch.setattr(mounts, "mount", mount)
    mounts.tmpfs(tmp_path, 5)
    assert found == asked
