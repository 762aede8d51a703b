"""`pybernetes snapshot save|restore|status|list|fork`: backups of everything a cluster stores.

What reads and writes stores is imported where it is used: a fork is started first, and copied meanwhile.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from pybernetes.cli.output import Progress, table
from pybernetes.cli.selection import add_data_dir, add_name, existing, find, up_command
from pybernetes.cluster import preparation, scheduled_snapshots
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import record
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.files import exclusive
from pybernetes.host.processes import Process
from pybernetes.storage.store import StoreError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="save|restore|status|list|fork")
    save = verbs.add_parser("save", help="write a snapshot of a cluster, running or not", allow_abbrev=False)
    save.add_argument("file", type=Path, metavar="FILE", help="where to; must not be there yet")
    add_name(save)
    restore = verbs.add_parser("restore", help="bring a stopped or new cluster to a snapshot", allow_abbrev=False)
    restore.add_argument("file", type=Path, metavar="FILE", help="what `snapshot save` wrote")
    add_name(restore)
    add_data_dir(restore)
    fork = verbs.add_parser(
        "fork", help="start a copy of a running cluster beside it, on simulated nodes", allow_abbrev=False
    )
    fork.add_argument("fork", metavar="NAME", help="of the copy")
    add_name(fork)
    status = verbs.add_parser("status", help="check a snapshot and tell what is in it", allow_abbrev=False)
    status.add_argument("file", type=Path, metavar="FILE", help="what `snapshot save` wrote")
    status.add_argument("-o", "--output", choices=["json"], help="print JSON")
    listing = verbs.add_parser("list", help="the snapshots that the schedule saved, each checked", allow_abbrev=False)
    listing.add_argument("folder", type=Path, metavar="DIR", nargs="?", help="of another folder")
    listing.add_argument("-o", "--output", choices=["json"], help="print JSON")
    add_name(listing)


def run(args: argparse.Namespace) -> int:
    try:
        return {"save": _save, "restore": _restore, "status": _status, "list": _list, "fork": _fork}[args.verb](args)
    except StoreError as error:
        raise ClusterError(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ClusterError(f"{error.filename or getattr(args, 'file', '')}: {error.strerror or error}") from None


def _save(args: argparse.Namespace) -> int:
    from pybernetes.storage import sqlite_snapshot

    spec, layout = existing(args.name)
    if spec.etcd_servers:
        if spec.local_etcd and Process.recorded(record(layout, "supervisor")) is None:
            raise ClusterError(f"the etcd of {args.name!r} does not run; start it with: {up_command(args.name)}")
        from pybernetes.cluster import etcd_snapshot
        from pybernetes.cluster.machine import etcd

        etcd_snapshot.save(etcd.config(spec, layout), args.file)
    else:
        origin = json.dumps(dataclasses.asdict(spec))
        sqlite_snapshot.save(layout.store, args.file, now_s=time.time(), origin=origin)
    print(f"Saved the cluster {args.name!r}: {_sentence(_told(args.file))}")
    return 0


def _restore(args: argparse.Namespace) -> int:
    from pybernetes.storage import sqlite_snapshot

    is_sqlite = sqlite_snapshot.is_snapshot(args.file)
    found = find(args.name, args.data_dir)
    if found is not None:
        spec, layout = found
    elif is_sqlite:
        spec, layout = _new_cluster(args)
    else:
        raise ClusterError(
            f"there is no cluster {args.name!r} with an etcd; make one first: "
            f"{up_command(args.name)} --store etcd --no-example && {up_command(args.name, 'down')}"
        )
    if Process.recorded(record(layout, "supervisor")) is not None:
        raise ClusterError(f"the cluster {args.name!r} runs; stop it first: {up_command(args.name, 'down')}")
    if is_sqlite != (spec.store == "sqlite"):
        has, wants = ("SQLite", "etcd") if is_sqlite else ("etcd", "SQLite")
        move = f"{up_command(args.name, 'store migrate')} --to {has.lower()}"
        raise ClusterError(
            f"{args.file} is of a cluster on {has}, and {args.name!r} is on {wants}; move it first: {move}"
        )
    if not is_sqlite and not spec.local_etcd:
        raise ClusterError(
            f"the etcd of {args.name!r} is not ours to restore; use etcdutl snapshot restore on its members"
        )
    progress = Progress()
    layout.lock.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(layout.lock) as mine:
        if not mine:
            raise ClusterError(f"another command works on the cluster {args.name!r}; wait for it to end")
        progress.step("restoring")
        if is_sqlite:
            revision = sqlite_snapshot.restore(args.file, layout.store, now_s=time.time())
        else:
            from pybernetes.cluster import etcd_snapshot

            revision = etcd_snapshot.restore(args.file, spec, layout)
        if found is None:
            preparation.adopt(spec, layout)
        progress.done()
    layout.forget_lock()
    print(f"Restored {args.file} into {layout.data}; it goes on after revision {revision}.")
    print(f"Start it with: {up_command(args.name)}")
    return 0


def _new_cluster(args: argparse.Namespace) -> tuple[ClusterSpec, Layout]:
    """A cluster like the one in the snapshot, under the name that was asked for."""
    from pybernetes.storage import sqlite_snapshot

    origin = ClusterSpec.parse(sqlite_snapshot.inspect(args.file).origin)
    simulation = {name: getattr(origin, name) for name in ("simulated_nodes", "simulated_zones", "simulated_capacity")}
    wishes = preparation.Wishes(args.name, origin.nodes, args.data_dir, runtime=origin.runtime, settings=simulation)
    return preparation.settle_like(origin, wishes)


def _status(args: argparse.Namespace) -> int:
    told = _told(args.file)
    print(json.dumps(told, indent=2) if args.output == "json" else _sentence(told))
    return 0


def _fork(args: argparse.Namespace) -> int:
    from pybernetes.cli.fork import fork

    return fork(args)


def _list(args: argparse.Namespace) -> int:
    """Exit code 1 when one of them is no whole snapshot."""
    if args.folder is None:
        spec, layout = existing(args.name)
        folder = scheduled_snapshots.folder(spec, layout)
        if not folder.exists() and not spec.snapshot_schedule:
            raise ClusterError(
                f"the cluster {args.name!r} has no snapshots on a schedule; ask for them with: "
                f'{up_command(args.name)} --snapshot-schedule "0 */6 * * *"'
            )
    else:
        folder = args.folder
    found: list[dict[str, Any]] = []
    for file in sorted(folder.iterdir()) if folder.exists() else []:
        if file.suffix == ".db" and not file.name.startswith("."):
            try:
                found.append(_told(file))
            except (StoreError, ClusterError) as error:
                found.append({"file": str(file), "bytes": file.stat().st_size, "problem": str(error)})
    if args.output == "json":
        print(json.dumps(found, indent=2))
    elif not found:
        print(f"There are no snapshots in {folder}.")
    else:
        rows = [
            [Path(one["file"]).name, one.get("store", ""), str(one.get("revision", "")),
             str(one.get("objects", one.get("keys", ""))), str(one["bytes"]), one.get("problem", "whole")]
            for one in found
        ]  # fmt: skip
        print(table(["FILE", "STORE", "REVISION", "OBJECTS", "BYTES", "STATE"], rows))
    return 1 if any("problem" in one for one in found) else 0


def _told(file: Path) -> dict[str, Any]:
    from pybernetes.storage import sqlite_snapshot

    if sqlite_snapshot.is_snapshot(file):
        found = sqlite_snapshot.inspect(file)
        taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found.taken_s))
        return {
            "file": str(file), "store": "sqlite", "revision": found.revision, "objects": found.objects,
            "bytes": found.bytes, "sha256": found.checksum, "taken": taken,
        }  # fmt: skip
    from pybernetes.cluster import etcd_snapshot

    told = {"file": str(file), "store": "etcd", "sha256": etcd_snapshot.verify(file), "bytes": file.stat().st_size}
    status = etcd_snapshot.status(file)
    return {**told, "revision": status["revision"], "keys": status["totalKey"]}


def _sentence(told: dict[str, Any]) -> str:
    what = f"{told['objects']} objects" if "objects" in told else f"{told['keys']} keys"
    taken = f", taken at {told['taken']}" if "taken" in told else ""
    return (
        f"{told['file']} ({told['store']}) has {what} at revision {told['revision']} "
        f"in {told['bytes']} bytes{taken}; checksum right: {told['sha256']}"
    )
