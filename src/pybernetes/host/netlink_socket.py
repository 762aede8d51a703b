"""Questions to the kernel through a netlink socket: messages with attributes, and what it answers.

Source: include/uapi/linux/netlink.h (struct nlmsghdr, nlmsgerr, nlattr).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

ACKNOWLEDGED, DUMP = 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
NETLINK_NETFILTER = 12
NETFILTER_HEADER_BYTES = 20
"""Of a message there: netlink's header and nfnetlink's."""
NESTED = 0x8000
"""Of the kind of an attribute that holds others; the kernel asks for it where it was thought of."""
_REQUEST = 0x1
_CHANGED = 0x10
"""A mark of messages of a dump: it was interrupted by a change."""
_ERROR, _DONE = 2, 3
_HEADER_BYTES = 16
_KINDS = 0x3FFF
_BUFFER_BYTES = 1 << 17
"""More than the kernel puts into one datagram."""


def talking_to(protocol: int) -> socket.socket:
    """In the network namespace of the thread that calls."""
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    kernel.bind((0, 0))
    return kernel


def ask(kernel: socket.socket, kind: int, flags: int, body: bytes) -> list[bytes]:
    """The messages of the answer, with their headers. Raises OSError, as the kernel says why."""
    while (found := _answer(kernel, kind, flags, body)) is None:
        pass  # what was asked for changed meanwhile, and the answer may lack some of it
    return found


def _answer(kernel: socket.socket, kind: int, flags: int, body: bytes) -> list[bytes] | None:
    kernel.send(struct.pack("=IHHII", _HEADER_BYTES + len(body), kind, _REQUEST | flags, 1, 0) + body)
    messages: list[bytes] = []
    changed = False
    while True:
        answer = kernel.recv(_BUFFER_BYTES)
        position = 0
        while position + _HEADER_BYTES <= len(answer):
            length, told, marks = struct.unpack_from("=IHH", answer, position)
            if length < _HEADER_BYTES:
                raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
            changed |= flags & DUMP == DUMP and marks & _CHANGED != 0
            if told in (_DONE, _ERROR):
                (code,) = struct.unpack_from("=i", answer, position + _HEADER_BYTES)
                if code:
                    raise OSError(-code, os.strerror(-code))
                return None if changed else messages
            messages.append(answer[position : position + length])
            position += (length + 3) & ~3


def tell(kernel: socket.socket, kind: int, flags: int, body: bytes) -> None:
    """Waits until it is done. Raises OSError, as the kernel says why not."""
    ask(kernel, kind, ACKNOWLEDGED | flags, body)


def attribute(kind: int, *values: bytes) -> bytes:
    """One with a value, or with others inside."""
    value = b"".join(values)
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def text_attribute(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def number_attribute(kind: int, number: int) -> bytes:
    """Of 32 bits, in the machine's order."""
    return attribute(kind, struct.pack("=I", number))


def attributes(message: bytes, begin: int) -> Iterator[tuple[int, bytes]]:
    """Kind and value of each attribute from a position on; one that is broken or cut off ends them."""
    while begin + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, begin)
        if length < 4 or begin + length > len(message):
            return
        yield kind & _KINDS, message[begin + 4 : begin + length]
        begin += length + 3 & ~3
