"""Saves snapshots when the cluster's schedule says so: one timer, and a process of its own for each snapshot.

A failed snapshot is logged and leaves the older ones alone; the next one comes at its time.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import own_command
from pybernetes.cluster.scheduled_snapshots import folder, name_at, surplus
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.clock import Clock

log = logging.getLogger(__name__)
_LONGEST_WAIT_S = 3600.0
"""A wall clock that jumps is noticed after an hour at the latest."""


async def save_on_schedule(spec: ClusterSpec, layout: Layout, clock: Clock) -> None:
    """Until cancelled."""
    from pybernetes.apimachinery.cron import parse

    schedule = parse(spec.snapshot_schedule)
    due = schedule.next(clock.now())
    while due is not None:
        while (left_s := due - clock.now()) > 0:  # noqa: ASYNC110 (a timer, in pieces)
            await asyncio.sleep(min(left_s, _LONGEST_WAIT_S))
        await _save(spec, layout, folder(spec, layout) / name_at(due))
        due = schedule.next(max(due, clock.now()))
    log.warning("the snapshot schedule %r has no next time", spec.snapshot_schedule)
    await asyncio.Event().wait()


async def _save(spec: ClusterSpec, layout: Layout, file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        log.error("no snapshot: %s: %s", file.parent, error.strerror)
        return
    process = await asyncio.create_subprocess_exec(
        *own_command("snapshot", "save", str(file), "--name", spec.name),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        raise
    said = " ".join(output.decode(errors="replace").split())
    if process.returncode != 0:
        log.error("the scheduled snapshot failed: %s", said)
        return
    log.info("%s", said)
    for name in surplus((entry.name for entry in file.parent.iterdir()), spec.snapshot_keep):
        (file.parent / name).unlink(missing_ok=True)
