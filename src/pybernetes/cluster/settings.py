"""Settings of a cluster that may be given at any `up`: checked before anything is done with them."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pybernetes.apimachinery import names
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import MAX_SIMULATED_NODES, ClusterSpec, overlap, ranges

ETCD_FILES = ("etcd_ca_file", "etcd_cert_file", "etcd_key_file", "etcd_user_file")
"""What opens a given etcd."""

NODES_OWN = frozenset(
    {
        *("node_ip", "cri_endpoint", "root_dir", "pod_log_dir", "cgroup_root", "cluster_dns", "cluster_domain"),
        *("static_pod_path", "server_address", "server_port", "tls_cert_file", "tls_private_key_file"),
        *("client_ca_file", "rotate_certificates", "rotate_server_certificates"),
    }
)
"""What the cluster says of each node: attributes of KubeletConfig."""


def check(settings: dict[str, Any]) -> None:
    """Raises ClusterError for one that cannot be."""
    if file := settings.get("encryption_config"):
        from pybernetes.storage.encryption import configuration

        try:
            configuration.read(Path(file))
        except ValueError as error:
            raise ClusterError(str(error)) from None
    if file := settings.get("kubelet_config"):
        _check_kubelet_config(file)
    _check_apis(settings.get("feature_gates", ""), settings.get("runtime_config", ""))
    domain = settings.get("cluster_domain")
    if domain is not None and (problems := names.dns1123_subdomain(domain)):
        raise ClusterError(f"--cluster-domain {domain!r} cannot be: {problems[0]}")
    if pool := settings.get("load_balancer_pool"):
        _check_pool(pool)
    if schedule := settings.get("snapshot_schedule"):
        from pybernetes.apimachinery.cron import ScheduleError, parse

        try:
            parse(schedule)
        except ScheduleError as error:
            raise ClusterError(
                f'--snapshot-schedule {schedule!r} cannot be ({error}); write it as cron does: "0 */6 * * *"'
            ) from None
    _check_simulation(settings)
    _check_etcd_files(settings)
    if settings.get("snapshot_keep", 1) < 1:
        raise ClusterError(f"--snapshot-keep {settings['snapshot_keep']} cannot be; keep one at least")


def with_digests(settings: dict[str, Any]) -> dict[str, Any]:
    """With what tells that a file which is read at starts alone has other contents now. They have been checked."""
    if (file := settings.get("kubelet_config")) is None:
        return settings
    from hashlib import sha256

    digest = sha256(Path(file).read_bytes()).hexdigest() if file else ""
    return {**settings, "kubelet_config_digest": digest}


def of_nodes_alone(before: ClusterSpec, now: ClusterSpec) -> bool:
    """Whether nothing differs but what kubelets read."""
    told = {name: getattr(now, name) for name in ("kubelet_config", "kubelet_config_digest")}
    return dataclasses.replace(before, **told) == now


def kubelet_settings(file: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """What the file says for all nodes, by attribute of KubeletConfig. `tell` takes what makes no difference.

    Raises ValueError with one line for one that nodes of a cluster cannot have, whatever their machine.
    """
    from pybernetes.kubelet.config import KubeletConfig
    from pybernetes.kubelet.configuration import checks, reading

    said = reading.read(file, "", tell)
    if own := reading.names_of(said.keys() & NODES_OWN):
        raise ValueError(f"kubelet configuration {file}: {own[0]} is for the cluster to say; leave it out")
    checks.check(KubeletConfig("", **said))
    return said


def _check_kubelet_config(file: str) -> None:
    from pybernetes.apimachinery.features import FeatureGates
    from pybernetes.kubelet import giving
    from pybernetes.kubelet.config import KubeletConfig
    from pybernetes.kubelet.configuration.checks import refuse_machine
    from pybernetes.kubelet.node.usage import meminfo
    from pybernetes.kubelet.resources.cgroups import detect

    lines: list[str] = []
    try:
        config = KubeletConfig("", **kubelet_settings(file, lines.append))
        refuse_machine(config, detect().version, meminfo()["SwapTotal"])
        giving.check(config)
    except ValueError as error:
        raise ClusterError(str(error)) from None
    for line in (*lines, *FeatureGates(config.feature_gates).warnings()):
        print(line, file=sys.stderr)


def check_nodes(spec: ClusterSpec, layout: Layout) -> None:
    """Raises ClusterError where what a node has given to containers does not go with the kubelets' configuration."""
    from pybernetes.kubelet import giving
    from pybernetes.kubelet.config import KubeletConfig

    said = kubelet_settings(spec.kubelet_config, lambda line: None) if spec.kubelet_config else {}
    for node in spec.node_names:
        try:
            giving.check_left(KubeletConfig(node, **said, root_dir=str(layout.node(node).kubelet)))
        except ValueError as error:
            raise ClusterError(f"{node}: {error}") from None


def check_store(spec: ClusterSpec) -> None:
    """Raises ClusterError for keys that do not go with the cluster's store."""
    if any(getattr(spec, name) for name in ETCD_FILES) and not spec.store.startswith("etcd="):
        raise ClusterError(
            "--etcd-cafile, --etcd-certfile, --etcd-keyfile and --etcd-user-file go with --store etcd=URL,..."
        )
    if bool(spec.etcd_cert_file) != bool(spec.etcd_key_file):
        raise ClusterError("--etcd-certfile and --etcd-keyfile go together; give both")


def check_pool_apart(spec: ClusterSpec) -> None:
    """Raises ClusterError for a pool with addresses that the cluster has for something else."""
    machines = [*spec.node_names, *spec.control_plane_names]
    theirs = [
        *(("of Pods", cidr) for cidr in ranges(spec.pod_cidr)),
        *(("of Services", cidr) for cidr in ranges(spec.service_cidr)),
        *(("of the host", address) for address in (spec.gateways if spec.own_namespaces else ())),
        *((f"of {machine}", address) for machine in machines for address in spec.addresses_of(machine) if address),
    ]
    for cidr in spec.balancer_cidrs:
        for whose, other in theirs:
            if overlap(ip_network(cidr), ip_network(other)):
                raise ClusterError(
                    f"--load-balancer-pool {spec.load_balancer_pool!r} cannot be: {other} is {whose}; "
                    "name addresses that nothing has"
                )


def _check_etcd_files(settings: dict[str, Any]) -> None:
    for name in ETCD_FILES:
        if path := settings.get(name):
            try:
                with Path(path).open("rb"):
                    pass
            except OSError as error:
                raise ClusterError(f"cannot read {path}: {error.strerror}") from None
    if path := settings.get("etcd_user_file"):
        from pybernetes.storage.etcd_client import read_user
        from pybernetes.storage.store import StoreError

        try:
            read_user(path)
        except StoreError as error:
            raise ClusterError(str(error)) from None


def _check_simulation(settings: dict[str, Any]) -> None:
    if not 0 <= settings.get("simulated_nodes", 0) <= MAX_SIMULATED_NODES:
        raise ClusterError(
            f"--simulated-nodes {settings['simulated_nodes']} cannot be; name a number up to {MAX_SIMULATED_NODES}"
        )
    if settings.get("simulated_zones", 0) < 0:
        raise ClusterError(f"--simulated-zones {settings['simulated_zones']} cannot be; name how many there are to be")
    if text := settings.get("simulated_capacity"):
        try:
            capacity(text)
        except ValueError:
            raise ClusterError(
                f"--simulated-capacity {text} cannot be; write it such as cpu=8,memory=32Gi,pods=110"
            ) from None


def capacity(text: str) -> dict[str, str]:
    """RESOURCE=QUANTITY,… as a mapping. Raises ValueError."""
    from pybernetes.apimachinery import quantity

    found = {}
    for item in text.split(","):
        name, equals, amount = item.strip().partition("=")
        if not name or not equals:
            raise ValueError(item)
        quantity.value(amount)
        found[name] = amount
    return found


def _check_pool(pool: str) -> None:
    from pybernetes.controllers.service_lb.plan import check_pool

    try:
        check_pool([text.strip() for text in pool.split(",") if text.strip()])
    except ValueError as error:
        raise ClusterError(
            f"--load-balancer-pool {pool!r} cannot be ({error}); "
            "name networks, ranges or addresses: 203.0.113.0/28,198.51.100.7-198.51.100.9"
        ) from None


def _check_apis(feature_gates: str, runtime_config: str) -> None:
    if not feature_gates and not runtime_config:
        return
    from pybernetes.apimachinery import features
    from pybernetes.apiserver import runtime_config as apis

    try:
        gates = features.FeatureGates(features.parse([feature_gates]))
        apis.RuntimeConfig(apis.parse(runtime_config), gates)
    except ValueError as error:
        raise ClusterError(str(error)) from None
