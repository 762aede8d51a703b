"""One suite over both transports of the client: the same handler through sockets and without."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from pybernetes.api.core.v1 import ConfigMap
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.client import cause
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport, LocalTransport, Transport
from pybernetes.http import tls
from pybernetes.http.messages import Connection, Request, Response, Upgrade
from pybernetes.http.self_signed import self_signed
from pybernetes.http.server import HttpServer

KINDS = ("local", "tcp", "tls", "unix")


class Handler:
    """Answers by path; keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.ended = asyncio.Event()
        self.failures: list[Response] = []

    async def __call__(self, request: Request) -> Response | Upgrade:
        self.requests.append(request)
        if self.failures:
            return self.failures.pop(0)
        if request.path == "/stream":
            return Response(200, [("content-type", "application/json")], self._ticks())
        if request.path == "/endless":
            return Response(200, [], self._endless())
        if request.path == "/echo-upgrade":
            return Upgrade([("connection", "Upgrade"), ("upgrade", "echo")], _echo)
        if request.path == "/large":
            return Response(200, [], b"x" * 3_000_000)
        if request.path.startswith("/api/v1/namespaces/default/configmaps") and "watch=true" in request.query:
            return Response(200, [], self._events())
        if request.path.startswith("/api/v1/namespaces/default/configmaps"):
            return await self._config_map(request)
        status = errors.not_found("", "configmaps", "x").status
        return Response(404, [("content-type", "application/json")], msgspec.json.encode(status))

    async def _config_map(self, request: Request) -> Response:
        if request.method in ("POST", "PUT"):
            obj = msgspec.json.decode(await request.whole(), type=ConfigMap)
        else:
            obj = ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"k": "v"})
        obj.metadata.resourceVersion = "7"
        return Response(200, [("content-type", "application/json")], msgspec.json.encode(obj))

    async def _ticks(self) -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"tick %d\n" % number
            await asyncio.sleep(0)

    async def _endless(self) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def _events(self) -> AsyncIterator[bytes]:
        first = b'{"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}}\n'
        yield first[:20]
        yield first[20:] + b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}\n'
        yield (
            b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
            b'"message":"too old","reason":"Expired","code":410}}\n'
        )


def _self_signed() -> tuple[bytes, bytes]:
    return self_signed("test", (), ("127.0.0.1",), time.time(), 1)


async def _echo(connection: Connection) -> None:
    while data := await connection.read():
        await connection.write(b"<" + data + b">")
    await connection.close()


def over(kind: str, tmp_path: Path, body: Callable[[Transport, Handler], Awaitable[None]]) -> None:
    async def main() -> None:
        handler = Handler()
        async with contextlib.AsyncExitStack() as stack:
            transport: Transport
            if kind == "local":
                transport = LocalTransport(handler, UserInfo("admin", groups=(SYSTEM_MASTERS,)))
            else:
                path = str(tmp_path / "s.sock")
                certificate, key = _self_signed() if kind == "tls" else (b"", b"")
                server = (
                    HttpServer(handler, unix_path=path)
                    if kind == "unix"
                    else HttpServer(
                        handler, host="127.0.0.1", ssl_context=tls.server_context(certificate, key) if key else None
                    )
                )
                await server.start()
                stack.push_async_callback(server.stop)
                scheme = "https" if kind == "tls" else "http"
                transport = HttpTransport(
                    f"unix://{path}" if kind == "unix" else f"{scheme}://127.0.0.1:{server.port}",
                    tls.client_context(certificate) if certificate else None,
                )
            stack.push_async_callback(transport.close)
            async with asyncio.timeout(60):
                await body(transport, handler)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_typed_calls(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        client = Client(transport, "tester")
        found = await client.get(ConfigMap, "a", "default")
        assert (found.data, found.metadata.resourceVersion) == ({"k": "v"}, "7")
        made = await client.create(ConfigMap(metadata=ObjectMeta(name="b", namespace="default")))
        assert made.metadata.name == "b"
        assert handler.requests[-1].method == "POST"
        assert handler.requests[-1].headers["user-agent"] == "tester"
        await client.delete(ConfigMap, "b", "default", uid="u", propagation="Foreground")
        assert b'"uid":"u"' in handler.requests[-1].body
        await client.patch(ConfigMap, "a", "default", {"data": None}, patch_type="strategic", field_manager="m")
        assert handler.requests[-1].headers["content-type"] == "application/strategic-merge-patch+json"
        assert handler.requests[-1].query == "fieldManager=m"

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_error_answers_are_the_error_tree(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        with pytest.raises(errors.NotFound, match='configmaps "x" not found') as caught:
            await Client(transport).raw("GET", "/nothing")
        assert caught.value.details.name == "x"

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_retry_after_is_waited_for(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        handler.failures = [Response(429, [("Retry-After", "0")], b"later"), Response(503, [("retry-after", "0")], b"")]
        await Client(transport).get(ConfigMap, "a", "default")
        assert len(handler.requests) == 3
        handler.failures = [Response(503, [], b"no hint")]
        with pytest.raises(errors.ServiceUnavailable, match="no hint"):
            await Client(transport).get(ConfigMap, "a", "default")

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_the_cause_is_sent_by_itself(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        client = Client(transport)
        with cause.caused_by(cause.Cause(42, "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")):
            await client.get(ConfigMap, "a", "default")
        assert handler.requests[-1].headers["x-pybernetes-cause"] == "42"
        assert handler.requests[-1].headers["traceparent"].startswith("00-0123")
        await client.get(ConfigMap, "a", "default")
        assert "x-pybernetes-cause" not in handler.requests[-1].headers

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_streams(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        async with transport.stream("GET", "/stream", {}) as stream:
            assert b"".join([chunk async for chunk in stream.chunks()]) == b"tick 0\ntick 1\ntick 2\n"
        async with transport.stream("GET", "/endless", {}) as stream:
            async for chunk in stream.chunks():
                assert chunk == b"first"
                break
        await handler.ended.wait()
        assert len((await transport.request("GET", "/large", {})).body) == 3_000_000

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_asked_is_counted(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        await Client(transport).get(ConfigMap, "a", "default")
        with pytest.raises(errors.NotFound):
            await Client(transport).raw("GET", "/nothing")
        async with transport.stream("GET", "/stream", {}) as stream:
            await stream.read()
        with pytest.raises(TimeoutError):
            await transport.request("POST", "/endless", {}, timeout_s=0.05)
        told = list(transport.figures.lines())
        host = transport.figures.host
        assert [line for line in told if line.startswith("rest_client_requests_total{")] == [
            f'rest_client_requests_total{{code="200",host="{host}",method="GET"}} 2',
            f'rest_client_requests_total{{code="404",host="{host}",method="GET"}} 1',
            f'rest_client_requests_total{{code="<error>",host="{host}",method="POST"}} 1',
        ]
        durations = [line for line in told if line.startswith("rest_client_request_duration_seconds_count{")]
        assert durations == [
            f'rest_client_request_duration_seconds_count{{verb="GET",host="{host}"}} 2',
            f'rest_client_request_duration_seconds_count{{verb="POST",host="{host}"}} 1',
        ]

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_watch(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        seen = []
        with pytest.raises(errors.Expired, match="too old"):
            async for event in Client(transport).watch(ConfigMap, "default", resource_version="5"):
                seen.append((event.type, event.object.metadata.name, event.object.metadata.resourceVersion))
        assert seen == [("ADDED", "a", None), ("BOOKMARK", None, "9")]
        assert "resourceVersion=5" in handler.requests[-1].query

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_upgrade(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        headers = {"connection": "Upgrade", "upgrade": "echo"}
        answer, connection = await transport.upgrade("GET", "/echo-upgrade", headers)
        assert answer.status == 101
        assert connection is not None
        await connection.write(b"hello")
        got = b""
        while len(got) < 7:
            got += await connection.read()
        assert got == b"<hello>"
        if kind != "tls":  # which knows no half-closed connection
            connection.write_eof()
            assert await connection.read() == b""
        await connection.close()
        answer, connection = await transport.upgrade("GET", "/nothing", headers)
        assert (answer.status, connection) == (404, None)

    over(kind, tmp_path, body)


@pytest.mark.parametrize("kind", KINDS)
def test_a_timeout_ends_a_request(kind: str, tmp_path: Path) -> None:
    async def body(transport: Transport, handler: Handler) -> None:
        with pytest.raises(TimeoutError):
            await transport.request("GET", "/endless", {}, timeout_s=0.05)
        assert (await transport.request("GET", "/large", {})).status == 200

    over(kind, tmp_path, body)


def test_a_restarted_server_is_found_again() -> None:
    async def main() -> None:
        handler = Handler()
        server = HttpServer(handler, host="127.0.0.1")
        await server.start()
        port = server.port
        client = Client(HttpTransport(f"http://127.0.0.1:{port}"))
        await client.get(ConfigMap, "a", "default")
        await server.stop()
        with pytest.raises(OSError):
            await client.create(ConfigMap(metadata=ObjectMeta(name="b", namespace="default")))
        server = HttpServer(handler, host="127.0.0.1", port=port)
        await server.start()
        await client.get(ConfigMap, "a", "default")
        await client.transport.close()
        await server.stop()

    asyncio.run(main())


def test_a_server_that_is_not_trusted_is_refused() -> None:
    async def main() -> None:
        certificate, key = _self_signed()
        server = HttpServer(Handler(), host="127.0.0.1", ssl_context=tls.server_context(certificate, key))
        await server.start()
        other, _ = _self_signed()
        transport = HttpTransport(f"https://127.0.0.1:{server.port}", tls.client_context(other))
        with pytest.raises(OSError, match="certificate verify failed"):
            await Client(transport).get(ConfigMap, "a", "default")
        await server.stop()

    asyncio.run(main())
