"""The stores the contract is held against. Another store adds a name and a branch here."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from pybernetes.apiserver.registry.generic.keys import ResourceOfKey
from pybernetes.host.clock import Clock, SystemClock
from pybernetes.storage.encryption.providers import Encryption
from pybernetes.storage.encryption.store import EncryptedStore
from pybernetes.storage.etcd import EtcdStore
from pybernetes.storage.etcd_client import EtcdConfig
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Store
from tests.local_etcd import LocalEtcd

STORES = ["memory", "sqlite", "etcd", "encrypted"]

_ENCRYPTION = """
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: ["*.*"]
  providers:
  - aesgcm: {keys: [{name: one, secret: MDEyMzQ1Njc4OWFiY2RlZg==}]}
"""

OpenStore = Callable[..., AbstractAsyncContextManager[Store]]
_prefixes = itertools.count(1)


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    """One etcd for all; every store has a prefix of its own in it."""
    made = LocalEtcd(tmp_path_factory.mktemp("etcd"))
    made.start()
    yield made
    made.kill()


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenStore:
    """`open_store(clock=…, watch_queue_limit=…)`: a fresh, started store, stopped at the end of the block."""
    url = request.getfixturevalue("etcd").url if request.param == "etcd" else ""

    def make(directory: Path, clock: Clock | None, watch_queue_limit: int) -> Store:
        if request.param == "memory":
            return MemoryStore(clock, watch_queue_limit=watch_queue_limit)
        if request.param == "etcd":
            config = EtcdConfig((url,), prefix=f"/contract-{next(_prefixes)}")
            return EtcdStore(config, clock, watch_queue_limit=watch_queue_limit)
        return SqliteStore(directory / "store.db", clock, watch_queue_limit=watch_queue_limit)

    def encrypted(directory: Path, inner: Store) -> EncryptedStore:
        file = directory / "encryption.yaml"
        file.write_text(_ENCRYPTION)
        return EncryptedStore(inner, Encryption(str(file), SystemClock()), ResourceOfKey())

    @asynccontextmanager
    async def opened(clock: Clock | None = None, watch_queue_limit: int = 16_384) -> AsyncIterator[Store]:
        directory = tmp_path_factory.mktemp("store")
        store = make(directory, clock, watch_queue_limit)
        await store.start()
        try:
            yield encrypted(directory, store) if request.param == "encrypted" else store
        finally:
            await store.stop()

    return opened
