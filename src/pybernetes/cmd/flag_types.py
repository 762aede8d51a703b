"""What the values of flags are: durations, switches, sizes, lists. Each raises ArgumentTypeError with what to write."""

from __future__ import annotations

import argparse
from typing import Any


def duration(text: str) -> float:
    """Seconds, of Go's notation: 5m0s, 1h30m, 300ms; 0."""
    from pybernetes.apimachinery.times import TimeError, parse_duration

    try:
        seconds = parse_duration(text)
    except TimeError:
        seconds = -1.0
    if seconds < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write it as 5m0s")
    return seconds


def boolean(text: str) -> bool:
    """Of one of Go's words for it."""
    from pybernetes.apimachinery.features import is_true

    try:
        return is_true(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


SWITCH: dict[str, Any] = {"type": boolean, "nargs": "?", "const": True, "metavar": "true|false"}
"""What add_argument is told of a flag that is on (--flag, --flag=true) or off (--flag=false)."""


def size(text: str) -> int:
    """Bytes, as a quantity."""
    from pybernetes.apimachinery import quantity

    try:
        found = quantity.value(text)
    except ValueError:
        found = -1
    if found < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 8Gi")
    return found


def port_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        low, high = int(first), int(last)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST-LAST") from None
    if not 0 < low <= high < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of ports")
    return low, high


def listed(text: str) -> tuple[str, ...]:
    """The words between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
