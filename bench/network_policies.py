"""NetworkPolicies on one node: making all rules, changing one thing, and what they cost a new connection.

usage: python bench/network_policies.py [POLICIES]...      as root; prints figures (default 100 and 1,000 policies)

Ten Pods a policy, in ten namespaces; 100 of them are on the node. Half of the policies let a namespace in, half an
address range. Everything happens in network namespaces of the bench's own.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec

from pybernetes.api.core.v1 import Pod
from pybernetes.api.networking.v1 import NetworkPolicy
from pybernetes.host.nft import LibNft
from pybernetes.network.policy_table import PolicyTable
from tests.network_machine import Machine

NAMESPACES, LOCAL, CONNECTIONS = 10, 100, 1000
SERVER, CLIENT = "10.244.0.1", "10.244.1.1"


def key(number: int, kind: str) -> tuple[str, str]:
    return f"ns-{number % NAMESPACES}", f"{kind}-{number}"


def pod(number: int, label: int | None = None, address: str = "") -> Pod:
    namespace, name = key(number, "pod")
    local = number < LOCAL
    address = address or (f"10.244.0.{number + 1}" if local else f"10.244.{number // 250 + 2}.{number % 250 + 1}")
    labels = {"app": f"a{number if label is None else label}"}
    tree = {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"nodeName": "here" if local else "there", "containers": [{"name": "c"}]},
        "status": {"podIP": address, "podIPs": [{"ip": address}]},
    }
    return msgspec.convert(tree, Pod)


def policy(number: int) -> NetworkPolicy:
    peer: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"name": f"ns-{number // 2 % NAMESPACES}"}}}
    if number % 2:
        peer = {"ipBlock": {"cidr": f"10.{number % 200}.0.0/16", "except": [f"10.{number % 200}.7.0/24"]}}
    rules = [{"from": [peer], "ports": [{"port": 8080}, {"port": 9000, "endPort": 9100}]}]
    spec = {"podSelector": {"matchLabels": {"app": f"a{number % LOCAL}"}}, "ingress": rules}
    namespace, name = key(number, "policy")
    return msgspec.convert({"metadata": {"name": name, "namespace": namespace}, "spec": spec}, NetworkPolicy)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of this process's processor time, and of the clock."""
    used, began = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - used) * 1e3, (time.perf_counter() - began) * 1e3


def rules(machine: Machine, count: int) -> None:
    nft = machine.run(LibNft)
    table = PolicyTable("bench", "here", "pods")

    def fill() -> None:
        for number in range(NAMESPACES):
            table.set_namespace(f"ns-{number}", {"name": f"ns-{number}"})
        for number in range(count):
            table.set_policy(key(number, "policy"), policy(number))
        for number in range(count * 10):
            table.set_pod(key(number, "pod"), pod(number))
        table.set_pod(("ns-0", "client"), pod(NAMESPACES * LOCAL, address=CLIENT))

    def sync() -> None:
        if text := table.commands():
            machine.run(nft.apply, text)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    known, written = timed(fill), timed(sync)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    changes: dict[str, list[tuple[float, float]]] = {"a Pod elsewhere": [], "a Pod of the node": [], "a policy": []}
    for turn in range(1, 21):
        far = count * 10 + turn
        for what, change in (
            ("a Pod elsewhere", lambda far=far: table.set_pod(key(far, "pod"), pod(far))),
            ("a Pod of the node", lambda turn=turn: table.set_pod(key(turn, "pod"), pod(turn, turn + 1))),
            ("a policy", lambda turn=turn: table.set_policy(key(turn, "policy"), policy(turn + 1))),
        ):
            changes[what].append(timed(lambda change=change: (change(), sync())))
    print(
        f"{count:5} policies, {count * 10} Pods: known after {known[0]:.0f} ms, written in {written[0]:.0f} ms of "
        f"processor ({written[1]:.0f} ms), {grown:.0f} MB"
    )
    for what, found in changes.items():
        used, took = (statistics.median(each) for each in zip(*found, strict=True))
        print(f"      {what} changes: {used:.2f} ms of processor, {took:.2f} ms")


def connections(client: Machine, port: int) -> float:
    """Median microseconds of a connect, from one Pod's address to another's."""

    def connect() -> list[float]:
        found = []
        for _ in range(CONNECTIONS):
            with socket.socket() as made:
                began = time.perf_counter()
                made.connect((SERVER, port))
                found.append(time.perf_counter() - began)
        return found

    return statistics.median(client.run(connect)) * 1e6


def main(counts: list[int]) -> None:
    if os.geteuid() != 0:
        print("needs root")
        return
    with Machine() as client, Machine() as node, Machine() as server:
        for name, machine, gateway, address in (
            ("to-client", client, "10.244.1.254", CLIENT),
            ("to-server", server, "10.244.0.254", SERVER),
        ):
            node.ip(f"link add {name} type veth peer name eth0 netns {machine.thread}", f"link set {name} up")
            node.ip(f"address add {gateway}/24 dev {name}")
            machine.ip(f"address add {address}/24 dev eth0", "link set eth0 up", f"route add default via {gateway}")
        node.run(Path("/proc/sys/net/ipv4/ip_forward").write_text, "1")
        with server.run(lambda: socket.create_server((SERVER, 8080), backlog=4096)):
            print(f"a connection without policies: {connections(client, 8080):.1f} µs")
            for count in counts:
                rules(node, count)
                print(f"      a connection that they let pass: {connections(client, 8080):.1f} µs")


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [100, 1000])
