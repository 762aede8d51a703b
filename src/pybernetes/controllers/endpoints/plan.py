"""From a Service and its Pods to the Endpoints object. Pure. Source: pkg/controller/endpoint, pkg/api/v1/endpoints."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence

from pybernetes.api.core.v1 import (
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    ObjectReference,
    Pod,
    Service,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.services import HEADLESS, TRIGGER_TIME
from pybernetes.controllers.endpointslice.service_pods import (
    addresses,
    belongs,
    find_port,
    has_cluster_ip,
    hostname,
)

MAX_CAPACITY = 1000
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
CONTROLLER = "endpoint-controller"

PortTuple = tuple[str, str, int, str]
AddressKey = tuple[str, str]


def plan(service: Service, pods: Sequence[Pod], current: Endpoints | None, trigger_time: str) -> Endpoints | None:
    """The object to write, new or with the current one's resourceVersion; None when all is as it should be."""
    wanted = subsets(service, pods)
    over = _count(wanted) > MAX_CAPACITY
    if current is not None and not over and _is_right(service, current, wanted):
        return None
    if over:
        wanted = truncated(wanted)
    annotations = dict(current.metadata.annotations) if current is not None else {}
    for key, value in ((TRIGGER_TIME, trigger_time), (OVER_CAPACITY, "truncated" if over else "")):
        if value:
            annotations[key] = value
        else:
            annotations.pop(key, None)
    made = Endpoints(
        metadata=ObjectMeta(
            name=service.metadata.name,
            namespace=service.metadata.namespace,
            labels=_labels(service),
            annotations=annotations,
        ),
        subsets=wanted,
    )
    if current is not None:
        made.metadata.resourceVersion = current.metadata.resourceVersion
        made.metadata.uid = current.metadata.uid
        made.metadata.ownerReferences = list(current.metadata.ownerReferences)
        if over and current.subsets == wanted and current.metadata == _merged_meta(current, made):
            return None
    return made


def subsets(service: Service, pods: Sequence[Pod]) -> list[EndpointSubset]:
    """Addresses grouped by the ports they share, in canonical order."""
    by_port: dict[PortTuple | None, dict[AddressKey, bool]] = {}
    address_of: dict[AddressKey, EndpointAddress] = {}
    publish = bool(service.spec.publishNotReadyAddresses)
    for pod in pods:
        if not belongs(pod, include_terminating=publish):
            continue
        address = _address(service, pod)
        if address is None:
            continue
        key = address.ip, pod.metadata.uid or ""
        address_of.setdefault(key, address)
        ready = publish or is_ready(pod)
        for port in _ports(service, pod):
            known = by_port.setdefault(port, {})
            known[key] = known.get(key, True) and ready
    by_addresses: dict[tuple[tuple[AddressKey, bool], ...], list[PortTuple]] = {}
    for port, ready_of in by_port.items():
        group = by_addresses.setdefault(tuple(sorted(ready_of.items())), [])
        if port is not None:
            group.append(port)
    return [
        EndpointSubset(
            addresses=[address_of[key] for key, ready in group if ready],
            notReadyAddresses=[address_of[key] for key, ready in group if not ready],
            ports=[_port(port) for port in sorted(ports)],
        )
        for group, ports in sorted(by_addresses.items(), key=lambda entry: (sorted(entry[1]), entry[0]))
    ]


def truncated(wanted: list[EndpointSubset]) -> list[EndpointSubset]:
    """At most MAX_CAPACITY addresses, ready ones first, each subset in proportion."""
    ready = sum(len(subset.addresses) for subset in wanted)
    cut_ready = ready > MAX_CAPACITY
    room = MAX_CAPACITY if cut_ready else MAX_CAPACITY - ready
    total = ready if cut_ready else sum(len(subset.notReadyAddresses) for subset in wanted)
    left = room
    result = []
    for subset in wanted:
        offered = subset.addresses if cut_ready else subset.notReadyAddresses
        kept = offered[: min(math.ceil(len(offered) / total * room), left)]
        left -= len(kept)
        if cut_ready:
            result.append(EndpointSubset(addresses=kept, ports=subset.ports))
        else:
            result.append(EndpointSubset(addresses=subset.addresses, notReadyAddresses=kept, ports=subset.ports))
    return result


def _address(service: Service, pod: Pod) -> EndpointAddress | None:
    found = addresses(pod, ipv6=_wants_ipv6(service, pod))
    if not found:
        return None
    meta = pod.metadata
    return EndpointAddress(
        ip=found[0],
        nodeName=pod.spec.nodeName,
        hostname=hostname(pod, service),
        targetRef=ObjectReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid),
    )


def _wants_ipv6(service: Service, pod: Pod) -> bool:
    if service.spec.ipFamilies:
        return service.spec.ipFamilies[0] == "IPv6"
    address = service.spec.clusterIP if has_cluster_ip(service) else pod.status.podIP
    try:
        return ipaddress.ip_address(address or "").version == 6
    except ValueError:
        return False


def _ports(service: Service, pod: Pod) -> list[PortTuple | None]:
    """None stands for "no port": a headless Service without ports lists its addresses all the same."""
    if not service.spec.ports:
        return [None] if service.spec.clusterIP == "None" else []
    found: list[PortTuple | None] = []
    for port in service.spec.ports:
        number = find_port(pod, port)
        if number is not None:
            found.append((port.name or "", port.protocol or "TCP", number, port.appProtocol or ""))
    return found


def _port(port: PortTuple) -> EndpointPort:
    name, protocol, number, app_protocol = port
    return EndpointPort(name=name or None, protocol=protocol, port=number, appProtocol=app_protocol or None)


def _labels(service: Service) -> dict[str, str]:
    labels = {key: value for key, value in service.metadata.labels.items() if key != HEADLESS}
    if not has_cluster_ip(service):
        labels[HEADLESS] = ""
    labels[MANAGED_BY] = CONTROLLER
    return labels


def _is_right(service: Service, current: Endpoints, wanted: list[EndpointSubset]) -> bool:
    labels = {k: v for k, v in current.metadata.labels.items() if k not in (HEADLESS, MANAGED_BY)}
    of_service = {k: v for k, v in service.metadata.labels.items() if k not in (HEADLESS, MANAGED_BY)}
    return (
        current.metadata.labels.get(MANAGED_BY) == CONTROLLER
        and labels == of_service
        and OVER_CAPACITY not in current.metadata.annotations
        and _canonical(current.subsets) == _canonical(wanted)
    )


def _canonical(given: list[EndpointSubset]) -> list[tuple[object, ...]]:
    """For comparing: what a subset says, whatever the order of its parts."""
    return sorted(
        (
            sorted((p.name or "", p.protocol or "TCP", p.port, p.appProtocol or "") for p in subset.ports),
            sorted(_address_tuple(address) for address in subset.addresses),
            sorted(_address_tuple(address) for address in subset.notReadyAddresses),
        )
        for subset in given
    )


def _address_tuple(address: EndpointAddress) -> tuple[str, ...]:
    ref = address.targetRef
    target = (ref.kind or "", ref.namespace or "", ref.name or "", ref.uid or "") if ref is not None else ()
    return (address.ip, address.hostname or "", address.nodeName or "", *target)


def _count(wanted: list[EndpointSubset]) -> int:
    return sum(len(subset.addresses) + len(subset.notReadyAddresses) for subset in wanted)


def _merged_meta(current: Endpoints, made: Endpoints) -> ObjectMeta:
    """The current metadata with what the plan sets, but for the trigger time."""
    meta = current.metadata
    annotations = {k: v for k, v in made.metadata.annotations.items() if k != TRIGGER_TIME}
    if TRIGGER_TIME in meta.annotations:
        annotations[TRIGGER_TIME] = meta.annotations[TRIGGER_TIME]
    kept = {name: getattr(meta, name) for name in meta.__struct_fields__}
    return ObjectMeta(**{**kept, "labels": made.metadata.labels, "annotations": annotations})
