"""The past of objects, for those who may read them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.apimachinery.errors import BadRequest, Forbidden, Gone, NotFound
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authorizers.attributes import AlwaysAllow, Attributes, Decision
from pybernetes.apiserver.endpoints.history import PATH, HistoryPage
from pybernetes.apiserver.endpoints.journal import PATH as JOURNAL
from pybernetes.apiserver.endpoints.journal import JournalPage
from pybernetes.http.messages import Request
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.store import Cause

ALICE, BOB = UserInfo("alice"), UserInfo("bob")
OBJECT = "resource=secrets&namespace=shop&name=s"
Ask = Callable[..., Awaitable[Any]]


class _OnlyAlice(AlwaysAllow):
    """Secrets are Alice's."""

    async def authorize(self, attributes: Attributes) -> Decision:
        return Decision(attributes.user == ALICE or attributes.resource != "secrets")


def run(body: Callable[[MemoryStore, Ask], Awaitable[None]]) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()
        journal = JournalPage(store, _OnlyAlice())
        pages = {PATH: HistoryPage(store, journal), JOURNAL: journal}

        async def ask(query: str, user: UserInfo = ALICE, path: str = PATH) -> Any:
            request = Request("GET", path, query)
            request.user = user
            answer = await pages[path].answer(request)  # type: ignore[attr-defined]
            return json.loads(answer.body)

        await body(store, ask)

    asyncio.run(main())


def test_an_object_then_and_its_writes() -> None:
    async def body(store: MemoryStore, ask: Ask) -> None:
        first = await store.create("/registry/secrets/shop/s", b'{"v":1}', Cause("alice", verb="create"))
        await store.create("/registry/secrets/shop/s2", b'{"v":9}', Cause())
        second = await store.update("/registry/secrets/shop/s", b'{"v":2}', first, Cause("carol", verb="update"))
        items = (await ask(OBJECT))["items"]
        assert [(item["user"], item["previous"], item["object"]) for item in items] == [
            ("alice", None, {"v": 1}), ("carol", {"v": 1}, {"v": 2})
        ]  # fmt: skip
        assert await ask(f"{OBJECT}&at={first}") == {"revision": first, "written": first, "object": {"v": 1}}
        assert (await ask(f"{OBJECT}&time=2999-01-01T00:00:00Z"))["object"] == {"v": 2}
        assert (await ask("time=2999-01-01T00:00:00Z"))["revision"] == second
        with pytest.raises(NotFound):
            await ask(f"{OBJECT}&at={first - 1}")
        with pytest.raises(Gone, match=f"before the history of this cluster begins: 20.*Z, revision {first}"):
            await ask(f"{OBJECT}&time=2001-01-01T00:00:00Z")
        await store.compact(second)
        with pytest.raises(Gone, match="older than the history which is kept"):
            await ask(f"{OBJECT}&time=2001-01-01T00:00:00Z")
        with pytest.raises(Gone):
            await ask(f"{OBJECT}&at={first}")
        assert "object" not in (await ask(OBJECT))["items"][0]

    run(body)


def test_who_may_not_read_it_sees_nothing_of_it() -> None:
    async def body(store: MemoryStore, ask: Ask) -> None:
        await store.create("/registry/secrets/shop/s", b'{"v":1}', Cause())
        for query in (OBJECT, f"{OBJECT}&at=2"):
            with pytest.raises(Forbidden, match='cannot get resource "secrets"'):
                await ask(query, BOB)
        (item,) = (await ask("objects=true", BOB, JOURNAL))["items"]
        assert "object" not in item, "nor through the journal"
        (item,) = (await ask("objects=true", ALICE, JOURNAL))["items"]
        assert item["object"] == {"v": 1}

    run(body)


@pytest.mark.parametrize(
    "query", ["", "resource=nothings&name=a", f"{OBJECT}&at=x", f"{OBJECT}&at=99", f"{OBJECT}&time=x"]
)
def test_what_makes_no_sense(query: str) -> None:
    async def body(store: MemoryStore, ask: Ask) -> None:
        with pytest.raises(BadRequest):
            await ask(query)

    run(body)
