"""The etcd of a cluster with `--store etcd`, with keys of its own CA: a member on the loopback only, or one a machine
of the control plane.

No certificate of the cluster opens it, only the one that the apiserver has for it.
"""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.pki import ETCD_CA, ETCD_CLIENT, ETCD_SERVER, Pki
from pybernetes.cluster.spec import ClusterSpec

if TYPE_CHECKING:
    from pybernetes.storage.etcd_client import EtcdConfig

_REQUEST_BYTES = 8 << 20
_QUOTA_BYTES = 8 << 30
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def program(name: str = "etcd") -> str:
    """Raises ClusterError where it is not installed."""
    package = "etcd-server" if name == "etcd" else "etcd-client"
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/bin:/usr/bin")
    if found is None:
        raise ClusterError(f"{name} is missing; install it: apt-get install {package}")
    return found


@dataclass(frozen=True, slots=True)
class Member:
    machine: str
    """"" on the host."""
    name: str
    client: str
    """URL for clients."""
    peer: str
    """URL for the other members."""
    data: Path


def members(spec: ClusterSpec, layout: Layout) -> list[Member]:
    """In the order of their machines."""
    name = f"pybernetes-{spec.name}"
    found = []
    for machine in spec.control_plane_names or [""]:
        address = spec.address_of(machine) if machine else "127.0.0.1"
        client, peer = (f"https://{address}:{port}" for port in (spec.etcd_port, spec.etcd_peer_port))
        full = f"{name}-{machine}" if machine else name
        found.append(Member(machine, full, client, peer, layout.etcd / machine if machine else layout.etcd))
    return found


def command(spec: ClusterSpec, layout: Layout, machine: str = "") -> tuple[str, ...]:
    keys = Pki(layout.pki)
    everyone = members(spec, layout)
    me = next(member for member in everyone if member.machine == machine)
    cert, key, ca = (
        str(path) for path in (keys.certificate(ETCD_SERVER), keys.key(ETCD_SERVER), keys.certificate(ETCD_CA))
    )
    return (
        program(), "--name", me.name, "--data-dir", str(me.data),
        "--listen-client-urls", me.client, "--advertise-client-urls", me.client,
        "--listen-peer-urls", me.peer, "--initial-advertise-peer-urls", me.peer,
        "--initial-cluster", ",".join(f"{member.name}={member.peer}" for member in everyone),
        "--cert-file", cert, "--key-file", key, "--trusted-ca-file", ca, "--client-cert-auth",
        "--peer-cert-file", cert, "--peer-key-file", key, "--peer-trusted-ca-file", ca, "--peer-client-cert-auth",
        "--enable-grpc-gateway=false", "--logger", "zap", "--log-level", "warn",
        "--max-request-bytes", str(_REQUEST_BYTES), "--quota-backend-bytes", str(_QUOTA_BYTES),
    )  # fmt: skip


def environment() -> dict[str, str]:
    """etcd 3.4 has to be told that other architectures than amd64 are wanted."""
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return {} if machine == "amd64" else {"ETCD_UNSUPPORTED_ARCH": machine}


def config(spec: ClusterSpec, layout: Layout) -> EtcdConfig:
    """How the apiserver gets to the etcd of the cluster, its own or a given one."""
    from pybernetes.storage.etcd_client import EtcdConfig

    if not spec.local_etcd:
        return EtcdConfig(
            spec.etcd_servers,
            spec.etcd_prefix,
            spec.etcd_ca_file,
            spec.etcd_cert_file,
            spec.etcd_key_file,
            spec.etcd_user_file,
        )
    keys = Pki(layout.pki)
    return EtcdConfig(
        spec.etcd_servers,
        spec.etcd_prefix,
        str(keys.certificate(ETCD_CA)),
        str(keys.certificate(ETCD_CLIENT)),
        str(keys.key(ETCD_CLIENT)),
    )
