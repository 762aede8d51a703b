"""Power cuts at every write and sync of a SQLite store: nothing acknowledged is lost, nothing is damaged.

POWER_CUTS=100000 SEED=7 pytest -s: the whole campaign; without, a sample.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest

from pybernetes.storage import sqlite_file
from tests.sim.store.power import campaign

CUTS = int(os.environ.get("POWER_CUTS", "300"))
SEED = int(os.environ.get("SEED", "1"))


@pytest.fixture(autouse=True)
def _checkpoints_come_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.storage.sqlite_writer._CHECKPOINT_PAGES", 20)


@pytest.mark.timeout(0)
def test_power_cuts_lose_no_acknowledged_write(tmp_path: Path) -> None:
    report = campaign(SEED, CUTS, tmp_path)
    lost = len(report.problems)
    print(f"\nseed {SEED}: {report.cuts} cut points in {report.lives} lives, {report.writes} writes, {lost} problems")
    assert not report.problems, report.problems[0]


def test_a_store_that_does_not_sync_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    honest = sqlite_file.open_writer

    def careless(*args: object) -> apsw.Connection:
        connection = honest(*args)  # type: ignore[arg-type]
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(sqlite_file, "open_writer", careless)
    report = campaign(SEED, 300, tmp_path)
    assert "was acknowledged" in report.problems[0] or "does not" in report.problems[0]
