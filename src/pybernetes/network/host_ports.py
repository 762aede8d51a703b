"""Pure: from the Pods of a node to the nftables tables, one of each IP family, that bring its host ports to them.

One short chain: only Pods with a hostPort have a rule. IPv4 loopback addresses are left with the bridge's
address, so that `curl localhost:PORT` on the node works; from outside nothing may claim to be loopback.
Differs: upstream leaves this to the CNI plugin portmap, which runs iptables for every Pod that starts or ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.pods import is_finished, lasting_ports
from pybernetes.host.ip_families import Family, family_of, socket_address

_EVERY = ("0.0.0.0", "::")


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
        if not uses_host_ports(pod) or is_finished(pod):
            continue
        for address in (ip.ip for ip in pod.status.podIPs):
            for port in lasting_ports(pod.spec):
                host_ip = port.hostIP or ""
                if port.hostPort and family_of(host_ip or address) == family_of(address):
                    protocol, host_ip = (port.protocol or "TCP").lower(), "" if host_ip in _EVERY else host_ip
                    found.add(HostPort(protocol, port.hostPort, host_ip, address, port.containerPort))
    # A port asked for on one address goes before the same port on all.
    return sorted(found, key=lambda p: (not p.host_ip, p))


def rules(table: str, bridge: str, ports: Iterable[HostPort], families: Iterable[Family]) -> str:
    """nft commands that make the table of each family anew; without ports they take it away."""
    ports = list(ports)
    return "".join(
        _of_family(table, bridge, [p for p in ports if family_of(p.pod_ip) == family.version], family)
        for family in families
    )


def _of_family(table: str, bridge: str, ports: list[HostPort], family: Family) -> str:
    ip, at = family.table, f"{family.table} {table}"
    if not ports:
        return f"add table {at}\ndelete table {at}\n"
    forward = [
        f"    {f'{ip} daddr {p.host_ip} ' if p.host_ip else ''}{p.protocol} dport {p.port} "
        f"dnat to {socket_address(p.pod_ip, p.pod_port)}\n"
        for p in ports
    ]
    hairpin = [f"    {ip} saddr {each} {ip} daddr {each} masquerade\n" for each in sorted({p.pod_ip for p in ports})]
    own, masquerade, guard = f"fib daddr type local {ip} daddr != {family.loopback}", "", ""
    if family.version == 4:  # no IPv6 packet leaves for another machine with a loopback's address
        own = "fib daddr type local"
        masquerade = f'    oifname "{bridge}" ip saddr {family.loopback} masquerade\n'
        guard = (
            "  chain guard {\n"
            "    type filter hook prerouting priority raw;\n"
            f'    iifname "{bridge}" ip daddr {family.loopback} drop\n'
            "  }\n"
        )
    return (
        f"add table {at}\ndelete table {at}\ntable {at} {{\n"
        f"  chain host-ports {{\n{''.join(forward)}  }}\n"
        f"  chain prerouting {{ type nat hook prerouting priority dstnat; {own} jump host-ports; }}\n"
        f"  chain output {{ type nat hook output priority -100; {own} jump host-ports; }}\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority srcnat;\n"
        f"{masquerade}{''.join(hairpin)}"
        f"  }}\n{guard}}}\n"
    )
