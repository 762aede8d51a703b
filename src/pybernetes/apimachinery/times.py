"""Times of the API: RFC 3339 text on Structs, seconds since the epoch in code.

Source: apimachinery/pkg/apis/meta/v1/{time,micro_time,duration}.go.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, timezone

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
_ELEMENTS = (
    ("2006", r"\d{4}", ""), ("-", "-", ""), ("01", r"\d\d", "month"), ("-", "-", ""), ("02", r"\d\d", ""),
    ("T", "T", ""),
    ("15", r"\d\d", "hour"), (":", ":", ""), ("04", r"\d\d", "minute"), (":", ":", ""), ("05", r"\d\d", "second"),
)  # fmt: skip
_RANGES = {"month": (1, 12), "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}
_MICROS = re.compile(r"[.,]\d{6}", re.ASCII)
_FRACTION = re.compile(r"[.,]\d+", re.ASCII)
_ZONE = re.compile(r"Z|[+-]\d\d:\d\d", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_UNIT_NANOS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
}  # fmt: skip
_LONGEST_DURATION = 100
"""Characters: many more than any duration needs, and few enough to be read at once."""


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
        raise TimeError(_problem(text, micros=False))
    fraction, zone = match.groups()
    try:
        return _epoch_s(text[:19], zone), fraction or ""
    except OverflowError:
        raise TimeError(f'parsing time "{text}": time zone offset hour out of range') from None
    except ValueError:
        raise TimeError(_problem(text, micros=False)) from None


@functools.lru_cache(maxsize=1024)
def _epoch_s(moment: str, zone: str) -> float:
    """Remembered: most times that the API reads are of the last few seconds."""
    if moment[11:13] == "24":
        raise ValueError  # which Python takes from 3.14 on
    offset = UTC
    if zone != "Z":
        shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        if shift >= timedelta(hours=24):
            raise OverflowError
        offset = timezone(-shift if zone[0] == "-" else shift)
    return datetime.fromisoformat(moment).replace(tzinfo=offset).timestamp()


def _problem(text: str, *, micros: bool) -> str:
    """What Go says of text that is no time: the first element of the layout that the rest of it does not begin with."""
    rest = text

    def cannot(element: str) -> str:
        layout = _MICRO_LAYOUT if micros else _LAYOUT
        return f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{element}"'

    for element, pattern, name in _ELEMENTS:
        found = re.match(pattern, rest, re.ASCII)
        if found is None:
            return cannot(element)
        rest = rest[found.end() :]
        low, high = _RANGES.get(name, (0, 99))
        if name and not low <= int(found[0]) <= high:
            return f'parsing time "{text}": {name} out of range'
    fraction = (_MICROS if micros else _FRACTION).match(rest)
    if fraction is not None:
        rest = rest[fraction.end() :]
    elif micros:
        return cannot(".000000")
    zone = _ZONE.match(rest)
    if zone is None:
        return cannot("Z07:00")
    rest = rest[zone.end() :]
    if rest:
        return f'parsing time "{text}": extra text: "{rest}"'
    return f'parsing time "{text}": day out of range'


def canonical_time(text: str) -> str:
    """A Time as the API writes it back: UTC, whole seconds. Raises TimeError."""
    if len(text) == 20 and text[19] == "Z" and text[4] == "-":
        parse_time(text)
        return text
    return format_time(parse_time(text))


def canonical_micro_time(text: str) -> str:
    """A MicroTime as the API writes it back: UTC, six digits, no more and no fewer. Raises TimeError."""
    if len(text) < 27 or _ZONE.fullmatch(text, 26) is None or _MICROS.fullmatch(text, 19, 26) is None:
        raise TimeError(_problem(text, micros=True))
    return format_micros(parse_micros(text))


def parse_duration(text: str) -> float:
    """Seconds of a Go duration ("1h30m", "1.5s", "0"). Raises TimeError."""
    return duration_nanos(text) / 10**9


def duration_nanos(text: str) -> int:
    """Nanoseconds of a Go duration, in 64 bits; what is smaller is cut off. Raises TimeError."""
    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0
    total, position = 0, 0
    while position < len(body) <= _LONGEST_DURATION:
        match = _DURATION_PART.match(body, position)
        if match is None or not (match[1] or match[2]):
            break
        whole, fraction, unit = match[1] or "0", match[2] or "0", _UNIT_NANOS[match[3]]
        total += int(whole) * unit + int(fraction) * unit // 10 ** len(fraction)
        position = match.end()
    nanos = -total if text[:1] == "-" else total
    if not body or position < len(body) or not -(2**63) <= nanos < 2**63:
        raise TimeError(f'time: invalid duration "{text}"')
    return nanos


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
