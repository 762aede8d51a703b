"""Reflector and informer against a scripted apiserver: list, watch, resume, relist, faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from pybernetes.api.core.v1 import ConfigMap
from pybernetes.api.meta.v1 import ListMeta, ManagedFieldsEntry, ObjectMeta
from pybernetes.apimachinery.user import UserInfo
from pybernetes.client import cause
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Request, Response
from pybernetes.sim.loop import run


def config_map(name: str, version: int, uid: str = "") -> ConfigMap:
    return ConfigMap(
        metadata=ObjectMeta(name=name, namespace="default", resourceVersion=str(version), uid=uid or f"u-{name}")
    )


_BREAK = b"break"


class Server:
    """Lists `items` at `version`; every watch reads from `events`; `faults` are answered first."""

    def __init__(self) -> None:
        self.items: list[ConfigMap] = []
        self.version = 10
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.faults: list[int] = []
        self.asked: list[str] = []

    async def handler(self, request: Request) -> Response:
        self.asked.append(request.query)
        if self.faults:
            return Response(self.faults.pop(0), [], b"{}")
        if "watch=true" in request.query:
            return Response(200, [], self._watch())
        body = {"kind": "ConfigMapList", "metadata": ListMeta(resourceVersion=str(self.version)), "items": self.items}
        return Response(200, [], msgspec.json.encode(body))

    def send(self, kind: str, obj: object) -> None:
        self.events.put_nowait(msgspec.json.encode({"type": kind, "object": obj}) + b"\n")

    def end_watch(self) -> None:
        self.events.put_nowait(None)

    async def _watch(self) -> AsyncIterator[bytes]:
        while (line := await self.events.get()) is not None:
            if line == _BREAK:
                raise ConnectionResetError("the watch broke")
            yield line


class Followed:
    """An informer on a Server, and what its handler was told: (what, name, revision of the cause)."""

    def __init__(self) -> None:
        self.server = Server()
        self.told: list[tuple[str, str, int]] = []
        client = Client(LocalTransport(self.server.handler, UserInfo("t")))
        self.factory = InformerFactory(client, LoopClock(), Random(1))
        self.informer = self.factory.informer(ConfigMap)
        self.informer.add_handler(
            on_add=lambda obj: self._tell("add", obj),
            on_update=lambda old, new: self._tell("update", new),
            on_delete=lambda obj: self._tell("delete", obj),
        )

    def _tell(self, what: str, obj: ConfigMap) -> None:
        self.told.append((what, obj.metadata.name or "", cause.current().revision))

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


def follow(body: object) -> None:
    async def main() -> None:
        followed = Followed()
        async with asyncio.TaskGroup() as group:
            await followed.factory.start(group)
            await body(followed)  # type: ignore[operator]
            followed.factory.stop()

    run(main())


def test_lists_then_follows_the_watch() -> None:
    async def body(f: Followed) -> None:
        f.server.items = [config_map("a", 3)]
        await f.factory.wait_synced()
        assert f.told == [("add", "a", 3)]
        f.server.send("ADDED", config_map("b", 11))
        f.server.send("MODIFIED", config_map("a", 12))
        f.server.send("DELETED", config_map("b", 13))
        await f.settle()
        assert f.told[1:] == [("add", "b", 11), ("update", "a", 12), ("delete", "b", 13)]
        assert [o.metadata.name for o in f.informer.lister.list("default")] == ["a"]
        assert "resourceVersion=0" in f.server.asked[0]
        assert "resourceVersion=10" in f.server.asked[1]

    follow(body)


def test_a_watch_that_ends_is_resumed_from_the_bookmark() -> None:
    async def body(f: Followed) -> None:
        await f.factory.wait_synced()
        f.server.send("BOOKMARK", {"metadata": {"resourceVersion": "77"}})
        f.server.end_watch()
        await f.settle()
        assert f.informer.reflector.lists == 1
        assert "resourceVersion=77" in f.server.asked[-1]
        assert f.told == []

    follow(body)


def test_an_expired_version_is_listed_again_and_differences_told() -> None:
    async def body(f: Followed) -> None:
        f.server.items = [config_map("a", 3), config_map("b", 4), config_map("c", 5)]
        await f.factory.wait_synced()
        f.server.items = [config_map("a", 3), config_map("b", 20), config_map("c", 21, uid="another")]
        f.server.version = 30
        f.server.send("ERROR", {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410})
        await f.settle()
        assert f.told[3:] == [("update", "b", 20), ("delete", "c", 21), ("add", "c", 21)]
        f.server.items = []
        f.server.send("ERROR", {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410})
        await f.settle()
        assert sorted(f.told[6:]) == [("delete", "a", 30), ("delete", "b", 30), ("delete", "c", 30)]

    follow(body)


def test_errors_are_answered_with_back_off() -> None:
    async def body(f: Followed) -> None:
        f.server.faults = [500, 503, 403, 500]
        f.server.items = [config_map("a", 3)]
        await asyncio.wait_for(f.factory.wait_synced(), 60)
        assert f.told == [("add", "a", 3)]

    follow(body)


def test_a_watch_that_breaks_again_and_again_is_resumed_soon() -> None:
    async def body(f: Followed) -> None:
        await f.factory.wait_synced()
        for version in range(20, 30):
            f.server.send("ADDED" if version == 20 else "MODIFIED", config_map("a", version))
            f.server.events.put_nowait(_BREAK)
            await asyncio.sleep(0.5)
            assert f.told[-1][2] == version

    follow(body)


def test_fields_of_a_newer_server_are_tolerated() -> None:
    async def body(f: Followed) -> None:
        await f.factory.wait_synced()
        f.server.send("ADDED", {"metadata": {"name": "n", "namespace": "default", "brandNew": 1}, "immutable": True})
        await f.settle()
        found = f.informer.lister.get("default", "n")
        assert found is not None
        assert found.immutable is True

    follow(body)


def test_indexes_follow_changes() -> None:
    async def body(f: Followed) -> None:
        f.informer.add_index("label", lambda obj: obj.metadata.labels.values())
        await f.factory.wait_synced()
        first = config_map("a", 11)
        first.metadata.labels = {"k": "red"}
        f.server.send("ADDED", first)
        await f.settle()
        assert [o.metadata.name for o in f.informer.lister.by_index("label", "red")] == ["a"]
        second = config_map("a", 12)
        second.metadata.labels = {"k": "blue"}
        f.server.send("MODIFIED", second)
        await f.settle()
        assert f.informer.lister.by_index("label", "red") == []
        assert len(f.informer.lister.by_index("label", "blue")) == 1

    follow(body)


def test_one_name_is_one_index() -> None:
    async def body(f: Followed) -> None:
        def by_name(obj: ConfigMap) -> list[str]:
            return [obj.metadata.name or ""]

        f.informer.add_index("name", by_name)
        f.informer.add_index("name", by_name)
        with pytest.raises(ValueError, match="there is an index 'name' already, by another function"):
            f.informer.add_index("name", lambda obj: ["other"])

    follow(body)


def test_a_failing_handler_disturbs_nobody() -> None:
    async def body(f: Followed) -> None:
        def broken(obj: ConfigMap) -> None:
            raise RuntimeError("broken")

        f.informer.add_handler(on_add=broken)
        f.server.items = [config_map("a", 3)]
        await f.factory.wait_synced()
        f.informer.add_handler(on_add=lambda obj: f._tell("late", obj))
        assert f.told == [("add", "a", 3), ("late", "a", 3)]

    follow(body)


@pytest.mark.parametrize(("size", "shared"), [(1, True), (100_000, False)], ids=["small", "large"])
def test_informers_of_the_same_bytes_have_the_same_object_unless_it_is_large(size: int, shared: bool) -> None:
    async def main() -> None:
        one, other = Followed(), Followed()
        async with asyncio.TaskGroup() as group:
            for followed in (one, other):
                await followed.factory.start(group)
                await followed.factory.wait_synced()
            changed = config_map("shared", 11)
            changed.data = {"x": "y" * size}
            changed.metadata.managedFields = [ManagedFieldsEntry(manager="kubectl", operation="Update")]
            one.server.send("ADDED", changed)
            other.server.send("ADDED", changed)
            await asyncio.sleep(1)
            seen = one.informer.lister.by_key("default/shared")
            assert seen is not None
            assert (seen is other.informer.lister.by_key("default/shared")) is shared
            assert seen.metadata.managedFields == []
            one.factory.stop()
            other.factory.stop()

    run(main())
