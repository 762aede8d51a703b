"""The fsGroup of a volume: what is given, and what is never followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pybernetes.kubelet.volumes import ownership

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_everything_in_the_volume_is_given_and_nothing_outside(tmp_path: Path) -> None:
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    (volume / "deep").mkdir(parents=True)
    (volume / "deep" / "file").write_text("x")
    (volume / "deep" / "file").chmod(0o600)
    outside.write_text("secret")
    outside.chmod(0o600)
    (volume / "link").symlink_to(outside)
    ownership.give(volume, 2000, None)
    file, folder = (volume / "deep" / "file").stat(), (volume / "deep").stat()
    assert (file.st_gid, file.st_mode & 0o7777) == (2000, 0o660)
    assert (folder.st_gid, folder.st_mode & 0o2070) == (2000, 0o2070)
    assert (volume / "link").lstat().st_gid == 2000
    assert (outside.stat().st_gid, outside.stat().st_mode & 0o777) == (0, 0o600)


def test_a_volume_that_is_right_is_left_alone(tmp_path: Path) -> None:
    ownership.give(tmp_path, 2000, "OnRootMismatch")
    (tmp_path / "new").write_text("x")
    os.chown(tmp_path / "new", 0, 0)
    ownership.give(tmp_path, 2000, "OnRootMismatch")
    assert (tmp_path / "new").stat().st_gid == 0
    ownership.give(tmp_path, 2000, "Always")
    assert (tmp_path / "new").stat().st_gid == 2000
