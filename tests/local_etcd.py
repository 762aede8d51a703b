"""A real etcd of the distribution for tests: one member on loopback, without fsync, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

PROGRAM = os.environ.get("ETCD", "etcd")


class LocalEtcd:
    """`port` and `data` stay over `kill` and `start`, so that it can come back."""

    def __init__(self, folder: Path) -> None:
        if shutil.which(PROGRAM) is None:
            pytest.skip("needs etcd; Debian calls it etcd-server")
        self.folder = folder
        self.port, self.peer_port = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it accepts connections."""
        peer = f"http://127.0.0.1:{self.peer_port}"
        with (self.folder / "etcd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    PROGRAM, "--name", "test", "--data-dir", str(self.folder / "data"), "--unsafe-no-fsync",
                    "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                    "--initial-cluster", f"test={peer}", "--heartbeat-interval", "50", "--election-timeout", "500",
                ],
                stdout=log, stderr=log, env={**os.environ, "ETCD_ENABLE_V2": "false"},
            )  # fmt: skip
        end = time.monotonic() + 20
        while not _accepts(self.port):
            assert self._process.poll() is None and time.monotonic() < end, (self.folder / "etcd.log").read_text()
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
