"""Heartbeats, silence, taints, disruption: in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api.coordination.v1 import Lease, LeaseSpec
from pybernetes.api.core.v1 import Node, NodeCondition, NodeSpec, NodeStatus, Taint
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.times import format_micro_time, format_time
from pybernetes.controllers.node_lifecycle import plan
from pybernetes.controllers.node_lifecycle.plan import Limiter, Rates, ZoneState
from tests.unit.controllers.services import pod
from tests.unit.controllers.world import World, scenario

KINDS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


def node(name: str = "n1", ready: str = "True", **labels: str) -> Node:
    conditions = [
        NodeCondition(type=kind, status=ready if kind == "Ready" else "False", lastHeartbeatTime="2026-01-01T00:00:00Z")
        for kind in KINDS
    ]
    named = {"topology.kubernetes.io/zone" if key == "zone" else key: value for key, value in labels.items()}
    return Node(
        metadata=ObjectMeta(name=name, uid=f"node-{name}", labels=named, creationTimestamp="2026-01-01T00:00:00Z"),
        status=NodeStatus(conditions=conditions),
    )


class Nodes(World):
    """A world in which the kubelets of some nodes renew their Leases every ten seconds."""

    def __init__(self, **config: Any) -> None:
        super().__init__("node-lifecycle-controller", **config)
        self.alive: set[str] = set()
        self._beats: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._beats = asyncio.create_task(self._beat())
        await super().start()

    async def kill(self) -> None:
        assert self._beats is not None
        self._beats.cancel()
        await super().kill()

    async def _beat(self) -> None:
        while True:
            for name in sorted(self.alive):
                renewed = format_micro_time(self.clock.now())
                meta = ObjectMeta(name=name, namespace="kube-node-lease")
                self.api.put(Lease(metadata=meta, spec=LeaseSpec(holderIdentity=name, renewTime=renewed)), "leases")
            await asyncio.sleep(10)

    def add(self, *names: str, **labels: str) -> None:
        for name in names:
            self.api.put(node(name, **labels), "nodes")
            self.alive.add(name)

    def comes_back(self, name: str) -> None:
        """As a kubelet does that speaks again: it posts its whole status."""
        self.alive.add(name)
        tree = self.api.get("nodes", name)
        made = node(name)
        made.spec = NodeSpec(
            taints=[Taint(key=t["key"], effect=t["effect"]) for t in tree.get("spec", {}).get("taints", [])]
        )
        made.metadata.labels = tree["metadata"].get("labels", {})
        for each in made.status.conditions:
            each.lastHeartbeatTime = format_time(self.clock.now())
        self.api.put(made, "nodes")

    def ready(self, name: str = "n1") -> str:
        return str(
            next(c["status"] for c in self.api.get("nodes", name)["status"]["conditions"] if c["type"] == "Ready")
        )

    def taints(self, name: str = "n1") -> set[str]:
        found = self.api.get("nodes", name).get("spec", {}).get("taints", [])
        return {f"{t['key'].removeprefix('node.kubernetes.io/')}:{t['effect']}" for t in found}


BOTH = {"unreachable:NoSchedule", "unreachable:NoExecute"}


def test_a_silent_node_is_unreachable_after_its_grace_and_ready_when_it_speaks() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        world.api.put(pod("a"), "pods")
        world.api.put(pod("b", node="n2"), "pods")
        await asyncio.sleep(200)
        assert (world.ready(), world.taints()) == ("True", set())
        world.alive.remove("n1")
        await asyncio.sleep(39)
        assert world.ready() == "True"
        await asyncio.sleep(15)
        assert (world.ready(), world.taints()) == ("Unknown", BOTH)
        condition = world.api.get("nodes", "n1")["status"]["conditions"][1]
        assert (condition["reason"], condition["message"]) == (
            "NodeStatusUnknown",
            "Kubelet stopped posting node status.",
        )
        assert world.api.get("pods", "a", "default")["status"]["conditions"][0]["status"] == "False"
        assert world.api.get("pods", "b", "default")["status"]["conditions"][0]["status"] == "True"
        assert world.events("NodeNotReady") == ["Node n1 status is now: NodeNotReady", "Node is not ready"]
        world.comes_back("n1")
        await asyncio.sleep(1)
        assert (world.ready(), world.taints()) == ("True", set())

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_nothing_is_written_while_all_is_well() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        await asyncio.sleep(30)
        writes = len(world.writes())
        await asyncio.sleep(3600)
        assert len(world.writes()) == writes

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_a_node_that_never_spoke_gets_a_longer_grace() -> None:
    async def body(world: Nodes) -> None:
        world.add("n2")
        silent = Node(
            metadata=ObjectMeta(name="n1", uid="u", creationTimestamp=format_time(world.clock.now())),
            spec=NodeSpec(taints=[Taint(key=plan.NOT_READY, effect="NoSchedule")]),
        )
        world.api.put(silent, "nodes")
        await asyncio.sleep(55)
        assert "conditions" not in world.api.get("nodes", "n1").get("status", {})
        await asyncio.sleep(10)
        assert world.ready() == "Unknown"
        assert world.api.get("nodes", "n1")["status"]["conditions"][0]["reason"] == "NodeStatusNeverUpdated"

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_conditions_and_cordoning_become_taints() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        await asyncio.sleep(1)
        made = node("n1")
        made.status.conditions[1].status = "True"
        made.spec = NodeSpec(unschedulable=True, taints=[Taint(key="mine", effect="NoSchedule")])
        world.api.put(made, "nodes")
        await asyncio.sleep(1)
        assert world.taints() == {"mine:NoSchedule", "memory-pressure:NoSchedule", "unschedulable:NoSchedule"}
        made = node("n1")
        made.spec = NodeSpec(taints=[Taint(key="mine", effect="NoSchedule"), *_taints(world)])
        world.api.put(made, "nodes")
        await asyncio.sleep(1)
        assert world.taints() == {"mine:NoSchedule"}

    scenario(Nodes, body)  # type: ignore[arg-type]


def _taints(world: Nodes) -> list[Taint]:
    return [Taint(key=t["key"], effect=t["effect"]) for t in world.api.get("nodes", "n1")["spec"]["taints"]]


def test_not_ready_and_unreachable_exclude_each_other() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        await asyncio.sleep(1)
        world.api.put(node("n1", ready="False"), "nodes")
        await asyncio.sleep(1)
        assert world.taints() == {"not-ready:NoSchedule", "not-ready:NoExecute"}
        world.alive.remove("n1")
        await asyncio.sleep(70)
        assert world.taints() == BOTH

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_when_every_node_is_silent_nothing_is_evicted() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        await asyncio.sleep(30)
        world.alive.clear()
        await asyncio.sleep(100)
        for name in ("n1", "n2"):
            assert (world.ready(name), world.taints(name)) == ("Unknown", {"unreachable:NoSchedule"})
        world.comes_back("n2")
        await asyncio.sleep(1)
        assert world.taints("n2") == set()
        await asyncio.sleep(20)
        assert world.taints("n1") == BOTH

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_nodes_of_a_zone_are_tainted_at_a_rate() -> None:
    async def body(world: Nodes) -> None:
        names = [f"n{i}" for i in range(1, 9)]
        world.add(*names)
        await asyncio.sleep(30)
        for name in names[:4]:
            world.alive.remove(name)
        await asyncio.sleep(56)

        def evicted() -> int:
            return sum("unreachable:NoExecute" in world.taints(name) for name in names)

        assert 1 <= evicted() <= 2
        await asyncio.sleep(10)
        assert 2 <= evicted() <= 3
        await asyncio.sleep(40)
        assert evicted() == 4

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_a_small_zone_mostly_down_is_not_evicted() -> None:
    async def body(world: Nodes) -> None:
        names = [f"n{i}" for i in range(1, 6)]
        world.add(*names, zone="a")
        world.add("other", zone="b")
        await asyncio.sleep(30)
        for name in names[:4]:
            world.alive.remove(name)
        await asyncio.sleep(120)
        controller: Any = world.manager.controllers["node-lifecycle-controller"]
        assert set(controller.zone_states().values()) == {ZoneState.PARTIAL_DISRUPTION, ZoneState.NORMAL}
        assert sum("unreachable:NoExecute" in world.taints(name) for name in names) <= 2

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_a_zone_that_is_all_down_is_evicted_at_the_usual_rate_while_another_lives() -> None:
    async def body(world: Nodes) -> None:
        names = ["n1", "n2", "n3", "n4"]
        world.add(*names, zone="a")
        world.add("other", zone="b")
        await asyncio.sleep(30)
        world.alive.difference_update(names)
        await asyncio.sleep(120)
        controller: Any = world.manager.controllers["node-lifecycle-controller"]
        assert set(controller.zone_states().values()) == {ZoneState.FULL_DISRUPTION, ZoneState.NORMAL}
        assert [world.taints(name) for name in names] == [BOTH] * 4

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_a_large_zone_mostly_down_is_evicted_slowly() -> None:
    async def body(world: Nodes) -> None:
        names = [f"n{i}" for i in range(1, 6)]
        world.add(*names, zone="a")
        world.add("other", zone="b")
        await asyncio.sleep(30)
        world.alive.difference_update(names[:4])

        def evicted() -> int:
            return sum("unreachable:NoExecute" in world.taints(name) for name in names)

        await asyncio.sleep(70)
        before = evicted()
        await asyncio.sleep(50)
        assert evicted() - before <= 1
        await asyncio.sleep(300)
        assert evicted() == 4

    scenario(lambda: Nodes(large_cluster_size_threshold=3), body)


def test_nodes_excluded_from_disruption_do_not_count_for_their_zone() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        world.add("spare", **{plan.EXCLUDED: "true"})
        await asyncio.sleep(30)
        world.alive.difference_update(["n1", "n2"])
        await asyncio.sleep(100)
        assert world.taints("n1") == {"unreachable:NoSchedule"}, "all that count are down"

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_a_restarted_controller_gives_everybody_a_grace_again() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        await asyncio.sleep(30)
        await world.kill()
        await asyncio.sleep(1000)
        await world.start()
        await asyncio.sleep(30)
        assert (world.ready("n1"), world.ready("n2")) == ("True", "True")
        assert world.taints("n1") == set()

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_a_pod_that_claims_to_be_ready_on_an_unreachable_node_is_corrected() -> None:
    async def body(world: Nodes) -> None:
        world.add("n1", "n2")
        await asyncio.sleep(30)
        world.alive.remove("n1")
        await asyncio.sleep(60)
        world.api.put(pod("late"), "pods")
        await asyncio.sleep(1)
        assert world.api.get("pods", "late", "default")["status"]["conditions"][0]["status"] == "False"

    scenario(Nodes, body)  # type: ignore[arg-type]


def test_beta_labels_follow_the_stable_ones() -> None:
    async def body(world: Nodes) -> None:
        made = node("n1")
        made.metadata.labels = {"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "windows"}
        world.api.put(made, "nodes")
        await asyncio.sleep(1)
        assert world.api.get("nodes", "n1")["metadata"]["labels"]["beta.kubernetes.io/os"] == "linux"

    scenario(Nodes, body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ready", "not_ready", "expected"),
    [
        (0, 1, ZoneState.FULL_DISRUPTION),
        (1, 2, ZoneState.NORMAL),
        (2, 3, ZoneState.PARTIAL_DISRUPTION),
        (3, 3, ZoneState.NORMAL),
        (0, 0, ZoneState.NORMAL),
    ],
)
def test_zone_states(ready: int, not_ready: int, expected: ZoneState) -> None:
    assert plan.zone_state(ready, not_ready, 0.55) is expected


def test_rates_and_the_limiter() -> None:
    rates = Rates(0.1, 0.01, 50)
    assert rates.of(ZoneState.NORMAL, 3, everything_down=False) == 0.1
    assert rates.of(ZoneState.FULL_DISRUPTION, 3, everything_down=False) == 0.1
    assert rates.of(ZoneState.PARTIAL_DISRUPTION, 50, everything_down=False) == 0
    assert rates.of(ZoneState.PARTIAL_DISRUPTION, 51, everything_down=False) == 0.01
    assert rates.of(ZoneState.NORMAL, 3, everything_down=True) == 0
    limiter = Limiter()
    assert limiter.wait_s(0, 0.0) is None
    assert limiter.wait_s(0.1, 0.0) == 0
    assert limiter.wait_s(0.1, 4.0) == 6.0
    assert limiter.wait_s(0.1, 10.0) == 0
