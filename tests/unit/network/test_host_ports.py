"""Which Pods get which ports of their node, and that the kernel takes the rules."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.host.ip_families import FAMILIES
from pybernetes.network.host_ports import HostPort, host_ports, rules


def pod(ips: str, *ports: dict[str, Any], phase: str = "Running", **spec: Any) -> Pod:
    """`ips` by comma."""
    container = {"name": "c", "ports": list(ports)}
    status = {"podIPs": [{"ip": ip} for ip in ips.split(",") if ip], "phase": phase}
    tree = {"spec": {"containers": [container], **spec}, "status": status}
    return msgspec.convert(tree, Pod)


HTTP = {"containerPort": 8080, "hostPort": 80}


@pytest.mark.parametrize(
    ("made", "found"),
    [
        pytest.param(pod("10.0.0.2", HTTP), [HostPort("tcp", 80, "", "10.0.0.2", 8080)], id="every address"),
        pytest.param(
            pod("10.0.0.2", {**HTTP, "hostIP": "127.0.0.1", "protocol": "UDP"}),
            [HostPort("udp", 80, "127.0.0.1", "10.0.0.2", 8080)],
            id="one address",
        ),
        pytest.param(pod("", HTTP), [], id="no address yet"),
        pytest.param(pod("10.0.0.2", {"containerPort": 8080}), [], id="no host port"),
        pytest.param(pod("10.0.0.2", HTTP, hostNetwork=True), [], id="has the node's network itself"),
        pytest.param(pod("10.0.0.2", HTTP, phase="Succeeded"), [], id="has ended"),
        pytest.param(pod("10.0.0.2", {**HTTP, "hostIP": "2001:db8::1"}), [], id="an address of the other family"),
        pytest.param(pod("fd00::2", HTTP), [HostPort("tcp", 80, "", "fd00::2", 8080)], id="IPv6"),
        pytest.param(
            pod("10.0.0.2,fd00::2", HTTP),
            [HostPort("tcp", 80, "", "10.0.0.2", 8080), HostPort("tcp", 80, "", "fd00::2", 8080)],
            id="both families",
        ),
        pytest.param(
            pod("10.0.0.2,fd00::2", {**HTTP, "hostIP": "::"}),
            [HostPort("tcp", 80, "", "fd00::2", 8080)],
            id="every address of one family",
        ),
    ],
)
def test_ports_of_a_pod(made: Pod, found: list[HostPort]) -> None:
    assert host_ports([made]) == found


def test_one_address_goes_before_all() -> None:
    everywhere, here = pod("10.0.0.2", HTTP), pod("10.0.0.3", {**HTTP, "hostIP": "192.0.2.1"})
    assert [p.pod_ip for p in host_ports([everywhere, here])] == ["10.0.0.3", "10.0.0.2"]
    text = rules("t", "br0", host_ports([here, everywhere]), [FAMILIES[4]])
    lines = [line.strip() for line in text.splitlines() if "dnat to" in line]
    assert lines == ["ip daddr 192.0.2.1 tcp dport 80 dnat to 10.0.0.3:8080", "tcp dport 80 dnat to 10.0.0.2:8080"]


def test_without_ports_there_is_no_table() -> None:
    assert rules("t", "br0", [], [FAMILIES[4]]) == "add table ip t\ndelete table ip t\n"


@pytest.mark.e2e
def test_nft_takes_the_rules() -> None:
    async def check() -> tuple[int, str]:
        both = pod("10.0.0.2,fd00::2", HTTP)
        ports = host_ports([both, *(pod(f"{ip}3", {**HTTP, "hostIP": ip + "1"}) for ip in ("10.0.0.", "fd00::"))])
        text = rules("pybernetes-test-ports", "br0", ports, FAMILIES.values())
        process = await asyncio.create_subprocess_exec(
            "nft", "--check", "-f", "-", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate(text.encode())
        return process.returncode or 0, said.decode()

    assert asyncio.run(check()) == (0, "")
