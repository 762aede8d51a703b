"""`pybernetes controller-manager`: kube-controller-manager as a process of its own, with upstream's flags."""

from __future__ import annotations

import argparse
import dataclasses
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.cmd import lease_flags, serving_flags, signing_flags
from pybernetes.cmd.flag_types import SWITCH, duration, listed

if TYPE_CHECKING:
    from pybernetes.client.client import Client
    from pybernetes.client.kubeconfig import Kubeconfig
    from pybernetes.controllers.config import ControllerManagerConfig

_WORKER_FLAGS = {
    "deployment": "deployment-controller",
    "replicaset": "replicaset-controller",
    "rc": "replicationcontroller-controller",
    "statefulset": "statefulset-controller",
    "daemonset": "daemonset-controller",
    "cron-job": "cronjob-controller",
    "resource-quota": "resourcequota-controller",
    "job": "job-controller",
    "namespace": "namespace-controller",
    "endpoint": "endpoints-controller",
    "service-endpoint": "endpointslice-controller",
    "gc": "garbage-collector-controller",
    "ttl-after-finished": "ttl-after-finished-controller",
    "serviceaccount-token": "serviceaccount-controller",
    "horizontal-pod-autoscaler": "horizontal-pod-autoscaler-controller",
}
_SCALING_FLAGS = (
    ("sync-period", 15.0, "how often each autoscaler is looked at (default 15s)"),
    ("downscale-stabilization", 300.0, "no smaller size than any recommended within this time (default 5m)"),
    ("cpu-initialization-period", 300.0, "after a Pod's start, samples of unready times are skipped (default 5m)"),
    ("initial-readiness-delay", 30.0, "after a Pod's start, getting unready counts as never ready (default 30s)"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", required=True, help="kubeconfig with the address and credentials")
    parser.add_argument(
        "--controllers", default="*", help="names to run, by comma; * for all, -NAME to leave one out (default *)"
    )
    parser.add_argument(
        "--leader-elect",
        **SWITCH,
        default=True,
        help="act only while holding the lease kube-system/kube-controller-manager (default true)",
    )
    lease_flags.add_arguments(parser)
    parser.add_argument(
        "--use-service-account-credentials",
        **SWITCH,
        default=True,
        help="each controller acts as its own ServiceAccount (default true)",
    )
    parser.add_argument("--root-ca-file", default="", help="PEM that kube-root-ca.crt tells every namespace")
    signing_flags.add_arguments(parser)
    serving_flags.add_arguments(parser, 10257)
    nodes = parser.add_argument_group("nodes")
    nodes.add_argument(
        "--cluster-cidr",
        default="10.244.0.0/16",
        help="addresses of Pods, by comma one range of each IP family (default %(default)s)",
    )
    nodes.add_argument("--service-cluster-ip-range", default="10.96.0.0/16", help="of Services (default %(default)s)")
    nodes.add_argument("--node-cidr-mask-size", type=int, default=24, help="size of a node's IPv4 range (default 24)")
    nodes.add_argument("--allocate-node-cidrs", **SWITCH, default=True, help="give nodes their ranges (default true)")
    nodes.add_argument("--node-monitor-period", type=duration, default=5.0, help="(default 5s)")
    nodes.add_argument("--node-monitor-grace-period", type=duration, default=50.0, help="(default 50s)")
    nodes.add_argument("--node-startup-grace-period", type=duration, default=60.0, help="(default 1m)")
    nodes.add_argument("--node-eviction-rate", type=float, default=0.1, help="nodes a second (default 0.1)")
    nodes.add_argument("--secondary-node-eviction-rate", type=float, default=0.01, help="in a zone that fails")
    nodes.add_argument("--unhealthy-zone-threshold", type=float, default=0.55, help="(default 0.55)")
    nodes.add_argument("--large-cluster-size-threshold", type=int, default=50, help="(default 50)")
    parser.add_argument("--load-balancer-pool", default="", help="CIDRs for Services; without, the nodes' addresses")
    parser.add_argument("--terminated-pod-gc-threshold", type=int, default=12500, help="finished Pods that may stay")
    scaling = parser.add_argument_group("horizontal Pod autoscaling")
    for flag, default, text in _SCALING_FLAGS:
        scaling.add_argument(f"--horizontal-pod-autoscaler-{flag}", type=duration, default=default, help=text)
    scaling.add_argument(
        "--horizontal-pod-autoscaler-tolerance", type=float, default=0.1, help="change of a ratio that counts as none"
    )
    parser.add_argument(
        "--feature-gates", action="append", default=[], help="features on or off: Name=true,… (AllAlpha, AllBeta too)"
    )
    workers = parser.add_argument_group("workers")
    for flag, name in _WORKER_FLAGS.items():
        workers.add_argument(f"--concurrent-{flag}-syncs", type=int, default=0, help=f"of the {name}")


async def run(args: argparse.Namespace) -> None:
    """Raises KubeconfigError, ValueError or OSError with one line for the user."""
    from pybernetes.client.kubeconfig import load
    from pybernetes.cmd import secure_serving
    from pybernetes.controllers.manager import ControllerManager
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random

    random = Random()
    config = configuration(args, f"{socket.gethostname()}_{random.uid()}")
    client_for = remote_client_for(load(args.kubeconfig), args.use_service_account_credentials)
    manager = ControllerManager(client_for, config, SystemClock(), random)
    pages = secure_serving.Pages("kubecontrollermanager.config.k8s.io", manager.metrics, config)
    for name, check in manager.checks().items():
        pages.health.add(name, check, ("healthz",))
    async with secure_serving.serving(args, pages, client_for(""), SystemClock()):
        await manager.run_in_order()


def configuration(args: argparse.Namespace, identity: str) -> ControllerManagerConfig:
    from pybernetes.apimachinery import features
    from pybernetes.controllers.config import ControllerManagerConfig, HorizontalPodAutoscalerSettings

    return ControllerManagerConfig(
        controllers=[name for name in args.controllers.split(",") if name],
        leader_elect=args.leader_elect,
        **lease_flags.settings(args),
        identity=identity,
        root_ca_pem=Path(args.root_ca_file).read_text() if args.root_ca_file else "",
        **signing_flags.settings(args),
        load_balancer_pool=listed(args.load_balancer_pool),
        cluster_cidr=args.cluster_cidr,
        node_cidr_mask_size=args.node_cidr_mask_size,
        allocate_node_cidrs=args.allocate_node_cidrs,
        service_cidr=args.service_cluster_ip_range,
        node_monitor_period_s=args.node_monitor_period,
        node_monitor_grace_period_s=args.node_monitor_grace_period,
        node_startup_grace_period_s=args.node_startup_grace_period,
        node_eviction_rate=args.node_eviction_rate,
        secondary_node_eviction_rate=args.secondary_node_eviction_rate,
        unhealthy_zone_threshold=args.unhealthy_zone_threshold,
        large_cluster_size_threshold=args.large_cluster_size_threshold,
        terminated_pod_gc_threshold=args.terminated_pod_gc_threshold,
        horizontal_pod_autoscaler=HorizontalPodAutoscalerSettings(
            sync_period_s=args.horizontal_pod_autoscaler_sync_period,
            downscale_stabilization_s=args.horizontal_pod_autoscaler_downscale_stabilization,
            tolerance=args.horizontal_pod_autoscaler_tolerance,
            cpu_initialization_period_s=args.horizontal_pod_autoscaler_cpu_initialization_period,
            initial_readiness_delay_s=args.horizontal_pod_autoscaler_initial_readiness_delay,
        ),
        feature_gates=features.parse(args.feature_gates),
        concurrent_syncs={
            name: count
            for flag, name in _WORKER_FLAGS.items()
            if (count := getattr(args, f"concurrent_{flag.replace('-', '_')}_syncs")) > 0
        },
    )


def remote_client_for(kubeconfig: Kubeconfig, own_accounts: bool) -> Callable[[str], Client]:
    """`client_for` of a process of its own: one connection pool for each ServiceAccount."""
    from pybernetes.client.client import Client
    from pybernetes.client.service_account import ServiceAccountTransport

    own = kubeconfig.transport()
    itself, figures = Client(own, "kube-controller-manager"), own.figures
    bare = dataclasses.replace(
        kubeconfig, certificate_pem=None, key_pem=None, token="", token_file="", username="", password=""
    )
    made: dict[str, Client] = {"": itself}

    def client_for(service_account: str) -> Client:
        if service_account not in made:
            agent = f"kube-controller-manager/{service_account}"
            if own_accounts:
                plain = bare.transport()
                plain.figures = figures
                transport = ServiceAccountTransport(itself, plain, "kube-system", service_account)
                made[service_account] = Client(transport, agent)
            else:
                made[service_account] = itself.with_user_agent(agent)
        return made[service_account]

    return client_for
