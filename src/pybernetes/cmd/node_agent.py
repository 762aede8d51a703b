"""What runs on a node: its network, kubelet and proxy. In the process of the control plane or in one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.cmd import wiring
from pybernetes.cmd.tasks import keep, load
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random

ClientFor = Callable[[UserInfo, str], Client]
"""The client of an identity, under a user agent."""


async def run_node_agent(
    spec: ClusterSpec, layout: Layout, node: str, client_for: ClientFor, group: asyncio.TaskGroup
) -> None:
    """Starts them in the group. The kubelet first: the node's readiness waits for it longest."""
    clock, random = SystemClock(), Random()
    me = wiring.node_user(node)

    async def kubelet() -> None:
        from pybernetes.kubelet.kubelet import Kubelet

        await Kubelet(client_for(me, "kubelet"), wiring.kubelet(spec, layout, node), clock, random).run()

    async def local_volumes() -> None:
        from pybernetes.local_path.provisioner import LocalPathProvisioner

        client = client_for(wiring.LOCAL_PATH, "local-path-provisioner")
        await LocalPathProvisioner(client, node, node, layout.node(node).local_volumes, clock, random).run()

    await load("pybernetes.kubelet.kubelet")
    group.create_task(keep("kubelet", kubelet), name="kubelet")
    group.create_task(keep("local volumes", local_volumes), name="local volumes")
    await run_machine_network(spec, layout, node, client_for, group)


async def run_machine_network(
    spec: ClusterSpec, layout: Layout, node: str, client_for: ClientFor, group: asyncio.TaskGroup
) -> None:
    """Routes and Services of one machine; `node` is "" on the host of nodes with namespaces of their own."""

    async def network() -> None:
        from pybernetes.network.node_network import NodeNetwork

        agent = "pybernetes-network"
        node_client = client_for(wiring.node_user(node), agent) if node else None
        config = wiring.network(spec, layout, node)
        await NodeNetwork(client_for(wiring.PROXY, agent), config, node_client=node_client).run()

    async def policies() -> None:
        from pybernetes.network.policies import NetworkPolicies

        client = client_for(wiring.PROXY, "pybernetes-network")
        await NetworkPolicies(client, wiring.network(spec, layout, node)).run()

    async def announcer() -> None:
        from pybernetes.network.announcer import AddressAnnouncer

        agent = "pybernetes-network"
        node_client = client_for(wiring.node_user(node), agent) if node else None
        config = wiring.network(spec, layout, node)
        await AddressAnnouncer(client_for(wiring.PROXY, agent), config, node_client=node_client).run()

    async def proxy() -> None:
        from pybernetes.proxy.proxy import Proxy

        await Proxy(client_for(wiring.PROXY, "kube-proxy"), wiring.proxy(spec, node)).run()

    await load("pybernetes.network.node_network")
    group.create_task(keep("network", network), name="network")
    if node:
        await load("pybernetes.network.policies")
        group.create_task(keep("policies", policies), name="policies")
    await load("pybernetes.proxy.proxy")
    group.create_task(keep("proxy", proxy), name="proxy")
    if spec.balancer_cidrs:
        await load("pybernetes.network.announcer")
        group.create_task(keep("announcer", announcer), name="announcer")
