"""gRPC probes against a real gRPC server that speaks the health protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from pybernetes.api.core.v1 import Container, GRPCAction, Pod, Probe
from pybernetes.kubelet.probes.prober import Answer, Running, probe

_LONG = "s" * 200
_ANSWERS = {"": b"\x08\x01", "down": b"\x08\x02", _LONG: b"\x08\x01", "nothing": b""}


async def _check(request: bytes, context: Any) -> bytes:
    service = request.split(b"\x01", 1)[1] if request[2:3] == b"\x01" else request[2:]
    name = service.decode()
    if name == "slow":
        await asyncio.sleep(30)
    if name not in _ANSWERS:
        await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return _ANSWERS[name]


async def _ask(service: str, method: str = "Check") -> Answer:
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(_check, request_deserializer=bytes, response_serializer=bytes)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        asked = Probe(grpc=GRPCAction(port=port, service=service), timeoutSeconds=3 if service == "slow" else 60)
        return await probe(Running(None, Pod(), Container(name="c"), "id", "127.0.0.1"), asked)  # type: ignore[arg-type]
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("", Answer("success", "service healthy")),
        (_LONG, Answer("success", "service healthy")),
        ("down", Answer("failure", 'service unhealthy (responded with "NOT_SERVING")')),
        ("nothing", Answer("failure", 'service unhealthy (responded with "UNKNOWN")')),
        (
            "other",
            Answer("failure", "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"),
        ),
        ("slow", Answer("failure", "timeout: health rpc did not complete within 3s")),
    ],
    ids=["serving", "a long name", "not serving", "unknown", "no such service", "slow"],
)
def test_what_a_health_server_answers(service: str, expected: Answer) -> None:
    assert asyncio.run(_ask(service)) == expected


def test_a_server_without_the_health_protocol() -> None:
    answer = asyncio.run(_ask("", method="Other"))
    about = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
    assert answer.verdict == "failure" and answer.output.startswith(about)
