"""Pure: what a NetworkPolicy says, taken apart: whom it selects, who its peers are, which ports it names.

Source: the field descriptions of networking.k8s.io/v1 NetworkPolicy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pybernetes.api.core.v1 import Pod
from pybernetes.api.networking.v1 import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from pybernetes.apimachinery.pods import is_finished, lasting_ports
from pybernetes.apimachinery.selectors import EVERYTHING, LabelSelector

INGRESS, EGRESS = "in", "out"
_KINDS = {"Ingress": INGRESS, "Egress": EGRESS}


@dataclass(frozen=True, slots=True)
class PodView:
    """What of a Pod policies depend on."""

    namespace: str
    labels: Mapping[str, str]
    addresses: tuple[str, ...]
    local: bool
    """On the node that the rules are for."""
    ports: tuple[tuple[str, str, int], ...]
    """(name, protocol, number) of those with a name."""

    def named(self, name: str, protocol: str) -> list[int]:
        return [number for known, of, number in self.ports if (known, of) == (name, protocol)]


@dataclass(frozen=True, slots=True)
class Peer:
    """Pods of some namespaces."""

    namespaces: LabelSelector | None
    """None: that of the policy."""
    pods: LabelSelector


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `ingress` or `egress`."""

    direction: str
    anybody: bool
    """There are no peers: everybody is meant, in the cluster or out of it."""
    peers: tuple[Peer, ...]
    blocks: tuple[tuple[str, tuple[str, ...]], ...]
    """(CIDR, exceptions)."""
    any_port: bool
    ports: tuple[str, ...]
    """nft matches, one a protocol."""
    names: tuple[tuple[str, str], ...]
    """(name, protocol) of ports that each Pod has at its own number."""


@dataclass(frozen=True, slots=True)
class Policy:
    namespace: str
    pods: LabelSelector
    directions: tuple[str, ...]
    rules: tuple[Rule, ...]


def view(pod: Pod, node_name: str) -> PodView | None:
    """None while the Pod has no address of its own: not yet, no longer, or the node's."""
    if pod.spec.hostNetwork or is_finished(pod):
        return None
    addresses = tuple(ip.ip for ip in pod.status.podIPs)
    if not addresses:
        return None
    ports = tuple(
        (port.name, (port.protocol or "TCP").lower(), port.containerPort)
        for port in lasting_ports(pod.spec)
        if port.name
    )
    local = pod.spec.nodeName == node_name
    return PodView(pod.metadata.namespace or "", pod.metadata.labels, addresses, local, ports)


def take_apart(policy: NetworkPolicy) -> Policy:
    spec = policy.spec
    kinds = spec.policyTypes or (["Ingress", "Egress"] if spec.egress else ["Ingress"])
    rules = [_rule(INGRESS, rule.from_, rule.ports) for rule in spec.ingress]
    rules += [_rule(EGRESS, rule.to, rule.ports) for rule in spec.egress]
    directions = tuple(_KINDS[kind] for kind in kinds)
    return Policy(
        policy.metadata.namespace or "",
        LabelSelector.of(spec.podSelector) if spec.podSelector is not None else EVERYTHING,
        directions,
        tuple(rule for rule in rules if rule.direction in directions),
    )


def _rule(direction: str, peers: Iterable[NetworkPolicyPeer], ports: Iterable[NetworkPolicyPort]) -> Rule:
    given, wished = list(peers), list(ports)
    names = tuple(dict.fromkeys((p.port, (p.protocol or "TCP").lower()) for p in wished if isinstance(p.port, str)))
    selected = [
        Peer(
            LabelSelector.of(peer.namespaceSelector) if peer.namespaceSelector is not None else None,
            LabelSelector.of(peer.podSelector) if peer.podSelector is not None else EVERYTHING,
        )
        for peer in given
        if peer.ipBlock is None
    ]
    if direction == EGRESS and names and not given:
        selected.append(Peer(EVERYTHING, EVERYTHING))  # whose ports have that name
    blocks = tuple(_block(p.ipBlock.cidr, p.ipBlock.except_) for p in given if p.ipBlock is not None)
    return Rule(direction, not given, tuple(selected), blocks, not wished, _port_matches(wished), names)


def _block(cidr: str, exceptions: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """As networks that do not overlap: a set of the kernel's has no place for an address in two of its intervals."""
    network = ipaddress.ip_network(cidr, strict=False)
    without = [ipaddress.ip_network(text, strict=False) for text in exceptions]
    alike = [each for each in without if each.version == network.version]  # the API lets no other pass
    return str(network), tuple(str(each) for each in ipaddress.collapse_addresses(alike))  # type: ignore[type-var]


def _port_matches(ports: list[NetworkPolicyPort]) -> tuple[str, ...]:
    """For those that need no Pod to be known."""
    numbers: dict[str, list[tuple[int, int]]] = {}
    whole: dict[str, None] = {}
    for port in ports:
        protocol = (port.protocol or "TCP").lower()
        if port.port is None:
            whole[protocol] = None
        elif isinstance(port.port, int):
            numbers.setdefault(protocol, []).append((port.port, port.endPort or port.port))
    return (
        *(f"meta l4proto {protocol}" for protocol in whole),
        *(
            f"{protocol} dport {{ {', '.join(_interval(*found) for found in _merged(intervals))} }}"
            for protocol, intervals in numbers.items()
            if protocol not in whole
        ),
    )


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order and apart from one another."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _interval(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"
