"""An apiserver as a process of its own on a unix socket, and what tests ask it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pybernetes.client.transport import HttpTransport

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
LAUNCHER = Path(__file__).parents[1] / "sim" / "store" / "faulty_apiserver.py"
_PATIENCE_S = 100


class Server:
    """Its disk fails when it is told to."""

    def __init__(self, folder: Path, data: Path | None, *words: str) -> None:
        self.folder, self.data, self.words = folder, data, words
        self.faults = folder / "faults"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        file = ["--data-file", str(self.data)] if self.data else []
        return [
            sys.executable, str(LAUNCHER), "apiserver", *file, "--bind-address", "127.0.0.1",
            "--secure-port", "0", "--unix-socket", str(self.folder / "api.sock"), "--authorization-mode", "AlwaysAllow",
            *self.words,
        ]  # fmt: skip

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            env = {**os.environ, "FAULTS": str(self.faults)}
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=env)

    def refused(self) -> str:
        """The one line with which it does not start."""
        done = subprocess.run(self.command(), capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        lines = [line for line in done.stderr.splitlines() if line.startswith("pybernetes: ")]
        assert done.returncode != 0 and len(lines) == 1, done.stderr
        return lines[0]

    def fail(self, **faults: object) -> None:
        if faults:
            self.faults.write_text(json.dumps(faults))
        else:
            self.faults.unlink()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def transport(self) -> HttpTransport:
        return HttpTransport(f"unix://{self.folder}/api.sock")


@contextlib.contextmanager
def running(folder: Path, data: Path | None = None, *words: str) -> Iterator[Server]:
    server = Server(folder, data or folder / "store.db", *words)
    server.start()
    try:
        yield server
    finally:
        server.kill()


async def ask(api: HttpTransport, method: str, path: str, tree: Any = None) -> tuple[int, Any]:
    body = json.dumps(tree).encode() if tree is not None else b""
    answer = await api.request(method, path, {"Content-Type": "application/json"}, body, timeout_s=_PATIENCE_S)
    return answer.status, json.loads(answer.body) if answer.body[:1] == b"{" else answer.body.decode()


async def until_ready(server: Server, api: HttpTransport, *, ready: bool = True) -> str:
    """What /readyz says then."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        with contextlib.suppress(OSError):
            status, text = await ask(api, "GET", "/readyz?verbose")
            if (status == 200) is ready:
                return str(text)
        assert time.monotonic() < end, (server.folder / "log").read_text()
        assert server.process is not None and server.process.poll() is None, (server.folder / "log").read_text()
        await asyncio.sleep(0.02)


def config_map(name: str, size: int = 10) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "x" * size}}


async def names(api: HttpTransport) -> set[str]:
    status, answer = await ask(api, "GET", CONFIG_MAPS)
    assert status == 200
    return {item["metadata"]["name"] for item in answer["items"]}
