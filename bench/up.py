"""Figures of a start: command to API ready, to node Ready, and the memory of control plane and node agent.

Usage: bench/up.py [ROUNDS]. Needs root and containerd; uses a cluster, a data directory and a kubeconfig of its own.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "pybernetes"]
NAME = "bench-up"
_FIGURES = re.compile(r"API ready after ([\d.]+) s, .* Ready after ([\d.]+) s")


def run(*args: str, env: dict[str, str]) -> str:
    done = subprocess.run([*COMMAND, *args, "--name", NAME], env=env, capture_output=True, text=True, check=False)
    if done.returncode and args[0] != "status":
        sys.exit(f"pybernetes {args[0]} failed: {done.stderr.strip()}")
    return done.stdout


def summary(label: str, values: list[float], unit: str) -> None:
    median = statistics.median(values)
    print(f"{label:<58}{median:8.2f} {unit}   (best {min(values):.2f}, worst {max(values):.2f}, {len(values)} rounds)")


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("bench/up.py needs root")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    api: list[float] = []
    node: list[float] = []
    again: list[float] = []
    memory: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "KUBECONFIG": str(Path(folder) / "kubeconfig")}
        place = ("--data-dir", str(Path(folder) / "data"), "--no-example")
        for _ in range(rounds):
            try:
                found = _FIGURES.search(run("up", *place, env=env))
                assert found is not None
                api.append(float(found[1]))
                node.append(float(found[2]))
                began = time.monotonic()
                run("up", *place, env=env)
                again.append(time.monotonic() - began)
                time.sleep(5)  # garbage of the start is gone, timers have settled
                for part in json.loads(run("status", "-o", "json", env=env))["components"]:
                    for kind, field in (("resident", "memoryKB"), ("proportional", "proportionalMemoryKB")):
                        memory.setdefault(f"{part['name']} {kind}", []).append(part[field] / 1024)
            finally:
                run("down", "--purge", env=env)
    summary("new cluster: command to API ready (goal: under 1 s)", api, "s")
    summary("new cluster: command to node Ready (goal: under 3 s)", node, "s")
    summary("a second `up`", again, "s")
    for name, values in memory.items():
        summary(f"memory: {name}", values, "MB")
    ours = [sum(x) for x in zip(memory["supervisor proportional"], memory["control-plane proportional"], strict=True)]
    summary("control plane + node agent + supervisor (goal: under 150 MB)", ours, "MB")


if __name__ == "__main__":
    main()
