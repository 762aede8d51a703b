"""`pybernetes kubelet …` that is killed at a call of the runtime when it is told to.

FATE names a JSON file, {"method": "StopContainer", "calls": 2, "moment": "asked"}, which is taken away as it is read:
at so many calls of that kind from then the process kills itself, before the runtime hears of the call, or with its
answer, which nobody gets. Beside the file, with `.met`, stays what call it was.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

MOMENTS = ("asked", "answered")


class _Fate:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._method, self._calls, self._moment = "", 0, ""

    def begins(self, method: str) -> bool:
        """Whether this is the call."""
        if self._file.exists():
            told = json.loads(self._file.read_text())
            self._file.unlink()
            self._method, self._calls, self._moment = told["method"], told["calls"], told["moment"]
        if method != self._method:
            return False
        self._calls -= 1
        return self._calls == 0

    def comes(self, moment: str, method: str) -> None:
        if moment == self._moment:
            self._file.with_suffix(".met").write_text(f"{method} {moment}")
            os.kill(os.getpid(), signal.SIGKILL)


def _meet(fate: _Fate) -> None:
    from pybernetes.kubelet.cri.client import CriClient

    right = CriClient.unary

    async def unary(self: CriClient, path: str, *args: Any, **more: Any) -> Any:
        method = path.rpartition("/")[2]
        here = fate.begins(method)
        if here:
            fate.comes("asked", method)
        answer = await right(self, path, *args, **more)
        if here:
            fate.comes("answered", method)
        return answer

    CriClient.unary = unary  # type: ignore[method-assign]


if __name__ == "__main__":
    from pybernetes.cmd.main import main

    _meet(_Fate(Path(os.environ["FATE"])))
    logging.getLogger("pybernetes.kubelet.cri.leftovers").setLevel(logging.DEBUG)
    sys.exit(main(sys.argv[1:]))
