"""The string formats of schemas: durations, which rules get the length of."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.formats import FORMATS, nanos_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5400),
        ("-1.5s", -1.5),
        ("3 days", 3 * 86400),
        ("1 wk 2hours", 7 * 86400 + 7200),
        ("5 MINUTES", 300),
        ("about 2 secs", 2),
        ("1 month", None),
        ("soon", None),
        ("", None),
        (f"{9 * 10**18} s", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert nanos_of(text) == (None if seconds is None else seconds * 10**9)
    assert FORMATS["duration"](text) is (seconds is not None)
