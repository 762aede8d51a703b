from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery import times
from pybernetes.apimachinery.times import TimeError


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_seconds_survive(epoch_s: int) -> None:
    assert times.parse_time(times.format_time(epoch_s)) == epoch_s


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_microseconds_survive(micros: int) -> None:
    text = times.format_micro_time(micros / 1e6)
    assert times.canonical_micro_time(text) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.999Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-01T00:30:00-01:00", "2026-01-01T01:30:00Z"),
    ],
)
def test_writes_utc_and_whole_seconds(text: str, canonical: str) -> None:
    assert times.canonical_time(text) == canonical


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("yesterday", 'cannot parse "yesterday" as "2006"'),
        ("", 'cannot parse "" as "2006"'),
        ("2026-13-01T00:00:00Z", "month out of range"),
        ("2026-02-30T00:00:00Z", "day out of range"),
        ("2026-02-03T25:00:00Z", "hour out of range"),
        ("2026-02-03 04:05:06Z", "cannot parse"),
    ],
)
def test_refuses_what_is_no_time(text: str, part: str) -> None:
    with pytest.raises(TimeError, match=f'parsing time "{text}".*{part}'):
        times.canonical_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (1e-6, "1µs"),
        (61.5, "1m1.5s"),
        (5400, "1h30m0s"),
        (-90, "-1m30s"),
        (0.9999, "999.9ms"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert times.format_duration(seconds) == text
    assert times.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("+1.5h", 5400 * 10**9),
        ("-.5us", -500),
        ("1.0000000009s", 1000000000),
        ("9223372036854775807ns", 2**63 - 1),
    ],
)
def test_durations_are_read_to_the_nanosecond(text: str, nanos: int) -> None:
    assert times.duration_nanos(text) == nanos


@pytest.mark.parametrize("text", ["", "5", "s", "1h-", "1 h", ".", ".s", "-", "9223372036854775808ns", f"{'1' * 200}h"])
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(TimeError, match="invalid duration"):
        times.parse_duration(text)


def test_early_years_keep_four_digits() -> None:
    assert times.canonical_time("0800-01-01T05:00:02+05:00") == "0800-01-01T00:00:02Z"
    assert times.canonical_micro_time("0001-01-01T00:00:02.000000Z") == "0001-01-01T00:00:02.000000Z"


@pytest.mark.parametrize(
    ("text", "rest", "element"),
    [
        ("", "", "2006"),
        ("2020-01-01", "", "T"),
        ("2020-01-01T00:00:00Z", "Z", ".000000"),
        ("2020-01-01T00:00:00.1234567Z", "7Z", "Z07:00"),
    ],
)
def test_a_micro_time_has_six_digits(text, rest, element):
    with pytest.raises(times.TimeError) as caught:
        times.canonical_micro_time(text)
    layout = "2006-01-02T15:04:05.000000Z07:00"
    assert str(caught.value) == f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{element}"'
