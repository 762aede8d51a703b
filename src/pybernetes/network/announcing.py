"""Pure: which machine answers for a load balancer's address on a segment, and what it says when it begins to.

Every node comes to the same answer by itself: of those that take traffic of load balancers, the one whose name and
the address have the highest digest together. So a node that comes or goes moves only its own share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import ip_address

from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.nodes import takes_balanced_traffic
from pybernetes.apimachinery.services import balancer_addresses, nodes_with_endpoints

_BROADCAST = b"\xff" * 6
_ARP = b"\x08\x06"
_ETHERNET_TO_IPV4 = b"\x00\x01\x08\x00\x06\x04"
_REQUEST, _REPLY = b"\x00\x01", b"\x00\x02"
_ADVERTISEMENT = b"\x88\x00\x00\x00"
"""ICMPv6 type 136; the kernel fills in the checksum."""
_OVERRIDE = b"\x20\x00\x00\x00"
_TARGET_LINK_ADDRESS = b"\x02\x01"


def addresses(service: Service) -> list[str]:
    """Those that are the Service's own, for us to answer for."""
    if service.spec.type != "LoadBalancer" or service.spec.loadBalancerClass is not None:
        return []
    return balancer_addresses(service)


def owner(address: str, service: Service, nodes: Iterable[Node], slices: Iterable[EndpointSlice]) -> str:
    """The node's name; "" while there is none. With externalTrafficPolicy Local it has a ready endpoint, or where no
    node has one, an endpoint that still serves while it ends."""
    names = [node.metadata.name or "" for node in nodes if takes_balanced_traffic(node)]
    if service.spec.externalTrafficPolicy == "Local":
        slices = list(slices)
        ready, serving = nodes_with_endpoints(slices), nodes_with_endpoints(slices, leaving=True)
        names = [name for name in names if name in ready] or [name for name in names if name in serving]
    return max(names, key=lambda name: hashlib.sha256(f"{name} {address}".encode()).digest(), default="")


def arp_announcements(mac: str, address: str) -> list[bytes]:
    """Whole Ethernet frames: as a request and as a reply, since some machines heed only one. Source: RFC 5227 3."""
    own, ip = bytes.fromhex(mac.replace(":", "")), ip_address(address).packed
    return [
        _BROADCAST + own + _ARP + _ETHERNET_TO_IPV4 + kind + own + ip + target + ip
        for kind, target in ((_REQUEST, bytes(6)), (_REPLY, _BROADCAST))
    ]


def neighbour_advertisement(mac: str, address: str) -> bytes:
    """An unsolicited one, as ICMPv6. Source: RFC 4861 4.4, 7.2.6."""
    link = _TARGET_LINK_ADDRESS + bytes.fromhex(mac.replace(":", ""))
    return _ADVERTISEMENT + _OVERRIDE + ip_address(address).packed + link
