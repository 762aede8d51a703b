"""Moves a cluster from SQLite to an etcd of its own, or back: objects, UIDs, revisions and the journal.

Everything above the containerds is stopped for it, so nothing is written meanwhile; containers go on. The old store
is kept beside the new one until the cluster is purged, or moved once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from pybernetes.cluster import etcd_snapshot, preparation
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.machine import etcd
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.storage import transfer
from pybernetes.storage.transfer import Contents

_ETCD_START_S = 30.0


def check(spec: ClusterSpec, to: str) -> None:
    """Raises ClusterError for a move that cannot be."""
    if spec.store == to:
        raise ClusterError(f"the cluster {spec.name!r} is on {to} already")
    if spec.store not in ("sqlite", "etcd"):
        raise ClusterError(f"the etcd of {spec.name!r} is not ours to move; save a snapshot of it with: etcdctl")
    if spec.control_plane_names:
        raise ClusterError("several control planes need their etcd; SQLite is for one")
    if spec.simulated:
        raise ClusterError(f"{spec.name!r} is a copy on simulated nodes, which stays on SQLite")
    if to == "etcd":
        etcd.program()


def move(spec: ClusterSpec, layout: Layout, to: str, say: Callable[[str], None]) -> tuple[ClusterSpec, Contents]:
    """The cluster with its new store, which nothing may run on; and what was moved.

    Raises ClusterError, StoreError, OSError; then the old store is as it was.
    """
    layout.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    say("reading the store")
    contents = transfer.read_sqlite(layout.store) if to == "etcd" else asyncio.run(_read_etcd(spec, layout))
    with preparation.choosing():
        moved = _with_store(spec, to)
        if to == "etcd":
            moved, _ = preparation.prepare(moved, layout, time.time(), say)  # its keys, before it can be started
    say("writing the new one")
    try:
        if to == "etcd":
            _write_etcd(moved, layout, contents)
        else:
            part = layout.store.with_name(f"{layout.store.name}.part")
            part.unlink(missing_ok=True)
            transfer.write_sqlite(part, contents, time.time())
            part.rename(layout.store)
    except BaseException:
        spec.write(layout.spec)
        raise
    moved.write(layout.spec)
    _put_aside(layout, to)
    return moved, contents


def _with_store(spec: ClusterSpec, to: str) -> ClusterSpec:
    if to == "sqlite":
        return dataclasses.replace(spec, store="sqlite", etcd_port=0, etcd_peer_port=0)
    port, peer = preparation.free_etcd_ports(spec)
    return dataclasses.replace(spec, store="etcd", etcd_port=port, etcd_peer_port=peer)


def _write_etcd(spec: ClusterSpec, layout: Layout, contents: Contents) -> None:
    file = layout.data / ".etcd.snapshot.part"
    file.unlink(missing_ok=True)
    try:
        transfer.write_etcd_snapshot(file, contents, spec.etcd_prefix, time.time())
        (member,) = etcd.members(spec, layout)
        etcd_snapshot.put_in_place(file, member, [member], [])
    finally:
        file.unlink(missing_ok=True)


async def _read_etcd(spec: ClusterSpec, layout: Layout) -> Contents:
    """Starts the etcd for a moment."""
    with (layout.logs / "etcd.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *etcd.command(spec, layout), stdout=log, stderr=log, env={**os.environ, **etcd.environment()}
        )
    try:
        return await transfer.read_etcd(etcd.config(spec, layout), patience_s=_ETCD_START_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _put_aside(layout: Layout, to: str) -> None:
    """The store that was moved from."""
    shutil.rmtree(layout.moved, ignore_errors=True)
    layout.moved.mkdir(mode=0o700)
    old = [Path(f"{layout.store}{suffix}") for suffix in ("", "-wal", "-shm")] if to == "etcd" else [layout.etcd]
    for path in old:
        if path.exists():
            path.rename(layout.moved / path.name)
