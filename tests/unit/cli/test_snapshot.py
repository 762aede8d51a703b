"""`snapshot restore` of a file that the cluster's store cannot take."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes.cluster.layout import Layout
from pybernetes.cmd.main import main
from pybernetes.storage import sqlite_snapshot, transfer
from pybernetes.storage.sqlite import SqliteStore
from tests.unit.cluster.builders import spec


@pytest.mark.parametrize(("kind", "way_out"), [("sqlite", "etcd"), ("etcd", "sqlite")])
def test_a_snapshot_of_another_kind_of_store(
    kind: str, way_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYBERNETES_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYBERNETES_COMMAND", "pybernetes")

    async def make() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        await store.stop()

    asyncio.run(make())
    file = tmp_path / "snapshot.db"
    if way_out == "sqlite":
        sqlite_snapshot.save(tmp_path / "store.db", file, now_s=1.0)
    else:
        transfer.write_etcd_snapshot(file, transfer.read_sqlite(tmp_path / "store.db"), "/registry", 1.0)
    layout = Layout.of("one")
    layout.data.mkdir(parents=True)
    spec(name="one", store=kind, nodes=1).write(layout.spec)
    assert main(["snapshot", "restore", str(file), "--name", "one"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"move it first: pybernetes store migrate --name one --to {way_out}")
