"""Warning headers: what they say, and how much of it."""

from __future__ import annotations

import pytest

from pybernetes.apiserver.endpoints.answers import warning_headers


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a", "b", "a"], ['299 - "a"', '299 - "b"']),
        (['say "x\\y"  twice'], ['299 - "say \\"x\\\\y\\"  twice"']),
        (["", "line\nbreak", "ok"], ['299 - "ok"']),
        (["x" * 4096], [f'299 - "{"x" * 4096}"']),
        (["x" * 4096, "y"], [f'299 - "{"x" * 256}"', '299 - "y"']),
    ],
    ids=["each-once", "quoted", "no-control-characters", "as-long-as-may-be", "all-cut-where-too-long"],
)
def test_warnings(texts: list[str], said: list[str]) -> None:
    assert warning_headers(texts) == [("Warning", text) for text in said]


def test_no_more_than_so_many() -> None:
    assert len(warning_headers([f"{n:03}{'x' * 300}" for n in range(100)])) == 16
