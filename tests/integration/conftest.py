"""Stores of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.storage.etcd import EtcdStore
from pybernetes.storage.etcd_client import EtcdConfig
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Store
from tests.local_etcd import LocalEtcd


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[LocalEtcd]:
    """One that runs, with the test as its only writer."""
    made = LocalEtcd(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture(params=["sqlite", "etcd"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Of each kind that lasts, empty and not started."""
    if request.param == "sqlite":
        return SqliteStore(tmp_path / "store.db")
    return EtcdStore(EtcdConfig((request.getfixturevalue("etcd").url,)))
