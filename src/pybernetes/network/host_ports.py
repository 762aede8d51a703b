"""Pure: from the Pods of a node to the nftables table that brings its host ports to them.

One short chain: only Pods with a hostPort have a rule. Loopback addresses are left with the bridge's
address, so that `curl localhost:PORT` on the node works; from outside nothing may claim to be loopback.
Differs: upstream leaves this to the CNI plugin portmap, which runs iptables for every Pod that starts or ends.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.pods import is_finished, lasting_ports


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    protocol: str
    """tcp, udp or sctp."""
    port: int
    host_ip: str
    """"" for every address of the node."""
    pod_ip: str
    pod_port: int


def uses_host_ports(pod: Pod) -> bool:
    """Whether the Pod wants any port of its node that it does not already have by sharing its network."""
    return not pod.spec.hostNetwork and any(port.hostPort for port in lasting_ports(pod.spec))


def host_ports(pods: Iterable[Pod]) -> list[HostPort]:
    """What to forward now, in an order that does not depend on the Pods'."""
    found: set[HostPort] = set()
    for pod in pods:
        address = pod.status.podIP or ""
        if not uses_host_ports(pod) or "." not in address or is_finished(pod):
            continue
        for port in lasting_ports(pod.spec):
            host_ip = "" if port.hostIP in (None, "", "0.0.0.0", "::") else port.hostIP or ""
            if port.hostPort and _is_ipv4(host_ip or "0.0.0.0"):
                protocol = (port.protocol or "TCP").lower()
                found.add(HostPort(protocol, port.hostPort, host_ip, address, port.containerPort))
    # A port asked for on one address goes before the same port on all.
    return sorted(found, key=lambda p: (not p.host_ip, p))


def rules(table: str, bridge: str, ports: Iterable[HostPort]) -> str:
    """nft commands that make the table anew; without ports they take it away."""
    at = f"ip {table}"
    ports = list(ports)
    forward = [
        f"    {f'ip daddr {p.host_ip} ' if p.host_ip else ''}{p.protocol} dport {p.port} "
        f"dnat to {p.pod_ip}:{p.pod_port}\n"
        for p in ports
    ]
    hairpin = [f"    ip saddr {ip} ip daddr {ip} masquerade\n" for ip in sorted({p.pod_ip for p in ports})]
    if not forward:
        return f"add table {at}\ndelete table {at}\n"
    return (
        f"add table {at}\ndelete table {at}\ntable {at} {{\n"
        f"  chain host-ports {{\n{''.join(forward)}  }}\n"
        "  chain prerouting { type nat hook prerouting priority dstnat; fib daddr type local jump host-ports; }\n"
        "  chain output { type nat hook output priority -100; fib daddr type local jump host-ports; }\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority srcnat;\n"
        f'    oifname "{bridge}" ip saddr 127.0.0.0/8 masquerade\n'
        f"{''.join(hairpin)}"
        "  }\n"
        "  chain guard {\n"
        "    type filter hook prerouting priority raw;\n"
        f'    iifname "{bridge}" ip daddr 127.0.0.0/8 drop\n'
        "  }\n}\n"
    )


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
