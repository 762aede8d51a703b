from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.spec import (
    SLOTS,
    ClusterSpec,
    choose_slot,
    host_routes,
    host_routes_ipv6,
    ranges,
    slot_node_ports,
    slot_ranges,
)
from tests.unit.cluster.builders import spec

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0000600A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_routes_without_the_default_one() -> None:
    assert host_routes(ROUTES) == [IPv4Network("192.0.2.0/24"), IPv4Network("10.96.0.0/16")]


@pytest.mark.parametrize(
    ("taken", "routes", "slot"),
    [
        pytest.param([], [], 0, id="a bare machine"),
        pytest.param([0, 2], [], 1, id="beside others"),
        pytest.param([], host_routes(ROUTES), 1, id="a route to the services of slot 0"),
        pytest.param([], [IPv4Network("10.0.0.0/8")], None, id="a route to all of it"),
        pytest.param(range(SLOTS), [], None, id="every slot taken"),
    ],
)
def test_slot(taken: list[int], routes: list[IPv4Network], slot: int | None) -> None:
    if slot is None:
        with pytest.raises(ClusterError, match="pybernetes down"):
            choose_slot(taken, routes, "ipv4")
    else:
        assert choose_slot(taken, routes, "ipv4") == slot


def test_a_slot_whose_ipv6_routes_are_taken() -> None:
    table = "fd000010024400000000000000000000 38 " + "0" * 32 + " 00 " + "0" * 32 + " 00000400 1 0 00200001 lo\n"
    default = "0" * 32 + " 00 " + "0" * 32 + " 00 " + "0" * 32 + " 00000400 1 0 00200001 eth0\n"
    routes = host_routes_ipv6(table + default)
    assert routes == [IPv6Network("fd00:10:244::/56")]
    assert [choose_slot([], routes, family) for family in ("ipv4", "ipv6", "dual")] == [0, 1, 1]


def test_slots_do_not_overlap() -> None:
    texts = [cidr for slot in range(SLOTS) for each in slot_ranges(slot, "dual") for cidr in ranges(each)]
    for networks in ([IPv4Network(t) for t in texts if "." in t], [IPv6Network(t) for t in texts if ":" in t]):
        assert len(networks) == 3 * SLOTS
        assert not any(a.overlaps(b) for i, a in enumerate(networks) for b in networks[i + 1 :])
    ports = [range(low, high + 1) for low, high in map(slot_node_ports, range(SLOTS))]
    assert not any(set(a) & set(b) for i, a in enumerate(ports) for b in ports[i + 1 :])
    assert slot_node_ports(0) == (30000, 32767)
    lowest = min(low for low, _ in map(slot_node_ports, range(SLOTS)))
    assert lowest > 10250 + 10 * SLOTS + 100, "a node port must not take connections to an API, a kubelet or DNS"


def test_addresses() -> None:
    two = spec()
    assert (two.gateway, two.cluster_ip, two.dns_ips) == ("172.31.255.1", "10.96.0.1", ("10.96.0.10",))
    assert [two.address_of(node) for node in two.node_names] == ["172.31.255.11", "172.31.255.12"]
    assert two.api_address == two.gateway
    pods, services, nodes = slot_ranges(0, "dual")
    dual = spec(pod_cidr=pods, service_cidr=services, node_cidr=nodes)
    assert (two.ip_family, dual.ip_family) == ("ipv4", "dual")
    assert dual.addresses_of("node-2") == ("172.31.255.12", "fd00:172:31:255::c")
    assert (dual.api_address, dual.dns_ips) == (two.gateway, ("10.96.0.10", "fd00:10:96::a"))
    pods, services, nodes = slot_ranges(0, "dual-ipv6")
    turned = spec(pod_cidr=pods, service_cidr=services, node_cidr=nodes)
    assert (turned.ip_family, turned.dns_ips) == ("dual-ipv6", tuple(reversed(dual.dns_ips)))
    one = spec(nodes=1, node_address="192.0.2.2")
    assert (one.api_address, one.address_of("node-1")) == ("192.0.2.2", "192.0.2.2")


@pytest.mark.parametrize("name", ["default", "a", "a-name-of-thirty-characters-xyz"[:30]])
def test_interface_names_fit_into_15_bytes_and_differ(name: str) -> None:
    made = spec(name=name, nodes=50)
    names = [made.bridge, made.pod_bridge, *(made.veth(node) for node in made.node_names)]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 15
    assert made.bridge != spec(name="other-name").bridge


def test_contexts() -> None:
    assert spec().context == "pybernetes"
    assert spec(name="blue").context == "pybernetes-blue"


def test_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"
    assert ClusterSpec.read(path) is None
    spec().write(path)
    assert ClusterSpec.read(path) == spec()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(ClusterError, match="delete it to start anew"):
        ClusterSpec.read(path)


def test_ingresses_are_reached_from_outside_whatever_the_nodes_are() -> None:
    assert spec(nodes=1, node_address="192.0.2.7").ingress_listens_on == ["127.0.0.1", "192.0.2.7"]
    several = spec(nodes=2, outside_address="192.0.2.7,2001:db8::7")
    assert several.ingress_listens_on == ["127.0.0.1", several.gateway, "192.0.2.7", "2001:db8::7"]
    assert several.api_listens_on == ["127.0.0.1", several.gateway], "nobody outside needs the API"
