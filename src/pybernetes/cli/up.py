"""`pybernetes up`: from nothing to a cluster that answers; harmless where one runs already.

Flow: settle which cluster → prepare keys, files, network → supervisor → API ready → kubeconfig → images and
nodes Ready → example.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.cli.output import Progress, bold
from pybernetes.cli.selection import add_data_dir, add_name, find, own_name, up_command
from pybernetes.cluster import kubeconfig, preparation
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import (
    ETCD,
    INGRESS_PROXY,
    LOAD_BALANCER,
    SIMULATED_NODES,
    process_table,
    record,
    stopped_mark,
    supervisor_command,
)
from pybernetes.cluster.settings import ETCD_FILES, check_nodes, of_nodes_alone
from pybernetes.cluster.spec import (
    CONTROL_PLANE,
    CONTROL_PLANES,
    IP_FAMILIES,
    MAX_NODES,
    MAX_SIMULATED_BESIDE_REAL,
    ClusterSpec,
)
from pybernetes.host.files import exclusive, write_atomic
from pybernetes.host.processes import Process, spawn

if TYPE_CHECKING:
    from pybernetes.cli.bringup import Arrived


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument(
        "--nodes", type=int, metavar="K", help="real nodes, each in its own network namespace (default 1)"
    )
    parser.add_argument(
        "--control-planes",
        type=int,
        metavar="N",
        help="machines of the control plane, each with an etcd, an apiserver, a controller manager and a scheduler "
        "in a network namespace of its own, behind a load balancer (3 or 5; default 1, on the host)",
    )
    parser.add_argument(
        "--simulated-nodes",
        type=int,
        metavar="M",
        help="nodes that only pretend, in addition (default 0; with --runtime simulated 1)",
    )
    parser.add_argument(
        "--simulated-zones", type=int, metavar="Z", help="zones that they are spread over (default 0: none)"
    )
    parser.add_argument(
        "--simulated-capacity",
        metavar="RESOURCE=QUANTITY,...",
        help="what each has (default cpu=32,memory=256Gi,pods=110)",
    )
    parser.add_argument(
        "--store",
        metavar="STORE",
        help="where objects are kept: sqlite (default), etcd (one that is started with the cluster) or etcd=URL,...",
    )
    parser.add_argument("--etcd-prefix", metavar="KEY", help="where they lie in a given etcd (default /registry)")
    parser.add_argument("--etcd-cafile", dest="etcd_ca_file", metavar="FILE", help="CA of a given etcd")
    parser.add_argument("--etcd-certfile", dest="etcd_cert_file", metavar="FILE", help="client certificate for it")
    parser.add_argument("--etcd-keyfile", dest="etcd_key_file", metavar="FILE", help="its key")
    parser.add_argument(
        "--etcd-user-file", metavar="FILE", help="with USER:PASSWORD, for a given etcd with authentication"
    )
    parser.add_argument(
        "--encryption-config",
        metavar="FILE",
        help='EncryptionConfiguration by which objects are encrypted in the store; followed as it changes ("": none)',
    )
    parser.add_argument(
        "--kubelet-config",
        metavar="FILE",
        help='KubeletConfiguration for the nodes: reservations, CPU manager, evictions ("": the defaults)',
    )
    parser.add_argument(
        "--feature-gates",
        metavar="NAME=true,...",
        help='features of the apiserver and the controllers on or off ("": as upstream has them)',
    )
    parser.add_argument(
        "--runtime-config", metavar="KEY=true,...", help='APIs on or off, such as api/beta=true ("": the stable ones)'
    )
    parser.add_argument(
        "--ip-family",
        choices=IP_FAMILIES,
        help="addresses of Pods, Services and nodes: ipv4 (default), ipv6, or both: dual with IPv4 as the primary "
        "family, dual-ipv6 with IPv6",
    )
    parser.add_argument(
        "--cluster-domain", metavar="DOMAIN", help="what the names of Services end with (default cluster.local)"
    )
    parser.add_argument(
        "--load-balancer-pool",
        metavar="CIDR,...",
        help='addresses for Services of type LoadBalancer, also FIRST-LAST ("": those of the nodes)',
    )
    parser.add_argument(
        "--snapshot-schedule",
        metavar="CRON",
        help='when snapshots are saved, in UTC, such as "0 */6 * * *" ("": never)',
    )
    parser.add_argument("--snapshot-keep", type=int, metavar="N", help="how many of those are kept (default 7)")
    parser.add_argument(
        "--snapshot-dir", metavar="DIR", help="where they are saved (default: snapshots in the data directory)"
    )
    parser.add_argument(
        "--runtime",
        choices=["containerd", "simulated"],
        help="what runs the containers: containerd (default), or nothing: simulated nodes, which need no root",
    )
    add_data_dir(parser)
    parser.add_argument(
        "--port", type=int, metavar="PORT", help="port of the API (default: 6443, else the next free one)"
    )
    parser.add_argument(
        "--ingress", action=argparse.BooleanOptionalAction, help="whether Ingresses are served (default: they are)"
    )
    parser.add_argument("--gateway-api", action="store_true", help="install the definitions of the Gateway API")
    parser.add_argument("--no-example", action="store_true", help="start without examples/hello")
    parser.add_argument(
        "--wait",
        type=float,
        default=120,
        metavar="SECONDS",
        help="how long to wait for the cluster (default %(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    wishes = _wishes(args)
    found = find(args.name, args.data_dir)
    simulated = found[0].simulated if found is not None else wishes.runtime == "simulated"
    if sys.platform != "linux" and not simulated:
        raise ClusterError("real nodes need Linux; run this in a Linux machine, or use --runtime simulated")
    if os.geteuid() != 0 and not simulated:
        raise ClusterError(
            f"a cluster with real containers needs root; run: sudo {' '.join(_own_command())} "
            "(or, with nodes that only pretend, add --runtime simulated)"
        )
    progress = Progress()
    files = kubeconfig.user_files(os.environ)
    kubeconfig.check(files)
    try:
        with exclusive(Layout.of(args.name).lock) as mine:
            if not mine:
                raise ClusterError(
                    f"another `up` or `down` of the cluster {args.name!r} is at work; wait for it to end"
                )
            return _up(wishes, args, progress, files)
    except BaseException:
        progress.abandon()
        if find(args.name, args.data_dir) is None:
            Layout.of(args.name).forget_lock()
        raise


def _own_command() -> list[str]:
    program = sys.argv[0]
    return [f"{program} -m pybernetes" if program.endswith("__main__.py") else program, *sys.argv[1:]]


def _wishes(args: argparse.Namespace) -> preparation.Wishes:
    """Raises ClusterError for what this version cannot do."""
    _check_simulation(args)
    store = _store(args.store)
    if args.nodes is not None and not 1 <= args.nodes <= MAX_NODES:
        raise ClusterError(f"--nodes {args.nodes} cannot be; name a number from 1 to {MAX_NODES}")
    if args.control_planes is not None and args.control_planes not in CONTROL_PLANES:
        raise ClusterError(f"--control-planes {args.control_planes} cannot be; it is 1, 3 or 5")
    if (args.control_planes or 1) > 1 and store == "sqlite":
        raise ClusterError("several control planes need --store etcd, which is their default; SQLite is for one")
    if args.port is not None and not 0 < args.port < 65536:
        raise ClusterError(f"--port {args.port} is no port; name one from 1 to 65535")
    return preparation.Wishes(
        args.name,
        args.nodes,
        args.data_dir,
        store,
        args.etcd_prefix,
        args.runtime,
        args.port,
        args.control_planes,
        args.ip_family,
        settings=_settings(args),
    )


def _check_simulation(args: argparse.Namespace) -> None:
    """Raises ClusterError."""
    simulated = args.runtime == "simulated"
    if simulated and args.ip_family:
        raise ClusterError("--runtime simulated has no network; leave out --ip-family")
    if simulated and (args.nodes or (args.control_planes or 1) > 1):
        raise ClusterError("--runtime simulated has no real nodes or machines; name --simulated-nodes alone")
    if args.simulated_nodes and (args.control_planes or 1) > 1:
        raise ClusterError("simulated nodes go with one control plane; leave out --control-planes")
    if args.simulated_nodes == 0 and simulated:
        raise ClusterError("--simulated-nodes 0 leaves no node; name one at least")


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """What was given of that which may change later. Raises ClusterError."""
    found: dict[str, Any] = {}
    for name in ("encryption_config", "kubelet_config", "snapshot_dir", *ETCD_FILES):
        if (path := getattr(args, name)) is not None:
            found[name] = str(Path(path).absolute()) if path else ""
    for name in (
        *("feature_gates", "runtime_config", "cluster_domain", "load_balancer_pool"),
        *("snapshot_schedule", "snapshot_keep"),
        *("simulated_nodes", "simulated_zones", "simulated_capacity", "ingress"),
    ):
        if getattr(args, name) is not None:
            found[name] = getattr(args, name)
    if found:
        from pybernetes.cluster.settings import check, with_digests

        check(found)
        found = with_digests(found)
    return found


def _store(text: str | None) -> str | None:
    """Raises ClusterError unless it is one there is."""
    kind, equals, urls = (text or "sqlite").partition("=")
    servers = [url.strip() for url in urls.split(",") if url.strip()]
    if kind not in ("sqlite", "etcd") or (equals and (kind == "sqlite" or not servers)):
        raise ClusterError(f"--store {text} cannot be; it is sqlite, etcd or etcd=https://HOST:2379,...")
    for url in servers:
        if not url.startswith(("http://", "https://")):
            raise ClusterError(f"--store {text}: {url!r} is no URL; name it as https://HOST:2379")
    return f"etcd={','.join(servers)}" if servers else text


def _up(wishes: preparation.Wishes, args: argparse.Namespace, progress: Progress, files: list[Path]) -> int:
    with preparation.choosing():
        spec, layout, new = preparation.settle(wishes)
        spec = _with_nodes(spec, new)
        before = spec if new else ClusterSpec.read(layout.spec) or spec
        if before.kubelet_config_digest != spec.kubelet_config_digest and not spec.simulated:
            check_nodes(spec, layout)
        claimed = spec
        # What kubelets are configured by counts as theirs only when they have been started with it.
        spec = dataclasses.replace(spec, kubelet_config_digest=before.kubelet_config_digest)
        preparation.claim(spec, layout)
    supervised = Process.recorded(record(layout, "supervisor")) is not None
    listens = LOAD_BALANCER if spec.control_plane_names else CONTROL_PLANE
    serving = Process.recorded(record(layout, listens))
    if serving is None:
        preparation.check_port(spec.api_port)
    with exclusive(layout.preparing):
        alone = not spec.control_plane_names
        early = start_early(spec, layout) if alone and serving is None and not supervised else []
        try:
            spec, renewed = preparation.prepare(spec, layout, time.time(), progress.step)
        except BaseException:
            for process in early:
                process.stop(1)
            raise
    if (renewed or before != claimed) and serving is not None:
        _restart(spec, layout, nodes_alone=not renewed and of_nodes_alone(before, claimed))
    if spec.kubelet_config_digest != claimed.kubelet_config_digest:
        spec = dataclasses.replace(spec, kubelet_config_digest=claimed.kubelet_config_digest)
        preparation.claim(spec, layout)
    ingress_proxy = None if spec.ingress else Process.recorded(record(layout, INGRESS_PROXY))
    if ingress_proxy is not None:
        ingress_proxy.stop(5)
    progress.step("control plane")
    if supervised:
        _start_stopped(spec, layout)
    else:
        spawn(supervisor_command(layout), log=layout.logs / "supervisor.log")
    # Only now: what waits needs an event loop and the client, and the processes start meanwhile.
    import asyncio

    from pybernetes.cli.bringup import wait_for

    waiting = wait_for(
        spec,
        layout,
        files,
        progress,
        example=not args.no_example and not spec.simulated,
        gateway_api=args.gateway_api,
        timeout_s=args.wait,
    )
    arrived = asyncio.run(waiting)
    progress.done()
    _tell(spec, arrived)
    return 0


def _with_nodes(spec: ClusterSpec, new: bool) -> ClusterSpec:
    """Raises ClusterError for simulated nodes that the cluster cannot have."""
    if new and spec.simulated and not spec.simulated_nodes:
        return dataclasses.replace(spec, simulated_nodes=1)
    if spec.simulated_nodes and spec.control_plane_names:
        raise ClusterError("simulated nodes go with one control plane; leave out --simulated-nodes")
    if spec.simulated_nodes > MAX_SIMULATED_BESIDE_REAL and not spec.simulated:
        raise ClusterError(
            f"at most {MAX_SIMULATED_BESIDE_REAL} simulated nodes go beside real ones; for more use --runtime simulated"
        )
    return spec


def start_early(spec: ClusterSpec, layout: Layout) -> list[Process]:
    """Ahead of the supervisor, which takes them over: their imports take as long as the keys that they wait for."""
    started = []
    for entry in process_table(spec, layout):
        if entry.name in (CONTROL_PLANE, SIMULATED_NODES):
            log = layout.logs / f"{entry.name}.log"
            process = spawn(entry.argv, log=log, env={**os.environ, **entry.environment})
            write_atomic(record(layout, entry.name), str(process), 0o600)
            started.append(process)
    return started


def _start_stopped(spec: ClusterSpec, layout: Layout) -> None:
    """Nodes that the user stopped one by one."""
    marks = [mark for machine in spec.machine_names if (mark := stopped_mark(layout, machine)).exists()]
    for mark in marks:
        mark.unlink()
    if marks:
        _compare(layout)


def _restart(spec: ClusterSpec, layout: Layout, *, nodes_alone: bool) -> None:
    """The supervisor starts them again at once, with the new keys, and what the cluster did not have yet."""
    with_kubelets = spec.node_names if spec.own_namespaces else [CONTROL_PLANE]
    for entry in process_table(spec, layout):
        stays = entry.outlives or entry.name == ETCD or (nodes_alone and entry.name not in with_kubelets)
        process = None if stays else Process.recorded(record(layout, entry.name))
        if process is not None:
            process.stop(10)
    _compare(layout)


def _compare(layout: Layout) -> None:
    """The supervisor looks at what should run now."""
    supervisor = Process.recorded(record(layout, "supervisor"))
    if supervisor is not None:
        supervisor.signal(signal.SIGHUP)


def _tell(spec: ClusterSpec, arrived: Arrived) -> None:
    kubectl = "kubectl" if arrived.current else f"kubectl --context {spec.context}"
    count = spec.nodes + spec.simulated_nodes
    nodes = "1 node" if count == 1 else f"{count} nodes"
    print(f"API ready after {arrived.api_s:.1f} s, {nodes} Ready after {arrived.nodes_s:.1f} s.")
    print(f"The context {spec.context!r} is in your kubeconfig.")
    if arrived.example:
        print(f"The example runs: {arrived.example}")
    if arrived.ingress:
        print(f"Through its Ingress, too: {arrived.ingress}")
    elif spec.serves_ingresses and (spec.ingress_http_port, spec.ingress_https_port) != (80, 443):
        ports = f"{spec.ingress_http_port} and {spec.ingress_https_port}"
        print(f"80 or 443 was taken: Ingresses are served at {spec.api_address}, ports {ports}.")
    print("\nTry next:")
    suffix = "" if spec.name == "default" else f" --name {spec.name}"
    real = [
        (f"{kubectl} get pods -o wide", "what runs"),
        (f"{kubectl} create deployment web --image=pybernetes.local/hello:1.0 --replicas=2", "something of your own"),
        (f"{kubectl} run -it --rm box --image=pybernetes.local/busybox:1.35 -- sh", "a shell in the cluster"),
        (f"{own_name()} why deployment/hello{suffix}", "the chain of causes behind an object"),
        (f"{own_name()} image load FILE.tar{suffix}", "an image of yours"),
    ]
    simulated = [
        (f"{kubectl} get nodes", "nodes that only pretend"),
        (f"{kubectl} create deployment web --image=any --replicas=100", "containers that only pretend, too"),
        (f"{own_name()} why deployment/web{suffix}", "the chain of causes behind an object"),
    ]
    for command, meaning in (
        *(simulated if spec.simulated else real),
        (up_command(spec.name, "down"), "all of it gone"),
    ):
        print(f"  {command:<84} {meaning}")
    print()
    print(bold(f"The cluster {spec.name!r} is up."))
