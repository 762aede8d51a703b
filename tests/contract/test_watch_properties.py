"""etcd's promises of a watch, for every store: ordered, unique, atomic, reliable, resumable, and progress that holds.

Watches begin at random revisions and end after random counts, some go on where they ended, while writers write
and compaction runs every 200 ms. WATCH_SECONDS=600 SEED=7: at length.

Source: etcd documentation, learning/api_guarantees (watch APIs).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from pybernetes.storage.store import Cause, Change, Compacted, KeyExists, RevisionMismatch, Store
from pybernetes.storage.watch_cache import WatchCache
from tests.worlds import work_until

SECONDS = float(os.environ.get("WATCH_SECONDS", "1.5"))
SEED = int(os.environ.get("SEED", "1"))
PREFIXES = ("/registry/", "/registry/a/", "/registry/b/")
_COMPACT_S = 0.2
_PATIENCE_S = 120.0
_WHO = Cause(user="alice", verb="update")


class Log:
    """Every write that was acknowledged, as the writer knows it."""

    def __init__(self) -> None:
        self.changes: dict[int, Change] = {}

    def between(self, prefix: str, after: int, until: int) -> list[Change]:
        return [
            change
            for revision, change in sorted(self.changes.items())
            if after < revision <= until and change.key.startswith(prefix)
        ]


async def write(store: Store, log: Log, rng: random.Random, name: int) -> None:
    """On keys of its own, so that it knows what was there before."""
    there: dict[str, Change] = {}
    while True:
        key = f"/registry/{rng.choice('ab')}/{name}-{rng.randrange(4)}"
        value = b'{"metadata":{"name":"x"},"v":"%s"}' % rng.randbytes(8).hex().encode()
        before = there.get(key)
        with contextlib.suppress(KeyExists, RevisionMismatch):
            if before is None:
                revision = await store.create(key, value, _WHO)
                change = Change("put", key, value, None, revision, revision)
            elif rng.random() < 0.3:
                revision = await store.delete(key, before.revision, _WHO)
                change = Change("delete", key, before.value, before.value, revision, before.create_revision)
            else:
                revision = await store.update(key, value, before.revision, _WHO)
                change = Change("put", key, value, before.value, revision, before.create_revision)
            log.changes[revision] = change
            there.pop(key, None)
            if change.kind == "put":
                there[key] = change
        await asyncio.sleep(rng.random() * 0.01)


async def watch(store: Store, log: Log, rng: random.Random, first: int, seen: list[Any], told: Counter[str]) -> None:
    """One watch after another; each is kept as (prefix, after, last, changes, compacted at its beginning)."""
    after = 0
    while True:
        prefix = rng.choice(PREFIXES)
        if not after or rng.random() < 0.5:
            after = max(first, store.current_revision() - rng.randrange(150) + 3)
        else:
            told["resumed"] += 1
        wanted, found, ended = rng.randrange(1, 60), [], False
        try:
            async with asyncio.timeout(rng.random() * 0.5), aclosing(store.watch(prefix, after)) as changes:  # type: ignore[type-var]
                async for batch in changes:
                    found += batch
                    if len(found) >= wanted:
                        break
        except TimeoutError:
            told["ended in silence"] += 1
        except Compacted as error:
            told["compacted"] += 1
            assert found or after < error.compact_revision, f"told Gone at {after}, compacted {error.compact_revision}"
            ended = True
        if found:
            told["watches"] += 1
            told["events"] += len(found)
            seen.append((prefix, after, found))
        after = found[-1].revision if found and not ended and prefix == "/registry/" else 0


async def bookmarks(store: Store, log: Log, told: Counter[str], cache: WatchCache) -> None:
    """Progress holds: nothing of before comes after it, and all of before came before it."""
    arrived: dict[int, Change] = {}
    stop = store.subscribe("/registry/", lambda changes: arrived.update({c.revision: c for c in changes}), lambda: None)
    first = store.current_revision()
    try:
        while True:
            acknowledged = max(log.changes, default=0)
            revision = await store.sync()
            assert revision >= acknowledged
            before = set(arrived)
            missing = [r for r in log.changes if first < r <= revision and r not in before]
            assert not missing, f"progress {revision}, but {missing} did not come"
            assert cache.revision >= max((r for r in log.changes if r <= acknowledged), default=0)
            await asyncio.sleep(0.005)
            late = [r for r in arrived if r <= revision and r not in before]
            assert not late, f"{late} came after progress {revision}"
            told["progress"] += 1
    finally:
        stop()


def enough(told: Counter[str]) -> bool:
    """However slow the machine is, it has to come to something."""
    return told["compactions"] > 0 and told["watches"] > 10 and told["progress"] > 5


@pytest.mark.timeout(0)
def test_watches_keep_their_promises(open_store: Callable[..., Any]) -> None:
    async def main() -> None:
        rng, log, told = random.Random(SEED), Log(), Counter[str]()
        seen: list[Any] = []
        async with open_store() as store:
            first = store.current_revision()
            cache = WatchCache(store, "/registry/")
            await cache.start()

            async def compact() -> None:
                while True:
                    await asyncio.sleep(_COMPACT_S)
                    await store.compact(max(store.current_revision() - rng.randrange(80), first))
                    told["compactions"] += 1

            workers = [write(store, log, random.Random(rng.random()), number) for number in range(4)]
            workers += [watch(store, log, random.Random(rng.random()), first, seen, told) for _ in range(8)]
            workers += [compact(), bookmarks(store, log, told, cache)]
            await work_until(lambda: enough(told), workers, SECONDS, _PATIENCE_S)
            await cache.stop()
        print(f"\nseed {SEED}: {len(log.changes)} writes, {dict(told)}")
        for prefix, after, found in seen:
            revisions = [change.revision for change in found]
            assert revisions == sorted(set(revisions)), "ordered and unique"
            last = revisions[-1]
            # A write whose answer the end of the test cut off is in no log.
            known = [change for change in found if change.revision in log.changes]
            assert known == log.between(prefix, after, last), f"seed {SEED}: reliable, {prefix} after {after}"
            assert len(found) - len(known) <= 4

    asyncio.run(main())
