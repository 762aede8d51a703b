"""The rules of a Service: what a fragment holds, and that the kernel takes the transactions."""

from __future__ import annotations

import dataclasses

import pytest

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.host.ip_families import FAMILIES
from pybernetes.host.nft import LibNft, NftError
from pybernetes.host.nft_transaction import Fragment, commands
from pybernetes.proxy.rules import HOOKS, MOST_SHARED, NodeView, base, cluster_ip, fragment, hairpins
from pybernetes.proxy.services import Endpoint, ServicePort, service_ports
from pybernetes.proxy.topology import Place, usable_endpoints

PLACE = Place("n1", "z1", ("10.0.0.1",))
NODE = NodeView(cluster_cidr="10.244.0.0/16", service_cidr="10.96.0.0/16", place=PLACE)
NODE_IPV6 = NodeView(FAMILIES[6], "fd00:10:244::/56", "fd00:10:96::/112", place=Place("n1"))


def endpoint(
    ip: str,
    *,
    ready: bool = True,
    serving: bool = True,
    terminating: bool = False,
    node: str = "n1",
    for_nodes: tuple[str, ...] = (),
    for_zones: tuple[str, ...] = (),
) -> Endpoint:
    return Endpoint(ip, 8080, ready, serving, terminating, node, for_nodes, for_zones)


def port(**changes: object) -> ServicePort:
    values: dict[str, object] = {
        "namespace": "default", "name": "web", "port_name": "", "protocol": "tcp", "cluster_ip": "10.96.0.20",
        "port": 80,
        "endpoints": (endpoint("10.244.0.2"), endpoint("10.244.0.3")),
    }  # fmt: skip
    return ServicePort(**{**values, **changes})  # type: ignore[arg-type]


def service(**spec: object) -> Service:
    import msgspec

    body = {"metadata": {"name": "web", "namespace": "default"},
            "spec": {"clusterIP": "10.96.0.20", "ports": [{"port": 80, "protocol": "TCP"}], **spec}}  # fmt: skip
    return msgspec.convert(body, Service)


def slice_(endpoints: list[dict[str, object]], kind: str = "IPv4") -> EndpointSlice:
    import msgspec

    return msgspec.convert(
        {"addressType": kind, "endpoints": endpoints, "ports": [{"port": 8080, "protocol": "TCP", "name": ""}]},
        EndpointSlice,
    )


def test_cluster_ip_goes_to_every_ready_endpoint() -> None:
    frontend = "10.96.0.20 . tcp . 80"
    assert fragment(port(), NODE) == Fragment(
        elements={
            "service-ips": {frontend: "goto pick-2"},
            "endpoints-0": {frontend: "10.244.0.2 . 8080"},
            "endpoints-1": {frontend: "10.244.0.3 . 8080"},
        }
    )
    assert "numgen random mod 2 vmap { 0 : goto at-0, 1 : goto at-1 }" in base("t", NODE)
    assert "ip saddr != 10.244.0.0/16 ip daddr @cluster-ips jump mark-for-masquerade" in base("t", NODE)


def test_other_addresses_are_masqueraded() -> None:
    made = fragment(port(external_ips=("192.0.2.9",), node_port=30080, endpoints=(endpoint("10.244.0.2"),)), NODE)
    assert made.elements["service-ips"]["192.0.2.9 . tcp . 80"] == "goto external-pick-1"
    assert made.elements["service-nodeports"] == {"tcp . 30080": "goto nodeport-pick-1"}
    assert made.elements["nodeport-endpoints-0"] == {"tcp . 30080": "10.244.0.2 . 8080"}
    assert set(made.elements["endpoints-0"]) == {"192.0.2.9 . tcp . 80", "10.96.0.20 . tcp . 80"}


def test_many_endpoints_have_a_chain_of_their_own() -> None:
    many = tuple(endpoint(f"10.244.0.{number}") for number in range(2, MOST_SHARED + 3))
    made = fragment(port(endpoints=many, node_port=30080), NODE)
    (rule,) = made.chains[made.elements["service-ips"]["10.96.0.20 . tcp . 80"].removeprefix("goto ")]
    assert rule.startswith("meta l4proto tcp dnat ip addr . port to numgen random mod 17 map { 0 : 10.244.0.2 . 8080,")
    outside = made.chains[made.elements["service-nodeports"]["tcp . 30080"].removeprefix("goto ")]
    assert outside[0] == "jump mark-for-masquerade"
    fewer = fragment(port(endpoints=many[1:], node_port=30080), NODE)
    assert not fewer.chains


def test_service_without_endpoints_is_rejected_not_dropped() -> None:
    made = fragment(port(endpoints=(), node_port=30080), NODE)
    assert made.elements == {
        "no-endpoint-services": {"10.96.0.20 . tcp . 80": "goto reject-chain"},
        "no-endpoint-nodeports": {"tcp . 30080": "goto reject-chain"},
    }
    assert made.chains == {}


def test_affinity_remembers_the_client_for_its_timeout() -> None:
    made = fragment(port(affinity_timeout_s=100), NODE)
    assert all("timeout 100s" in declaration for declaration in made.sets.values())
    rules = [rule for chain in made.chains.values() for rule in chain]
    assert sum(rule.startswith("update @affinity-") for rule in rules) == 2
    assert sum("ip saddr @affinity-" in rule for rule in rules) == 2


def test_a_machine_that_is_no_node_lets_traffic_for_a_nodes_address_pass() -> None:
    host = dataclasses.replace(NODE, place=Place())
    given = port(external_local=True, load_balancer_ips=("10.0.0.1",))
    key = "10.0.0.1 . tcp . 80"
    assert key not in fragment(given, host).elements.get("no-endpoint-services", {})
    elsewhere = dataclasses.replace(NODE, place=Place("n2"))
    assert fragment(given, elsewhere).elements["no-endpoint-services"] == {key: "drop"}
    nobody = port(external_local=True, load_balancer_ips=("10.0.0.1",), endpoints=())
    assert fragment(nobody, host).elements["no-endpoint-services"][key] == "goto reject-chain"


def test_external_local_keeps_the_client_address() -> None:
    remote = endpoint("10.244.1.9", node="n2")
    made = fragment(port(node_port=30080, external_local=True, endpoints=(endpoint("10.244.0.2"), remote)), NODE)
    chain = made.chains[made.elements["service-nodeports"]["tcp . 30080"].removeprefix("goto ")]
    pods, masquerade, node, others = chain
    assert pods.startswith("ip saddr 10.244.0.0/16 goto service-"), "a Pod goes anywhere, under its own address"
    assert (masquerade, node[:29]) == ("fib saddr type local jump mark-for-masquerade", "fib saddr type local goto ser")
    (rule,) = made.chains[others.removeprefix("goto ")]
    assert "10.244.0.2" in rule
    assert "10.244.1.9" not in rule, "what comes from outside stays on this node"


def test_no_endpoint_here_but_elsewhere() -> None:
    remote = (endpoint("10.244.1.9", node="n2"),)
    made = fragment(port(node_port=30080, external_local=True, endpoints=remote), NODE)
    assert made.elements["no-endpoint-nodeports"] == {"tcp . 30080": "drop"}, "a balancer tries another node"
    assert "tcp . 30080" in made.elements["service-nodeports"], "but Pods and the node itself reach it"
    made = fragment(port(internal_local=True, endpoints=remote), NODE)
    assert made.elements == {"no-endpoint-services": {"10.96.0.20 . tcp . 80": "drop"}}


def test_source_ranges() -> None:
    given = port(load_balancer_ips=("192.0.2.9",), source_ranges=("10.0.0.0/8", "198.51.100.0/24"))
    made = fragment(given, NODE)
    chain = made.chains[made.elements["firewall-ips"]["192.0.2.9 . tcp . 80"].removeprefix("goto ")]
    assert chain == ("ip saddr != { 10.0.0.0/8, 198.51.100.0/24, 192.0.2.9 } drop",), "the node is among the sources"
    other = fragment(dataclasses.replace(given, source_ranges=("198.51.100.0/24",)), NODE)
    assert ("ip saddr != { 198.51.100.0/24 } drop",) in other.chains.values()


@pytest.mark.parametrize(
    ("endpoints", "cluster", "local"),
    [
        pytest.param([endpoint("a"), endpoint("b", ready=False)], ["a"], ["a"], id="ready only"),
        pytest.param([endpoint("a", ready=False, terminating=True)], ["a"], ["a"], id="terminating as fallback"),
        pytest.param([endpoint("a", ready=False, serving=False, terminating=True)], [], [], id="not serving"),
        pytest.param([endpoint("a", ready=False)], [], [], id="never ready"),
        pytest.param(
            [endpoint("a", ready=False, terminating=True), endpoint("b", node="n2")], ["b"], ["a"], id="each by itself"
        ),
        pytest.param(
            [endpoint("a", for_zones=("z2",)), endpoint("b", node="n2", for_zones=("z1",))], ["b"], ["a"], id="zone"
        ),
        pytest.param([endpoint("a", for_zones=("z1",)), endpoint("b", node="n2")], ["a", "b"], ["a"], id="one without"),
        pytest.param([endpoint("a", for_zones=("z2",)), endpoint("b", for_zones=("z3",))], ["a", "b"], ["a", "b"],
                     id="none for this zone"),
        pytest.param(
            [endpoint("a", for_nodes=("n1",), for_zones=("z1",)), endpoint("b", for_nodes=("n2",), for_zones=("z1",))],
            ["a"], ["a", "b"], id="node before zone",
        ),
        pytest.param(
            [endpoint("a", for_nodes=("n3",), for_zones=("z1",)), endpoint("b", for_nodes=("n2",), for_zones=("z2",))],
            ["a"], ["a", "b"], id="zone where no node",
        ),
        pytest.param(
            [endpoint("a", ready=False, for_zones=("z9",)), endpoint("b", for_zones=("z1",))], ["b"], ["b"],
            id="the hints of ready ones count",
        ),
    ],
)  # fmt: skip
def test_usable_endpoints(endpoints: list[Endpoint], cluster: list[str], local: list[str]) -> None:
    usable = usable_endpoints(port(endpoints=tuple(endpoints), external_local=True), PLACE)
    assert [e.ip for e in usable.cluster] == cluster
    assert [e.ip for e in usable.local] == local
    assert usable.anywhere == bool(cluster or local)


def test_a_machine_that_is_no_node_has_no_endpoint() -> None:
    given = port(endpoints=(endpoint("a", node=""),), external_local=True)
    assert usable_endpoints(given, Place()).local == []


def test_service_ports_of_slices() -> None:
    pieces = [
        slice_([{"addresses": ["10.244.0.2"], "conditions": {"ready": True}, "nodeName": "n1"}]),
        slice_([{"addresses": ["10.244.0.2"], "conditions": {"ready": False}, "nodeName": "n1"}]),
        slice_([{"addresses": ["fd00::1"]}], "IPv6"),
    ]
    (made,) = service_ports(service(), pieces, 4)
    assert made.endpoints == (Endpoint("10.244.0.2", 8080, True, True, False, "n1"),)


@pytest.mark.parametrize(
    "spec", [{"clusterIP": "None"}, {"type": "ExternalName", "clusterIP": ""}], ids=["headless", "external name"]
)
def test_no_rules_for(spec: dict[str, object]) -> None:
    assert service_ports(service(**spec), [], 4) == []


def test_an_unchanged_port_needs_no_transaction() -> None:
    assert commands("ip", "t", [(fragment(port(), NODE), fragment(port(), NODE))]) == ""


def test_one_endpoint_more_leaves_the_others_alone() -> None:
    more = fragment(port(endpoints=(endpoint("10.244.0.2"), endpoint("10.244.0.3"), endpoint("10.244.0.4"))), NODE)
    text = commands("ip", "t", [(fragment(port(), NODE), more)])
    frontend = "10.96.0.20 . tcp . 80"
    assert sorted(text.splitlines(), reverse=True) == [
        f"delete element ip t service-ips {{ {frontend} }}",
        f"add element ip t service-ips {{ {frontend} : goto pick-3 }}",
        f"add element ip t endpoints-2 {{ {frontend} : 10.244.0.4 . 8080 }}",
    ]


SEQUENCES: list[list[ServicePort | None]] = [
    [port(), port(endpoints=()), port(), None],
    [port(node_port=30080), port(node_port=30081, external_local=True), port(affinity_timeout_s=10), None],
    [port(affinity_timeout_s=10), port(affinity_timeout_s=20), port(endpoints=(endpoint("10.244.0.9"),)), None],
    [
        port(protocol="udp", load_balancer_ips=("192.0.2.9",), source_ranges=("10.0.0.0/8",)),
        port(protocol="sctp"),
        None,
    ],
    [
        port(node_port=30080, external_local=True, internal_local=True, endpoints=(endpoint("10.244.1.9", node="n2"),)),
        port(node_port=30080, external_local=True, internal_local=True, affinity_timeout_s=10),
        None,
    ],
]
SEQUENCE_IPV6 = [
    port(
        cluster_ip="fd00:10:96::20",
        node_port=30080,
        external_local=True,
        affinity_timeout_s=timeout_s,
        load_balancer_ips=("2001:db8::9",),
        source_ranges=("2001:db8::/64",),
        endpoints=(endpoint("fd00:10:244::2"), endpoint("fd00:10:244:1::2", node="n2")),
    )
    for timeout_s in (0, 10)
]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("node", "sequence"), [*((NODE, sequence) for sequence in SEQUENCES), (NODE_IPV6, [*SEQUENCE_IPV6, None])]
)
def test_the_kernel_takes_every_step(node: NodeView, sequence: list[ServicePort | None]) -> None:
    """Each step as a transaction; at the end the table is as empty as after `base`."""
    try:
        nft = LibNft()
        nft.query("list tables")
    except NftError as error:
        pytest.skip(str(error))
    family, table = node.family.table, "pybernetes-test-rules"
    try:
        nft.apply(base(table, node))
        assert {*HOOKS} < chains(nft, family, table)
        empty = chains(nft, family, table)
        before: Fragment | None = None
        for step in sequence:
            after = fragment(step, node) if step else None
            nft.apply(commands(family, table, [(before, after)]) or "list tables")
            assert chains(nft, family, table) - empty == set(after.chains if after else ())
            before = after
        assert chains(nft, family, table) == empty
        address = "10.96.0.20" if family == "ip" else "fd00:10:96::20"
        parts = (cluster_ip(address), hairpins([address]))
        nft.apply(commands(family, table, [(None, part) for part in parts]))
        nft.apply(commands(family, table, [(part, None) for part in parts]))
    finally:
        nft.apply(f"add table {family} {table}\ndelete table {family} {table}")


def chains(nft: LibNft, family: str, table: str) -> set[str]:
    return {o["chain"]["name"] for o in nft.query(f"list table {family} {table}") if "chain" in o}
