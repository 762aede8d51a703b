"""Attributes as they are written and read; what the kernel refuses is told."""

from __future__ import annotations

import errno
import sys

import pytest

from pybernetes.host.netlink_socket import NESTED, attribute, attributes, number_attribute, text_attribute
from pybernetes.host.rtnetlink import RtNetlink


def test_what_was_written_is_read() -> None:
    inner = text_attribute(1, "bridge") + number_attribute(2, 1400)
    message = b"head" + attribute(18 | NESTED, inner) + text_attribute(3, "pods")
    assert len(message) % 4 == 0
    found = dict(attributes(message, 4))
    assert found == {18: inner, 3: b"pods\0"}
    assert dict(attributes(found[18], 0)) == {1: b"bridge\0", 2: (1400).to_bytes(4, sys.byteorder)}


@pytest.mark.parametrize("message", [b"\x03\0\x01\0", b"\x09\0\x01\0abcd", b"\x08\0"], ids=["short", "long", "cut off"])
def test_broken_attributes_end_them(message: bytes) -> None:
    assert list(attributes(message, 0)) == []


def test_a_refusal_is_told() -> None:
    with RtNetlink() as kernel:
        (loopback,) = (link for link in kernel.links() if link.name == "lo")
        assert loopback.index == kernel.index("lo")
        with pytest.raises(OSError) as refused:
            kernel.set_link_up(0x7FFFFFFF)
    assert refused.value.errno in (errno.ENODEV, errno.EPERM)
