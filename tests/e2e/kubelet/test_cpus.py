"""CPUs and memory of a container's own, seen from inside it."""

from __future__ import annotations

import os

import pytest

from pybernetes.kubelet.pod_spec import find_condition, uid_of
from pybernetes.kubelet.resources.cgroups import detect

from .harness import Cluster, eventually, play, resize
from .private_containerd import PrivateContainerd

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a CPU that nobody has reserved"),
]
OWN = {"limits": {"cpu": "1", "memory": "32Mi"}, "requests": {"cpu": "1", "memory": "32Mi"}}
ALLOWED = ("grep", "Cpus_allowed_list", "/proc/self/status")


def test_those_that_share_give_way_and_come_back(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        everything = sorted(os.sched_getaffinity(0))
        await k.stop_kubelet()
        k.settings.update(cpu_manager_policy="static", reserved_cpus=str(everything[0]))
        await k.start_kubelet()
        await k.create("shares")
        shares = await k.running("shares")
        before = await k.exec(shares, *ALLOWED)
        await k.create("owns", [{"name": "c", "command": ["sleep", "3600"], "resources": OWN}])
        owns = await k.running("owns")
        assert (await k.exec(owns, *ALLOWED)).split()[-1] == str(everything[1])
        await resize(k, "owns", c={name: {**amounts, "cpu": "2"} for name, amounts in OWN.items()})
        waits = await k.until("owns", lambda p: find_condition(p.status, "PodResizePending"))
        pending = find_condition(waits.status, "PodResizePending")
        assert pending is not None and pending.reason == "Infeasible", pending
        if detect().version == 1:
            await resize(k, "owns", c={name: {**amounts, "memory": "48Mi"} for name, amounts in OWN.items()})
            await k.until("owns", lambda p: p.status.containerStatuses[0].resources.limits["memory"] == "48Mi")
            assert await k.exec(owns, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes") == f"{48 << 20}\n"
            assert await k.exec(owns, "cat", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us") == "-1\n", "it has all of its CPU"
            cgroups = k.kubelet.node.cgroups
            assert cgroups is not None
            of_pod = cgroups.hierarchies.controllers["cpu"] / cgroups.parent_of(owns).lstrip("/") / "cpu.cfs_quota_us"
            assert of_pod.read_text() == "-1\n"

        async def gave_way() -> bool:
            return str(everything[1]) not in (await k.exec(shares, *ALLOWED)).split()[-1].replace("-", ",").split(",")

        async def has_all() -> bool:
            return await k.exec(shares, *ALLOWED) == before

        assert await eventually(gave_way)
        await k.create("too-much", [{"name": "c", "command": ["sleep", "3600"], "resources": OWN}])
        await k.until("too-much", lambda p: p.status.reason == "UnexpectedAdmissionError")
        await k.delete("owns", 0)
        await k.gone("owns")
        assert await eventually(has_all)
        await k.stop_kubelet()
        reserved = {"memory": "64Mi"}
        k.settings.update(memory_manager_policy="Static", system_reserved=reserved, reserved_memory=[(0, reserved)])
        await k.start_kubelet()
        await k.create("near", [{"name": "c", "command": ["sleep", "3600"], "resources": OWN}])
        near = await k.running("near")
        assert (await k.exec(near, "grep", "Mems_allowed_list", "/proc/self/status")).split()[-1] == "0"
        giving = k.kubelet.giving
        assert giving is not None and giving.memory is not None
        assert [(b.numa_affinity, b.size) for b in giving.memory.of(uid_of(near), "c")] == [([0], 32 << 20)]

    play(containerd, scene)
