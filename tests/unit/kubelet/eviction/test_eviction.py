"""Node-pressure eviction: thresholds, whose turn it is, what is said; the loop with signals of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriError
from pybernetes.kubelet.eviction import thresholds as t
from pybernetes.kubelet.eviction.manager import Eviction
from pybernetes.kubelet.eviction.ranking import (
    ContainerUsage,
    Disk,
    Reason,
    Usage,
    beyond_its_storage,
    limits_storage,
    rank,
    reason,
)
from pybernetes.kubelet.eviction.signals import HostSignals
from pybernetes.kubelet.eviction.thresholds import Amount, Observation, State, Threshold, look, parse
from pybernetes.kubelet.resources.cgroups import Cgroups, Hierarchies
from pybernetes.sim import loop

from ..pods import pod

MIB, GIB = 1 << 20, 1 << 30


def named(name: str, requests: dict[str, str] | None = None, **more: Any) -> Pod:
    resources = {"requests": requests} if requests else {}
    made = pod([{"name": "c", "image": "i", "resources": resources}], **more)
    made.metadata.uid = made.metadata.name = name
    return made


def test_thresholds_as_users_write_them() -> None:
    found = parse(
        {"memory.available": "100Mi", "nodefs.available": "10%", "imagefs.available": "0%"},
        {"memory.available": "300Mi"},
        {"memory.available": "1m30s"},
        {"memory.available": "50Mi"},
    )
    assert found == [
        Threshold("memory.available", Amount(100 * MIB), 0.0, Amount(50 * MIB)),
        Threshold("nodefs.available", Amount(fraction=0.1)),
        Threshold("memory.available", Amount(300 * MIB), 90.0, Amount(50 * MIB)),
    ]


def test_as_much_is_kept_of_the_memory_of_all_pods() -> None:
    found = parse(
        {"memory.available": "100Mi", "pid.available": "9"},
        {"memory.available": "300Mi"},
        {"memory.available": "30s"},
        {"memory.available": "50Mi"},
        pods_are_held=True,
    )
    assert found[3:] == [Threshold("allocatableMemory.available", Amount(100 * MIB), 0.0, Amount(50 * MIB))]
    plenty, few = memory(5000), {"allocatableMemory.available": Observation(90 * MIB, GIB)}
    disk = Threshold("nodefs.available", Amount(fraction=0.1))
    view = look(State(), [disk, *found], {**plenty, **few, "nodefs.available": Observation(1, 100)}, 0.0, 300)
    assert view.conditions == {"MemoryPressure", "DiskPressure"}
    assert view.due == (found[3], disk), "memory first"


def test_the_disk_of_layers_has_the_thresholds_of_the_one_that_it_is() -> None:
    assert parse({"containerfs.available": "10%", "nodefs.available": "5%"}) == parse({"nodefs.available": "5%"})
    with pytest.raises(ValueError, match="is neither an amount"):
        parse({"containerfs.inodesFree": "many"})


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (({"cpu.available": "1"},), "unsupported eviction signal cpu.available"),
        (({"memory.available": "0"},), "eviction threshold memory.available must be positive: 0"),
        (({"memory.available": "101%"},), "eviction percentage threshold memory.available must be <= 100%: 101%"),
        (({}, {"memory.available": "1"}), "grace period must be specified for the soft eviction threshold"),
        (({}, {}, {"memory.available": "-1s"}), "invalid eviction grace period specified: -1s"),
        (({}, {}, {}, {"memory.available": "0%"}), "eviction percentage minimum reclaim memory.available must be pos"),
    ],
)
def test_thresholds_that_make_no_sense(arguments: tuple[dict[str, str], ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(*arguments)


def memory(available_mib: int) -> dict[str, Observation]:
    return {t.MEMORY: Observation(available_mib * MIB, GIB)}


def test_a_soft_threshold_has_a_grace_period_and_a_condition_lasts() -> None:
    state, soft = State(), parse({}, {"memory.available": "300Mi"}, {"memory.available": "30s"})
    assert look(state, soft, memory(400), 0.0, 300) == t.View(frozenset(), ())
    assert look(state, soft, memory(200), 10.0, 300) == t.View(frozenset({"MemoryPressure"}), ())
    assert look(state, soft, memory(200), 40.0, 300).due == tuple(soft)
    assert look(state, soft, memory(400), 50.0, 300) == t.View(frozenset({"MemoryPressure"}), ())
    assert look(state, soft, memory(200), 60.0, 300).due == (), "the grace period begins anew"
    assert look(state, soft, memory(400), 359.0, 300).conditions == {"MemoryPressure"}
    assert look(state, soft, memory(400), 360.0, 300).conditions == frozenset()


def test_a_minimum_reclaim_has_to_be_reached() -> None:
    state, hard = State(), parse({"memory.available": "100Mi"}, reclaim={"memory.available": "50Mi"})
    assert look(state, hard, memory(120), 0.0, 300).due == ()
    assert look(state, hard, memory(90), 10.0, 300).due == tuple(hard)
    assert look(state, hard, memory(120), 20.0, 300).due == tuple(hard)
    assert look(state, hard, memory(150), 30.0, 300).due == ()


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param("memory", ["unknown", "above", "most", "important", "within"], id="memory"),
        pytest.param("ephemeral-storage", ["unknown", "most", "above", "important", "within"], id="disk"),
        pytest.param("pids", ["unknown", "most", "above", "within", "important"], id="pids"),
    ],
)
def test_whose_turn_it_is(resource: str, expected: list[str]) -> None:
    asked = {"memory": "100Mi", "ephemeral-storage": "100Mi"}
    pods = [named("within", asked), named("above"), named("important", priority=100), named("most", asked)]
    pods.append(named("unknown"))
    usages = {
        "within": Usage(memory_bytes=90 * MIB, disk_bytes=90 * MIB, processes=1),
        "above": Usage(memory_bytes=80 * MIB, disk_bytes=30 * MIB, processes=2),
        "important": Usage(memory_bytes=500 * MIB, disk_bytes=500 * MIB, processes=90),
        "most": Usage(memory_bytes=150 * MIB, disk_bytes=150 * MIB, processes=9),
    }
    assert [p.metadata.name for p in rank(resource, pods, usages)] == expected


@pytest.mark.parametrize(
    ("disk", "expected"),
    [("one", ["volume", "layer"]), ("images", ["layer", "volume"]), ("rest", ["volume", "layer"])],
)
def test_whose_turn_it_is_where_images_have_a_disk_of_their_own(disk: Disk, expected: list[str]) -> None:
    usages = {
        "layer": Usage(disk_bytes=50 * MIB, layer_bytes=40 * MIB, inodes=50, layer_inodes=40),
        "volume": Usage(disk_bytes=90 * MIB, layer_bytes=10 * MIB, inodes=90, layer_inodes=10),
    }
    for resource in ("ephemeral-storage", "inodes"):
        assert [p.metadata.name for p in rank(resource, [named("layer"), named("volume")], usages, disk)] == expected


def test_what_is_said() -> None:
    usage = Usage(memory_bytes=80 * MIB, containers={"c": ContainerUsage(80 * MIB, 5 * MIB)})
    hard = parse({"memory.available": "100Mi"})
    why = reason("memory", named("p", {"memory": "50Mi"}), usage, hard, memory(90))
    assert why.message == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. "
        "Container c was using 80Mi, request is 50Mi, has larger consumption of memory. "
    )
    offending = {"offending_containers": "c", "offending_containers_usage": "80Mi"}
    assert why.annotations == {**offending, "starved_resource": "memory"}
    whole = {"offending_pod": "p", "offending_pod_usage": "80Mi"}
    together = named("p", resources={"requests": {"memory": "50Mi"}})
    assert reason("memory", together, usage, hard, memory(90)).annotations == {
        **whole, **offending, "starved_resource": "memory",
    }  # fmt: skip
    assert reason("pids", together, None, hard, {}) == Reason("The node was low on resource: pids. ")


def test_storage_that_a_pod_may_not_use() -> None:
    volumes = [{"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}}]
    sized = named("p", volumes=volumes)
    assert limits_storage(sized) and not limits_storage(named("p"))
    assert beyond_its_storage(sized, Usage(volumes={"cache": MIB})) == ("", "")
    assert beyond_its_storage(sized, Usage(volumes={"cache": 2 * MIB})) == (
        "emptydirfs.limit",
        'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
    )
    limited = pod([{"name": "c", "image": "i", "resources": {"limits": {"ephemeral-storage": "1Mi"}}}])
    assert beyond_its_storage(limited, Usage(disk_bytes=2 * MIB)) == (
        "ephemeralpodfs.limit",
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
    )


class Node:
    """Signals and the kubelet's part, as a test wants them."""

    def __init__(self, pods: list[Pod]) -> None:
        self.pods = pods
        self.observed: dict[str, Observation] = memory(500)
        self.freed: dict[str, Observation] | None = None
        self.told: list[str] = []
        self.now_s = 1000.0
        self.images_apart = False

    async def observe(self) -> dict[str, Observation]:
        return self.observed

    async def usages(self, pods: Iterable[Pod]) -> dict[str, Usage]:
        return {p.metadata.uid or "": Usage(memory_bytes=MIB) for p in pods}

    def pods_that_run(self) -> list[Pod]:
        return self.pods

    def evict(self, pod: Pod, why: Reason, grace_period_s: int, *, disruption: bool) -> None:
        self.told.append(f"evict {pod.metadata.name} in {grace_period_s}s")

    async def gone(self, pod: Pod) -> None:
        self.told.append(f"gone {pod.metadata.name}")

    async def free_disk(self) -> None:
        self.told.append("free disk")
        self.observed = self.freed or self.observed

    def pressure_changed(self, conditions: frozenset[str]) -> None:
        self.told.append(f"pressure {sorted(conditions)}")

    def tell_node(self, reason: str, message: str) -> None:
        self.told.append(f"{reason}: {message}")

    def now(self) -> float:
        return self.now_s


def test_the_loop() -> None:
    critical = named("critical", priority=2_000_000_000)
    node = Node([critical, named("plain")])
    config = KubeletConfig("n", eviction_hard={"memory.available": "100Mi"})
    config.eviction_soft, config.eviction_soft_grace_period = {"nodefs.available": "10%"}, {"nodefs.available": "5s"}
    config.eviction_max_pod_grace_period_s = 7
    eviction = Eviction(config, node, node, node)  # type: ignore[arg-type]

    assert asyncio.run(eviction.look()) is None
    assert node.told == []
    node.observed = memory(90)
    assert asyncio.run(eviction.look()) is node.pods[1], "critical pods stay"
    assert node.told == [
        "pressure ['MemoryPressure']",
        "EvictionThresholdMet: Attempting to reclaim memory",
        "evict plain in 1s",
    ]
    refused = eviction.refuses(named("new"))
    assert refused is not None
    assert (refused.reason, refused.message) == ("Evicted", "The node had condition: [MemoryPressure]. ")
    assert eviction.refuses(critical) is None
    tolerant = [{"key": "node.kubernetes.io/memory-pressure", "operator": "Exists"}]
    assert eviction.refuses(named("new", tolerations=tolerant)) is None
    assert eviction.refuses(named("new", {"memory": "1Mi"})) is None

    node.told.clear()
    node.observed = {**memory(500), t.NODEFS: Observation(5, 100)}
    node.freed = {**memory(500), t.NODEFS: Observation(50, 100)}
    assert asyncio.run(eviction.look()) is None
    node.now_s += 5
    assert asyncio.run(eviction.look()) is None, "what nobody used was enough"
    assert node.told[1:] == ["EvictionThresholdMet: Attempting to reclaim ephemeral-storage", "free disk"]
    node.observed, node.freed = {t.NODEFS: Observation(5, 100)}, None
    node.now_s += 5
    asyncio.run(eviction.look())
    node.now_s += 5
    assert asyncio.run(eviction.look()) is node.pods[1]
    assert node.told[-1] == "evict plain in 7s"


def test_images_are_removed_where_that_helps() -> None:
    config = KubeletConfig("n", eviction_hard={"nodefs.available": "10%", "imagefs.available": "10%"})
    for short, freed in ((t.NODEFS, False), (t.IMAGEFS, True)):
        node = Node([named("plain")])
        node.images_apart, node.observed = True, {short: Observation(5, 100)}
        eviction = Eviction(config, node, node, node)  # type: ignore[arg-type]
        assert asyncio.run(eviction.look()) is node.pods[0]
        assert ("free disk" in node.told) == freed


@pytest.mark.parametrize(("medium", "on_the_disk"), [("", True), ("Memory", False), ("HugePages-2Mi", False)])
def test_what_volumes_take_of_the_disk(tmp_path: Path, medium: str, on_the_disk: bool) -> None:
    class NoContainers:
        async def container_stats(self) -> list[Any]:
            return []

    of = named("plain", volumes=[{"name": "v", "emptyDir": {"medium": medium}}])
    volume = tmp_path / "pods/plain/volumes/kubernetes.io~empty-dir/v"
    volume.mkdir(parents=True)
    (volume / "file").write_bytes(bytes(4096))
    signals = HostSignals(KubeletConfig("n", root_dir=str(tmp_path)), NoContainers(), None)  # type: ignore[arg-type]
    usage = asyncio.run(signals.usages([of]))["plain"]
    assert usage.inodes == on_the_disk
    assert (usage.disk_bytes > 0) == on_the_disk


def test_a_runtime_that_is_away_ends_no_watch_over_the_node() -> None:
    class Away(Node):
        async def free_disk(self) -> None:
            self.told.append("free disk")
            raise CriError("UNAVAILABLE", "no such socket")

    node = Away([named("plain")])
    node.observed = {t.NODEFS: Observation(5, 100)}

    async def main() -> None:
        eviction = Eviction(KubeletConfig("n", eviction_hard={"nodefs.available": "10%"}), node, node, node)  # type: ignore[arg-type]
        task = asyncio.create_task(eviction.run())
        await asyncio.sleep(25)
        assert not task.done() and node.told.count("free disk") == 3
        task.cancel()

    loop.run(main())


@pytest.mark.parametrize(("limit", "expected"), [("1000", (300, 1000)), ("max", None), ("500", (0, 500))])
def test_what_pods_together_have_left(tmp_path: Path, limit: str, expected: tuple[int, int] | None) -> None:
    group = tmp_path / "cluster/kubepods"
    group.mkdir(parents=True)
    (group / "cpu.stat").write_text("usage_usec 1\n")
    (group / "memory.current").write_text("900\n")
    (group / "memory.stat").write_text("inactive_file 200\n")
    (group / "memory.max").write_text(f"{limit}\n")

    class NoRuntime:
        async def image_fs_info(self) -> Any:
            raise CriError("UNAVAILABLE", "no such socket")

    cgroups = Cgroups("/cluster", Hierarchies(2, {}, tmp_path))
    signals = HostSignals(KubeletConfig("n", root_dir=str(tmp_path)), NoRuntime(), cgroups)  # type: ignore[arg-type]
    observed = asyncio.run(signals.observe())
    assert observed.get(t.ALLOCATABLE) == (Observation(*expected) if expected is not None else None)
    assert 0 < observed[t.MEMORY].available < observed[t.MEMORY].capacity
