"""`pybernetes kubelet`: the kubelet as a process of its own, with upstream's flag names."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.apimachinery import features
from pybernetes.kubelet.configuration.kinds import taint
from pybernetes.kubelet.containers.sysctls import AllowedSysctls
from pybernetes.kubelet.resources.topology import POLICIES, SCOPES

if TYPE_CHECKING:
    from pybernetes.kubelet.config import KubeletConfig


_DEFAULTS = {"healthz_port": 10248, "fail_swap_on": True}
"""Upstream's. The nodes of `pybernetes up` may be many on one machine, and run on any."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Without a flag what the file says holds, and without that the default of KubeletConfig."""
    add, switch = parser.add_argument, argparse.BooleanOptionalAction
    add("--config", default="", metavar="FILE", help="KubeletConfiguration to read; flags have the last word")
    add("--config-dir", default="", metavar="DIR", help="folder of files NAME.conf that change it, in their order")
    add("--kubeconfig", default="", help="how to reach the apiserver; without it only static pods run")
    add("--bootstrap-kubeconfig", default="", metavar="FILE", help="with it --kubeconfig is made where it is missing")
    add("--cert-dir", default="/var/lib/kubelet/pki", metavar="DIR", help="where these certificates are kept")
    add("--hostname-override", default="", metavar="NAME", help="name of the Node (default: the host's name)")
    add("--image-credential-provider-config", default="", metavar="PATH", help="CredentialProviderConfig to read")
    add("--feature-gates", action="append", default=[], help="features on or off: Name=true,… (AllAlpha, AllBeta too)")
    add("--node-ip", metavar="IP", help="the node's address (default: that of the default route)")
    add("--container-runtime-endpoint", dest="cri_endpoint", metavar="URL")
    add("--root-dir", metavar="DIR", help="where pods' volumes and files lie (default /var/lib/kubelet)")
    add("--pod-log-dir", metavar="DIR", help="where containers' logs lie (default /var/log/pods)")
    add("--cgroup-root", metavar="PATH", help="cgroup under which pods' cgroups are made (default /pybernetes)")
    add("--cgroups-per-qos", action=switch)
    add("--cluster-dns", metavar="IP,...", help="nameservers of pods (default 10.96.0.10)")
    add("--cluster-domain", metavar="DOMAIN")
    add("--resolv-conf", dest="resolver_config", metavar="FILE", help="resolver configuration of the node")
    add("--pod-manifest-path", dest="static_pod_path", metavar="DIR", help="directory of static pods")
    add("--manifest-url", dest="static_pod_url", metavar="URL", help="where static pods can be read from")
    add(
        "--manifest-url-header",
        dest="static_pod_url_headers",
        action="append",
        metavar="KEY:VALUE,...",
        help="sent to --manifest-url",
    )
    add("--http-check-frequency", dest="http_check_frequency_s", type=float, metavar="SECONDS")
    add("--enable-server", action=switch, help="serve logs, exec and statistics (default: yes)")
    add("--address", dest="server_address", metavar="IP", help="address of the kubelet's server")
    add("--port", dest="server_port", type=int, help="port of the kubelet's server (default 10250)")
    add("--healthz-port", type=int, help="port of /healthz for everybody (default 10248); 0 for none")
    add("--healthz-bind-address", dest="healthz_address", metavar="IP")
    add("--tls-cert-file", metavar="FILE")
    add("--tls-private-key-file", metavar="FILE")
    add("--client-ca-file", metavar="FILE", help="CA of clients of the kubelet's server")
    add("--rotate-certificates", action=switch, help="renew the client certificate in time")
    add("--rotate-server-certificates", action=switch, help="ask the API for the server's certificate")
    add("--register-node", action=switch)
    add("--node-labels", metavar="KEY=VALUE,...")
    add("--register-with-taints", metavar="KEY=VALUE:EFFECT,...")
    add("--provider-id", metavar="ID")
    add("--max-pods", type=int, help="default 110")
    add("--pods-per-core", type=int, help="a second limit of pods; 0 for none")
    add("--system-reserved", metavar="RESOURCE=QUANTITY,...", help="kept from pods, e.g. cpu=200m")
    add("--kube-reserved", metavar="RESOURCE=QUANTITY,...", help="kept from pods for the node's own processes")
    add("--enforce-node-allocatable", metavar="NAME,...", help="whose cgroup is held to its part, or none")
    add("--system-reserved-cgroup", metavar="PATH", help="cgroup of what --system-reserved is for")
    add("--kube-reserved-cgroup", metavar="PATH", help="cgroup of what --kube-reserved is for")
    add("--reserved-cpus", metavar="LIST", help="CPUs kept from pods that get some of their own: 0-1,4")
    add("--cpu-manager-policy", metavar="POLICY", help="none or static: CPUs of their own for some pods")
    add("--cpu-manager-policy-options", metavar="OPTION=true,...", help="of the static policy")
    add("--memory-manager-policy", metavar="POLICY", help="None or Static: memory of NUMA nodes of their own for some")
    add("--reserved-memory", metavar="NODE:memory=AMOUNT,...;...", help="of which NUMA nodes the reserved memory is")
    add(
        "--topology-manager-policy",
        metavar="POLICY",
        help=f"how near what a pod gets lies together: {', '.join(POLICIES)}",
    )
    add("--topology-manager-scope", metavar="SCOPE", help=f"of each, or of all: {' or '.join(SCOPES)}")
    add("--topology-manager-policy-options", metavar="OPTION=VALUE,...", help="how nodes are chosen, and of how many")
    add("--fail-swap-on", action=switch, help="do not start on a machine with swap (default: yes)")
    add("--shutdown-grace-period", dest="shutdown_grace_period_s", type=int, metavar="SECONDS")
    add(
        "--shutdown-grace-period-critical-pods",
        dest="shutdown_grace_period_critical_pods_s",
        type=int,
        metavar="SECONDS",
        help="the last part of how long a shutdown waits for pods",
    )
    add("--shutdown-grace-period-by-pod-priority", dest="shutdown_grace_periods", metavar="PRIORITY=SECONDS,...")
    add("--serialize-image-pulls", action=switch)
    add("--max-parallel-image-pulls", type=int, help="with --no-serialize-image-pulls (default: no limit)")
    add(
        "--image-credential-provider-bin-dir",
        dest="credential_provider_folder",
        metavar="DIR",
        help="where those programs lie",
    )
    add("--pod-max-pids", type=int, help="processes that a pod may have; -1, the default, sets no limit")
    add("--allowed-unsafe-sysctls", dest="allowed_sysctls", metavar="NAME,...", help="that pods may set, or NAME*")
    add("--seccomp-default", action=switch)
    add("--node-status-update-frequency", dest="node_status_update_frequency_s", type=float, metavar="SECONDS")
    add("--node-status-max-images", type=int, help="how many images the Node names; -1 for all")
    add("--eviction-hard", metavar="SIGNAL<VALUE,...", help="below this pods end at once")
    add("--eviction-soft", metavar="SIGNAL<VALUE,...", help="below this for a while pods end")
    add("--eviction-soft-grace-period", metavar="SIGNAL=TIME,...")
    add("--eviction-minimum-reclaim", metavar="SIGNAL=VALUE,...")
    add("--eviction-max-pod-grace-period", dest="eviction_max_pod_grace_period_s", type=int, metavar="SECONDS")
    add(
        "--eviction-pressure-transition-period",
        dest="eviction_pressure_transition_period_s",
        type=float,
        metavar="SECONDS",
    )
    add("--image-gc-high-threshold", dest="image_gc_high_threshold_percent", type=int, metavar="PERCENT")
    add("--image-gc-low-threshold", dest="image_gc_low_threshold_percent", type=int, metavar="PERCENT")


def config_of(args: argparse.Namespace) -> KubeletConfig:
    """What the file says and then the flags. Raises ValueError with one line."""
    from pybernetes.kubelet.config import KubeletConfig
    from pybernetes.kubelet.configuration import checks, reading

    settings: dict[str, Any] = _DEFAULTS | reading.read(args.config, args.config_dir, _tell)
    for field in dataclasses.fields(KubeletConfig):
        said = getattr(args, field.name, None)
        if said is not None and field.name != "feature_gates":
            settings[field.name] = _READ[field.name](said) if field.name in _READ else said
    settings["feature_gates"] = settings.get("feature_gates", {}) | features.parse(args.feature_gates)
    if args.image_credential_provider_config:
        from pybernetes.kubelet.credential_providers import read

        settings["credential_providers"] = read(Path(args.image_credential_provider_config))
    config = KubeletConfig(node_name=(args.hostname_override or socket.gethostname()).lower(), **settings)
    checks.check(config)
    for warning in features.FeatureGates(config.feature_gates).warnings():
        _tell(warning)
    return config


def _tell(line: str) -> None:
    print(f"pybernetes kubelet: {line}", file=sys.stderr)


async def run(args: argparse.Namespace) -> int:
    from pybernetes.client.client import Client
    from pybernetes.cmd.kubelet_identity import Identity
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random
    from pybernetes.kubelet.kubelet import Kubelet

    try:
        config = config_of(args)
    except ValueError as error:
        _tell(str(error))
        raise SystemExit(2) from None
    if args.bootstrap_kubeconfig and not args.kubeconfig:
        _tell("--bootstrap-kubeconfig needs --kubeconfig, which is made with it")
        raise SystemExit(2)
    clock, random = SystemClock(), Random()
    identity = Identity(args, config.node_name, clock, random)
    failure: BaseException | None = None
    try:
        transport = await identity.transport() if args.kubeconfig else None
        client = Client(transport, user_agent="kubelet") if transport is not None else None
        kubelet = Kubelet(client, config, clock, random)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kubelet.run())
            if transport is not None:
                if config.rotate_certificates:
                    tasks.create_task(identity.keep(transport))
                if config.rotate_server_certificates:
                    tasks.create_task(identity.keep_server(kubelet, transport))
    except* (OSError, ValueError) as group:
        failure = group
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if failure is not None:
        _tell(str(failure))
    return int(failure is not None)


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


def _taints(text: str) -> list[tuple[str, str, str]]:
    return [_taint(item) for item in text.split(",") if item]


def _taint(text: str) -> tuple[str, str, str]:
    rest, _, effect = text.rpartition(":")
    key, _, value = rest.partition("=")
    try:
        return taint(key, value, effect)
    except ValueError:
        raise ValueError(f"--register-with-taints: {text!r} is not KEY=VALUE:EFFECT") from None


def _reserved_memory(text: str) -> list[tuple[int, dict[str, str]]]:
    found = []
    for part in filter(None, text.split(";")):
        node, colon, amounts = part.partition(":")
        if not colon or not node.isdecimal():
            raise ValueError(f"--reserved-memory: {part!r} is not NODE:memory=AMOUNT,...")
        found.append((int(node), _pairs(amounts, "--reserved-memory")))
    return found


def _pairs_of(flag: str, sign: str = "=") -> Callable[[str], dict[str, str]]:
    return lambda text: _pairs(text, flag, sign)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "cluster_dns": lambda text: [ip for ip in text.split(",") if ip],
    "static_pod_url_headers": _headers,
    "node_labels": _pairs_of("--node-labels"),
    "register_with_taints": _taints,
    "system_reserved": _pairs_of("--system-reserved"),
    "kube_reserved": _pairs_of("--kube-reserved"),
    "enforce_node_allocatable": _names,
    "cpu_manager_policy_options": _pairs_of("--cpu-manager-policy-options"),
    "reserved_memory": _reserved_memory,
    "topology_manager_policy_options": _pairs_of("--topology-manager-policy-options"),
    "shutdown_grace_periods": _periods,
    "allowed_sysctls": lambda text: AllowedSysctls(_names(text)),
    "eviction_hard": _pairs_of("--eviction-hard", "<"),
    "eviction_soft": _pairs_of("--eviction-soft", "<"),
    "eviction_soft_grace_period": _pairs_of("--eviction-soft-grace-period"),
    "eviction_minimum_reclaim": _pairs_of("--eviction-minimum-reclaim"),
}
"""Of the texts of flags what KubeletConfig has."""
