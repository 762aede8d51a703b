"""Who watches the supervisor: one process of the cluster starts it again when it dies, as it does for the others."""

from __future__ import annotations

import asyncio
import contextlib
import os

from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import down_mark, record, supervisor_command
from pybernetes.host.processes import Process, spawn


async def watch_supervisor(layout: Layout) -> None:
    """Until cancelled; waits on its pidfd."""
    loop = asyncio.get_running_loop()
    while not down_mark(layout).exists():
        supervisor = Process.recorded(record(layout, "supervisor"))
        descriptor = supervisor.open() if supervisor is not None else None
        if descriptor is None:
            spawn(supervisor_command(layout), log=layout.logs / "supervisor.log")
            await asyncio.sleep(1)
            continue
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            with contextlib.suppress(OSError):
                os.close(descriptor)
    await asyncio.Event().wait()
