"""`pybernetes host-agent`: the host of several control planes: Services and routes on it, DNS, Ingresses."""

from __future__ import annotations

import argparse
import asyncio
import gc

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.cmd import wiring
from pybernetes.cmd.supervision import watch_supervisor
from pybernetes.cmd.tasks import keep, load
from pybernetes.host.clock import SystemClock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="the cluster")
    parser.add_argument("--data-dir", required=True, help="its data directory")


async def run(args: argparse.Namespace) -> None:
    from pybernetes.cmd.node_agent import run_machine_network

    layout = Layout.of(args.name, args.data_dir)
    spec = ClusterSpec.read(layout.spec)
    if spec is None:
        raise ClusterError(f"there is no cluster in {layout.data}")
    transports = {
        user.name: HttpTransport.from_kubeconfig(str(layout.kubeconfig(identity)))
        for user, identity in ((wiring.PROXY, "proxy"), (wiring.DNS, "dns"), (wiring.INGRESS, "ingress"))
    }

    def client_for(user: UserInfo, agent: str) -> Client:
        return Client(transports[user.name], agent)

    async def dns() -> None:
        from pybernetes.dns.server import DnsServer

        await DnsServer(client_for(wiring.DNS, "coredns"), wiring.dns(spec)).run()

    async def ingress() -> None:
        from pybernetes.ingress.controller import IngressController

        client = client_for(wiring.INGRESS, "pybernetes-ingress")
        await IngressController(client, wiring.ingress(spec, layout), SystemClock()).run()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(keep("supervisor watch", lambda: watch_supervisor(layout)))
            await run_machine_network(spec, layout, "", client_for, group)
            await load("pybernetes.dns.server")
            if spec.snapshot_schedule:
                from pybernetes.cmd.scheduled_snapshots import save_on_schedule

                group.create_task(
                    keep("snapshots", lambda: save_on_schedule(spec, layout, SystemClock())), name="snapshots"
                )
            group.create_task(keep("dns", dns), name="dns")
            if spec.serves_ingresses:
                await load("pybernetes.ingress.controller")
                group.create_task(keep("ingress", ingress), name="ingress")
            gc.collect()
            gc.freeze()
    finally:
        for transport in transports.values():
            await transport.close()
