"""HTTP probes and hooks over TLS, against a real server with a certificate that nobody has signed."""

from __future__ import annotations

import asyncio
import time

import pytest

from pybernetes.api.core.v1 import (
    Container,
    HTTPGetAction,
    HTTPHeader,
    LifecycleHandler,
    Pod,
    Probe,
    TCPSocketAction,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.host.clock import SystemClock
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import text
from pybernetes.http.self_signed import self_signed
from pybernetes.http.server import HttpServer
from pybernetes.http.tls import server_context
from pybernetes.kubelet.containers.lifecycle import HookError, run_hook
from pybernetes.kubelet.probes.prober import Answer, Running, probe

RUNNING = Running(None, Pod(metadata=ObjectMeta(name="web")), Container(name="c"), "id", "127.0.0.1")  # type: ignore[arg-type]


def ask(get: HTTPGetAction, *, as_hook: bool = False) -> tuple[Answer | None, dict[str, str]]:
    """What came of it, and the headers that the server saw."""
    seen: dict[str, str] = {}

    async def handle(request: Request) -> Response:
        seen.update(request.headers, path=request.path)
        return text("fine" if request.path == "/ready" else "no", 200 if request.path == "/ready" else 503)

    async def scene() -> Answer | None:
        pair = self_signed("web", ("somewhere.else",), (), time.time(), 1)
        server = HttpServer(handle, server_context(*pair, None), "127.0.0.1", 0, clock=SystemClock())
        await server.start()
        get.port, get.scheme = server.port, "HTTPS"
        try:
            if as_hook:
                await run_hook(RUNNING, LifecycleHandler(httpGet=get))
                return None
            return await probe(RUNNING, Probe(httpGet=get, timeoutSeconds=60))
        finally:
            await server.stop(grace_s=0)

    answer = asyncio.run(scene())
    return answer, seen


def test_a_certificate_of_its_own_and_headers() -> None:
    headers = [HTTPHeader(name="Host", value="web.example"), HTTPHeader(name="X-Key", value="a b")]
    answer, seen = ask(HTTPGetAction(path="/ready", port=0, httpHeaders=headers))
    assert answer == Answer("success", "fine")
    assert (seen["host"], seen["x-key"], seen["user-agent"]) == ("web.example", "a b", "kube-probe/1.36")


def test_a_server_that_is_not_ready() -> None:
    answer, seen = ask(HTTPGetAction(path="live", port=0))
    assert answer == Answer("failure", "HTTP probe failed with statuscode: 503")
    assert seen["path"] == "/live"


def test_a_user_agent_of_the_pod() -> None:
    headers = [HTTPHeader(name="User-Agent", value="mine"), HTTPHeader(name="Accept", value="")]
    _, seen = ask(HTTPGetAction(path="/ready", port=0, httpHeaders=headers))
    assert seen["user-agent"] == "mine"
    assert "accept" not in seen


def test_a_hook_over_tls() -> None:
    _, seen = ask(HTTPGetAction(path="/ready", port=0), as_hook=True)
    assert seen["user-agent"] == "kube-lifecycle/1.36"


def test_a_tcp_hook_is_refused() -> None:
    """The API takes it for the sake of old objects, and no kubelet runs it. Source: lifecycle/handlers.go."""
    with pytest.raises(HookError, match="tcpSocket is not supported"):
        asyncio.run(run_hook(RUNNING, LifecycleHandler(tcpSocket=TCPSocketAction(port=1))))
