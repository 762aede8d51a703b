"""`pybernetes simulated-nodes`: all nodes that only pretend, in a process beside the control plane."""

from __future__ import annotations

import argparse
import gc
import importlib

from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.pki import SIMULATED_NODES
from pybernetes.cmd import place, wiring
from pybernetes.cmd.tasks import keep
from pybernetes.host.clock import SystemClock
from pybernetes.host.files import wait_unlocked
from pybernetes.host.random import Random

add_arguments = place.add_arguments


async def run(args: argparse.Namespace) -> None:
    layout = Layout.of(args.name, args.data_dir)
    importlib.import_module("pybernetes.sim.nodes")  # takes as long as the keys that are waited for next
    wait_unlocked(layout.preparing)
    spec = place.spec_of(layout)
    transport = HttpTransport.from_kubeconfig(str(layout.kubeconfig(SIMULATED_NODES)))

    async def nodes() -> None:
        from pybernetes.sim.nodes import SimulatedNodes
        from pybernetes.sim.transport import Turns

        turns = Turns(transport)

        def client_of(node: str) -> Client:
            return Client(turns.acting_as(wiring.node_user(node)), "kubelet")

        everything = Client(transport, "pybernetes-simulation")
        fleet = wiring.fleet(spec, layout)
        await SimulatedNodes(everything, client_of, fleet, SystemClock(), Random(), turns.bound).run()

    gc.collect()
    gc.freeze()
    try:
        await keep("simulated nodes", nodes)
    finally:
        await transport.close()
