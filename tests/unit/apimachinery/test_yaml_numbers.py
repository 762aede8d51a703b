"""Numbers in YAML: those that no integer or no float of 64 bits holds are what Go makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.apimachinery.yaml_text import parse_yaml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x1f", 31),
        ("-0o17", -15),
        ("1_000", 1000),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -(2.0**63)),
        ("1" + "0" * 30, 1e30),
        ("1" + "0" * 400, "1" + "0" * 400),
        ("0x1" + "0" * 16, "0x1" + "0" * 16),
        ("0o7" + "0" * 30, "0o7" + "0" * 30),
        ("1.5e3", 1500.0),
        ("1e400", "1e400"),
        ("-1e400", "-1e400"),
    ],
)
def test_numbers(text: str, expected: Any) -> None:
    tree, problems = parse_yaml(f"a: {text}".encode())
    assert (tree, problems) == ({"a": expected}, [])
    assert type(tree["a"]) is type(expected)
