"""What containerd is asked for to show an image on a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes.kubelet.volumes.image_mounts import ImageMounts
from pybernetes.kubelet.volumes.payload import VolumeError

_KNOWS_NOTHING = "case $* in *remove*|*delete*) echo 'ctr: not found'; exit 1;; esac"


def _ctr(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    file = folder / "ctr"
    file.write_text(f'#!/bin/sh\necho "$*" >> {folder}/calls\n{does}\n')
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def test_an_image_is_shown_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ctr(tmp_path, monkeypatch, _KNOWS_NOTHING)
    place = tmp_path / "volume"
    shown = ImageMounts("unix:///run/c.sock")
    asyncio.run(shown.mount("sha256:1", place))
    asyncio.run(shown.release(place))
    calls = (tmp_path / "calls").read_text().replace("--address /run/c.sock --namespace k8s.io ", "")
    forgotten = [f"snapshots remove {place}", f"leases delete {place}"]
    assert calls.splitlines() == [
        *forgotten,
        f"images mount sha256:1 {place}",
        f"snapshots label {place} containerd.io/gc.root=volume",
        *forgotten,
    ]


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (f"{_KNOWS_NOTHING}; echo 'ctr: no such image'; exit 1", "images mount failed: no such image"),
        ("echo 'ctr: snapshot is busy'; exit 1", "snapshots remove failed: snapshot is busy"),
    ],
    ids=["no-image", "busy"],
)
def test_what_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, why: str) -> None:
    _ctr(tmp_path, monkeypatch, does)
    with pytest.raises(VolumeError, match=why):
        asyncio.run(ImageMounts("/run/c.sock").mount("sha256:1", tmp_path / "volume"))
