"""Times of the API: RFC 3339 text on Structs, seconds since the epoch in code.

Source: apimachinery/pkg/apis/meta/v1/{time,micro_time,duration}.go.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, timezone

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|([+-])(\d\d):(\d\d))", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]*\.?[0-9]*)(ns|us|µs|μs|ms|s|m|h)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class TimeError(ValueError):
    """Text that is no time (or duration); the message is upstream's."""


@functools.lru_cache(maxsize=256)
def _whole_seconds(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None).isoformat()


def format_time(epoch_s: float) -> str:
    """2026-01-02T03:04:05Z; fractions are cut off, as upstream does."""
    return _whole_seconds(int(epoch_s // 1)) + "Z"


def format_micro_time(epoch_s: float) -> str:
    """2026-01-02T03:04:05.000000Z."""
    return format_micros(round(epoch_s * 1_000_000))


def format_micros(micros: int) -> str:
    """The same of whole microseconds since the epoch."""
    return f"{_whole_seconds(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


def parse_time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time, with or without fractions. Raises TimeError."""
    seconds, fraction = _parts(text)
    return seconds + (float(f"0.{fraction}") if fraction else 0.0)


def parse_micros(text: str) -> int:
    """Microseconds since the epoch, to the last digit at any date; further digits are cut off. Raises TimeError."""
    seconds, fraction = _parts(text)
    return round(seconds) * 1_000_000 + int(f"{fraction:0<6.6}")


def _parts(text: str) -> tuple[float, str]:
    """Whole seconds since the epoch, and the digits of the fraction."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise TimeError(f'parsing time "{text}" as "{_LAYOUT}": cannot parse "{text}" as "2006"')
    year, month, day, hour, minute, second, fraction, zone, sign, zone_hour, zone_minute = match.groups()
    offset = UTC
    if zone != "Z":
        shift = timedelta(hours=int(zone_hour), minutes=int(zone_minute))
        if shift >= timedelta(hours=24):
            raise TimeError(f'parsing time "{text}": time zone offset hour out of range')
        offset = timezone(-shift if sign == "-" else shift)
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=offset)
    except ValueError:
        raise TimeError(
            f'parsing time "{text}": {_out_of_range(month, day, hour, minute, second)} out of range'
        ) from None
    return moment.timestamp(), fraction or ""


def _out_of_range(month: str, day: str, hour: str, minute: str, second: str) -> str:
    for name, text, low, high in (
        ("month", month, 1, 12),
        ("day", day, 1, 31),
        ("hour", hour, 0, 23),
        ("minute", minute, 0, 59),
        ("second", second, 0, 59),
    ):
        if not low <= int(text) <= high:
            return name
    return "day"


def canonical_time(text: str) -> str:
    """A Time as the API writes it back: UTC, whole seconds. Raises TimeError."""
    if len(text) == 20 and text[19] == "Z" and text[4] == "-":
        parse_time(text)
        return text
    return format_time(parse_time(text))


def canonical_micro_time(text: str) -> str:
    """A MicroTime as the API writes it back: UTC, six digits. Raises TimeError."""
    return format_micros(parse_micros(text))


def parse_duration(text: str) -> float:
    """Seconds of a Go duration ("1h30m", "1.5s", "0"). Raises TimeError."""
    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0.0
    total, position = 0.0, 0
    while position < len(body):
        match = _DURATION_PART.match(body, position)
        if match is None or match.group(1) in ("", "."):
            raise TimeError(f'time: invalid duration "{text}"')
        total += float(match.group(1)) * _UNIT_S[match.group(2)]
        position = match.end()
    if not body:
        raise TimeError(f'time: invalid duration "{text}"')
    return -total if text[0] == "-" else total


def format_duration(seconds: float) -> str:
    """A Go duration: 90 becomes "1m30s", 0.25 becomes "250ms"."""
    if seconds == 0:
        return "0s"
    sign, nanos = ("-" if seconds < 0 else ""), round(abs(seconds) * 1e9)
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", 1_000_000)):
        if nanos < size * 1000 and nanos < 1_000_000_000:
            return f"{sign}{_trimmed(nanos, size)}{unit}"
    minutes, rest = divmod(nanos, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = _trimmed(rest, 10**9) + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _trimmed(amount: int, size: int) -> str:
    whole, rest = divmod(amount, size)
    if rest == 0:
        return str(whole)
    return f"{whole}.{rest:0{len(str(size)) - 1}d}".rstrip("0")
