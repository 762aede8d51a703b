"""Pure: what is written for Gateways: the Service and EndpointSlice through which each is reached, and statuses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from pybernetes.api.core.v1 import Service, ServicePort, ServiceSpec
from pybernetes.api.discovery.v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from pybernetes.api.meta.v1 import Condition, ObjectMeta, OwnerReference
from pybernetes.client.indexes import SERVICE_NAME
from pybernetes.ingress.gateways.api import GROUP, AnyRoute, Gateway, ParentReference
from pybernetes.ingress.gateways.conditions import merged
from pybernetes.ingress.gateways.routes import CONTROLLER, GatewayTold, Told, key_of, route_key
from pybernetes.ingress.table import Key

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "pybernetes-ingress"
_SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_OF_GATEWAY = f"{GROUP}/gateway-name"
_LABEL = 63
_NOT_OF_NAMES = re.compile(r"[^a-z0-9-]")

Tree = dict[str, Any]


def service_key(gateway: Key) -> Key:
    """That of the Service through which a Gateway is reached."""
    slug = _NOT_OF_NAMES.sub("-", gateway[1])[:40].rstrip("-")
    return gateway[0], f"gateway-{slug}-{sha256(gateway[1].encode()).hexdigest()[:8]}"


def port_name(port: int) -> str:
    return f"port-{port}"


def is_ours(service: Service) -> bool:
    return service.metadata.labels.get(MANAGED_BY) == MANAGER


def address_of(service: Service | None) -> str:
    """That of a Gateway, by its Service; "" as long as there is none of ours."""
    if service is None or not is_ours(service):
        return ""
    balancer = service.status.loadBalancer
    given = [entry.ip for entry in balancer.ingress if entry.ip] if balancer else []
    return given[0] if given else service.spec.clusterIP or "" if service.spec.type == "ClusterIP" else ""


def own_service(gateway: Gateway, kind: str) -> Service:
    namespace, name = service_key(key_of(gateway))
    wished = gateway.spec.infrastructure
    labels = {_OF_GATEWAY: (gateway.metadata.name or "")[:_LABEL].rstrip("-."), MANAGED_BY: MANAGER}
    return Service(
        metadata=ObjectMeta(
            name=name,
            namespace=namespace,
            labels={**(wished.labels if wished else {}), **labels},
            annotations=dict(wished.annotations) if wished else {},
            ownerReferences=[
                OwnerReference(
                    apiVersion=gateway.apiVersion, kind=gateway.kind, name=gateway.metadata.name or "",
                    uid=gateway.metadata.uid or "", controller=True,
                )
            ],
        ),
        spec=ServiceSpec(
            type=kind,
            allocateLoadBalancerNodePorts=False if kind == "LoadBalancer" else None,
            ports=[
                ServicePort(name=port_name(port), port=port, protocol="TCP")
                for port in sorted({listener.port for listener in gateway.spec.listeners})
            ],
        ),
    )  # fmt: skip


def different(held: Service, wanted: Service) -> bool:
    """Whether what we say of it is not what it is; what others added is left."""
    is_, shall = ((s.spec.type, [port.port for port in s.spec.ports]) for s in (held, wanted))
    texts = ((held.metadata.labels, wanted.metadata.labels), (held.metadata.annotations, wanted.metadata.annotations))
    return is_ != shall or any(not ours.items() <= there.items() for there, ours in texts)


def own_slice(service: Service, address: str, ports: dict[int, int]) -> EndpointSlice:
    meta = service.metadata
    return EndpointSlice(
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            labels={SERVICE_NAME: meta.name or "", _SLICE_MANAGED_BY: MANAGER},
            ownerReferences=meta.ownerReferences,
        ),
        addressType="IPv6" if ":" in address else "IPv4",
        endpoints=[Endpoint(addresses=[address], conditions=EndpointConditions(ready=True))],
        ports=[EndpointPort(name=port_name(port), port=ports[port], protocol="TCP") for port in sorted(ports)],
    )


def leads_elsewhere(held: EndpointSlice, wanted: EndpointSlice) -> bool:
    """Whether it has other ports of the proxy, or another address: a machine may come back with one."""
    is_, shall = (
        ([e.addresses for e in piece.endpoints or ()], [(p.name, p.port) for p in piece.ports or ()])
        for piece in (held, wanted)
    )
    return is_ != shall


def gateway_status(gateway: Gateway, told: GatewayTold, address: str, now: float) -> Tree | None:
    """What is to be written; None when it says that already."""
    before = gateway.status
    known = {found.name: found for found in before.listeners}
    conditions = merged(before.conditions, told.conditions, now)
    listeners = []
    for listener in told.listeners:
        found = known.get(listener.name)
        listener.conditions = merged(found.conditions if found else [], listener.conditions, now)
        listeners.append(listener)
    addresses = [address] if address else []
    if (conditions, listeners, addresses) == (before.conditions, before.listeners, [a.value for a in before.addresses]):
        return None
    return {
        "conditions": trees(conditions),
        "addresses": [{"type": "IPAddress", "value": each} for each in addresses],
        "listeners": [
            {
                "name": listener.name,
                "supportedKinds": [{"group": kind.group, "kind": kind.kind} for kind in listener.supportedKinds],
                "attachedRoutes": listener.attachedRoutes,
                "conditions": trees(listener.conditions),
            }
            for listener in listeners
        ],
    }


def route_status(route: AnyRoute, told: Told, now: float) -> Tree | None:
    """A patch of what is said of a route for parents of ours, beside what others say; None when it is so already."""
    others = [found for found in route.status.parents if found.controllerName != CONTROLLER]
    mine = [found for found in route.status.parents if found.controllerName == CONTROLLER]
    wanted = [
        (parent, merged(next((f.conditions for f in mine if f.parentRef == parent), []), conditions, now))
        for parent, conditions in told.routes.get(route_key(route), [])
    ]
    if [(found.parentRef, found.conditions) for found in mine] == wanted:
        return None
    entries = [(found.parentRef, found.controllerName, found.conditions) for found in others]
    entries += [(parent, CONTROLLER, conditions) for parent, conditions in wanted]
    parents = [
        {"parentRef": _reference(parent), "controllerName": by, "conditions": trees(conditions)}
        for parent, by, conditions in entries
    ]
    return {"metadata": {"resourceVersion": route.metadata.resourceVersion}, "status": {"parents": parents}}


def _reference(parent: ParentReference) -> Tree:
    return {name: value for name in parent.__struct_fields__ if (value := getattr(parent, name)) is not None}


def trees(conditions: Iterable[Condition]) -> list[Tree]:
    """With every field that the schemas want, empty ones too."""
    return [
        {
            "type": c.type, "status": c.status, "reason": c.reason, "message": c.message,
            "observedGeneration": c.observedGeneration or 0, "lastTransitionTime": c.lastTransitionTime,
        }
        for c in conditions
    ]  # fmt: skip
