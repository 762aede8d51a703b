"""GET, LIST of 500 ConfigMaps, CREATE and watch per second over TLS, and how soon the apiserver is ready.

Starts `pybernetes apiserver` on a SQLite file in a temporary folder, loads it with wrk, prints figures.

Usage: python bench/apiserver.py [SECONDS]
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.unit.http.certificates import Authority

PORT = 18443
URL = f"https://127.0.0.1:{PORT}"
START = "import sys; from pybernetes.cmd.main import main; sys.exit(main())"
CREATE = """
local made = 0
local start = os.time()
local head = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b' .. start .. '-'
function setup(thread) made = made + 1; thread:set("id", made) end
function init(args) count = 0 end
function request()
  count = count + 1
  local body = head .. id .. '-' .. count .. '"},"data":{"k":"v"}}'
  return wrk.format("POST", "/api/v1/namespaces/default/configmaps", nil, body)
end
"""


class Server:
    """The apiserver as a process, and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority.create(folder, "kubernetes")
        self.folder = folder
        self.files = self.authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])
        (folder / "tokens.csv").write_text('secret,admin,1,"system:masters"\nview,dev,2,"dev"\n')
        self.context = ssl.create_default_context(cafile=self.authority.certificate_file)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, label: str) -> None:
        started = time.monotonic()
        flags = {
            "bind-address": "127.0.0.1", "secure-port": str(PORT), "tls-cert-file": self.files[0],
            "tls-private-key-file": self.files[1], "client-ca-file": self.authority.certificate_file,
            "token-auth-file": str(self.folder / "tokens.csv"), "data-file": str(self.folder / "state.db"),
        }  # fmt: skip
        command = [sys.executable, "-c", START, "apiserver", *(f"--{k}={v}" for k, v in flags.items())]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not self._ready():
            if self.process.poll() is not None:
                raise SystemExit("the apiserver ended")
            time.sleep(0.01)
        figure(f"ready, {label}", f"{time.monotonic() - started:.2f}", "s")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def request(self, method: str, path: str, body: object = None) -> bytes:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
        request = urllib.request.Request(URL + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self.context, timeout=10) as answer:
            found: bytes = answer.read()
        return found

    def resident_mb(self) -> int:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024  # type: ignore[index]

    def cpu_s(self) -> float:
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/readyz") == b"ok"
        except (urllib.error.URLError, ConnectionError):
            return False


def load(
    server: Server,
    label: str,
    path: str,
    seconds: int,
    connections: int,
    token: str = "secret",
    script: Path | None = None,
) -> None:
    """One run of wrk; prints requests a second, the middle latency and what was not 2xx."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {token}"]
    command += ["-s", str(script)] if script else []
    before = server.cpu_s()
    text = subprocess.run([*command, URL + path], capture_output=True, text=True, check=True).stdout
    used = server.cpu_s() - before
    total = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    middle = re.search(r"50%\s+(\S+)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    assert rate and middle and total
    cost = f"   {used / int(total[1]) * 1e6:.0f} us of CPU each"
    figure(label, f"{float(rate[1]):.0f}", f"/s   median {middle[1]}" + cost + (f"   NOT 2xx: {bad[1]}" if bad else ""))


def figure(label: str, value: str, unit: str) -> None:
    print(f"{label:<44} {value:>9} {unit}", flush=True)


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if shutil.which("wrk") is None:
        print("needs wrk", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pybernetes-bench-") as name:
        server = Server(Path(name))
        script = Path(name) / "create.lua"
        script.write_text(CREATE)
        try:
            server.start("empty store")
            server.stop()
            server.start("second start")
            figure("resident, idle", str(server.resident_mb()), "MB")
            server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "bench"}})
            for i in range(500):
                value = {"metadata": {"name": f"c{i}", "labels": {"app": "bench"}}, "data": {"key": "v" * 100}}
                server.request("POST", "/api/v1/namespaces/bench/configmaps", value)
            binding = {
                "metadata": {"name": "dev", "namespace": "bench"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
            }
            server.request("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/bench/rolebindings", binding)
            one, all_ = "/api/v1/namespaces/bench/configmaps/c7", "/api/v1/namespaces/bench/configmaps"
            load(server, "GET /version", "/version", seconds, 32)
            load(server, "GET a ConfigMap, 1 connection", one, seconds, 1)
            load(server, "GET a ConfigMap, 32 connections", one, seconds, 32)
            load(server, "GET a ConfigMap, 32 connections, through RBAC", one, seconds, 32, "view")
            load(server, "LIST of 500 ConfigMaps, 16 connections", all_, seconds, 16)
            load(server, "CREATE, 1 connection", "/", seconds, 1, script=script)
            load(server, "CREATE, 32 connections", "/", seconds, 32, script=Path(name) / "create.lua")
            figure("resident, at the end", str(server.resident_mb()), "MB")
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
