"""`pybernetes kubelet`: the kubelet as a process of its own, with upstream's flag names."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pybernetes.kubelet.config import KubeletConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add, switch = parser.add_argument, argparse.BooleanOptionalAction
    add("--kubeconfig", default="", help="how to reach the apiserver; without it only static pods run")
    add("--hostname-override", default="", metavar="NAME", help="name of the Node (default: the host's name)")
    add("--node-ip", default="", metavar="IP", help="the node's address (default: that of the default route)")
    add("--container-runtime-endpoint", default="unix:///run/containerd/containerd.sock", metavar="URL")
    add("--root-dir", default="/var/lib/kubelet", metavar="DIR", help="where pods' volumes and files lie")
    add("--pod-log-dir", default="/var/log/pods", metavar="DIR", help="where containers' logs lie")
    add("--cgroup-root", default="/pybernetes", metavar="PATH", help="cgroup under which pods' cgroups are made")
    add("--cgroups-per-qos", action=argparse.BooleanOptionalAction, default=True)
    add("--cluster-dns", default="10.96.0.10", metavar="IP,...", help="nameservers of pods")
    add("--cluster-domain", default="cluster.local", metavar="DOMAIN")
    add("--resolv-conf", default="/etc/resolv.conf", metavar="FILE", help="resolver configuration of the node")
    add("--pod-manifest-path", default="", metavar="DIR", help="directory of static pods")
    add("--manifest-url", default="", metavar="URL", help="where static pods can be read from")
    add("--manifest-url-header", action="append", default=[], metavar="KEY:VALUE,...", help="sent to --manifest-url")
    add("--http-check-frequency", type=float, default=20.0, metavar="SECONDS", help="how often --manifest-url is asked")
    add("--address", default="0.0.0.0", metavar="IP", help="address of the kubelet's server")
    add("--port", type=int, default=10250, help="port of the kubelet's server; negative serves nothing")
    add("--tls-cert-file", default="", metavar="FILE")
    add("--tls-private-key-file", default="", metavar="FILE")
    add("--bootstrap-kubeconfig", default="", metavar="FILE", help="with it --kubeconfig is made where it is missing")
    add("--rotate-certificates", action=switch, default=False, help="renew the client certificate in time")
    add("--rotate-server-certificates", action=switch, default=False, help="ask the API for the server's certificate")
    add("--cert-dir", default="/var/lib/kubelet/pki", metavar="DIR", help="where these certificates are kept")
    add("--client-ca-file", default="", metavar="FILE", help="CA of clients of the kubelet's server")
    add("--register-node", action=argparse.BooleanOptionalAction, default=True)
    add("--node-labels", default="", metavar="KEY=VALUE,...")
    add("--register-with-taints", default="", metavar="KEY=VALUE:EFFECT,...")
    add("--provider-id", default="", metavar="ID")
    add("--max-pods", type=int, default=110)
    add("--system-reserved", default="", metavar="RESOURCE=QUANTITY,...", help="kept from pods, e.g. cpu=200m")
    add(
        "--kube-reserved",
        default="",
        metavar="RESOURCE=QUANTITY,...",
        help="kept from pods for the node's own processes",
    )
    add(
        "--enforce-node-allocatable",
        default="pods",
        metavar="NAME,...",
        help="whose cgroup is held to its part, or none",
    )
    add("--system-reserved-cgroup", default="", metavar="PATH", help="cgroup of what --system-reserved is for")
    add("--kube-reserved-cgroup", default="", metavar="PATH", help="cgroup of what --kube-reserved is for")
    add("--reserved-cpus", default="", metavar="LIST", help="CPUs kept from pods that get some of their own: 0-1,4")
    add("--cpu-manager-policy", default="none", choices=("none", "static"), help="CPUs of their own for some pods")
    add("--cpu-manager-policy-options", default="", metavar="OPTION=true,...", help="of the static policy")
    policies = ("none", "best-effort", "restricted", "single-numa-node")
    add("--topology-manager-policy", default="none", choices=policies, help="how near devices and CPUs lie together")
    add("--topology-manager-scope", default="container", choices=("container", "pod"), help="of each, or of all")
    add("--shutdown-grace-period", type=int, default=0, metavar="SECONDS", help="how long a shutdown waits for pods")
    add("--shutdown-grace-period-critical-pods", type=int, default=0, metavar="SECONDS", help="the last part of it")
    add("--shutdown-grace-period-by-pod-priority", default="", metavar="PRIORITY=SECONDS,...")
    add("--serialize-image-pulls", action=argparse.BooleanOptionalAction, default=True)
    add("--max-parallel-image-pulls", type=int, default=0, help="with --no-serialize-image-pulls (default: no limit)")
    add("--image-credential-provider-config", default="", metavar="PATH", help="CredentialProviderConfig to read")
    add("--image-credential-provider-bin-dir", default="", metavar="DIR", help="where those programs lie")
    add("--pod-max-pids", type=int, default=-1, help="processes that a pod may have; -1 sets no limit")
    add("--allowed-unsafe-sysctls", default="", metavar="NAME,...", help="that pods may set, or NAME*")
    add("--seccomp-default", action=argparse.BooleanOptionalAction, default=False)
    add("--node-status-update-frequency", type=float, default=10.0, metavar="SECONDS")
    add("--eviction-hard", default=None, metavar="SIGNAL<VALUE,...", help="below this pods end at once")
    add("--eviction-soft", default="", metavar="SIGNAL<VALUE,...", help="below this for a while pods end")
    add("--eviction-soft-grace-period", default="", metavar="SIGNAL=TIME,...")
    add("--eviction-minimum-reclaim", default="", metavar="SIGNAL=VALUE,...")
    add("--eviction-max-pod-grace-period", type=int, default=0, metavar="SECONDS")
    add("--eviction-pressure-transition-period", type=float, default=300.0, metavar="SECONDS")
    add("--image-gc-high-threshold", type=int, default=85, metavar="PERCENT")
    add("--image-gc-low-threshold", type=int, default=80, metavar="PERCENT")


def config_of(args: argparse.Namespace) -> KubeletConfig:
    """Raises ValueError for a flag that cannot be understood."""
    from pybernetes.kubelet.config import KubeletConfig
    from pybernetes.kubelet.containers.sysctls import AllowedSysctls
    from pybernetes.kubelet.eviction import thresholds
    from pybernetes.kubelet.resources import node_allocatable

    config = KubeletConfig(
        node_name=(args.hostname_override or socket.gethostname()).lower(),
        node_ip=args.node_ip,
        cri_endpoint=args.container_runtime_endpoint,
        root_dir=args.root_dir,
        pod_log_dir=args.pod_log_dir,
        cgroup_root=args.cgroup_root if args.cgroups_per_qos else "",
        cluster_dns=[ip for ip in args.cluster_dns.split(",") if ip],
        cluster_domain=args.cluster_domain,
        resolver_config=args.resolv_conf,
        static_pod_path=args.pod_manifest_path,
        static_pod_url=args.manifest_url,
        static_pod_url_headers=_headers(args.manifest_url_header),
        http_check_frequency_s=args.http_check_frequency,
        server_address=args.address,
        server_port=args.port,
        tls_cert_file=args.tls_cert_file,
        tls_private_key_file=args.tls_private_key_file,
        client_ca_file=args.client_ca_file,
        register_node=args.register_node,
        node_labels=_pairs(args.node_labels, "--node-labels"),
        register_with_taints=[_taint(text) for text in args.register_with_taints.split(",") if text],
        provider_id=args.provider_id,
        max_pods=args.max_pods,
        system_reserved=_pairs(args.system_reserved, "--system-reserved"),
        kube_reserved=_pairs(args.kube_reserved, "--kube-reserved"),
        enforce_node_allocatable=_names(args.enforce_node_allocatable),
        system_reserved_cgroup=args.system_reserved_cgroup,
        kube_reserved_cgroup=args.kube_reserved_cgroup,
        reserved_cpus=args.reserved_cpus,
        cpu_manager_policy=args.cpu_manager_policy,
        cpu_manager_policy_options=_options(args.cpu_manager_policy_options, args.cpu_manager_policy),
        topology_manager_policy=args.topology_manager_policy,
        topology_manager_scope=args.topology_manager_scope,
        shutdown_grace_period_s=args.shutdown_grace_period,
        shutdown_grace_period_critical_pods_s=args.shutdown_grace_period_critical_pods,
        shutdown_grace_periods=_periods(args.shutdown_grace_period_by_pod_priority),
        serialize_image_pulls=args.serialize_image_pulls,
        max_parallel_image_pulls=args.max_parallel_image_pulls,
        credential_provider_folder=args.image_credential_provider_bin_dir,
        seccomp_default=args.seccomp_default,
        allowed_sysctls=AllowedSysctls(_names(args.allowed_unsafe_sysctls)),
        pod_max_pids=args.pod_max_pids,
        node_status_update_frequency_s=args.node_status_update_frequency,
        image_gc_high_threshold_percent=args.image_gc_high_threshold,
        image_gc_low_threshold_percent=args.image_gc_low_threshold,
        eviction_soft=_pairs(args.eviction_soft, "--eviction-soft", "<"),
        eviction_soft_grace_period=_pairs(args.eviction_soft_grace_period, "--eviction-soft-grace-period"),
        eviction_minimum_reclaim=_pairs(args.eviction_minimum_reclaim, "--eviction-minimum-reclaim"),
        eviction_max_pod_grace_period_s=args.eviction_max_pod_grace_period,
        eviction_pressure_transition_period_s=args.eviction_pressure_transition_period,
    )
    if args.image_credential_provider_config:
        from pybernetes.kubelet.credential_providers import read

        config.credential_providers = read(Path(args.image_credential_provider_config))
    if args.eviction_hard is not None:
        config.eviction_hard = _pairs(args.eviction_hard, "--eviction-hard", "<")
    thresholds.parse(
        config.eviction_hard, config.eviction_soft, config.eviction_soft_grace_period, config.eviction_minimum_reclaim
    )
    node_allocatable.check_reserved(config.system_reserved, "--system-reserved")
    node_allocatable.check_reserved(config.kube_reserved, "--kube-reserved")
    node_allocatable.check(config.enforce_node_allocatable, config.system_reserved_cgroup, config.kube_reserved_cgroup)
    return config


async def run(args: argparse.Namespace) -> None:
    from pybernetes.client.client import Client
    from pybernetes.cmd.kubelet_identity import Identity
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random
    from pybernetes.kubelet.kubelet import Kubelet

    try:
        config = config_of(args)
    except ValueError as error:
        print(f"pybernetes kubelet: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    if args.bootstrap_kubeconfig and not args.kubeconfig:
        print("pybernetes kubelet: --bootstrap-kubeconfig needs --kubeconfig, which is made with it", file=sys.stderr)
        raise SystemExit(2)
    clock, random = SystemClock(), Random()
    identity = Identity(args, config.node_name, clock, random)
    try:
        transport = await identity.transport() if args.kubeconfig else None
        client = Client(transport, user_agent="kubelet") if transport is not None else None
        kubelet = Kubelet(client, config, clock, random)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kubelet.run())
            if transport is not None:
                tasks.create_task(identity.keep(transport))
                tasks.create_task(identity.keep_server(kubelet, transport))
    except* (OSError, ValueError) as group:
        print(f"pybernetes kubelet: {group.exceptions[0]}", file=sys.stderr)
        raise SystemExit(1) from None


def _options(text: str, policy: str) -> list[str]:
    """Of the CPU manager: the ones that are true."""
    from pybernetes.kubelet.resources.cpus import OPTIONS

    flag = "--cpu-manager-policy-options"
    found = _pairs(text, flag)
    if found and policy != "static":
        raise ValueError(f"{flag} needs --cpu-manager-policy=static")
    for name, value in found.items():
        if name not in OPTIONS:
            raise ValueError(f"{flag}: {name!r} is none of {' and '.join(OPTIONS)}")
        if value not in ("true", "false"):
            raise ValueError(f"{flag}: {name} is true or false, not {value!r}")
    return [name for name, value in found.items() if value == "true"]


def _names(text: str) -> list[str]:
    """Of a list in which `none` stands for an empty one."""
    return [name for name in text.split(",") if name] if text != "none" else []


def _pairs(text: str, flag: str, sign: str = "=") -> dict[str, str]:
    found = {}
    for item in text.split(","):
        key, equals, value = item.partition(sign)
        if item and not equals:
            raise ValueError(f"{flag}: {item!r} is not KEY{sign}VALUE")
        if item:
            found[key] = value
    return found


def _periods(text: str) -> dict[int, int]:
    flag = "--shutdown-grace-period-by-pod-priority"
    try:
        return {int(priority): int(seconds) for priority, seconds in _pairs(text, flag).items()}
    except ValueError:
        raise ValueError(f"{flag}: {text!r} is not PRIORITY=SECONDS,...") from None


def _headers(texts: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in (item for text in texts for item in text.split(",") if item):
        key, colon, value = item.partition(":")
        if not colon:
            raise ValueError(f"--manifest-url-header: {item!r} is not KEY:VALUE")
        found.setdefault(key.strip(), []).append(value.strip())
    return found


def _taint(text: str) -> tuple[str, str, str]:
    rest, colon, effect = text.rpartition(":")
    if not colon or effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise ValueError(f"--register-with-taints: {text!r} is not KEY=VALUE:EFFECT")
    key, _, value = rest.partition("=")
    return key, value, effect
