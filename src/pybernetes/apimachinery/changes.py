"""What an update would change, as the text of an error: a unified diff of pretty JSON.

Differs: fields have the names of the API rather than those of upstream's internal types.
Source: apimachinery/pkg/util/diff/diff.go.
"""

from __future__ import annotations

from typing import Any


def difference(old: Any, new: Any) -> str:
    import difflib

    import msgspec

    def lines(value: Any) -> list[str]:
        text = msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1).decode()
        return [line + "\n" for line in text.split("\n")]

    return "".join(list(difflib.unified_diff(lines(old), lines(new)))[2:])
