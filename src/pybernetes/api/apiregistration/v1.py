"""Structs of the group-version apiregistration/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Bytes, Int32, Time, ZeroBool, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class APIService(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apiregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "APIService")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: APIServiceSpec = field(default_factory=lambda: APIServiceSpec())
    status: APIServiceStatus = field(default_factory=lambda: APIServiceStatus())


class APIServiceCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class APIServiceList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apiregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "APIServiceList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[APIService] = field(default_factory=zero.array)


class APIServiceSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    caBundle: Bytes | None = None
    group: ZeroStr | None = None
    groupPriorityMinimum: Int32 = field(default_factory=zero.zero)
    insecureSkipTLSVerify: ZeroBool | None = None
    service: ServiceReference | None = None
    version: ZeroStr | None = None
    versionPriority: Int32 = field(default_factory=zero.zero)


class APIServiceStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[APIServiceCondition] = []


class ServiceReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None
    namespace: ZeroStr | None = None
    port: Int32 | None = None
