"""From a Service, its Pods and the slices there are to the slices to create, update and delete. Pure.

As few slices as possible change: a Pod stays in the slice it is in, new ones fill slices that change
anyway, then one that has room for all of them, then new slices.
Source: k8s.io/endpointslice/reconciler.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Node, ObjectReference, Pod, Service
from pybernetes.api.discovery.v1 import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForNode,
    ForZone,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.services import HEADLESS
from pybernetes.client.indexes import SERVICE_NAME
from pybernetes.controllers.endpointslice import topology
from pybernetes.controllers.endpointslice.service_pods import (
    addresses,
    belongs,
    find_port,
    has_cluster_ip,
    hostname,
)
from pybernetes.controllers.endpointslice.topology import Sharing
from pybernetes.controllers.runtime.owners import controller_reference

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
_RESERVED = {SERVICE_NAME, MANAGED_BY, HEADLESS}
_CLOSE = {"PreferClose", "PreferSameZone", "PreferSameNode"}

PortKey = tuple[tuple[str, str, int, str], ...]
EndpointKey = tuple[tuple[str, ...], str, str]


@dataclass(slots=True)
class Plan:
    create: list[EndpointSlice] = field(default_factory=list)
    update: list[EndpointSlice] = field(default_factory=list)
    """With the names and resourceVersions of existing slices."""
    delete: list[EndpointSlice] = field(default_factory=list)
    unchanged: list[EndpointSlice] = field(default_factory=list)
    missing_nodes: set[str] = field(default_factory=set)
    """Nodes of selected Pods that are not known; the Pods were left out."""
    sharing: dict[str, Sharing] = field(default_factory=dict)
    """By address type, where the Service asks for topology aware hints."""


def plan(
    service: Service,
    pods: Sequence[Pod],
    slices: Sequence[EndpointSlice],
    node: Callable[[str], Node | None],
    max_endpoints: int = 100,
    cpu_ratios: Callable[[], Mapping[str, float]] = dict,
) -> Plan:
    """`slices` are those labelled as this controller's, for this Service; they are not changed.

    `cpu_ratios`: each zone's part of all CPUs; asked for only where hints are shared out by it.
    """
    result = Plan()
    types = address_types(service)
    result.delete += [each for each in slices if each.addressType not in types]
    for address_type in types:
        existing = [each for each in slices if each.addressType == address_type]
        planned = _plan_type(service, pods, existing, node, address_type, max_endpoints)
        if topology.is_asked(service):
            result.sharing[address_type] = topology.share(
                planned.create, planned.update, planned.unchanged, cpu_ratios()
            )
        result.create += planned.create
        result.update += planned.update
        result.delete += planned.delete
        result.missing_nodes |= planned.missing_nodes
    return result


def address_types(service: Service) -> list[str]:
    if service.spec.ipFamilies:
        return list(service.spec.ipFamilies)
    if has_cluster_ip(service):
        return [f"IPv{ipaddress.ip_address(service.spec.clusterIP or '').version}"]
    return ["IPv4", "IPv6"]


def _plan_type(
    service: Service,
    pods: Sequence[Pod],
    existing: Sequence[EndpointSlice],
    node: Callable[[str], Node | None],
    address_type: str,
    max_endpoints: int,
) -> Plan:
    mine = [each for each in existing if _owned(each, service)]
    result = Plan(delete=[each for each in existing if not _owned(each, service)])
    by_ports: dict[PortKey, list[EndpointSlice]] = {}
    for each in mine:
        by_ports.setdefault(port_key(each.ports or []), []).append(each)
    desired, result.missing_nodes = _desired(service, pods, node, address_type)
    for key, (ports, endpoints) in desired.items():
        filled = _fill(service, by_ports.get(key, []), ports, endpoints, address_type, max_endpoints)
        result.create += filled.create
        result.update += filled.update
        result.delete += filled.delete
        result.unchanged += filled.unchanged
    for key, obsolete in by_ports.items():
        if key not in desired:
            result.delete += obsolete
    if len(existing) == len(result.delete) and not result.create:
        placeholder = new_slice(service, [], address_type)
        if len(result.delete) == 1 and _same_placeholder(result.delete[0], placeholder):
            result.delete.clear()
        else:
            result.create.append(placeholder)
    _reuse(service, result.create, result.update, result.delete)
    return result


def _desired(
    service: Service, pods: Sequence[Pod], node: Callable[[str], Node | None], address_type: str
) -> tuple[dict[PortKey, tuple[list[EndpointPort], dict[EndpointKey, Endpoint]]], set[str]]:
    """Wanted endpoints by their ports; Pods with the same port numbers share slices."""
    desired: dict[PortKey, tuple[list[EndpointPort], dict[EndpointKey, Endpoint]]] = {}
    missing: set[str] = set()
    for pod in pods:
        if not belongs(pod, include_terminating=True):
            continue
        ports = endpoint_ports(service, pod)
        _, endpoints = desired.setdefault(port_key(ports), (ports, {}))
        name = pod.spec.nodeName or ""
        on = node(name)
        if on is None and not service.spec.publishNotReadyAddresses:
            missing.add(name)
            continue
        made = endpoint(pod, on, service, address_type)
        if made.addresses:
            endpoints[endpoint_key(made)] = made
    return desired, missing


def _fill(
    service: Service,
    existing: Sequence[EndpointSlice],
    ports: list[EndpointPort],
    desired: Mapping[EndpointKey, Endpoint],
    address_type: str,
    max_endpoints: int,
) -> Plan:
    """The least change that puts the desired endpoints into slices with these ports."""
    todo = dict(desired)
    shared_out = topology.is_asked(service)
    result = Plan()
    changed: list[EndpointSlice] = []
    unchanged: list[EndpointSlice] = []
    for each in existing:
        keep: list[Endpoint] = []
        differs = False
        for old in each.endpoints or []:
            new = todo.pop(endpoint_key(old), None)
            if new is not None:
                if shared_out:
                    new.hints = old.hints  # Whether they are good is seen when the zones are.
                keep.append(new)
                differs = differs or not _equal(new, old)
        if differs or len(keep) != len(each.endpoints or []):
            if keep:
                changed.append(_with(each, service, keep))
            else:
                result.delete.append(each)
        elif _labels_differ(each, service):
            changed.append(_with(each, service, keep))
        else:
            unchanged.append(each)
    waiting = list(todo.values())
    for each in sorted(changed, key=lambda s: -len(s.endpoints or [])):
        room = max_endpoints - len(each.endpoints or [])
        each.endpoints = [*(each.endpoints or []), *waiting[:room]]
        del waiting[:room]
    while waiting:
        target = _roomiest_fit(unchanged, len(waiting), max_endpoints) if len(waiting) < max_endpoints else None
        if target is None:
            made = new_slice(service, ports, address_type)
            result.create.append(made)
        else:
            unchanged.remove(target)
            made = _with(target, service, list(target.endpoints or []))
            changed.append(made)
        room = max_endpoints - len(made.endpoints or [])
        made.endpoints = [*(made.endpoints or []), *waiting[:room]]
        del waiting[:room]
    result.update, result.unchanged = changed, unchanged
    return result


def _roomiest_fit(slices: Sequence[EndpointSlice], count: int, max_endpoints: int) -> EndpointSlice | None:
    """The slice that would be the fullest with `count` more."""
    fitting = [each for each in slices if len(each.endpoints or []) + count <= max_endpoints]
    return max(fitting, key=lambda each: len(each.endpoints or []), default=None)


def _reuse(
    service: Service, create: list[EndpointSlice], update: list[EndpointSlice], delete: list[EndpointSlice]
) -> None:
    """Turns a deletion and a creation into one update."""
    for old in list(delete):
        if not create:
            return
        if _owned(old, service):
            new = create.pop()
            new.metadata.name = old.metadata.name
            new.metadata.generateName = None
            new.metadata.resourceVersion = old.metadata.resourceVersion
            update.append(new)
            delete.remove(old)


def endpoint(pod: Pod, node: Node | None, service: Service, address_type: str) -> Endpoint:
    """A Pod as an endpoint; without addresses when it has none of the family."""
    serving = is_ready(pod)
    terminating = pod.metadata.deletionTimestamp is not None
    ready = bool(service.spec.publishNotReadyAddresses) or (serving and not terminating)
    zone = node.metadata.labels.get(topology.ZONE) or None if node is not None else None
    meta = pod.metadata
    return Endpoint(
        addresses=addresses(pod, ipv6=address_type == "IPv6"),
        conditions=EndpointConditions(ready=ready, serving=serving, terminating=terminating),
        targetRef=ObjectReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid),
        nodeName=pod.spec.nodeName or None,
        zone=zone,
        hostname=hostname(pod, service),
        hints=_hints(service, zone, pod.spec.nodeName) if ready else None,
    )


def _hints(service: Service, zone: str | None, node_name: str | None) -> EndpointHints | None:
    """For trafficDistribution: whom the endpoint is meant for. Source: k8s.io/endpointslice/trafficdist."""
    wanted = service.spec.trafficDistribution
    if wanted not in _CLOSE or topology.is_asked(service):
        return None
    for_nodes = [ForNode(name=node_name)] if wanted == "PreferSameNode" and node_name else []
    for_zones = [ForZone(name=zone)] if zone else []
    return EndpointHints(forNodes=for_nodes, forZones=for_zones) if for_nodes or for_zones else None


def endpoint_ports(service: Service, pod: Pod) -> list[EndpointPort]:
    """The Service's ports as numbers on this Pod; a named port that the Pod lacks is left out."""
    ports = []
    for port in service.spec.ports:
        number = find_port(pod, port)
        if number is not None:
            ports.append(
                EndpointPort(
                    name=port.name or "",
                    port=number,
                    protocol=port.protocol or "TCP",
                    appProtocol=port.appProtocol,
                )
            )
    return sorted(ports, key=_port_tuple)


def port_key(ports: Sequence[EndpointPort]) -> PortKey:
    return tuple(sorted(_port_tuple(port) for port in ports))


def _port_tuple(port: EndpointPort) -> tuple[str, str, int, str]:
    return port.name or "", port.protocol or "TCP", port.port or 0, port.appProtocol or ""


def endpoint_key(endpoint: Endpoint) -> EndpointKey:
    """What makes two endpoints the same one, whatever their conditions."""
    uid = (endpoint.targetRef.uid or "") if endpoint.targetRef is not None else ""
    return tuple(sorted(endpoint.addresses)), endpoint.hostname or "", uid


def new_slice(service: Service, ports: list[EndpointPort], address_type: str) -> EndpointSlice:
    meta = service.metadata
    prefix = f"{meta.name}-"
    return EndpointSlice(
        metadata=ObjectMeta(
            generateName=prefix if len(prefix) < 253 else meta.name,
            namespace=meta.namespace,
            labels=slice_labels(service),
            ownerReferences=[controller_reference(service)],
        ),
        addressType=address_type,
        ports=list(ports),
        endpoints=[],
    )


def slice_labels(service: Service) -> dict[str, str]:
    """The Service's labels, less reserved ones, and the controller's own."""
    labels = {key: value for key, value in service.metadata.labels.items() if key not in _RESERVED}
    if not has_cluster_ip(service):
        labels[HEADLESS] = ""
    labels[SERVICE_NAME] = service.metadata.name or ""
    labels[MANAGED_BY] = CONTROLLER
    return labels


def _labels_differ(existing: EndpointSlice, service: Service) -> bool:
    return {k: v for k, v in existing.metadata.labels.items() if k not in _RESERVED} != {
        k: v for k, v in service.metadata.labels.items() if k not in _RESERVED
    }


def _with(existing: EndpointSlice, service: Service, endpoints: list[Endpoint]) -> EndpointSlice:
    meta = existing.metadata
    return EndpointSlice(
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resourceVersion=meta.resourceVersion,
            labels=slice_labels(service),
            annotations=dict(meta.annotations),
            ownerReferences=list(meta.ownerReferences),
        ),
        addressType=existing.addressType,
        ports=list(existing.ports or []),
        endpoints=endpoints,
    )


def _owned(each: EndpointSlice, service: Service) -> bool:
    return any(ref.uid == service.metadata.uid and ref.kind == "Service" for ref in each.metadata.ownerReferences)


def _same_placeholder(each: EndpointSlice, placeholder: EndpointSlice) -> bool:
    return (
        not each.endpoints
        and not each.ports
        and each.metadata.labels == placeholder.metadata.labels
        and {ref.uid for ref in each.metadata.ownerReferences}
        == {ref.uid for ref in placeholder.metadata.ownerReferences}
    )


def _equal(new: Endpoint, old: Endpoint) -> bool:
    if old.targetRef is not None and old.targetRef.resourceVersion:
        return False
    return new == old
