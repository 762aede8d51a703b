"""TCP probes: what they tell of a server that is not there."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import pytest

from pybernetes.api.core.v1 import Container, Pod, Probe, TCPSocketAction
from pybernetes.kubelet.probes.prober import Answer, Running, probe


@pytest.mark.parametrize(("ip", "server"), [("10.244.0.2", "10.244.0.2:80"), ("fd00::2", "[fd00::2]:80")])
@pytest.mark.parametrize(
    ("error", "told"),
    [(ConnectionRefusedError(), "connect: connection refused"), (TimeoutError(), "i/o timeout")],
    ids=["refused", "late"],
)
def test_who_did_not_answer(monkeypatch: pytest.MonkeyPatch, ip: str, server: str, error: OSError, told: str) -> None:
    async def fail(*_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(asyncio, "open_connection", fail)
    of = Running(None, Pod(), Container(name="c"), "id", ip)  # type: ignore[arg-type]
    answer = asyncio.run(probe(of, Probe(tcpSocket=TCPSocketAction(port=80), timeoutSeconds=1)))
    assert answer == Answer("failure", f"dial tcp {server}: {told}")
