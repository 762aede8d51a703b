"""An apiserver of its own on a SQLite file, as a process, and kubectl to ask it with."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_ports
from tests.unit.http.certificates import Authority

_numbers = itertools.count()
START = "import sys; from pybernetes.cmd.main import main; sys.exit(main())"


class Cluster:
    """The process, its files, and kubectl as several users (admin, alice, node)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.create(folder, "kubernetes")
        self.server_files = self.authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])
        self.users = {
            "admin": self.authority.issue("kubernetes-admin", organizations=["system:masters"]),
            "alice": self.authority.issue("alice", organizations=["dev"]),
            "node": self.authority.issue("system:node:n1", organizations=["system:nodes"]),
        }
        (self.port,) = free_ports(1)
        self.kubeconfig = folder / "kubeconfig"
        self._write_kubeconfig()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        flags = {
            "bind-address": "127.0.0.1",
            "advertise-address": "192.0.2.10",
            "secure-port": self.port,
            "tls-cert-file": self.server_files[0],
            "tls-private-key-file": self.server_files[1],
            "client-ca-file": self.authority.certificate_file,
            "service-account-signing-key-file": self.users["node"][1],
            "data-file": self.folder / "state.db",
        }
        command = [sys.executable, "-c", START, "apiserver", *(f"--{k}={v}" for k, v in flags.items())]
        with (self.folder / "apiserver.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 100
        while self.kubectl("get", "--raw", "/readyz", check=False).returncode:
            assert self._process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(100)
            self._process = None

    def log(self) -> str:
        return (self.folder / "apiserver.log").read_text()

    def command(self, *args: str, user: str = "admin", binary: str = "kubectl") -> list[str]:
        return [binary, "--kubeconfig", str(self.kubeconfig), "--context", user, *args]

    def kubectl(
        self, *args: str, user: str = "admin", stdin: str = "", check: bool = True, binary: str = "kubectl", **env: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*args, user=user, binary=binary),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "HOME": str(self.folder), **env},
        )
        assert not check or not done.returncode, done.stdout + done.stderr
        return done

    def json(self, *args: str, user: str = "admin") -> Any:
        return json.loads(self.kubectl(*args, "-o", "json", user=user).stdout)

    def _write_kubeconfig(self) -> None:
        cluster = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": self.authority.certificate_file}
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": cluster}],
                    "users": [
                        {"name": name, "user": {"client-certificate": certificate, "client-key": key}}
                        for name, (certificate, key) in self.users.items()
                    ],
                    "contexts": [{"name": name, "context": {"cluster": "c", "user": name}} for name in self.users],
                    "current-context": "admin",
                }
            )
        )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    made = Cluster(tmp_path_factory.mktemp("apiserver"))
    made.start()
    yield made
    made.stop()
    assert "Traceback" not in made.log()


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"{request.node.originalname.replace('_', '-')[:50].strip('-')}-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
