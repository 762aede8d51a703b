"""What a kubelet keeps over restarts, and what it says where that cannot be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pybernetes.kubelet.checkpoint import Checkpoint


def _numbers(found: list[int], text: bytes) -> None:
    found += msgspec.json.decode(text, type=list[int])


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [(None, [], False), (b"[1,2]", [1, 2], False), (b"[1,", [], True), (b'["x"]', [], True)],
    ids=["nothing", "whole", "cut off", "something else"],
)
def test_what_was_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: bytes | None, expected: list[int], told: bool
) -> None:
    kept, found = Checkpoint(tmp_path / "state", "who has what"), list[int]()
    if text is not None:
        kept.write(text)
    kept.read(lambda text: _numbers(found, text))
    assert found == expected
    assert (f"who has what cannot be read from {tmp_path}/state" in caplog.text) is told


def test_a_place_that_takes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    kept = Checkpoint(tmp_path / "file" / "state", "who has what")
    with pytest.raises(OSError):
        kept.write(b"[]")
    kept.keep(b"[]")
    assert "who has what cannot be written to" in caplog.text
