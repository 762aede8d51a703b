"""Schedules: what is one, what upstream says of others, and when the next start is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.apimachinery.cron import Every, ScheduleError, check, parse, zone_of


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def following(schedule: str, after: str, zone: str = "", count: int = 1) -> list[str]:
    parsed, moment = parse(schedule, zone), at(after)
    found = []
    for _ in range(count):
        following_ = parsed.next(moment)
        assert following_ is not None
        moment = following_
        found.append(datetime.fromtimestamp(moment, ZoneInfo(zone) if zone else UTC).isoformat())
    return found


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("* * L * *", 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'),
        ("@never", "unrecognized descriptor: @never"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ],
)
def test_what_is_no_schedule(schedule: str, message: str) -> None:
    with pytest.raises(ScheduleError) as error:
        check(schedule)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        ("*/15 * * * *", "", "2026-01-01T00:00:00+00:00", ["2026-01-01T00:15:00+00:00"]),
        ("0 0 1 jan *", "", "2026-01-01T00:00:00+00:00", ["2027-01-01T00:00:00+00:00"]),
        ("0 9 * * mon-fri", "", "2026-01-02T10:00:00+00:00", ["2026-01-05T09:00:00+00:00"]),
        ("0 0 13 * fri", "", "2026-01-01T00:00:00+00:00", ["2026-01-02T00:00:00+00:00"]),
        ("0 0 */2 * mon", "", "2026-01-01T00:00:00+00:00", ["2026-01-03T00:00:00+00:00"]),
        ("0 0 29 2 *", "", "2026-01-01T00:00:00+00:00", ["2028-02-29T00:00:00+00:00"]),
        ("10/20 ? * * ?", "", "2026-01-01T00:00:00+00:00", ["2026-01-01T00:10:00+00:00"]),
        ("@daily", "Asia/Tokyo", "2026-01-01T00:00:00+00:00", ["2026-01-02T00:00:00+09:00"]),
        ("@every 90s", "", "2026-01-01T00:00:00+00:00", ["2026-01-01T00:01:30+00:00"]),
        ("TZ=Europe/Berlin 0 6 * * *", "", "2026-07-01T00:00:00+00:00", ["2026-07-01T04:00:00+00:00"]),
        # In New York 02:30 is left out on 8 March, and 01:30 comes twice on 1 November.
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00:00+00:00", ["2026-03-09T02:30:00-04:00"]),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00+00:00",
            ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"],
        ),
    ],
)
def test_when_it_comes(schedule: str, zone: str, after: str, expected: list[str]) -> None:
    assert following(schedule, after, zone, len(expected)) == expected


def test_a_day_that_never_is() -> None:
    assert parse("0 0 31 2 *").next(at("2026-01-01T00:00:00+00:00")) is None


def test_every_is_at_least_a_second() -> None:
    assert parse("@every 10ms") == Every(1)


def test_zones() -> None:
    assert zone_of("") is UTC
    for name in ("Nowhere/City", "../etc/passwd", "Europe"):
        with pytest.raises(ScheduleError, match="unknown time zone"):
            zone_of(name)


_numbers = st.integers(0, 59)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(_numbers, min_size=1, max_size=4),
    st.sets(st.integers(0, 23), min_size=1, max_size=3),
    st.integers(0, 10**6),
)
def test_the_next_time_is_the_first_minute_that_matches(minutes: set[int], hours: set[int], offset: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=offset)
    schedule = f"{','.join(map(str, sorted(minutes)))} {','.join(map(str, sorted(hours)))} * * *"
    moment = start.replace(second=0) + timedelta(minutes=1)
    while moment.minute not in minutes or moment.hour not in hours:
        moment += timedelta(minutes=1)
    assert parse(schedule).next(start.timestamp()) == moment.timestamp()
