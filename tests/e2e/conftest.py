"""A real cluster for the end-to-end tests: the command `pybernetes up`, kubectl, containers.

One cluster with one node serves all tests that leave it as they found it (`cluster`); a test
that breaks things takes its own. Names, ports, networks and the kubeconfig are the test run's
own, so that it runs beside other clusters and over what a killed run left behind.
"""

from __future__ import annotations

import fcntl
import functools
import itertools
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
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pybernetes.ingress import gateways

if TYPE_CHECKING:
    from .gate import Gate

IMAGE = "pybernetes.local/busybox:1.35"
PATIENCE_S = 120
"""For what takes a second on a quiet machine: only a test that fails waits as long."""
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

    def command(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `pybernetes ARGS`."""
        return run([*COMMAND, *args], self.env, check)

    def up(self, *args: str) -> subprocess.CompletedProcess[str]:
        return self.command("up", "--name", self.name, "--data-dir", str(self.folder / "data"), "--no-example", *args)

    def down(self) -> subprocess.CompletedProcess[str]:
        """Takes the cluster of this name away, also one that a killed run left behind."""
        return self.command("down", "--name", self.name, "--purge")

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl. Raises AssertionError with what it printed when it fails and `check` is set."""
        return run([self.kubectl_path, *args], {**self.env, **env}, check, stdin)

    def get(self, *args: str) -> Any:
        """`kubectl get … -o json`, decoded."""
        return msgspec.json.decode(self.kubectl("get", *args, "-o", "json").stdout)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """kubectl in the background, its output in a pipe."""
        return subprocess.Popen(
            [self.kubectl_path, *args], env=self.env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
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

    def expect(self, text: str) -> str:
        """Reads until `text` has appeared. Raises AssertionError when it does not."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} did not appear; the terminal shows:\n{self.seen}"
            if not self._read(left):
                break
        assert text in self.seen, f"{text!r} did not appear; the terminal shows:\n{self.seen}"
        return self.seen

    def wait(self) -> int:
        """The exit code, after reading the rest."""
        end = time.monotonic() + PATIENCE_S
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


def eventually(what: str, check: Callable[[], Any]) -> Any:
    """Calls `check` until it returns something true. Raises AssertionError with the last answer."""
    end = time.monotonic() + PATIENCE_S
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} did not happen within {PATIENCE_S} s; last: {answer!r}"
        select.select([], [], [], 0.2)


def fetch(url: str) -> str:
    """The page at `url`, without white space around it, asked of nobody in between. Raises OSError."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
        return str(answer.read().decode()).strip()


def quiet_fetch(url: str) -> str:
    """The page, or nothing when it cannot be had."""
    try:
        return fetch(url)
    except OSError:
        return ""


def run(
    argv: list[str], env: dict[str, str], check: bool, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The ended process. Raises AssertionError with what it printed when it fails and `check` is set."""
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run(argv, env=env, text=True, capture_output=True, timeout=2 * PATIENCE_S, check=False, **source)
    if check:
        assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def make_cluster(folder: Path, suffix: str = "") -> Cluster:
    if os.geteuid() != 0 or shutil.which("kubectl") is None or not Path("/usr/bin/containerd").exists():
        pytest.skip("needs root, containerd and kubectl")
    return Cluster(f"e2e{run_slot()}{suffix}", folder)


@functools.cache
def run_slot() -> int:
    """The number of this test run."""
    return own_slot()


def own_slot() -> int:
    """A number that nobody else on this machine has now; the lock ends with the process.

    So two runs never share a cluster's name or network, and a name that a killed run used is taken, and cleaned, again.
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


@pytest.fixture(scope="session")
def gateway_api(cluster: Cluster) -> None:
    """The definitions of the Gateway API, as somebody brings them into a cluster that runs."""
    cluster.kubectl("apply", "-f", str(Path(gateways.__file__).with_name("definitions.yaml")))
    ready = ("wait", "--for=condition=Accepted", "gatewayclass/pybernetes")
    eventually("the class is there", lambda: cluster.kubectl(*ready, check=False).returncode == 0)


_numbers = itertools.count(1)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, ready for Pods, made the default of the kubeconfig's context."""
    words = request.node.originalname.removeprefix("test_").replace("_", "-")
    name = f"{words[:50].rstrip('-')}-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("config", "set-context", "--current", f"--namespace={name}")
    made = ("get", "serviceaccount/default", "configmap/kube-root-ca.crt")
    eventually("what every Pod needs", lambda: cluster.kubectl(*made, check=False).returncode == 0)
    yield name
    cluster.kubectl("config", "set-context", "--current", "--namespace=default")
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def gate(cluster: Cluster, namespace: str) -> Iterator[Gate]:
    from .gate import Gate  # which has things from here

    made = Gate(cluster, namespace)
    yield made
    # Now, not with the namespace: another process of the proxy would come in the middle of the next test.
    cluster.kubectl("delete", "ingresses", "--all")
    cluster.kubectl("delete", "gateways,httproutes,grpcroutes", "--all", check=False)
    for backend in made.backends:
        backend.shutdown()
        backend.server_close()
