"""Pure: from NetworkPolicies, Pods and Namespaces to the nftables table that enforces them on one node.

Only Pods of the node that some policy selects have a chain; a packet of any other Pod costs one lookup.
In a Pod's chain a rule that allows the packet returns, and the last one drops. Peers are named sets, so
that one rule serves thousands of Pods.

Always allowed: answers, a Pod to itself, the node to its Pods (probes), and the cluster's DNS server.
Differs: elsewhere DNS runs in Pods that policies select by `k8s-app: kube-dns`; here it is no Pod, so it is
allowed by address.

Source: the field descriptions of networking.k8s.io/v1 NetworkPolicy.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Namespace, Pod
from pybernetes.api.networking.v1 import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.selectors import LabelSelector

_DIRECTIONS = {"Ingress": ("in", "saddr"), "Egress": ("out", "daddr")}


@dataclass(frozen=True, slots=True)
class _Peers:
    """Whom a rule is about. `any` for a rule without peers."""

    any: bool
    pods: tuple[Pod, ...] = ()
    blocks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(CIDR, exceptions)."""


@dataclass(slots=True)
class _Table:
    chains: dict[str, list[str]] = field(default_factory=dict)
    sets: dict[str, list[str]] = field(default_factory=dict)
    jumps: dict[str, dict[str, str]] = field(default_factory=lambda: {"in": {}, "out": {}})


def policy_table(
    table: str,
    node_name: str,
    policies: Iterable[NetworkPolicy],
    pods: Iterable[Pod],
    namespaces: Iterable[Namespace],
    dns: Iterable[str] = (),
) -> str:
    """nft commands that make the table anew; without policies they take it away.

    `dns` are the addresses of the DNS server as ADDRESS:PORT, after translation.
    """
    known = [p for p in pods if _address(p)]
    by_namespace: dict[str, list[Pod]] = {}
    for pod in known:
        by_namespace.setdefault(pod.metadata.namespace or "", []).append(pod)
    labels = {n.metadata.name or "": n.metadata.labels for n in namespaces}
    made = _Table()
    for policy in sorted(policies, key=lambda p: (p.metadata.namespace or "", p.metadata.name or "")):
        selector = LabelSelector.of(policy.spec.podSelector)
        namespace = policy.metadata.namespace or ""
        selected = [
            pod
            for pod in by_namespace.get(namespace, [])
            if pod.spec.nodeName == node_name and selector.matches(pod.metadata.labels)
        ]
        if selected:
            _add_policy(made, policy, selected, by_namespace, labels)
    return _text(table, made, list(dns))


def _add_policy(
    made: _Table,
    policy: NetworkPolicy,
    selected: list[Pod],
    by_namespace: Mapping[str, list[Pod]],
    labels: Mapping[str, dict[str, str]],
) -> None:
    namespace = policy.metadata.namespace or ""
    kinds = policy.spec.policyTypes or (["Ingress", "Egress"] if policy.spec.egress else ["Ingress"])
    rules: dict[str, list[tuple[list[NetworkPolicyPeer], list[NetworkPolicyPort]]]] = {
        "Ingress": [(rule.from_, rule.ports) for rule in policy.spec.ingress],
        "Egress": [(rule.to, rule.ports) for rule in policy.spec.egress],
    }
    for kind in kinds:
        short, side = _DIRECTIONS[kind]
        for pod in selected:
            address = _address(pod)
            made.jumps[short][address] = f"jump {short}-{address}"
            made.chains.setdefault(f"{short}-{address}", [])
        for number, (peers, ports) in enumerate(rules[kind]):
            found = _peers(peers, namespace, by_namespace, labels)
            name = _set_name(policy, kind, number)
            if found.pods:
                made.sets[name] = sorted(_address(pod) for pod in found.pods)
            for pod in selected:
                chain = made.chains[f"{short}-{_address(pod)}"]
                chain += _rule_lines(found, ports, name, side, pod if kind == "Ingress" else None)


def _peers(
    peers: list[NetworkPolicyPeer],
    namespace: str,
    by_namespace: Mapping[str, list[Pod]],
    labels: Mapping[str, dict[str, str]],
) -> _Peers:
    if not peers:
        return _Peers(any=True)
    pods: dict[str, Pod] = {}
    blocks: list[tuple[str, tuple[str, ...]]] = []
    for peer in peers:
        if peer.ipBlock is not None:
            if _is_ipv4(peer.ipBlock.cidr):
                blocks.append((peer.ipBlock.cidr, tuple(peer.ipBlock.except_)))
            continue
        places = [namespace]
        if peer.namespaceSelector is not None:
            wanted = LabelSelector.of(peer.namespaceSelector)
            places = [name for name, found in labels.items() if wanted.matches(found)]
        selector = LabelSelector.of(peer.podSelector) if peer.podSelector is not None else None
        for place in places:
            for pod in by_namespace.get(place, []):
                if selector is None or selector.matches(pod.metadata.labels):
                    pods[_address(pod)] = pod
    return _Peers(False, tuple(pods.values()), tuple(blocks))


def _rule_lines(
    peers: _Peers, ports: list[NetworkPolicyPort], set_name: str, side: str, target: Pod | None
) -> list[str]:
    """The lines that let a packet pass. `target` is the Pod whose ports an ingress rule names."""
    lines = []
    for match in _port_matches(ports, target):
        if peers.any:
            lines.append(f"{match} return".strip())
            continue
        if peers.pods:
            lines.append(f"ip {side} @{set_name} {match}".strip() + " return")
        for cidr, exceptions in peers.blocks:
            but = f" ip {side} != {{ {', '.join(exceptions)} }}" if exceptions else ""
            lines.append(f"ip {side} {cidr}{but} {match}".strip() + " return")
    if target is None and not peers.any:
        lines += _named_egress(peers.pods, ports)
    return lines


def _port_matches(ports: list[NetworkPolicyPort], target: Pod | None) -> list[str]:
    """One match a protocol; [""] when every port is meant, [] when no port can be."""
    if not ports:
        return [""]
    numbers: dict[str, list[str]] = {}
    whole: list[str] = []
    for port in ports:
        protocol = (port.protocol or "TCP").lower()
        if port.port is None:
            whole.append(f"meta l4proto {protocol}")
        elif isinstance(port.port, int):
            numbers.setdefault(protocol, []).append(f"{port.port}-{port.endPort}" if port.endPort else str(port.port))
        elif target is not None:
            numbers.setdefault(protocol, []).extend(str(n) for n in _named(target, port.port, protocol))
    matches = [
        f"{protocol} dport {{ {', '.join(dict.fromkeys(found))} }}" for protocol, found in numbers.items() if found
    ]
    return [*whole, *matches]


def _named_egress(pods: tuple[Pod, ...], ports: list[NetworkPolicyPort]) -> list[str]:
    lines = []
    for port in ports:
        if isinstance(port.port, str):
            protocol = (port.protocol or "TCP").lower()
            pairs = [f"{_address(pod)} . {n}" for pod in pods for n in _named(pod, port.port, protocol)]
            if pairs:
                lines.append(f"ip daddr . {protocol} dport {{ {', '.join(sorted(set(pairs)))} }} return")
    return lines


def _named(pod: Pod, name: str, protocol: str) -> list[int]:
    sidecars = [c for c in pod.spec.initContainers if c.restartPolicy == "Always"]
    return [
        port.containerPort
        for container in (*pod.spec.containers, *sidecars)
        for port in container.ports
        if port.name == name and (port.protocol or "TCP").lower() == protocol
    ]


def _address(pod: Pod) -> str:
    """The Pod's own IPv4 address; "" while it has none, shares the node's, or has ended."""
    if pod.spec.hostNetwork or is_finished(pod):
        return ""
    address = pod.status.podIP or ""
    return address if "." in address else ""


def _is_ipv4(cidr: str) -> bool:
    try:
        return ipaddress.ip_network(cidr, strict=False).version == 4
    except ValueError:
        return False


def _set_name(policy: NetworkPolicy, kind: str, number: int) -> str:
    key = f"{policy.metadata.namespace}/{policy.metadata.name}/{kind}/{number}"
    return f"peers-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _text(table: str, made: _Table, dns: list[str]) -> str:
    at = f"ip {table}"
    anew = f"add table {at}\ndelete table {at}\n"
    if not made.chains:
        return anew
    body = [
        f"set {name} {{ type ipv4_addr; elements = {{ {', '.join(found)} }}; }}" for name, found in made.sets.items()
    ]
    for name, lines in made.chains.items():
        short, _, address = name.partition("-")
        other = "saddr" if short == "in" else "daddr"
        first = [f"ip {other} {address} return"]
        if short == "out":
            for endpoint in dns:
                ip, _, port = endpoint.rpartition(":")
                first.append(f"ip daddr {ip} meta l4proto {{ tcp, udp }} th dport {port} return")
        body.append("\n".join([f"chain {name} {{", *(f"  {line}" for line in (*first, *lines)), "  drop", "}"]))
    for short, jumps in made.jumps.items():
        elements = f" elements = {{ {', '.join(f'{a} : {j}' for a, j in sorted(jumps.items()))} }};" if jumps else ""
        body.append(f"map {short}-pods {{ type ipv4_addr : verdict;{elements} }}")
    body += [
        "chain forward {",
        "  type filter hook forward priority 10; policy accept;",
        "  ct state established,related accept",
        "  ip saddr vmap @out-pods",
        "  ip daddr vmap @in-pods",
        "}",
        "chain input {",
        "  type filter hook input priority 10; policy accept;",
        "  ct state established,related accept",
        "  ip saddr vmap @out-pods",
        "}",
    ]
    inner = "\n".join(f"  {line}" for part in body for line in part.split("\n"))
    return f"{anew}table {at} {{\n{inner}\n}}\n"
