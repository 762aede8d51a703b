"""Amounts that are a number or a percentage. Pure. Source: apimachinery/pkg/util/intstr/intstr.go."""

from __future__ import annotations

import re

_PERCENTAGE = re.compile(r"(-?[0-9]+)%", re.ASCII)


def scaled(value: int | str, total: int, round_up: bool) -> int:
    """A number, or a percentage of `total`. Raises ValueError for other text."""
    if isinstance(value, int):
        return value
    found = _PERCENTAGE.fullmatch(value)
    if found is None:
        raise ValueError(f"invalid value for IntOrString: invalid type: string is not a percentage: {value!r}")
    portion = int(found.group(1)) * total
    return -(-portion // 100) if round_up else portion // 100
