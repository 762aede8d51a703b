"""gRPC's words on HTTP/2: messages with their lengths, statuses, timeouts.

Source: grpc/grpc doc/PROTOCOL-HTTP2.md, doc/http-grpc-status-mapping.md; grpc-go internal/transport.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, unquote

CONTENT_TYPE = "application/grpc"
_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
_OF_HTTP = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}
_OF_RESET = {
    3: "RESOURCE_EXHAUSTED",
    7: "UNAVAILABLE",
    8: "CANCELLED",
    11: "RESOURCE_EXHAUSTED",
    12: "PERMISSION_DENIED",
}
_LONGEST_STATUS = 3
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
# All that may stand in a header as it is, the per cent sign left out.
_PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


class GrpcError(Exception):
    """What a call ended with; `code` by its name, such as NOT_FOUND."""

    def __init__(self, code: str, message: str, *, unseen: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.unseen = unseen
        """The server has certainly not looked at the call: it can be made again."""


def enveloped(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


class Envelopes:
    """Takes the messages of a stream out of their envelopes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()

    @property
    def is_empty(self) -> bool:
        """Nothing is left of a message that is not whole."""
        return not self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. Raises GrpcError."""
        rest = self._rest
        if not rest and len(data) >= 5 and not data[0] and int.from_bytes(data[1:5], "big") == len(data) - 5:
            self._check(len(data) - 5)
            return [data[5:]]
        rest += data
        found = []
        at = 0
        while len(rest) - at >= 5:
            if rest[at]:
                raise GrpcError("INTERNAL", "grpc: compressed flag set with identity or empty encoding")
            size = int.from_bytes(rest[at + 1 : at + 5], "big")
            self._check(size)
            if len(rest) - at - 5 < size:
                break
            found.append(bytes(rest[at + 5 : at + 5 + size]))
            at += 5 + size
        del rest[:at]
        return found

    def _check(self, size: int) -> None:
        if size > self._limit_bytes:
            words = f"grpc: received message larger than max ({size} vs. {self._limit_bytes})"
            raise GrpcError("RESOURCE_EXHAUSTED", words)


def status_fields(code: str, message: str = "") -> list[tuple[str, str]]:
    fields = [("grpc-status", str(_CODES.index(code)))]
    return [*fields, ("grpc-message", quote(message, safe=_PLAIN))] if message else fields


def failure_of(fields: Mapping[str, str]) -> GrpcError | None:
    """What trailers say; None where all is well."""
    status = fields.get("grpc-status")
    if status == "0":
        return None
    if status is None:
        refused = answer_failure(fields) if ":status" in fields else None
        return refused or GrpcError("INTERNAL", "server closed the stream without sending trailers")
    number = int(status) if status.isascii() and status.isdecimal() and len(status) <= _LONGEST_STATUS else -1
    message = unquote(fields.get("grpc-message", ""), errors="replace")
    if not 0 <= number < len(_CODES):
        return GrpcError("UNKNOWN", message or f"a status that is none: {status[:32]}")
    return GrpcError(_CODES[number], message)


def answer_failure(fields: Mapping[str, str]) -> GrpcError | None:
    """What the head of an answer says that is none of gRPC's."""
    status = fields.get(":status", "")
    number = int(status) if status.isascii() and status.isdecimal() and len(status) <= _LONGEST_STATUS else 0
    if number != 200:
        phrase = HTTPStatus(number).phrase if number in HTTPStatus._value2member_map_ else ""
        words = f"unexpected HTTP status code received from server: {number} ({phrase})"
        return GrpcError(_OF_HTTP.get(number, "UNKNOWN"), words)
    if not is_grpc(fields.get("content-type", "")):
        return GrpcError("UNKNOWN", f'transport: received unexpected content-type "{fields.get("content-type", "")}"')
    return None


def is_grpc(content_type: str) -> bool:
    return content_type.lower() == CONTENT_TYPE or content_type.lower().startswith(
        (f"{CONTENT_TYPE}+", f"{CONTENT_TYPE};")
    )


def reset_failure(code: int) -> GrpcError:
    words = f"stream terminated by RST_STREAM with error code: {code}"
    return GrpcError(_OF_RESET.get(code, "INTERNAL"), words, unseen=code == 7)


@functools.lru_cache(256)
def timeout_text(timeout_s: float) -> str:
    """At most eight digits and a unit, rounded up."""
    for unit, size_s in (("m", 1e-3), ("S", 1.0), ("H", 3600.0)):
        count = max(1, -int(-timeout_s // size_s))
        if count < 10**8:
            return f"{count}{unit}"
    return "99999999H"


def timeout_s_of(text: str) -> float | None:
    """None where it says nothing that can be read."""
    number, unit = text[:-1], text[-1:]
    if unit not in _SECONDS or not number.isascii() or not number.isdecimal() or len(number) > 8:
        return None
    return int(number) * _SECONDS[unit]
