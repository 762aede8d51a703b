"""Which endpoints of a service port a node sends to. Pure.

Source: pkg/proxy/topology.go (CategorizeEndpoints, topologyModeFromHints).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from pybernetes.proxy.services import Endpoint, ServicePort


@dataclass(frozen=True, slots=True)
class Place:
    """Where the node is that rules are made for."""

    node: str = ""
    """"" on a machine that is no node: no endpoint is there, and none is meant for it."""
    zone: str = ""
    addresses: tuple[str, ...] = ()

    def is_within(self, cidrs: Iterable[str]) -> bool:
        """Whether an address of the node is in one of the ranges."""
        networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
        return any(ipaddress.ip_address(address) in network for address in self.addresses for network in networks)


@dataclass(slots=True)
class Usable:
    cluster: list[Endpoint] = field(default_factory=list)
    """Where traffic goes that any node may take."""
    local: list[Endpoint] = field(default_factory=list)
    """Where traffic goes that has to stay on this node; [] for a Service that wants no such thing."""
    anywhere: bool = False
    """Whether any node has an endpoint that takes traffic."""


def usable_endpoints(port: ServicePort, place: Place) -> Usable:
    """Ready ones, chosen by their hints; where there is none, those that still serve while they terminate."""
    ready = [e for e in port.endpoints if e.ready]
    leaving = [e for e in port.endpoints if not e.ready and e.serving and e.terminating]
    found = Usable(_hinted(ready, place) or leaving, anywhere=bool(ready or leaving))
    if port.internal_local or port.external_local:
        found.local = [e for e in ready if e.node == place.node] or [e for e in leaving if e.node == place.node]
        found.local = found.local if place.node else []
    return found


def _hinted(ready: list[Endpoint], place: Place) -> list[Endpoint]:
    """Those meant for this node, else for its zone; all, unless every one has a hint and some is meant for here."""
    if place.node and all(e.for_nodes for e in ready):
        here = [e for e in ready if place.node in e.for_nodes]
        if here:
            return here
    if place.zone and all(e.for_zones for e in ready):
        here = [e for e in ready if place.zone in e.for_zones]
        if here:
            return here
    return ready
