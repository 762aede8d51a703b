"""The rules of a Service: what a fragment holds, and that the kernel takes the transactions."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.host.nft import LibNft, NftError
from pybernetes.host.nft_transaction import Fragment, commands
from pybernetes.proxy.rules import NodeView, base, fragment
from pybernetes.proxy.services import Endpoint, ServicePort, service_ports, usable_endpoints

NODE = NodeView(cluster_cidr="10.244.0.0/16", service_cidr="10.96.0.0/16")


def endpoint(
    ip: str, *, ready: bool = True, serving: bool = True, terminating: bool = False, local: bool = True
) -> Endpoint:
    return Endpoint(ip, 8080, ready, serving, terminating, local)


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
    made = fragment(port(), NODE)
    ((key, verdict),) = made.elements["service-ips"].items()
    assert key == "10.96.0.20 . tcp . 80"
    chain = made.chains[verdict.removeprefix("goto ")]
    assert chain[0] == "ip daddr 10.96.0.20 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade"
    assert "mod 2" in chain[1]
    assert sum("dnat to 10.244.0." in rule for rules in made.chains.values() for rule in rules) == 2


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


def test_external_local_keeps_the_client_address() -> None:
    remote = endpoint("10.244.1.9", local=False)
    made = fragment(port(node_port=30080, external_local=True, endpoints=(endpoint("10.244.0.2"), remote)), NODE)
    chain = made.chains[made.elements["service-nodeports"]["tcp . 30080"].removeprefix("goto ")]
    assert "jump mark-for-masquerade" not in chain, "traffic from outside is not masqueraded"
    assert "10.244.0.2" in chain[-1]
    assert "10.244.1.9" not in chain[-1], "outside traffic stays on this node"


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        pytest.param([endpoint("a"), endpoint("b", ready=False)], ["a"], id="ready only"),
        pytest.param([endpoint("a", ready=False, terminating=True)], ["a"], id="terminating as fallback"),
        pytest.param([endpoint("a", ready=False, serving=False, terminating=True)], [], id="not serving"),
        pytest.param([endpoint("a", ready=False)], [], id="never ready"),
    ],
)  # fmt: skip
def test_usable_endpoints(endpoints: list[Endpoint], expected: list[str]) -> None:
    assert [e.ip for e in usable_endpoints(endpoints, False)] == expected


def test_service_ports_of_slices() -> None:
    pieces = [
        slice_([{"addresses": ["10.244.0.2"], "conditions": {"ready": True}, "nodeName": "n1"}]),
        slice_([{"addresses": ["10.244.0.2"], "conditions": {"ready": False}, "nodeName": "n1"}]),
        slice_([{"addresses": ["fd00::1"]}], "IPv6"),
    ]
    (made,) = service_ports(service(), pieces, "n1", 4)
    assert made.endpoints == (Endpoint("10.244.0.2", 8080, True, True, False, True),)


@pytest.mark.parametrize(
    "spec", [{"clusterIP": "None"}, {"type": "ExternalName", "clusterIP": ""}], ids=["headless", "external name"]
)
def test_no_rules_for(spec: dict[str, object]) -> None:
    assert service_ports(service(**spec), [], "", 4) == []


def test_an_unchanged_port_needs_no_transaction() -> None:
    assert commands("ip", "t", [(fragment(port(), NODE), fragment(port(), NODE))]) == ""


def test_one_endpoint_more_leaves_the_others_alone() -> None:
    more = fragment(port(endpoints=(endpoint("10.244.0.2"), endpoint("10.244.0.3"), endpoint("10.244.0.4"))), NODE)
    text = commands("ip", "t", [(fragment(port(), NODE), more)])
    assert text.count("dnat to") == 1
    assert "element" not in text


SEQUENCES: list[list[ServicePort | None]] = [
    [port(), port(endpoints=()), port(), None],
    [port(node_port=30080), port(node_port=30081, external_local=True), port(affinity_timeout_s=10), None],
    [port(affinity_timeout_s=10), port(affinity_timeout_s=20), port(endpoints=(endpoint("10.244.0.9"),)), None],
    [
        port(protocol="udp", load_balancer_ips=("192.0.2.9",), source_ranges=("10.0.0.0/8",)),
        port(protocol="sctp"),
        None,
    ],
]


@pytest.mark.e2e
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_the_kernel_takes_every_step(sequence: list[ServicePort | None]) -> None:
    """Each step as a transaction; at the end the table is as empty as after `base`."""
    try:
        nft = LibNft()
        nft.query("list tables")
    except NftError as error:
        pytest.skip(str(error))
    table = "pybernetes-test-rules"
    try:
        nft.apply(base(table, NODE))
        empty = chains(nft, table)
        before: Fragment | None = None
        for step in sequence:
            after = fragment(step, NODE) if step else None
            nft.apply(commands("ip", table, [(before, after)]) or "list tables")
            assert chains(nft, table) - empty == set(after.chains if after else ())
            before = after
        assert chains(nft, table) == empty
        nft.apply(base(table, NODE) + commands("ip", table, [(None, fragment(port(), NODE))]))
    finally:
        nft.apply(f"add table ip {table}\ndelete table ip {table}")


def chains(nft: LibNft, table: str) -> set[str]:
    return {o["chain"]["name"] for o in nft.query(f"list table ip {table}") if "chain" in o}
