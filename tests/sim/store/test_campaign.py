"""Samples of the campaigns with real processes, and proof that they find the mistakes they are there for.

`make soak` runs them at length; CAMPAIGN="--rounds 200 --seed 7 …" here adds words to a campaign's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.store.world import available

WORDS = os.environ.get("CAMPAIGN", "").split()

if why := available():
    pytest.skip(why, allow_module_level=True)


def campaign(*words: str) -> subprocess.CompletedProcess[str]:
    """In a network namespace of its own, which ends with it."""
    command = ["unshare", "--net", sys.executable, "-m", "tests.sim.store.campaign", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    "words",
    [
        ("--store", "sqlite", "--faults", "kill,pause,clock,slow-disk,full-disk,disk-error", "--faults-per-round", "3"),
        ("--store", "etcd3", "--apiservers", "3", "--faults", "kill,kill-etcd,kill-leader,pause,partition"),
    ],
    ids=["sqlite", "etcd"],
)
def test_histories_under_faults(words: tuple[str, ...]) -> None:
    done = campaign(*words, "--rounds", "1", "--longest-fault", "0.5", *WORDS)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--mistake", "early-answers", "--store", "sqlite", "--faults", "kill"),
        ("--mistake", "stale-reads", "--store", "etcd1", "--apiservers", "2", "--faults", "none"),
    ],
    ids=["early answers", "stale reads"],
)
def test_a_mistake_is_found(words: tuple[str, ...], tmp_path: Path) -> None:
    done = campaign(*words, "--rounds", "10", "--keys", "2", "--folder", str(tmp_path / "world"))
    assert done.returncode == 1 and "VIOLATION (seed 1" in done.stdout, done.stdout + done.stderr
