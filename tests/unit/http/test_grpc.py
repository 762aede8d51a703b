"""gRPC's client and server, each against those of the library grpcio."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from pybernetes.http import grpc_client, grpc_server
from pybernetes.http.grpc_client import Channel
from pybernetes.http.grpc_wire import GrpcError, timeout_s_of, timeout_text
from pybernetes.http.http2 import CANCEL, LAST_STREAM, STREAM_WINDOW_BYTES, Headers, Http2, header_block

PATIENCE_S = 60
MIB = 1 << 20
SERVICE = "test.Service"
NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Peer:
    """Of grpcio: says what it is told to say."""

    def __init__(self) -> None:
        self.hanging, self.cancelled = asyncio.Event(), asyncio.Event()
        self.sent = 0
        self.metadata: dict[str, Any] = {}
        self.left_s: float | None = None

    async def Echo(self, request: bytes, context: Any) -> bytes:
        self.metadata = dict(context.invocation_metadata())
        self.left_s = context.time_remaining()
        return request

    async def Fail(self, request: bytes, context: Any) -> bytes:
        code, _, words = request.decode().partition(" ")
        await context.abort(getattr(grpc.StatusCode, code), words)
        return b""

    async def Big(self, request: bytes, context: Any) -> bytes:
        return bytes(int(request))

    async def Hang(self, request: bytes, context: Any) -> bytes:
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        return b""

    async def Count(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield str(number).encode()

    async def Flood(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(int(request))
                self.sent += int(request)
        finally:
            self.cancelled.set()

    async def BreakOff(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        await context.abort(grpc.StatusCode.DATA_LOSS, "no more")


async def grpcio_server(peer: Peer, target: str, *options: tuple[str, int]) -> Any:
    server = grpc.aio.server(options=[*NO_LIMIT, *options])
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(getattr(peer, name)) for name in ("Echo", "Fail", "Big", "Hang")
    }
    handlers |= {
        name: grpc.unary_stream_rpc_method_handler(getattr(peer, name)) for name in ("Count", "Flood", "BreakOff")
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(target)
    await server.start()
    return server


def play(folder: Path, scene: Callable[[Peer, Channel], Awaitable[None]], *options: tuple[str, int]) -> None:
    async def run() -> None:
        peer, target = Peer(), f"unix://{folder}/s"
        server = await grpcio_server(peer, target, *options)
        channel = Channel(target)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scene(peer, channel)
        finally:
            await channel.close()
            await server.stop(None)

    asyncio.run(run())


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if done():
                return
            await asyncio.sleep(0.01)


def until_it_began(sign: asyncio.Event) -> Iterator[float]:
    """Ever longer timeouts: a busy machine may not have begun with the call within one."""
    for timeout_s in (0.3, 1, 3, 9):
        if not sign.is_set():
            yield timeout_s


@contextlib.contextmanager
def fails(code: str, words: str = "") -> Any:
    with pytest.raises(GrpcError) as raised:
        yield
    assert raised.value.code == code and words in raised.value.message


# The client.


def test_a_call(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        assert await channel.unary(f"/{SERVICE}/Echo", b"said", 100, metadata=(("namespace", "k8s.io"),)) == b"said"
        assert peer.metadata["namespace"] == "k8s.io"
        assert peer.left_s is not None and 90 < peer.left_s <= 100
        assert await channel.unary(f"/{SERVICE}/Echo", b"") == b""
        assert peer.left_s is None or peer.left_s > 1e6

    play(tmp_path, scene)


@pytest.mark.parametrize("code", [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_what_a_server_refuses(tmp_path: Path, code: str) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        for words in 'it says 100 % "no" – über\nhere', "":
            with pytest.raises(GrpcError) as raised:
                await channel.unary(f"/{SERVICE}/Fail", f"{code} {words}".encode(), 60)
            assert (raised.value.code, raised.value.message) == (code, words)

    play(tmp_path, scene)


def test_long_words_of_a_server(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        words = "x" * 6000
        with fails("UNKNOWN", words):
            await channel.unary(f"/{SERVICE}/Fail", f"UNKNOWN {words}".encode(), 60)

    play(tmp_path, scene)


def test_there_is_no_such_method(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        with fails("UNIMPLEMENTED"):
            await channel.unary(f"/{SERVICE}/Other", b"", 60)
        with fails("UNIMPLEMENTED"):
            async for _ in channel.stream("/other/Other", b""):
                pass

    play(tmp_path, scene)


def test_big_messages(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        body = bytes(range(256)) * (10 * MIB // 256)
        assert await channel.unary(f"/{SERVICE}/Echo", body, 60) == body
        assert len(await channel.unary(f"/{SERVICE}/Big", str(16 * MIB).encode(), 60)) == 16 * MIB
        with fails("RESOURCE_EXHAUSTED", "received message larger than max (16777217 vs. 16777216)"):
            await channel.unary(f"/{SERVICE}/Big", str(16 * MIB + 1).encode(), 60)
        assert await channel.unary(f"/{SERVICE}/Echo", b"after it", 60) == b"after it"

    play(tmp_path, scene)


def test_a_deadline_ends_a_call_on_both_sides(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        for timeout_s in until_it_began(peer.hanging):
            with fails("DEADLINE_EXCEEDED"):
                await channel.unary(f"/{SERVICE}/Hang", b"", timeout_s)
        await peer.cancelled.wait()
        with fails("DEADLINE_EXCEEDED"):
            await channel.unary(f"/{SERVICE}/Echo", b"", 0)

    play(tmp_path, scene)


def test_a_server_that_notices_the_deadline_first(tmp_path: Path) -> None:
    """It only says that it cancels, while the client is busy."""

    def answer(transport: asyncio.Transport, http: Http2, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, Headers):
                http.reset(event.stream, CANCEL)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Script(answer), tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")
        with fails("CANCELLED", "RST_STREAM with error code: 8"):
            await channel.unary("/a/B", b"", 60)
        assert channel._link is not None
        call = channel._link.begin(header_block([(":path", "/a/B")]), b"", 60, many=False)
        call.until = 0
        with fails("DEADLINE_EXCEEDED", "context deadline exceeded"):
            await call.only()
        await channel.close()
        server.close()

    asyncio.run(run())


def test_who_gives_up_ends_a_call_on_both_sides(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        call = asyncio.create_task(channel.unary(f"/{SERVICE}/Hang", b"", 600))
        await peer.hanging.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await peer.cancelled.wait()

    play(tmp_path, scene)


def test_a_stream(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        found = [int(message) async for message in channel.stream(f"/{SERVICE}/Count", b"3000")]
        assert found == list(range(3000))
        found.clear()
        with fails("DATA_LOSS", "no more"):
            async for message in channel.stream(f"/{SERVICE}/BreakOff", b""):
                found.append(len(message))
        assert found == [3]

    play(tmp_path, scene)


def test_a_reader_who_stalls_is_waited_for_and_holds_up_nobody(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        stream = channel.stream(f"/{SERVICE}/Flood", b"1000")
        assert len(await anext(stream)) == 1000
        sent = -1
        while sent != peer.sent:
            sent = peer.sent
            for _ in range(300):
                await channel.unary(f"/{SERVICE}/Echo", bytes(100), 60)
        assert sent < 8 * MIB
        for _ in range(10 * sent // 1000):
            await anext(stream)
        assert peer.sent > 9 * sent
        await stream.aclose()
        await peer.cancelled.wait()

    play(tmp_path, scene)


def test_streams_of_messages_that_are_larger_than_a_window(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        stream = channel.stream(f"/{SERVICE}/Flood", str(5 * STREAM_WINDOW_BYTES + 7).encode())
        for _ in range(20):
            assert len(await anext(stream)) == 5 * STREAM_WINDOW_BYTES + 7
        await stream.aclose()

    play(tmp_path, scene)


def test_more_calls_at_once_than_the_server_lets(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        given_up = [asyncio.create_task(channel.unary(f"/{SERVICE}/Echo", b"", 60)) for _ in range(20)]
        calls = [asyncio.create_task(channel.unary(f"/{SERVICE}/Echo", str(n).encode(), 60)) for n in range(500)]
        await asyncio.sleep(0)
        for call in given_up:
            call.cancel()
        assert [int(each) for each in await asyncio.gather(*calls)] == list(range(500))

    play(tmp_path, scene, ("grpc.max_concurrent_streams", 3))


def test_nothing_is_left_of_calls_that_ended(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        async def each_way() -> None:
            await channel.unary(f"/{SERVICE}/Echo", b"", 60)
            with contextlib.suppress(GrpcError):
                await channel.unary(f"/{SERVICE}/Fail", b"NOT_FOUND no", 60)
            with contextlib.suppress(GrpcError):
                await channel.unary(f"/{SERVICE}/Hang", b"", 0.005)
            stream = channel.stream(f"/{SERVICE}/Flood", b"100")
            await anext(stream)
            await stream.aclose()

        def left() -> int:
            gc.collect()
            names = "_Call", "_Stream", "Envelopes", "TimerHandle", "Future", "GrpcError"
            return sum(type(each).__name__ in names for each in gc.get_objects())

        await each_way()
        before = left()
        for _ in range(50):
            await each_way()
        await until(lambda: left() < before + 25)

    play(tmp_path, scene)


def test_a_server_that_goes_and_comes(tmp_path: Path) -> None:
    async def run() -> None:
        peer, target = Peer(), f"unix://{tmp_path}/s"
        channel = Channel(target)
        with fails("UNAVAILABLE", f"dial unix {tmp_path}/s: connect: no such file or directory"):
            await channel.unary(f"/{SERVICE}/Echo", b"", 60)
        ready = asyncio.create_task(channel.channel_ready())

        async def listen() -> list[bytes]:
            return [message async for message in channel.stream(f"/{SERVICE}/Count", b"2", wait_for_ready=True)]

        waiting = asyncio.create_task(listen())
        for _ in range(3):
            server = await grpcio_server(peer, target)
            await ready
            assert await waiting == [b"0", b"1"]
            assert await channel.unary(f"/{SERVICE}/Echo", b"there", 60) == b"there"
            hanging = asyncio.create_task(channel.unary(f"/{SERVICE}/Hang", b"", 600))
            stream = channel.stream(f"/{SERVICE}/Flood", b"9")
            await anext(stream)
            await server.stop(None)
            with pytest.raises(GrpcError):
                await hanging
            with pytest.raises(GrpcError):
                async for _ in stream:
                    pass
            with fails("UNAVAILABLE"):
                await channel.unary(f"/{SERVICE}/Echo", b"", 60)
            ready, waiting = asyncio.create_task(channel.channel_ready()), asyncio.create_task(listen())
        ready.cancel()
        waiting.cancel()
        await channel.close()
        with fails("CANCELLED"):
            await channel.unary(f"/{SERVICE}/Echo", b"", 60)

    asyncio.run(run())


def test_a_server_that_lets_calls_end_before_it_goes(tmp_path: Path) -> None:
    async def run() -> None:
        target = f"unix://{tmp_path}/s"
        server = await grpcio_server(Peer(), target)
        channel = Channel(target)
        stream = channel.stream(f"/{SERVICE}/Flood", b"9")
        await anext(stream)
        stopping = asyncio.create_task(server.stop(PATIENCE_S))
        await until(lambda: not (tmp_path / "s").exists())
        another = await grpcio_server(Peer(), target)
        for _ in range(100):
            assert await channel.unary(f"/{SERVICE}/Echo", b"to the new one", 60) == b"to the new one"
        assert len(await anext(stream)) == 9
        await stream.aclose()
        await stopping
        await channel.close()
        await another.stop(None)

    asyncio.run(run())


def test_waiting_for_a_server_is_not_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        connect = grpc_client.unix_sockets.connect

        def count(path: str) -> Any:
            tried.append(loop.time())
            return connect(path)

        monkeypatch.setattr(grpc_client.unix_sockets, "connect", count)
        channel = Channel(f"unix://{tmp_path}/s")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await channel.channel_ready()
        await channel.close()

    asyncio.run(run())
    assert 2 <= len(tried) <= 6


class Script(asyncio.Protocol):
    """A server by hand: what it does with its n-th connection."""

    def __init__(self, answer: Callable[[asyncio.Transport, Http2, list[Any]], None]) -> None:
        self._answer = answer
        self._http = Http2(server=True)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._http.take())

    def data_received(self, data: bytes) -> None:
        self._answer(self._transport, self._http, self._http.receive(data))
        self._transport.write(self._http.take())


def test_a_call_that_nobody_looked_at_is_made_again(tmp_path: Path) -> None:
    connections: list[Any] = []

    def answer(transport: asyncio.Transport, http: Http2, events: list[Any]) -> None:
        if transport not in connections:
            connections.append(transport)
        for event in events:
            if isinstance(event, Headers) and len(connections) == 1:
                http._last_heard = 0
                http.go_away(0, "I did not look")
            elif isinstance(event, Headers) and len(connections) == 2 and event.stream == 1:
                http.reset(event.stream, 7)
            elif isinstance(event, Headers):
                fields = [(":status", "200"), ("content-type", "application/grpc")]
                http.send_headers(event.stream, header_block(fields))
                http.send_data(event.stream, b"\0\0\0\0\2ok")
                http.send_headers(event.stream, header_block([("grpc-status", "0")]), ended=True)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Script(answer), tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")
        assert await channel.unary("/a/B", b"", 60) == b"ok"
        assert len(connections) == 2
        await channel.close()
        server.close()

    asyncio.run(run())


def test_a_connection_whose_streams_are_used_up_gives_way_to_another(tmp_path: Path) -> None:
    async def scene(peer: Peer, channel: Channel) -> None:
        stream = channel.stream(f"/{SERVICE}/Flood", b"9")
        await anext(stream)
        assert channel._link is not None
        channel._link._http._next = LAST_STREAM - 4
        for number in range(10):
            assert await channel.unary(f"/{SERVICE}/Echo", str(number).encode(), 60) == str(number).encode()
        assert len(channel._links) == 2
        for _ in range(STREAM_WINDOW_BYTES // 10):
            assert len(await anext(stream)) == 9
        await stream.aclose()
        await until(lambda: len(channel._links) == 1)

    play(tmp_path, scene)


OK_HEAD = [(":status", "200"), ("content-type", "application/grpc")]


@pytest.mark.parametrize(
    ("head", "body", "trailers", "code", "words"),
    [
        ([(":status", "404")], None, None, "UNIMPLEMENTED", "unexpected HTTP status code received from server: 404"),
        ([(":status", "503")], None, None, "UNAVAILABLE", "503 (Service Unavailable)"),
        ([(":status", "200"), ("content-type", "text/html")], b"<html>", None, "UNKNOWN", 'content-type "text/html"'),
        (OK_HEAD, None, [("x", "y")], "INTERNAL", "without sending trailers"),
        (OK_HEAD, None, [("grpc-status", "0")], "INTERNAL", "no response message"),
        (OK_HEAD, b"\0\0\0\0\0" * 2, [("grpc-status", "0")], "INTERNAL", "more than one response message"),
        (OK_HEAD, b"\0\0\0\0\5abc", [("grpc-status", "0")], "INTERNAL", "unexpected EOF"),
        (OK_HEAD, b"\1\0\0\0\1a", [("grpc-status", "0")], "INTERNAL", "compressed flag"),
        (OK_HEAD, None, [("grpc-status", "77"), ("grpc-message", "odd")], "UNKNOWN", "odd"),
        (OK_HEAD, None, [("grpc-status", "1" * 5000)], "UNKNOWN", "a status that is none: 1111"),
        ([(":status", "2" * 5000)], None, None, "UNKNOWN", "unexpected HTTP status code"),
    ],
    ids=[
        "404",
        "503",
        "a page",
        "no status",
        "no message",
        "two",
        "half",
        "compressed",
        "a status that is none",
        "a long status",
        "a long status of HTTP",
    ],
)
def test_answers_that_are_none(
    tmp_path: Path, head: Any, body: bytes | None, trailers: Any, code: str, words: str
) -> None:
    def answer(transport: asyncio.Transport, http: Http2, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, Headers):
                http.send_headers(event.stream, header_block(head), ended=body is None and trailers is None)
                if body is not None:
                    http.send_data(event.stream, body)
                if trailers is not None:
                    http.send_headers(event.stream, header_block(trailers), ended=True)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Script(answer), tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")
        with fails(code, words):
            await channel.unary("/a/B", b"", 60)
        await channel.close()
        server.close()

    asyncio.run(run())


def test_a_server_that_asks_for_answers_and_does_not_read_them(tmp_path: Path) -> None:
    async def run() -> None:
        gone = asyncio.Event()

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            http = Http2(server=True)
            http.receive(await reader.read(1000))
            writer.write(http.take())
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write((b"\0\0\x08\6\0\0\0\0\0" + bytes(8)) * 10_000)
                    await writer.drain()
            gone.set()

        server = await asyncio.start_unix_server(flood, tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")
        with fails("UNAVAILABLE"):
            await channel.unary("/a/B", b"", PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        await channel.close()
        server.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "frame",
    [
        b"\0\0\x05\1\4\0\0\0\1\x08\x03100",  # an interim answer, :status 100
        b"\0\0\0\0\0\0\0\0\1",  # data of no bytes
        b"\0\0\x05\1\4\0\0\0\3\x08\x03100",  # of a stream that was given up
    ],
    ids=["interim answers", "empty data", "late answers"],
)
def test_a_server_that_floods_is_left(tmp_path: Path, frame: bytes) -> None:
    async def run() -> None:
        begin, gone = asyncio.Event(), asyncio.Event()
        streams = 2 if frame[8] == 3 else 1

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            http, asked = Http2(server=True), 0
            while asked < streams:
                asked += sum(isinstance(event, Headers) for event in http.receive(await reader.read(1000)))
                writer.write(http.take())
            await begin.wait()
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(frame * 10_000)
                    await writer.drain()
            gone.set()

        server = await asyncio.start_unix_server(flood, tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s", max_headers_bytes=1024)
        calls = [asyncio.create_task(channel.unary("/a/B", b"", PATIENCE_S)) for _ in range(streams)]
        if streams == 2:
            await until(lambda: channel._link is not None and len(channel._link._calls) == 2)
            calls[1].cancel()
            await asyncio.gather(calls[1], return_exceptions=True)
        begin.set()
        with fails("UNAVAILABLE", "too many"):
            await calls[0]
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        await channel.close()
        server.close()

    asyncio.run(run())


def test_headers_that_cannot_be_read_are_not_said_again(tmp_path: Path) -> None:
    def answer(transport: asyncio.Transport, http: Http2, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, Headers):
                transport.write(http.take() + b"\0\x40\0\1\4\0\0\0\1" + b"\xff" * 0x4000)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Script(answer), tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")
        with pytest.raises(GrpcError) as raised:
            await channel.unary("/a/B", b"", PATIENCE_S)
        assert raised.value.code == "UNAVAILABLE" and len(raised.value.message) < 200
        await channel.close()
        server.close()

    asyncio.run(run())


def test_a_server_that_sends_each_connection_away_is_not_asked_busily(tmp_path: Path) -> None:
    """Counted in tries of the client's: one a delay, and no more."""
    came: list[Any] = []
    delays: list[float] = []

    def answer(transport: asyncio.Transport, http: Http2, events: list[Any]) -> None:
        pass

    class Farewell(Script):
        def connection_made(self, transport: Any) -> None:
            came.append(transport)
            self._http.go_away(0, "full")
            super().connection_made(transport)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Farewell(answer), tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")
        sleep = asyncio.sleep

        async def counted(delay_s: float) -> None:
            delays.append(delay_s)
            await sleep(0)
            if len(delays) == 5:
                await channel.close()

        with pytest.MonkeyPatch.context() as patch, fails("CANCELLED"):
            patch.setattr(grpc_client.asyncio, "sleep", counted)
            await channel.channel_ready()
        server.close()

    asyncio.run(run())
    assert (len(came), delays) == (5, [0.1, 0.2, 0.4, 0.8, 1.0])


def test_calls_that_fail_leave_nothing_for_the_collector_of_cycles(tmp_path: Path) -> None:
    def answer(transport: asyncio.Transport, http: Http2, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, Headers):
                http.send_headers(event.stream, header_block([*OK_HEAD, ("grpc-status", "5")]), ended=True)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Script(answer), tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")

        async def fail() -> None:
            with contextlib.suppress(GrpcError):
                await channel.unary("/a/B", b"", PATIENCE_S)
            with contextlib.suppress(GrpcError):
                await anext(channel.stream("/a/B", b""))

        await fail()
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                await fail()
            assert sum(type(each).__name__ == "_Call" for each in gc.get_objects()) < 10
        finally:
            gc.enable()
        await channel.close()
        server.close()

    asyncio.run(run())


def test_a_server_that_says_nothing_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    async def run() -> None:
        server = await asyncio.start_unix_server(lambda reader, writer: None, tmp_path / "s")
        channel = Channel(f"unix://{tmp_path}/s")
        with fails("DEADLINE_EXCEEDED"):
            await channel.unary("/a/B", b"", 0.1)
        given_up, waiting = (asyncio.create_task(channel.unary("/a/B", b"", PATIENCE_S)) for _ in range(2))
        await until(lambda: channel._connecting is not None)
        given_up.cancel()
        await channel.close()
        with fails("CANCELLED", "the client connection is closing"):
            await waiting
        with pytest.raises(asyncio.CancelledError):
            await given_up
        server.close()

    asyncio.run(run())


# The server.


async def answer_echo(request: bytes) -> bytes:
    return request


async def answer_big(request: bytes) -> bytes:
    return bytes(int(request))


async def answer_fail(request: bytes) -> bytes:
    raise GrpcError("NOT_FOUND", request.decode())


async def answer_break(request: bytes) -> bytes:
    raise ZeroDivisionError("by nothing")


def serve(folder: Path, scene: Callable[[Any, asyncio.Event, Any], Awaitable[None]]) -> None:
    async def run() -> None:
        ended = asyncio.Event()

        async def answer_hang(request: bytes) -> bytes:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return b""

        methods = {
            f"/{SERVICE}/Echo": answer_echo,
            f"/{SERVICE}/Big": answer_big,
            f"/{SERVICE}/Fail": answer_fail,
            f"/{SERVICE}/Break": answer_break,
            f"/{SERVICE}/Hang": answer_hang,
        }
        server = await grpc_server.serve(folder / "s", methods)
        async with grpc.aio.insecure_channel(f"unix://{folder}/s", options=NO_LIMIT) as channel:

            async def ask(method: str, request: bytes = b"", timeout_s: float = 60) -> bytes:
                told: bytes = await channel.unary_unary(f"/{SERVICE}/{method}")(request, timeout=timeout_s)
                return told

            async with asyncio.timeout(PATIENCE_S):
                await scene(ask, ended, server)
        await server.stop()

    asyncio.run(run())


def test_who_does_not_read_answers_asks_for_no_more(tmp_path: Path) -> None:
    asked = 0

    async def big(request: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return bytes(100_000)

    async def run() -> None:
        server = await grpc_server.serve(tmp_path / "s", {"/a/B": big})
        _, writer = await asyncio.open_unix_connection(tmp_path / "s")
        http, fields = Http2(), [(":method", "POST"), (":path", "/a/B"), ("content-type", "application/grpc")]
        http._send(4, 0, 0, b"\0\4" + (LAST_STREAM).to_bytes(4, "big"))
        http._send(8, 0, 0, (1 << 30).to_bytes(4, "big"))
        http._initial_room = 1000
        for _ in range(1000):
            http.open(header_block(fields), bytes(5))
            writer.write(http.take())
            await asyncio.sleep(0)
        (link,) = server._links
        await until(lambda: link._paused)
        before = asked
        writer.write(b"".join(_asked_again(http, fields) for _ in range(50)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert asked <= before + 1 and asked < 200
        writer.close()
        await server.stop()

    asyncio.run(run())


def _asked_again(http: Http2, fields: list[tuple[str, str]]) -> bytes:
    http.open(header_block(fields), bytes(5))
    return http.take()


async def refused(call: Awaitable[bytes], code: str, words: str = "") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    assert raised.value.code().name == code and words in raised.value.details()


def test_a_client_is_answered(tmp_path: Path) -> None:
    async def scene(ask: Any, ended: Any, server: Any) -> None:
        assert await ask("Echo", b"said") == b"said"
        assert await ask("Echo") == b""
        assert len(await ask("Big", str(12 * MIB).encode())) == 12 * MIB
        body = bytes(range(256)) * (4 * MIB // 256)
        assert await ask("Echo", body) == body
        calls = [asyncio.create_task(ask("Echo", str(n).encode())) for n in range(300)]
        assert [int(each) for each in await asyncio.gather(*calls)] == list(range(300))

    serve(tmp_path, scene)


def test_a_client_is_refused(tmp_path: Path) -> None:
    async def scene(ask: Any, ended: Any, server: Any) -> None:
        await refused(ask("Fail", "100 % über\n".encode()), "NOT_FOUND", "100 % über\n")
        await refused(ask("Fail", b"y" * 5000), "NOT_FOUND", "y" * 5000)
        await refused(ask("Break"), "UNKNOWN", "by nothing")
        await refused(ask("Other"), "UNIMPLEMENTED", f"unknown method Other for service {SERVICE}")
        await refused(ask("Echo", bytes(4 * MIB + 1)), "RESOURCE_EXHAUSTED", "larger than max (4194305 vs. 4194304)")
        assert await ask("Echo", b"still there") == b"still there"

    serve(tmp_path, scene)


def test_a_call_ends_with_its_deadline_and_with_its_client(tmp_path: Path) -> None:
    async def scene(ask: Any, ended: Any, server: Any) -> None:
        for timeout_s in until_it_began(ended):
            await refused(ask("Hang", timeout_s=timeout_s), "DEADLINE_EXCEEDED")
        await ended.wait()
        ended.clear()
        call = asyncio.create_task(ask("Hang"))
        await ask("Echo")
        call.cancel()
        await ended.wait()
        ended.clear()
        call = asyncio.create_task(ask("Hang"))
        await ask("Echo")
        await server.stop()
        await ended.wait()
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        assert not (tmp_path / "s").exists()

    serve(tmp_path, scene)


def test_a_server_that_stops_leaves_the_socket_of_the_next_one(tmp_path: Path) -> None:
    async def run() -> None:
        first = await grpc_server.serve(tmp_path / "s", {})
        (tmp_path / "s").unlink()
        second = await grpc_server.serve(tmp_path / "s", {})
        await first.stop()
        assert (tmp_path / "s").is_socket()
        await second.stop()
        assert not (tmp_path / "s").exists()

    asyncio.run(run())


def test_sockets_of_long_paths(tmp_path: Path) -> None:
    async def run() -> None:
        folder = tmp_path / ("d" * 120) / ("e" * 120)
        folder.mkdir(parents=True)
        server = await grpc_server.serve(folder / "s", {"/a/Echo": answer_echo})
        channel = Channel(f"unix://{folder}/s")
        assert await channel.unary("/a/Echo", b"far", 60) == b"far"
        await channel.close()
        await server.stop()
        assert not list(folder.iterdir())
        with fails("UNAVAILABLE", "no such file or directory"):
            await Channel(f"unix://{folder}/s").unary("/a/Echo", b"", 60)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("timeout_s", "text"),
    [(0.0001, "1m"), (1.5, "1500m"), (3600, "3600000m"), (200_000, "200000S"), (10**9, "277778H")],
)
def test_timeouts(timeout_s: float, text: str) -> None:
    assert timeout_text(timeout_s) == text
    read = timeout_s_of(text)
    assert read is not None and read >= timeout_s


@pytest.mark.parametrize("text", ["", "S", "5", "-1S", "123456789S", "1x", "½S"])
def test_timeouts_that_are_none(text: str) -> None:
    assert timeout_s_of(text) is None
