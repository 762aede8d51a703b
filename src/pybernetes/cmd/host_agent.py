"""`pybernetes host-agent`: the host of several control planes: Services and routes on it, DNS, Ingresses."""

from __future__ import annotations

import argparse
import asyncio
import gc

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.layout import Layout
from pybernetes.cmd import place, wiring
from pybernetes.cmd.supervision import watch_supervisor
from pybernetes.cmd.tasks import keep, load
from pybernetes.host.clock import SystemClock

add_arguments = place.add_arguments


async def run(args: argparse.Namespace) -> None:
    from pybernetes.cmd.node_agent import run_machine_network

    layout = Layout.of(args.name, args.data_dir)
    spec = place.spec_of(layout)
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
