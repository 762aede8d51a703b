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


def test_one_of_them_is_no_yaml() -> None:
    with pytest.raises(ValueError, match="did not find expected"):
        documents(b"a: 1\n---\nb: [\n")
