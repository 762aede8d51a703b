"""SPDY/3.1 framing without I/O: bytes in, frames out, and the other way round.

Only what Kubernetes' streams use: SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS,
WINDOW_UPDATE and DATA. Header blocks go through one zlib stream per direction, primed with the
dictionary of the protocol, so a codec serves one connection and its frames must be sent in order.

Source: the SPDY protocol draft 3.1; peers are moby/spdystream.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

VERSION = 3
MAX_FRAME_BYTES = 0xFFFFFF
MAX_HEADER_BYTES = 1 << 20

FLAG_FIN = 0x01
FLAG_UNIDIRECTIONAL = 0x02

PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM, UNSUPPORTED_VERSION, CANCEL, INTERNAL_ERROR = 1, 2, 3, 4, 5, 6

_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9

_SINGLE_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_WORDS = [
    *_SINGLE_WORDS.split(),
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
]
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS) + _TAIL.encode()

Headers = dict[str, str]
"""Lower-case names; several values of a name are joined by NUL."""


class SpdyError(ConnectionError):
    """The peer does not keep to the protocol; the connection is of no more use."""


@dataclass(slots=True)
class SynStream:
    stream_id: int
    headers: Headers
    fin: bool = False
    unidirectional: bool = False
    priority: int = 0
    associated_id: int = 0


@dataclass(slots=True)
class SynReply:
    stream_id: int
    headers: Headers = field(default_factory=dict)
    fin: bool = False


@dataclass(slots=True)
class HeadersFrame:
    stream_id: int
    headers: Headers
    fin: bool = False


@dataclass(slots=True)
class Data:
    stream_id: int
    data: bytes
    fin: bool = False


@dataclass(slots=True)
class RstStream:
    stream_id: int
    status: int = CANCEL


@dataclass(slots=True)
class Settings:
    values: dict[int, int]


@dataclass(slots=True)
class PingFrame:
    ping_id: int


@dataclass(slots=True)
class GoAway:
    last_stream_id: int
    status: int = 0


@dataclass(slots=True)
class WindowUpdate:
    stream_id: int
    delta: int


Frame = SynStream | SynReply | HeadersFrame | Data | RstStream | Settings | PingFrame | GoAway | WindowUpdate


class Codec:
    """Both directions of one connection."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(zdict=DICTIONARY)
        self._decompressor = zlib.decompressobj(zdict=DICTIONARY)
        self._buffer = bytearray()

    def encode(self, frame: Frame) -> bytes:
        """The bytes of a frame, to be sent in the order of the calls; long data becomes several frames."""
        match frame:
            case Data(stream_id, data, fin):
                return self._encode_data(stream_id, data, fin)
            case SynStream():
                flags = (FLAG_FIN if frame.fin else 0) | (FLAG_UNIDIRECTIONAL if frame.unidirectional else 0)
                head = struct.pack(">IIBB", frame.stream_id, frame.associated_id, frame.priority << 5, 0)
                return _control(_SYN_STREAM, flags, head + self._compress(frame.headers))
            case SynReply(stream_id, headers, fin):
                return _control(_SYN_REPLY, int(fin), struct.pack(">I", stream_id) + self._compress(headers))
            case HeadersFrame(stream_id, headers, fin):
                return _control(_HEADERS, int(fin), struct.pack(">I", stream_id) + self._compress(headers))
            case RstStream(stream_id, status):
                return _control(_RST_STREAM, 0, struct.pack(">II", stream_id, status))
            case PingFrame(ping_id):
                return _control(_PING, 0, struct.pack(">I", ping_id))
            case GoAway(last_stream_id, status):
                return _control(_GOAWAY, 0, struct.pack(">II", last_stream_id, status))
            case WindowUpdate(stream_id, delta):
                return _control(_WINDOW_UPDATE, 0, struct.pack(">II", stream_id, delta))
            case Settings(values):
                pairs = b"".join(struct.pack(">II", number, value) for number, value in values.items())
                return _control(_SETTINGS, 0, struct.pack(">I", len(values)) + pairs)

    def decode(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises SpdyError."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at = 0
        while len(buffer) - at >= 8:
            first, second = struct.unpack_from(">II", buffer, at)
            flags, length = second >> 24, second & 0xFFFFFF
            if len(buffer) - at - 8 < length:
                break
            payload = bytes(memoryview(buffer)[at + 8 : at + 8 + length])
            at += 8 + length
            if first & 0x80000000:
                if (first >> 16) & 0x7FFF != VERSION:
                    raise SpdyError(f"SPDY version {(first >> 16) & 0x7FFF}, {VERSION} is expected")
                frame = self._control_frame(first & 0xFFFF, flags, payload)
                if frame is not None:
                    frames.append(frame)
            else:
                frames.append(Data(first, payload, bool(flags & FLAG_FIN)))
        del buffer[:at]
        return frames

    def _control_frame(self, kind: int, flags: int, payload: bytes) -> Frame | None:
        try:
            return self._parse_control(kind, flags, payload)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"a control frame of type {kind} that cannot be read: {error}") from error

    def _parse_control(self, kind: int, flags: int, payload: bytes) -> Frame | None:
        fin = bool(flags & FLAG_FIN)
        if kind == _SETTINGS:
            (count,) = struct.unpack_from(">I", payload)
            pairs = [struct.unpack_from(">II", payload, 4 + 8 * index) for index in range(min(count, 64))]
            return Settings({number & 0xFFFFFF: value for number, value in pairs})
        if kind not in (_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY, _HEADERS, _WINDOW_UPDATE):
            return None  # the draft: unknown control frames are ignored
        number = struct.unpack_from(">I", payload)[0] & 0x7FFFFFFF
        match kind:
            case 1:
                associated, priority = struct.unpack_from(">IB", payload, 4)
                headers = self._decompress(payload[10:])
                unidirectional = bool(flags & FLAG_UNIDIRECTIONAL)
                return SynStream(number, headers, fin, unidirectional, priority >> 5, associated & 0x7FFFFFFF)
            case 2:
                return SynReply(number, self._decompress(payload[4:]), fin)
            case 8:
                return HeadersFrame(number, self._decompress(payload[4:]), fin)
            case 3:
                return RstStream(number, struct.unpack_from(">I", payload, 4)[0])
            case 6:
                return PingFrame(struct.unpack_from(">I", payload)[0])
            case 7:
                return GoAway(number, struct.unpack_from(">I", payload, 4)[0] if len(payload) >= 8 else 0)
            case _:
                return WindowUpdate(number, struct.unpack_from(">I", payload, 4)[0] & 0x7FFFFFFF)

    def _encode_data(self, stream_id: int, data: bytes, fin: bool) -> bytes:
        if len(data) <= MAX_FRAME_BYTES:
            return struct.pack(">II", stream_id, (int(fin) << 24) | len(data)) + data
        pieces = [data[at : at + MAX_FRAME_BYTES] for at in range(0, len(data), MAX_FRAME_BYTES)]
        last = len(pieces) - 1
        return b"".join(self._encode_data(stream_id, piece, fin and n == last) for n, piece in enumerate(pieces))

    def _compress(self, headers: Headers) -> bytes:
        block = [struct.pack(">I", len(headers))]
        for name, value in headers.items():
            for text in (name.lower().encode(), value.encode()):
                block += [struct.pack(">I", len(text)), text]
        return self._compressor.compress(b"".join(block)) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def _decompress(self, data: bytes) -> Headers:
        block = self._decompressor.decompress(data, MAX_HEADER_BYTES)
        if self._decompressor.unconsumed_tail:
            raise SpdyError(f"a header block of more than {MAX_HEADER_BYTES} bytes")
        (count,) = struct.unpack_from(">I", block)
        at = 4
        headers: Headers = {}
        for _ in range(count):
            texts = []
            for _ in range(2):
                (length,) = struct.unpack_from(">I", block, at)
                if at + 4 + length > len(block):
                    raise SpdyError("a header block that is cut short")
                texts.append(block[at + 4 : at + 4 + length].decode())
                at += 4 + length
            headers[texts[0].lower()] = texts[1]
        return headers


def _control(kind: int, flags: int, payload: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | VERSION, kind, (flags << 24) | len(payload)) + payload
