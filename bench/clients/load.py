"""Runs of wrk against a server, and what watchers in a process of their own see of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.clients.scripts import SCRIPTS
from bench.clients.server import Server

ROOT = Path(__file__).parents[2]
_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class Run(NamedTuple):
    """One run of wrk."""

    rate: float
    """Requests a second."""
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time of the server for one request."""
    bad: float
    """Which part of the answers was not 2xx."""


class Delays(NamedTuple):
    """What many watchers saw of events that came one after the other."""

    deliveries: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time of the server for one delivery."""


class Load:
    def __init__(self, folder: Path, seconds: int) -> None:
        self._folder = folder
        self._seconds = seconds

    def run(
        self,
        cpu_s: Callable[[], float],
        url: str,
        connections: int,
        *,
        token: str = "user",
        script: str = "",
        headers: Sequence[str] = (),
    ) -> Run:
        command = ["wrk", "-t1", f"-c{connections}", f"-d{self._seconds}s", "--latency"]
        for header in (f"Authorization: Bearer {token}", *headers):
            command += ["-H", header]
        if script:
            file = self._folder / f"{script.replace(' ', '-')}.lua"
            file.write_text(SCRIPTS[script])
            command += ["-s", str(file)]
        before = cpu_s()
        text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
        used = cpu_s() - before
        total = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
        delays = dict(re.findall(r"^\s+(50|99)%\s+(\S+)$", text, re.MULTILINE))
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        total = max(total, 1)
        return Run(
            rate, _ms(delays.get("50")), _ms(delays.get("99")), used / total * 1e6, int(bad[1]) / total if bad else 0.0
        )


def watch_process(server: Server, count: int, events: int, *flags: str) -> subprocess.Popen[str]:
    """The process, once all of its watches have begun."""
    listed = json.loads(server.request("GET", "/api/v1/namespaces/watched/configmaps?limit=1"))
    numbers = [str(server.port), server.authority.certificate_file, "secret", str(count), str(events)]
    command = [sys.executable, "-m", "bench.clients.watchers", *numbers, *flags]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert client.stdin is not None and client.stdout is not None
    client.stdin.write(listed["metadata"]["resourceVersion"] + "\n")
    client.stdin.flush()
    assert client.stdout.readline() == "ready\n"
    return client


def delivered(server: Server, client: subprocess.Popen[str], events: int) -> Delays:
    """Makes events, one after the other, for the watchers of a process that waits for so many."""
    assert client.stdout is not None
    started, used = time.monotonic(), server.cpu_s()
    for i in range(events):
        body = {"metadata": {"name": f"e{i}"}, "data": {"sent": f"{time.time():.6f}"}}
        server.request("POST", "/api/v1/namespaces/watched/configmaps", body)
    found = json.loads(client.stdout.readline())
    seconds = time.monotonic() - started
    client.wait()
    cpu_us = (server.cpu_s() - used) / max(found["events"], 1) * 1e6
    server.request("DELETE", "/api/v1/namespaces/watched/configmaps")
    return Delays(found["events"], seconds, found["p50"], found["p90"], found["p99"], cpu_us)


def _ms(text: str | None) -> float:
    """wrk's `4.19ms`, in milliseconds; not a number where it says nothing."""
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text or "")
    return float(found[1]) * _UNITS_MS[found[2]] if found else float("nan")
