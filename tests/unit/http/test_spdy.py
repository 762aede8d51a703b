from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.http.pipe import connection_pair
from pybernetes.http.spdy import Session, Stream, StreamReset
from pybernetes.http.spdy_frames import (
    DICTIONARY,
    MAX_FRAME_BYTES,
    Codec,
    Data,
    Frame,
    GoAway,
    HeadersFrame,
    PingFrame,
    RstStream,
    Settings,
    SpdyError,
    SynReply,
    SynStream,
    WindowUpdate,
)

HEADERS = {"streamtype": "stdin", "port": "80", "empty": ""}
FRAMES: list[Frame] = [
    SynStream(1, HEADERS, fin=False, unidirectional=True, priority=7, associated_id=3),
    SynReply(1, {}, fin=True),
    HeadersFrame(1, {"streamtype": "error"}),
    Data(1, b"hello", fin=True),
    Data(3, b""),
    RstStream(1, 5),
    Settings({4: 100}),
    PingFrame(7),
    GoAway(1, 0),
    WindowUpdate(1, 65536),
]


def test_the_dictionary_is_the_drafts() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_frames_of_another_implementation() -> None:
    # From the draft: a ping, a go-away and data are plain bytes.
    sent = bytes.fromhex("80030006000000040000000a") + bytes.fromhex("80030007000000080000000100000000")
    assert Codec().decode(sent + bytes.fromhex("0000000101000002") + b"hi") == [
        PingFrame(10), GoAway(1, 0), Data(1, b"hi", fin=True)
    ]  # fmt: skip


@given(st.lists(st.integers(1, 40), max_size=30))
def test_frames_survive_any_cut(cuts: list[int]) -> None:
    sender, receiver = Codec(), Codec()
    sent = b"".join(sender.encode(frame) for frame in FRAMES)
    received: list[Frame] = []
    for cut in cuts:
        received += receiver.decode(sent[:cut])
        sent = sent[cut:]
    received += receiver.decode(sent)
    assert received == FRAMES


def test_long_data_becomes_several_frames() -> None:
    data = bytes(MAX_FRAME_BYTES + 10)
    frames = Codec().decode(Codec().encode(Data(1, data, fin=True)))
    assert [(len(f.data), f.fin) for f in frames if isinstance(f, Data)] == [(MAX_FRAME_BYTES, False), (10, True)]


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("800200010000000a") + bytes(10),
        bytes.fromhex("800300010000000c") + bytes(12),
        bytes.fromhex("8003000300000004") + bytes(4),
    ],
    ids=["version 2", "headers that are no zlib", "cut short"],
)
def test_what_cannot_be_read(data: bytes) -> None:
    with pytest.raises(SpdyError):
        Codec().decode(data)


Body = Callable[[Session, Session], Awaitable[None]]


def run(body: Body) -> None:
    async def main() -> None:
        near, far = connection_pair()
        async with Session(near, client=True) as client, Session(far, client=False) as server:
            await body(client, server)

    asyncio.run(asyncio.wait_for(main(), 60))


async def accepted(server: Session) -> Stream:
    stream = await anext(server.incoming())
    await stream.accept()
    return stream


def test_streams_both_ways_with_half_close() -> None:
    async def body(client: Session, server: Session) -> None:
        opening = asyncio.create_task(client.open({"streamtype": "stdin"}))
        theirs = await accepted(server)
        mine = await opening
        assert (mine.stream_id, theirs.headers) == (1, {"streamtype": "stdin"})
        await mine.write(b"question")
        await mine.close()
        assert await theirs.read_all() == b"question"
        await theirs.write(b"answer")
        await theirs.close()
        assert await mine.read_all() == b"answer"
        with pytest.raises(ConnectionError):
            await mine.write(b"more")
        opening = asyncio.create_task(server.open({"streamtype": "even"}))
        assert (await accepted(client)).stream_id == (await opening).stream_id == 2

    run(body)


def test_reset_and_refusal() -> None:
    async def body(client: Session, server: Session) -> None:
        opening = asyncio.create_task(client.open({}))
        theirs = await anext(server.incoming())
        await theirs.reset(3)
        with pytest.raises(StreamReset) as refused:
            await opening
        assert refused.value.status == 3
        opening = asyncio.create_task(client.open({}))
        theirs = await accepted(server)
        mine = await opening
        await theirs.write(b"last words")
        await theirs.reset()
        assert await mine.read() == b"last words"
        with pytest.raises(StreamReset):
            await mine.read()

    run(body)


def test_a_ping_is_answered() -> None:
    async def body(client: Session, server: Session) -> None:
        await asyncio.gather(client.ping(), server.ping(), client.ping())

    run(body)


def test_an_unread_stream_holds_up_its_sender() -> None:
    async def body(client: Session, server: Session) -> None:
        opening = asyncio.create_task(client.open({}))
        theirs = await accepted(server)
        mine = await opening
        written = 0

        async def flood() -> None:
            nonlocal written
            for _ in range(100):
                await mine.write(bytes(100_000))
                written += 1
            await mine.close()

        flooding = asyncio.create_task(flood())
        for _ in range(200):
            await asyncio.sleep(0)
        assert written < 20
        assert len(await theirs.read_all(1 << 30)) == 10_000_000
        await flooding

    run(body)


def test_the_end_of_the_session_ends_streams() -> None:
    async def body(client: Session, server: Session) -> None:
        opening = asyncio.create_task(client.open({}))
        theirs = await accepted(server)
        mine = await opening
        await theirs.write(b"x")
        assert await mine.read() == b"x"
        await server.close()
        with pytest.raises(ConnectionError):
            await mine.read()
        await client.closed.wait()
        with pytest.raises(ConnectionError):
            await client.open({})
        assert [stream async for stream in client.incoming()] == []

    run(body)


def test_streams_that_are_not_the_peers_to_open() -> None:
    async def body(client: Session, server: Session) -> None:
        await client.send(SynStream(2, {}))
        await server.closed.wait()

    run(body)
