from __future__ import annotations

from pathlib import Path

import pytest

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.scheduled_snapshots import name_at, surplus
from pybernetes.cluster.settings import check


def test_the_newest_are_kept_and_others_left_alone() -> None:
    names = [name_at(moment_s) for moment_s in (0.0, 86400.0, 60.0)]
    assert names[0] == "scheduled-19700101T000000Z.db"
    assert surplus([*names, "mine.db", ".scheduled-19700101T000000Z.db.part"], 2) == [names[0]]
    assert surplus(names, 3) == []


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"snapshot_schedule": "soon"}, "--snapshot-schedule 'soon' cannot be"),
        ({"snapshot_keep": 0}, "keep one at least"),
        ({"encryption_config": "/nowhere/at/all"}, "cannot read the encryption configuration"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], why: str) -> None:
    with pytest.raises(ClusterError, match=why):
        check(settings)


def test_settings_that_can_be(tmp_path: Path) -> None:
    check({"snapshot_schedule": "*/5 * * * *", "snapshot_keep": 1, "encryption_config": "", "snapshot_dir": "/x"})
