"""The table that enforces NetworkPolicies: who may reach whom, and that the kernel takes it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Namespace, Pod
from pybernetes.api.networking.v1 import NetworkPolicy
from pybernetes.host.nft import LibNft, NftError
from pybernetes.network.policy import policy_table


def pod(name: str, ip: str, *, node: str = "n1", namespace: str = "default", **labels: str) -> Pod:
    ports = [{"name": "web", "containerPort": 8080, "protocol": "TCP"}]
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}]},
            "status": {"podIP": ip, "phase": "Running"},
        },
        Pod,
    )


def policy(**spec: Any) -> NetworkPolicy:
    return msgspec.convert({"metadata": {"name": "p", "namespace": "default"}, "spec": spec}, NetworkPolicy)


NAMESPACES = [
    msgspec.convert({"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}, Namespace)
    for name in ("default", "other")
]
PODS = [
    pod("a", "10.0.0.1", app="a"),
    pod("b", "10.0.0.2", app="b"),
    pod("far", "10.0.1.1", node="n2", app="a"),
    pod("guest", "10.0.1.2", node="n2", namespace="other", app="guest"),
]


def table(*policies: NetworkPolicy, dns: tuple[str, ...] = ()) -> str:
    return policy_table("t", "n1", policies, PODS, NAMESPACES, dns)


def chain(text: str, name: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines()]
    at = lines.index(f"chain {name} {{")
    return lines[at + 1 : lines.index("}", at)]


def test_without_policies_the_table_goes() -> None:
    assert table() == "add table ip t\ndelete table ip t\n"


def test_default_deny_closes_only_the_selected_pods_of_this_node() -> None:
    text = table(policy(podSelector={"matchLabels": {"app": "a"}}, policyTypes=["Ingress"]))
    assert chain(text, "in-10.0.0.1") == ["ip saddr 10.0.0.1 return", "drop"]
    assert "in-10.0.0.2" not in text
    assert "in-10.0.1.1" not in text
    assert "chain out-" not in text


def test_types_follow_the_rules_where_they_are_not_given() -> None:
    assert "chain out-" not in table(policy(ingress=[{}]))
    assert "chain out-" in table(policy(egress=[{}]))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param(
            {"podSelector": {"matchLabels": {"app": "a"}}}, ["10.0.0.1", "10.0.1.1"], id="pods of the namespace"
        ),
        pytest.param(
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}},
            ["10.0.1.2"],
            id="namespace",
        ),
        pytest.param(
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "guest"}}}, ["10.0.1.2"], id="both"
        ),
        pytest.param({"namespaceSelector": {}}, ["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2"], id="everybody"),
    ],
)
def test_peers(peer: dict[str, Any], expected: list[str]) -> None:
    text = table(policy(podSelector={"matchLabels": {"app": "b"}}, ingress=[{"from": [peer]}]))
    assert f"elements = {{ {', '.join(expected)} }}" in text
    (line,) = chain(text, "in-10.0.0.2")[1:-1]
    assert line.startswith("ip saddr @peers-")


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        pytest.param([], ["return"], id="all"),
        pytest.param([{"port": 80}], ["tcp dport { 80 } return"], id="number"),
        pytest.param([{"port": "web"}], ["tcp dport { 8080 } return"], id="name"),
        pytest.param([{"port": "none"}], [], id="a name the Pod does not have"),
        pytest.param([{"port": 80, "endPort": 90}], ["tcp dport { 80-90 } return"], id="range"),
        pytest.param([{"protocol": "UDP"}], ["meta l4proto udp return"], id="protocol"),
        pytest.param(
            [{"port": 80}, {"port": 53, "protocol": "UDP"}],
            ["tcp dport { 80 } return", "udp dport { 53 } return"],
            id="two",
        ),
    ],
)
def test_ports(ports: list[dict[str, Any]], expected: list[str]) -> None:
    text = table(policy(podSelector={"matchLabels": {"app": "a"}}, ingress=[{"ports": ports}]))
    assert chain(text, "in-10.0.0.1")[1:-1] == expected


def test_blocks_with_exceptions() -> None:
    block = {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.8/29"]}}
    text = table(policy(podSelector={}, ingress=[{"from": [block], "ports": [{"port": 80}]}]))
    expected = "ip saddr 192.0.2.0/24 ip saddr != { 192.0.2.8/29 } tcp dport { 80 } return"
    assert chain(text, "in-10.0.0.1")[1:-1] == [expected]


def test_egress_to_a_named_port_is_the_peer_s_port() -> None:
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "a"}}}], "ports": [{"port": "web"}]}
    text = table(policy(podSelector={"matchLabels": {"app": "b"}}, policyTypes=["Egress"], egress=[rule]))
    expected = "ip daddr . tcp dport { 10.0.0.1 . 8080, 10.0.1.1 . 8080 } return"
    assert chain(text, "out-10.0.0.2")[1:-1] == [expected]


def test_dns_stays_reachable() -> None:
    text = table(policy(podSelector={}, policyTypes=["Egress"]), dns=("10.0.0.254:10053",))
    assert "ip daddr 10.0.0.254 meta l4proto { tcp, udp } th dport 10053 return" in chain(text, "out-10.0.0.1")


@pytest.mark.e2e
def test_the_kernel_takes_it() -> None:
    try:
        nft = LibNft()
        nft.query("list tables")
    except NftError as error:
        pytest.skip(str(error))
    everything = policy(
        podSelector={},
        policyTypes=["Ingress", "Egress"],
        ingress=[{"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": "web"}]}],
        egress=[{"to": [{"namespaceSelector": {}}], "ports": [{"port": "web"}, {"protocol": "SCTP"}]}],
    )  # fmt: skip
    name = "pybernetes-test-policy"
    try:
        for policies in ([everything], [], [policy(podSelector={})]):
            nft.apply(policy_table(name, "n1", policies, PODS, NAMESPACES, ("10.0.0.254:10053",)))
    finally:
        nft.apply(f"add table ip {name}\ndelete table ip {name}")
