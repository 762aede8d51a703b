"""The command `pybernetes`, and figures as lines, for benchmarks that use a whole cluster."""

from __future__ import annotations

import subprocess
import sys

COMMAND = [sys.executable, "-m", "pybernetes"]


def run(*args: str, check: bool = True) -> str:
    """What it prints; ends the benchmark where the command fails."""
    done = subprocess.run([*COMMAND, *args], capture_output=True, text=True, check=False)
    if done.returncode and check:
        sys.exit(f"pybernetes {' '.join(args)} failed: {done.stderr.strip()}")
    return done.stdout


def say(label: str, value: float, unit: str) -> None:
    print(f"{label:<72}{value:9.2f} {unit}", flush=True)
