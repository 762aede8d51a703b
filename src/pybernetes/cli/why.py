"""`pybernetes why`: the chain from a user's request to what there is now, write by write, from the journal."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import msgspec

from pybernetes.apimachinery.scheme import RESOURCES, GroupVersionKind, Resource
from pybernetes.cli.causes import Entry, chain, change_of, owner_of, story, what, who, why
from pybernetes.cli.output import bold, table
from pybernetes.cli.selection import add_name, running
from pybernetes.client.client import Client
from pybernetes.cluster.errors import ClusterError

_JOURNAL = "/pybernetes/v1/journal"
_SHOWN = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("object", metavar="TYPE/NAME", help="such as pod/web-x2x7k, deploy/web, deployments.apps/web")
    parser.add_argument("object_name", metavar="NAME", nargs="?", default="", help=argparse.SUPPRESS)
    parser.add_argument("-n", "--namespace", default="default", help="where the object is (default: default)")
    parser.add_argument("--all", action="store_true", help=f"every write, not only the first and last of {_SHOWN}")
    parser.add_argument("-o", "--output", choices=["json"], help="print the journal's entries as JSON")
    add_name(parser)


def run(args: argparse.Namespace) -> int:
    kind, _, name = (f"{args.object}/{args.object_name}" if args.object_name else args.object).partition("/")
    if not name or "/" in name:
        raise ClusterError(f"{args.object!r} is not TYPE/NAME, such as pod/web-x2x7k")
    resource = resource_named(kind)
    _, layout = running(args.name)

    async def ask() -> tuple[list[Entry], int]:
        from pybernetes.cli.readiness import admin

        async with admin(layout, "pybernetes-why") as client:
            namespace = args.namespace if resource.namespaced else ""
            return await told(Journal(client), resource, namespace, name, 0 if args.all else _SHOWN)

    entries, left_out = asyncio.run(ask())
    if not entries:
        place = f" in the namespace {args.namespace!r}" if resource.namespaced else ""
        raise ClusterError(f"nothing is known of {resource.plural} {name!r}{place}")
    print(json.dumps(entries, indent=2) if args.output == "json" else _text(entries, left_out))
    return 0


def resource_named(text: str) -> Resource:
    """The resource of a type as kubectl takes it: plural, singular, short name or kind, with a group or not.

    Raises ClusterError.
    """
    name, _, group = text.lower().partition(".")
    for resource in RESOURCES:
        names = (resource.plural, resource.singular, *resource.short_names)
        if name in names and (not group or group == resource.group):
            return resource
    raise ClusterError(f"there is no resource type {text!r}; kubectl api-resources lists them")


class Journal:
    """The cluster's journal, a request a look."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._by_revision: dict[int, Entry] = {}

    async def at(self, revision: int) -> Entry | None:
        if revision not in self._by_revision:
            await self._read(revision=revision)
        return self._by_revision.get(revision)

    async def of(self, group: str, plural: str, namespace: str, name: str) -> list[Entry]:
        """Every known write to one object, in order."""
        found: list[Entry] = []
        while True:
            after = found[-1]["revision"] if found else 0
            page = await self._read(
                resource=plural, group=group, namespace=namespace, name=name, after=after, limit=1000
            )
            found += page
            if len(page) < 1000:
                return found

    async def _read(self, **query: Any) -> list[Entry]:
        answer = await self._client.raw("GET", _JOURNAL, urlencode({**query, "objects": "true"}))
        items: list[Entry] = msgspec.json.decode(answer.body)["items"]
        for item in items:
            self._by_revision[item["revision"]] = item
        return items


async def told(journal: Journal, resource: Resource, namespace: str, name: str, limit: int) -> tuple[list[Entry], int]:
    """What led to the object, and what happened to it since; how much was left out."""
    own = await journal.of(resource.group, resource.plural, namespace, name)
    if not own:
        return [], 0
    # The latest life of the name: an object of the same name may have been deleted before.
    start = max(
        (n for n, entry in enumerate(own) if entry["verb"].split(" ")[0] == "create" and _creates(entry)), default=0
    )
    own = own[start:]
    ancestors = await _ancestors(journal, own[0])
    return story(ancestors, own, limit)


def _creates(entry: Entry) -> bool:
    return entry.get("previous") is None and " " not in entry["verb"]


async def _ancestors(journal: Journal, first: Entry) -> list[Entry]:
    """Fetches what `chain` asks for until it asks for nothing new."""
    known: dict[int, Entry | None] = {}
    owners: dict[int, Entry | None] = {}
    while True:
        wanted: list[int] = []
        orphans: list[Entry] = []

        def by_revision(revision: int, wanted: list[int] = wanted) -> Entry | None:
            if revision not in known:
                wanted.append(revision)
            return known.get(revision)

        def before(entry: Entry, orphans: list[Entry] = orphans) -> Entry | None:
            if entry["revision"] not in owners:
                orphans.append(entry)
            return owners.get(entry["revision"])

        found = chain(first, by_revision, before)
        if not wanted and not orphans:
            return found
        for revision in wanted:
            known[revision] = await journal.at(revision)
        if not wanted:
            for entry in orphans:
                owners[entry["revision"]] = await _owner_before(journal, entry)


async def _owner_before(journal: Journal, entry: Entry) -> Entry | None:
    reference = owner_of(entry)
    if reference is None:
        return None
    kind = GroupVersionKind.of(reference["apiVersion"], reference["kind"])
    for resource in RESOURCES:
        if (resource.group, resource.kind) == (kind.group, kind.kind):
            namespace = entry["namespace"] if resource.namespaced else ""
            writes = await journal.of(resource.group, resource.plural, namespace, reference["name"])
            earlier = [w for w in writes if w["revision"] < entry["revision"] and "status" not in w["verb"]]
            return earlier[-1] if earlier else None
    return None


def _text(entries: list[Entry], left_out: int) -> str:
    rows = [
        [
            _clock(entry["time"]),
            who(entry),
            entry["verb"],
            what(entry),
            str(entry["revision"]),
            why(entry),
            change_of(entry),
        ]
        for entry in entries
    ]
    header = ["TIME", "WHO", "DID", "TO", "REVISION", "BECAUSE OF", "CHANGE"]
    lines = table(header, rows).splitlines()
    if left_out:
        lines.append(f"{left_out} more writes in between; see them with --all")
    first, last = entries[0], entries[-1]
    day = str(first["time"])[:10]
    lines.insert(0, bold(f"{what(last)} goes back to {who(first)}, {day} (times in UTC):"))
    return "\n".join(lines)


def _clock(time: str) -> str:
    return time[11:23]
