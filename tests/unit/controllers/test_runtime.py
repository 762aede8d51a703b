"""The loop that every controller shares, expectations, and the manager's supervision."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pybernetes.api.core.v1 import ConfigMap, Namespace, NamespaceStatus
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.client.informer import InformerFactory
from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.controllers.descriptors import DESCRIPTORS, chosen
from pybernetes.controllers.manager import ControllerManager
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.expectations import Expectations
from pybernetes.controllers.runtime.pod_control import slow_start
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.sim.loop import run
from tests.fake_api import FakeApi
from tests.unit.controllers.world import World, scenario


class Watching(Controller):
    name = "watching"
    workers = 2

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.seen: list[str] = []
        self.broken: dict[str, list[Exception]] = {}
        self.enqueue_all(self.informer(ConfigMap))

    def background(self) -> list[Coroutine[Any, Any, None]]:
        return [self._fails()]

    async def _fails(self) -> None:
        raise RuntimeError("a loop of its own fails")

    async def reconcile(self, key: str) -> None:
        if self.broken.get(key):
            raise self.broken[key].pop(0)
        await asyncio.sleep(0.01)
        self.seen.append(key)


def watched(body: Any) -> None:
    async def main() -> None:
        api = FakeApi()
        clock, random = LoopClock(), Random(1)
        informers = InformerFactory(api.client(), clock, random)
        context = ControllerContext(api.client(), informers, clock, random, ControllerManagerConfig())
        controller = Watching(context)
        async with asyncio.TaskGroup() as group:
            await informers.start(group)
            task = group.create_task(controller.run())
            await body(api, controller, task)
            controller.stop()
            await task
            informers.stop()

    run(main())


def config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"))


def test_an_error_in_one_key_stops_no_other() -> None:
    async def body(api: FakeApi, controller: Watching, task: asyncio.Task[None]) -> None:
        controller.broken["default/bad"] = [ValueError("bug"), ConnectionError("down"), ValueError("bug")]
        api.put(config_map("bad"), "configmaps")
        api.put(config_map("good"), "configmaps")
        await asyncio.sleep(5)
        assert controller.seen == ["default/good", "default/bad"]
        assert controller.counts.errors == 3
        assert controller.counts.took.count == 5
        assert controller.idle

    watched(body)


def test_stopping_finishes_what_is_in_work() -> None:
    async def body(api: FakeApi, controller: Watching, task: asyncio.Task[None]) -> None:
        for number in range(6):
            api.put(config_map(f"c{number}"), "configmaps")
        await asyncio.sleep(0.015)
        controller.stop()
        await task
        assert len(controller.seen) == 6

    watched(body)


def test_told_to_end_the_manager_finishes_its_work_and_gives_up_the_lease() -> None:
    async def main() -> None:
        api = FakeApi()
        config = ControllerManagerConfig(controllers=["serviceaccount"], leader_elect=True, identity="me")
        manager = ControllerManager(lambda name: api.client(), config, LoopClock(), Random(1))
        task = asyncio.create_task(manager.run_in_order())
        await manager.started.wait()
        for number in range(20):
            name = ObjectMeta(name=f"n{number}")
            api.put(Namespace(metadata=name, status=NamespaceStatus(phase="Active")), "namespaces")
        queue = manager.controllers["serviceaccount-controller"].queue
        while queue.adds < 10:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0)
        assert not manager.idle
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled() and len(api.all("serviceaccounts")) >= 10
        lease = api.get("leases", "kube-controller-manager", "kube-system")
        assert lease["spec"]["holderIdentity"] == ""

    run(main())


def test_expectations() -> None:
    async def main() -> None:
        expectations = Expectations()
        assert expectations.satisfied("a")
        expectations.expect_creations("a", 2)
        expectations.creation_observed("a")
        assert not expectations.satisfied("a")
        expectations.creation_observed("a")
        assert expectations.satisfied("a")
        expectations.expect_deletions("a", ["x", "y"])
        expectations.deletion_observed("a", "x")
        expectations.deletion_observed("a", "x")
        assert not expectations.satisfied("a"), "the same deletion twice is one"
        await asyncio.sleep(301)
        assert expectations.satisfied("a"), "after five minutes one stops waiting"

    run(main())


def test_after_a_lost_answer_one_looks_before_trying_again() -> None:
    async def main() -> None:
        expectations = Expectations()
        expectations.expect_creations("a", 1)
        expectations.creation_observed("a")
        expectations.doubt("a")
        assert expectations.wait_s("a") == 2
        assert not expectations.satisfied("a")
        await asyncio.sleep(2)
        assert expectations.satisfied("a")

    run(main())


def test_slow_start_gives_up_after_the_first_bad_batch() -> None:
    async def main() -> None:
        calls: list[int] = []

        async def call(number: int) -> None:
            calls.append(number)
            if number == 4:
                raise ValueError("quota")

        done, failure = await slow_start(100, call)
        assert calls == list(range(7)), "1 + 2 + 4"
        assert (done, str(failure)) == (6, "quota")
        calls.clear()
        assert (await slow_start(3, call))[0] == 3

    run(main())


def test_choosing_controllers() -> None:
    on = FeatureGates()
    every = [d.name for d in DESCRIPTORS if d.default and (not d.feature or on.enabled(d.feature))]
    assert [d.name for d in chosen(["*"])] == every
    assert [d.name for d in chosen(["*", "-job-controller"])] == [n for n in every if n != "job-controller"]
    assert "token-cleaner-controller" not in every, "off by default, as upstream"
    assert {d.name for d in chosen(["tokencleaner", "bootstrapsigner", "job", "nodeipam"])} == {
        "token-cleaner-controller",
        "bootstrap-signer-controller",
        "job-controller",
        "node-ipam-controller",
    }, "aliases"
    assert chosen(["job", "-job", "cloud-node-lifecycle"]) == chosen(["job"]), "an explicit name wins"
    assert [d.name for d in chosen(["job-controller"])] == ["job-controller"]
    with pytest.raises(ValueError, match="unknown controller 'jobs'"):
        chosen(["jobs"])
    assert chosen(["job", "-storage-version-gc"]) == chosen(["job"]), "what is not here need not be left out"
    with pytest.raises(ValueError, match="no selinux-warning-controller here: no volume is mounted"):
        chosen(["*", "selinux-warning-controller"])
    alpha = ["job", "podgroup-protection-controller", "storage-version-gc"]
    assert chosen(alpha) == chosen(["job"]), "one whose gate is off may be named"
    with pytest.raises(ValueError, match="no podgroup-protection-controller here: leave it out, or the gate Gen"):
        chosen(alpha, FeatureGates({"GenericWorkload": True}))


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda d: d.name)
def test_every_descriptor_names_its_class(descriptor: Any) -> None:
    assert descriptor.load().name == descriptor.name


def test_all_controllers_go_together_on_one_set_of_informers() -> None:
    async def body(world: World) -> None:
        assert set(world.manager.health().values()) == {""}
        assert world.manager.controllers.keys() == {d.name for d in DESCRIPTORS}
        informers = world.manager.controllers["job-controller"].informers
        for descriptor in DESCRIPTORS:
            made_anew = descriptor.load()(
                ControllerContext(world.api.client(), informers, LoopClock(), Random(1), world.config)
            )
            assert made_anew.name == descriptor.name, "as after a fault"

    names = [d.name for d in DESCRIPTORS]
    scenario(lambda: World(*names, feature_gates={d.feature: True for d in DESCRIPTORS if d.feature}), body)
