"""Which addresses a Service of type LoadBalancer gets. Pure.

With a pool, each Service gets one of its addresses for itself. Without, Services share the addresses of the ready
nodes, and the older one keeps a port that two of them want.
Source: staging/src/k8s.io/cloud-provider/controllers/service (what the controller does, its events).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from pybernetes.api.core.v1 import LoadBalancerIngress, LoadBalancerStatus, Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.nodes import takes_balanced_traffic
from pybernetes.apimachinery.services import nodes_with_endpoints
from pybernetes.client.objects import key_of

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
_MOST_LOOKED_AT = 65536

IPAddress = IPv4Address | IPv6Address
Pool = Sequence[str]
"""CIDRs, ranges FIRST-LAST and single addresses."""


class NoAddress(Exception):
    """Why there is none; the text is for the Service's events."""


def wants(service: Service) -> bool:
    """Of ours: a class names somebody else's load balancer."""
    return service.spec.type == "LoadBalancer" and service.spec.loadBalancerClass is None


def needs_cleanup(service: Service) -> bool:
    if FINALIZER not in service.metadata.finalizers:
        return False
    return service.metadata.deletionTimestamp is not None or service.spec.type != "LoadBalancer"


def check_pool(pool: Pool) -> None:
    """Raises ValueError with one line for what is no range of addresses."""
    for text in pool:
        first, last = _bounds(text)
        if first.version != last.version or int(first) > int(last):
            raise ValueError(f"{text!r} is no range of addresses")


def contains(pool: Pool, address: str) -> bool:
    found = ip_address(address)
    bounds = [_bounds(text) for text in pool]
    return any(a.version == found.version and int(a) <= int(found) <= int(b) for a, b in bounds)


def from_pool(service: Service, pool: Pool, others: Iterable[Service]) -> list[LoadBalancerIngress]:
    """One address of each family the Service has: what it has or asks for, else the first that nobody has."""
    taken = {address for other in others if key_of(other) != key_of(service) for address in addresses(other)}
    found: list[str] = []
    wished = service.spec.loadBalancerIP or ""
    if wished and not _is_address(wished):
        raise NoAddress(f"spec.loadBalancerIP {wished[:60]!r} is no IP address")
    for family in _families(service):
        if wished and _family(wished) == family:
            if not contains(pool, wished):
                raise NoAddress(f"spec.loadBalancerIP {wished} is not in the pool {','.join(pool)}")
            if wished in taken:
                raise NoAddress(f"spec.loadBalancerIP {wished} is in use")
            found.append(wished)
            continue
        kept = [a for a in addresses(service) if _family(a) == family and contains(pool, a) and a not in taken]
        address = kept[0] if kept else next((a for a in _all(pool, family) if a not in taken), "")
        if address:
            found.append(address)
    if not found:
        raise NoAddress(f"no address of the pool {','.join(pool)} is free")
    return [LoadBalancerIngress(ip=address, ipMode="VIP") for address in found]


def from_nodes(
    service: Service,
    nodes: Iterable[Node],
    others: Iterable[Service],
    slices: Iterable[EndpointSlice],
    reserved: Collection[int] = (),
) -> list[LoadBalancerIngress]:
    """The addresses of the ready nodes; with externalTrafficPolicy Local, of those that have an endpoint.

    An endpoint that ends keeps the address for those who know it, until it serves no more.
    While no node has one, of all: the Service has its addresses before its endpoints, as elsewhere.
    Raises NoAddress when an older Service or, of `reserved` TCP ports, the cluster itself has one of the ports.
    """
    mine = _ports(service)
    if kept := [port for protocol, port in sorted(mine) if protocol == "TCP" and port in reserved]:
        raise NoAddress(f"port {kept[0]}/TCP of the nodes is the cluster's own")
    has_some = bool(addresses(service))
    for other in others:
        if key_of(other) == key_of(service) or not wants(other) or not addresses(other):
            continue
        both = mine & _ports(other)
        if both and (not has_some or _age(other) < _age(service)):
            protocol, port = min(both)
            raise NoAddress(f"port {port}/{protocol} of the nodes is the one of Service {key_of(other)}")
    usable = [node for node in nodes if takes_balanced_traffic(node)]
    if service.spec.externalTrafficPolicy == "Local":
        having = nodes_with_endpoints(slices, leaving=True)
        usable = [node for node in usable if node.metadata.name in having] or usable
    families = _families(service)
    found = {address for node in usable for address in _addresses_of(node) if _family(address) in families}
    return [LoadBalancerIngress(ip=address, ipMode="VIP") for address in sorted(found, key=_sort_key)]


def addresses(service: Service) -> list[str]:
    balancer = service.status.loadBalancer
    return [entry.ip for entry in balancer.ingress if entry.ip] if balancer else []


def with_addresses(service: Service, given: list[str]) -> Service:
    """The Service as it is once these have been written."""
    changed = fresh(service)
    ingress = [LoadBalancerIngress(ip=address, ipMode="VIP") for address in given]
    changed.status.loadBalancer = LoadBalancerStatus(ingress=ingress)
    return changed


def facts_of(node: Node) -> tuple[bool, list[str]]:
    """What of a node matters here."""
    return takes_balanced_traffic(node), _addresses_of(node)


def _addresses_of(node: Node) -> list[str]:
    """The external ones where it has some."""
    usable = [a for a in node.status.addresses if _is_address(a.address)]
    external = [a.address for a in usable if a.type == "ExternalIP"]
    return external or [a.address for a in usable if a.type == "InternalIP"]


def _ports(service: Service) -> set[tuple[str, int]]:
    return {(port.protocol or "TCP", port.port) for port in service.spec.ports}


def _age(service: Service) -> tuple[str, str]:
    return service.metadata.creationTimestamp or "", service.metadata.uid or ""


def _families(service: Service) -> list[int]:
    return [6 if family == "IPv6" else 4 for family in service.spec.ipFamilies] or [4]


def _family(address: str) -> int:
    return ip_address(address).version


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _sort_key(address: str) -> tuple[int, int]:
    found = ip_address(address)
    return found.version, int(found)


def _bounds(text: str) -> tuple[IPAddress, IPAddress]:
    """First and last; of an IPv4 network, without its own address and the broadcast one."""
    first, dash, last = text.partition("-")
    if dash:
        return ip_address(first.strip()), ip_address(last.strip())
    if "/" not in text:
        return ip_address(text), ip_address(text)
    network = ip_network(text)
    if network.version == 4 and network.num_addresses > 2:
        return network[1], network[-2]
    return network[0], network[-1]


def _all(pool: Pool, family: int) -> Iterator[str]:
    for text in pool:
        first, last = _bounds(text)
        if first.version == family:
            for number in range(min(int(last) - int(first) + 1, _MOST_LOOKED_AT)):
                yield str(first + number)
