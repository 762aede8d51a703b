"""The wheel built from the checkout, in an environment of its own, away from the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from .conftest import Cluster, make_cluster

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str | Path, **options: object) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return str(done.stdout)


def test_the_wheel_runs_a_cluster(tmp_path: Path) -> None:
    own: Cluster = make_cluster(tmp_path, "wheel")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(ROOT / "examples", source / "examples")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", source)
    (wheel,) = (tmp_path / "dist").iterdir()
    shutil.rmtree(source)

    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "-r", ROOT / "requirements.lock")
    run(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
    command = tmp_path / "venv" / "bin" / "pybernetes"
    env = {**own.env, "PYTHONPATH": ""}
    place = ("--name", own.name, "--data-dir", str(tmp_path / "data"))
    where = run(python, "-c", "import pybernetes; print(pybernetes.__file__)", cwd="/", env=env)
    assert where.startswith(str(tmp_path))
    own.down()
    try:
        assert "Hello from hello-" in run(command, "up", *place, cwd="/", env=env)
        version = json.loads(own.kubectl("get", "--raw", "/version").stdout)
        told = run(command, "version", cwd="/", env=env).split()
        assert version["gitVersion"] == f"{told[3]}+pybernetes.{told[1]}"
    finally:
        run(command, "down", "--name", own.name, "--purge", cwd="/", env=env)
