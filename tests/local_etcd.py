"""A real etcd of the distribution for tests: members on loopback, without fsync, in a folder of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from pybernetes.cluster.pki import ETCD_CA, Certificate, Pki
from tests.ports import free_ports

PROGRAM = os.environ.get("ETCD", "etcd")


class LocalEtcd:
    """`port` and `data` stay over `kill` and `start`, so that it can come back."""

    def __init__(self, folder: Path, *words: str) -> None:
        """`words`: further ones of its command line."""
        if shutil.which(PROGRAM) is None:
            pytest.skip("needs etcd; Debian calls it etcd-server")
        self.folder, self._words = folder, words
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
                    *self._words,
                ],
                stdout=log, stderr=log, env={**os.environ, "ETCD_ENABLE_V2": "false"},
            )  # fmt: skip
        end = time.monotonic() + 60
        while not _accepts(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise AssertionError((self.folder / "etcd.log").read_text())
            time.sleep(0.01)

    def ctl(self, *words: str) -> str:
        """What etcdctl prints."""
        if shutil.which("etcdctl") is None:
            pytest.skip("needs etcdctl; Debian calls it etcd-client")
        env = {**os.environ, "ETCDCTL_API": "3"}
        command = ["etcdctl", "--endpoints", self.url, "--command-timeout", "60s", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class EtcdWithUsers:
    """Members on loopback that ask for certificates and users, as a foreign etcd does.

    `keys` has etcd-ca.crt, plain.crt (a client that is no user) and kube.crt (one that is). The user kube, with the
    password right, may read and write below /; stranger, with the same, nothing; root:toor everything.
    """

    def __init__(self, folder: Path, count: int) -> None:
        if shutil.which(PROGRAM) is None or shutil.which("etcdctl") is None:
            pytest.skip("needs etcd and etcdctl; Debian calls them etcd-server and etcd-client")
        self.folder, self.keys = folder, folder / "keys"
        ports = free_ports(2 * count)
        self.urls = [f"https://127.0.0.1:{port}" for port in ports[:count]]
        self._peers = [f"http://127.0.0.1:{port}" for port in ports[count:]]
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def begin(self) -> None:
        """Starts all and makes the users; they stay over `kill` and `start`."""
        wanted = [
            Certificate("server", "server", hosts=("127.0.0.1", "localhost"), authority=ETCD_CA, is_peer=True),
            Certificate("plain", "client", authority=ETCD_CA),
            Certificate("kube", "kube", authority=ETCD_CA),
        ]
        Pki(self.keys).ensure(wanted, time.time())
        for number in range(len(self.urls)):
            self.start(number)
        end = time.monotonic() + 60
        while self.ctl("endpoint", "health", "--cluster").returncode:
            assert time.monotonic() < end, (self.folder / "m0.log").read_text()
        for words in (
            ("role", "add", "ours"),
            ("role", "grant-permission", "ours", "readwrite", "--prefix=true", "/"),
            ("user", "add", "root:toor"),
            ("user", "grant-role", "root", "root"),
            ("user", "add", "kube:right"),
            ("user", "grant-role", "kube", "ours"),
            ("user", "add", "stranger:right"),
            ("auth", "enable"),
        ):
            done = self.ctl(*words)
            assert done.returncode == 0, done.stderr

    def start(self, number: int) -> None:
        cluster = ",".join(f"m{n}={peer}" for n, peer in enumerate(self._peers))
        peer, url = self._peers[number], self.urls[number]
        with (self.folder / f"m{number}.log").open("ab") as log:
            self._running[number] = subprocess.Popen(
                [
                    PROGRAM, "--name", f"m{number}", "--data-dir", str(self.folder / f"m{number}"), "--unsafe-no-fsync",
                    "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer,
                    "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                    "--heartbeat-interval", "100", "--election-timeout", "1000",
                    "--cert-file", str(self.keys / "server.crt"), "--key-file", str(self.keys / "server.key"),
                    "--trusted-ca-file", str(self.keys / "etcd-ca.crt"), "--client-cert-auth",
                ],
                stdout=log, stderr=log, env={**os.environ, "ETCD_ENABLE_V2": "false"},
            )  # fmt: skip

    def kill(self, number: int) -> None:
        process = self._running.pop(number, None)
        if process is not None:
            process.kill()
            process.wait()

    def ctl(self, *words: str, user: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [
            "etcdctl", "--endpoints", ",".join(self.urls), "--cacert", str(self.keys / "etcd-ca.crt"),
            "--cert", str(self.keys / "plain.crt"), "--key", str(self.keys / "plain.key"), "--command-timeout", "60s",
            *(("--user", user) if user else ()), *words,
        ]  # fmt: skip
        return subprocess.run(
            command, env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True, text=True, check=False, input=stdin
        )

    def end(self) -> None:
        for number in range(len(self.urls)):
            self.kill(number)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
