"""What a pod needs next, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pybernetes.kubelet.runtime import PodRuntime
from pybernetes.kubelet.worker.plan import plan
from pybernetes.kubelet.worker.status import ProbeResults

from ..pods import container, pod, running, sandbox

SIDECAR = {"name": "side", "image": "i", "restartPolicy": "Always"}
NEVER = pod(restartPolicy="Never")
ON_FAILURE = pod(restartPolicy="OnFailure")
ALWAYS = pod()
INIT = pod(init=[{"name": "i1", "image": "i"}, {"name": "i2", "image": "i"}], restartPolicy="Never")
WITH_SIDECAR = pod(init=[SIDECAR, {"name": "i2", "image": "i"}], restartPolicy="Never")
RULES = pod(
    [
        {
            "name": "c",
            "image": "i",
            "restartPolicy": "Never",
            "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}],
        }
    ]
)


def exited(of: Any, name: str = "c", code: int = 0) -> Any:
    return container(of, name, state="exited", exit_code=code)


CASES: dict[str, tuple[Any, PodRuntime, dict[str, Any]]] = {
    "nothing yet": (ALWAYS, PodRuntime(), {"new_sandbox": True, "attempt": 0}),
    "sandbox ready": (ALWAYS, running(), {"start": ["c"]}),
    "all runs": (ALWAYS, running(container(ALWAYS)), {}),
    "sandbox without address": (
        ALWAYS,
        PodRuntime(sandboxes=(sandbox(ip=""),)),
        {"new_sandbox": True, "attempt": 1},
    ),
    "sandbox died, and the next one did not start": (
        ALWAYS,
        PodRuntime((sandbox(ready=False), replace(sandbox(1, ready=False), created_at_s=-6795364578.9))),
        {"new_sandbox": True, "attempt": 2},
    ),
    "sandbox died": (
        ALWAYS,
        running(container(ALWAYS), sandboxes=(sandbox(ready=False),)),
        {"new_sandbox": True, "attempt": 1, "stop": ["c-0"]},
    ),
    "sandbox died after a Never pod ran": (
        NEVER,
        running(exited(NEVER), sandboxes=(sandbox(ready=False),)),
        {"done": True},
    ),
    "always: exit 0 restarts": (ALWAYS, running(exited(ALWAYS)), {"start": ["c"]}),
    "on failure: exit 0 is the end": (ON_FAILURE, running(exited(ON_FAILURE)), {"done": True}),
    "on failure: exit 1 restarts": (ON_FAILURE, running(exited(ON_FAILURE, code=1)), {"start": ["c"]}),
    "never: exit 1 is the end": (NEVER, running(exited(NEVER, code=1)), {"done": True}),
    "rule restarts its exit code": (RULES, running(exited(RULES, code=42)), {"start": ["c"]}),
    "rule leaves others": (RULES, running(exited(RULES, code=1)), {"done": True}),
    "created but not started": (ALWAYS, running(container(ALWAYS, state="created")), {"start": ["c"]}),
    "lost by the runtime": (ALWAYS, running(container(ALWAYS, state="unknown")), {"start": ["c"], "stop": ["c-0"]}),
    "lost init container": (INIT, running(container(INIT, "i1", state="unknown")), {"start": ["i1"], "stop": ["i1-0"]}),
    "first init container": (INIT, running(), {"start": ["i1"]}),
    "init container runs": (INIT, running(container(INIT, "i1")), {}),
    "second init container": (INIT, running(exited(INIT, "i1")), {"start": ["i2"]}),
    "after the init containers": (INIT, running(exited(INIT, "i1"), exited(INIT, "i2")), {"start": ["c"]}),
    "init container fails for good": (INIT, running(exited(INIT, "i1", 1)), {"done": True}),
    "init statuses lost after start": (INIT, running(container(INIT)), {}),
    "sidecar lets the next one begin": (WITH_SIDECAR, running(container(WITH_SIDECAR, "side")), {"start": ["i2"]}),
    "sidecar restarts even with Never": (
        WITH_SIDECAR,
        running(exited(WITH_SIDECAR, "side", 1), exited(WITH_SIDECAR, "i2"), container(WITH_SIDECAR)),
        {"start": ["side"]},
    ),
    "sidecars do not keep a pod alive": (
        WITH_SIDECAR,
        running(container(WITH_SIDECAR, "side"), exited(WITH_SIDECAR, "i2"), exited(WITH_SIDECAR)),
        {"done": True},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_plan(name: str) -> None:
    spec, runtime, expected = CASES[name]
    found = plan(spec, runtime, ProbeResults())
    shown = {
        "new_sandbox": found.new_sandbox,
        "attempt": found.attempt,
        "start": found.start,
        "stop": [s.container.id for s in found.stop],
        "done": found.done,
    }
    assert {k: v for k, v in shown.items() if v} == {k: v for k, v in expected.items() if v}


def test_failed_liveness_kills_and_restarts() -> None:
    spec = pod([{"name": "c", "image": "i", "livenessProbe": {"terminationGracePeriodSeconds": 3}}])
    probes = ProbeResults(liveness={"c-0": False})
    found = plan(spec, running(container(spec)), probes)
    assert found.start == ["c"]
    assert [(s.message, s.grace_period_s) for s in found.stop] == [
        ("Container c failed liveness probe, will be restarted", 3)
    ]


def test_changed_image_restarts_whatever_the_policy() -> None:
    old = pod(restartPolicy="Never")
    new = pod([{"name": "c", "image": "busybox:2"}], restartPolicy="Never")
    found = plan(new, running(container(old)), ProbeResults())
    assert found.start == ["c"]
    assert found.stop[0].message == "Container c definition changed, will be restarted"


def test_a_sidecar_with_a_startup_probe_holds_the_next_one_back() -> None:
    side = {**SIDECAR, "startupProbe": {"exec": {"command": ["true"]}}}
    spec = pod(init=[side, {"name": "i2", "image": "i"}])
    runtime = running(container(spec, "side"))
    assert plan(spec, runtime, ProbeResults()).start == []
    assert plan(spec, runtime, ProbeResults(startup={"side-0": True})).start == ["i2"]
