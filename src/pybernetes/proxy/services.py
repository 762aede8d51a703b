"""Services and EndpointSlices as the rules need them: one `ServicePort` for every port of a Service.

Pure. Source: pkg/proxy/serviceport.go, endpoint.go of v1.36.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.core.v1 import Service
from pybernetes.api.core.v1 import ServicePort as ApiServicePort
from pybernetes.api.discovery.v1 import Endpoint as SliceEndpoint
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.services import balancer_addresses, is_ready, is_serving
from pybernetes.host.ip_families import socket_address

DEFAULT_AFFINITY_TIMEOUT_S = 10_800


@dataclass(frozen=True, slots=True)
class Endpoint:
    ip: str
    port: int
    ready: bool
    serving: bool
    terminating: bool
    node: str = ""
    """"" where nobody says."""
    for_nodes: tuple[str, ...] = ()
    for_zones: tuple[str, ...] = ()
    """Hints: whom the endpoint is meant for; none where it is for everybody."""

    @property
    def address(self) -> str:
        return socket_address(self.ip, self.port)


@dataclass(frozen=True, slots=True)
class ServicePort:
    namespace: str
    name: str
    port_name: str
    protocol: str
    """tcp, udp or sctp."""
    cluster_ip: str
    port: int
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    affinity_timeout_s: int = 0
    """0 without session affinity."""
    internal_local: bool = False
    external_local: bool = False
    health_check_node_port: int = 0
    endpoints: tuple[Endpoint, ...] = ()
    """All endpoints of the port, in order of address."""


def service_ports(service: Service, slices: Iterable[EndpointSlice], family: int) -> list[ServicePort]:
    """The ports that rules are made for; none for headless and ExternalName Services.

    `slices` are those that carry the Service's name. `family` is 4 or 6.
    """
    spec = service.spec
    if spec.type == "ExternalName" or spec.clusterIP in (None, "", "None"):
        return []
    cluster_ip = next((ip for ip in spec.clusterIPs or [spec.clusterIP or ""] if _family(ip) == family), "")
    if not cluster_ip:
        return []
    usable = [s for s in slices if s.addressType == ("IPv4" if family == 4 else "IPv6")]
    timeout_s = 0
    if spec.sessionAffinity == "ClientIP":
        timeout_s = DEFAULT_AFFINITY_TIMEOUT_S
        if spec.sessionAffinityConfig and spec.sessionAffinityConfig.clientIP:
            timeout_s = spec.sessionAffinityConfig.clientIP.timeoutSeconds or timeout_s
    balancer = balancer_addresses(service) if spec.type == "LoadBalancer" else []
    external = spec.type in ("NodePort", "LoadBalancer") or bool(spec.externalIPs)
    return [
        ServicePort(
            namespace=service.metadata.namespace or "",
            name=service.metadata.name or "",
            port_name=port.name or "",
            protocol=(port.protocol or "TCP").lower(),
            cluster_ip=cluster_ip,
            port=port.port,
            node_port=port.nodePort or 0,
            external_ips=tuple(ip for ip in spec.externalIPs if _family(ip) == family),
            load_balancer_ips=tuple(ip for ip in balancer if _family(ip) == family),
            source_ranges=tuple(
                r.strip() for r in spec.loadBalancerSourceRanges if _family(r.strip().split("/")[0]) == family
            ),
            affinity_timeout_s=timeout_s,
            internal_local=spec.internalTrafficPolicy == "Local",
            external_local=external and spec.externalTrafficPolicy == "Local",
            health_check_node_port=spec.healthCheckNodePort or 0,
            endpoints=_endpoints(port, usable),
        )
        for port in spec.ports
    ]


def _endpoints(port: ApiServicePort, slices: list[EndpointSlice]) -> tuple[Endpoint, ...]:
    """Endpoints of one port over all slices; an address in two slices counts once, the better state wins."""
    found: dict[tuple[str, int], Endpoint] = {}
    for piece in slices:
        for slice_port in piece.ports or []:
            if (slice_port.name or "") != (port.name or "") or not slice_port.port:
                continue
            if (slice_port.protocol or "TCP") != (port.protocol or "TCP"):
                continue
            for endpoint in piece.endpoints or []:
                if not endpoint.addresses:
                    continue
                made = _endpoint(endpoint, slice_port.port)
                known = found.get((made.ip, made.port))
                if known is None or (made.ready, made.serving) > (known.ready, known.serving):
                    found[made.ip, made.port] = made
    return tuple(found[key] for key in sorted(found))


def _endpoint(endpoint: SliceEndpoint, port: int) -> Endpoint:
    hints = endpoint.hints
    return Endpoint(
        endpoint.addresses[0],
        port,
        is_ready(endpoint),
        is_serving(endpoint),
        terminating=bool(endpoint.conditions.terminating),
        node=endpoint.nodeName or "",
        for_nodes=tuple(node.name for node in hints.forNodes or ()) if hints is not None else (),
        for_zones=tuple(zone.name for zone in hints.forZones or ()) if hints is not None else (),
    )


def _family(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0
