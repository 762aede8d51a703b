"""A plugin of tests as a process of its own: `python -m MODULE WORD…`, which prints "ready" when it listens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class PluginProcess:
    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> None:
        """Returns once it is ready."""
        command = [sys.executable, "-m", self._module, *words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """As suddenly as a crash: its sockets stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None
