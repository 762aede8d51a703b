"""Resources of pods on a real node: resized in place, evicted under pressure, preempted for critical pods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.core.v1 import Event, Node, Pod
from pybernetes.apimachinery import errors, quantity
from pybernetes.kubelet.eviction import manager
from pybernetes.kubelet.resources.cgroups import detect

from .harness import NODE, PATIENCE_S, Cluster, eventually, play, resize, shell
from .private_containerd import PrivateContainerd

pytestmark = pytest.mark.e2e


def sleeping(name: str = "c", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sleep", "3600"], **more}


def sized(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}


def condition(pod: Pod, kind: str) -> tuple[str | None, str | None] | None:
    return next(((c.reason, c.message) for c in pod.status.conditions if c.type == kind), None)


def quiet(pod: Pod) -> bool:
    told = condition(pod, "PodResizePending") or condition(pod, "PodResizeInProgress")
    return told is None and pod.status.observedGeneration == pod.metadata.generation


def test_a_pod_is_resized_in_place(containerd: PrivateContainerd) -> None:
    """CPU and memory of one container while it runs, of another with a restart; more than there is has to wait."""

    async def scene(k: Cluster) -> None:
        policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
        small = sized("100m", "32Mi")
        await k.create("web", [sleeping("a", resources=small), sleeping("b", resources=small, resizePolicy=policy)])
        before = await k.running("web")
        assert before.status.allocatedResources == {"cpu": "200m", "memory": "64Mi"}
        await resize(k, "web", a=sized("200m", "64Mi"), b=sized("50m", "48Mi"))
        after = await k.until("web", lambda p: quiet(p) and p.status.containerStatuses[1].restartCount == 1)
        assert after.status.containerStatuses[0].restartCount == 0
        assert [s.resources.limits for s in after.status.containerStatuses] == [
            {"cpu": "200m", "memory": "64Mi"},
            {"cpu": "50m", "memory": "48Mi"},
        ]
        assert after.status.resources.limits == {"cpu": "250m", "memory": "112Mi"}
        if detect().version == 1:
            assert await k.exec(after, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes") == f"{64 << 20}\n"
            assert await k.exec(after, "cat", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us") == "20000\n"

        milli = int(k.kubelet.machine.allocatable["cpu"]) * 1000
        with pytest.raises(errors.Forbidden, match="node didn't have enough allocatable resources: cpu, requested: "):
            await resize(k, "web", a=sized(f"{milli}m", "64Mi"))
        await k.create("other", [sleeping(resources={"requests": {"cpu": "500m"}})])
        await k.running("other")
        await resize(k, "web", a=sized(f"{milli - 300}m", "64Mi"))
        waits = await k.until("web", lambda p: condition(p, "PodResizePending"))
        reason, message = condition(waits, "PodResizePending") or ("", "")
        assert reason == "Deferred"
        assert message is not None and message.startswith("Node didn't have enough resource: cpu, requested: ")
        assert waits.status.containerStatuses[0].allocatedResources == {"cpu": "200m", "memory": "64Mi"}
        await k.stop_kubelet()
        await k.start_kubelet()
        again = await k.until("web", lambda p: condition(p, "PodResizePending"))
        assert again.status.containerStatuses[0].containerID == after.status.containerStatuses[0].containerID
        await k.delete("other")
        await k.until("web", quiet)
        told = [e.split(":")[0] for e in await k.events("web")]
        assert {"ResizeStarted", "ResizeCompleted", "ResizeDeferred"} <= set(told)

    play(containerd, scene)


def test_memory_in_use_is_not_taken(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        fill = ["sh", "-c", "dd if=/dev/zero of=/m/f bs=1M count=24 2>/dev/null; sleep 3600"]
        volumes = [{"name": "m", "emptyDir": {"medium": "Memory"}}]
        mounts = [{"name": "m", "mountPath": "/m"}]
        hog = {"name": "c", "command": fill, "resources": sized("100m", "64Mi"), "volumeMounts": mounts}
        await k.create("hog", [hog], volumes=volumes)
        pod = await k.running("hog")

        async def filled() -> bool:
            return "25165824" in await k.exec(pod, "stat", "-c", "%s", "/m/f")

        await eventually(filled)
        await resize(k, "hog", c=sized("100m", "16Mi"))
        told = await k.until("hog", lambda p: (condition(p, "PodResizeInProgress") or ("",))[0] == "Error")
        _, message = condition(told, "PodResizeInProgress") or ("", "")
        assert message is not None and "attempting to set pod memory limit (16777216) below current usage" in message
        assert told.status.containerStatuses[0].resources.limits["memory"] == "64Mi"

    play(containerd, scene)


def test_a_node_that_runs_short_evicts(containerd: PrivateContainerd) -> None:
    """A threshold that no machine meets: a pod goes, the node tells, new pods are turned away."""

    async def scene(k: Cluster) -> None:
        await k.stop_kubelet()
        k.settings = {"eviction_hard": {"memory.available": "99.99%"}}
        await k.create("plain")
        await k.start_kubelet()
        gone = await k.until("plain", lambda p: p.status.phase == "Failed")
        assert gone.status.reason == "Evicted"
        assert (gone.status.message or "").startswith("The node was low on resource: memory. Threshold quantity: ")
        reason, message = condition(gone, "DisruptionTarget") or ("", "")
        assert (reason, message) == ("TerminationByKubelet", gone.status.message)

        async def pressed() -> bool:
            node = await k.admin.get(Node, NODE)
            return any(
                (c.type, c.status, c.reason) == ("MemoryPressure", "True", "KubeletHasInsufficientMemory")
                for c in node.status.conditions
            )

        assert await eventually(pressed)
        await k.create("late")
        late = await k.until("late", lambda p: p.status.phase == "Failed")
        assert late.status.message == "Pod was rejected: The node had condition: [MemoryPressure]. "

    play(containerd, scene)


def test_pods_that_together_have_too_much_memory(
    containerd: PrivateContainerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An eviction comes before the kernel's end of somebody, and who is within its requests stays."""
    monkeypatch.setattr(manager, "_PERIOD_S", 0.5)
    volumes, at_d = [{"name": "d", "emptyDir": {"medium": "Memory"}}], [{"name": "d", "mountPath": "/d"}]

    def greedy(size_mb: int, requests: dict[str, str]) -> list[dict[str, Any]]:
        command = f"dd if=/dev/zero of=/d/f bs=1M count={size_mb}; sleep 3600"
        return [shell(command, volumeMounts=at_d, resources={"requests": requests})]

    async def scene(k: Cluster) -> None:
        capacity = quantity.value((await k.admin.get(Node, NODE)).status.capacity["memory"])
        await k.stop_kubelet()
        k.settings = {
            "system_reserved": {"memory": str(capacity - (400 << 20))},
            "eviction_hard": {"memory.available": "150Mi"},
            "eviction_pressure_transition_period_s": 30.0,
        }
        await k.start_kubelet()
        await k.until_allocatable("memory", quantity.from_value(250 << 20, "BinarySI"))
        await k.create("modest", greedy(120, {"memory": "200Mi"}), volumes=volumes)
        before = await k.running("modest")
        await k.create("hog", greedy(160, {"memory": "20Mi"}), volumes=volumes)
        gone = await k.until("hog", lambda p: p.status.phase == "Failed")
        assert gone.status.reason == "Evicted"
        assert (gone.status.message or "").startswith(
            "The node was low on resource: memory. Threshold quantity: 150Mi, available: "
        )
        assert ", request is 20Mi, has larger consumption of memory. " in (gone.status.message or "")
        await k.kubelet.recording.flush()
        events = (await k.admin.list(Event, "default")).items
        told = [e for e in events if (e.involvedObject.name, e.reason) == ("hog", "Evicted")]
        assert [e.metadata.annotations["starved_resource"] for e in told] == ["memory"]
        assert [e.metadata.annotations["offending_containers"] for e in told] == ["c"]
        await k.create("nothing-asked")
        refused = await k.until("nothing-asked", lambda p: p.status.phase == "Failed")
        assert refused.status.message == "Pod was rejected: The node had condition: [MemoryPressure]. "
        await k.create("something-asked", [shell("sleep 3600", resources={"requests": {"memory": "1Mi"}})])
        await k.running("something-asked")

        async def over() -> bool:
            node = await k.admin.get(Node, NODE)
            told = {(c.type, c.status, c.reason) for c in node.status.conditions}
            return ("MemoryPressure", "False", "KubeletHasSufficientMemory") in told

        assert await eventually(over)
        await k.create("later")
        await k.running("later")
        after = await k.running("modest")
        assert after.status.containerStatuses[0].containerID == before.status.containerStatuses[0].containerID
        assert k.figures()['kubelet_evictions{eviction_signal="allocatableMemory.available"}'] == 1

    play(containerd, scene)


def test_a_disk_that_fills_up(containerd: PrivateContainerd, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bytes, then of inodes: who took them goes, its neighbour stays, and the node takes Pods again."""
    monkeypatch.setattr(manager, "_PERIOD_S", 0.5)
    monkeypatch.setattr(manager, "_CLEAN_UP_S", PATIENCE_S)
    volumes, at_d = [{"name": "d", "emptyDir": {}}], [{"name": "d", "mountPath": "/d"}]

    async def scene(k: Cluster) -> None:
        await k.stop_kubelet()
        k.settings = {
            "root_dir": str(small_disk),
            "eviction_hard": {"nodefs.available": "16Mi", "nodefs.inodesFree": "200"},
            "eviction_pressure_transition_period_s": 0.0,
        }
        await k.start_kubelet()
        await k.create("neighbour", volumes=volumes)
        before = await k.running("neighbour")

        async def takes_pods() -> bool:
            return k.kubelet.endings.refuses(before) is None

        for name, resource, greed in (
            ("bytes", "ephemeral-storage", "dd if=/dev/zero of=/d/f bs=1M count=40"),
            ("files", "inodes", "for n in $(seq 1000); do : > /d/$n; done"),
        ):
            greedy = {"name": "c", "command": ["sh", "-c", f"{greed}; sleep 3600"], "volumeMounts": at_d}
            await k.create(name, [greedy], volumes=volumes)
            ended = await k.until(name, lambda p: p.status.phase == "Failed")
            assert ended.status.reason == "Evicted"
            assert (ended.status.message or "").startswith(f"The node was low on resource: {resource}. Threshold quant")
            assert await eventually(takes_pods), "what it had is free again"
        after = await k.running("neighbour")
        assert after.status.containerStatuses[0].containerID == before.status.containerStatuses[0].containerID
        for what in ("ephemeral-storage", "inodes"):
            assert f"EvictionThresholdMet: Attempting to reclaim {what}" in await k.events(NODE)

    play(containerd, scene)


def test_pods_together_have_what_is_not_reserved(containerd: PrivateContainerd) -> None:
    """A pod without limits ends when it takes more; with less reserved it is done with its work."""

    async def scene(k: Cluster) -> None:
        taking = {"name": "c", "command": ["dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"]}

        async def with_left(amount: int, name: str) -> Pod:
            await k.stop_kubelet()
            reserved = quantity.value(k.kubelet.machine.capacity["memory"]) - amount
            k.settings = {"system_reserved": {"memory": str(reserved)}}
            await k.start_kubelet()
            told = k.kubelet.machine.allocatable["memory"]
            assert quantity.value(told) <= amount
            await k.until_allocatable("memory", told)
            await k.create(name, [taking], restartPolicy="Never")
            return await k.until(name, lambda p: p.status.phase in ("Failed", "Succeeded"))

        ended = await with_left(128 << 20, "too-much")
        assert ended.status.containerStatuses[0].state.terminated.exitCode == 137
        assert (await with_left(512 << 20, "enough")).status.phase == "Succeeded"

    play(containerd, scene)


def test_a_critical_pod_takes_the_place_of_others(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        cpus = int(k.kubelet.machine.allocatable["cpu"])
        most = {"requests": {"cpu": f"{cpus * 1000 - 100}m"}}
        await k.create("plain", [sleeping(resources=most)])
        await k.running("plain")
        await k.create("critical", [sleeping(resources=most)], priorityClassName="system-node-critical")
        victim = await k.until("plain", lambda p: p.status.phase == "Failed")
        assert (victim.status.reason, victim.status.message) == (
            "Preempting",
            "Preempted in order to admit critical pod",
        )
        assert condition(victim, "DisruptionTarget") == (
            "TerminationByKubelet",
            "Pod was preempted by Kubelet to accommodate a critical pod.",
        )

        await k.running("critical")
        counted = {name: count for name, count in k.figures().items() if name.startswith("kubelet_preemptions")}
        assert list(counted.values()) == [1], counted

    play(containerd, scene)
