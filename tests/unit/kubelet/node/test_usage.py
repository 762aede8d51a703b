"""Cgroup files of both versions, as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

from pybernetes.kubelet.node.usage import Usage, memory_in_use, memory_limit, usage
from pybernetes.kubelet.resources.cgroups import Hierarchies

V1_STAT = (
    "cache 900\nrss 1\ninactive_file 5\ntotal_rss 500\ntotal_pgfault 7\ntotal_pgmajfault 2\ntotal_inactive_file 300\n"
)
V2_STAT = "anon 500\nfile 900\nslab_reclaimable 3\npgfault 7\npgmajfault 2\ninactive_file 300\n"


def test_version_1(tmp_path: Path) -> None:
    cpu, memory = tmp_path / "cpu,cpuacct", tmp_path / "memory"
    for folder, files in (
        (cpu, {"cpuacct.usage": "123456789\n"}),
        (memory, {"memory.usage_in_bytes": "1400\n", "memory.stat": V1_STAT}),
    ):
        (folder / "kubepods/podx").mkdir(parents=True)
        for name, text in files.items():
            (folder / "kubepods/podx" / name).write_text(text)
    both = Hierarchies(1, {"cpu": cpu, "cpuacct": cpu, "memory": memory})
    assert usage(both, "/kubepods/podx") == Usage(123456789, 1400, 1100, 500, 7, 2)
    assert usage(both, "/kubepods/pody") is None
    assert usage(Hierarchies(1, {"memory": memory}), "/kubepods/podx") is None, "no controller of CPU time"


def test_version_2(tmp_path: Path) -> None:
    group = tmp_path / "kubepods/podx"
    group.mkdir(parents=True)
    (group / "cpu.stat").write_text("usage_usec 123456\nuser_usec 1\nsystem_usec 2\n")
    (group / "memory.current").write_text("1400\n")
    (group / "memory.stat").write_text(V2_STAT)
    unified = Hierarchies(2, {}, tmp_path)
    assert usage(unified, "/kubepods/podx") == Usage(123456000, 1400, 1100, 500, 7, 2)
    (group / "memory.current").write_text("200\n")
    found = usage(unified, "/kubepods/podx")
    assert found is not None
    assert found.working_set_bytes == 0, "never below nothing"
    (group / "cpu.stat").unlink()
    assert usage(unified, "/kubepods/podx") is None


def test_limits(tmp_path: Path) -> None:
    (tmp_path / "kubepods").mkdir()
    both = Hierarchies(1, {"memory": tmp_path})
    assert memory_limit(both, "/kubepods") is None
    for text, expected in (("4096", 4096), ("9223372036854771712", None)):
        (tmp_path / "kubepods/memory.limit_in_bytes").write_text(text)
        assert memory_limit(both, "/kubepods") == expected


def test_the_kernels_own_memory_is_not_what_processes_and_files_have() -> None:
    fields = {"AnonPages": 500, "Cached": 300, "Buffers": 60, "SwapCached": 0, "Inactive(file)": 200, "Slab": 5000}
    assert memory_in_use(fields) == (860, 660)
