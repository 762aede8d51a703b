"""`pybernetes dns`: the cluster's DNS server as a process of its own."""

from __future__ import annotations

import argparse

from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cmd.flag_types import listed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", required=True, help="kubeconfig with the address and credentials")
    parser.add_argument(
        "--listen-address", required=True, help="address that Pods reach this server at, by comma one of each IP family"
    )
    parser.add_argument("--port", type=int, default=10053, help="port for UDP and TCP (default %(default)s)")
    parser.add_argument(
        "--cluster-dns",
        default="10.96.0.10",
        help="address of the Service kube-dns, or one of each IP family (default %(default)s)",
    )
    parser.add_argument("--cluster-domain", default="cluster.local", help="domain of the cluster (default %(default)s)")
    parser.add_argument("--resolv-conf", default="/etc/resolv.conf", help="where the resolvers for other names stand")


async def run(args: argparse.Namespace) -> None:
    from pybernetes.dns.server import DnsConfig, DnsServer

    config = DnsConfig(
        listen_addresses=listed(args.listen_address),
        port=args.port,
        cluster_ips=listed(args.cluster_dns),
        cluster_domain=args.cluster_domain,
        resolv_conf=args.resolv_conf,
    )
    client = Client(HttpTransport.from_kubeconfig(args.kubeconfig), user_agent="coredns")
    await DnsServer(client, config).run()
