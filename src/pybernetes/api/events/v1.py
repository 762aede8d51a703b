"""Structs of the group-version events/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, MicroTime, Time, ZeroInt32, ZeroStr
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class Event(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "events.k8s.io/v1")
    kind: str = field(default_factory=lambda: "Event")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    action: ZeroStr | None = None
    deprecatedCount: ZeroInt32 | None = None
    deprecatedFirstTimestamp: Time | None = field(default_factory=zero.null)
    deprecatedLastTimestamp: Time | None = field(default_factory=zero.null)
    deprecatedSource: core_v1.EventSource = field(default_factory=lambda: core_v1.EventSource())
    eventTime: MicroTime | None = field(default_factory=zero.null)
    note: ZeroStr | None = None
    reason: ZeroStr | None = None
    regarding: core_v1.ObjectReference = field(default_factory=lambda: core_v1.ObjectReference())
    related: core_v1.ObjectReference | None = None
    reportingController: ZeroStr | None = None
    reportingInstance: ZeroStr | None = None
    series: EventSeries | None = None
    type: ZeroStr | None = None


class EventList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "events.k8s.io/v1")
    kind: str = field(default_factory=lambda: "EventList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Event] = field(default_factory=zero.array)


class EventSeries(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    count: Int32 = field(default_factory=zero.zero)
    lastObservedTime: MicroTime | None = field(default_factory=zero.null)
