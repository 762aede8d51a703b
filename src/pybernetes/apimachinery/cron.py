"""Schedules of CronJobs: what is one, and when the next start is.

`check` is for validation and needs nothing else; `parse` brings in cronsim, which finds the times.
Source: github.com/robfig/cron/v3 parser.go, spec.go, which upstream uses. A time that a change to summer
time leaves out is skipped, one that a change back repeats comes twice, as there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from pybernetes.apimachinery.times import TimeError, parse_duration

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
"""Lowest and highest value and the names of minute, hour, day, month, weekday."""


class ScheduleError(ValueError):
    """The text is no schedule; the message is upstream's."""


class Schedule(Protocol):
    def next(self, after: float) -> float | None:
        """The first start later than `after` (both seconds since the epoch); None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """`@every 90s`: so long after the last."""

    seconds: int

    def next(self, after: float) -> float | None:
        return float(int(after) + self.seconds)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields, on the clocks of a time zone."""

    expression: str
    """For cronsim, with seconds in front: it then knows no rules of its own about summer time."""
    zone: tzinfo

    def next(self, after: float) -> float | None:
        from cronsim import CronSim, CronSimError

        try:
            return next(CronSim(self.expression, datetime.fromtimestamp(int(after), self.zone))).timestamp()
        except (StopIteration, CronSimError):  # the 31st of February
            return None


def zone_of(name: str) -> tzinfo:
    """The time zone of that name, UTC for none. Raises ScheduleError."""
    from datetime import UTC

    if name in ("", "UTC"):
        return UTC
    return _zone(name)


@functools.lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ScheduleError(f"unknown time zone {name}") from None


def parse(text: str, zone: str = "") -> Schedule:
    """Raises ScheduleError for what is no schedule and for a time zone that is not known."""
    if text.startswith(("TZ=", "CRON_TZ=")):
        first, _, text = text.partition(" ")
        zone, text = first.partition("=")[2], text.strip()
    fields = check(text)
    if not fields:
        return Every(max(1, int(parse_duration(text.partition(" ")[2]))))
    return Cron("0 " + " ".join(fields), zone_of(zone))


def check(text: str) -> list[str]:
    """The five fields, spelt for cronsim; none for `@every`. Raises ScheduleError."""
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith("@every "):
        try:
            parse_duration(text.partition(" ")[2])
        except TimeError as error:
            raise ScheduleError(f"failed to parse duration {text}: {error}") from None
        return []
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise ScheduleError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    return [_field(field, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True)]


def _field(text: str, low: int, high: int, names: dict[str, int]) -> str:
    parts = [_range(part, low, high, names) for part in text.split(",") if part]
    if not parts:
        raise ScheduleError(f"failed to parse int from : {text}")
    # A star anywhere makes the days of the month and of the week both count; cronsim looks at the first part.
    return ",".join(sorted(parts, key=lambda part: part != "*"))


def _range(text: str, low: int, high: int, names: dict[str, int]) -> str:
    span, *steps = text.split("/")
    bounds = span.split("-")
    single = len(bounds) == 1
    if bounds[0] in ("*", "?"):
        start, end = low, high
    else:
        if len(bounds) > 2:
            raise ScheduleError(f"too many hyphens: {text}")
        start = _number(bounds[0], names)
        end = start if single else _number(bounds[1], names)
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes: {text}")
    step = _number(steps[0], {}) if steps else 1
    if steps and single and bounds[0] not in ("*", "?"):
        end = high
    for wrong, why in (
        (start < low, f"beginning of range ({start}) below minimum ({low}): {text}"),
        (end > high, f"end of range ({end}) above maximum ({high}): {text}"),
        (start > end, f"beginning of range ({start}) beyond end of range ({end}): {text}"),
        (step == 0, f"step of range should be a positive number: {text}"),
    ):
        if wrong:
            raise ScheduleError(why)
    if bounds[0] in ("*", "?") and step == 1:
        return "*"
    spelt = str(start) if start == end else f"{start}-{end}"
    return spelt if step == 1 or start == end else f"{spelt}/{step}"


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.removeprefix("-").removeprefix("+").isdecimal()):
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if number < 0:
        raise ScheduleError(f"negative number ({number}) not allowed: {text}")
    return number
