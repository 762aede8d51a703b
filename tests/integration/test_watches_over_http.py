"""etcd's promises of a watch as clients have them, over HTTP: ordered, unique, reliable, resumable, bookmarkable.

Watches begin at random revisions of the past, end after a while and go on at the last event or bookmark, while
writers write and compaction runs every 200 ms. WATCH_SECONDS=600 SEED=7: at length.

Source: etcd documentation, learning/api_guarantees (watch APIs); KEP-956 (watch bookmarks).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.registry.generic import storage
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.transport import HttpTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.storage.store import Change, Store
from pybernetes.storage.watch_cache import WatchCache
from tests.integration.apiserver_process import ask
from tests.worlds import work_until

SECONDS = float(os.environ.get("WATCH_SECONDS", "2"))
SEED = int(os.environ.get("SEED", "1"))
NAMESPACES = ("default", "kube-system")
PREFIX = "/registry/configmaps/"
_ENOUGH = ("writes", "watches", "bookmarks", "resumed", "compactions", "gone")
"""Of each there is some before the end."""
_COMPACT_S = 0.2
_PATIENCE_S = 100
_BOOKMARK_S = 0.03
_EVENTS = {"create": "ADDED", "update": "MODIFIED", "delete": "DELETED"}


@dataclass
class World:
    """The apiserver's address, and what happened in its store."""

    store: Store
    server: HttpTransport
    rng: random.Random
    first: int = 0
    compacted: int = 0
    happened: dict[int, Change] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def between(self, namespace: str, after: int, until: int) -> list[tuple[str, str, int]]:
        """The events that a watch owes; an etcd of the test alone has no other writer."""
        return [
            (_EVENTS[_verb(change)], change.key, revision)
            for revision, change in self.happened.items()
            if after < revision <= until and change.key.startswith(f"{PREFIX}{namespace}{'/' if namespace else ''}")
        ]


def _verb(change: Change) -> str:
    if change.kind == "delete":
        return "delete"
    return "create" if change.previous is None else "update"


async def write(world: World, rng: random.Random, number: int) -> None:
    """Objects of its own; every acknowledged version must be one that happened."""
    there: set[str] = set()
    while True:
        name = f"{rng.choice(NAMESPACES)}/w{number}-{rng.randrange(4)}"
        namespace, _, short = name.partition("/")
        collection, value = f"/api/v1/namespaces/{namespace}/configmaps", rng.randbytes(6).hex()
        tree = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": short}, "data": {"v": value}}
        if name not in there:
            status, answer = await ask(world.server, "POST", collection, tree)
            there.add(name)
        elif rng.random() < 0.3:
            status, answer = await ask(world.server, "DELETE", f"{collection}/{short}")
            there.discard(name)
        else:
            status, answer = await ask(world.server, "PUT", f"{collection}/{short}", tree)
        assert status in (200, 201), answer
        if "data" in answer:
            change = world.happened[int(answer["metadata"]["resourceVersion"])]
            assert (change.key, json.loads(change.value)["data"]["v"]) == (f"{PREFIX}{name}", value)
        world.told["writes"] += 1
        await asyncio.sleep(rng.random() * 0.01)


async def watch(world: World, rng: random.Random) -> None:
    """One watch after another; half of them go on where the one before ended."""
    position, namespace = 0, ""
    while True:
        resumed = bool(position) and rng.random() < 0.6
        if not resumed:
            namespace = rng.choice(("", *NAMESPACES))
            position = max(world.first, world.store.current_revision() - rng.randrange(120))
        world.told["resumed"] += resumed
        position = await _one(world, rng, namespace, position)


async def _one(world: World, rng: random.Random, namespace: str, after: int) -> int:
    """Where the next watch may go on; 0: nowhere."""
    place = f"/namespaces/{namespace}" if namespace else ""
    path = f"/api/v1{place}/configmaps?watch=1&allowWatchBookmarks=true&resourceVersion={after}"
    position, seen, wanted = after, [], rng.randrange(1, 80)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05 + rng.random() * 0.4), world.server.stream("GET", path, {}) as stream:
            assert stream.status == 200
            rest = b""
            async for piece in stream.chunks():
                *lines, rest = (rest + piece).split(b"\n")
                for event in map(json.loads, lines):
                    if event["type"] == "ERROR":
                        assert (event["object"]["code"], seen) == (410, [])
                        assert after < world.compacted, f"told Gone at {after}, compacted {world.compacted}"
                        world.told["gone"] += 1
                        return 0
                    meta = event["object"]["metadata"]
                    revision = int(meta["resourceVersion"])
                    if event["type"] == "BOOKMARK":
                        assert revision >= position, f"a bookmark goes back from {position} to {revision}"
                        world.told["bookmarks"] += 1
                    else:
                        assert revision > position, f"{event['type']} at {revision} after {position}"
                        seen.append((event["type"], f"{PREFIX}{meta['namespace']}/{meta['name']}", revision))
                    position = revision
                if len(seen) >= wanted:
                    break
    owed = world.between(namespace, after, position)
    assert seen == owed, f"seed {SEED}: {namespace or 'all'} after {after} until {position}: {seen} is not {owed}"
    world.told["watches"] += 1
    world.told["events"] += len(seen)
    return position


async def compact(world: World) -> None:
    while True:
        await asyncio.sleep(_COMPACT_S)
        revision = max(world.store.current_revision() - world.rng.randrange(60), world.first)
        world.compacted = max(world.compacted, revision)
        await world.store.compact(revision)
        world.told["compactions"] += 1


@pytest.mark.timeout(0)
def test_watches_keep_their_promises(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "BOOKMARK_EVERY_S", _BOOKMARK_S)
    # Most of the past comes out of the store's history, and meets the compaction.
    monkeypatch.setitem(WatchCache.__init__.__kwdefaults__, "recent_events", 20)

    async def main() -> None:
        await store.start()
        user = UserInfo("admin", groups=("system:masters",))
        config = ApiServerConfig(
            bind_addresses=("127.0.0.1",), port=0, static_tokens={"secret": user}, compaction_interval_s=0
        )
        server = ApiServer(config, store, SystemClock(), Random())
        await server.start()
        transport = HttpTransport(f"http://127.0.0.1:{server.port}", token="secret")
        world = World(store, transport, random.Random(SEED))
        try:
            while (await transport.request("GET", "/readyz", {})).status != 200:  # noqa: ASYNC110 (a server is asked)
                await asyncio.sleep(0.02)
            stop = store.subscribe(
                PREFIX, lambda changes: world.happened.update({c.revision: c for c in changes}), lambda: None
            )
            world.first = store.current_revision()
            workers = [write(world, random.Random(world.rng.random()), number) for number in range(3)]
            workers += [watch(world, random.Random(world.rng.random())) for _ in range(8)]
            workers.append(compact(world))
            await work_until(lambda: all(world.told[what] for what in _ENOUGH), workers, SECONDS, _PATIENCE_S)
            stop()
        finally:
            await transport.close()
            await server.stop(0.2)
            await store.stop()
        print(f"\nseed {SEED}: {dict(world.told)}")

    asyncio.run(main())
