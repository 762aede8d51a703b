"""`pybernetes schedule --dry-run`: where Pods of a file would go, on a running cluster or in a snapshot of one.

The API server defaults and admits the Pods without keeping them; the scheduler's own code decides, and tells why.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.errors import StatusError
from pybernetes.cli.output import bold
from pybernetes.cli.selection import add_name, running
from pybernetes.client.client import Client
from pybernetes.cluster.errors import ClusterError

WAITS = 3
"""The exit code when a Pod would get no node."""
_AGENT = "pybernetes-schedule"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", required=True, help="decide, and write nothing")
    parser.add_argument("-f", "--filename", required=True, metavar="FILE", help="YAML or JSON with Pods; - reads stdin")
    parser.add_argument("-n", "--namespace", default="default", help="of Pods that name none (default: default)")
    parser.add_argument(
        "--snapshot", type=Path, metavar="FILE", help="what `snapshot save` wrote, in place of a cluster"
    )
    parser.add_argument("-o", "--output", choices=["json"], help="print the verdicts as JSON")
    add_name(parser)


def run(args: argparse.Namespace) -> int:
    trees = _pods(args.filename, args.namespace)

    async def work() -> list[dict[str, Any]]:
        async with _client(args) as client:
            return await rehearse(client, trees)

    verdicts = asyncio.run(work())
    if args.output == "json":
        print(json.dumps(verdicts, indent=2))
    else:
        for verdict in verdicts:
            first, *more = verdict["text"]
            print("\n".join([bold(first), *more]))
    return 0 if all(verdict["node"] for verdict in verdicts) else WAITS


async def rehearse(client: Client, trees: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The verdicts, those on Pods that the API server does not take first."""
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random
    from pybernetes.scheduler.rehearsal import Rehearsal

    pods: list[Pod] = []
    verdicts: list[dict[str, Any]] = []
    for tree in trees:
        path = f"/api/v1/namespaces/{tree['metadata']['namespace']}/pods"
        query, headers = "dryRun=All&fieldValidation=Strict", {"content-type": "application/json"}
        try:
            answer = await client.raw("POST", path, query, headers, msgspec.json.encode(tree))
        except StatusError as error:
            key = f"{tree['metadata']['namespace']}/{tree['metadata'].get('name', '')}"
            text = [f"{key} is not taken by the API server: {error.message}"]
            verdicts.append({"pod": key, "node": "", "refusals": {}, "changes": [], "victims": [], "text": text})
            continue
        pods.append(msgspec.json.decode(answer.body, type=Pod))
    if pods:
        verdicts += await Rehearsal(client, pods, SystemClock(), Random()).told()
    return verdicts


def _pods(filename: str, namespace: str) -> list[dict[str, Any]]:
    """The Pods of the file, each with its namespace. Raises ClusterError."""
    from pybernetes.apimachinery.yaml_text import documents

    try:
        trees = documents(sys.stdin.buffer.read() if filename == "-" else Path(filename).read_bytes())
    except OSError as error:
        raise ClusterError(f"{filename}: {error.strerror}") from None
    except ValueError as error:
        raise ClusterError(f"{filename} is not valid YAML: {error}") from None
    found: list[Any] = []
    for tree in trees:
        items = tree.get("items") if isinstance(tree, dict) and str(tree.get("kind")).endswith("List") else [tree]
        found += items if isinstance(items, list) else [items]
    for tree in found:
        if not isinstance(tree, dict) or (tree.get("apiVersion"), tree.get("kind")) != ("v1", "Pod"):
            what = tree.get("kind") if isinstance(tree, dict) else type(tree).__name__
            raise ClusterError(f"{filename} has a {what or 'document without a kind'}; only Pods can be tried")
        metadata = tree.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise ClusterError(f"{filename}: the metadata of a Pod is no object")
        metadata.setdefault("namespace", namespace)
    if not found:
        raise ClusterError(f"{filename} has no Pods")
    return found


def _client(args: argparse.Namespace) -> AbstractAsyncContextManager[Client]:
    if args.snapshot is not None:
        return _of_snapshot(args.snapshot)
    from pybernetes.cli.readiness import admin

    return admin(running(args.name)[1], _AGENT)


@asynccontextmanager
async def _of_snapshot(file: Path) -> AsyncIterator[Client]:
    """An API server in this process, on a copy. Raises ClusterError."""
    from pybernetes.apimachinery import features
    from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
    from pybernetes.apiserver.config import ApiServerConfig
    from pybernetes.apiserver.server import ApiServer
    from pybernetes.client.transport import LocalTransport
    from pybernetes.cluster.spec import ClusterSpec
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random
    from pybernetes.storage import sqlite_snapshot
    from pybernetes.storage.sqlite import SqliteStore
    from pybernetes.storage.store import StoreError

    with tempfile.TemporaryDirectory(prefix="pybernetes-schedule-") as folder:
        copy = Path(folder) / "store.db"
        try:
            if not sqlite_snapshot.is_snapshot(file):
                raise ClusterError(f"{file} is of a cluster on etcd; restore it to a cluster, and ask that one")
            origin = ClusterSpec.parse(sqlite_snapshot.inspect(file).origin)
            sqlite_snapshot.restore(file, copy, now_s=time.time())
            clock, random = SystemClock(), Random()
            store = SqliteStore(copy, clock)
            await store.start()
        except StoreError as error:
            raise ClusterError(str(error)) from None
        except OSError as error:
            raise ClusterError(f"{file}: {error.strerror or error}") from None
        config = ApiServerConfig(
            bind_addresses=(),
            port=-1,
            service_cluster_ip_range=origin.service_cidr,
            feature_gates=features.parse([origin.feature_gates]),
            encryption_provider_config=origin.encryption_config,
        )
        server = ApiServer(config, store, clock, random)
        try:
            await server.start()
            yield Client(
                LocalTransport(server.handler, UserInfo(_AGENT, groups=(SYSTEM_MASTERS, AUTHENTICATED))), _AGENT
            )
        finally:
            await server.stop()
            await store.stop()
