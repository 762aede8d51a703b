"""Apiservers as processes of their own: ours on a SQLite file, and upstream's with an etcd."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.machine import cpu_s, free_port
from pybernetes.host.processes import memory_kb
from tests.unit.http.certificates import Authority

START = "import sys; from pybernetes.cmd.main import main; sys.exit(main())"
MAPS = "/api/v1/namespaces/bench/configmaps"
_READY_S = 60.0


class Server:
    """Our apiserver, and a client of it. The token `secret` is an administrator's, `user` one whom RBAC lets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.create(folder, "kubernetes")
        self.files = self.authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])
        (folder / "tokens.csv").write_text('secret,admin,1,"system:masters"\nuser,dev,2,"dev"\n')
        self.context = ssl.create_default_context(cafile=self.authority.certificate_file)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def commands(self) -> list[list[str]]:
        """The processes that it is; the apiserver comes last."""
        flags = self.flags() | {"data-file": str(self.folder / "state.db")}
        return [[sys.executable, "-c", START, "apiserver", *(f"--{k}={v}" for k, v in flags.items())]]

    def flags(self) -> dict[str, str]:
        return {
            "bind-address": "127.0.0.1", "secure-port": str(self.port), "tls-cert-file": self.files[0],
            "tls-private-key-file": self.files[1], "client-ca-file": self.authority.certificate_file,
            "token-auth-file": str(self.folder / "tokens.csv"),
        }  # fmt: skip

    def start(self) -> float:
        """Returns the seconds until it was ready."""
        started = time.monotonic()
        log = self.folder / "log"
        with log.open("ab") as file:
            for command in self.commands():
                self._processes.append(subprocess.Popen(command, stdout=file, stderr=file, cwd=self.folder))
        while not self._ready():
            ended = any(process.poll() is not None for process in self._processes)
            if ended or time.monotonic() - started > _READY_S:
                self.stop()
                last = log.read_text().rstrip().rpartition("\n")[2]
                raise SystemExit(f"{type(self).__name__} {'ended' if ended else 'is not ready'}: {last}")
            time.sleep(0.01)
        return time.monotonic() - started

    def stop(self) -> None:
        while self._processes:
            process = self._processes.pop()
            process.send_signal(signal.SIGTERM)
            process.wait()

    def request(self, method: str, path: str, body: object = None) -> bytes:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self.context, timeout=60) as answer:
            found: bytes = answer.read()
        return found

    def prepare(self) -> None:
        """Objects to work on, and rights for the user."""
        self.make_maps("bench", 500)
        self.make_maps("watched", 0)
        self.make_maps("created", 0)
        self.request("POST", "/api/v1/namespaces/bench/serviceaccounts", {"metadata": {"name": "default"}})
        binding = {
            "metadata": {"name": "dev"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
        }
        self.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)

    def make_maps(self, namespace: str, count: int) -> None:
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        for i in range(count):
            labels = {"app": "bench", "tenth": str(i % 10)}
            value = {"metadata": {"name": f"c{i}", "labels": labels}, "data": {"key": "v" * 100}}
            self.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", value)

    def resident_kb(self) -> int:
        """Of all its processes."""
        return sum(memory_kb(pid)[0] for pid in self.pids)

    def cpu_s(self) -> float:
        """Processor time of all its processes."""
        return sum(cpu_s(pid) for pid in self.pids)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/readyz") == b"ok"
        except (urllib.error.URLError, ConnectionError):
            return False


class Upstream(Server):
    """kube-apiserver with an etcd that syncs what it acknowledges, as ours does."""

    def __init__(self, folder: Path, kube_apiserver: Path, etcd: Path) -> None:
        super().__init__(folder)
        self._kube_apiserver = kube_apiserver
        self._etcd = etcd
        self._etcd_urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]

    def commands(self) -> list[list[str]]:
        clients, peers = self._etcd_urls
        etcd = {
            "data-dir": str(self.folder / "etcd"), "listen-client-urls": clients, "advertise-client-urls": clients,
            "listen-peer-urls": peers, "initial-advertise-peer-urls": peers, "initial-cluster": f"default={peers}",
            "log-level": "error",
        }  # fmt: skip
        flags = self.flags() | {
            "etcd-servers": clients, "authorization-mode": "Node,RBAC", "service-cluster-ip-range": "10.96.0.0/16",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-signing-key-file": self.files[1], "service-account-key-file": self.files[0],
            "endpoint-reconciler-type": "none",
        }  # fmt: skip
        return [
            [str(self._etcd), *(f"--{k}={v}" for k, v in etcd.items())],
            [str(self._kube_apiserver), *(f"--{k}={v}" for k, v in flags.items())],
        ]
