"""What is written into cgroups of either version. Source of the weights: cgroup_manager_linux.go getCPUWeight."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.node.usage import process_of
from pybernetes.kubelet.resources.cgroups import Cgroups, Hierarchies
from pybernetes.kubelet.resources.enforcing import hold_pods, hold_reserved
from pybernetes.kubelet.resources.requests import CgroupValues, cpu_weight

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
        (folder / place / "cgroup.controllers").write_text("cpu memory pids hugetlb")
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


@pytest.mark.parametrize(
    ("version", "used", "held", "then", "told"),
    [
        (1, 2 << 20, str(4 << 20), str(4 << 20), 4 << 20),
        (1, 2 << 20, "9223372036854771712", "9223372036854771712", None),
        (1, 1000, str(4 << 20), str(1 << 20), 1 << 20),
        (2, 2 << 20, str(4 << 20), str(4 << 20), 4 << 20),
        (2, 2 << 20, "max\n", "max\n", None),
        (2, 1000, "max\n", str(1 << 20), 1 << 20),
    ],
)
def test_memory_that_is_in_use_is_not_taken_from_a_pod_that_runs(
    tmp_path: Path, version: int, used: int, held: str, then: str, told: int | None
) -> None:
    groups = Cgroups("/pyb", split(tmp_path) if version == 1 else unified(tmp_path))
    groups.setup()
    of = pod([{"name": "c", "image": "i", "resources": LIMITED}])
    assert groups.create(of).memory_limit_bytes == 1 << 20
    folder = (tmp_path / "memory" if version == 1 else tmp_path) / "pyb/kubepods/podu1"
    usage, limit = ("usage_in_bytes", "limit_in_bytes") if version == 1 else ("current", "max")
    (folder / f"memory.{usage}").write_text(f"{used}\n")
    (folder / f"memory.{limit}").write_text(held)
    assert groups.create(of).memory_limit_bytes == told
    assert (folder / f"memory.{limit}").read_text() == then


@pytest.mark.parametrize(("limit", "written"), [(7, "7"), (None, None)])
def test_processes_of_a_pod_in_version_1(tmp_path: Path, limit: int | None, written: str | None) -> None:
    groups = Cgroups("/pyb", split(tmp_path), pod_pids_limit=limit)
    groups.setup()
    groups.create(pod([{"name": "c", "image": "i"}]))
    file = tmp_path / "pids/pyb/kubepods/besteffort/podu1/pids.max"
    assert (file.read_text() if file.exists() else None) == written


PAGES = {"limits": {"hugepages-2Mi": "4Mi", "cpu": "1", "memory": "1Mi"}}


@pytest.mark.parametrize("prefix", ["", "crio-"], ids=["containerd", "CRI-O"])
@pytest.mark.parametrize(("made", "file"), [(unified, "memory.current"), (split, "memory.usage_in_bytes")])
def test_a_container_is_found_by_the_name_that_its_runtime_gave_it(
    tmp_path: Path, made: Callable[[Path], Hierarchies], file: str, prefix: str
) -> None:
    hierarchies = made(tmp_path)
    groups = Cgroups("/pyb", hierarchies)
    groups.setup()
    of = pod([{"name": "c", "image": "i"}])
    groups.create(of)
    place = (hierarchies.unified or hierarchies.controllers["memory"]) / groups.parent_of(of).lstrip("/")
    for name, used in (("conmon-7", 1), (f"{prefix}7", 4096)):
        (place / name).mkdir()
        (place / name / file).write_text(f"{used}\n")
    assert groups.of_container(of, "7") == f"{groups.parent_of(of)}/{prefix}7"
    assert groups.memory_usage(of, "7") == 4096
    assert groups.of_container(of, "8") == f"{groups.parent_of(of)}/8", "not made yet"


def test_huge_pages_of_a_pod(tmp_path: Path) -> None:
    """Of the sizes that it does not ask for it gets none."""
    (tmp_path / "v2").mkdir()
    groups = Cgroups("/pyb", unified(tmp_path / "v2"), page_sizes=[2 << 20, 1 << 30])
    asks = {**PAGES, "requests": PAGES["limits"]}
    groups.create(pod([{"name": "c", "image": "i", "resources": asks}]))
    folder = tmp_path / "v2/pyb/kubepods/podu1"
    assert {f.name: f.read_text() for f in folder.glob("hugetlb.*")} == {
        "hugetlb.2MB.max": "4194304",
        "hugetlb.1GB.max": "0",
    }


def test_huge_pages_in_a_hierarchy_beside_those_of_version_1(tmp_path: Path) -> None:
    """Where version 1 has all controllers but that of huge pages, and version 2 that alone."""
    hierarchies = split(tmp_path)
    beside = tmp_path / "unified"
    beside.mkdir()
    for place in ("", "pyb", "pyb/kubepods", "pyb/kubepods/besteffort"):
        (beside / place).mkdir(exist_ok=True)
        (beside / place / "cgroup.controllers").write_text("hugetlb")
    groups = Cgroups("/pyb", replace(hierarchies, beside=(beside,)), page_sizes=[2 << 20])
    groups.create(pod([{"name": "c", "image": "i"}]))
    assert (beside / "pyb/kubepods/cgroup.subtree_control").read_text() == "+hugetlb"
    assert (beside / "pyb/kubepods/besteffort/podu1/hugetlb.2MB.max").read_text() == "0"
    assert (tmp_path / "cpu/pyb/kubepods/besteffort/podu1/cpu.shares").exists()


@pytest.mark.parametrize(
    ("enforced", "written"),
    [
        (("pods",), {"cpu.weight": "59", "memory.max": "805306368", "pids.max": ANY, "hugetlb.2MB.max": "4194304"}),
        ((), {"cpu.weight": "79", "memory.max": "1073741824", "pids.max": ANY, "hugetlb.2MB.max": "4194304"}),
    ],
    ids=["what is not reserved", "all"],
)
def test_what_all_pods_have_together(tmp_path: Path, enforced: tuple[str, ...], written: dict[str, Any]) -> None:
    capacity = {"cpu": "2", "memory": "1Gi", "hugepages-2Mi": "4Mi", "pods": "110"}
    config = KubeletConfig("n", system_reserved={"cpu": "200m"}, kube_reserved={"cpu": "300m", "memory": "256Mi"})
    config.enforce_node_allocatable = enforced
    groups, told = Cgroups("/pyb", unified(tmp_path)), []
    group = tmp_path / "pyb/kubepods"
    for name in written:
        (group / name).write_text("")
    asyncio.run(hold_pods(groups, config, capacity, lambda *words: told.append(words)))
    assert {f.name: f.read_text() for f in group.iterdir() if f.name in written} == written
    assert told == [("Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods")]


def test_a_group_that_the_node_is_reserved_for(tmp_path: Path) -> None:
    config = KubeletConfig("n", kube_reserved={"cpu": "1", "memory": "1Gi"}, kube_reserved_cgroup="/agents")
    config.enforce_node_allocatable = ["kube-reserved-compressible"]
    groups = Cgroups("/pyb", split(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"there is no such cgroup: '/agents'"):
        hold_reserved(groups, config)
    for controller, file in (("cpu", "cpu.shares"), ("memory", "memory.limit_in_bytes")):
        (tmp_path / controller / "agents").mkdir()
        (tmp_path / controller / "agents" / file).write_text("")
    hold_reserved(groups, config)
    assert (tmp_path / "cpu/agents/cpu.shares").read_text() == "1024"
    assert (tmp_path / "memory/agents/memory.limit_in_bytes").read_text() == ""
    config.enforce_node_allocatable = ["kube-reserved"]
    hold_reserved(groups, config)
    assert (tmp_path / "memory/agents/memory.limit_in_bytes").read_text() == "1073741824"


def test_limits_that_a_host_lacks_are_named(tmp_path: Path) -> None:
    groups = Cgroups("/pyb", split(tmp_path))
    groups.setup()
    asked = CgroupValues(cpu_quota_us=1000, pids_limit=7, hugepages=((2 << 20, 2 << 20), (1 << 30, 0)))
    (tmp_path / "pids/pyb/kubepods/pids.max").write_text("")
    assert groups.hold(groups.of_pods, asked) == {"cpu", "hugetlb"}
    assert (tmp_path / "pids/pyb/kubepods/pids.max").read_text() == "7"


def test_memory_that_pods_ask_for_is_protected(tmp_path: Path) -> None:
    groups = Cgroups("/pyb", unified(tmp_path), protects=True)
    groups.setup()
    for uid, resources in (("u1", LIMITED), ("u2", {"requests": {"memory": "2Mi"}}), ("u3", {})):
        made = pod([{"name": "c", "image": "i", "resources": resources}])
        made.metadata.uid = uid
        groups.create(made)

    def protected() -> dict[str, str]:
        files = [*tmp_path.rglob("memory.min"), *tmp_path.rglob("memory.low")]
        return {str(file.relative_to(tmp_path / "pyb/kubepods")): file.read_text() for file in files}

    assert protected() == {
        "memory.min": str(3 << 20),
        "podu1/memory.min": str(1 << 20),
        "burstable/memory.low": str(2 << 20),
        "burstable/podu2/memory.low": str(2 << 20),
    }
    shutil.rmtree(tmp_path / "pyb/kubepods/burstable/podu2")
    groups.remove("u2")
    assert protected() == {"memory.min": str(1 << 20), "podu1/memory.min": str(1 << 20), "burstable/memory.low": "0"}


def test_the_runtimes_own_process_is_none_of_the_pod(tmp_path: Path) -> None:
    """CRI-O lays its monitor of a container beside it; that one is on the host's network."""
    hierarchies = unified(tmp_path)
    for name, process in (("crio-conmon-7", 6), ("crio-7", 7)):
        (tmp_path / "pod" / name).mkdir(parents=True)
        (tmp_path / "pod" / name / "cgroup.procs").write_text(f"{process}\n")
    assert process_of(hierarchies, "/pod") == 7
