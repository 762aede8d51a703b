"""Randomness: without a seed nothing comes twice, with one everything comes again."""

from __future__ import annotations

import os
import re

import pytest

from pybernetes.host.random import Random

UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.parametrize("seed", [None, 7])
def test_uids_are_version_4_and_each_is_another(seed: int | None) -> None:
    one, other = Random(seed), Random(None)
    uids = [random.uid() for _ in range(1000) for random in (one, other)]
    assert all(map(UID.fullmatch, uids))
    assert len(set(uids)) == len(uids)


def test_a_seed_replays() -> None:
    first, second = Random(3), Random(3)
    assert [first.uid(), first.hex(48), first.suffix()] == [second.uid(), second.hex(48), second.suffix()]
    assert len(first.hex(48)) == 48


def test_a_forked_process_has_bytes_of_its_own() -> None:
    random = Random()
    random.uid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, random.hex(64).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 64).decode() != random.hex(64)
    os.close(reading)
    os.close(writing)
