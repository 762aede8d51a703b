"""A cluster of simulated nodes, as a user without root has it: workloads, Jobs, logs, a restart, and nothing left."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Cluster, eventually, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
_NOBODY = "65534"


class Unprivileged(Cluster):
    """Everything runs as nobody, with a home of its own."""

    def _as_nobody(self, argv: list[str]) -> list[str]:
        if os.geteuid() != 0:
            return argv
        # The interpreter may lie in root's home: reading it is the one thing that is allowed beyond a user's rights.
        read = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *read, *argv]

    @property
    def env(self) -> dict[str, str]:
        keep = {key: value for key, value in os.environ.items() if key not in ("PYBERNETES_HOME", "XDG_DATA_HOME")}
        return {**keep, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "XDG_RUNTIME_DIR": ""}

    def pybernetes(self, *args: str, check: bool = True) -> str:
        done = run(self._as_nobody([*COMMAND, *args, "--name", self.name]), self.env, check)
        return done.stdout + done.stderr

    def processes(self) -> list[str]:
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = file.read_bytes().decode().split("\0")
            except OSError:
                continue
            if "--data-dir" in words and any(word.startswith(str(self.folder)) for word in words):
                found.append(" ".join(words))
        return found


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Unprivileged]:
    if sys.platform != "linux" or shutil.which("kubectl") is None or shutil.which("setpriv") is None:
        pytest.skip("needs kubectl and setpriv")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(tmp_path, int(_NOBODY), int(_NOBODY))
    made = Unprivileged("simulated", tmp_path)
    yield made
    made.pybernetes("down", "--purge", check=False)


def test_without_root(small: Unprivileged) -> None:
    refused = small.pybernetes("up", check=False) if os.geteuid() == 0 else "--runtime simulated"
    assert "--runtime simulated" in refused
    told = small.pybernetes("up", "--runtime", "simulated", "--simulated-nodes", "3", "--simulated-zones", "3")
    assert "3 nodes Ready" in told
    zones = small.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.labels.topology\\.kubernetes\\.io/zone}")
    assert sorted(zones.stdout.split()) == ["zone-1", "zone-2", "zone-3"]
    small.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3")
    small.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    small.kubectl("set", "image", "deployment/web", "nginx=nginx:2")
    small.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    small.kubectl("create", "job", "once", "--image=busybox", "--", "true")
    small.kubectl("wait", "--for=condition=complete", "job/once", "--timeout=120s")
    small.kubectl("run", "talk", "--image=x", "--annotations=simulation.pybernetes.io/logs=line {n}")
    small.kubectl("wait", "--for=condition=ready", "pod/talk", "--timeout=120s")
    assert small.kubectl("logs", "talk").stdout.startswith("line 1\n")
    assert "runs no commands" in small.kubectl("exec", "talk", "--", "ls", check=False).stderr
    assert "well" in small.pybernetes("status")
    _restart(small)
    small.kubectl("delete", "pod", "talk", "--timeout=120s")
    small.kubectl("scale", "deployment/web", "--replicas=0")
    eventually("the Pods to go", lambda: not small.get("pods", "-l", "app=web")["items"])
    small.pybernetes("down", "--purge")
    assert not small.processes()
    assert not [file for file in (small.folder / ".local").rglob("*") if file.is_file() and file.suffix != ".lock"]


def _restart(small: Unprivileged) -> None:
    """Pods run on: same starts, same addresses, no restart."""

    def shown() -> list[tuple[str, str, str, int]]:
        pods = small.get("pods", "-l", "app=web")["items"]
        states = [(pod["metadata"]["name"], pod["status"], pod["status"]["containerStatuses"][0]) for pod in pods]
        return [(n, s["podIP"], c["state"]["running"]["startedAt"], c["restartCount"]) for n, s, c in states]

    before = shown()
    small.pybernetes("down")
    assert not small.processes()
    small.pybernetes("up")
    assert shown() == before
