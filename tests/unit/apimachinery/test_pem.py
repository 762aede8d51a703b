"""PEM in texts: which blocks there are, and that no text takes long to be looked through."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.pem import Block, blocks


def block(kind: str, inner: str = "AAAA\n") -> bytes:
    return f"-----BEGIN {kind}-----\n{inner}-----END {kind}-----".encode()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (b"", []),
        (b"subject: a\n" + block("CERTIFICATE") + b"\nmore\n" + block("PRIVATE KEY"), ["CERTIFICATE", "PRIVATE KEY"]),
        (block("A") + block("A"), ["A", "A"]),
        (b"-----BEGIN A-----\nAAAA\n-----END B-----", []),
        (b"-----BEGIN A-----\n" + block("B"), ["B"]),
        (b"-----BEGIN A-----\nAAAA\n-----END B-----\n" + block("C"), ["C"]),
        (b"-----END A-----\n" + block("A"), ["A"]),
        (b"-----BEGIN A-----AAAA-----END A-----", []),
        (b"-----BEGIN A-----\r\nAAAA\r\n-----END A-----\r\n", ["A"]),
    ],
)
def test_blocks(text: bytes, kinds: list[str]) -> None:
    assert [found.kind for found in blocks(text)] == kinds


def test_a_block_is_from_its_first_line_to_its_last() -> None:
    assert blocks(b"x\n" + block("A") + b"\ny") == [Block("A", block("A") + b"\n")]


@pytest.mark.parametrize("line", [b"-----BEGIN A-----\n", b"-----END A-----\n", b"-----BEGIN ", b"-"])
def test_lines_without_an_end_cost_no_more_than_others(line: bytes) -> None:
    """Whoever may write a Secret can send so much; with a look ahead at each line it took the server many minutes."""
    assert blocks(line * ((3 << 20) // len(line))) == []
