"""HTTP/2 without I/O, for gRPC: bytes in, events out, and bytes that are to be written; either side of a connection.

What arrives on a stream nobody reads stays within that stream's window, while the connection's is given back at once:
a reader that stalls holds up nobody else. No pushes and no priorities. Header blocks are sent without a table, so that
the same fields are the same bytes each time and can be kept; the other side is asked to do likewise.

Source: RFC 9113, RFC 7541. Why not the library h2: docs/adr/0019-grpc-by-hand.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STREAM_WINDOW_BYTES = 1 << 18
CONNECTION_WINDOW_BYTES = 1 << 22
MAX_HEADERS_BYTES = 1 << 20
_MAX_HEADS = 8
"""Of one stream, trailers included: there may be interim ones."""
_MAX_VAIN = 1000
"""Frames one after another that say nothing to anybody."""
_MAX_REASON_BYTES = 200
MAX_STREAMS = 100
"""That the other side may have open."""
LAST_STREAM = (1 << 31) - 1
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED = 0, 1, 2, 3, 5
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 6, 7, 8, 9, 11

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PUSH_PROMISE = 0, 1, 3, 4, 5
_PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 6, 7, 8, 9
_END_STREAM = _ACK = 1
_END_HEADERS, _PADDED, _PRIORITY = 4, 8, 32
_TABLE_SIZE, _ENABLE_PUSH, _CONCURRENT_STREAMS, _INITIAL_WINDOW, _FRAME_SIZE, _HEADERS_SIZE = range(1, 7)
_MAX_FRAME_BYTES = 1 << 14
_MAX_WINDOW = (1 << 31) - 1
_DEFAULT_WINDOW = (1 << 16) - 1
_HEAD = struct.Struct(">IBI")
_WORD = struct.Struct(">I")
_SETTING = struct.Struct(">HI")
_MAX_KEPT_BLOCKS = 64
_MAX_KEPT_BLOCK_BYTES = 256


class Http2Error(Exception):
    """The other side breaks the protocol: the connection ends, once what `take` has is written."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Headers:
    """Also trailers. Of fields of the same name the last one counts."""

    stream: int
    fields: Mapping[str, str]
    ended: bool


@dataclass(slots=True)
class Data:
    stream: int
    data: bytes
    ended: bool


@dataclass(slots=True)
class Reset:
    stream: int
    code: int


@dataclass(slots=True)
class GoAway:
    """No streams after `last_stream` were looked at, and none may be opened."""

    last_stream: int
    code: int
    reason: str


@dataclass(slots=True)
class Greeted:
    """The other side has sent its first settings."""


Event = Headers | Data | Reset | GoAway | Greeted


class _Stream:
    __slots__ = ("credit", "ended_here", "ended_there", "ends", "heads", "owed", "room", "trailers", "waiting")

    def __init__(self, room: int) -> None:
        self.room = room
        """What the other side's window still takes."""
        self.credit = STREAM_WINDOW_BYTES
        """What it may still send, and what of that was read since it was told."""
        self.owed = 0
        self.heads = 0
        self.waiting = bytearray()
        """The body for which there was no room, whether the stream ends with it, and what comes after it."""
        self.ends = False
        self.trailers: bytes | None = None
        self.ended_here = False
        self.ended_there = False


class Http2:
    """One connection. Everything that it wants to write is taken with `take`, after each call."""

    def __init__(self, *, server: bool = False, max_headers_bytes: int = MAX_HEADERS_BYTES) -> None:
        self._server = server
        self._out: list[bytes] = []
        self._rest = b""
        self._preface = PREFACE if server else b""
        self._greeted = False
        self._decoder = hpack.Decoder(max_header_list_size=max_headers_bytes)
        self._max_headers_bytes = max_headers_bytes
        self._vain = 0
        self._decoded: dict[bytes, Mapping[str, str]] = {}
        self._block: tuple[int, bool, bytearray] | None = None
        """Of headers that go on in the next frame: stream, whether it ends with them, what there is."""
        self._streams: dict[int, _Stream] = {}
        self._stalled: dict[int, _Stream] = {}
        self._next = 1
        self._last_heard = 0
        self._room = _DEFAULT_WINDOW
        self._credit = CONNECTION_WINDOW_BYTES
        self._initial_room = _DEFAULT_WINDOW
        self._frame_bytes = _MAX_FRAME_BYTES
        self.max_streams = LAST_STREAM
        """That the other side lets us have open."""
        self.replies = 0
        """Frames that were only sent because the other side wanted an answer; the shell sets it back."""
        self._greet()

    def _greet(self) -> None:
        if not self._server:
            self._out.append(PREFACE)
        settings = {
            _TABLE_SIZE: 0,
            _INITIAL_WINDOW: STREAM_WINDOW_BYTES,
            _HEADERS_SIZE: self._max_headers_bytes,
        }
        settings |= {_CONCURRENT_STREAMS: MAX_STREAMS} if self._server else {_ENABLE_PUSH: 0}
        self._send(_SETTINGS, 0, 0, b"".join(_SETTING.pack(*each) for each in settings.items()))
        self._send(_WINDOW_UPDATE, 0, 0, _WORD.pack(CONNECTION_WINDOW_BYTES - _DEFAULT_WINDOW))

    def take(self) -> bytes:
        """What is to be written."""
        if not self._out:
            return b""
        taken = b"".join(self._out)
        self._out.clear()
        return taken

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    @property
    def used_up(self) -> bool:
        """No more streams can be opened on this connection, ever."""
        return self._next > LAST_STREAM

    # What is sent.

    def open(self, block: bytes, body: bytes) -> int:
        """A client's request, whole."""
        stream_id = self._next
        self._next += 2
        stream = self._streams[stream_id] = _Stream(self._initial_room)
        self.send_headers(stream_id, block)
        self._body(stream_id, stream, body, True)
        return stream_id

    def send_headers(self, stream_id: int, block: bytes, *, ended: bool = False) -> None:
        """After a body also trailers, which wait for it. A stream that is gone takes nothing, here and below."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if stream_id in self._stalled:
            stream.trailers = block
            return
        flags, kind, limit = (_END_STREAM if ended else 0), _HEADERS, self._frame_bytes
        while len(block) > limit:
            self._send(kind, flags, stream_id, block[:limit])
            flags, kind, block = 0, _CONTINUATION, block[limit:]
        self._send(kind, flags | _END_HEADERS, stream_id, block)
        if ended:
            self._ended_here(stream_id, stream)

    def send_data(self, stream_id: int, data: bytes, *, ended: bool = False) -> None:
        """Waits for room by itself."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._body(stream_id, stream, data, ended)

    def reset(self, stream_id: int, code: int) -> None:
        if self._streams.pop(stream_id, None) is not None:
            self._stalled.pop(stream_id, None)
            self._send(_RST_STREAM, 0, stream_id, _WORD.pack(code))

    def consumed(self, stream_id: int, size: int) -> None:
        """So much of a stream was read; less than nothing where more is held than was said before."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        stream.owed += size
        if stream.owed >= STREAM_WINDOW_BYTES // 4 and not stream.ended_there:
            self._send(_WINDOW_UPDATE, 0, stream_id, _WORD.pack(stream.owed))
            stream.credit += stream.owed
            stream.owed = 0

    def go_away(self, code: int = NO_ERROR, reason: str = "") -> None:
        self._send(_GOAWAY, 0, 0, _WORD.pack(self._last_heard) + _WORD.pack(code) + reason.encode()[:_MAX_REASON_BYTES])

    def _send(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        self._out.append(_HEAD.pack(len(payload) << 8 | kind, flags, stream_id))
        self._out.append(payload)

    def _body(self, stream_id: int, stream: _Stream, data: bytes, ends: bool) -> None:
        size = len(data)
        if not stream.waiting and (not size or size <= min(stream.room, self._room, self._frame_bytes)):
            stream.room -= size
            self._room -= size
            self._send(_DATA, _END_STREAM if ends else 0, stream_id, data)
            if ends:
                self._ended_here(stream_id, stream)
            return
        stream.waiting += data
        stream.ends = ends
        self._stalled[stream_id] = stream
        self._go_on(stream_id, stream)

    def _go_on(self, stream_id: int, stream: _Stream) -> None:
        while stream.waiting:
            size = min(len(stream.waiting), stream.room, self._room, self._frame_bytes)
            if size <= 0:
                return
            piece = bytes(stream.waiting[:size])
            del stream.waiting[:size]
            stream.room -= size
            self._room -= size
            self._send(_DATA, _END_STREAM if stream.ends and not stream.waiting else 0, stream_id, piece)
        del self._stalled[stream_id]
        if stream.ends:
            self._ended_here(stream_id, stream)
        elif stream.trailers is not None:
            self.send_headers(stream_id, stream.trailers, ended=True)

    def _all_go_on(self) -> None:
        for stream_id, stream in list(self._stalled.items()):
            self._go_on(stream_id, stream)

    def _ended_here(self, stream_id: int, stream: _Stream) -> None:
        stream.ended_here = True
        if stream.ended_there:
            del self._streams[stream_id]
        elif self._server:
            # The answer is there before the question: nobody wants the rest of that.
            self.reset(stream_id, NO_ERROR)

    def _ended_there(self, stream_id: int, stream: _Stream) -> None:
        stream.ended_there = True
        if stream.ended_here:
            del self._streams[stream_id]
        elif not self._server:
            self.reset(stream_id, CANCEL)

    # What arrives.

    def receive(self, data: bytes) -> list[Event]:
        """Raises Http2Error; what was understood before that is lost with the connection."""
        try:
            return self._receive(data)
        except Http2Error as error:
            self.go_away(error.code, str(error))
            raise

    def _receive(self, data: bytes) -> list[Event]:
        if self._rest:
            data = self._rest + data
        at, size, events = 0, len(data), list[Event]()
        if self._preface:
            if not data.startswith(self._preface[:size]):
                raise Http2Error(PROTOCOL_ERROR, "this is no HTTP/2")
            if size < len(self._preface):
                self._rest = data
                return events
            at, self._preface = len(self._preface), b""
        while size - at >= 9:
            head, flags, stream_id = _HEAD.unpack_from(data, at)
            length = head >> 8
            if length > _MAX_FRAME_BYTES:
                raise Http2Error(FRAME_SIZE_ERROR, "http2: frame too large")
            end = at + 9 + length
            if end > size:
                break
            self._frame(head & 0xFF, flags, stream_id & LAST_STREAM, data[at + 9 : end], events)
            at = end
        self._rest = data[at:]
        return events

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        if not self._greeted:
            if kind != _SETTINGS or flags & _ACK:
                raise Http2Error(PROTOCOL_ERROR, "settings are to come first")
            self._greeted = True
            events.append(Greeted())
        if self._block is not None and (kind != _CONTINUATION or stream_id != self._block[0]):
            raise Http2Error(PROTOCOL_ERROR, "headers are to go on")
        if kind == _DATA:
            self._on_data(stream_id, flags, payload, events)
        elif kind == _HEADERS:
            self._on_headers(stream_id, flags, payload, events)
        elif kind == _CONTINUATION:
            self._on_continuation(flags, payload, events)
        elif kind == _WINDOW_UPDATE:
            self._on_window_update(stream_id, payload, events)
        elif kind == _RST_STREAM:
            self._on_reset(stream_id, payload, events)
        elif kind == _SETTINGS:
            self._on_settings(stream_id, flags, payload)
        elif kind == _PING:
            if len(payload) != 8 or stream_id:
                raise Http2Error(FRAME_SIZE_ERROR if len(payload) != 8 else PROTOCOL_ERROR, "a ping of another form")
            if not flags & _ACK:
                self._reply(_PING, _ACK, payload)
        elif kind == _GOAWAY:
            if len(payload) < 8 or stream_id:
                raise Http2Error(FRAME_SIZE_ERROR, "a farewell of another form")
            last, code = struct.unpack_from(">II", payload)
            events.append(GoAway(last & LAST_STREAM, code, payload[8:].decode(errors="replace")))
        elif kind == _PUSH_PROMISE:
            raise Http2Error(PROTOCOL_ERROR, "nothing is to be pushed")
        # Priorities and frames of other kinds mean nothing.

    def _reply(self, kind: int, flags: int, payload: bytes) -> None:
        self.replies += 1
        self._send(kind, flags, 0, payload)

    def _known(self, stream_id: int) -> _Stream | None:
        """None where it is over. Raises Http2Error where there has been none."""
        stream = self._streams.get(stream_id)
        if stream is None and (
            not stream_id % 2 or (stream_id > self._last_heard if self._server else stream_id >= self._next)
        ):
            raise Http2Error(PROTOCOL_ERROR, "there is no such stream")
        return stream

    def _on_data(self, stream_id: int, flags: int, payload: bytes, events: list[Event]) -> None:
        size = len(payload)
        self._credit -= size
        if self._credit < 0:
            raise Http2Error(FLOW_CONTROL_ERROR, "more than the connection's window")
        if self._credit < CONNECTION_WINDOW_BYTES // 2:
            self._send(_WINDOW_UPDATE, 0, 0, _WORD.pack(CONNECTION_WINDOW_BYTES - self._credit))
            self._credit = CONNECTION_WINDOW_BYTES
        if size:
            self._vain = 0
        elif not flags & _END_STREAM:
            self._count_vain()
        stream = self._known(stream_id)
        if stream is None:
            return
        stream.credit -= size
        if stream.credit < 0:
            raise Http2Error(FLOW_CONTROL_ERROR, "more than the stream's window")
        if stream.ended_there:
            self._refuse(stream_id, STREAM_CLOSED, events)
            return
        if flags & _PADDED:
            payload = _without_padding(payload, 0)
            self.consumed(stream_id, size - len(payload))
        ended = bool(flags & _END_STREAM)
        if ended:
            self._ended_there(stream_id, stream)
        events.append(Data(stream_id, payload, ended))

    def _count_vain(self) -> None:
        """Raises Http2Error: to read them holds up all others."""
        self._vain += 1
        if self._vain > _MAX_VAIN:
            raise Http2Error(ENHANCE_YOUR_CALM, "too many frames that say nothing")

    def _refuse(self, stream_id: int, code: int, events: list[Event]) -> None:
        self.replies += 1
        self.reset(stream_id, code)
        events.append(Reset(stream_id, code))

    def _on_headers(self, stream_id: int, flags: int, payload: bytes, events: list[Event]) -> None:
        if flags & (_PADDED | _PRIORITY):
            padded = bool(flags & _PADDED)
            skipped = 5 if flags & _PRIORITY else 0
            payload = _without_padding(payload, skipped) if padded else payload[skipped:]
        ended = bool(flags & _END_STREAM)
        if flags & _END_HEADERS:
            self._on_block(stream_id, ended, payload, events)
        else:
            self._block = stream_id, ended, bytearray(payload)

    def _on_continuation(self, flags: int, payload: bytes, events: list[Event]) -> None:
        if self._block is None:
            raise Http2Error(PROTOCOL_ERROR, "there are no headers to go on")
        stream_id, ended, block = self._block
        block += payload
        if len(block) > self._max_headers_bytes or (not payload and not flags & _END_HEADERS):
            raise Http2Error(ENHANCE_YOUR_CALM, "too many headers")
        if flags & _END_HEADERS:
            self._block = None
            self._on_block(stream_id, ended, bytes(block), events)

    def _on_block(self, stream_id: int, ended: bool, block: bytes, events: list[Event]) -> None:
        live = self._streams.get(stream_id)
        if live is not None:
            live.heads += 1
            if live.heads > _MAX_HEADS:
                raise Http2Error(ENHANCE_YOUR_CALM, "too many headers")
            self._vain = 0
        elif not self._server:
            self._count_vain()
        fields = self._decoded.get(block) or self._decode(block)
        if self._server and stream_id > self._last_heard and stream_id % 2:
            self._last_heard = stream_id
            stream: _Stream | None = _Stream(self._initial_room)
            assert stream is not None
            if len(self._streams) >= MAX_STREAMS:
                self.replies += 1
                self._send(_RST_STREAM, 0, stream_id, _WORD.pack(REFUSED_STREAM))
                return
            self._streams[stream_id] = stream
        else:
            stream = self._known(stream_id)
        if stream is None:
            return
        if stream.ended_there:
            self._refuse(stream_id, STREAM_CLOSED, events)
            return
        if ended:
            self._ended_there(stream_id, stream)
        events.append(Headers(stream_id, fields, ended))

    def _decode(self, block: bytes) -> Mapping[str, str]:
        """Those that are read without a table are the same each time, and are kept."""
        before = len(self._decoder.header_table.dynamic_entries)
        try:
            fields = {str(name): str(value) for name, value in self._decoder.decode(block)}
        except hpack.HPACKError:  # its text may be the whole block
            raise Http2Error(COMPRESSION_ERROR, "headers that cannot be read") from None
        pure = not before and not self._decoder.header_table.dynamic_entries and block and block[0] >> 5 != 1
        if pure and len(block) <= _MAX_KEPT_BLOCK_BYTES and len(self._decoded) < _MAX_KEPT_BLOCKS:
            self._decoded[block] = fields
        elif not pure:
            self._decoded.clear()
        return fields

    def _on_window_update(self, stream_id: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != 4:
            raise Http2Error(FRAME_SIZE_ERROR, "a window of another form")
        more = _WORD.unpack(payload)[0] & _MAX_WINDOW
        if not stream_id:
            self._room += more
            if not more or self._room > _MAX_WINDOW:
                raise Http2Error(FLOW_CONTROL_ERROR if more else PROTOCOL_ERROR, "a window that cannot be")
            self._all_go_on()
            return
        stream = self._known(stream_id)
        if stream is None:
            return
        stream.room += more
        if not more or stream.room > _MAX_WINDOW:
            self._refuse(stream_id, FLOW_CONTROL_ERROR if more else PROTOCOL_ERROR, events)
        elif stream_id in self._stalled:
            self._go_on(stream_id, stream)

    def _on_reset(self, stream_id: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != 4:
            raise Http2Error(FRAME_SIZE_ERROR, "a reset of another form")
        if self._known(stream_id) is not None:
            del self._streams[stream_id]
            self._stalled.pop(stream_id, None)
            events.append(Reset(stream_id, _WORD.unpack(payload)[0]))

    def _on_settings(self, stream_id: int, flags: int, payload: bytes) -> None:
        if len(payload) % 6 or stream_id or (flags & _ACK and payload):
            raise Http2Error(FRAME_SIZE_ERROR if not stream_id else PROTOCOL_ERROR, "settings of another form")
        if flags & _ACK:
            return
        for name, value in _SETTING.iter_unpack(payload):
            if name == _CONCURRENT_STREAMS:
                self.max_streams = value
            elif name == _FRAME_SIZE:
                if not 1 << 14 <= value < 1 << 24:
                    raise Http2Error(PROTOCOL_ERROR, "frames of a size that cannot be")
                self._frame_bytes = min(value, 1 << 16)
            elif name == _INITIAL_WINDOW:
                self._rooms_change(value)
        self._reply(_SETTINGS, _ACK, b"")
        self._all_go_on()

    def _rooms_change(self, value: int) -> None:
        if value > _MAX_WINDOW:
            raise Http2Error(FLOW_CONTROL_ERROR, "a window that cannot be")
        more, self._initial_room = value - self._initial_room, value
        for stream in self._streams.values():
            stream.room += more
            if stream.room > _MAX_WINDOW:
                raise Http2Error(FLOW_CONTROL_ERROR, "a window that cannot be")


def _without_padding(payload: bytes, skipped: int) -> bytes:
    """`skipped` bytes lie between the length of the padding and what it pads."""
    if not payload or payload[0] + 1 + skipped > len(payload):
        raise Http2Error(PROTOCOL_ERROR, "more padding than there is room for")
    return payload[1 + skipped : len(payload) - payload[0]]


def header_block(fields: Iterable[tuple[str, str]]) -> bytes:
    """Literals without a table: the same bytes each time."""
    block = bytearray()
    for name, value in fields:
        block += b"\0"
        for text in name.encode(), value.encode():
            block += _length(len(text)) + text
    return bytes(block)


def _length(size: int) -> bytes:
    """RFC 7541 section 5.1, with 7 bits in the first byte."""
    if size < 127:
        return bytes((size,))
    size -= 127
    found = bytearray((127,))
    while size >= 128:
        found.append(size & 127 | 128)
        size >>= 7
    found.append(size)
    return bytes(found)
