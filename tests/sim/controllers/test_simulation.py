"""A few seeds of the simulation, and of the campaign with a process that is killed; `make soak` runs them at length.

A seed replays a run where Python's hashes are the same: PYTHONHASHSEED=0, as here.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(module: str, *words: str) -> str:
    command = [sys.executable, "-m", f"tests.sim.controllers.{module}", *words]
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(0)
def test_all_controllers_under_every_fault() -> None:
    told = run("simulation", "--seeds", "17-18")
    for fault in ("lost_request", "lost_answer", "error", "conflict", "late_event", "silent_watch", "death"):
        assert f" {fault}" in told


@pytest.mark.timeout(0)
def test_the_controller_manager_is_killed_while_deployments_roll() -> None:
    told = run("chaos", "--deployments", "3", "--steady", "1", "--nodes", "3", "--every", "1.5")
    assert "4 Deployments complete; 0 violations" in told
    assert "0 ended by itself" in told
