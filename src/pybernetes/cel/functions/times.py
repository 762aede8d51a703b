"""Durations and timestamps: read, written, taken apart.

Source: cel-go/common/stdlib/standard.go, cel-go/common/types/{duration,timestamp}.go.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pybernetes.apimachinery.times import TimeError, duration_nanos, parse_time
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import SECOND, Duration, Meter, Timestamp

_ZONED = re.compile(r"(?:Z|([+-])(\d\d):(\d\d))$", re.ASCII)
_FRACTION = re.compile(r"[.,](\d+)", re.ASCII)
_OFFSET = re.compile(r"([+-])?(\d\d):(\d\d)", re.ASCII)
_LONGEST = 100
_EPOCH = datetime.datetime(1970, 1, 1)


def read_duration(text: str) -> int | None:
    """Nanoseconds of a duration such as 1h30m; None when it is none."""
    try:
        return duration_nanos(text)
    except TimeError:
        return None


def read_timestamp(text: str) -> Timestamp | None:
    """A time of RFC 3339; None when it is none."""
    if len(text) > _LONGEST:
        return None
    fraction = _FRACTION.search(text)
    whole = text if fraction is None else text[: fraction.start()] + text[fraction.end() :]
    try:
        seconds = round(parse_time(whole))
    except TimeError:
        return None
    nanos = int(f"{fraction[1]:0<9.9}") if fraction is not None else 0
    zone = _ZONED.search(text)
    offset = 0
    if zone is not None and zone[1]:
        offset = (int(zone[2]) * 3600 + int(zone[3]) * 60) * (-1 if zone[1] == "-" else 1)
    return Timestamp(seconds * SECOND + nanos, offset)


def _decimal(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration_text(value: Duration) -> str:
    return f"{_decimal(Decimal(repr(value.nanos / SECOND)))}s"


def timestamp_text(value: Timestamp) -> str:
    local = _EPOCH + datetime.timedelta(seconds=value.nanos // SECOND + value.offset_s)
    rest = value.nanos % SECOND
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    if not value.offset_s:
        zone = "Z"
    else:
        hours, minutes = divmod(abs(value.offset_s) // 60, 60)
        zone = f"{'-' if value.offset_s < 0 else '+'}{hours:02d}:{minutes:02d}"
    return f"{local.isoformat()}{fraction}{zone}"


def _local(value: Timestamp, zone: str) -> datetime.datetime:
    seconds, nanos = divmod(value.nanos, SECOND)
    moment = _EPOCH.replace(tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds, microseconds=nanos // 1000)
    if zone == "UTC":
        return moment
    if (found := _OFFSET.fullmatch(zone)) is not None:
        shift = datetime.timedelta(hours=int(found[2]), minutes=int(found[3]))
        return moment.astimezone(datetime.timezone(-shift if found[1] == "-" else shift))
    if ":" in zone:
        hour = zone.partition(":")[0]
        raise CelError(f'strconv.Atoi: parsing "{hour}": invalid syntax')
    try:
        return moment.astimezone(zoneinfo.ZoneInfo(zone or "UTC"))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise CelError(f"unknown time zone {zone}") from None


def _part(of_time: Callable[[datetime.datetime], int], of_duration: int = 0) -> Callable[..., int]:
    """A part of a timestamp; of a duration, how many times so many nanoseconds it is."""

    def work(_meter: Meter, value: Any, zone: str = "UTC") -> int:
        if isinstance(value, Duration):
            whole = abs(value.nanos) // of_duration
            return -whole if value.nanos < 0 else whole
        return of_time(_local(value, zone))

    return work


TABLE: dict[str, Callable[..., Any]] = {
    "getFullYear": _part(lambda t: t.year),
    "getMonth": _part(lambda t: t.month - 1),
    "getDayOfYear": _part(lambda t: t.timetuple().tm_yday - 1),
    "getDayOfMonth": _part(lambda t: t.day - 1),
    "getDate": _part(lambda t: t.day),
    "getDayOfWeek": _part(lambda t: t.isoweekday() % 7),
    "getHours": _part(lambda t: t.hour, 3600 * SECOND),
    "getMinutes": _part(lambda t: t.minute, 60 * SECOND),
    "getSeconds": _part(lambda t: t.second, SECOND),
    "getMilliseconds": _part(lambda t: t.microsecond // 1000, 10**6),
}
