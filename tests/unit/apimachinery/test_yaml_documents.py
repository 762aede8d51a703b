"""Files of manifests: taken apart where clients take them apart, with keys that JSON has."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.apimachinery.yaml_text import documents


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a: 1", [{"a": 1}]),
        ("---\na: 1\n---\n# nothing\n--- # the second\nb: 2\n---", [{"a": 1}, {"b": 2}]),
        ("a: |\n  ---\n  b\n", [{"a": "---\nb\n"}]),
        ("no: such\n1: one\n", [{"false": "such", "1": "one"}]),
    ],
    ids=["none", "one", "several", "a separator in a text", "keys that are no text"],
)
def test_documents(text: str, expected: list[Any]) -> None:
    assert documents(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n---\nb: [\n", "did not find expected"),
        ("a: 1\n--- {b: 2}\n", "invalid Yaml document separator: {b: 2}"),
    ],
    ids=["no YAML", "what stands beside a separator"],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        documents(text.encode())
