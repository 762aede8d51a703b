"""Structs of the group-version networking/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, IntOrString, ZeroInt32, ZeroStr
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class HTTPIngressPath(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    backend: IngressBackend = field(default_factory=lambda: IngressBackend())
    path: ZeroStr | None = None
    pathType: str | None = field(default_factory=zero.null)


class HTTPIngressRuleValue(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    paths: list[HTTPIngressPath] = field(default_factory=zero.array)


class IPAddress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "IPAddress")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: IPAddressSpec = field(default_factory=lambda: IPAddressSpec())


class IPAddressList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "IPAddressList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[IPAddress] = field(default_factory=zero.array)


class IPAddressSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    parentRef: ParentReference = field(default_factory=lambda: ParentReference())


class IPBlock(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    cidr: str = field(default_factory=zero.string)
    except_: list[str] = field(default=[], name='except')


class Ingress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "Ingress")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: IngressSpec = field(default_factory=lambda: IngressSpec())
    status: IngressStatus = field(default_factory=lambda: IngressStatus())


class IngressBackend(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    resource: core_v1.TypedLocalObjectReference | None = None
    service: IngressServiceBackend | None = None


class IngressClass(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "IngressClass")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: IngressClassSpec = field(default_factory=lambda: IngressClassSpec())


class IngressClassList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "IngressClassList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[IngressClass] = field(default_factory=zero.array)


class IngressClassParametersReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: str | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    namespace: str | None = None
    scope: str | None = field(default_factory=zero.null)


class IngressClassSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    controller: ZeroStr | None = None
    parameters: IngressClassParametersReference | None = None


class IngressList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "IngressList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Ingress] = field(default_factory=zero.array)


class IngressLoadBalancerIngress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hostname: ZeroStr | None = None
    ip: ZeroStr | None = None
    ports: list[IngressPortStatus] = []


class IngressLoadBalancerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ingress: list[IngressLoadBalancerIngress] = []


class IngressPortStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    error: str | None = None
    port: Int32 = field(default_factory=zero.zero)
    protocol: str = field(default_factory=zero.string)


class IngressRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    host: ZeroStr | None = None
    http: HTTPIngressRuleValue | None = None


class IngressServiceBackend(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    port: ServiceBackendPort = field(default_factory=lambda: ServiceBackendPort())


class IngressSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultBackend: IngressBackend | None = None
    ingressClassName: str | None = None
    rules: list[IngressRule] = []
    tls: list[IngressTLS] = []


class IngressStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    loadBalancer: IngressLoadBalancerStatus = field(default_factory=lambda: IngressLoadBalancerStatus())


class IngressTLS(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hosts: list[str] = []
    secretName: ZeroStr | None = None


class NetworkPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "NetworkPolicy")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: NetworkPolicySpec = field(default_factory=lambda: NetworkPolicySpec())


class NetworkPolicyEgressRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ports: list[NetworkPolicyPort] = []
    to: list[NetworkPolicyPeer] = []


class NetworkPolicyIngressRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    from_: list[NetworkPolicyPeer] = field(default=[], name='from')
    ports: list[NetworkPolicyPort] = []


class NetworkPolicyList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "NetworkPolicyList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[NetworkPolicy] = field(default_factory=zero.array)


class NetworkPolicyPeer(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ipBlock: IPBlock | None = None
    namespaceSelector: meta_v1.LabelSelector | None = None
    podSelector: meta_v1.LabelSelector | None = None


class NetworkPolicyPort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    endPort: Int32 | None = None
    port: IntOrString | None = None
    protocol: str | None = None


class NetworkPolicySpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    egress: list[NetworkPolicyEgressRule] = []
    ingress: list[NetworkPolicyIngressRule] = []
    podSelector: meta_v1.LabelSelector = field(default_factory=lambda: meta_v1.LabelSelector())
    policyTypes: list[str] = []


class ParentReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    group: ZeroStr | None = None
    name: str = ""
    namespace: ZeroStr | None = None
    resource: str = ""


class ServiceBackendPort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None
    number: ZeroInt32 | None = None


class ServiceCIDR(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ServiceCIDR")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ServiceCIDRSpec = field(default_factory=lambda: ServiceCIDRSpec())
    status: ServiceCIDRStatus = field(default_factory=lambda: ServiceCIDRStatus())


class ServiceCIDRList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "networking.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ServiceCIDRList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ServiceCIDR] = field(default_factory=zero.array)


class ServiceCIDRSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    cidrs: list[str] = []


class ServiceCIDRStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
