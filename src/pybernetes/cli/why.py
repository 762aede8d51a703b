"""`pybernetes why`: the chain from a user's request to what there is now, write by write, from the journal."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from pybernetes.apimachinery.errors import NotFound
from pybernetes.apimachinery.scheme import RESOURCES, GroupVersionKind, Resource
from pybernetes.cli import kinds, past
from pybernetes.cli.causes import Entry, chain, change_of, owner_of, story, what, who, why
from pybernetes.cli.output import bold, table
from pybernetes.cli.selection import add_name, running
from pybernetes.client.client import Client
from pybernetes.cluster.errors import ClusterError

_JOURNAL = "/pybernetes/v1/journal"
_SCHEDULING = "/pybernetes/v1/scheduling"
_SHOWN = 30
_MAX_OWNERS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("object", metavar="TYPE/NAME", help="such as pod/web-x2x7k, deploy/web, deployments.apps/web")
    parser.add_argument("object_name", metavar="NAME", nargs="?", default="", help=argparse.SUPPRESS)
    parser.add_argument("-n", "--namespace", default="default", help="where the object is (default: default)")
    parser.add_argument("--all", action="store_true", help=f"every write, not only the first and last of {_SHOWN}")
    parser.add_argument("-o", "--output", choices=["json"], help="print the journal's entries as JSON")
    add_name(parser)


def run(args: argparse.Namespace) -> int:
    kind, name = past.named(args)
    resource = resource_named(kind)
    _, layout = running(args.name)

    async def ask() -> Told | None:
        from pybernetes.cli.readiness import admin

        async with admin(layout, "pybernetes-why") as client:
            namespace = args.namespace if resource.namespaced else ""
            return await told(Journal(client), resource, namespace, name, 0 if args.all else _SHOWN)

    async def ask_scheduler() -> list[str]:
        from pybernetes.cli.readiness import admin

        async with admin(layout, "pybernetes-why") as client:
            return await placement(client, args.namespace, name)

    found = asyncio.run(ask())
    if found is None:
        place = f" in the namespace {args.namespace!r}" if resource.namespaced else ""
        raise ClusterError(f"nothing is known of {resource.plural} {name!r}{place}")
    if args.output == "json":
        print(json.dumps(found.entries, indent=2))
        return 0
    print(text(found))
    if (resource.group, resource.plural) == ("", "pods"):
        for line in asyncio.run(ask_scheduler()):
            print(line)
    return 0


async def placement(client: Client, namespace: str, name: str) -> list[str]:
    """What the scheduler has to say of a Pod, line by line; nothing when it has forgotten, or runs elsewhere."""
    query = urlencode({"namespace": namespace, "name": name})
    try:
        answer = await client.raw("GET", _SCHEDULING, query)
    except NotFound:
        return []
    told: list[str] = msgspec.json.decode(answer.body)["text"]
    return told


def resource_named(text: str) -> Resource:
    """Raises ClusterError."""
    resource = kinds.built_in(text)
    if resource is None:
        raise kinds.unknown(text)
    return resource


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


@dataclass(slots=True)
class Told:
    entries: list[Entry]
    """What led to the object, and what happened to it since, in order."""
    left_out: int
    owners: list[Entry]
    """The creation of its owner, of that one's owner, …"""


async def told(journal: Journal, resource: Resource, namespace: str, name: str, limit: int) -> Told | None:
    """None: the journal has nothing of the object."""
    own = await journal.of(resource.group, resource.plural, namespace, name)
    if not own:
        return None
    own = _latest_life(own)
    entries, left_out = story(await _ancestors(journal, own[0]), own, limit)
    owners: list[Entry] = []
    life = own
    while len(owners) < _MAX_OWNERS:
        # Of the newest write that still has its object: older versions may be compacted away.
        last = next((entry for entry in reversed(life) if owner_of(entry)), life[-1])
        writes = await _owner_writes(journal, last)
        if not writes:
            break
        life = _latest_life([w for w in writes if w["revision"] <= last["revision"]] or writes)
        owners.append(life[0])
    return Told(entries, left_out, owners)


def _latest_life(writes: list[Entry]) -> list[Entry]:
    """From the last creation on: an object of the same name may have been deleted before."""
    starts = [number for number, entry in enumerate(writes) if _creates(entry)]
    return writes[starts[-1] :] if starts else writes


def _creates(entry: Entry) -> bool:
    applied = entry["verb"] in ("apply", "patch", "update") and "object" in entry and entry["previous"] is None
    return entry["verb"] == "create" or applied


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
    writes = await _owner_writes(journal, entry)
    earlier = [w for w in writes if w["revision"] < entry["revision"] and "status" not in w["verb"]]
    return earlier[-1] if earlier else None


async def _owner_writes(journal: Journal, entry: Entry) -> list[Entry]:
    reference = owner_of(entry)
    if reference is None:
        return []
    kind = GroupVersionKind.of(reference["apiVersion"], reference["kind"])
    for resource in RESOURCES:
        if (resource.group, resource.kind) == (kind.group, kind.kind):
            namespace = entry["namespace"] if resource.namespaced else ""
            return await journal.of(resource.group, resource.plural, namespace, reference["name"])
    return []


def text(found: Told) -> str:
    """The table that people read."""
    entries = found.entries
    days = {str(entry["time"])[:10] for entry in entries}
    rows = [
        [_clock(entry, len(days) > 1), who(entry), entry["verb"], what(entry), str(entry["revision"]), why(entry),
         change_of(entry)]
        for entry in entries
    ]  # fmt: skip
    header = ["TIME", "WHO", "DID", "TO", "REVISION", "BECAUSE OF", "CHANGE"]
    day = f"{min(days)}, " if len(days) == 1 else ""
    lines = [bold(f"{what(entries[-1])} goes back to {who(entries[0])} ({day}times in UTC):")]
    lines.append(table(header, rows))
    if found.left_out:
        lines.append(f"{found.left_out} more writes in between; see them with --all")
    lines += [
        f"It belongs to {what(owner)}, made by {who(owner)} at {_clock(owner, len(days) > 1)}."
        for owner in found.owners
    ]
    return "\n".join(lines)


def _clock(entry: Entry, with_day: bool) -> str:
    time = str(entry["time"])
    return f"{time[:10]} {time[11:23]}" if with_day else time[11:23]
