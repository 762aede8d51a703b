"""A real cluster for the end-to-end tests: the command `pybernetes up`, kubectl, containers.

One cluster with one node serves all tests that leave it as they found it (`cluster`); a test
that breaks things takes its own. Names, ports, networks and the kubeconfig are the test run's
own, so that it runs beside other clusters and over what a killed run left behind.
"""

from __future__ import annotations

import fcntl
import functools
import os
import pty
import select
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

IMAGE = "pybernetes.local/busybox:1.35"
COMMAND = [sys.executable, "-m", "pybernetes"]


@dataclass
class Cluster:
    name: str
    folder: Path
    kubectl_path: str = "kubectl"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), **self.environment}

    def command(self, *args: str, check: bool = True, timeout_s: float = 180) -> subprocess.CompletedProcess[str]:
        """Runs `pybernetes ARGS`."""
        return _run([*COMMAND, *args], self.env, check, timeout_s)

    def up(self, *args: str) -> subprocess.CompletedProcess[str]:
        return self.command("up", "--name", self.name, "--data-dir", str(self.folder / "data"), "--no-example", *args)

    def down(self) -> subprocess.CompletedProcess[str]:
        """Takes the cluster of this name away, also one that a killed run left behind."""
        return self.command("down", "--name", self.name, "--purge")

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout_s: float = 90, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl. Raises AssertionError with what it printed when it fails and `check` is set."""
        return _run([self.kubectl_path, *args], {**self.env, **env}, check, timeout_s, stdin)

    def get(self, *args: str) -> Any:
        """`kubectl get … -o json`, decoded."""
        return msgspec.json.decode(self.kubectl("get", *args, "-o", "json").stdout)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """kubectl in the background, its output in a pipe."""
        return subprocess.Popen(
            [self.kubectl_path, *args], env=self.env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
        )  # fmt: skip

    def terminal(self, *args: str) -> Terminal:
        """kubectl on a terminal of its own, as a person has it."""
        return Terminal([self.kubectl_path, *args], self.env)


class Terminal:
    """A process on a pseudo-terminal that is typed to and read from."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self.seen = ""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.execvpe(argv[0], argv, {**env, "TERM": "xterm"})

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def expect(self, text: str, timeout_s: float = 30) -> str:
        """Reads until `text` has appeared. Raises AssertionError when it does not."""
        end = time.monotonic() + timeout_s
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} did not appear; the terminal shows:\n{self.seen}"
            if not self._read(left):
                break
        assert text in self.seen, f"{text!r} did not appear; the terminal shows:\n{self.seen}"
        return self.seen

    def wait(self, timeout_s: float = 30) -> int:
        """The exit code, after reading the rest."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self._read(end - time.monotonic()):
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)

    def _read(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(timeout_s, 0))
        if not ready:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


def eventually(what: str, check: Callable[[], Any], timeout_s: float = 60) -> Any:
    """Calls `check` until it returns something true. Raises AssertionError with the last answer."""
    end = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} did not happen within {timeout_s} s; last: {answer!r}"
        select.select([], [], [], 0.2)


def fetch(url: str) -> str:
    """The page at `url`, without white space around it. Raises OSError."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode()).strip()


def _run(
    argv: list[str], env: dict[str, str], check: bool, timeout_s: float, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run(argv, env=env, text=True, capture_output=True, timeout=timeout_s, check=False, **source)
    if check:
        assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def make_cluster(folder: Path, suffix: str = "") -> Cluster:
    if os.geteuid() != 0 or shutil.which("kubectl") is None or not Path("/usr/bin/containerd").exists():
        pytest.skip("needs root, containerd and kubectl")
    return Cluster(f"e2e{_run_slot()}{suffix}", folder)


@functools.cache
def _run_slot() -> int:
    """A number that no other test run on this machine has now; the lock ends with the process.

    So two runs never share a cluster's name, and a name that a killed run used is taken, and cleaned, again.
    """
    for slot in range(100):
        lock = os.open(f"/run/pybernetes-e2e-{slot}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return slot
    raise AssertionError("a hundred test runs at once")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The shared cluster with one node."""
    made = make_cluster(tmp_path_factory.mktemp("cluster"))
    made.down()
    made.up()
    yield made
    made.down()


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, made the default of the kubeconfig's context."""
    name = request.node.name.removeprefix("test_").replace("_", "-").split("[")[0][:50].rstrip("-")
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found")
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("config", "set-context", "--current", f"--namespace={name}")
    yield name
    cluster.kubectl("config", "set-context", "--current", "--namespace=default")
    cluster.kubectl("delete", "namespace", name, "--wait=false")
