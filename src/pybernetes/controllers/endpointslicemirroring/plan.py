"""From Endpoints that somebody writes by hand to the slices that mirror them. Pure.

One slice for all addresses of one family with the same ports.
Source: pkg/controller/endpointslicemirroring/{reconciler,utils}.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from pybernetes.api.core.v1 import EndpointAddress, Endpoints, EndpointSubset, Service
from pybernetes.api.discovery.v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.services import TRIGGER_TIME
from pybernetes.client.indexes import SERVICE_NAME
from pybernetes.controllers.endpointslice.plan import (
    MANAGED_BY,
    EndpointKey,
    Plan,
    PortKey,
    endpoint_key,
    port_key,
)
from pybernetes.controllers.runtime.owners import controller_reference

CONTROLLER = "endpointslicemirroring-controller.k8s.io"
MAX_ENDPOINTS = 1000
"""Most addresses of one subset that are mirrored."""
_SKIP = "endpointslice.kubernetes.io/skip-mirror"
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_NOT_MIRRORED = {TRIGGER_TIME, "kubectl.kubernetes.io/last-applied-configuration"}

SliceKey = tuple[str, PortKey]
"""(address type, ports)."""


def is_mirrored(endpoints: Endpoints | None, service: Service | None) -> bool:
    """Only Endpoints of a Service without a selector, unless they say otherwise."""
    if endpoints is None or service is None or service.spec.selector:
        return False
    meta = endpoints.metadata
    return meta.labels.get(_SKIP) != "true" and _LEADER not in meta.annotations


def plan(endpoints: Endpoints, slices: Sequence[EndpointSlice]) -> tuple[Plan, int, int]:
    """`slices`: this controller's, of this Service. Also how many addresses are no IPs, how many too many."""
    wanted, invalid, left_out = _wanted(endpoints.subsets)
    existing: dict[SliceKey, list[EndpointSlice]] = {}
    for each in slices:
        existing.setdefault((each.addressType, port_key(each.ports or [])), []).append(each)
    result = Plan()
    for key, (ports, found) in wanted.items():
        old = existing.pop(key, [])
        result.delete += old[1:]
        made = _slice(endpoints, key[0], ports, list(found.values()))
        if not old:
            result.create.append(made)
        elif not _is_same(old[0], made):
            result.update.append(_in_place_of(old[0], made))
    result.delete += [each for others in existing.values() for each in others]
    _recycle(result)
    return result, invalid, left_out


_Wanted = dict[SliceKey, tuple[list[EndpointPort], dict[EndpointKey, Endpoint]]]


def _wanted(subsets: Sequence[EndpointSubset]) -> tuple[_Wanted, int, int]:
    wanted: _Wanted = {}
    invalid = left_out = 0
    for subset in subsets:
        ports = [
            EndpointPort(name=p.name or "", port=p.port, protocol=p.protocol or "TCP", appProtocol=p.appProtocol)
            for p in subset.ports
        ]
        taken = 0
        for ready, addresses in ((True, subset.addresses), (False, subset.notReadyAddresses)):
            for address in addresses:
                if taken >= MAX_ENDPOINTS:
                    left_out += 1
                    continue
                made = _endpoint(address, ready)
                if made is None:
                    invalid += 1
                    continue
                taken += 1
                address_type = "IPv6" if ":" in made.addresses[0] else "IPv4"
                _, found = wanted.setdefault((address_type, port_key(ports)), (ports, {}))
                # Named twice, an address is not ready if either says so.
                if not ready or endpoint_key(made) not in found:
                    found[endpoint_key(made)] = made
    return wanted, invalid, left_out


def _endpoint(address: EndpointAddress, ready: bool) -> Endpoint | None:
    try:
        ip = ipaddress.ip_address(address.ip)
    except ValueError:
        return None
    return Endpoint(
        addresses=[str(ip)],
        conditions=EndpointConditions(ready=ready),
        targetRef=address.targetRef,
        nodeName=address.nodeName,
        hostname=address.hostname or None,
    )


def _slice(endpoints: Endpoints, address_type: str, ports: list[EndpointPort], found: list[Endpoint]) -> EndpointSlice:
    meta = endpoints.metadata
    prefix = f"{meta.name}-"
    return EndpointSlice(
        metadata=ObjectMeta(
            generateName=prefix if len(prefix) < 253 else meta.name,
            namespace=meta.namespace,
            labels={**meta.labels, SERVICE_NAME: meta.name or "", MANAGED_BY: CONTROLLER},
            annotations={k: v for k, v in meta.annotations.items() if k not in _NOT_MIRRORED},
            ownerReferences=[controller_reference(endpoints)],
        ),
        addressType=address_type,
        ports=ports,
        endpoints=found,
    )


def _is_same(old: EndpointSlice, new: EndpointSlice) -> bool:
    return (
        _by_key(old.endpoints or []) == _by_key(new.endpoints or [])
        and old.metadata.labels == new.metadata.labels
        and old.metadata.annotations == new.metadata.annotations
        and [r.uid for r in old.metadata.ownerReferences] == [r.uid for r in new.metadata.ownerReferences]
    )


def _by_key(endpoints: Sequence[Endpoint]) -> Mapping[EndpointKey, Endpoint]:
    return {endpoint_key(each): each for each in endpoints}


def _in_place_of(old: EndpointSlice, new: EndpointSlice) -> EndpointSlice:
    new.metadata.generateName = None
    new.metadata.name, new.metadata.resourceVersion = old.metadata.name, old.metadata.resourceVersion
    return new


def _recycle(result: Plan) -> None:
    """Turns a deletion and a creation of one family into an update."""
    for old in list(result.delete):
        fitting = next((new for new in result.create if new.addressType == old.addressType), None)
        if fitting is not None:
            result.create.remove(fitting)
            result.delete.remove(old)
            result.update.append(_in_place_of(old, fitting))
