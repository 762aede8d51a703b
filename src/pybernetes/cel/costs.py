"""What calls cost: the factors, and the parts of the formulas that estimates and evaluations share.

Source: cel-go/common/cost.go, apiserver/pkg/cel/library/cost.go, apiserver/pkg/apis/cel/config.go (limits).
"""

from __future__ import annotations

import math

LIMIT_PER_CALL = 1_000_000
"""What one evaluation of one expression may cost."""
MOST = 2**64 - 1
READ = 1
NEW_LIST, NEW_MAP, NEW_MESSAGE = 10, 30, 40
TRAVERSAL = 0.1
"""A character of a text that is read."""
PATTERN = 0.25
"""A character of a regular expression, for each unit of the text's cost."""
CHECK = 350_000
"""Asking the authorizer."""
LONGEST_FORMAT, LONGEST_FORMAT_PATTERN = 64, 128
_PER_REQUIREMENT = 50.0

ONE = frozenset(
    [
        "serviceAccount",
        "path",
        "group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "allowed",
        "reason",
        "error",
        "errored",
        "masked",
        "prefixLength",
        "family",
        "isUnspecified",
        "isLoopback",
        "isLinkLocalMulticast",
        "isLinkLocalUnicast",
        "isGlobalUnicast",
        "format.named",
        "sign",
        "asInteger",
        "isInteger",
        "asApproximateFloat",
        "isGreaterThan",
        "isLessThan",
        "compareTo",
        "add",
        "sub",
        "major",
        "minor",
        "patch",
        "getScheme",
        "getHostname",
        "getHost",
        "getPort",
        "getEscapedPath",
        "getQuery",
    ]
)
"""Functions that cost one, whatever they are given."""
OVER_LIST = frozenset(["isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"])
ORDERS = frozenset(
    f"{name}_{kind}" for name in ("less", "less_equals", "greater", "greater_equals") for kind in ("string", "bytes")
) | {"equals", "not_equals"}
"""Overloads that read as much as the shorter side is long."""


def times(size: int, factor: float) -> int:
    """A size by what each unit of it costs, rounded up."""
    if factor > 0 and size > MOST / factor:
        return MOST
    return min(math.ceil(float(size) * factor), MOST)


def selector(length: int) -> int:
    """Reading a selector of so many characters."""
    return NEW_LIST + times(length, TRAVERSAL) + times(times(length, 0.5), _PER_REQUIREMENT)
