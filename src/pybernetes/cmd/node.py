"""`pybernetes node-agent`: one node of several, in the network namespace it was started in."""

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

_SHARED = {wiring.PROXY.name: "proxy", wiring.LOCAL_PATH.name: "local-path-provisioner"}
"""Identities that every node has, and their kubeconfigs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="the cluster")
    parser.add_argument("--data-dir", required=True, help="its data directory")
    parser.add_argument("--node", required=True, help="the node's name")


async def run(args: argparse.Namespace) -> None:
    from pybernetes.cmd.node_agent import run_node_agent

    layout = Layout.of(args.name, args.data_dir)
    spec = ClusterSpec.read(layout.spec)
    if spec is None:
        raise ClusterError(f"there is no cluster in {layout.data}")
    transports = {
        identity: HttpTransport.from_kubeconfig(str(layout.kubeconfig(identity)))
        for identity in (f"kubelet-{args.node}", *_SHARED.values())
    }

    def client_for(user: UserInfo, agent: str) -> Client:
        return Client(transports[_SHARED.get(user.name, f"kubelet-{args.node}")], agent)

    try:
        async with asyncio.TaskGroup() as group:
            await run_node_agent(spec, layout, args.node, client_for, group)
            gc.collect()
            gc.freeze()
    finally:
        for transport in transports.values():
            await transport.close()
