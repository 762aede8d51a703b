"""Structs of the Gateway API, so far as the proxy's controller reads it.

The kinds are custom resources; `definitions` has their schemas.
Source: https://gateway-api.sigs.k8s.io/reference/spec (v1).
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field

from pybernetes.api.meta.v1 import Condition, LabelSelector, ObjectMeta
from pybernetes.apimachinery.scheme import ALL, Resource, Subresource

GROUP = "gateway.networking.k8s.io"
_STATUS = (Subresource("status", "", ("get", "patch", "update")),)


def _resource(plural: str, kind: str, *, namespaced: bool = True, version: str = "v1") -> Resource:
    return Resource(GROUP, version, plural, kind, namespaced, ALL, subresources=_STATUS, custom=True)


class Reference(Struct, kw_only=True):
    """To an object of any kind. What is not given depends on where the reference stands."""

    group: str | None = None
    kind: str | None = None
    name: str = ""
    namespace: str | None = None


class ParentReference(Reference, kw_only=True, omit_defaults=True):
    sectionName: str | None = None
    port: int | None = None


class GatewayClassSpec(Struct, kw_only=True):
    controllerName: str = ""
    parametersRef: Reference | None = None


class Feature(Struct, kw_only=True):
    name: str = ""


class GatewayClassStatus(Struct, kw_only=True):
    conditions: list[Condition] = []
    supportedFeatures: list[Feature] = []


class GatewayClass(Struct, kw_only=True):
    RESOURCE: ClassVar[Resource] = _resource("gatewayclasses", "GatewayClass", namespaced=False)
    apiVersion: str = RESOURCE.api_version
    kind: str = RESOURCE.kind
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: GatewayClassSpec = field(default_factory=GatewayClassSpec)
    status: GatewayClassStatus = field(default_factory=GatewayClassStatus)


class RouteKind(Struct, kw_only=True):
    group: str | None = None
    kind: str = ""


class RouteNamespaces(Struct, kw_only=True):
    from_: str | None = field(default=None, name="from")
    selector: LabelSelector | None = None


class AllowedRoutes(Struct, kw_only=True):
    namespaces: RouteNamespaces = field(default_factory=RouteNamespaces)
    kinds: list[RouteKind] = []


class ListenerTls(Struct, kw_only=True):
    certificateRefs: list[Reference] = []


class Listener(Struct, kw_only=True):
    name: str = ""
    hostname: str | None = None
    port: int = 0
    protocol: str = ""
    tls: ListenerTls | None = None
    allowedRoutes: AllowedRoutes = field(default_factory=AllowedRoutes)


class Address(Struct, kw_only=True):
    type: str | None = None
    value: str | None = None


class Infrastructure(Struct, kw_only=True):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    parametersRef: Reference | None = None


class GatewayTls(Struct, kw_only=True):
    frontend: dict[str, object] | None = None


class GatewaySpec(Struct, kw_only=True):
    gatewayClassName: str = ""
    listeners: list[Listener] = []
    addresses: list[Address] = []
    infrastructure: Infrastructure | None = None
    tls: GatewayTls | None = None


class ListenerStatus(Struct, kw_only=True):
    name: str = ""
    supportedKinds: list[RouteKind] = []
    attachedRoutes: int = 0
    conditions: list[Condition] = []


class GatewayStatus(Struct, kw_only=True):
    addresses: list[Address] = []
    conditions: list[Condition] = []
    listeners: list[ListenerStatus] = []


class Gateway(Struct, kw_only=True):
    RESOURCE: ClassVar[Resource] = _resource("gateways", "Gateway")
    apiVersion: str = RESOURCE.api_version
    kind: str = RESOURCE.kind
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: GatewaySpec = field(default_factory=GatewaySpec)
    status: GatewayStatus = field(default_factory=GatewayStatus)


class Header(Struct, kw_only=True):
    name: str = ""
    value: str = ""


class HeaderModifier(Struct, kw_only=True):
    set: list[Header] = []
    add: list[Header] = []
    remove: list[str] = []


class PathModifier(Struct, kw_only=True):
    replaceFullPath: str | None = None
    replacePrefixMatch: str | None = None


class RequestRedirect(Struct, kw_only=True):
    scheme: str | None = None
    hostname: str | None = None
    path: PathModifier | None = None
    port: int | None = None
    statusCode: int = 302


class UrlRewrite(Struct, kw_only=True):
    hostname: str | None = None
    path: PathModifier | None = None


class Filter(Struct, kw_only=True):
    type: str = ""
    requestHeaderModifier: HeaderModifier | None = None
    responseHeaderModifier: HeaderModifier | None = None
    requestRedirect: RequestRedirect | None = None
    urlRewrite: UrlRewrite | None = None


class BackendReference(Reference, kw_only=True):
    port: int | None = None
    weight: int = 1
    filters: list[Filter] = []


class Match(Struct, kw_only=True):
    """Of a value, or of one with a name."""

    type: str | None = None
    name: str = ""
    value: str = ""


class PathMatch(Struct, kw_only=True):
    type: str = "PathPrefix"
    value: str = "/"


class HttpMatch(Struct, kw_only=True):
    path: PathMatch = field(default_factory=PathMatch)
    headers: list[Match] = []
    queryParams: list[Match] = []
    method: str | None = None


class Timeouts(Struct, kw_only=True):
    request: str | None = None
    backendRequest: str | None = None


class HttpRule(Struct, kw_only=True):
    matches: list[HttpMatch] = []
    filters: list[Filter] = []
    backendRefs: list[BackendReference] = []
    timeouts: Timeouts | None = None
    retry: dict[str, object] | None = None
    sessionPersistence: dict[str, object] | None = None


class HttpRouteSpec(Struct, kw_only=True):
    parentRefs: list[ParentReference] = []
    hostnames: list[str] = []
    rules: list[HttpRule] = []


class RouteParentStatus(Struct, kw_only=True):
    parentRef: ParentReference = field(default_factory=ParentReference)
    controllerName: str = ""
    conditions: list[Condition] = []


class RouteStatus(Struct, kw_only=True):
    parents: list[RouteParentStatus] = []


class HTTPRoute(Struct, kw_only=True):
    RESOURCE: ClassVar[Resource] = _resource("httproutes", "HTTPRoute")
    apiVersion: str = RESOURCE.api_version
    kind: str = RESOURCE.kind
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: HttpRouteSpec = field(default_factory=HttpRouteSpec)
    status: RouteStatus = field(default_factory=RouteStatus)


class GrpcMethodMatch(Struct, kw_only=True):
    type: str = "Exact"
    service: str = ""
    method: str = ""


class GrpcMatch(Struct, kw_only=True):
    method: GrpcMethodMatch | None = None
    headers: list[Match] = []


class GrpcRule(Struct, kw_only=True):
    matches: list[GrpcMatch] = []
    filters: list[Filter] = []
    backendRefs: list[BackendReference] = []
    sessionPersistence: dict[str, object] | None = None


class GrpcRouteSpec(Struct, kw_only=True):
    parentRefs: list[ParentReference] = []
    hostnames: list[str] = []
    rules: list[GrpcRule] = []


class GRPCRoute(Struct, kw_only=True):
    RESOURCE: ClassVar[Resource] = _resource("grpcroutes", "GRPCRoute")
    apiVersion: str = RESOURCE.api_version
    kind: str = RESOURCE.kind
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: GrpcRouteSpec = field(default_factory=GrpcRouteSpec)
    status: RouteStatus = field(default_factory=RouteStatus)


AnyRoute = HTTPRoute | GRPCRoute


class GrantFrom(Struct, kw_only=True):
    group: str = ""
    kind: str = ""
    namespace: str = ""


class GrantTo(Struct, kw_only=True):
    group: str = ""
    kind: str = ""
    name: str | None = None


class ReferenceGrantSpec(Struct, kw_only=True):
    from_: list[GrantFrom] = field(default_factory=list, name="from")
    to: list[GrantTo] = []


class ReferenceGrant(Struct, kw_only=True):
    RESOURCE: ClassVar[Resource] = _resource("referencegrants", "ReferenceGrant", version="v1beta1")
    apiVersion: str = RESOURCE.api_version
    kind: str = RESOURCE.kind
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ReferenceGrantSpec = field(default_factory=ReferenceGrantSpec)
