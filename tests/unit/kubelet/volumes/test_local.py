"""Folders of the node as volumes."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from pybernetes.api.core.v1 import LocalVolumeSource
from pybernetes.kubelet.volumes import local

from ..pods import pod


def test_the_folder_behind_a_link_is_given_to_the_pods_group(tmp_path: Path) -> None:
    folder, link = tmp_path / "disk", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    of = pod(securityContext={"fsGroup": os.getegid()})
    asyncio.run(local.set_up(tmp_path / "root", LocalVolumeSource(path=str(link)), of, "pv", [], False))
    assert folder.stat().st_mode & stat.S_ISGID
