"""`pybernetes store migrate`: a cluster from SQLite to etcd or back, while its containers go on."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time

from pybernetes.cli.output import Progress, bold
from pybernetes.cli.selection import add_name, existing, up_command
from pybernetes.cluster import migration
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import record, supervisor_command
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.files import exclusive
from pybernetes.host.processes import Process, spawn
from pybernetes.storage.store import StoreError

_STOP_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="migrate")
    migrate = verbs.add_parser("migrate", help="move everything into another kind of store", allow_abbrev=False)
    migrate.add_argument("--to", required=True, choices=["sqlite", "etcd"], help="the new store")
    add_name(migrate)


def run(args: argparse.Namespace) -> int:
    spec, layout = existing(args.name)
    migration.check(spec, args.to)
    progress = Progress()
    began_s = time.monotonic()
    with exclusive(layout.lock) as mine:
        if not mine:
            raise ClusterError(f"another command works on the cluster {args.name!r}; wait for it to end")
        supervisor = Process.recorded(record(layout, "supervisor"))
        if supervisor is not None:
            progress.step("stopping the control plane; containers go on")
            supervisor.signal(signal.SIGTERM)
            if not supervisor.wait(_STOP_S):
                raise ClusterError(f"the control plane of {args.name!r} does not end; see {layout.logs}")
        try:
            moved, contents = migration.move(spec, layout, args.to, progress.step)
        except (StoreError, OSError) as error:
            raise ClusterError(f"nothing was moved: {error}") from None
        finally:
            if supervisor is not None:
                spawn(supervisor_command(layout), log=layout.logs / "supervisor.log")
        if supervisor is not None:
            progress.step("control plane")
            asyncio.run(_wait(moved, layout))
        progress.done()
    took_s = time.monotonic() - began_s
    print(f"Moved {len(contents.objects)} objects at revision {contents.revision} in {took_s:.1f} s.")
    print(f"The old store is kept in {layout.moved}.")
    if supervisor is None:
        print(f"Start the cluster with: {up_command(args.name)}")
    print(bold(f"The cluster {args.name!r} is on {args.to}."))
    return 0


async def _wait(spec: ClusterSpec, layout: Layout) -> None:
    from pybernetes.cli.readiness import admin, api_ready

    async with admin(layout, "pybernetes-store") as client:
        await api_ready(client, spec, layout, 120)
