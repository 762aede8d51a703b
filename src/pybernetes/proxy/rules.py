"""Pure: a ServicePort becomes a Fragment (chains, map elements, sets) of the nftables table.

The table follows the shape of upstream's nftables mode: verdict maps dispatch on address, protocol and port to
a chain a service port, which picks an endpoint by `numgen`. So a packet costs the same with one Service and with
ten thousand, and a change touches only the fragment of its service port. Endpoints have chains of their own only
where session affinity has to remember who went to which.

Source: pkg/proxy/nftables/README.md and proxier.go of v1.36.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from pybernetes.host.ip_families import FAMILIES, Family
from pybernetes.host.nft_transaction import Fragment
from pybernetes.proxy.services import Endpoint, ServicePort
from pybernetes.proxy.topology import Place, Usable, usable_endpoints

_MASQUERADE = "0x4000"
"""The bit of a packet's mark that asks for it. Source: pkg/proxy/nftables (masqueradeBit)."""
HOOKS = (
    "nat-prerouting",
    "nat-output",
    "nat-postrouting",
    "filter-prerouting",
    "filter-output-before",
    "filter-input",
    "filter-forward",
    "filter-output",
)
"""The chains that the kernel calls."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """What the rules need to know of the node that they are for."""

    family: Family = FAMILIES[4]
    cluster_cidr: str = ""
    """Sources in it reach ClusterIPs unmasqueraded; "" masquerades none."""
    service_cidr: str = ""
    nodeport_addresses: tuple[str, ...] = ()
    """Local addresses that answer node ports; none means every local address but loopback."""
    place: Place = field(default_factory=Place)


def base(table: str, node: NodeView) -> str:
    """Commands that make the table with its hooks and empty maps; safe to repeat."""
    ip, address = node.family.table, node.family.address
    local = (
        f"{ip} daddr {{ {', '.join(node.nodeport_addresses)} }}"
        if node.nodeport_addresses
        else f"fib daddr type local {ip} daddr != {node.family.loopback}"
    )
    unknown = f"ct state new {ip} daddr {node.service_cidr} reject" if node.service_cidr else ""
    service = f"{ip} daddr . meta l4proto . th dport"
    node_port = f"{local} meta l4proto . th dport"
    lines = [
        f"map service-ips {{ type {address} . inet_proto . inet_service : verdict; }}",
        "map service-nodeports { type inet_proto . inet_service : verdict; }",
        f"map no-endpoint-services {{ type {address} . inet_proto . inet_service : verdict; }}",
        "map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }",
        f"map firewall-ips {{ type {address} . inet_proto . inet_service : verdict; }}",
        f"set cluster-ips {{ type {address}; }}",
        f"set hairpins {{ type {address} . {address}; }}",
        f"chain mark-for-masquerade {{ mark set mark or {_MASQUERADE}; }}",
        "chain reject-chain { reject; }",
        "chain services {",
        f"  {service} vmap @service-ips",
        f"  {node_port} vmap @service-nodeports",
        "}",
        "chain service-endpoints-check {",
        f"  {service} vmap @no-endpoint-services",
        f"  {node_port} vmap @no-endpoint-nodeports",
        "}",
        # Behind the NAT hooks only those ports are left of a ClusterIP that its Service does not have.
        "chain cluster-ips-check {",
        f"  ct state new {ip} daddr @cluster-ips reject",
        f"  {unknown}",
        "}",
        "chain masquerading {",
        f"  ct status dnat {ip} saddr . {ip} daddr @hairpins masquerade fully-random",
        f"  mark and {_MASQUERADE} == 0 return",
        f"  mark set mark xor {_MASQUERADE}",
        "  masquerade fully-random",
        "}",
        "chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }",
        "chain nat-output { type nat hook output priority -100; jump services; }",
        "chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }",
        "chain filter-prerouting {",
        "  type filter hook prerouting priority -110;",
        f"  ct state new {service} vmap @firewall-ips",
        "}",
        "chain filter-output-before {",
        "  type filter hook output priority -110;",
        f"  ct state new {service} vmap @firewall-ips",
        "}",
        "chain filter-input { type filter hook input priority 0; ct state new jump service-endpoints-check; }",
    ]
    for hook in ("forward", "output"):
        lines += [
            f"chain filter-{hook} {{",
            f"  type filter hook {hook} priority 0;",
            "  ct state new jump service-endpoints-check",
            "  jump cluster-ips-check",
            "}",
        ]
    body = "\n".join(f"  {line}" for line in lines if line.strip())
    return f"add table {ip} {table}\ndelete table {ip} {table}\ntable {ip} {table} {{\n{body}\n}}\n"


def cluster_ip(address: str) -> Fragment:
    """What a Service adds, whatever its ports."""
    return Fragment(elements={"cluster-ips": {address: ""}})


def hairpins(addresses: Iterable[str]) -> Fragment:
    """For endpoints on this node, which may reach themselves through a Service: then they are masqueraded."""
    return Fragment(elements={"hairpins": {f"{address} . {address}": "" for address in addresses}})


def fragment(port: ServicePort, node: NodeView) -> Fragment:
    """The chains and elements of one service port."""
    made = Fragment()
    ip = node.family.table
    usable = usable_endpoints(port, node.place)
    cluster_chain, local_chain = _name("service", port), _name("local", port)
    internal_chain = local_chain if port.internal_local else cluster_chain
    for chain, endpoints in ((cluster_chain, usable.cluster), (local_chain, usable.local)):
        if not endpoints:
            continue
        rules = []
        if node.cluster_cidr and chain == internal_chain:
            match = f"{ip} daddr {port.cluster_ip} {port.protocol} dport {port.port}"
            rules.append(f"{match} {ip} saddr != {node.cluster_cidr} jump mark-for-masquerade")
        made.chains[chain] = (*rules, *_balance(port, endpoints, ip))
    if port.affinity_timeout_s:
        for endpoint in dict.fromkeys([*usable.cluster, *usable.local]):
            _endpoint_chain(made, port, endpoint, node.family)
    internal = usable.local if port.internal_local else usable.cluster
    ip_key = f"{port.protocol} . {port.port}"
    _dispatch(made, "ip", f"{port.cluster_ip} . {ip_key}", internal_chain if internal else "", _else(usable, internal))
    _external(made, port, node, usable)
    return made


def _external(made: Fragment, port: ServicePort, node: NodeView, usable: Usable) -> None:
    ip = node.family.table
    outside = [*port.external_ips, *port.load_balancer_ips]
    if not outside and not port.node_port:
        return
    cluster_chain, external_chain = _name("service", port), _name("external", port)
    endpoints = usable.local if port.external_local else usable.cluster
    rules: list[str] = []
    if port.external_local and usable.cluster:
        # What starts in a Pod or on this node goes anywhere, as if it had gone out to the load balancer.
        if node.cluster_cidr:
            rules.append(f"{ip} saddr {node.cluster_cidr} goto {cluster_chain}")
        rules += ["fib saddr type local jump mark-for-masquerade", f"fib saddr type local goto {cluster_chain}"]
    elif endpoints and not port.external_local:
        rules.append("jump mark-for-masquerade")
    if endpoints:
        rules.append(f"goto {_name('local', port) if port.external_local else cluster_chain}")
    target = external_chain if rules else ""
    if target:
        made.chains[external_chain] = tuple(rules)
    otherwise = "" if endpoints else _else(usable, endpoints)
    for address in outside:
        _dispatch(made, "ip", f"{address} . {port.protocol} . {port.port}", target, otherwise)
    if port.node_port:
        _dispatch(made, "nodeport", f"{port.protocol} . {port.node_port}", target, otherwise)
    if port.source_ranges and port.load_balancer_ips:
        firewall = _name("firewall", port)
        # A node whose address may come in also may where it takes the balancer's address for its own.
        allowed = [*port.source_ranges, *(port.load_balancer_ips if node.place.is_within(port.source_ranges) else ())]
        made.chains[firewall] = (f"{ip} saddr != {{ {', '.join(allowed)} }} drop",)
        for address in port.load_balancer_ips:
            key = f"{address} . {port.protocol} . {port.port}"
            made.elements.setdefault("firewall-ips", {})[key] = f"goto {firewall}"


def _else(usable: Usable, endpoints: list[Endpoint]) -> str:
    """What becomes of a packet that no endpoint here may have: another node may well have one."""
    if endpoints:
        return ""
    return "drop" if usable.anywhere else "goto reject-chain"


def _dispatch(made: Fragment, kind: str, key: str, chain: str, otherwise: str) -> None:
    if chain:
        table = "service-ips" if kind == "ip" else "service-nodeports"
        made.elements.setdefault(table, {})[key] = f"goto {chain}"
    if otherwise:
        table = "no-endpoint-services" if kind == "ip" else "no-endpoint-nodeports"
        made.elements.setdefault(table, {})[key] = otherwise


def _balance(port: ServicePort, endpoints: list[Endpoint], ip: str) -> list[str]:
    count = len(endpoints)
    if not port.affinity_timeout_s:
        choices = ", ".join(f"{i} : {e.ip} . {e.port}" for i, e in enumerate(endpoints))
        return [f"meta l4proto {port.protocol} dnat {ip} addr . port to numgen random mod {count} map {{ {choices} }}"]
    rules = [f"{ip} saddr @{_affinity(port, e)} goto {_name('endpoint', port, e)}" for e in endpoints]
    choices = ", ".join(f"{i} : goto {_name('endpoint', port, e)}" for i, e in enumerate(endpoints))
    return [*rules, f"numgen random mod {count} vmap {{ {choices} }}"]


def _endpoint_chain(made: Fragment, port: ServicePort, endpoint: Endpoint, family: Family) -> None:
    """Remembers the client, by its address, and sends it there."""
    name = _affinity(port, endpoint)
    made.sets[name] = f"type {family.address}; flags dynamic,timeout; timeout {port.affinity_timeout_s}s;"
    made.chains[_name("endpoint", port, endpoint)] = (
        f"update @{name} {{ {family.table} saddr }}",
        f"meta l4proto {port.protocol} dnat to {endpoint.address}",
    )


def _affinity(port: ServicePort, endpoint: Endpoint) -> str:
    """The time-out is part of the name: nftables cannot change the one of an existing set."""
    return f"{_name('affinity', port, endpoint)}-{port.affinity_timeout_s}"


def _name(kind: str, port: ServicePort, endpoint: Endpoint | None = None) -> str:
    """A chain or set name: a hash that cannot clash in practice, then what people look for."""
    key = f"{port.namespace}/{port.name}/{port.protocol}/{port.port_name}"
    tail = key + (f"__{endpoint.ip}/{endpoint.port}" if endpoint else "")
    digest = hashlib.sha256(tail.encode()).hexdigest()[:8].upper()
    readable = tail.replace(":", ".")
    return f"{kind}-{digest}-{readable}"[:110].rstrip("/._-")
