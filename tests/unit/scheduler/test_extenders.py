"""Extenders against real servers: what they say is heard, what cannot be true is not, and who hangs delays nobody."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http import tls
from pybernetes.http.messages import Request, Response
from pybernetes.http.server import HttpServer
from pybernetes.scheduler import extenders
from pybernetes.scheduler.config import ConfigError, SchedulerConfig, from_tree
from pybernetes.scheduler.scheduler import Scheduler
from tests.fake_api import FakeApi
from tests.unit.http.certificates import Authority
from tests.unit.scheduler.builders import node, pod

Answer = Callable[[str, dict[str, Any]], Any]
"""(verb, the question) -> the answer's tree, or the bytes of one."""

HANGS = object()
EVERY_VERB = {f"{verb}Verb": verb for verb in ("filter", "prioritize", "preempt", "bind")} | {
    "weight": 1,
    "httpTimeout": "60s",
}


def configured(*extenders: dict[str, Any]) -> SchedulerConfig:
    tree = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    return from_tree({**tree, "podInitialBackoffSeconds": 0.01, "extenders": list(extenders)})


class World:
    def __init__(self, answer: Answer) -> None:
        self.api = FakeApi()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answer = answer

    async def handle(self, request: Request) -> Response:
        verb, question = request.path.strip("/"), msgspec.json.decode(await request.whole())
        self.asked.append((verb, question))
        answer = self._answer(verb, question)
        if answer is HANGS:
            await asyncio.Event().wait()
        if isinstance(answer, int):
            return Response(answer, [], b"")
        return Response(200, [], answer if isinstance(answer, bytes) else msgspec.json.encode(answer))

    def node_of(self, name: str = "web") -> str:
        return str(self.api.get("pods", name, "default")["spec"].get("nodeName", ""))

    def events(self, name: str = "web") -> list[str]:
        return [
            event["message"]
            for event in self.api.all("events")
            if event["reason"] == "FailedScheduling" and event["involvedObject"]["name"] == name
        ]

    def bound(self) -> list[str]:
        return [path for _, path in self.api.requests if path.endswith("/binding")]


def scenario(answer: Answer, body: Callable[[World], Awaitable[None]], **extender: Any) -> None:
    """With nodes a, b and c, and the extender beside the scheduler."""

    async def main() -> None:
        world = World(answer)
        server = HttpServer(world.handle, host="127.0.0.1", port=0)
        await server.start()
        config = configured({"urlPrefix": f"http://127.0.0.1:{server.port}", **EVERY_VERB, **extender})
        for name in "abc":
            world.api.put(node(name, cpu="2"), "nodes")
        task = asyncio.create_task(Scheduler(world.api.client(), config, SystemClock(), Random(1)).run())
        try:
            await body(world)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await server.stop()

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.005)


def passes(question: dict[str, Any], *names: str) -> dict[str, Any]:
    """The nodes of these names, in the form in which they were asked about."""
    if question["NodeNames"] is not None:
        return {"NodeNames": [name for name in question["NodeNames"] if name in names]}
    items = [item for item in question["Nodes"]["items"] if item["metadata"]["name"] in names]
    return {"nodes": {"items": items}}


@pytest.mark.parametrize("names_alone", [False, True], ids=["nodes", "names"])
def test_filters_scores_and_binds(names_alone: bool) -> None:
    def answer(verb: str, question: dict[str, Any]) -> Any:
        if verb == "filter":
            return passes(question, "a", "b")
        if verb == "prioritize":
            return [{"Host": "a", "Score": 1}, {"host": "b", "score": 10}, {"Host": "nobody", "Score": 5}]
        return {}

    async def body(world: World) -> None:
        world.api.put(pod(), "pods")
        await until(lambda: len(world.asked) == 3)
        assert [verb for verb, _ in world.asked] == ["filter", "prioritize", "bind"]
        uid = world.api.get("pods", "web", "default")["metadata"]["uid"]
        assert world.asked[2][1] == {"PodName": "web", "PodNamespace": "default", "PodUID": uid, "Node": "b"}
        assert world.bound() == [], "the extender binds, nobody else"

    scenario(answer, body, nodeCacheCapable=names_alone)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"Error": "out of order"}, "out of order"),
        ({"NodeNames": ["mars"]}, "claims a filtered node 'mars' which is not found in the input node list"),
        (b"<html>", "cannot be understood"),
        ({"NodeNames": 5}, "cannot be understood"),
        (503, "/filter, code 503"),
        (b" " * (2 << 20), '/filter": the answer is larger than 1 MiB'),
        (HANGS, '/filter": context deadline exceeded'),
    ],
    ids=["an error", "a node that is not there", "no JSON", "the wrong type", "a status", "no end", "silence"],
)
def test_what_cannot_be_used_is_said_and_the_pod_comes_back(
    answer: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extenders, "_MAX_ANSWER_BYTES", 1 << 20)
    answers = iter([answer])

    async def body(world: World) -> None:
        world.api.put(pod(), "pods")
        await until(lambda: bool(world.events()))
        assert message in world.events()[0]
        await until(lambda: bool(world.node_of()))

    def once(verb: str, question: dict[str, Any]) -> Any:
        return next(answers, passes(question, "a"))

    patience = "100ms" if answer is HANGS else "60s"
    scenario(once, body, nodeCacheCapable=True, httpTimeout=patience, bindVerb="", prioritizeVerb="")


def test_one_that_may_be_ignored_is() -> None:
    async def body(world: World) -> None:
        world.api.put(pod(), "pods")
        await until(lambda: bool(world.node_of()))
        assert {verb for verb, _ in world.asked} == {"filter", "prioritize", "bind"}
        assert len(world.bound()) == 1

    scenario(lambda verb, question: 500, body, ignorable=True)


def test_scores_that_cannot_be_are_left_out() -> None:
    async def body(world: World) -> None:
        world.api.put(pod(), "pods")
        await until(lambda: bool(world.node_of()))

    scenario(lambda verb, question: [{"Host": "a", "Score": 10**30}], body, filterVerb="", bindVerb="")


def test_one_that_hangs_holds_up_its_own_pods_alone() -> None:
    async def body(world: World) -> None:
        for index in range(40):
            world.api.put(pod(f"theirs-{index}", more={"example.com/gpu": "1"}, priority=10), "pods")
        await until(lambda: bool(world.asked))
        world.api.put(pod("ours"), "pods")
        await until(lambda: bool(world.node_of("ours")))
        assert not any(world.node_of(f"theirs-{index}") for index in range(40))

    managed = [{"name": "example.com/gpu", "ignoredByScheduler": True}]
    scenario(lambda verb, question: HANGS, body, managedResources=managed)


def test_refusals_are_counted_and_anything_may_help() -> None:
    def answer(verb: str, question: dict[str, Any]) -> Any:
        open_now = "d" in question["NodeNames"]
        refused = {"FailedNodes": {"a": "too hot", "b": "too hot"}, "FailedAndUnresolvableNodes": {"b": "on fire"}}
        return {**passes(question, "d"), **({} if open_now else refused)}

    async def body(world: World) -> None:
        world.api.put(pod(), "pods")
        await until(lambda: bool(world.events()))
        assert "0/3 nodes are available: 1 node(s) refused by extender http://127.0.0.1:" in world.events()[0]
        assert ", 1 on fire, 1 too hot." in world.events()[0]
        world.api.put(node("d"), "nodes")
        await until(lambda: world.node_of() == "d")

    scenario(answer, body, nodeCacheCapable=True, bindVerb="", prioritizeVerb="", preemptVerb="")


def test_preemption_is_on_the_nodes_that_are_left() -> None:
    def answer(verb: str, question: dict[str, Any]) -> Any:
        offered = question["NodeNameToMetaVictims"]
        assert sorted(offered) == ["a", "b", "c"]
        return {"NodeNameToMetaVictims": {"c": offered["c"]}}

    async def body(world: World) -> None:
        for name in "abc":
            world.api.put(pod(f"low-{name}", cpu="2", on=name), "pods")
        world.api.put(pod("high", cpu="2", priority=100), "pods")
        await until(lambda: world.node_of("high") == "c")
        assert {tree["metadata"]["name"] for tree in world.api.all("pods")} == {"low-a", "low-b", "high"}

    scenario(answer, body, nodeCacheCapable=True, filterVerb="", prioritizeVerb="", bindVerb="")


def test_a_victim_that_is_not_there_is_nobodys() -> None:
    def answer(verb: str, question: dict[str, Any]) -> Any:
        return {"NodeNameToMetaVictims": {"a": {"Pods": [{"UID": "nobody"}]}}}

    async def body(world: World) -> None:
        for name in "abc":
            world.api.put(pod(f"low-{name}", cpu="2", on=name), "pods")
        world.api.put(pod("high", cpu="2", priority=100), "pods")
        await until(lambda: bool(world.events("high")))
        assert "claims to preempt pod (UID: nobody) on node: a" in world.events("high")[0]
        assert len(world.api.all("pods")) == 4

    scenario(answer, body, filterVerb="", prioritizeVerb="", bindVerb="")


def test_a_server_is_known_by_its_certificate(tmp_path: Path) -> None:
    ca = Authority.create(tmp_path, "extenders")
    trust = base64.b64encode(Path(ca.certificate_file).read_bytes()).decode()
    certificate, key = (Path(file).read_bytes() for file in ca.issue("extender", names=["extender.example"]))

    async def main() -> None:
        world = World(lambda verb, question: passes(question, "b"))
        server = HttpServer(world.handle, host="127.0.0.1", ssl_context=tls.server_context(certificate, key))
        await server.start()
        trusted = {
            "caData": trust,
            "serverName": "extender.example",
        }
        config = configured(
            {"urlPrefix": f"https://127.0.0.1:{server.port}", "filterVerb": "filter", "tlsConfig": trusted}
        )
        for name in "ab":
            world.api.put(node(name), "nodes")
        task = asyncio.create_task(Scheduler(world.api.client(), config, SystemClock(), Random(1)).run())
        world.api.put(pod(), "pods")
        await until(lambda: world.node_of() == "b")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("extenders", "text"),
    [
        ([{"urlPrefix": "http://x", "prioritizeVerb": "p"}], "must have a positive weight"),
        ([{"urlPrefix": "http://x", "bindVerb": "b"}] * 2, "only one extender can implement bind"),
        ([{"urlPrefix": "http://x", "managedResources": [{"name": "cpu"}]}], "must be an extended resource name"),
        ([{"urlPrefix": "http://x", "managedResources": [{"name": "a.io/b"}]}] * 2, "manage the resource 'a.io/b'"),
        ([{"urlPrefix": "http://x", "httpTimeout": "soon"}], "extenders\\[0\\]"),
        ([{"urlPrefix": "https://x", "tlsConfig": {"caFile": "/no/such/file"}}], "No such file"),
    ],
)
def test_a_configuration_that_cannot_be(extenders: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        configured(*extenders)
