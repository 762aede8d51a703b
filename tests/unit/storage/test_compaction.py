from __future__ import annotations

import asyncio

import pytest

from pybernetes.storage.compaction import compact_regularly
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.store import Cause, Compacted, StoreError


class Hours:
    time_s = 0.0

    def now(self) -> float:
        return self.time_s


def test_old_versions_go_and_faults_are_waited_out() -> None:
    async def main() -> None:
        clock = Hours()
        store = MemoryStore(clock)
        await store.start()
        first = await store.create("/a", b"1", Cause())
        clock.time_s = 1000
        second = await store.update("/a", b"2", first, Cause())
        clock.time_s = 4700
        compacted = asyncio.Event()
        failures = ["disk full"]
        compact = store.compact

        async def watched(revision: int) -> None:
            if failures:
                raise StoreError(failures.pop())
            await compact(revision)
            compacted.set()

        store.compact = watched  # type: ignore[method-assign]
        task = asyncio.create_task(compact_regularly(store, clock, keep_s=3600, interval_s=0))
        await asyncio.wait_for(compacted.wait(), 60)
        task.cancel()
        with pytest.raises(Compacted):
            await store.range("/", revision=first)
        assert (await store.range("/", revision=second)).items[0].value == b"2"

    asyncio.run(main())
