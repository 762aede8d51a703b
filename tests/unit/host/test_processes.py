from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from pybernetes.host.processes import Process, age_s, arguments, memory_kb, spawn


def test_a_process_is_its_id_and_its_start(tmp_path: Path) -> None:
    with subprocess.Popen(["cat", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()  # it runs: right after exec the arguments are empty for a moment
        process = Process.of(child.pid)
        assert process is not None
        assert process.alive()
        assert arguments(child.pid) == ["cat", "-"]
        assert Process.parse(str(process)) == process
        (tmp_path / "record").write_text(str(process))
        assert Process.recorded(tmp_path / "record") == process
        (tmp_path / "record").write_text(f"{process.pid} {process.start_ticks + 1}")
        assert Process.recorded(tmp_path / "record") is None, "a reused id is another process"
        assert not Process(process.pid, process.start_ticks + 1).signal(signal.SIGKILL)
        assert not process.wait(0)
        assert process.stop(5)
        assert not process.alive(), "not even its zombie counts"
        assert process.stop(5)
        assert child.wait() == -signal.SIGTERM


def test_what_does_not_end_is_killed() -> None:
    with subprocess.Popen(["sh", "-c", "trap '' TERM; echo; sleep 1000 & wait; wait"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = Process.of(child.pid)
        assert process is not None
        leader = int(subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(child.pid)]).split()[0])
        assert process.stop(0.05)
        os.kill(leader, signal.SIGKILL)


def test_spawned_in_a_session_of_its_own_with_a_log(tmp_path: Path) -> None:
    process = spawn(["sh", "-c", "echo out; echo err >&2; exec sleep 1000"], log=tmp_path / "log")
    try:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
        while len((tmp_path / "log").read_text().split()) < 2:
            assert not process.wait(0.01)
        assert (tmp_path / "log").read_text() == "out\nerr\n"
        resident, proportional = memory_kb(process.pid)
        assert resident >= proportional > 0
        assert 0 <= age_s(process.pid) < age_s(os.getpid())
    finally:
        process.stop(5)


def test_records_of_nothing(tmp_path: Path) -> None:
    assert Process.recorded(tmp_path / "none") is None
    assert Process.parse("") is None
    assert Process.parse("12") is None
    assert Process.of(2**22 + 1) is None
    assert arguments(2**22 + 1) == []
    assert memory_kb(2**22 + 1) == (0, 0)
    assert age_s(2**22 + 1) == 0
