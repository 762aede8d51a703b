"""`pybernetes standalone`: the control plane in one process and, with one node, its agent.

The API first: the store is opened, the apiserver listens, and only then are the other components imported,
each with a local transport and an identity of its own, so that authorization holds for them as for anybody.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging

from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.figures import ClientFigures
from pybernetes.client.transport import LocalTransport
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.cmd import place, wiring
from pybernetes.cmd.supervision import watch_supervisor
from pybernetes.cmd.tasks import keep, load
from pybernetes.host.clock import SystemClock
from pybernetes.host.files import wait_unlocked
from pybernetes.host.random import Random
from pybernetes.storage.store import StoreError

log = logging.getLogger(__name__)

add_arguments = place.add_arguments


async def run(args: argparse.Namespace) -> None:
    layout = Layout.of(args.name, args.data_dir)
    wait_unlocked(layout.preparing)
    spec = place.spec_of(layout)
    clock, random = SystemClock(), Random()
    store = wiring.store(spec, layout, clock)
    try:
        await store.start()
    except StoreError as error:
        raise ClusterError(str(error)) from None
    server = ApiServer(wiring.apiserver(spec, layout), store, clock, random)
    try:
        await server.start()
        log.info("the API is ready at https://127.0.0.1:%d", spec.api_port)
        await _components(spec, layout, server, clock, random)
    finally:
        await server.stop()
        await store.stop()


async def _components(spec: ClusterSpec, layout: Layout, server: ApiServer, clock: SystemClock, random: Random) -> None:
    """Imports and starts everything else, what the node's readiness waits for first. Runs until cancelled."""

    figures = ClientFigures("localhost")
    server.metrics.parts["clients"] = figures.lines

    def client_for(user: UserInfo, agent: str) -> Client:
        transport = LocalTransport(server.handler, user)
        if agent != "kubelet":  # which has a page of its own
            transport.figures = figures
        return Client(transport, agent)

    async def controllers() -> None:
        from pybernetes.controllers.manager import ControllerManager

        def controller_client(name: str) -> Client:
            who = wiring.service_account(name) if name else wiring.CONTROLLER_MANAGER
            return client_for(who, f"kube-controller-manager/{name}" if name else "kube-controller-manager")

        manager = ControllerManager(controller_client, wiring.controllers(spec, layout), clock, random)
        server.metrics.parts["controllers"] = manager.metrics
        await manager.run_in_order()

    async def scheduler() -> None:
        from pybernetes.apimachinery import features
        from pybernetes.scheduler.config import SchedulerConfig
        from pybernetes.scheduler.scheduler import Scheduler

        client = client_for(wiring.SCHEDULER, "kube-scheduler")
        config = SchedulerConfig(feature_gates=features.parse([spec.feature_gates]))
        made = Scheduler(client, config, clock, random)
        server.metrics.parts["scheduler"] = made.figures
        server.own_pages.trees["scheduling"] = made.explained
        await made.run()

    async def dns() -> None:
        from pybernetes.dns.server import DnsServer

        await DnsServer(client_for(wiring.DNS, "coredns"), wiring.dns(spec)).run()

    async def ingress() -> None:
        from pybernetes.ingress.controller import IngressController

        await IngressController(
            client_for(wiring.INGRESS, "pybernetes-ingress"), wiring.ingress(spec, layout), clock
        ).run()

    async with asyncio.TaskGroup() as group:
        group.create_task(keep("supervisor watch", lambda: watch_supervisor(layout)))
        await load("pybernetes.controllers.manager")
        if spec.snapshot_schedule:
            from pybernetes.cmd.scheduled_snapshots import save_on_schedule

            group.create_task(keep("snapshots", lambda: save_on_schedule(spec, layout, clock)), name="snapshots")
        group.create_task(keep("controllers", controllers), name="controllers")
        from pybernetes.cmd.node_agent import run_machine_network, run_node_agent

        if spec.own_namespaces:
            await run_machine_network(spec, layout, "", client_for, group)
        elif not spec.simulated:
            await run_node_agent(spec, layout, spec.node_names[0], client_for, group)
        await load("pybernetes.scheduler.scheduler")
        group.create_task(keep("scheduler", scheduler), name="scheduler")
        if not spec.simulated:
            await load("pybernetes.dns.server")
            group.create_task(keep("dns", dns), name="dns")
        if spec.serves_ingresses:
            await load("pybernetes.ingress.controller")
            group.create_task(keep("ingress", ingress), name="ingress")
        # What is there now stays for good: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
