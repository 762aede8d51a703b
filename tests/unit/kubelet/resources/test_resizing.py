"""In-place resize: what is granted, in which order it becomes real, and what a pod tells of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod, ResourceRequirements
from pybernetes.kubelet.resources.requests import CgroupValues, pod_cgroup_values
from pybernetes.kubelet.resources.resizing import Decision, Grants, Update, steps, summary, too_small
from pybernetes.kubelet.runtime import Size
from pybernetes.kubelet.worker import messages as m

from ..pods import pod
from ..simulated_node import SimulatedNode

MIB = 1 << 20


def sized(cpu: str = "100m", memory: str = "32Mi", *, limit: int = 2, **more: Any) -> dict[str, Any]:
    milli, mebi = int(cpu.removesuffix("m")), int(memory.removesuffix("Mi"))
    return {
        "name": "c",
        "image": "i",
        "resources": {
            "requests": {"cpu": cpu, "memory": memory},
            "limits": {"cpu": f"{milli * limit}m", "memory": f"{mebi * limit}Mi"},
        },
        **more,
    }


def resized(old: Pod, cpu: str, memory: str) -> Pod:
    new = msgspec.json.decode(msgspec.json.encode(old), type=Pod)
    new.spec.containers[0].resources = msgspec.convert(sized(cpu, memory)["resources"], ResourceRequirements)
    new.metadata.generation = (old.metadata.generation or 0) + 1
    return new


# Grants.


def test_a_grant_follows_when_there_is_room_and_outlives_the_kubelet(tmp_path: Path) -> None:
    room = ["Node didn't have enough resource: cpu, requested: 900, used: 200, capacity: 1000"]
    old = pod([sized()])
    wanted = resized(old, "900m", "32Mi")
    grants = Grants(lambda uid: tmp_path / uid, lambda _pod: room[0])
    grants.admitted(old)
    assert grants.decide(old) == Decision(old)
    waits = grants.decide(wanted)
    assert (waits.started, waits.reason, waits.message) == (False, "Deferred", room[0])
    assert waits.pod.spec.containers[0].resources == old.spec.containers[0].resources
    assert waits.pod.metadata.generation == 2, "the rest of the spec is the newest"
    assert grants.waiting

    later = Grants(lambda uid: tmp_path / uid, lambda _pod: room[0])
    later.remembered(wanted)
    assert later.decide(wanted).pod.spec.containers[0].resources == old.spec.containers[0].resources
    room[0] = ""
    assert later.in_turn() == [wanted]
    assert later.decide(wanted) == Decision(wanted, started=True)
    assert later.decide(wanted) == Decision(wanted)
    assert not later.waiting


def test_a_wish_that_is_taken_back_no_longer_waits() -> None:
    old = pod([sized()])
    grants = Grants(None, lambda _pod: "no room")
    grants.admitted(old)
    grants.decide(resized(old, "900m", "32Mi"))
    assert grants.decide(old) == Decision(old)
    assert not grants.waiting


@pytest.mark.parametrize(
    ("limit", "cpu", "reason"),
    [(1, "2000m", "Infeasible"), (1, "1000m", ""), (2, "2000m", "")],
    ids=["CPU of a guaranteed pod", "its memory", "CPU of another pod"],
)
def test_cpus_that_were_handed_out_stay(limit: int, cpu: str, reason: str) -> None:
    old, wanted = pod([sized("1000m", limit=limit)]), pod([sized(cpu, "64Mi", limit=limit)])
    grants = Grants(None, lambda _pod: "", {"cpu": 'CPU Manager policy "static"'})
    grants.admitted(old)
    found = grants.decide(wanted)
    assert (found.reason, found.started) == (reason, not reason)
    assert found.pod.spec.containers[0].resources == (old if reason else wanted).spec.containers[0].resources
    assert not grants.waiting


@pytest.mark.parametrize(
    ("cpu", "memory", "restart", "priority", "reason"),
    [
        ("100m", "64Mi", "NotRequired", 0, "Infeasible"),
        ("200m", "32Mi", "NotRequired", 0, ""),
        ("100m", "64Mi", "RestartContainer", 0, ""),
        ("100m", "64Mi", "NotRequired", 2_000_000_000, ""),
    ],
    ids=["memory", "CPU", "memory with a restart", "memory of a critical pod, which does not swap"],
)
def test_the_part_of_the_swap_stays(cpu: str, memory: str, restart: str, priority: int, reason: str) -> None:
    policy = [{"resourceName": "memory", "restartPolicy": restart}]
    old = pod([{**sized("100m"), "resizePolicy": policy}], priority=priority)
    grants = Grants(None, lambda _pod: "", swap=True)
    grants.admitted(old)
    found = grants.decide(resized(old, cpu, memory))
    assert (found.reason, found.started) == (reason, not reason)


def test_the_turn_of_those_that_wait() -> None:
    grants = Grants(None, lambda _pod: "no room")
    names = {"grows": ("900m", 0), "shrinks": ("50m", 0), "important": ("900m", 1000)}
    for name, (cpu, priority) in names.items():
        one = pod([sized()], priority=priority)
        one.metadata.uid = name
        grants.admitted(one)
        grants.decide(resized(one, cpu, "32Mi"))
    assert [p.metadata.uid for p in grants.in_turn()] == ["shrinks", "important", "grows"]


# The order of writes.

SMALL, LARGE = Size(100, 200, 32 * MIB, 64 * MIB), Size(200, 400, 64 * MIB, 128 * MIB)
POD_SMALL = CgroupValues(cpu_shares=102, cpu_quota_us=20_000, memory_limit_bytes=64 * MIB)
POD_LARGE = CgroupValues(cpu_shares=204, cpu_quota_us=40_000, memory_limit_bytes=128 * MIB)


def order(before: CgroupValues, after: CgroupValues, *updates: Update) -> list[str]:
    found = []
    for step in steps(before, after, updates):
        if step.pod is None:
            found.append(step.name)
        else:
            found += [
                f for f in ("cpu_shares", "cpu_quota_us", "memory_limit_bytes") if getattr(step.pod, f) is not None
            ]
    return found


@pytest.mark.parametrize(
    ("before", "after", "updates", "expected"),
    [
        pytest.param(
            POD_SMALL, POD_LARGE, [Update("1", "a", SMALL, LARGE)],
            ["memory_limit_bytes", "a", "cpu_quota_us", "cpu_shares", "a"], id="the pod grows first",
        ),
        pytest.param(
            POD_LARGE, POD_SMALL, [Update("1", "a", LARGE, SMALL)],
            ["a", "memory_limit_bytes", "a", "cpu_shares", "cpu_quota_us"], id="the pod shrinks last",
        ),
        pytest.param(
            POD_LARGE, POD_LARGE, [Update("1", "up", SMALL, LARGE), Update("2", "down", LARGE, SMALL)],
            ["down", "up", "down", "up"], id="what shrinks makes room for what grows",
        ),
        pytest.param(
            CgroupValues(cpu_shares=2, cpu_quota_us=-1), POD_SMALL, [],
            ["memory_limit_bytes", "cpu_quota_us", "cpu_shares"], id="limits where there were none",
        ),
    ],
)  # fmt: skip
def test_the_order_of_steps(
    before: CgroupValues, after: CgroupValues, updates: list[Update], expected: list[str]
) -> None:
    assert order(before, after, *updates) == expected


def test_memory_is_not_taken_from_what_uses_it() -> None:
    update = Update("1", "a", LARGE, SMALL)
    used = {"": 70 * MIB, "1": 65 * MIB}
    assert too_small(POD_LARGE, POD_SMALL, [update], lambda i: used[i]) == (
        "cannot decrease memory limits: [attempting to set pod memory limit (67108864) below current usage (73400320), "
        'attempting to set container "a" memory limit (67108864) below current usage (68157440)]'
    )
    assert too_small(POD_LARGE, POD_SMALL, [update], lambda _i: MIB) == ""


# The worker.


def started(spec: Pod) -> SimulatedNode:
    node = SimulatedNode(spec)
    node.post(m.PodUpdated(spec))
    node.run_until_quiet(60)
    return node


def conditions(node: SimulatedNode) -> dict[str, tuple[str | None, str | None]]:
    kinds = ("PodResizePending", "PodResizeInProgress")
    return {c.type: (c.reason, c.message) for c in node.statuses[-1].conditions if c.type in kinds}


def test_a_resize_without_restart() -> None:
    node = started(pod([sized()]))
    wanted = resized(node.worker.pod, "200m", "64Mi")
    node.post(m.PodUpdated(wanted, resized=True))
    told = node.statuses[-1]
    assert conditions(node) == {"PodResizeInProgress": (None, None)}
    assert told.containerStatuses[0].allocatedResources == {"cpu": "200m", "memory": "64Mi"}
    assert told.containerStatuses[0].resources.requests == {"cpu": "100m", "memory": "32Mi"}, "not yet in fact"
    node.run_until_quiet(60)
    told = node.statuses[-1]
    assert conditions(node) == {}
    assert told.containerStatuses[0].resources.limits == {"cpu": "400m", "memory": "128Mi"}
    assert (told.containerStatuses[0].restartCount, told.observedGeneration) == (0, 2)
    assert [e.split(":")[0] for e in node.events if e.startswith("Resize")] == ["ResizeStarted", "ResizeCompleted"]
    assert summary("Pod resize completed", wanted, 2) in node.events[-1]


def test_a_resize_that_needs_a_restart() -> None:
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    node = started(pod([sized(resizePolicy=policy)]))
    node.post(m.PodUpdated(resized(node.worker.pod, "200m", "32Mi"), resized=True))
    node.run_until_quiet(60)
    assert node.statuses[-1].containerStatuses[0].restartCount == 0, "CPU alone needs none"
    node.post(m.PodUpdated(resized(node.worker.pod, "200m", "64Mi"), resized=True))
    node.run_until_quiet(60)
    last = node.statuses[-1].containerStatuses[0]
    assert (last.restartCount, last.resources.limits["memory"]) == (1, "128Mi")
    assert "Killing: Container c resize requires restart" in node.events
    assert conditions(node) == {}


def test_a_resize_that_waits_and_one_that_fails() -> None:
    node = started(pod([sized()]))
    same = resized(node.worker.pod, "100m", "32Mi")
    node.post(m.PodUpdated(same, waits="Deferred", message="no room"))
    assert conditions(node) == {"PodResizePending": ("Deferred", "no room")}
    node.post(m.PodUpdated(same, waits="Deferred", message="no room"))
    assert len([e for e in node.events if e.startswith("ResizeDeferred")]) == 1
    plain = node._answer
    node._answer = lambda i: m.PodResized({}, failure="busy") if isinstance(i, m.ResizePod) else plain(i)  # type: ignore[method-assign]
    node.post(m.PodUpdated(resized(same, "50m", "32Mi"), resized=True))
    node.run_until_quiet(3)
    assert conditions(node) == {"PodResizeInProgress": ("Error", "busy")}
    assert len([e for e in node.events if e.startswith("ResizeError")]) == 1
    node._answer = plain  # type: ignore[method-assign]
    node.run_until_quiet(60)
    assert conditions(node) == {}


def of_whole_pod(old: Pod, asked: dict[str, str], limits: dict[str, str]) -> Pod:
    new = msgspec.json.decode(msgspec.json.encode(old), type=Pod)
    new.spec.resources = ResourceRequirements(requests=asked, limits=limits)
    new.metadata.generation = (old.metadata.generation or 0) + 1
    new.status.phase = "Running"
    return new


def test_a_pod_whose_cgroup_is_not_resized_yet_says_what_it_has() -> None:
    small, large = {"cpu": "100m", "memory": "32Mi"}, {"cpu": "200m", "memory": "10Ki"}
    node = started(of_whole_pod(pod([{"name": "c", "image": "i"}]), small, {"memory": "32Mi"}))
    assert node.statuses[-1].resources == ResourceRequirements(requests=small, limits={"memory": "32Mi"})
    plain = node._answer
    node._answer = lambda i: m.PodResized({}, failure="in use") if isinstance(i, m.ResizePod) else plain(i)  # type: ignore[method-assign]
    wanted = of_whole_pod(node.worker.pod, large, {"cpu": "400m", "memory": "10Ki"})
    node.post(m.PodUpdated(wanted, resized=True))
    node.run_until_quiet(3)
    told = node.statuses[-1]
    assert conditions(node) == {"PodResizeInProgress": ("Error", "in use")}
    assert told.allocatedResources == large
    held = {"cpu": "100m", "memory": "10Ki"}  # no cgroup knows of requests for memory
    assert told.resources == ResourceRequirements(requests=held, limits={"memory": "32Mi"})
    node._answer = plain  # type: ignore[method-assign]
    node.run_until_quiet(60)
    assert conditions(node) == {}
    assert node.statuses[-1].resources == wanted.spec.resources


def test_a_kubelet_that_comes_back_goes_on_with_a_resize_that_its_predecessor_could_not_carry_out() -> None:
    asked = of_whole_pod(pod([{"name": "c", "image": "i"}]), {"memory": "1Mi"}, {"memory": "1Mi"})
    node = SimulatedNode(asked)
    held = replace(pod_cgroup_values(asked), memory_limit_bytes=32 << 20)
    plain, busy = node._answer, [True]

    def answer(instruction: m.Instruction) -> m.Event | None:
        if isinstance(instruction, m.PrepareHost):
            return m.HostPrepared(size=held)
        return (
            m.PodResized({}, failure="in use") if isinstance(instruction, m.ResizePod) and busy else plain(instruction)
        )

    node._answer = answer  # type: ignore[method-assign]
    node.post(m.PodUpdated(asked))
    node.run_until_quiet(3)
    assert conditions(node) == {"PodResizeInProgress": ("Error", "in use")}
    assert node.statuses[-1].resources == ResourceRequirements(requests={"memory": "1Mi"}, limits={"memory": "32Mi"})
    busy.clear()
    node.run_until_quiet(60)
    assert conditions(node) == {}
    assert node.statuses[-1].resources == asked.spec.resources
