"""A whole apiserver over a store in memory, asked without a socket, where everybody may do everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Handler
from pybernetes.storage.memory import MemoryStore


@asynccontextmanager
async def serving(**config: Any) -> AsyncIterator[Handler]:
    store = MemoryStore()
    await store.start()
    server = ApiServer(
        ApiServerConfig(port=-1, authorization_modes=("AlwaysAllow",), **config), store, SystemClock(), Random(1)
    )
    await server.start()
    try:
        yield server.handler
    finally:
        await server.stop(0)
        await store.stop()
