"""The supervisor with real processes, in place of a cluster's: what it starts, takes over and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import stopped_mark
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.cluster.supervisor import restart_delay, rotate
from pybernetes.host.processes import Process, spawn

PATIENCE_S = 60
SCRIPT = """
import sys
from pathlib import Path
from pybernetes.cluster import supervisor
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import ProcessSpec

supervisor.process_table = lambda spec, layout: [
    ProcessSpec("plane", ("sleep", "1000")),
    ProcessSpec("containerd-node-1", ("sleep", "1001"), "node-1", outlives=True),
    ProcessSpec("node-1", ("sleep", "1002"), "node-1"),
    *([ProcessSpec("simulated-nodes", ("sleep", "1003"))] if spec is not None and spec.simulated_nodes else []),
]
sys.exit(supervisor.Supervisor(None, Layout("test", Path(sys.argv[1]))).run())
"""


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    monkeypatch.setattr("pybernetes.cluster.layout.run_home", lambda: tmp_path / "run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = Layout("test", tmp_path / "data")
    for folder in (made.logs, made.processes, made.run / "stopped"):
        folder.mkdir(parents=True)
    yield made
    for file in made.processes.iterdir():
        if (process := Process.recorded(file)) is not None:
            process.stop(5)


def start(layout: Layout) -> subprocess.Popen[bytes]:
    script = SCRIPT.replace("sys.exit(", f"Layout.run = property(lambda self: Path({str(layout.run)!r}))\nsys.exit(")
    return subprocess.Popen([sys.executable, "-c", script, str(layout.data)])


def until(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)


def running(layout: Layout) -> dict[str, int]:
    return {
        file.name: process.pid
        for file in layout.processes.iterdir()
        if not file.name.startswith(".") and (process := Process.recorded(file)) is not None
    }


def test_start_restart_take_over_and_stop(layout: Layout) -> None:
    first = start(layout)
    until(lambda: len(running(layout)) == 4, first)
    before = running(layout)
    os.kill(before["plane"], signal.SIGKILL)
    until(lambda: running(layout).get("plane", before["plane"]) != before["plane"], first)
    assert {**running(layout), "plane": 0} == {**before, "plane": 0}, "only the dead one was started again"

    first.kill()
    first.wait()
    before = running(layout)
    assert "supervisor" not in before
    second = start(layout)
    until(lambda: running(layout).get("supervisor") == second.pid, second)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as third:
        assert third.wait() == 0
    assert {**before, "supervisor": second.pid} == running(layout), "those that ran were taken over"

    # One that it did not start is watched like its own.
    os.kill(before["node-1"], signal.SIGKILL)
    until(lambda: running(layout).get("node-1", before["node-1"]) != before["node-1"], second)

    stopped_mark(layout, "node-1").touch()
    second.send_signal(signal.SIGHUP)
    until(lambda: set(running(layout)) == {"plane", "supervisor"}, second)
    stopped_mark(layout, "node-1").unlink()
    second.send_signal(signal.SIGHUP)
    until(lambda: len(running(layout)) == 4, second)

    ranges = ("10.244.0.0/16", "10.96.0.0/16", "172.31.255.0/24")
    ClusterSpec("test", 0, 1, 6443, *ranges, 30000, 32767, 10250, simulated_nodes=1).write(layout.spec)
    second.send_signal(signal.SIGHUP)
    until(lambda: "simulated-nodes" in running(layout), second)

    second.terminate()
    assert second.wait(PATIENCE_S) == 0
    assert set(running(layout)) == {"containerd-node-1"}, "containers outlive us"


def test_a_second_supervisor_ends_at_once(layout: Layout) -> None:
    first = start(layout)
    until(lambda: len(running(layout)) == 4, first)
    assert start(layout).wait(PATIENCE_S) == 0
    assert running(layout)["supervisor"] == first.pid
    first.terminate()
    first.wait(PATIENCE_S)


def test_delays_grow_and_stop_growing() -> None:
    assert [restart_delay(failures) for failures in (1, 2, 3, 4, 11, 1000)] == [0.0, 0.1, 0.2, 0.4, 30.0, 30.0]


def test_a_log_is_rotated_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    writer = spawn(["sh", "-c", "echo one; cat >/dev/null; sleep 1000"], log=log)
    try:
        with log.open("ab") as file:
            file.write(b"x" * 100 + b"\n")
            file.flush()
            rotate(log, limit=50)
            file.write(b"two\n")
        assert log.read_bytes().endswith(b"two\n")
        assert log.stat().st_size < 50
        assert (tmp_path / "x.log.1").stat().st_size > 100
    finally:
        writer.stop(5)
