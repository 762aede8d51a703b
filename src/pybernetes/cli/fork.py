"""`pybernetes snapshot fork`: a copy of a running cluster's control plane beside it, on simulated nodes.

The copy has everything the cluster stores, its history too, and nothing of its machines: a port, keys, a context
and processes of its own. Whatever happens in it happens to nothing else.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from pathlib import Path

from pybernetes.cli.output import Progress, bold
from pybernetes.cli.selection import running, up_command
from pybernetes.cluster import kubeconfig, preparation
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout, check_name
from pybernetes.cluster.process_table import supervisor_command
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.files import exclusive
from pybernetes.host.processes import Process, spawn

_UNSUPERVISED_S = 2.0
"""How long the control plane may take to start before there is somebody to start it again."""


def fork(args: argparse.Namespace) -> int:
    """Raises ClusterError, StoreError, OSError."""
    origin, source = running(args.name)
    check_name(args.fork)
    if Layout.of(args.fork).spec.exists():
        raise ClusterError(
            f"there is a cluster {args.fork!r} already; delete it first: {up_command(args.fork, 'down')} --purge"
        )
    files = kubeconfig.user_files(os.environ)
    kubeconfig.check(files)
    progress = Progress()
    with exclusive(Layout.of(args.fork).lock) as mine:
        if not mine:
            raise ClusterError(f"another command works on the cluster {args.fork!r}; wait for it to end")
        with preparation.choosing():
            spec, layout = settled(origin, args.fork)
            preparation.claim(spec, layout)
        with exclusive(layout.preparing):
            early = _start(spec, layout)
            try:
                progress.step("copying the store")
                _copy(origin, source, layout)
                spec, _ = preparation.prepare(spec, layout, time.time(), progress.step)
                layout.example_mark.touch()
            except BaseException:
                for process in early:
                    process.stop(1)
                layout.spec.unlink(missing_ok=True)
                raise
        progress.step("control plane")
        current = _arrived(spec, layout, files)
        progress.done()
    kubectl = "kubectl" if current else f"kubectl --context {spec.context}"
    print(f"The copy answers {progress.elapsed_s:.2f} s after the command was started. Its nodes are simulated.")
    print(f"  {kubectl} get pods -A")
    print(f"  {up_command(spec.name, 'down')} --purge")
    print(bold(f"The cluster {spec.name!r} is a copy of {origin.name!r}."))
    return 0


def settled(origin: ClusterSpec, name: str) -> tuple[ClusterSpec, Layout]:
    """The copy: its own port, the addresses that the objects have, and a SQLite store."""
    made, layout, _ = preparation.settle(preparation.Wishes(name, origin.nodes, runtime="simulated"))
    copied = ("slot", "pod_cidr", "service_cidr", "node_cidr", "node_port_low", "node_port_high", "encryption_config")
    return dataclasses.replace(made, fork_of=origin.name, **{key: getattr(origin, key) for key in copied}), layout


def _copy(origin: ClusterSpec, source: Layout, layout: Layout) -> None:
    # Imported only now: the control plane has begun to start, which takes longer.
    if not origin.etcd_servers:
        from pybernetes.storage import sqlite_snapshot

        sqlite_snapshot.fork(source.store, layout.store)
        return
    import asyncio

    from pybernetes.cluster.machine import etcd
    from pybernetes.storage import transfer

    transfer.write_sqlite(layout.store, asyncio.run(transfer.read_etcd(etcd.config(origin, source))), time.time())


def _start(spec: ClusterSpec, layout: Layout) -> list[Process]:
    from pybernetes.cli.up import start_early

    return start_early(spec, layout)


def _arrived(spec: ClusterSpec, layout: Layout, files: list[Path]) -> bool:
    """Waits for the API with its nodes Ready; whether the copy's context is the current one."""
    import asyncio

    from pybernetes.cli.readiness import admin, api_ready, every_node_ready

    async def arrive() -> None:
        # The supervisor's start would take time from the control plane's; a second one ends by itself.
        supervision = asyncio.get_running_loop().call_later(_UNSUPERVISED_S, _supervise, layout)
        try:
            async with admin(layout, "pybernetes-fork") as client:
                await api_ready(client, spec, layout, 60)
                await every_node_ready(client, 60)
        finally:
            supervision.cancel()
            _supervise(layout)

    asyncio.run(arrive())
    return kubeconfig.merge(files, spec.context, kubeconfig.entry(layout.kubeconfig("admin")), preparation.user_owner())


def _supervise(layout: Layout) -> None:
    spawn(supervisor_command(layout), log=layout.logs / "supervisor.log")
