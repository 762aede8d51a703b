"""The etcd of a cluster with `--store etcd`: one member, on the loopback only, with keys of its own CA.

No certificate of the cluster opens it, only the one that the apiserver has for it.
"""

from __future__ import annotations

import os
import platform
import shutil

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.pki import ETCD_CA, ETCD_CLIENT, ETCD_SERVER, Pki
from pybernetes.cluster.spec import ClusterSpec
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


def member(spec: ClusterSpec) -> tuple[str, str]:
    """Its name and the URL of its peers, of which there are none."""
    return f"pybernetes-{spec.name}", f"https://127.0.0.1:{spec.etcd_peer_port}"


def command(spec: ClusterSpec, layout: Layout) -> tuple[str, ...]:
    keys = Pki(layout.pki)
    name, peer = member(spec)
    cert, key, ca = (
        str(path) for path in (keys.certificate(ETCD_SERVER), keys.key(ETCD_SERVER), keys.certificate(ETCD_CA))
    )
    (client,) = spec.etcd_servers
    return (
        program(), "--name", name, "--data-dir", str(layout.etcd),
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"{name}={peer}",
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
    if not spec.local_etcd:
        return EtcdConfig(
            spec.etcd_servers, spec.etcd_prefix, spec.etcd_ca_file, spec.etcd_cert_file, spec.etcd_key_file
        )
    keys = Pki(layout.pki)
    return EtcdConfig(
        spec.etcd_servers,
        spec.etcd_prefix,
        str(keys.certificate(ETCD_CA)),
        str(keys.certificate(ETCD_CLIENT)),
        str(keys.key(ETCD_CLIENT)),
    )
