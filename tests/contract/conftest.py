"""The stores the contract is held against. Another store adds a name and a branch here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from pybernetes.host.clock import Clock
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Store

STORES = ["memory", "sqlite"]

OpenStore = Callable[..., AbstractAsyncContextManager[Store]]


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenStore:
    """`open_store(clock=…, watch_queue_limit=…)`: a fresh, started store, stopped at the end of the block."""

    def make(directory: Path, clock: Clock | None, watch_queue_limit: int) -> Store:
        if request.param == "memory":
            return MemoryStore(clock, watch_queue_limit=watch_queue_limit)
        return SqliteStore(directory / "store.db", clock, watch_queue_limit=watch_queue_limit)

    @asynccontextmanager
    async def opened(clock: Clock | None = None, watch_queue_limit: int = 16_384) -> AsyncIterator[Store]:
        store = make(tmp_path_factory.mktemp("store"), clock, watch_queue_limit)
        await store.start()
        try:
            yield store
        finally:
            await store.stop()

    return opened
