"""The past of objects on a real store, as `history`, `--at` and `undo` ask for it: on SQLite and on etcd alike."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from pybernetes.api.core.v1 import ConfigMap
from pybernetes.apimachinery.errors import Gone
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.cli import diffs, undo
from pybernetes.cli.causes import who
from pybernetes.cli.history import moment
from pybernetes.cli.past import Kind, Past
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.storage.store import Store

ALICE, BOB = (UserInfo(name, groups=(SYSTEM_MASTERS, AUTHENTICATED)) for name in ("alice", "bob"))


def test_history_then_and_undo(store: Store) -> None:
    async def main() -> None:
        await store.start()
        server = ApiServer(
            ApiServerConfig(bind_addresses=(), port=-1, compaction_interval_s=0), store, SystemClock(), Random()
        )
        await server.start()
        try:
            alice, bob = (Client(LocalTransport(server.handler, user), "test") for user in (ALICE, BOB))
            await changes(alice, bob)
        finally:
            await server.stop(0)
            await store.stop()

    async def changes(alice: Client, bob: Client) -> None:
        source = Past(bob)
        kind = await source.kind("cm")
        made = ConfigMap(data={"color": "red", "size": "1"})
        made.metadata.name = "it"
        first = int((await alice.create(made, "default")).metadata.resourceVersion or 0)
        between = time.time()
        await asyncio.sleep(0.002)  # times are told in microseconds
        await bob.patch(ConfigMap, "it", "default", {"data": {"color": "blue"}, "metadata": {"labels": {"a": "b"}}})

        entries = await source.entries(kind, "default", "it")
        assert [(who(entry).split()[0], entry["verb"]) for entry in entries] == [("alice", "create"), ("bob", "patch")]
        told = diffs.lines(entries[1]["previous"], entries[1]["object"], status=False)
        assert "data.color: red → blue" in told, told

        for when in (moment(str(first), 0), {"time": moment("0s", between)["time"]}):
            then = await source.at(kind, "default", "it", when)
            assert (then["written"], then["object"]["data"]["color"]) == (first, "red")
            _, items = await source.list_at(kind, "default", when)
            assert [item["data"]["color"] for item in items if item["metadata"]["name"] == "it"] == ["red"]

        await undone(source, kind, entries)
        now = await source.now(kind, "default", "it")
        assert now is not None and now["data"] == {"color": "red", "size": "1"} and "labels" not in now["metadata"]

        uid = now["metadata"]["uid"]
        await alice.delete(ConfigMap, "it", "default")
        entries = await source.entries(kind, "default", "it")
        assert (entries[-1]["verb"], entries[-1]["object"]) == ("delete", None)
        await undone(source, kind, entries)
        again = await source.now(kind, "default", "it")
        assert again is not None and again["data"] == now["data"] and again["metadata"]["uid"] != uid

        await store.compact(store.current_revision())
        with pytest.raises(Gone, match="older than the history"):
            await source.at(kind, "default", "it", moment(str(first), 0))
        kept = await source.entries(kind, "default", "it")
        assert len(kept) == 5 and "object" not in kept[0], "who and when is known for longer than what"

    async def undone(source: Past, kind: Kind, entries: list[dict[str, Any]]) -> None:
        plan = undo.plan(entries, await source.now(kind, "default", "it"), "cm/it")
        method, name = ("PUT", "it") if plan.verb == "update" else ("POST", "")
        await source.write(method, kind.path("default", name), plan.tree)

    asyncio.run(main())
