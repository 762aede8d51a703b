"""Apiservers and their store as processes, each etcd member and apiserver in a network namespace of its own.

The whole world lives in the namespace of its own process (`unshare --net`), so nothing of it is seen outside
and nothing is left behind. Clients come by unix sockets, so that an apiserver that is cut off from its store
is still asked.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from pybernetes.client.transport import HttpTransport

_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
_ETCD = os.environ.get("ETCD", "etcd")
_LAUNCHER = Path(__file__).with_name("faulty_apiserver.py")


class Part:
    """A process that is killed, paused and started again, with its data."""

    def __init__(self, name: str, command: list[str], folder: Path, namespace: int, env: dict[str, str]) -> None:
        self.name = name
        self.folder = folder
        self.namespace = namespace
        """Process that holds its network namespace; 0: that of the world."""
        self.link = ""
        """The world's end of its cable."""
        self._command = command
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        enter = ["nsenter", f"--net=/proc/{self.namespace}/ns/net"] if self.namespace else []
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen([*enter, *self._command], stdout=log, stderr=log, env=self._env)

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text(errors="replace")


class World:
    def __init__(self, folder: Path, store: str, apiservers: int, *, mistake: str = ""):
        """`store`: sqlite, or etcd with a number of members, such as etcd3."""
        self.folder = folder
        self.store = store
        self._holders: list[subprocess.Popen[bytes]] = []
        self.apiservers: list[Part] = []
        self.etcds: list[Part] = []
        members = int(store.removeprefix("etcd") or 1) if store.startswith("etcd") else 0
        ip("link", "set", "lo", "up")
        if members:
            ip("link", "add", "sw", "type", "bridge")
            ip("addr", "add", "10.0.0.254/24", "dev", "sw")
            ip("link", "set", "sw", "up")
        cluster = ",".join(f"etcd{n}=http://10.0.0.{n + 1}:2380" for n in range(members))
        for number in range(members):
            url, peer = f"http://10.0.0.{number + 1}:2379", f"http://10.0.0.{number + 1}:2380"
            self.etcds.append(
                self._part(
                    f"etcd{number}",
                    [
                        _ETCD, "--name", f"etcd{number}", "--data-dir", str(folder / f"etcd{number}"),
                        "--listen-client-urls", url, "--advertise-client-urls", url,
                        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                        "--initial-cluster", cluster, "--heartbeat-interval", "50", "--election-timeout", "500",
                        "--logger", "zap", "--log-level", "error",
                    ],
                    number + 1,
                    {"ETCD_ENABLE_V2": "false"},
                )
            )  # fmt: skip
        where = ["--etcd-servers", ",".join(f"http://10.0.0.{n + 1}:2379" for n in range(members))]
        for number in range(apiservers):
            name = f"api{number}"
            env = {"FAULTS": str(folder / f"{name}.faults")} if not members else {}
            if mistake:
                env["MISTAKE"] = mistake
            if _FAKETIME.exists():
                (folder / f"{name}.clock").write_text("+0\n")
                env |= {
                    "LD_PRELOAD": str(_FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(folder / f"{name}.clock"),
                    "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "0",
                }  # fmt: skip
            data = where if members else ["--data-file", str(folder / "store.db")]
            mine = [*where[:1], _rotated(where[1], number)] if members else data
            self.apiservers.append(
                self._part(
                    name,
                    [
                        sys.executable, str(_LAUNCHER), "apiserver", *mine, "--bind-address", "127.0.0.1",
                        "--secure-port", "6443", "--unix-socket", str(folder / f"{name}.sock"),
                        "--authorization-mode", "AlwaysAllow",
                    ],
                    101 + number if members else 0,
                    env,
                )
            )  # fmt: skip

    def transport(self, apiserver: Part) -> HttpTransport:
        return HttpTransport(f"unix://{self.folder / apiserver.name}.sock")

    def start(self) -> None:
        for part in [*self.etcds, *self.apiservers]:
            part.start()

    def close(self) -> None:
        for part in [*self.apiservers, *self.etcds]:
            part.signal(signal.SIGCONT)
            part.kill()
        for holder in self._holders:
            holder.kill()
            holder.wait()

    def leader(self) -> Part | None:
        """The etcd member that the others follow."""
        for number, part in enumerate(self.etcds):
            if part.ended():
                continue
            asked = subprocess.run(
                ["etcdctl", "--endpoints", f"http://10.0.0.{number + 1}:2379", "--command-timeout", "1s",
                 "--dial-timeout", "1s", "endpoint", "status", "-w", "json"],
                capture_output=True, env={**os.environ, "ETCDCTL_API": "3"}, check=False,
            )  # fmt: skip
            if asked.returncode == 0:
                status = json.loads(asked.stdout)[0]["Status"]
                if status.get("leader") == status["header"]["member_id"]:
                    return part
        return None

    def cut(self, part: Part, *, whole: bool) -> None:
        """Pulls its cable, or puts it back."""
        ip("link", "set", part.link, "up" if whole else "down")

    def set_faults(self, part: Part, **faults: object) -> None:
        """What the disk of an apiserver with a SQLite store does from now on; none: it is well."""
        file = self.folder / f"{part.name}.faults"
        if not faults:
            file.unlink(missing_ok=True)
            return
        new = file.with_suffix(".new")
        new.write_text(json.dumps(faults))
        new.replace(file)

    def jump(self, part: Part, seconds: int) -> None:
        """Sets the apiserver's wall clock off by so much."""
        file = self.folder / f"{part.name}.clock"
        if file.exists():
            file.write_text(f"{seconds:+d}\n")

    def _part(self, name: str, command: list[str], host: int, env: dict[str, str]) -> Part:
        if not host:
            return Part(name, command, self.folder, 0, env)
        holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._holders.append(holder)
        mine = Path("/proc/self/ns/net").readlink()
        end = time.monotonic() + 60
        while Path(f"/proc/{holder.pid}/ns/net").readlink() == mine:
            assert time.monotonic() < end
            time.sleep(0.005)
        part = Part(name, command, self.folder, holder.pid, env)
        part.link = f"to{host}"
        ip("link", "add", part.link, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        ip("link", "set", part.link, "master", "sw", "up")
        enter = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
        ip("addr", "add", f"10.0.0.{host}/24", "dev", "eth0", enter=enter)
        ip("link", "set", "eth0", "up", enter=enter)
        ip("link", "set", "lo", "up", enter=enter)
        return part


def ip(*words: str, enter: tuple[str, ...] = ()) -> None:
    subprocess.run([*enter, "ip", *words], check=True)


def available() -> str:
    """Why there can be no world here; "" when there can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    missing = [name for name in (_ETCD, "etcdctl", "ip", "unshare", "nsenter") if shutil.which(name) is None]
    return f"needs {', '.join(missing)}" if missing else ""


def _rotated(servers: str, by: int) -> str:
    urls = servers.split(",")
    by %= len(urls)
    return ",".join(urls[by:] + urls[:by])
