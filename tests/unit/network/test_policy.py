"""The table that enforces NetworkPolicies: who may reach whom, and that the kernel takes it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.networking.v1 import NetworkPolicy
from pybernetes.host.nft import LibNft, NftError
from pybernetes.network.policy_table import FAMILY, PolicyTable
from tests.unit.network.builders import pod, policy

DNS = ("10.0.0.254:10053", "[fd00::53]:53")


def named(name: str) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": name}


PODS = [
    pod("a", "10.0.0.1", "fd00::1", app="a"),
    pod("b", "10.0.0.2", app="b"),
    pod("far", "10.0.1.1", node="n2", port=9090, app="a"),
    pod("guest", "10.0.1.2", node="n2", namespace="other", app="guest"),
]


def key(name: str, namespace: str = "default") -> tuple[str, str]:
    return namespace, name


def table(*policies: NetworkPolicy, bridge: str = "") -> PolicyTable:
    made = PolicyTable("t", "n1", bridge, DNS)
    for namespace in ("default", "other"):
        made.set_namespace(namespace, named(namespace))
    for number, one in enumerate(policies):
        made.set_policy(key(f"p{number}"), one)
    for there in PODS:
        made.set_pod(key(there.metadata.name or "", there.metadata.namespace or ""), there)
    return made


def chain(text: str, prefix: str) -> list[str]:
    """The rules of the one chain whose name begins like this; [] when there is none."""
    names = {line.split()[4] for line in text.splitlines() if line.startswith(f"add chain inet t {prefix}")}
    assert len(names) <= 1, names
    start = f"add rule inet t {next(iter(names), '')} "
    return [line.removeprefix(start) for line in text.splitlines() if names and line.startswith(start)]


def elements(text: str, name: str) -> list[str]:
    """What goes into the set or map whose name ends like this."""
    for line in text.splitlines():
        words = line.split(None, 5)
        if words[:2] == ["add", "element"] and words[4].endswith(name):
            return sorted(words[5].strip("{} ").split(", "))
    return []


def test_without_policies_the_table_goes() -> None:
    made = table()
    assert made.commands() == "add table inet t\ndelete table inet t\n"
    assert made.commands() == ""


def test_the_table_goes_with_the_last_policy_where_no_pod_is_left() -> None:
    made = table(policy(podSelector={}))
    made.commands()
    for name in ("a", "b"):
        made.set_pod(key(name), None)
    assert "delete element inet t known-4 { 10.0.0.1, 10.0.0.2 }" in made.commands()
    made.set_pod(key("a"), PODS[0])
    assert "table inet" not in made.commands(), "it stood"
    made.set_pod(key("a"), None)
    made.commands()
    made.set_policy(key("p0"), None)
    assert made.commands() == "add table inet t\ndelete table inet t\n", "or Pods that come are cut off"


def test_default_deny_closes_only_the_selected_pods_of_this_node() -> None:
    text = table(policy(podSelector={"matchLabels": {"app": "a"}}, policyTypes=["Ingress"])).commands()
    assert [e.split(" : goto pods-in-")[0] for e in elements(text, "in-pods-4")] == ["10.0.0.1"]
    assert [e.split(" : goto pods-in-")[0] for e in elements(text, "in-pods-6")] == ["fd00::1"]
    assert chain(text, "pods-in-")[-1] == "drop"
    assert chain(text, "policy-in-") == []
    assert elements(text, "out-pods-4") == []


def test_types_follow_the_rules_where_they_are_not_given() -> None:
    assert not elements(table(policy(ingress=[{}])).commands(), "out-pods-4")
    assert elements(table(policy(egress=[{}])).commands(), "out-pods-4")


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param(
            {"podSelector": {"matchLabels": {"app": "a"}}}, ["10.0.0.1", "10.0.1.1"], id="pods of the namespace"
        ),
        pytest.param({"namespaceSelector": {"matchLabels": named("other")}}, ["10.0.1.2"], id="namespace"),
        pytest.param(
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "guest"}}}, ["10.0.1.2"], id="both"
        ),
        pytest.param({"namespaceSelector": {}}, ["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2"], id="everybody"),
    ],
)
def test_peers(peer: dict[str, Any], expected: list[str]) -> None:
    text = table(policy(podSelector={"matchLabels": {"app": "b"}}, ingress=[{"from": [peer]}])).commands()
    (name,) = re.findall(r"add set inet t (peers-\w+-4) ", text)
    assert elements(text, name) == expected
    v4, v6 = chain(text, "policy-in-")
    assert v4 == f"ip saddr @{name} accept"
    assert v6 == f"ip6 saddr @{name[:-1]}6 accept"


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        pytest.param([], ["accept"], id="all"),
        pytest.param([{"port": 80}], ["tcp dport { 80 } accept"], id="number"),
        pytest.param([{"port": 80, "endPort": 90}], ["tcp dport { 80-90 } accept"], id="range"),
        pytest.param(
            [{"port": 80, "endPort": 90}, {"port": 85}, {"port": 91}, {"port": 99}],
            ["tcp dport { 80-91, 99 } accept"],
            id="ranges over one another",
        ),
        pytest.param([{"protocol": "UDP"}], ["meta l4proto udp accept"], id="protocol"),
        pytest.param([{"protocol": "SCTP", "port": 80}], ["sctp dport { 80 } accept"], id="sctp"),
        pytest.param([{"port": 80}, {}], ["meta l4proto tcp accept"], id="number and all"),
        pytest.param(
            [{"port": 80}, {"port": 53, "protocol": "UDP"}],
            ["tcp dport { 80 } accept", "udp dport { 53 } accept"],
            id="two",
        ),
    ],
)
def test_ports(ports: list[dict[str, Any]], expected: list[str]) -> None:
    text = table(policy(podSelector={"matchLabels": {"app": "a"}}, ingress=[{"ports": ports}])).commands()
    assert chain(text, "policy-in-") == expected


@pytest.mark.parametrize(("name", "expected"), [("web", ["10.0.0.1 . tcp . 8080"]), ("none", [])])
def test_ingress_to_a_named_port_is_the_selected_pod_s(name: str, expected: list[str]) -> None:
    rule = {"ports": [{"port": name}]}
    text = table(policy(podSelector={"matchLabels": {"app": "a"}}, ingress=[rule])).commands()
    assert elements(text, "-ports-4") == expected
    assert [line.rpartition("@")[0] for line in chain(text, "policy-in-")] == [
        "ip daddr . meta l4proto . th dport ",
        "ip6 daddr . meta l4proto . th dport ",
    ]


@pytest.mark.parametrize(
    "to", [[{"podSelector": {"matchLabels": {"app": "a"}}}], []], ids=["of the peers", "of whoever has it"]
)
def test_egress_to_a_named_port_is_the_peer_s(to: list[dict[str, Any]]) -> None:
    rule = {"to": to, "ports": [{"port": "web"}]}
    text = table(policy(podSelector={"matchLabels": {"app": "b"}}, policyTypes=["Egress"], egress=[rule])).commands()
    expected = ["10.0.0.1 . tcp . 8080", "10.0.1.1 . tcp . 9090"]
    others = ["10.0.0.2 . tcp . 8080", "10.0.1.2 . tcp . 8080"] if not to else []
    assert elements(text, "-ports-4") == sorted([*expected, *others])
    assert all("@out-" in line and "-ports-" in line for line in chain(text, "policy-out-"))


def test_blocks_with_exceptions() -> None:
    blocks = [
        {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.8/29", "192.0.2.8/30", "192.0.2.0/30"]}},
        {"ipBlock": {"cidr": "2001:db8::/32"}},
    ]
    text = table(policy(podSelector={}, ingress=[{"from": blocks, "ports": [{"port": 80}]}])).commands()
    assert chain(text, "policy-in-") == [
        "ip saddr 192.0.2.0/24 ip saddr != { 192.0.2.0/30, 192.0.2.8/29 } tcp dport { 80 } accept",
        "ip6 saddr 2001:db8::/32 tcp dport { 80 } accept",
    ]


def test_always_allowed() -> None:
    text = table(policy(podSelector={}, policyTypes=["Egress"]), bridge="br").commands()
    assert "ip daddr 10.0.0.254 meta l4proto { tcp, udp } th dport 10053 accept" in text
    assert "ip6 daddr fd00::53 meta l4proto { tcp, udp } th dport 53 accept" in text
    assert text.count("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept") == 2, "in either direction"
    assert elements(text, "selves-4") == ["10.0.0.1 . 10.0.0.1", "10.0.0.2 . 10.0.0.2"]
    assert 'oifname "br" ip daddr != @known-4 drop' in text
    assert elements(text, "known-4") == ["10.0.0.1", "10.0.0.2"], "no other Pod of the node talks yet"


def test_pods_of_equal_policies_share_a_chain() -> None:
    text = table(policy(podSelector={}), policy(podSelector={})).commands()
    assert len(chain(text, "pods-in-")) == 3


def test_a_change_costs_what_it_changes() -> None:
    rules = [{"from": [{"namespaceSelector": {"matchLabels": named("other")}}]}]
    made = table(policy(podSelector={"matchLabels": {"app": "b"}}, ingress=rules))
    made.commands()
    assert made.commands() == ""
    made.set_pod(key("more", "other"), pod("more", "10.0.1.9", node="n2", namespace="other"))
    (line,) = made.commands().splitlines()
    assert line.startswith("add element inet t peers-")
    assert line.endswith("-4 { 10.0.1.9 }")
    made.set_namespace("other", {})
    (line,) = made.commands().splitlines()
    assert line.startswith("delete element inet t peers-")
    assert line.endswith("{ 10.0.1.2, 10.0.1.9 }")
    made.set_pod(key("stranger", "other"), pod("stranger", "10.0.1.7", node="n2", namespace="other"))
    assert made.commands() == ""
    made.forget()
    assert made.commands().startswith("add table inet t\ndelete table inet t\n")


EVERYTHING = policy(
    podSelector={},
    policyTypes=["Ingress", "Egress"],
    ingress=[{"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": "web"}]}],
    egress=[{"to": [{"namespaceSelector": {}}], "ports": [{"port": "web"}, {"protocol": "SCTP"}]}, {}],
)
CHOICES: list[NetworkPolicy | None] = [
    None,
    EVERYTHING,
    policy(podSelector={}),
    policy(podSelector={"matchLabels": {"app": "b"}}, ingress=[{"from": [{"namespaceSelector": {}}]}]),
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("policy"), st.sampled_from(["p0", "p1"]), st.sampled_from(CHOICES)),
        st.tuples(st.just("pod"), st.sampled_from(["a", "b"]), st.sampled_from([None, *PODS])),
        st.tuples(st.just("namespace"), st.sampled_from(["default", "other"]), st.sampled_from([None, {}, named("x")])),
    ),
    max_size=12,
)


@given(steps=STEPS)
def test_step_by_step_is_the_same_as_at_once(steps: list[tuple[str, str, Any]]) -> None:
    gradual, model = table(), _Model()
    model.run(gradual.commands())
    for what, name, value in steps:
        if what == "policy":
            gradual.set_policy(key(name), value)
        elif what == "pod":
            gradual.set_pod(key(name), value)
        else:
            gradual.set_namespace(name, value)
        model.run(gradual.commands())
    gradual.forget()
    anew = _Model()
    anew.run(gradual.commands())
    assert (model.filled, model.stands) == (anew.filled, anew.stands)


class _Model:
    """What a kernel holds: complains where that one would."""

    def __init__(self) -> None:
        self.content: dict[str, set[str] | list[str]] = {}
        self.stands = False
        """Whether there is a table."""

    def run(self, text: str) -> None:
        for line in text.splitlines():
            words = line.split(None, 5)
            if words[:2] == ["delete", "table"]:
                self.content, self.stands = {}, False
            self.stands |= words[0] == "table"
            if words[0] not in ("add", "delete", "flush") or words[1] == "table":
                continue
            verb, kind, name, rest = words[0], words[1], words[4], words[5] if len(words) > 5 else ""
            if (verb, kind) in (("add", "chain"), ("flush", "chain")):
                assert verb == "add" or name in self.content
                self.content[name] = [] if verb == "flush" else self.content.get(name, [])
            elif kind == "rule":
                self.content[name].append(rest)  # type: ignore[union-attr]
            elif kind == "set" and verb == "add":
                self.content.setdefault(name, set())
            elif kind == "element":
                held = self.content.setdefault(name, set())
                assert isinstance(held, set)
                for item in rest.strip("{} ").split(", "):
                    known = {one for one in held if one == item or one.startswith(f"{item} : ")}
                    assert bool(known) == (verb == "delete"), line
                    held -= known
                    held |= {item} if verb == "add" else set()
            else:
                assert verb == "delete"
                del self.content[name]

    @property
    def filled(self) -> dict[str, set[str] | list[str]]:
        """Without empty sets: those of the table itself are not declared by what is looked at here."""
        return {name: held for name, held in self.content.items() if held or isinstance(held, list)}


@pytest.mark.e2e
def test_the_kernel_takes_it() -> None:
    try:
        nft = LibNft()
        nft.query("list tables")
    except NftError as error:
        pytest.skip(str(error))
    name = "pybernetes-test-policy"
    made = PolicyTable(name, "n1", "br", DNS)
    try:
        for number, choice in enumerate([EVERYTHING, *CHOICES, EVERYTHING, None]):
            made.set_policy(key(f"p{number % 2}"), choice)
            for one in PODS:
                made.set_pod(key(one.metadata.name or ""), one if number % 3 else None)
            made.set_namespace("default", named("default"))
            if text := made.commands():
                nft.apply(text)
    finally:
        nft.apply(f"add table {FAMILY} {name}\ndelete table {FAMILY} {name}")
