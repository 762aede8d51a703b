"""Go's zero values as default factories.

msgspec leaves a field out when it equals its plain default; a value made by one of these
factories is always encoded, as Go encodes a field that has no omitempty.
"""

from __future__ import annotations

from typing import Any


def string() -> str:
    return ""


def quantity() -> str:
    return "0"


def null() -> None:
    return None


def false() -> bool:
    return False


def zero() -> int:
    return 0


def zero_float() -> float:
    return 0.0


def array() -> list[Any]:
    return []


def object() -> dict[str, Any]:
    return {}
