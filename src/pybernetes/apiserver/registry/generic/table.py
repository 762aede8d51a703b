"""The pieces that table rows are made of: ages, durations, label selectors, counts, as kubectl shows them.

Source: pkg/printers/internalversion/printers.go, apimachinery/pkg/util/duration/duration.go,
apiserver/pkg/registry/rest/table.go (the columns of a kind without a printer).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pybernetes.api.meta.v1 import LabelSelector
from pybernetes.apimachinery.times import parse_time
from pybernetes.apiserver.registry.generic.interface import Column

NAME = Column("Name", "string", "name", "Name, unique within its namespace.")
AGE = Column("Age", "string", "", "Time since the object was created.")
NAME_AND_AGE = (NAME, AGE)
DEFAULT_COLUMNS = (NAME, Column("Created At", "date", "", "When the object was created."))

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"


def age(created: str | None, now: float) -> str:
    """The time since `created`, as in the AGE column."""
    return human_duration(now - parse_time(created)) if created else UNKNOWN


def human_duration(seconds: float) -> str:
    """Two or three significant figures: 45s, 3m20s, 5h, 2d3h, 400d, 2y30d."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // 3600
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 24 * 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def selector_text(selector: LabelSelector | None) -> str:
    """A label selector as one column: `a=b,c in (d,e),!f`, `<none>` without one."""
    if selector is None:
        return NONE
    parts = [f"{k}={v}" for k, v in sorted(selector.matchLabels.items())]
    for expression in selector.matchExpressions:
        values = ",".join(sorted(expression.values))
        parts.append(
            {
                "In": f"{expression.key} in ({values})",
                "NotIn": f"{expression.key} notin ({values})",
                "Exists": expression.key,
                "DoesNotExist": f"!{expression.key}",
            }.get(expression.operator, expression.key)
        )
    return ",".join(parts) or NONE


def labels_text(labels: Mapping[str, str]) -> str:
    """`a=b,c=d` in order of key, `<none>` without labels."""
    return ",".join(f"{k}={v}" for k, v in sorted(labels.items())) or NONE


def joined(values: Iterable[str]) -> str:
    return ",".join(values) or NONE


def columns(*names: str) -> tuple[Column, ...]:
    """Columns by name: "Data", "Desired:integer", "Images*" (only with -o wide)."""
    found = []
    for text in names:
        name, _, kind = text.removesuffix("*").partition(":")
        if name == "Name":
            found.append(replace(NAME, priority=1 if text.endswith("*") else 0))
        elif name == "Age":
            found.append(AGE)
        else:
            found.append(Column(name, kind or "string", "", name, 1 if text.endswith("*") else 0))
    return tuple(found)
