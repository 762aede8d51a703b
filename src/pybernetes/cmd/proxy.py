"""`pybernetes proxy`: kube-proxy as a process of its own."""

from __future__ import annotations

import argparse

from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cmd.flag_types import SWITCH, duration, listed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", required=True, help="kubeconfig with the address and credentials")
    parser.add_argument("--hostname-override", default="", metavar="NODE", help="name of this node")
    parser.add_argument(
        "--cluster-cidr",
        default="",
        help="range of Pod addresses, by comma one of each IP family; they are not masqueraded",
    )
    parser.add_argument(
        "--service-cluster-ip-range", default="", help="unknown addresses in it are refused; two by comma"
    )
    parser.add_argument("--nodeport-addresses", default="", help="comma-separated addresses that answer node ports")
    parser.add_argument("--nftables-table", default="pybernetes-proxy", help="name of the nftables table")
    parser.add_argument(
        "--healthz-port", type=int, default=10256, help="port of /healthz and /livez, 0 for none (default %(default)s)"
    )
    parser.add_argument(
        "--metrics-port",
        type=int,
        default=10249,
        help="port of /metrics, /proxyMode and /configz on the loopback, 0 for none (default %(default)s)",
    )
    for state, default in (("established", "24h"), ("close-wait", "1h")):
        parser.add_argument(
            f"--conntrack-tcp-timeout-{state}",
            type=duration,
            default=default,
            help="how long a silent connection in this state is known, 0s for as it is (default %(default)s)",
        )
    parser.add_argument("--cleanup", **SWITCH, default=False, help="remove the rules and exit")


async def run(args: argparse.Namespace) -> None:
    from pybernetes.proxy.proxy import Proxy, ProxyConfig

    client = Client(HttpTransport.from_kubeconfig(args.kubeconfig), user_agent="kube-proxy")
    config = ProxyConfig(
        node_name=args.hostname_override,
        table=args.nftables_table,
        cluster_cidrs=listed(args.cluster_cidr),
        service_cidrs=listed(args.service_cluster_ip_range),
        nodeport_addresses=listed(args.nodeport_addresses),
        healthz_port=args.healthz_port,
        metrics_port=args.metrics_port,
        tcp_timeouts_s={
            "established": int(args.conntrack_tcp_timeout_established),
            "close_wait": int(args.conntrack_tcp_timeout_close_wait),
        },
    )
    proxy = Proxy(client, config)
    if args.cleanup:
        proxy.remove()
        return
    await proxy.run()
