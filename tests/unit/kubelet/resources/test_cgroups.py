"""What is written into cgroups of either version. Source of the weights: cgroup_manager_linux.go getCPUWeight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pybernetes.kubelet.resources.cgroups import Cgroups, Hierarchies
from pybernetes.kubelet.resources.requests import cpu_weight

from ..pods import pod


@pytest.mark.parametrize(
    ("shares", "weight"),
    [(2, 1), (3, 1), (28, 1), (29, 2), (102, 4), (1024, 39), (2048, 79), (100_000, 3815), (262_144, 10_000)],
)
def test_weights_of_shares(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight


def unified(folder: Path) -> Hierarchies:
    for place in ("", "pyb", "pyb/kubepods", "pyb/kubepods/burstable", "pyb/kubepods/besteffort"):
        (folder / place).mkdir(exist_ok=True)
        (folder / place / "cgroup.controllers").write_text("cpu memory pids")
        (folder / place / "cgroup.subtree_control").write_text("")
    return Hierarchies(2, {}, folder)


def split(folder: Path) -> Hierarchies:
    controllers = {name: folder / name for name in ("cpu", "memory", "pids")}
    for place in controllers.values():
        place.mkdir()
    return Hierarchies(1, controllers)


LIMITED = {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "1Mi"}}


@pytest.mark.parametrize(
    ("resources", "level", "written"),
    [
        (LIMITED, "", {"cpu.weight": "39", "cpu.max": "100000 100000", "memory.max": "1048576", "pids.max": "7"}),
        ({"requests": {"cpu": "1"}}, "burstable/", {"cpu.weight": "39", "cpu.max": "max 100000", "pids.max": "7"}),
        ({}, "besteffort/", {"cpu.weight": "1", "pids.max": "7"}),
    ],
    ids=["guaranteed", "burstable", "best effort"],
)
def test_a_pod_in_version_2(tmp_path: Path, resources: Any, level: str, written: dict[str, str]) -> None:
    groups = Cgroups("/pyb", unified(tmp_path), pod_pids_limit=7)
    groups.setup()
    of = pod([{"name": "c", "image": "i", "resources": resources}])
    groups.create(of)
    folder = tmp_path / f"pyb/kubepods/{level}podu1"
    found = {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}
    assert {name: text for name, text in found.items() if not name.startswith("cgroup.")} == written


@pytest.mark.parametrize(("limit", "written"), [(7, "7"), (None, None)])
def test_processes_of_a_pod_in_version_1(tmp_path: Path, limit: int | None, written: str | None) -> None:
    groups = Cgroups("/pyb", split(tmp_path), pod_pids_limit=limit)
    groups.setup()
    groups.create(pod([{"name": "c", "image": "i"}]))
    file = tmp_path / "pids/pyb/kubepods/besteffort/podu1/pids.max"
    assert (file.read_text() if file.exists() else None) == written
