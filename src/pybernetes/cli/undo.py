"""`pybernetes undo`: takes back the last change of one object, by an ordinary write under the user's own rights."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from pybernetes.apimachinery.errors import StatusError
from pybernetes.cli import diffs, past
from pybernetes.cli.causes import Entry, owner_of, who
from pybernetes.cli.history import shown
from pybernetes.cli.selection import add_name, running
from pybernetes.cluster.errors import ClusterError

_GIVEN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
          "deletionTimestamp", "deletionGracePeriodSeconds")  # fmt: skip
"""What only the server sets."""
_OURS = ("labels", "annotations")
"""Of metadata, what an undo brings back."""

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The write that undoes, and what it is about."""

    verb: Literal["update", "create"]
    tree: Tree
    undone: Entry
    before: Tree | None
    """The object as it is now."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    past.add_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
    parser.add_argument("--show-secrets", action="store_true", help="the values of Secrets, not their size")
    add_name(parser)


def run(args: argparse.Namespace) -> int:
    kind_name, name = past.named(args)
    _, layout = running(args.name)

    async def work() -> Plan:
        async with past.past_of(layout, args, "pybernetes-undo") as source:
            kind = await source.kind(kind_name)
            namespace = args.namespace if kind.namespaced else ""
            entries = await source.entries(kind, namespace, name)
            found = plan(entries, await source.now(kind, namespace, name), f"{kind_name}/{name}")
            if not args.dry_run:
                method, of = ("PUT", name) if found.verb == "update" else ("POST", "")
                await source.write(method, kind.path(namespace, of), found.tree)
            return found

    try:
        done = asyncio.run(work())
    except StatusError as error:
        raise ClusterError(f"the change of {kind_name}/{name} cannot be undone: {error.message}") from None
    would = "Would undo" if args.dry_run else "Undone"
    entry = done.undone
    print(f"{would}: revision {entry['revision']}, {entry['verb']} by {who(entry)} at {str(entry['time'])[:19]}Z.")
    before, after = shown(done.before, args), shown(done.tree, args)
    for line in ["(made anew)"] if before is None else diffs.lines(before, after, status=False):
        print(f"    {line}")
    owner = owner_of({"object": done.before})
    if owner is not None:
        print(f"It belongs to {owner['kind']} {owner['name']}, which may change it again.")
    return 0


def plan(entries: list[Entry], now: Tree | None, what: str) -> Plan:
    """Pure: what to write so that the last change is undone. Raises ClusterError when there is no way."""
    for entry in reversed(entries):
        if "object" not in entry:
            break
        old, new = entry.get("previous"), entry.get("object")
        if new is None:
            if now is not None:
                break
            assert old is not None
            return Plan("create", _made_anew(old), entry, None)
        if old and (_is_of_status(entry) or not diffs.lines(old, new, status=False)):
            continue
        if now is None:
            break
        if not old:
            raise ClusterError(f"the last change of {what} was its creation; to take that back: kubectl delete {what}")
        if now["metadata"].get("deletionTimestamp"):
            raise ClusterError(
                f"{what} is being deleted, which cannot be undone; wait until it is gone, then undo that"
            )
        return Plan("update", _restored(now, old), entry, now)
    if not entries and now is None:
        raise ClusterError(f"nothing is known of {what}")
    raise ClusterError(f"the last change of {what} is older than the versions that are kept; there is nothing to undo")


def _is_of_status(entry: Entry) -> bool:
    """A controller's word, whatever it notes in annotations with it."""
    return str(entry["verb"]).partition(" ")[2] == "status"


def _restored(now: Tree, old: Tree) -> Tree:
    """The object of now with everything that a user says as it was."""
    kept: Tree = {key: now[key] for key in ("apiVersion", "kind", "metadata", "status") if key in now}
    said = {key: value for key, value in old.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    meta = {key: value for key, value in now["metadata"].items() if key not in _OURS}
    meta |= {key: old["metadata"][key] for key in _OURS if key in old["metadata"]}
    return {**kept, "metadata": meta, **said}


def _made_anew(old: Tree) -> Tree:
    meta = {key: value for key, value in old["metadata"].items() if key not in _GIVEN}
    return {**{key: value for key, value in old.items() if key != "status"}, "metadata": meta}
