"""`pybernetes history`: the writes to an object with what each changed, and objects as they were."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from typing import Any

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.times import TimeError, format_micro_time, parse_time
from pybernetes.cli import diffs, past
from pybernetes.cli.causes import Entry, who, why
from pybernetes.cli.output import bold, table
from pybernetes.cli.selection import add_name, running
from pybernetes.cluster.errors import ClusterError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    past.add_arguments(parser)
    parser.add_argument(
        "--at",
        metavar="TIME|REVISION",
        help="show it as it was: at a revision, a time (2026-01-02T15:04:05Z) or so long ago (5m); a TYPE alone lists",
    )
    parser.add_argument("--status", action="store_true", help="writes that changed only the status too")
    parser.add_argument("--show-secrets", action="store_true", help="the values of Secrets, not their size")
    parser.add_argument("-o", "--output", choices=["json"], help="print JSON")
    add_name(parser)


def run(args: argparse.Namespace) -> int:
    when = moment(args.at, time.time()) if args.at else None
    kind, name = past.named(args, all_of_a_type=when is not None)
    _, layout = running(args.name)

    async def ask() -> str:
        async with past.past_of(layout, args, "pybernetes-history") as source:
            found = await source.kind(kind)
            if when is None:
                entries = await source.entries(found, args.namespace, name)
                if not entries:
                    raise ClusterError(f"nothing is known of {found.plural} {name!r}")
                return _entries(entries, args)
            if name:
                told = await source.at(found, args.namespace, name, when)
                return _object(told, args)
            revision, items = await source.list_at(found, args.namespace, when)
            return _items(revision, items, args)

    try:
        print(asyncio.run(ask()))
    except StatusError as error:
        raise ClusterError(error.message) from None
    return 0


def moment(text: str, now_s: float) -> dict[str, Any]:
    """`--at` as the API's parameter. Raises ClusterError."""
    if text.isdecimal():
        return {"at": int(text)}
    if re.fullmatch(r"\d+[smhd]", text):
        return {"time": format_micro_time(now_s - int(text[:-1]) * _UNITS[text[-1]])}
    try:
        parse_time(text)
    except TimeError:
        raise ClusterError(
            f"--at {text!r} is no revision, time or age; write 1234, 2026-01-02T15:04:05Z or 5m"
        ) from None
    return {"time": text}


def shown(tree: dict[str, Any] | None, args: argparse.Namespace) -> dict[str, Any] | None:
    """With a Secret's values hidden, unless they were asked for."""
    return tree if args.show_secrets else diffs.without_values(tree)


def _entries(entries: list[Entry], args: argparse.Namespace) -> str:
    """The table with the changes under each row, or JSON."""
    told = []
    for entry in entries:
        old, new = shown(entry.get("previous"), args), shown(entry.get("object"), args)
        known = "object" in entry
        if known and old and new and not args.status and not diffs.lines(old, new, status=False):
            continue
        told.append((entry, old, new, known))
    if args.output == "json":
        return json.dumps(
            [{**entry, "previous": old, "object": new} if known else entry for entry, old, new, known in told], indent=2
        )
    rows = [
        [str(entry["revision"]), str(entry["time"])[:19] + "Z", who(entry), entry["verb"], why(entry)]
        for entry, _, _, _ in told
    ]
    head, *lines = table(["REVISION", "TIME", "WHO", "VERB", "CAUSED BY"], rows).splitlines()
    text = [bold(head)]
    for line, (entry, old, new, known) in zip(lines, told, strict=True):
        text.append(line)
        text += [f"    {change}" for change in _changes(entry, old, new, known, status=args.status)]
    if len(told) < len(entries):
        text.append(f"({len(entries) - len(told)} writes changed the status alone; --status shows them)")
    return "\n".join(text)


def _changes(
    entry: Entry, old: dict[str, Any] | None, new: dict[str, Any] | None, known: bool, *, status: bool
) -> list[str]:
    if not known:
        return [f"({entry['problem']})"] if "problem" in entry else ["(older than the versions that are kept)"]
    if new is None:
        return ["(deleted)"]
    if not old:
        return ["(created)"]
    return diffs.lines(old, new, status=status) or ["(nothing but bookkeeping)"]


def _object(told: dict[str, Any], args: argparse.Namespace) -> str:
    tree = shown(told["object"], args)
    if args.output == "json":
        return json.dumps(tree, indent=2)
    import yaml

    head = f"# as it was at revision {told['revision']}; written at revision {told['written']}\n"
    return head + str(yaml.safe_dump(diffs.without_bookkeeping(tree), sort_keys=False, allow_unicode=True)).rstrip()


def _items(revision: int, items: list[dict[str, Any]], args: argparse.Namespace) -> str:
    if args.output == "json":
        return json.dumps([shown(item, args) for item in items], indent=2)
    if not items:
        return f"There were none at revision {revision}."
    rows = [
        [item["metadata"].get("name", ""), item["metadata"].get("resourceVersion", ""),
         item["metadata"].get("creationTimestamp", "")]
        for item in items
    ]  # fmt: skip
    return table(["NAME", "WRITTEN AT", "CREATED"], rows)
