"""Pure: a ServicePort becomes a Fragment (chains, map elements, sets) of the nftables table.

The table follows the shape of upstream's nftables mode: verdict maps dispatch on address,
protocol and port to a chain a service port, which picks an endpoint chain by `numgen`. So a
packet costs the same with one Service and with ten thousand, and a change touches only the
fragment of its service port.

Source: pkg/proxy/nftables/README.md and proxier.go of v1.36.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pybernetes.host.ip_families import FAMILIES, Family
from pybernetes.host.nft_transaction import Fragment
from pybernetes.proxy.services import Endpoint, ServicePort, usable_endpoints

_MASQUERADE = "0x4000"
"""The bit of a packet's mark that asks for it. Source: pkg/proxy/nftables (masqueradeBit)."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """What the rules need to know of the node that they are for."""

    family: Family = FAMILIES[4]
    cluster_cidr: str = ""
    """Sources in it reach ClusterIPs unmasqueraded; "" masquerades none."""
    service_cidr: str = ""
    nodeport_addresses: tuple[str, ...] = ()
    """Local addresses that answer node ports; none means every local address but loopback."""


def base(table: str, node: NodeView) -> str:
    """Commands that make the table with its hooks and empty maps; safe to repeat."""
    ip, address = node.family.table, node.family.address
    local = (
        f"{ip} daddr {{ {', '.join(node.nodeport_addresses)} }}"
        if node.nodeport_addresses
        else f"fib daddr type local {ip} daddr != {node.family.loopback}"
    )
    unknown = f"ct state new {ip} daddr {node.service_cidr} reject" if node.service_cidr else ""
    lines = [
        f"map service-ips {{ type {address} . inet_proto . inet_service : verdict; }}",
        "map service-nodeports { type inet_proto . inet_service : verdict; }",
        f"map no-endpoint-services {{ type {address} . inet_proto . inet_service : verdict; }}",
        "map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }",
        f"map firewall-ips {{ type {address} . inet_proto . inet_service : verdict; }}",
        f"chain mark-for-masquerade {{ mark set mark or {_MASQUERADE}; }}",
        "chain reject-chain { reject; }",
        "chain services {",
        f"  {ip} daddr . meta l4proto . th dport vmap @service-ips",
        f"  {local} meta l4proto . th dport vmap @service-nodeports",
        "}",
        "chain service-endpoints-check {",
        f"  {ip} daddr . meta l4proto . th dport vmap @no-endpoint-services",
        f"  {local} meta l4proto . th dport vmap @no-endpoint-nodeports",
        "}",
        "chain masquerading {",
        f"  mark and {_MASQUERADE} == 0 return",
        f"  mark set mark xor {_MASQUERADE}",
        "  masquerade fully-random",
        "}",
        "chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }",
        "chain nat-output { type nat hook output priority -100; jump services; }",
        "chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }",
        "chain filter-prerouting {",
        "  type filter hook prerouting priority -110;",
        f"  ct state new {ip} daddr . meta l4proto . th dport vmap @firewall-ips",
        "}",
        "chain filter-input { type filter hook input priority -110; ct state new jump service-endpoints-check; }",
        "chain filter-forward {",
        "  type filter hook forward priority -110;",
        "  ct state new jump service-endpoints-check",
        f"  {unknown}",
        "}",
        # Behind the NAT hook of output, so that only addresses that no Service has are left.
        "chain filter-output-before {",
        "  type filter hook output priority -110;",
        f"  ct state new {ip} daddr . meta l4proto . th dport vmap @firewall-ips",
        "  ct state new jump service-endpoints-check",
        "}",
        "chain filter-output {",
        "  type filter hook output priority 0;",
        f"  {unknown}",
        "}",
    ]
    body = "\n".join(f"  {line}" for line in lines if line.strip())
    return f"add table {ip} {table}\ndelete table {ip} {table}\ntable {ip} {table} {{\n{body}\n}}\n"


def fragment(port: ServicePort, node: NodeView) -> Fragment:
    """The chains and elements of one service port."""
    made = Fragment()
    ip = node.family.table
    cluster = usable_endpoints(port.endpoints, port.internal_local)
    external = usable_endpoints(port.endpoints, port.external_local)
    anywhere = usable_endpoints(port.endpoints, False)
    wanted = {e.address: e for e in [*cluster, *external, *anywhere]} if port.external_local else {}
    wanted.update({e.address: e for e in [*cluster, *external]})
    for endpoint in wanted.values():
        _endpoint_chain(made, port, endpoint, ip)

    service_chain = _name("service", port)
    external_chain = _name("external", port)
    outside = [*port.external_ips, *port.load_balancer_ips]

    if cluster:
        rules = []
        if node.cluster_cidr:
            match = f"{ip} daddr {port.cluster_ip} {port.protocol} dport {port.port}"
            rules.append(f"{match} {ip} saddr != {node.cluster_cidr} jump mark-for-masquerade")
        made.chains[service_chain] = (*rules, *_balance(port, cluster, ip))
    _dispatch(made, f"{port.cluster_ip} . {port.protocol} . {port.port}", service_chain if cluster else "", "ip")

    if outside or port.node_port:
        # With externalTrafficPolicy Local, what starts on this node or in a Pod may still go anywhere.
        inside_rules: list[str] = []
        if port.external_local and anywhere:
            all_chain = _name("anywhere", port)
            made.chains[all_chain] = ("jump mark-for-masquerade", *_balance(port, anywhere, ip))
            if node.cluster_cidr:
                inside_rules.append(f"{ip} saddr {node.cluster_cidr} goto {all_chain}")
            inside_rules.append(f"fib saddr type local goto {all_chain}")
        elif external:
            inside_rules.append("jump mark-for-masquerade")
        open_ = bool(external or inside_rules)
        if open_:
            tail = _balance(port, external, ip) if external else ["drop"]
            made.chains[external_chain] = (*inside_rules, *tail)
        target = external_chain if open_ else ""
        for address in outside:
            _dispatch(made, f"{address} . {port.protocol} . {port.port}", target, "ip")
        if port.node_port:
            _dispatch(made, f"{port.protocol} . {port.node_port}", target, "nodeport")

    if port.source_ranges and port.load_balancer_ips:
        firewall = _name("firewall", port)
        allowed = ", ".join(port.source_ranges)
        made.chains[firewall] = (f"{ip} saddr {{ {allowed} }} return", "drop")
        for address in port.load_balancer_ips:
            key = f"{address} . {port.protocol} . {port.port}"
            made.elements.setdefault("firewall-ips", {})[key] = f"goto {firewall}"
    return made


def _dispatch(made: Fragment, key: str, chain: str, kind: str) -> None:
    if chain:
        table = "service-ips" if kind == "ip" else "service-nodeports"
        made.elements.setdefault(table, {})[key] = f"goto {chain}"
    else:
        table = "no-endpoint-services" if kind == "ip" else "no-endpoint-nodeports"
        made.elements.setdefault(table, {})[key] = "goto reject-chain"


def _balance(port: ServicePort, endpoints: list[Endpoint], ip: str) -> list[str]:
    rules: list[str] = []
    if port.affinity_timeout_s:
        rules += [f"{ip} saddr @{_affinity(port, e)} goto {_name('endpoint', port, e)}" for e in endpoints]
    choices = ", ".join(f"{i} : goto {_name('endpoint', port, e)}" for i, e in enumerate(endpoints))
    rules.append(f"numgen random mod {len(endpoints)} vmap {{ {choices} }}")
    return rules


def _endpoint_chain(made: Fragment, port: ServicePort, endpoint: Endpoint, ip: str) -> None:
    """Hairpin traffic (a Pod that reaches itself through its Service) is masqueraded."""
    rules = [f"{ip} saddr {endpoint.ip} jump mark-for-masquerade"]
    if port.affinity_timeout_s:
        name = _affinity(port, endpoint)
        address = "ipv4_addr" if ip == "ip" else "ipv6_addr"
        made.sets[name] = f"type {address}; flags dynamic,timeout; timeout {port.affinity_timeout_s}s;"
        rules.append(f"update @{name} {{ {ip} saddr }}")
    rules.append(f"meta l4proto {port.protocol} dnat to {endpoint.address}")
    made.chains[_name("endpoint", port, endpoint)] = tuple(rules)


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
