"""Structs of the group-version networking/v1beta1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class IPAddress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "IPAddress")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: IPAddressSpec = field(default_factory=lambda: IPAddressSpec())


class IPAddressList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "IPAddressList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[IPAddress] = field(default_factory=zero.array)


class IPAddressSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    parentRef: ParentReference = field(default_factory=lambda: ParentReference())


class ParentReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    group: ZeroStr | None = None
    name: str = ""
    namespace: ZeroStr | None = None
    resource: str = ""


class ServiceCIDR(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "ServiceCIDR")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ServiceCIDRSpec = field(default_factory=lambda: ServiceCIDRSpec())
    status: ServiceCIDRStatus = field(default_factory=lambda: ServiceCIDRStatus())


class ServiceCIDRList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "ServiceCIDRList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ServiceCIDR] = field(default_factory=zero.array)


class ServiceCIDRSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    cidrs: list[str] = []


class ServiceCIDRStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
