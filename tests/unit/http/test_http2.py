"""HTTP/2 without I/O, against itself, against the library h2 and against who breaks its rules."""

from __future__ import annotations

import struct

import h2.config
import h2.connection
import h2.events
import h2.settings
import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.http import http2
from pybernetes.http.http2 import (
    PREFACE,
    STREAM_WINDOW_BYTES,
    Data,
    Event,
    GoAway,
    Greeted,
    Headers,
    Http2,
    Http2Error,
    Reset,
    header_block,
)

REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "x"), ("long", "v" * 300)]
ANSWER = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "0")]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def pair() -> tuple[Http2, Http2]:
    """A client and a server who have greeted each other."""
    client, server = Http2(), Http2(server=True)
    assert pump(client, server) == ([Greeted()], [Greeted()])
    return client, server


def pump(client: Http2, server: Http2) -> tuple[list[Event], list[Event]]:
    """Until neither has anything to say; what each heard."""
    of_client: list[Event] = []
    of_server: list[Event] = []
    while (there := client.take()) + (back := server.take()):
        of_server += server.receive(there)
        of_client += client.receive(back)
    return of_client, of_server


def body_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data))


def answered(server: Http2, stream: int, body: bytes) -> None:
    server.send_headers(stream, header_block(ANSWER))
    server.send_data(stream, body)
    server.send_headers(stream, header_block(TRAILERS), ended=True)


def test_a_question_and_its_answer() -> None:
    client, server = pair()
    stream = client.open(header_block(REQUEST), b"question")
    assert pump(client, server)[1] == [Headers(1, dict(REQUEST), False), Data(1, b"question", True)]
    answered(server, stream, b"answer")
    told = [Headers(1, dict(ANSWER), False), Data(1, b"answer", False), Headers(1, dict(TRAILERS), True)]
    assert pump(client, server)[0] == told
    assert client.open_streams == server.open_streams == 0


@given(st.lists(st.integers(1, 60), max_size=40))
def test_frames_survive_any_cut(cuts: list[int]) -> None:
    client, server = Http2(), Http2(server=True)
    client.open(header_block(REQUEST), b"one")
    client.open(header_block(REQUEST), b"two")
    sent, heard = client.take(), list[Event]()
    for cut in cuts:
        heard += server.receive(sent[:cut])
        sent = sent[cut:]
    heard += server.receive(sent)
    fields = dict(REQUEST)
    asked = [Headers(1, fields, False), Data(1, b"one", True), Headers(3, fields, False), Data(3, b"two", True)]
    assert heard == [Greeted(), *asked]


def test_long_bodies_wait_for_room_and_trailers_for_the_body() -> None:
    client, server = pair()
    body = bytes(range(256)) * 16384  # 4 MiB
    stream = client.open(header_block(REQUEST), body)
    heard = list[Event]()
    while server.open_streams == 0 or not any(isinstance(each, Data) and each.ended for each in heard):
        there = client.take()
        assert len(there) < STREAM_WINDOW_BYTES + 65536
        for event in server.receive(there):
            heard.append(event)
            if isinstance(event, Data):
                server.consumed(event.stream, len(event.data))
        client.receive(server.take())
    assert body_of(heard) == body
    answered(server, stream, body)
    told = list[Event]()
    while not (told and isinstance(told[-1], Headers) and told[-1].ended):
        there = server.take()
        assert there
        for event in client.receive(there):
            told.append(event)
            if isinstance(event, Data):
                client.consumed(event.stream, len(event.data))
        server.receive(client.take())
    assert body_of(told) == body and told[-1] == Headers(stream, dict(TRAILERS), True)
    assert client.open_streams == server.open_streams == 0


def test_who_does_not_read_is_sent_a_window_and_holds_up_nobody() -> None:
    client, server = pair()
    slow, quick = (client.open(header_block(REQUEST), b"q") for _ in range(2))
    pump(client, server)
    for stream in slow, quick:
        server.send_headers(stream, header_block(ANSWER))
    server.send_data(slow, bytes(20 << 20))
    told = pump(client, server)[0]
    assert len(body_of(told)) == STREAM_WINDOW_BYTES
    server.send_data(quick, b"at once")
    assert Data(quick, b"at once", False) in pump(client, server)[0]
    client.consumed(slow, STREAM_WINDOW_BYTES)
    assert len(body_of(pump(client, server)[0])) == STREAM_WINDOW_BYTES
    client.reset(slow, http2.CANCEL)
    assert pump(client, server)[1] == [Reset(slow, http2.CANCEL)]


def test_a_connection_is_not_used_up_by_streams_that_end_early() -> None:
    client, server = pair()
    for _ in range(100):
        stream = client.open(header_block(REQUEST), b"q")
        pump(client, server)
        server.send_headers(stream, header_block(ANSWER))
        server.send_data(stream, bytes(STREAM_WINDOW_BYTES))
        client.reset(stream, http2.CANCEL)
        pump(client, server)
    assert client.open_streams == server.open_streams == 0


def test_too_many_streams_are_refused() -> None:
    client, server = pair()
    streams = [client.open(header_block(REQUEST), b"q") for _ in range(http2.MAX_STREAMS + 1)]
    assert pump(client, server)[0] == [Reset(streams[-1], http2.REFUSED_STREAM)]
    assert client.max_streams == http2.MAX_STREAMS


def test_headers_longer_than_a_frame() -> None:
    client, server = pair()
    long = [*ANSWER, ("grpc-message", "m" * 100_000)]
    stream = client.open(header_block(REQUEST), b"q")
    pump(client, server)
    server.send_headers(stream, header_block(long), ended=True)
    assert pump(client, server)[0] == [Headers(stream, dict(long), True)]


def test_pings_are_answered() -> None:
    client, _ = pair()
    client.receive(frame(6, 0, 0, b"12345678"))
    assert client.take() == frame(6, 1, 0, b"12345678") and client.replies
    client.receive(frame(6, 1, 0, b"12345678"))
    assert client.take() == b""


def test_a_farewell() -> None:
    client, server = pair()
    server.go_away(http2.NO_ERROR, "enough")
    assert pump(client, server)[0] == [GoAway(0, http2.NO_ERROR, "enough")]


def test_headers_by_a_table_of_the_servers() -> None:
    """Also of one that takes the table back and uses it again: what was kept must not be told of another."""
    client, server = pair()
    encoder = hpack.Encoder()
    for turn in range(6):
        fields = {":status": "200", "x": f"value {turn // 2}", "y": "same"}
        stream = client.open(header_block(REQUEST), b"q")
        pump(client, server)
        if turn == 4:
            encoder.header_table_size = 0
        block = encoder.encode(fields.items())
        assert client.receive(frame(1, 5, stream, block))[0] == Headers(stream, fields, True)
        client.take()


def test_a_server_of_the_library_h2() -> None:
    ours = Http2()
    theirs = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    theirs.initiate_connection()
    for turn in range(3):
        stream = ours.open(header_block(REQUEST), b"question")
        heard = theirs.receive_data(ours.take())
        assert [e.headers for e in heard if isinstance(e, h2.events.RequestReceived)] == [REQUEST]
        assert [e.data for e in heard if isinstance(e, h2.events.DataReceived)] == [b"question"]
        theirs.send_headers(stream, ANSWER)
        theirs.send_data(stream, b"answer", pad_length=turn * 100 or None)
        theirs.send_headers(stream, TRAILERS, end_stream=True)
        events = [e for e in ours.receive(theirs.data_to_send()) if not isinstance(e, Greeted)]
        told = [Headers(stream, dict(ANSWER), False), Data(stream, b"answer", False)]
        assert events == [*told, Headers(stream, dict(TRAILERS), True)]
        assert not theirs.receive_data(ours.take()) or turn == 0
    assert theirs.open_inbound_streams == ours.open_streams == 0


def test_a_client_of_the_library_h2() -> None:
    ours = Http2(server=True)
    theirs = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    theirs.initiate_connection()
    theirs.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 10})
    for _ in range(3):
        stream = theirs.get_next_available_stream_id()
        theirs.send_headers(stream, REQUEST)
        theirs.send_data(stream, b"question", end_stream=True)
        events = [e for e in ours.receive(theirs.data_to_send()) if not isinstance(e, Greeted)]
        assert events == [Headers(stream, dict(REQUEST), False), Data(stream, b"question", True)]
        theirs.receive_data(ours.take())
        answered(ours, stream, b"0123456789abcdef")
        first = theirs.receive_data(ours.take())
        assert [e.data for e in first if isinstance(e, h2.events.DataReceived)] == [b"0123456789"]
        theirs.increment_flow_control_window(100, stream)
        ours.receive(theirs.data_to_send())
        rest = theirs.receive_data(ours.take())
        assert [e.data for e in rest if isinstance(e, h2.events.DataReceived)] == [b"abcdef"]
        assert [e.headers for e in rest if isinstance(e, h2.events.TrailersReceived)] == [TRAILERS]
    assert theirs.open_outbound_streams == ours.open_streams == 0


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", http2.FRAME_SIZE_ERROR),
        (frame(6, 0, 0, bytes(8)), http2.PROTOCOL_ERROR),
    ],
    ids=["another protocol", "no settings"],
)
def test_what_is_no_greeting(sent: bytes, code: int) -> None:
    with pytest.raises(Http2Error) as raised:
        Http2().receive(sent)
    assert raised.value.code == code


OPEN_HEADERS = frame(1, 0, 1, header_block(ANSWER))


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(0, 0, 3, b"x"), http2.PROTOCOL_ERROR),
        (frame(1, 4, 2, header_block(ANSWER)), http2.PROTOCOL_ERROR),
        (frame(0, 0, 0, b"x"), http2.PROTOCOL_ERROR),
        (struct.pack(">IBI", 16385 << 8, 0, 1), http2.FRAME_SIZE_ERROR),
        (frame(0, 0, 1, bytes(16384)) * 17, http2.FLOW_CONTROL_ERROR),
        (frame(0, 8, 1, b"\x05abc"), http2.PROTOCOL_ERROR),
        (frame(0, 8, 1, b""), http2.PROTOCOL_ERROR),
        (frame(1, 4, 1, b"\xff\xff\xff\xff\x0f"), http2.COMPRESSION_ERROR),
        (frame(1, 4, 1, b"\x00\x01a\x02\xff\xfe"), http2.COMPRESSION_ERROR),
        (OPEN_HEADERS + frame(6, 0, 0, bytes(8)), http2.PROTOCOL_ERROR),
        (OPEN_HEADERS + frame(9, 0, 1, bytes(16384)) * 65, http2.ENHANCE_YOUR_CALM),
        (OPEN_HEADERS + frame(9, 0, 1), http2.ENHANCE_YOUR_CALM),
        (frame(9, 4, 1), http2.PROTOCOL_ERROR),
        (frame(5, 4, 1, bytes(4)), http2.PROTOCOL_ERROR),
        (frame(8, 0, 0, struct.pack(">I", 2**31 - 1)), http2.FLOW_CONTROL_ERROR),
        (frame(8, 0, 0, bytes(4)), http2.PROTOCOL_ERROR),
        (frame(8, 0, 0, bytes(3)), http2.FRAME_SIZE_ERROR),
        (frame(6, 0, 0, bytes(7)), http2.FRAME_SIZE_ERROR),
        (frame(4, 0, 0, bytes(5)), http2.FRAME_SIZE_ERROR),
        (frame(4, 0, 1, bytes(6)), http2.PROTOCOL_ERROR),
        (frame(4, 0, 0, struct.pack(">HI", 4, 2**31)), http2.FLOW_CONTROL_ERROR),
        (frame(4, 0, 0, struct.pack(">HI", 5, 100)), http2.PROTOCOL_ERROR),
        (frame(3, 0, 1, bytes(3)), http2.FRAME_SIZE_ERROR),
        (frame(7, 0, 0, bytes(7)), http2.FRAME_SIZE_ERROR),
    ],
    ids=[
        "data of no stream",
        "headers of a pushed stream",
        "data of the connection",
        "too long a frame",
        "more than the window",
        "more padding than frame",
        "no padding at all",
        "headers of an index that is none",
        "headers that are no text",
        "headers broken off",
        "headers without end",
        "headers that go on with nothing",
        "nothing to go on with",
        "a push",
        "too wide a window",
        "a window by nothing",
        "half a window",
        "half a ping",
        "half a setting",
        "settings of a stream",
        "streams of too wide a window",
        "too small frames",
        "half a reset",
        "half a farewell",
    ],
)
def test_who_breaks_the_rules_is_told_so(sent: bytes, code: int) -> None:
    client, _ = pair()
    client.open(header_block(REQUEST), b"q")
    client.take()
    with pytest.raises(Http2Error) as raised:
        client.receive(sent)
    assert raised.value.code == code
    assert client.take()[3] == 7


@pytest.mark.parametrize("window", [0, 2**31 - 1], ids=["by nothing", "too wide"])
def test_a_stream_of_an_impossible_window_alone_ends(window: int) -> None:
    client, _ = pair()
    stream = client.open(header_block(REQUEST), b"q")
    (event,) = client.receive(frame(8, 0, stream, struct.pack(">I", window)))
    assert isinstance(event, Reset) and client.open_streams == 0


def test_a_client_without_a_preface() -> None:
    assert Http2(server=True).receive(PREFACE[:5]) == []
    with pytest.raises(Http2Error):
        Http2(server=True).receive(b"GET / HTTP/1.1\r\n\r\n")


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 255), st.integers(0, 9), st.binary(max_size=40))))
def test_nothing_but_an_error_comes_of_noise(frames: list[tuple[int, int, int, bytes]]) -> None:
    for server in False, True:
        one = Http2(server=server)
        one.receive((PREFACE if server else b"") + frame(4, 0, 0))
        if not server:
            one.open(header_block(REQUEST), b"q")
        try:
            for kind, flags, stream, payload in frames:
                one.receive(frame(kind, flags, stream, payload))
                one.take()
        except Http2Error:
            pass
