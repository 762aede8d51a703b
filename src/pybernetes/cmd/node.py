"""`pybernetes node-agent`: one node of several, in the network namespace it was started in."""

from __future__ import annotations

import argparse
import asyncio
import gc

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.layout import Layout
from pybernetes.cmd import place, wiring

_SHARED = {wiring.PROXY.name: "proxy", wiring.LOCAL_PATH.name: "local-path-provisioner"}
"""Identities that every node has, and their kubeconfigs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("--node", required=True, help="the node's name")


async def run(args: argparse.Namespace) -> None:
    from pybernetes.cmd.node_agent import run_node_agent

    layout = Layout.of(args.name, args.data_dir)
    spec = place.spec_of(layout)
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
