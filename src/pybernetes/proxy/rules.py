"""Pure: a ServicePort becomes a Fragment (chains, map elements, sets) of the nftables table.

Verdict maps dispatch on address, protocol and port, so a packet costs the same with one Service and with ten
thousand. Most Services have no chain of their own: the verdict is one of a few shared chains, which pick a number
by `numgen` and look up the endpoint with that number in a map. So a change is a few elements of maps, whose cost
does not depend on how many there are. A service port has chains of its own where it has session affinity, keeps
traffic on this node, or has more than MOST_SHARED endpoints.

Source: pkg/proxy/nftables/README.md and proxier.go of v1.36. Differs: there every service port has a chain;
docs/adr/0015-services-without-chains.md has the figures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
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
MOST_SHARED = 16
"""Endpoints that a service port without chains of its own may have."""


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
    unknown = f"ct state new {ip} daddr {node.service_cidr} goto reject-chain" if node.service_cidr else ""
    from_outside = f"{ip} saddr != {node.cluster_cidr} {ip} daddr @cluster-ips jump mark-for-masquerade"
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
        # A reset comes at once; messages of ICMP are limited in number, and whoever gets none waits a second.
        "chain reject-chain { meta l4proto tcp reject with tcp reset; reject; }",
        *_shared(node.family),
        "chain services {",
        f"  {from_outside if node.cluster_cidr else ''}",
        f"  {service} vmap @service-ips",
        f"  {node_port} vmap @service-nodeports",
        "}",
        "chain service-endpoints-check {",
        f"  {service} vmap @no-endpoint-services",
        f"  {node_port} vmap @no-endpoint-nodeports",
        "}",
        # Behind the NAT hooks only those ports are left of a ClusterIP that its Service does not have.
        "chain cluster-ips-check {",
        f"  ct state new {ip} daddr @cluster-ips goto reject-chain",
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


def _shared(family: Family) -> list[str]:
    """Maps from a frontend to its endpoint of each number, and the chains that pick one of as many as there are.

    `nodeport-` are for frontends that are a port of the node, `external-` for other addresses than ClusterIPs.
    """
    lines = []
    for prefix, key, kind in (
        ("", f"{family.table} daddr . meta l4proto . th dport", f"{family.address} . inet_proto . inet_service"),
        ("nodeport-", "meta l4proto . th dport", "inet_proto . inet_service"),
    ):
        for number in range(MOST_SHARED):
            name = f"{prefix}endpoints-{number}"
            to = f"dnat {family.table} addr . port to {key} map @{name}"
            # A packet between two transactions may have picked a number that has gone meanwhile; 0 is there.
            first = f" goto {prefix}at-0;" if number else ""
            lines += [
                f"map {name} {{ type {kind} : {family.address} . inet_service; }}",
                f"chain {prefix}at-{number} {{ meta l4proto {{ tcp, udp, sctp }} {to};{first} }}",
            ]
        for count in range(1, MOST_SHARED + 1):
            choices = ", ".join(f"{number} : goto {prefix}at-{number}" for number in range(count))
            mark = "jump mark-for-masquerade; " if prefix else ""
            lines.append(f"chain {prefix}pick-{count} {{ {mark}numgen random mod {count} vmap {{ {choices} }}; }}")
            if not prefix:
                lines.append(f"chain external-pick-{count} {{ jump mark-for-masquerade; goto pick-{count}; }}")
    return lines


def fragment(port: ServicePort, node: NodeView) -> Fragment:
    """The chains and elements of one service port."""
    made = Fragment()
    usable = usable_endpoints(port, node.place)
    is_own = bool(port.affinity_timeout_s) or port.external_local or len(usable.cluster) > MOST_SHARED
    cluster_chain, local_chain = _name("service", port), _name("local", port)
    for chain, endpoints in ((cluster_chain, usable.cluster if is_own else []), (local_chain, usable.local)):
        if endpoints:
            made.chains[chain] = tuple(_balance(port, endpoints, node.family))
    if port.affinity_timeout_s:
        for endpoint in dict.fromkeys([*usable.cluster, *usable.local]):
            _endpoint_chain(made, port, endpoint, node.family)
    key = f"{port.cluster_ip} . {port.protocol} . {port.port}"
    internal = usable.local if port.internal_local else usable.cluster
    if not internal:
        target = ""
    elif port.internal_local:
        target = local_chain
    else:
        target = cluster_chain if is_own else _share(made, "", key, internal)
    _dispatch(made, "ip", key, target, _else(usable, internal))
    _external(made, port, node, usable, cluster_chain if is_own else "")
    return made


def _external(made: Fragment, port: ServicePort, node: NodeView, usable: Usable, cluster_chain: str) -> None:
    """What reaches the Service by other addresses; `cluster_chain` is "" where it has none of its own."""
    ip = node.family.table
    keys = [f"{address} . {port.protocol} . {port.port}" for address in (*port.external_ips, *port.load_balancer_ips)]
    if not keys and not port.node_port:
        return
    endpoints = usable.local if port.external_local else usable.cluster
    otherwise = _else(usable, endpoints)
    target = _own_external(made, port, node, usable) if cluster_chain else ""
    for key in keys:
        shared = "" if cluster_chain or not endpoints else _share(made, "external-", key, endpoints)
        # What a machine that is no node does not take is on its way to the node whose address it is.
        passes = port.external_local and not node.place.node and usable.anywhere
        _dispatch(made, "ip", key, target or shared, "" if passes else otherwise)
    if port.node_port:
        key = f"{port.protocol} . {port.node_port}"
        shared = "" if cluster_chain or not endpoints else _share(made, "nodeport-", key, endpoints)
        _dispatch(made, "nodeport", key, target or shared, otherwise)
    if port.source_ranges and port.load_balancer_ips:
        firewall = _name("firewall", port)
        # A node whose address may come in also may where it takes the balancer's address for its own.
        allowed = [*port.source_ranges, *(port.load_balancer_ips if node.place.is_within(port.source_ranges) else ())]
        made.chains[firewall] = (f"{ip} saddr != {{ {', '.join(allowed)} }} drop",)
        for address in port.load_balancer_ips:
            key = f"{address} . {port.protocol} . {port.port}"
            made.elements.setdefault("firewall-ips", {})[key] = f"goto {firewall}"


def _own_external(made: Fragment, port: ServicePort, node: NodeView, usable: Usable) -> str:
    """The chain for what comes by other addresses; "" when nothing of it may go anywhere."""
    ip, cluster_chain = node.family.table, _name("service", port)
    rules: list[str] = []
    if not port.external_local:
        rules = ["jump mark-for-masquerade", f"goto {cluster_chain}"] if usable.cluster else []
    else:
        if usable.cluster:
            # What starts in a Pod or on this node goes anywhere, as if it had gone out to the load balancer.
            if node.cluster_cidr:
                rules.append(f"{ip} saddr {node.cluster_cidr} goto {cluster_chain}")
            rules += ["fib saddr type local jump mark-for-masquerade", f"fib saddr type local goto {cluster_chain}"]
        if usable.local:
            rules.append(f"goto {_name('local', port)}")
    if not rules:
        return ""
    name = _name("external", port)
    made.chains[name] = tuple(rules)
    return name


def _share(made: Fragment, prefix: str, key: str, endpoints: list[Endpoint]) -> str:
    """Enters the endpoints of a frontend into the shared maps; the chain that picks one of them."""
    maps = "nodeport-" if prefix == "nodeport-" else ""
    for number, endpoint in enumerate(endpoints):
        made.elements.setdefault(f"{maps}endpoints-{number}", {})[key] = f"{endpoint.ip} . {endpoint.port}"
    return f"{prefix}pick-{len(endpoints)}"


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


def _balance(port: ServicePort, endpoints: list[Endpoint], family: Family) -> list[str]:
    count, ip = len(endpoints), family.table
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


def known_again(sets: Mapping[str, Mapping[str, int]], family: Family, table: str) -> str:
    """Commands that enter clients into sets of affinity; by set and address, for how many milliseconds."""
    return "".join(
        f"add element {family.table} {table} {name} "
        f"{{ {', '.join(f'{address} expires {left_ms}ms' for address, left_ms in clients.items())} }}\n"
        for name, clients in sets.items()
        if clients
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
