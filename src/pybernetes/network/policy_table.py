"""Pure: the nftables table that enforces NetworkPolicies on one node, changed by what changes.

A policy is a chain a direction, whose rules accept; Pods that the same policies select share a chain that asks
those one after the other and then drops. Verdict maps lead from a Pod's address there, so that a packet of a Pod
that no policy selects costs a lookup. Peers are sets: a Pod that comes or goes is an element more or less.

Always allowed: answers, a Pod to itself (through a Service, too), its own node in both directions, and the cluster's
DNS server. While there are policies, a Pod of this node whose address is not in the API yet reaches nothing else and
nobody reaches it: no container runs before it is enclosed. Connections that stand when a policy comes go on.
Differs: elsewhere DNS runs in Pods that policies select by `k8s-app: kube-dns`; here it is no Pod, so it is
allowed by address.

Source: the field descriptions of networking.k8s.io/v1 NetworkPolicy; "Pod lifecycle" in the documentation of
network policies.
"""

from __future__ import annotations

import hashlib
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
_SIDES = {INGRESS: "saddr", EGRESS: "daddr"}


@dataclass(slots=True)
class _Known:
    """A policy and the Pods that it is about."""

    policy: Policy
    digest: str
    selected: dict[Key, PodView] = field(default_factory=dict)
    """Of this node only."""
    peers: list[dict[Key, PodView]] = field(default_factory=list)
    """One for each rule."""


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
        self._wide: dict[Key, _Known] = {}
        """Those with peers in other namespaces."""
        self._pods: dict[Key, PodView] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._dirty: set[Key] = set()
        self._kernel: dict[Key, Fragment] | None = None
        """As it was left; None where that is not known."""

    def set_policy(self, key: Key, policy: NetworkPolicy | None) -> None:
        self._policies.pop(key, None)
        self._wide.pop(key, None)
        self._by_namespace.get(key[0], {}).pop(key, None)
        self._dirty |= {key, _PODS}
        if policy is None:
            return
        made = take_apart(policy)
        known = _Known(made, hashlib.sha256("/".join(key).encode()).hexdigest()[:12], peers=[{} for _ in made.rules])
        self._policies[key] = known
        self._by_namespace.setdefault(key[0], {})[key] = known
        if any(rule.wide for rule in made.rules):
            self._wide[key] = known
        self._look_at_pods(known)

    def set_pod(self, key: Key, pod: Pod | None) -> None:
        old = self._pods.pop(key, None)
        new = view(pod, self._node) if pod is not None else None
        if new is not None:
            self._pods[key] = new
        if old == new:
            return
        if any(found is not None and found.local for found in (old, new)):
            self._dirty.add(_PODS)
        for name, known in {**self._by_namespace.get(key[0], {}), **self._wide}.items():
            if self._place(known, key, new):
                self._dirty.add(name)

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        if labels is None:
            self._labels.pop(name, None)
        else:
            self._labels[name] = labels
        for key, known in self._wide.items():
            for pod, found in self._pods.items():
                if found.namespace == name and self._place(known, pod, found):
                    self._dirty.add(key)

    def forget(self) -> None:
        """The kernel may hold anything: the next commands make the table anew."""
        self._kernel = None

    def commands(self) -> str:
        """One transaction from what the last one left to what must be; "" when that is the same."""
        before, dirty = self._kernel, self._dirty
        self._dirty = set()
        if not self._policies:
            self._kernel = {}
            return "" if before == {} else f"add table {FAMILY} {self._table}\ndelete table {FAMILY} {self._table}\n"
        if not before:
            fragments = {key: self._fragment(key) for key in (*self._policies, _PODS)}
            self._kernel = fragments
            return self._base() + commands(FAMILY, self._table, [(None, made) for made in fragments.values()])
        changes = []
        for key in dirty:
            made = self._fragment(key)
            changes.append((before.get(key), made))
            before[key] = made
            if key not in self._policies and key != _PODS:
                del before[key]
        return commands(FAMILY, self._table, changes)

    def _look_at_pods(self, known: _Known) -> None:
        for key, pod in self._pods.items():
            self._place(known, key, pod)

    def _place(self, known: _Known, key: Key, pod: PodView | None) -> bool:
        """Puts a Pod where the policy has it, or takes it away; whether that changed anything."""
        policy = known.policy
        selected = pod if pod and pod.local and key[0] == policy.namespace and policy.pods.matches(pod.labels) else None
        changed = _put(known.selected, key, selected)
        for rule, peers in zip(policy.rules, known.peers, strict=True):
            meant = pod if pod and any(self._is_peer(peer, policy.namespace, pod) for peer in rule.peers) else None
            changed |= _put(peers, key, meant)
        return changed

    def _is_peer(self, peer: Peer, namespace: str, pod: PodView) -> bool:
        if peer.namespaces is None:
            if pod.namespace != namespace:
                return False
        elif pod.namespace not in self._labels or not peer.namespaces.matches(self._labels[pod.namespace]):
            return False
        return peer.pods.matches(pod.labels)

    def _fragment(self, key: Key) -> Fragment:
        if key == _PODS:
            return self._of_pods()
        made = Fragment()
        known = self._policies.get(key)
        if known is None or not known.selected:
            return made
        for direction in known.policy.directions:
            made.chains[_chain(direction, known)] = ()
        for number, (rule, peers) in enumerate(zip(known.policy.rules, known.peers, strict=True)):
            chain = _chain(rule.direction, known)
            lines = _rule_lines(made, rule, f"{rule.direction}-{known.digest}-{number}", known.selected, peers)
            made.chains[chain] = (*made.chains[chain], *lines)
        return made

    def _of_pods(self) -> Fragment:
        """Which chains the addresses of this node's Pods lead to."""
        made = Fragment()
        found: dict[Key, dict[str, list[str]]] = {}
        for _, known in sorted(self._policies.items()):
            for selected in known.selected:
                for direction in known.policy.directions:
                    found.setdefault(selected, {}).setdefault(direction, []).append(_chain(direction, known))
        for key, pod in self._pods.items():
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
            body = "\n".join(f"    {line}" for line in ("ct state established,related accept", *lines) if line)
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


def _chain(direction: str, known: _Known) -> str:
    return f"policy-{direction}-{known.digest}"


def _rule_lines(
    made: Fragment, rule: Rule, name: str, selected: Mapping[Key, PodView], peers: Mapping[Key, PodView]
) -> list[str]:
    """The lines that let a packet pass; the sets that they name go into the fragment."""
    lines = []
    matches = ("",) if rule.any_port else rule.ports
    if rule.anybody:
        lines += [f"{match} accept".strip() for match in matches]
    for family in FAMILIES.values():
        ip, version = family.table, family.version
        side = f"{ip} {_SIDES[rule.direction]}"
        sources = [f"{side} {cidr}{_except(side, but)}" for cidr, but in rule.blocks if family_of(cidr) == version]
        if rule.peers and not rule.anybody and (matches or rule.direction == INGRESS):
            addresses = {a: "" for pod in peers.values() for a in pod.addresses if family_of(a) == version}
            _declare(made, f"{name}-{version}", family.address, addresses)
            sources.append(f"{side} @{name}-{version}")
        lines += [f"{source} {match}".strip() + " accept" for source in sources for match in matches]
        if rule.names:
            owners = selected if rule.direction == INGRESS else peers
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
