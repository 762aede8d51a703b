"""Every extension point, in its order; plugins of one's own as the documentation has them; profiles side by side."""

from __future__ import annotations

import asyncio
import re
import sys
import types
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.scheduler.config import POINTS, ConfigError, ProfileConfig, SchedulerConfig, from_tree
from pybernetes.scheduler.framework import EnqueueExtensions, PreFilterResult
from pybernetes.scheduler.plugins.registry import FACTORIES
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.status import SUCCESS, Code, Status, unschedulable
from pybernetes.sim.loop import run
from tests.fake_api import FakeApi
from tests.unit.scheduler.builders import node, pod, profile

DOCUMENT = Path(__file__).parents[3] / "docs" / "scheduler-plugins.md"
CALLS: list[str] = []


class Everywhere:
    """Notes each call; its filter lets nothing through while `closed`, and its permit waits as long as told."""

    name = "Everywhere"
    closed = False
    waits_s = 0.0
    handle: Any = None

    def __init__(self, arguments: Any, handle: Any) -> None:
        type(self).handle = handle

    def pre_enqueue(self, info: Any) -> Status:
        CALLS.append("preEnqueue")
        return SUCCESS

    def sort_key(self, queued: Any) -> tuple[Any, ...]:
        CALLS.append("queueSort")
        return (queued.timestamp_s,)

    def pre_filter(self, state: Any, info: Any, snapshot: Any) -> PreFilterResult:
        CALLS.append("preFilter")
        return PreFilterResult(SUCCESS)

    def filter(self, state: Any, info: Any, snapshot: Any) -> Any:
        from pybernetes.scheduler.framework import Verdict

        CALLS.append("filter")
        return Verdict.of(snapshot.live_rows(), "closed", unresolvable=False) if self.closed else None

    def post_filter(self, tries: Any, state: Any, info: Any, snapshot: Any, diagnosis: Any) -> Any:
        CALLS.append("postFilter")
        return None, unschedulable("nothing to be done")

    def pre_score(self, state: Any, info: Any, snapshot: Any, rows: Any) -> Status:
        CALLS.append("preScore")
        return SUCCESS

    def score(self, state: Any, info: Any, snapshot: Any, rows: Any) -> Any:
        CALLS.append("score")
        return rows * 0

    def normalize(self, state: Any, info: Any, scores: Any) -> Any:
        CALLS.append("normalizeScore")
        return scores

    def reserve(self, state: Any, info: Any, node_name: str) -> Status:
        CALLS.append("reserve")
        return SUCCESS

    def unreserve(self, state: Any, info: Any, node_name: str) -> None:
        CALLS.append("unreserve")

    def permit(self, state: Any, info: Any, node_name: str) -> tuple[Status, float]:
        CALLS.append("permit")
        return (Status(Code.WAIT), self.waits_s) if self.waits_s else (SUCCESS, 0.0)

    async def pre_bind(self, state: Any, info: Any, node_name: str) -> Status:
        CALLS.append("preBind")
        return SUCCESS

    async def bind(self, state: Any, info: Any, node_name: str) -> Status:
        CALLS.append("bind")
        return Status(Code.SKIP)

    def post_bind(self, state: Any, info: Any, node_name: str) -> None:
        CALLS.append("postBind")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    monkeypatch.setattr(Everywhere, "closed", False)
    monkeypatch.setattr(Everywhere, "waits_s", 0.0)
    entry = EntryPoint("Everywhere", f"{__name__}:Everywhere", "pybernetes.scheduler_plugins")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **which: EntryPoints([entry]).select(**which))


def configured(*profiles: dict[str, Any]) -> SchedulerConfig:
    head = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    return from_tree({**head, "profiles": list(profiles)})


EVERYWHERE = {
    "plugins": {
        "multiPoint": {"enabled": [{"name": "Everywhere"}]},
        "queueSort": {"disabled": [{"name": "PrioritySort"}]},
        "bind": {"enabled": [{"name": "Everywhere"}, {"name": "DefaultBinder"}]},
    }
}


def scheduled(config: SchedulerConfig, body: Any) -> None:
    async def main() -> None:
        api = FakeApi()
        for name in ("a", "b"):
            api.put(node(name), "nodes")
        scheduler = Scheduler(api.client(), config, LoopClock(), Random(1))
        work = asyncio.create_task(scheduler.run())
        await scheduler.synced.wait()
        try:
            await body(api, scheduler)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    run(main())


async def until(condition: Any) -> None:
    async with asyncio.timeout(600):
        while not condition():  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)


def node_of(api: FakeApi, name: str = "web") -> str:
    return str(api.get("pods", name, "default")["spec"].get("nodeName", ""))


def test_every_point_is_asked_in_order(installed: None) -> None:
    async def body(api: FakeApi, scheduler: Scheduler) -> None:
        api.put(pod(), "pods")
        await until(lambda: "postBind" in CALLS)
        assert list(dict.fromkeys(CALLS)) == [
            "preEnqueue", "queueSort", "preFilter", "filter", "preScore", "score", "normalizeScore", "reserve",
            "permit", "preBind", "bind", "postBind",
        ]  # fmt: skip
        assert node_of(api)
        CALLS.clear()
        Everywhere.closed = True
        api.put(pod("second"), "pods")
        await until(lambda: "postFilter" in CALLS)
        assert CALLS.index("filter") < CALLS.index("postFilter")
        assert "preScore" not in CALLS

    scheduled(configured(EVERYWHERE), body)


@pytest.mark.parametrize("ends", ["allowed", "rejected", "deleted", "not at all"])
def test_a_pod_waits_for_permission_with_its_place_kept(installed: None, ends: str) -> None:
    async def body(api: FakeApi, scheduler: Scheduler) -> None:
        Everywhere.waits_s = 30.0
        new = pod(cpu="3")
        api.put(new, "pods")
        await until(lambda: "permit" in CALLS)
        await asyncio.sleep(10)
        assert node_of(api) == "" and "preBind" not in CALLS
        uid = new.metadata.uid or ""
        held = scheduler.snapshot.node_of(uid) or ""
        assert scheduler.snapshot.requested("cpu")[scheduler.snapshot.row_of[held]] == 3000
        Everywhere.waits_s = 0.0
        match ends:
            case "allowed":
                Everywhere.handle.allow(uid)
            case "rejected":
                Everywhere.handle.reject(uid, "not today")
            case "deleted":
                api.remove("pods", "web", "default")
        if ends == "deleted":
            await until(lambda: "unreserve" in CALLS)
            await asyncio.sleep(60)
            assert scheduler.snapshot.requested("cpu").sum() == 0 and "preBind" not in CALLS
            return
        if ends != "allowed":
            await until(lambda: "unreserve" in CALLS)
            scheduler.queue.activate(uid)
        await until(lambda: bool(node_of(api)))
        said = [event["message"] for event in api.all("events") if event["reason"] == "FailedScheduling"]
        expected = {"rejected": "1 not today.", "not at all": "1 timed out waiting on permit by Everywhere."}
        assert said == ([f"0/1 nodes are available: {expected[ends]}"] if ends in expected else [])

    scheduled(configured(EVERYWHERE), body)


def test_profiles_go_side_by_side() -> None:
    spreading = {"schedulerName": "spreading"}
    packing = {
        "schedulerName": "packing",
        "plugins": {"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit", "weight": 7}]}},
        "pluginConfig": [{"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "MostAllocated"}}}],
    }

    async def body(api: FakeApi, scheduler: Scheduler) -> None:
        assert {name: weight for name, weight in scheduler.profiles["packing"].weights.items() if weight == 7} == {
            "NodeResourcesFit": 7
        }
        assert [name for name, _ in scheduler.profiles["packing"].score_plugins] == ["NodeResourcesFit"]
        api.put(pod("there", cpu="1", on="b"), "pods")
        api.put(pod("packed", cpu="1", schedulerName="packing"), "pods")
        api.put(pod("spread", cpu="1", schedulerName="spreading"), "pods")
        api.put(pod("nobodys", schedulerName="default-scheduler"), "pods")
        await until(lambda: bool(node_of(api, "packed") and node_of(api, "spread")))
        assert (node_of(api, "packed"), node_of(api, "spread"), node_of(api, "nobodys")) == ("b", "a", "")

    scheduled(configured(spreading, packing), body)


@pytest.mark.parametrize(
    ("plugins", "text"),
    [
        ({"filters": {}}, "there is no extension point 'filters'"),
        ({"bind": {"enabled": [{"name": "NodeName"}]}}, "plugin 'NodeName' does not extend bind"),
        ({"permit": {"enabled": [{"name": "Nobody"}]}}, "unknown plugins: Nobody"),
        ({"bind": {"disabled": [{"name": "*"}]}}, "at least one bind plugin"),
        ({"queueSort": {"disabled": [{"name": "PrioritySort"}]}}, "exactly one queue sort plugin"),
    ],
)
def test_plugins_that_cannot_be(plugins: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        profile(configured({"plugins": plugins}).profiles[0])


def test_the_order_at_one_point() -> None:
    """As upstream expands it: named there and everywhere, the others, named there alone."""
    enabled = [{"name": "NodePorts"}, {"name": "ImageLocality"}]
    config = configured(
        {
            "plugins": {
                "multiPoint": {"disabled": [{"name": "ImageLocality"}]},
                "filter": {"enabled": enabled[:1], "disabled": [{"name": "NodeName"}]},
                "score": {"enabled": enabled[1:]},
            }
        }
    )
    made = profile(config.profiles[0])
    assert next(name for name, _ in made.filter_plugins) == "NodePorts"
    assert "NodeName" not in dict(made.filter_plugins)
    assert made.score_plugins[-1][0] == "ImageLocality"


def test_the_documented_plugin_works(monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.findall(r"```(python|yaml)\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    (code,) = [text for kind, text in found if kind == "python"]
    profiles, extenders = (yaml.safe_load(text) for kind, text in found if kind == "yaml")
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    (extender,) = from_tree({**profiles, **extenders}).extenders
    assert extender.managed_resources == {"example.com/gpu"} and extender.timeout_s == 2
    module = types.ModuleType("quiet_nodes")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, "quiet_nodes", module)
    entry = EntryPoint("QuietNodes", "quiet_nodes:QuietNodes", "pybernetes.scheduler_plugins")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **which: EntryPoints([entry]).select(**which))

    async def body(api: FakeApi, scheduler: Scheduler) -> None:
        api.put(node("quiet", labels={"example.com/quiet": ""}), "nodes")
        await until(lambda: scheduler.snapshot.node_count == 3)
        api.put(pod(schedulerName="quiet"), "pods")
        await until(lambda: node_of(api) == "quiet")

    scheduled(from_tree(profiles), body)


def test_every_plugin_that_refuses_says_what_may_help() -> None:
    made = profile(ProfileConfig())
    refusing = {
        name
        for plugins in (made.pre_enqueue_plugins, made.pre_filter_plugins, made.filter_plugins, made.permit_plugins)
        for name, _ in plugins
    }
    silent = {name for name in refusing if not isinstance(made.plugins[name], EnqueueExtensions)}
    assert silent == set()
    assert {name for name in refusing if not made.registrations[name]} == {"DefaultPreemption"}, "it tells by itself"
    assert set(made.plugins) == set(FACTORIES) and len(POINTS) == 12


def test_two_schedulers_of_one_name_bind_each_pod_once() -> None:
    async def body(api: FakeApi, scheduler: Scheduler) -> None:
        second = Scheduler(api.client(), SchedulerConfig(), LoopClock(), Random(2))
        work = asyncio.create_task(second.run())
        await second.synced.wait()
        for index in range(40):
            api.put(pod(f"p{index}", cpu="100m"), "pods")
        await until(lambda: all(node_of(api, f"p{index}") for index in range(40)))
        await asyncio.sleep(60)
        places = {f"p{index}": node_of(api, f"p{index}") for index in range(40)}
        for each in (scheduler, second):
            assert not any(each.queue.pending().values())
            assert each.snapshot.requested("cpu").sum() == 4000
            assert {pod.metadata.name: pod.spec.nodeName for pod in each._pods.lister.list()} == places
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    scheduled(SchedulerConfig(), body)


def test_a_node_that_filled_up_meanwhile_gets_nothing_more() -> None:
    async def body(api: FakeApi, scheduler: Scheduler) -> None:
        for name in ("a", "b"):
            # Another scheduler's, which the watch shows before the Pod of ours.
            api.put(pod(f"theirs-{name}", cpu="4", schedulerName="other", on=name), "pods")
        api.put(pod(cpu="1"), "pods")
        await until(lambda: bool(scheduler.queue.pending()["unschedulable"]))
        assert node_of(api) == ""

    scheduled(SchedulerConfig(), body)
