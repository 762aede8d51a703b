"""The pod worker: its life in the plain cases, and by seeds in the others."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.machine import TRANSITIONS, Stage

from ..pods import pod
from ..simulated_node import SimulatedNode

INIT = [{"name": "i1", "image": "i"}, {"name": "side", "image": "i", "restartPolicy": "Always"}]
TWO = [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]


def started(node: SimulatedNode) -> SimulatedNode:
    node.post(m.PodUpdated(node.worker.pod))
    node.run_until_quiet(60)
    return node


def test_from_nothing_to_running_and_ready() -> None:
    node = started(SimulatedNode(pod()))
    last = node.statuses[-1]
    assert last.phase == "Running"
    assert {c.type: c.status for c in last.conditions} == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
    }
    assert node.statuses[0].phase == "Pending"
    assert node.statuses[0].startTime == "2026-01-01T00:00:00Z"
    assert last.podIP and last.hostIP == "192.168.0.1"


def test_init_containers_run_one_by_one_and_a_sidecar_stays() -> None:
    node = started(SimulatedNode(pod(TWO, INIT)))
    assert node.created == ["i1"]
    node.exit("i1", 0)
    node.run_until_quiet(60)
    assert node.created[:2] == ["i1", "side"]
    assert sorted(node.created[2:]) == ["a", "b"]
    assert node.statuses[-1].phase == "Running"
    assert [s.ready for s in node.statuses[-1].initContainerStatuses] == [True, True]


def test_the_end_of_a_pod_that_is_deleted() -> None:
    node = started(SimulatedNode(pod(TWO, [INIT[1]])))
    node.delete()
    node.run_until_quiet(120)
    assert node.stage is Stage.FINISHED
    assert node.final == 1
    assert node.statuses[-1].phase == "Failed"  # 137 of the containers that had to be stopped
    assert not node.runtime.running()
    killed = [e for e in node.events if e.startswith("Killing")]
    assert killed[-1] == "Killing: Stopping container side", "sidecars are stopped last"
    node.post(m.PodRemoved())
    node.run_until_quiet(60)
    assert node.stage is Stage.GONE
    assert node.runtime.sandboxes == ()


def test_a_pod_that_completes() -> None:
    node = started(SimulatedNode(pod(restartPolicy="Never")))
    node.exit("c", 0)
    assert node.statuses[-1].containerStatuses[0].state.terminated.reason == "Completed"
    assert node.statuses[-1].phase == "Running", "a terminal phase waits until nothing of the pod is left"
    node.run_until_quiet(60)
    assert node.statuses[-1].phase == "Succeeded"
    assert node.stage is Stage.FINISHED
    assert node.statuses[-1].podIP, "the address is still told"


def test_crash_loop_back_off_doubles_and_resets() -> None:
    node = started(SimulatedNode(pod()))
    waits = []
    for _ in range(8):
        before = node.now_s
        node.exit("c", 1)
        node.run_until_quiet(400)
        waits.append(round(node.now_s - before))
    assert waits[0] <= 2
    assert [round(w, -1) for w in waits[1:]] == [10, 20, 40, 80, 160, 300, 300]
    node.exit("c", 1)
    state = node.statuses[-1].containerStatuses[0]
    assert state.state.waiting.reason == "CrashLoopBackOff"
    assert state.state.waiting.message == "back-off 5m0s restarting failed container=c pod=web_default(u1)"
    assert state.lastState.terminated.exitCode == 1
    assert state.restartCount == 8
    assert "BackOff: Back-off restarting failed container c in pod web_default(u1)" in node.events
    node.run_until_quiet(400)
    node.now_s += 3600
    before = node.now_s
    node.exit("c", 1)
    node.run_until_quiet(60)
    assert node.now_s - before < 5, "ten minutes of running forget the back-off"


def test_image_back_off() -> None:
    node = SimulatedNode(pod())
    node.fault = 0.0
    asked: list[bool] = []
    plain = node._answer

    def answer(instruction: m.Instruction) -> m.Event:
        if isinstance(instruction, m.EnsureImage):
            asked.append(instruction.may_pull)
            if instruction.may_pull:
                return m.ImageFailed("c", "ErrImagePull", "no such image")
            return m.ImageFailed("c", "ImagePullBackOff", 'Back-off pulling image "busybox:1"')
        return plain(instruction)

    node._answer = answer  # type: ignore[method-assign]
    node.post(m.PodUpdated(node.worker.pod))
    node.run_until_quiet(3)
    waiting = node.statuses[-1].containerStatuses[0].state.waiting
    assert (waiting.reason, waiting.message) == ("ErrImagePull", "no such image")
    node.run_until_quiet(7)
    waiting = node.statuses[-1].containerStatuses[0].state.waiting
    assert waiting.reason == "ImagePullBackOff"
    assert waiting.message == 'Back-off pulling image "busybox:1": ErrImagePull: no such image'
    node.run_until_quiet(200)
    assert node.statuses[-1].phase == "Pending"
    assert 8 <= len(asked) <= 12


def test_active_deadline() -> None:
    node = SimulatedNode(pod(activeDeadlineSeconds=30))
    node.post(m.PodUpdated(node.worker.pod))
    node.run_until_quiet(120)
    last = node.statuses[-1]
    assert (last.phase, last.reason) == ("Failed", "DeadlineExceeded")
    assert last.message == "Pod was active on the node longer than the specified deadline"


def test_a_shorter_grace_period_is_passed_on() -> None:
    node = started(SimulatedNode(pod()))
    asked = []
    plain = node._take
    node._take = lambda i: asked.append(i) if isinstance(i, m.StopContainer) else plain(i)  # type: ignore[method-assign]
    node.delete(30)
    node.delete(1)
    assert [i.grace_period_s for i in asked] == [30, 1]
    assert [i.run_pre_stop for i in asked] == [True, False]


def test_a_rejected_pod_fails_without_touching_the_runtime() -> None:
    node = SimulatedNode(pod())
    node.post(m.PodEnded("OutOfcpu", "Pod was rejected: not enough"))
    node.run_until_quiet(60)
    last = node.statuses[-1]
    assert (last.phase, last.reason, last.message) == ("Failed", "OutOfcpu", "Pod was rejected: not enough")
    assert last.containerStatuses == [], "or kubectl shows the containers' state instead of the reason"
    assert node.runtime.sandboxes == ()


def test_a_kubelet_that_comes_back_restarts_nothing() -> None:
    node = started(SimulatedNode(pod(TWO, INIT)))
    node.exit("i1", 0)
    node.run_until_quiet(60)
    created, sandboxes = list(node.created), node.runtime.sandboxes
    before = node.statuses[-1]
    node.restart_kubelet()
    node.run_until_quiet(300)
    assert node.created == created
    assert node.runtime.sandboxes == sandboxes
    assert node.statuses[-1] == before, "not even the status changes"


def test_readiness_survives_a_restart_of_the_kubelet() -> None:
    node = started(SimulatedNode(pod([{"name": "c", "image": "i", "readinessProbe": {}}])))
    assert node.statuses[-1].containerStatuses[0].ready is False
    node.post(m.ProbeReported("readiness", node.runtime.containers[0].id, True))
    assert node.statuses[-1].containerStatuses[0].ready is True
    count = len(node.statuses)
    node.now_s += 100
    node.restart_kubelet()
    node.run_until_quiet(60)
    assert node.statuses[-1].containerStatuses[0].ready is True
    assert len(node.statuses) == count


def test_a_dead_sandbox_is_replaced_with_its_containers() -> None:
    node = started(SimulatedNode(pod()))
    old = node.runtime.sandboxes[0]
    from dataclasses import replace

    node.runtime = node.runtime.with_sandbox(replace(old, ready=False))
    node.post(m.SandboxObserved(replace(old, ready=False)))
    node.run_until_quiet(60)
    assert node.runtime.sandboxes[0].attempt == 1
    assert node.statuses[-1].phase == "Running"
    assert node.statuses[-1].containerStatuses[0].restartCount == 1


@pytest.mark.parametrize("seed", range(150))
def test_simulation(seed: int) -> None:
    """Failures, exits, restarts of the kubelet, deletion at any moment: it always ends clean."""
    policy = ("Always", "OnFailure", "Never")[seed % 3]
    node = SimulatedNode(pod(TWO, INIT, restartPolicy=policy), seed=seed, fault=0.15)
    node.post(m.PodUpdated(node.worker.pod))
    for _ in range(30):
        node.run_until_quiet(node.random.uniform(0.05, 40))
        choice = node.random.random()
        running = [c.name for c in node.runtime.running() if node.worker.runtime.by_id(c.id)]
        if choice < 0.5 and running:
            node.exit(node.random.choice(running), node.random.choice([0, 1]))
        elif choice < 0.6 and node.stage is Stage.SYNCING and not node.answers:
            node.restart_kubelet()
        elif choice < 0.65:
            node.post(m.ObjectsChanged())
    node.delete(node.random.choice([1, 30]))
    node.run_until_quiet(7200)
    assert node.stage is Stage.FINISHED, (node.stage, node.worker.in_flight)
    assert node.final >= 1
    assert not node.runtime.running()
    assert node.statuses[-1].phase in ("Succeeded", "Failed")
    node.post(m.PodRemoved())
    node.run_until_quiet(7200)
    assert node.stage is Stage.GONE
    assert not node.runtime.containers and not node.runtime.sandboxes


@pytest.mark.parametrize("seed", range(60))
def test_simulation_of_a_forced_deletion(seed: int) -> None:
    """Gone from the API at any moment: nothing is left of it."""
    node = SimulatedNode(pod(TWO, INIT), seed=1000 + seed, fault=0.1)
    node.post(m.PodUpdated(node.worker.pod))
    node.run_until_quiet(node.random.uniform(0, 3))
    node.post(m.PodRemoved())
    node.run_until_quiet(7200)
    assert node.stage is Stage.GONE
    assert not node.runtime.containers and not node.runtime.sandboxes


def test_every_stage_leads_on() -> None:
    assert set(TRANSITIONS) == set(Stage)
    reached, stage = [Stage.SYNCING], Stage.SYNCING
    while TRANSITIONS[stage]:
        (stage,) = TRANSITIONS[stage]
        reached.append(stage)
    assert reached[-1] is Stage.GONE and set(reached) == set(Stage)


def test_the_end_of_one_container_restarts_all() -> None:
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}
    watched = {"name": "a", "image": "i", "restartPolicy": "Never", "restartPolicyRules": [rule]}
    init = [{"name": "i1", "image": "i"}]
    node = started(SimulatedNode(pod([watched, TWO[1]], init, restartPolicy="Never")))
    node.exit("i1", 0)
    node.run_until_quiet(60)
    assert node.statuses[-1].phase == "Running"
    sandboxes = node.runtime.sandboxes
    node.exit("a", 42)
    node.run_until_quiet(60)
    shown = [
        (s.conditions[-1].status, {c.name: c.state.waiting.reason for c in s.containerStatuses if c.state.waiting})
        for s in node.statuses
    ]
    assert ("False", {"a": "RestartingAllContainers", "b": "RestartingAllContainers"}) in shown
    assert "True" in [restarting for restarting, _ in shown]
    assert all(s.phase in ("Pending", "Running") for s in node.statuses)
    assert (sorted(node.created[:3]), node.created[3:]) == (["a", "b", "i1"], ["i1"]), (
        "from the beginning, init containers too"
    )
    node.exit("i1", 0)
    node.run_until_quiet(60)
    last = node.statuses[-1]
    assert sorted(node.created[-2:]) == ["a", "b"]
    assert (last.phase, node.runtime.sandboxes) == ("Running", sandboxes)
    assert last.containerStatuses[0].lastState.terminated.reason == "RestartingAllContainers"
    assert (last.conditions[-1].type, last.conditions[-1].status) == ("AllContainersRestarting", "False")
    node.exit("a", 1)
    node.exit("b", 0)
    node.run_until_quiet(60)
    assert node.statuses[-1].phase == "Failed", "another end restarts nothing"
