"""Phases, conditions and container statuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pybernetes.api.core.v1 import PodStatus
from pybernetes.kubelet.runtime import PodRuntime
from pybernetes.kubelet.worker.status import Inputs, ProbeResults, generate
from pybernetes.kubelet.worker.status_writer import status_patch

from ..pods import container, pod, running, sandbox

NOW_S = 1_767_225_600.0
TWO = [{"name": "b", "image": "i"}, {"name": "a", "image": "i"}]
INIT = [{"name": "i1", "image": "i"}]
SIDE = [{"name": "side", "image": "i", "restartPolicy": "Always"}]


def show(of: Any, runtime: PodRuntime, **inputs: Any) -> PodStatus:
    return generate(of, runtime, Inputs(old=of.status, now_s=NOW_S, **inputs))


def ended(of: Any, name: str, code: int) -> Any:
    return container(of, name, state="exited", exit_code=code)


ALWAYS, NEVER, FAILURE = pod(TWO), pod(TWO, restartPolicy="Never"), pod(TWO, restartPolicy="OnFailure")
WITH_INIT, WITH_SIDE = pod(TWO, INIT, restartPolicy="Never"), pod(TWO, SIDE, restartPolicy="Never")
PHASES: dict[str, tuple[Any, PodRuntime, bool, str]] = {
    "nothing": (ALWAYS, PodRuntime(), False, "Pending"),
    "one of two": (ALWAYS, running(container(ALWAYS, "a")), False, "Pending"),
    "both": (ALWAYS, running(container(ALWAYS, "a"), container(ALWAYS, "b")), False, "Running"),
    "one ended": (NEVER, running(container(NEVER, "a"), ended(NEVER, "b", 0)), False, "Running"),
    "both will restart": (ALWAYS, running(ended(ALWAYS, "a", 0), ended(ALWAYS, "b", 1)), False, "Running"),
    "on failure, one failed": (FAILURE, running(ended(FAILURE, "a", 0), ended(FAILURE, "b", 1)), False, "Running"),
    "all succeeded": (FAILURE, running(ended(FAILURE, "a", 0), ended(FAILURE, "b", 0)), True, "Succeeded"),
    "never, one failed": (NEVER, running(ended(NEVER, "a", 0), ended(NEVER, "b", 1)), True, "Failed"),
    "always, deleted, all succeeded": (
        ALWAYS,
        running(ended(ALWAYS, "a", 0), ended(ALWAYS, "b", 0)),
        True,
        "Succeeded",
    ),
    "init runs": (WITH_INIT, running(container(WITH_INIT, "i1")), False, "Pending"),
    "init failed for good": (WITH_INIT, running(ended(WITH_INIT, "i1", 2)), True, "Failed"),
    "sidecar beside ended containers": (
        WITH_SIDE,
        running(container(WITH_SIDE, "side"), ended(WITH_SIDE, "a", 0), ended(WITH_SIDE, "b", 0)),
        True,
        "Succeeded",
    ),
    "never begun, deleted": (ALWAYS, PodRuntime(), True, "Failed"),
}


@pytest.mark.parametrize("name", PHASES)
def test_phase(name: str) -> None:
    of, runtime, is_over, expected = PHASES[name]
    assert show(of, runtime, ended=is_over).phase == expected


def test_a_terminal_phase_is_withheld_and_never_left() -> None:
    runtime = running(ended(NEVER, "a", 0), ended(NEVER, "b", 0))
    assert show(NEVER, runtime).phase == "Pending"
    over = pod(TWO, status={"phase": "Succeeded"})
    assert show(over, running(container(over, "a"))).phase == "Succeeded"


def test_conditions_of_a_pod_that_waits_for_its_sandbox() -> None:
    status = show(pod(TWO, INIT), PodRuntime())
    assert [(c.type, c.status, c.reason, c.message) for c in status.conditions] == [
        ("PodReadyToStartContainers", "False", None, None),
        ("Initialized", "False", "ContainersNotInitialized", "containers with incomplete status: [i1]"),
        ("Ready", "False", "ContainersNotReady", "containers with unready status: [b a]"),
        ("ContainersReady", "False", "ContainersNotReady", "containers with unready status: [b a]"),
        ("PodScheduled", "True", None, None),
    ]
    assert {c.observedGeneration for c in status.conditions} == {1}
    assert [s.name for s in status.containerStatuses] == ["a", "b"], "sorted by name"
    assert {s.state.waiting.reason for s in status.containerStatuses} == {"PodInitializing"}
    assert show(pod(), PodRuntime()).containerStatuses[0].state.waiting.reason == "ContainerCreating"


def test_times_of_transition_are_kept() -> None:
    of = pod(
        status={
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]
        }
    )
    found = {c.type: c.lastTransitionTime for c in show(of, running()).conditions}
    assert found["PodScheduled"] == "2020-01-01T00:00:00Z"
    assert found["PodReadyToStartContainers"] == "2026-01-01T00:00:00Z"


def test_readiness_gates() -> None:
    gates = [{"conditionType": "example.com/up"}]
    of = pod(readinessGates=gates)
    ready = next(c for c in show(of, running(container(of))).conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "ReadinessGatesNotReady")
    assert ready.message == 'corresponding condition of pod readiness gate "example.com/up" does not exist.'
    of = pod(readinessGates=gates, status={"conditions": [{"type": "example.com/up", "status": "True"}]})
    found = {c.type: c.status for c in show(of, running(container(of))).conditions}
    assert found["Ready"] == "True" and found["example.com/up"] == "True"


def test_started_and_ready_follow_the_probes() -> None:
    of = pod([{"name": "c", "image": "i", "startupProbe": {}, "readinessProbe": {}}])
    runtime = running(container(of))

    def seen(**results: dict[str, bool]) -> tuple[bool | None, bool]:
        status = show(of, runtime, probes=ProbeResults(**results)).containerStatuses[0]
        return status.started, status.ready

    assert seen() == (False, False)
    assert seen(startup={"c-0": True}) == (True, False)
    assert seen(startup={"c-0": True}, readiness={"c-0": True}) == (True, True)
    assert seen(startup={"c-0": False}, readiness={"c-0": True}) == (False, False)


def test_a_container_whose_hook_still_runs_is_not_shown() -> None:
    of = pod()
    status = show(of, running(container(of)), starting=frozenset({"c"}))
    assert status.phase == "Pending"
    assert status.containerStatuses[0].state.waiting is not None


def test_last_state_and_failures() -> None:
    of = pod()
    first, second = container(of, number=0, state="exited", exit_code=2), container(of, number=1, at_s=20)
    status = show(of, running(first, second)).containerStatuses[0]
    assert status.restartCount == 1
    assert status.lastState.terminated.exitCode == 2
    assert status.lastState.terminated.containerID == "containerd://c-0"
    waits = show(of, running(first), failures={"c": ("CrashLoopBackOff", "back-off")}).containerStatuses[0]
    assert waits.state.waiting.reason == "CrashLoopBackOff"
    assert waits.lastState.terminated.exitCode == 2


def test_a_lost_container_is_not_forgotten() -> None:
    old = {"name": "c", "image": "i", "imageID": "", "ready": True, "restartCount": 3, "state": {"running": {}}}
    of = pod(status={"containerStatuses": [old]})
    status = show(of, running()).containerStatuses[0]
    assert status.lastState.terminated.reason == "ContainerStatusUnknown"
    assert (status.restartCount, status.lastState.terminated.exitCode) == (4, 137)


def test_addresses() -> None:
    of = pod()
    status = show(of, running(sandboxes=(sandbox(ip="10.1.2.3"),)), host_ips=["192.168.0.9"])
    assert (status.podIP, status.hostIP, status.podIPs[0].ip) == ("10.1.2.3", "192.168.0.9", "10.1.2.3")
    of_both = replace(sandbox(), ips=("10.1.2.3", "fd00::3"))
    turned = show(of, running(sandboxes=(of_both,)), host_ips=["fd00::9", "192.168.0.9"])
    assert [ip.ip for ip in turned.podIPs] == ["fd00::3", "10.1.2.3"], "the node's primary IP family first"
    host = pod(hostNetwork=True)
    assert show(host, running(), host_ips=["192.168.0.9"]).podIP == "192.168.0.9"


def test_long_messages_are_cut() -> None:
    from dataclasses import replace

    of = pod(TWO)
    loud = replace(ended(of, "a", 1), message="x" * 20_000)
    status = show(of, running(loud))
    assert len(status.containerStatuses[0].state.terminated.message) == 6 * 1024


def test_the_patch_holds_what_changed_alone() -> None:
    of = pod(status={"conditions": [{"type": "mine.example.com", "status": "True"}]})
    first = show(of, PodRuntime())
    of.status = first
    second = show(of, running(container(of)), host_ips=["192.168.0.9"])
    patch = status_patch(first, second)
    assert "startTime" not in patch and "qosClass" not in patch
    assert {c["type"] for c in patch["conditions"]} == {"PodReadyToStartContainers", "Ready", "ContainersReady"}
    ready = next(c for c in patch["conditions"] if c["type"] == "Ready")
    assert ready["reason"] is None and ready["status"] == "True", "a field that went is told to go"
    assert patch["phase"] == "Running"
    assert status_patch(second, second) == {}
    moved = show(of, running(container(of), sandboxes=(sandbox(ip="10.9.9.9"),)), host_ips=["192.168.0.9"])
    assert status_patch(second, moved)["podIPs"] == [{"$patch": "replace"}, {"ip": "10.9.9.9"}]
