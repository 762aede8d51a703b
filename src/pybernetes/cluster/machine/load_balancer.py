"""The load balancer in front of several apiservers: HAProxy of the distribution, on the host.

It passes TLS through and asks each apiserver's /readyz, so that clients keep one address whatever is lost.
"""

from __future__ import annotations

from pathlib import Path

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.pki import Pki
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.processes import find_program

_UNPRIVILEGED = ("nobody", "nogroup")


def configuration_file(layout: Layout) -> Path:
    return layout.data / "haproxy.cfg"


def command(layout: Layout) -> tuple[str, ...]:
    """Raises ClusterError where it is not installed."""
    program = find_program("haproxy")
    if program is None:
        raise ClusterError("haproxy is missing; install it: apt-get install haproxy")
    return (program, "-db", "-f", str(configuration_file(layout)))


def configuration(spec: ClusterSpec, layout: Layout) -> str:
    """HAProxy's own language. A dead server's connections are cut, so that watches go on with another at once."""
    user, group = _UNPRIVILEGED
    lines = [
        "global",
        f"    user {user}",
        f"    group {group}",
        "    maxconn 4000",
        "defaults",
        "    mode tcp",
        "    timeout connect 2s",
        "    timeout client 1h",
        "    timeout server 1h",
        "    timeout tunnel 24h",
        "    timeout check 2s",
        "    retries 2",
        "    option redispatch 1",
        "frontend api",
        *(f"    bind {address}:{spec.api_port}" for address in spec.api_listens_on),
        "    default_backend apiservers",
        "backend apiservers",
        "    balance leastconn",
        "    option httpchk GET /readyz",
        "    http-check expect status 200",
        f"    default-server check check-ssl verify required ca-file {Pki(layout.pki).ca} inter 1s fall 2 rise 1"
        " observe layer4 error-limit 1 on-error mark-down on-marked-down shutdown-sessions",
    ]
    for machine in spec.control_plane_names:
        lines.append(f"    server {machine} {spec.address_of(machine)}:{spec.api_port}")
    return "\n".join(lines) + "\n"
