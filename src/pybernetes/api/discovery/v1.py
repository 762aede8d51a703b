"""Structs of the group-version discovery/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class Endpoint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    addresses: list[str] = field(default_factory=zero.array)
    conditions: EndpointConditions = field(default_factory=lambda: EndpointConditions())
    deprecatedTopology: dict[str, str] = {}
    hints: EndpointHints | None = None
    hostname: str | None = None
    nodeName: str | None = None
    targetRef: core_v1.ObjectReference | None = None
    zone: str | None = None


class EndpointConditions(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class EndpointHints(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    forNodes: list[ForNode] = []
    forZones: list[ForZone] = []


class EndpointPort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    appProtocol: str | None = None
    name: str | None = None
    port: Int32 | None = None
    protocol: str | None = None


class EndpointSlice(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "discovery.k8s.io/v1")
    kind: str = field(default_factory=lambda: "EndpointSlice")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    addressType: str = field(default_factory=zero.string)
    endpoints: list[Endpoint] | None = field(default_factory=zero.null)
    ports: list[EndpointPort] | None = field(default_factory=zero.null)


class EndpointSliceList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "discovery.k8s.io/v1")
    kind: str = field(default_factory=lambda: "EndpointSliceList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[EndpointSlice] = field(default_factory=zero.array)


class ForNode(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)


class ForZone(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
