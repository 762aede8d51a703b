"""Clients that write down what they did and what came back, and watchers that resume wherever they can."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pybernetes.client.transport import HttpTransport
from tests.sim.store.registers import Op, Outcome

PATH = "/api/v1/namespaces/default/configmaps"
_ANSWER_S = 6.0
_WATCH_SILENCE_S = 20.0


@dataclass(slots=True)
class History:
    ops: list[Op] = field(default_factory=list)
    lists: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    """How often each kind of answer came."""
    strange: list[str] = field(default_factory=list)
    """Answers that no server should give."""


async def ask(
    transport: HttpTransport, method: str, path: str, tree: Any = None, content_type: str = "application/json"
) -> tuple[int, Any]:
    body = msgspec.json.encode(tree) if tree is not None else b""
    answer = await transport.request(method, path, {"Content-Type": content_type}, body, timeout_s=_ANSWER_S)
    return answer.status, msgspec.json.decode(answer.body) if answer.body[:1] == b"{" else answer.body


class Client:
    """Works on a few keys, at any of the servers; remembers which object it saw last of each key."""

    _numbers = itertools.count()

    def __init__(self, number: int, servers: dict[str, HttpTransport], history: History, rng: random.Random) -> None:
        self._number = number
        self._servers = servers
        self._history = history
        self._rng = rng
        self._known: dict[str, tuple[str, str]] = {}
        """key -> (value, resourceVersion)."""

    async def work(self, keys: list[str], enough: asyncio.Event) -> None:
        while not enough.is_set():
            await self.step(self._rng.choice(keys), keys)
            await asyncio.sleep(self._rng.random() * 0.03)

    async def step(self, key: str, keys: list[str]) -> None:
        rng = self._rng
        name = rng.choice(list(self._servers))
        weights = (20, 10, 40, 12, 12, 6) if key in self._known else (20, 60, 0, 5, 5, 10)
        kind = rng.choices(("get", "create", "update", "put", "delete", "list"), weights)[0]
        if kind == "list":
            await self.list(name, keys)
            return
        value = f"{self._number}.{next(self._numbers)}"
        op = Op(self._number, key, kind, None if kind in ("get", "delete") else value, server=name)  # type: ignore[arg-type]
        await self._do(op)

    async def get(self, name: str, key: str) -> Op:
        op = Op(self._number, key, "get", None, server=name)
        await self._do(op)
        return op

    async def list(self, name: str, keys: list[str]) -> None:
        """One read of all keys; each key's part is an operation of its own."""
        start = time.monotonic()
        try:
            status, answer = await ask(self._servers[name], "GET", PATH)
        except (OSError, TimeoutError):
            return
        end = time.monotonic()
        self._count(f"list {status}")
        if status != 200:
            return
        self._history.lists += 1
        found = {item["metadata"]["name"]: item["data"]["v"] for item in answer["items"] if "data" in item}
        for key in keys:
            self._history.ops.append(Op(self._number, key, "get", found.get(key), None, start, end, "ok", 0, name))

    async def _do(self, op: Op) -> None:
        path, tree, method, content_type = f"{PATH}/{op.key}", None, "GET", "application/json"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": op.key}, "data": {"v": op.value}}
        if op.kind == "create":
            method, path, tree = "POST", PATH, body
        elif op.kind == "update":
            op.expected, version = self._known[op.key]
            body["metadata"] = {"name": op.key, "resourceVersion": version}
            method, tree = "PUT", body
        elif op.kind == "put":
            method, tree, content_type = "PATCH", {"data": {"v": op.value}}, "application/merge-patch+json"
        elif op.kind == "delete":
            method = "DELETE"
        op.start = time.monotonic()
        try:
            status, answer = await ask(self._servers[op.server], method, path, tree, content_type)
        except (ConnectionRefusedError, FileNotFoundError):
            self._count("refused")
            await asyncio.sleep(0.05)
            return
        except (OSError, TimeoutError):
            self._count("no answer")
            if op.kind != "get":
                self._history.ops.append(op)
            return
        end = time.monotonic()
        self._count(f"{op.kind} {status}")
        outcome = self._outcome(op, status, answer)
        if outcome == "unknown":
            if op.kind != "get":
                self._history.ops.append(op)
            return
        op.end, op.outcome = end, outcome
        if op.kind == "get":
            op.outcome, op.value = "ok", answer["data"]["v"] if status == 200 else None
        if status in (200, 201) and op.kind != "delete":
            version = answer["metadata"]["resourceVersion"]
            self._known[op.key] = (answer["data"]["v"], version)
            if op.kind != "get":
                op.revision = int(version)
        self._history.ops.append(op)

    def _outcome(self, op: Op, status: int, answer: Any) -> Outcome:
        if status in (200, 201):
            return "ok"
        if status == 404:
            return "missing"
        if status == 409:
            # A patch or delete that lost every round says Conflict too: it did nothing, whatever was there.
            return {"create": "exists", "update": "conflict"}.get(op.kind, "unknown")  # type: ignore[return-value]
        clear = isinstance(answer, dict) and answer.get("kind") == "Status" and answer.get("message")
        if status not in (429, 500, 503, 504) or not clear or (status == 500 and "audit id" in answer["message"]):
            self._history.strange.append(f"{op.kind} {op.key} at {op.server}: {status} {answer}")
        return "unknown"

    def _count(self, what: str) -> None:
        self._history.answers[what] = self._history.answers.get(what, 0) + 1


@dataclass(slots=True)
class Event:
    type: str
    key: str
    value: str
    revision: int


class Watcher:
    """Watches through all breaks: goes on after the last revision seen, at any server."""

    def __init__(self, servers: dict[str, HttpTransport], rng: random.Random, since: int) -> None:
        self._servers = servers
        self._rng = rng
        self.since = since
        self.began = since
        self.events: list[Event] = []
        self.resumed = 0
        self.problems: list[str] = []

    async def run(self) -> None:
        while True:
            name = self._rng.choice(list(self._servers))
            try:
                async with asyncio.timeout(None) as limit:
                    await self._follow(name, limit)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                pass
            self.resumed += 1
            await asyncio.sleep(0.02 + self._rng.random() * 0.05)

    async def _follow(self, name: str, limit: asyncio.Timeout) -> None:
        path = f"{PATH}?watch=1&allowWatchBookmarks=true&resourceVersion={self.since}"
        loop = asyncio.get_running_loop()
        limit.reschedule(loop.time() + _WATCH_SILENCE_S)
        async with self._servers[name].stream("GET", path, {}) as stream:
            if stream.status != 200:
                if stream.status == 410:
                    self._is_gone(await stream.read())
                return
            rest = b""
            async for piece in stream.chunks():
                limit.reschedule(loop.time() + _WATCH_SILENCE_S)
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if not self._take(msgspec.json.decode(line), name):
                        return

    def _take(self, event: Any, name: str) -> bool:
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            if found.get("code") == 410:
                self._is_gone(found)
            return False
        revision = int(found["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            if revision < self.since:
                self.problems.append(f"a bookmark of {name} goes back from {self.since} to {revision}")
        else:
            if revision <= self.since:
                self.problems.append(f"{name} sent {kind} at {revision} after {self.since}")
            value = found.get("data", {}).get("v", "")
            self.events.append(Event(kind, found["metadata"]["name"], value, revision))
        self.since = max(self.since, revision)
        return True

    def _is_gone(self, answer: Any) -> None:
        self.problems.append(f"told that {self.since} is gone, though nothing was compacted: {answer!r}")


def watch_violations(watcher: Watcher, before: dict[str, str], ops: list[Op]) -> list[str]:
    """What is wrong with what a watcher saw from `before` on, beside the writes that were acknowledged."""
    found = list(watcher.problems)
    state = dict(before)
    for event in watcher.events:
        there = event.key in state
        if (event.type == "ADDED") is there:
            found.append(f"{event} while the key is {'there' if there else 'not there'}")
        if event.type == "DELETED":
            if state.pop(event.key, None) != event.value:
                found.append(f"{event}: another value was there")
        else:
            state[event.key] = event.value
    by_revision = {event.revision: event for event in watcher.events}
    for op in ops:
        if op.revision <= watcher.began or op.outcome != "ok" or op.kind == "get":
            continue
        event = by_revision.get(op.revision)
        if event is None:
            found.append(f"no event of {op}")
        elif (event.key, event.value) != (op.key, op.value):
            found.append(f"{event} is not of {op}")
    return found
