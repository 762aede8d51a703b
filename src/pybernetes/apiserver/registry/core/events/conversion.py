"""events.k8s.io/v1 Events are stored as core/v1 Events. Source: pkg/apis/events/v1/conversion.go."""

from __future__ import annotations

from typing import Any

_TO_CORE = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_FROM_CORE = {core: events for events, core in _TO_CORE.items()}


def to_storage(tree: dict[str, Any]) -> dict[str, Any]:
    found = {_TO_CORE.get(name, name): value for name, value in tree.items()}
    found["apiVersion"] = "v1"
    found.setdefault("involvedObject", {})
    return found


def from_storage(tree: dict[str, Any]) -> dict[str, Any]:
    found = {_FROM_CORE.get(name, name): value for name, value in tree.items()}
    found["apiVersion"] = "events.k8s.io/v1"
    for name in ("reportingController", "reportingInstance"):
        if found.get(name) == "":
            del found[name]
    found.setdefault("eventTime", None)
    return found
