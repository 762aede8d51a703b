"""Figures of the store and the watch cache: commits a second alone and together, watch fan-out.

.venv/bin/python bench/store.py [--seconds 2] [--directory /var/tmp]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, Store
from pybernetes.storage.watch_cache import WatchCache

_CAUSE = Cause(user="kubernetes-admin", user_agent="bench", verb="create")


def pod(name: str, size: int = 2300) -> bytes:
    head = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"' + name + '"},"spec":{"filler":"'
    return (head + "x" * (size - len(head) - 3) + '"}}').encode()


async def commits(store: Store, writers: int, seconds: float, label: str) -> None:
    ends = time.perf_counter() + seconds
    latencies: list[float] = []

    async def write(writer: int) -> None:
        revision, key = 0, f"/registry/pods/default/{label}-{writer}"
        while (begun := time.perf_counter()) < ends:
            if revision:
                revision = await store.update(key, pod(f"w{writer}"), revision, _CAUSE)
            else:
                revision = await store.create(key, pod(f"w{writer}"), _CAUSE)
            latencies.append(time.perf_counter() - begun)

    async with asyncio.TaskGroup() as group:
        for writer in range(writers):
            group.create_task(write(writer))
    latencies.sort()
    count = len(latencies)
    print(
        f"{label:28s} {writers:5d} writers {count / seconds:9.0f} commits/s"
        f"   median {latencies[count // 2] * 1e3:6.2f} ms   99 % {latencies[count * 99 // 100] * 1e3:6.2f} ms"
    )


async def fan_out(store: Store, watchers: int, events: int) -> None:
    cache = WatchCache(store, "/registry/fan/")
    await cache.start()
    received = 0

    async def consume() -> None:
        nonlocal received
        watcher = await cache.watch(cache.revision)
        mine = 0
        async for batch in watcher:
            for event in batch:
                mine += len(event.line) > 0
            if mine == events:
                break
        received += mine
        watcher.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(watchers):
            group.create_task(consume())
        await asyncio.sleep(0)
        begun = time.perf_counter()
        for number in range(events):
            await store.create(f"/registry/fan/{watchers}/{number}", pod(f"p{number}"), _CAUSE)
            await asyncio.sleep(0)
    took = time.perf_counter() - begun
    print(f"{'watch fan-out':28s} {watchers:5d} watchers {received / took:8.0f} events/s   ({events} writes)")
    await cache.stop()


async def reads(store: Store, objects: int) -> None:
    for number in range(objects):
        await store.create(f"/registry/read/default/{number:06d}", pod(f"p{number}"), _CAUSE)
    begun = time.perf_counter()
    cache = WatchCache(store, "/registry/read/")
    await cache.start()
    print(f"{'cache loads':28s} {objects:5d} objects  {(time.perf_counter() - begun) * 1e3:8.1f} ms")
    begun = time.perf_counter()
    for _ in range(20):
        b",".join([item.value for item in cache.list("default").items])
    print(f"{'list as bytes':28s} {objects:5d} objects  {(time.perf_counter() - begun) / 20 * 1e3:8.2f} ms")
    await cache.stop()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--directory", default="/var/tmp")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        store = SqliteStore(Path(directory) / "store.db")
        await store.start()
        for writers in (1, 16, 64, 256):
            await commits(store, writers, arguments.seconds, f"sqlite-{writers}")
        await reads(store, 5000)
        await store.stop()
    memory = MemoryStore()
    await memory.start()
    for watchers in (10, 1000):
        await fan_out(memory, watchers, 300)
    await memory.stop()


if __name__ == "__main__":
    uvloop.run(main())
