"""What the machine does and what a process takes of it, for every benchmark alike."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from pybernetes.host.processes import memory_kb


def cpu_s(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """What is resident of it."""
    return memory_kb(pid)[0] / 1024


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def fsyncs(folder: Path, seconds: float) -> list[float]:
    """The seconds of each 4 kB that are appended and synced one after the other, as a commit alone has to; sorted."""
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        ends = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return sorted(times)
