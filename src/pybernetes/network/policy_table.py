"""Pure: the nftables table that enforces NetworkPolicies on one node, changed by what changes.

A policy is a chain a direction, whose rules accept; Pods that the same policies select share a chain that asks
those one after the other and then drops. Verdict maps lead from a Pod's address there, so that a packet of a Pod
that no policy selects costs a lookup. Peers are sets: a Pod that comes or goes is an element more or less.

Always allowed: answers, a Pod to itself (through a Service, too), its own node in both directions, the cluster's DNS
server, and how IPv6 finds neighbours, which on a bridge passes here, too. While there are policies, a Pod of this node
whose address is not in the API yet reaches nothing else and nobody reaches it: no container runs before it is
enclosed. Connections that stand when a policy comes go on.
Differs: elsewhere DNS runs in Pods that policies select by `k8s-app: kube-dns`; here it is no Pod, so it is
allowed by address.

Source: the field descriptions of networking.k8s.io/v1 NetworkPolicy; "Pod lifecycle" in the documentation of
network policies.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Pod
from pybernetes.api.networking.v1 import NetworkPolicy
from pybernetes.host.ip_families import FAMILIES, Family, family_of
from pybernetes.host.nft_transaction import Fragment, commands
from pybernetes.network.policy import EGRESS, INGRESS, Peer, PodView, Policy, Rule, take_apart, view

FAMILY = "inet"
HOOKS = ("egress", "ingress")
Key = tuple[str, str]
"""Namespace and name."""
_PODS: Key = ("", "")
_PeerKey = tuple[str, Peer]
"""The policy's namespace, where the peer is of that one ("" otherwise), and who is meant."""
_NOTHING = Fragment()
_ALWAYS = (
    "ct state established,related accept",
    "ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
)
_SIDES = {INGRESS: "saddr", EGRESS: "daddr"}


@dataclass(slots=True)
class _Known:
    """A policy and the Pods of this node that it selects."""

    policy: Policy
    digest: str
    peers: list[list[_Peers]]
    """Of each rule."""
    selected: dict[Key, PodView] = field(default_factory=dict)


@dataclass(slots=True)
class _Peers:
    """Pods that rules let through: one set, for all policies that say the same."""

    key: _PeerKey
    digest: str
    users: set[Key] = field(default_factory=set)
    """Policies."""
    asked_for_ports: set[Key] = field(default_factory=set)
    """Policies whose rules name ports that these have."""
    members: dict[Key, PodView] = field(default_factory=dict)


class PolicyTable:
    """Told of policies, Pods and Namespaces; says what the kernel has to change."""

    def __init__(self, table: str, node_name: str, bridge: str = "", dns: Iterable[str] = ()) -> None:
        """`bridge`: what the node's Pods hang on. `dns`: where the DNS server listens, ADDRESS:PORT."""
        self._table = table
        self._node = node_name
        self._bridge = bridge
        self._dns = list(dns)
        self._policies: dict[Key, _Known] = {}
        self._by_namespace: dict[str, dict[Key, _Known]] = {}
        self._peers: dict[str, dict[_PeerKey, _Peers]] = {}
        """By the namespace they are of; "" for any."""
        self._pods: dict[str, dict[Key, PodView]] = {}
        """By namespace."""
        self._labels: dict[str, Mapping[str, str]] = {}
        self._dirty: set[Key | _PeerKey] = set()
        self._kernel: dict[Key | _PeerKey, Fragment] | None = None
        """As it was left: empty while there is no table, None where that is not known."""

    def set_policy(self, key: Key, policy: NetworkPolicy | None) -> None:
        old = self._policies.pop(key, None)
        self._by_namespace.get(key[0], {}).pop(key, None)
        self._dirty |= {key, _PODS}
        for peers in itertools.chain.from_iterable(old.peers if old is not None else ()):
            peers.users.discard(key)
            peers.asked_for_ports.discard(key)
            self._dirty.add(peers.key)
        if policy is not None:
            made = take_apart(policy)
            digest = hashlib.sha256("/".join(key).encode()).hexdigest()[:12]
            known = _Known(made, digest, [[self._peers_of(key, peer) for peer in rule.peers] for rule in made.rules])
            for rule, found in zip(made.rules, known.peers, strict=True):
                for peers in found if rule.names and rule.direction == EGRESS else ():
                    peers.asked_for_ports.add(key)
            self._policies[key] = known
            self._by_namespace.setdefault(key[0], {})[key] = known
            for name, pod in self._pods.get(key[0], {}).items():
                self._select(known, name, pod)
        for peers in itertools.chain.from_iterable(old.peers if old is not None else ()):
            if not peers.users:
                self._peers[peers.key[0]].pop(peers.key, None)

    def set_pod(self, key: Key, pod: Pod | None) -> None:
        there = self._pods.setdefault(key[0], {})
        old = there.pop(key, None)
        new = view(pod, self._node) if pod is not None else None
        if new is not None:
            there[key] = new
        if old == new:
            return
        if any(found is not None and found.local for found in (old, new)):
            self._dirty.add(_PODS)
        for name, known in self._by_namespace.get(key[0], {}).items():
            if self._select(known, key, new):
                self._dirty.add(name)
        for peers in (*self._peers.get(key[0], {}).values(), *self._peers.get("", {}).values()):
            self._admit(peers, key, new)

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        if labels is None:
            self._labels.pop(name, None)
        else:
            self._labels[name] = labels
        for peers in self._peers.get("", {}).values():
            for key, pod in self._pods.get(name, {}).items():
                self._admit(peers, key, pod)

    def forget(self) -> None:
        """The kernel may hold anything: the next commands make the table anew."""
        self._kernel = None

    @property
    def is_unknown(self) -> bool:
        """Whether the next commands make the table anew, or take it away, whatever the kernel holds."""
        return not self._policies or not self._kernel

    def commands(self) -> str:
        """One transaction from what the last one left to what must be; "" when that is the same."""
        before, dirty = self._kernel, self._dirty
        self._dirty = set()
        if not self._policies:
            self._kernel = {}
            return "" if before == {} else f"add table {FAMILY} {self._table}\ndelete table {FAMILY} {self._table}\n"
        if not before:
            keys: list[Key | _PeerKey] = [*self._policies, _PODS]
            keys += itertools.chain.from_iterable(self._peers.values())
            fragments = {key: self._fragment(key) for key in keys}
            self._kernel = fragments
            return self._base() + commands(FAMILY, self._table, [(None, made) for made in fragments.values()])
        changes: list[tuple[Fragment | None, Fragment | None]] = []
        for key in dirty:
            made = self._fragment(key)
            changes.append((before.get(key), made))
            before[key] = made
            if made == _NOTHING and key != _PODS:  # which stays with the table: a node may have no Pods
                del before[key]
        return commands(FAMILY, self._table, changes)

    def _peers_of(self, policy: Key, peer: Peer) -> _Peers:
        key = (policy[0] if peer.namespaces is None else "", peer)
        known = self._peers.setdefault(key[0], {})
        found = known.get(key)
        if found is None:
            found = known[key] = _Peers(key, hashlib.sha256(repr(key).encode()).hexdigest()[:12])
            there = [self._pods.get(key[0], {})] if key[0] else self._pods.values()
            for name, pod in itertools.chain.from_iterable(pods.items() for pods in there):
                self._admit(found, name, pod)
        found.users.add(policy)
        self._dirty.add(key)
        return found

    def _select(self, known: _Known, key: Key, pod: PodView | None) -> bool:
        """Puts a Pod of the policy's namespace among those it selects, or takes it away; whether that is new."""
        before = bool(known.selected)
        wanted = pod if pod is not None and pod.local and known.policy.pods.matches(pod.labels) else None
        changed = _put(known.selected, key, wanted)
        if bool(known.selected) != before:  # sets are made only for rules that are in force here
            self._dirty.update(peers.key for peers in itertools.chain.from_iterable(known.peers))
        return changed

    def _admit(self, peers: _Peers, key: Key, pod: PodView | None) -> None:
        """Puts a Pod among the peers, or takes it away."""
        namespaces, pods = peers.key[1].namespaces, peers.key[1].pods
        meant = pod is not None and pods.matches(pod.labels)
        if pod is not None and namespaces is not None:
            labels = self._labels.get(pod.namespace)
            meant = meant and labels is not None and namespaces.matches(labels)
        if _put(peers.members, key, pod if meant else None):
            self._dirty.add(peers.key)
            self._dirty |= peers.asked_for_ports

    def _fragment(self, key: Key | _PeerKey) -> Fragment:
        if key == _PODS:
            return self._of_pods()
        if isinstance(key[1], Peer):
            return self._of_peers((key[0], key[1]))
        made = Fragment()
        known = self._policies.get((key[0], key[1]))
        if known is None or not known.selected:
            return made
        for direction in known.policy.directions:
            made.chains[_chain(direction, known)] = ()
        for number, (rule, peers) in enumerate(zip(known.policy.rules, known.peers, strict=True)):
            chain = _chain(rule.direction, known)
            lines = _rule_lines(made, rule, f"{rule.direction}-{known.digest}-{number}", known.selected, peers)
            made.chains[chain] = (*made.chains[chain], *lines)
        return made

    def _of_peers(self, key: _PeerKey) -> Fragment:
        made = Fragment()
        peers = self._peers.get(key[0], {}).get(key)
        if peers is not None and any(self._policies[user].selected for user in peers.users):
            for family in FAMILIES.values():
                members = {
                    a: "" for pod in peers.members.values() for a in pod.addresses if family_of(a) == family.version
                }
                _declare(made, _peer_set(peers, family), family.address, members)
        return made

    def _of_pods(self) -> Fragment:
        """Which chains the addresses of this node's Pods lead to."""
        made = Fragment()
        found: dict[Key, dict[str, list[str]]] = {}
        for _, known in sorted(self._policies.items()):
            for selected in known.selected:
                for direction in known.policy.directions:
                    found.setdefault(selected, {}).setdefault(direction, []).append(_chain(direction, known))
        for key, pod in itertools.chain.from_iterable(pods.items() for pods in self._pods.values()):
            if not pod.local:
                continue
            for address in pod.addresses:
                family = family_of(address)
                made.elements.setdefault(f"known-{family}", {})[address] = ""
                made.elements.setdefault(f"selves-{family}", {})[f"{address} . {address}"] = ""
            for direction, chains in found.get(key, {}).items():
                group = f"pods-{direction}-{hashlib.sha256(' '.join(chains).encode()).hexdigest()[:12]}"
                made.chains[group] = (*(f"jump {chain}" for chain in chains), "drop")
                for address in pod.addresses:
                    made.elements.setdefault(f"{direction}-pods-{family_of(address)}", {})[address] = f"goto {group}"
        return made

    def _base(self) -> str:
        sets, leaving, coming, unknown = [], [], [], {INGRESS: "", EGRESS: ""}
        for endpoint in self._dns:
            address, _, port = endpoint.rpartition(":")
            family = FAMILIES[family_of(address)]
            leaving.append(
                f"{family.table} daddr {address.strip('[]')} meta l4proto {{ tcp, udp }} th dport {port} accept"
            )
        for family in FAMILIES.values():
            ip, kind, version = family.table, family.address, family.version
            sets += [
                f"set known-{version} {{ type {kind}; }}",
                f"set selves-{version} {{ type {kind} . {kind}; }}",
                f"map in-pods-{version} {{ type {kind} : verdict; }}",
                f"map out-pods-{version} {{ type {kind} : verdict; }}",
            ]
            if self._bridge:
                unknown[EGRESS] = f'iifname "{self._bridge}" {ip} saddr != @known-{version} drop'
                unknown[INGRESS] = f'oifname "{self._bridge}" {ip} daddr != @known-{version} drop'
            itself = f"{ip} saddr . {ip} daddr @selves-{version} accept"
            leaving += [unknown[EGRESS], itself, f"{ip} saddr vmap @out-pods-{version}"]
            coming += [unknown[INGRESS], itself, f"{ip} daddr vmap @in-pods-{version}"]
        hooks = ""
        # What the first chain accepts the second one still sees: a connection needs the leave of both ends.
        for priority, (name, lines) in enumerate(zip(HOOKS, (leaving, coming), strict=True), start=10):
            body = "\n".join(f"    {line}" for line in (*_ALWAYS, *lines) if line)
            hooks += (
                f"  chain {name} {{\n    type filter hook forward priority {priority}; policy accept;\n{body}\n  }}\n"
            )
        declared = "\n".join(f"  {line}" for line in sets)
        at = f"{FAMILY} {self._table}"
        return f"add table {at}\ndelete table {at}\ntable {at} {{\n{declared}\n{hooks}}}\n"


def _put(found: dict[Key, PodView], key: Key, pod: PodView | None) -> bool:
    if pod is None:
        return found.pop(key, None) is not None
    changed = found.get(key) != pod
    found[key] = pod
    return changed


def _peer_set(peers: _Peers, family: Family) -> str:
    return f"peers-{peers.digest}-{family.version}"


def _chain(direction: str, known: _Known) -> str:
    return f"policy-{direction}-{known.digest}"


def _rule_lines(
    made: Fragment, rule: Rule, name: str, selected: Mapping[Key, PodView], peers: list[_Peers]
) -> list[str]:
    """The lines that let a packet pass; the sets of named ports that they need go into the fragment."""
    lines = []
    matches = ("",) if rule.any_port else rule.ports
    if rule.anybody:
        lines += [f"{match} accept".strip() for match in matches]
    for family in FAMILIES.values():
        ip, version = family.table, family.version
        side = f"{ip} {_SIDES[rule.direction]}"
        sources = [f"{side} {cidr}{_except(side, but)}" for cidr, but in rule.blocks if family_of(cidr) == version]
        if not rule.anybody:
            sources += [f"{side} @{_peer_set(each, family)}" for each in peers]
        lines += [f"{source} {match}".strip() + " accept" for source in sources for match in matches]
        if rule.names:
            theirs = {key: pod for each in peers for key, pod in each.members.items()}
            owners = selected if rule.direction == INGRESS else theirs
            _declare(
                made,
                f"{name}-ports-{version}",
                f"{family.address} . inet_proto . inet_service",
                _named(rule, owners, family),
            )
            at_port = f"{ip} daddr . meta l4proto . th dport @{name}-ports-{version} accept"
            anybody = rule.anybody or rule.direction == EGRESS
            lines += [at_port] if anybody else [f"{source} {at_port}" for source in sources]
    return lines


def _except(side: str, exceptions: tuple[str, ...]) -> str:
    return f" {side} != {{ {', '.join(exceptions)} }}" if exceptions else ""


def _declare(made: Fragment, name: str, kind: str, elements: dict[str, str]) -> None:
    made.sets[name] = f"type {kind};"
    made.elements[name] = elements


def _named(rule: Rule, owners: Mapping[Key, PodView], family: Family) -> dict[str, str]:
    return {
        f"{address} . {protocol} . {number}": ""
        for pod in owners.values()
        for address in pod.addresses
        if family_of(address) == family.version
        for name, protocol in rule.names
        for number in pod.named(name, protocol)
    }
