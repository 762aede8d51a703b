"""Who answers for a load balancer's address, and machines of the segment that find it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import time
from typing import Any

import msgspec
import pytest

from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.client.indexes import SERVICE_NAME
from pybernetes.host.neighbours import KernelNeighbours, Segment
from pybernetes.host.netlink import KernelNetlink, Route
from pybernetes.network import announcing
from pybernetes.network.announcer import AddressAnnouncer
from pybernetes.network.plan import NetworkConfig
from tests.fake_api import FakeApi
from tests.network_machine import Machine

VIP, VIP6 = "192.0.2.50", "2001:db8::50"


def service(*ips: str, **spec: Any) -> Service:
    status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}}
    meta, whole = {"name": "s", "namespace": "default"}, {"type": "LoadBalancer", **spec}
    return msgspec.convert({"metadata": meta, "spec": whole, "status": status}, Service)


def node(name: str, ready: bool = True, **labels: str) -> Node:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return msgspec.convert({"metadata": {"name": name, "labels": labels}, "status": {"conditions": conditions}}, Node)


def behind(*names: str, **conditions: bool) -> EndpointSlice:
    meta = {"name": "s-1", "namespace": "default", "labels": {SERVICE_NAME: "s"}}
    endpoints = [{"addresses": ["10.0.0.1"], "nodeName": name, "conditions": conditions} for name in names]
    return msgspec.convert({"metadata": meta, "addressType": "IPv4", "endpoints": endpoints}, EndpointSlice)


def test_the_owner_is_a_node_that_takes_traffic() -> None:
    nodes = [node(f"n{number}") for number in range(5)]
    chosen = announcing.owner(VIP, service(VIP), nodes, [])
    assert chosen == announcing.owner(VIP, service(VIP), reversed(nodes), [])
    left = [each if each.metadata.name != chosen else node(chosen, ready=False) for each in nodes]
    assert announcing.owner(VIP, service(VIP), left, []) not in ("", chosen)
    excluded = [node("n", **{"node.kubernetes.io/exclude-from-external-load-balancers": ""})]
    assert announcing.owner(VIP, service(VIP), excluded, []) == ""


def test_nodes_share_the_addresses_and_a_lost_one_moves_only_its_own() -> None:
    nodes = [node(f"n{number}") for number in range(4)]
    all_ = [f"192.0.2.{number}" for number in range(100)]
    before = {address: announcing.owner(address, service(), nodes, []) for address in all_}
    after = {address: announcing.owner(address, service(), nodes[1:], []) for address in all_}
    assert {address for address in all_ if before[address] != after[address]} == {
        address for address in all_ if before[address] == "n0"
    }
    assert set(before.values()) == {"n0", "n1", "n2", "n3"}


def test_with_local_traffic_it_has_an_endpoint() -> None:
    local = service(VIP, externalTrafficPolicy="Local")
    assert announcing.owner(VIP, local, [node("a"), node("b")], [behind("b", "c", ready=True)]) == "b"
    assert announcing.owner(VIP, local, [node("a")], [behind("c", ready=True)]) == ""
    assert announcing.owner(VIP, local, [node("a")], [behind("a")]) == "a", "ready, as nobody says otherwise"
    assert announcing.owner(VIP, local, [node("a")], [behind("a", ready=False)]) == ""
    ending = behind("a", ready=False, serving=True, terminating=True)
    assert announcing.owner(VIP, local, [node("a"), node("b")], [ending]) == "a", "as long as it serves"
    assert announcing.owner(VIP, local, [node("a"), node("b")], [ending, behind("b")]) == "b"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (service(VIP), [VIP]),
        (service(VIP, loadBalancerClass="example.com/theirs"), []),
        (service(VIP, type="ClusterIP"), []),
        (service(), []),
    ],
    ids=["ours", "somebody else's", "no longer one", "none yet"],
)
def test_addresses(made: Service, expected: list[str]) -> None:
    assert announcing.addresses(made) == expected


def test_what_is_told() -> None:
    request, reply = announcing.arp_announcements("02:00:00:00:00:07", VIP)
    assert request.hex() == "ffffffffffff02000000000708060001080006040001020000000007c0000232000000000000c0000232"
    assert reply[:21] == request[:21]
    assert (reply[21], reply[32:38]) == (2, b"\xff" * 6)
    advertisement = announcing.neighbour_advertisement("02:00:00:00:00:07", VIP6)
    assert (len(advertisement), advertisement[0], advertisement[-8:].hex()) == (32, 136, "0201020000000007")


class OneSegment:
    """Neighbours that hear nothing."""

    def __init__(self) -> None:
        self.held: set[tuple[str, str]] = set()
        self.changed, self._loop = asyncio.Event(), asyncio.get_running_loop()

    def segments(self) -> list[Segment]:
        return [Segment("eth0", "02:00:00:00:00:01", "192.0.2.1/24")]

    def answered(self) -> set[tuple[str, str]]:
        return set(self.held)

    def answer(self, device: str, address: str) -> None:
        self.held.add((device, address))
        self._loop.call_soon_threadsafe(self.changed.set)

    def be_silent(self, device: str, address: str) -> None:
        self.held.discard((device, address))
        self._loop.call_soon_threadsafe(self.changed.set)

    def send(self, device: str, frame: bytes) -> None:
        pass

    def send_icmpv6(self, device: str, message: bytes) -> None:
        pass


def test_an_address_follows_the_policy_of_its_service() -> None:
    async def scenario() -> None:
        api, neighbours = FakeApi(), OneSegment()
        neighbours.held = {("eth0", "192.0.2.60"), ("eth0", "203.0.113.1")}
        api.put(node("n1"), "nodes")
        api.put(behind("n2"), "endpointslices")
        api.put(service(VIP, externalTrafficPolicy="Local"), "services")
        config = NetworkConfig(node_name="n1", balancer_cidrs=("192.0.2.48/28",))
        announcer = AddressAnnouncer(api.client(), config, neighbours)
        running = asyncio.create_task(announcer.run())
        async with asyncio.timeout(60):
            await announcer.ready.wait()
            assert neighbours.held == {("eth0", "203.0.113.1")}, "what was left of the pool goes, nothing else"
            for policy, expected in (("Cluster", {("eth0", VIP)}), ("Local", set())):
                neighbours.changed.clear()
                api.put(service(VIP, externalTrafficPolicy=policy), "services")
                await neighbours.changed.wait()
                assert neighbours.held == {("eth0", "203.0.113.1"), *expected}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def lease(name: str, holder: str | None, duration_s: int = 3600) -> Lease:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": duration_s, "renewTime": "2027-01-15T08:00:00.000000Z"}
    return msgspec.convert({"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": spec}, Lease)


def test_a_node_that_gives_its_lease_up_is_replaced_and_one_that_ends_gives_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pybernetes.network.announcer._GIVING_UP_S", 60)
    first, other = "n1", "n2"
    nodes = [node(first), node(other)]
    if announcing.owner(VIP, service(VIP), nodes, []) != other:
        first, other = other, first

    async def scenario() -> None:
        api, neighbours = FakeApi(), OneSegment()
        for each in nodes:
            api.put(each, "nodes")
        api.put(service(VIP), "services")
        for name in (first, other):
            api.put(lease(name, name), "leases")
        config = NetworkConfig(node_name=first, balancer_cidrs=("192.0.2.48/28",))
        announcer = AddressAnnouncer(api.client(), config, neighbours, node_client=api.client())
        running = asyncio.create_task(announcer.run())
        async with asyncio.timeout(60):
            await announcer.ready.wait()
            assert neighbours.held == set(), "it is the other's"
            for holder, expected in ((None, {("eth0", VIP)}), (other, set()), (None, {("eth0", VIP)})):
                neighbours.changed.clear()
                api.put(lease(other, holder), "leases")
                await neighbours.changed.wait()
                assert neighbours.held == expected
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert neighbours.held == {("eth0", VIP)}, "there is nobody to take over"
        api.put(lease(other, other), "leases")
        api.put(service(VIP, externalTrafficPolicy="Local"), "services")
        api.put(behind(first), "endpointslices")
        announcer = AddressAnnouncer(api.client(), config, neighbours, node_client=api.client())
        running = asyncio.create_task(announcer.run())
        await asyncio.wait_for(announcer.ready.wait(), 60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert neighbours.held == set()
        assert "holderIdentity" not in api.get("leases", first, "kube-node-lease")["spec"]

    asyncio.run(scenario())


def test_an_address_moves_when_a_lease_runs_out() -> None:
    nodes = [node("n1"), node("n2")]
    theirs = announcing.owner(VIP, service(VIP), nodes, [])
    (me,) = {"n1", "n2"} - {theirs}

    async def scenario() -> None:
        api, neighbours = FakeApi(), OneSegment()
        for each in nodes:
            api.put(each, "nodes")
        api.put(service(VIP), "services")
        api.put(lease(me, me), "leases")
        api.put(lease(theirs, theirs, 1), "leases")
        config = NetworkConfig(node_name=me, balancer_cidrs=("192.0.2.48/28",))
        running = asyncio.create_task(AddressAnnouncer(api.client(), config, neighbours).run())
        async with asyncio.timeout(60):
            await neighbours.changed.wait()
        assert neighbours.held == {("eth0", VIP)}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def _finds(machine: Machine, address: str) -> str:
    """The MAC that the machine has for an address after it tried to reach it."""

    def look() -> str:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as made, contextlib.suppress(OSError):
            made.sendto(b"", (address, 9))
        shown = subprocess.run(["ip", "-json", "neigh", "show", "to", address], capture_output=True, check=True).stdout
        return next((entry.get("lladdr", "") for entry in json.loads(shown or "[]")), "")

    return machine.run(look)


def _until_found(machine: Machine, address: str, mac: str) -> None:
    end = time.monotonic() + 60
    while (found := _finds(machine, address)) != mac:
        assert time.monotonic() < end, f"{address} is at {found!r}, not at {mac}"


def _announce(machine: Machine, name: str, *nodes: Node, gives_up: bool = False) -> None:
    """Runs the announcer until it has done what there is to do. What the kernel was told stays, unless it gives up."""
    api = FakeApi()
    api.put(service(VIP, VIP6), "services")
    for each in nodes:
        api.put(each, "nodes")
        api.put(lease(each.metadata.name or "", "somebody"), "leases")

    async def until_ready() -> None:
        config = NetworkConfig(node_name=name, bridge="pods", balancer_cidrs=(f"{VIP}/32", f"{VIP6}/128"))
        announcer = AddressAnnouncer(api.client(), config, node_client=api.client() if gives_up else None)
        running = asyncio.create_task(announcer.run())
        await asyncio.wait_for(announcer.ready.wait(), 60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    machine.run(asyncio.run, until_ready())


@pytest.mark.e2e
def test_neighbours_find_the_address_and_follow_it() -> None:
    """A client and two nodes on one segment: a node that is lost is replaced at once, and is silent when it is back."""
    macs = {"n1": "02:00:00:00:00:01", "n2": "02:00:00:00:00:02"}
    netlink = KernelNetlink()
    with Machine() as client, Machine() as n1, Machine() as n2:
        machines = {"n1": n1, "n2": n2}
        client.ip("link add segment type bridge", "link set segment up", "address add 192.0.2.1/24 dev segment")
        client.ip("address add 2001:db8::1/64 dev segment nodad")
        for number, (name, machine) in enumerate(machines.items(), start=2):
            client.ip(
                f"link add to-{name} type veth peer name eth0 address {macs[name]} netns {machine.thread}",
                f"link set to-{name} master segment up",
            )
            machine.ip(
                "link set eth0 up", f"address add 192.0.2.{number}/24 dev eth0",
                f"address add 2001:db8::{number}/64 dev eth0 nodad",
            )  # fmt: skip
            for setting in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
                assert machine.run(netlink.sysctl, setting, "1")
            machine.run(netlink.ensure_bridge, "pods", ["10.244.0.1/24", "fd00::1/64"])
            for address in (f"{VIP}/32", f"{VIP6}/128"):
                machine.run(netlink.ensure_route, Route(address, device="pods"))
        both = [node("n1"), node("n2")]
        for name, machine in machines.items():
            _announce(machine, name, *both)
        owners = {address: announcing.owner(address, service(address), both, []) for address in (VIP, VIP6)}
        for address, owner in owners.items():
            _until_found(client, address, macs[owner])
        lost = owners[VIP]
        client.ip(f"link set to-{lost} down")
        (other,) = set(machines) - {lost}
        _announce(machines[other], other, node(other), node(lost, ready=False))
        for address in (VIP, VIP6):
            _until_found(client, address, macs[other])
        client.ip(f"link set to-{lost} up")
        _announce(machines[lost], lost, node(other), node(lost, ready=False))
        assert machines[lost].run(KernelNeighbours().answered) == set()
        assert machines[other].run(KernelNeighbours().answered) != set()
        _announce(machines[other], other, *both, gives_up=True)
        assert machines[other].run(KernelNeighbours().answered) == set()
