from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.apimachinery.errors import BadRequest, ServiceUnavailable
from pybernetes.apiserver.endpoints.journal import PATH, JournalPage
from pybernetes.http.messages import Request
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.store import Cause, StoreError

POD = b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"}}'
ALICE = Cause("alice", "kubectl", "create", "00-aa-bb-01", 0)


def run(body: Callable[[MemoryStore, Callable[[str], Awaitable[Any]]], Awaitable[None]]) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()
        page = JournalPage(store)

        async def ask(query: str) -> Any:
            answer = await page.answer(Request("GET", PATH, query))
            assert answer.status == 200 and isinstance(answer.body, bytes)
            return json.loads(answer.body)

        await body(store, ask)

    asyncio.run(main())


def test_entries_tell_who_what_why() -> None:
    async def body(store: MemoryStore, ask: Callable[[str], Awaitable[Any]]) -> None:
        first = await store.create("/registry/pods/shop/web", POD, ALICE)
        second = await store.delete("/registry/pods/shop/web", first, Cause("bob", verb="delete", cause_revision=first))
        await store.create("/registry/minions/n1", b"{}", ALICE)
        await store.create("/registry/elsewhere", b"{}", ALICE)
        await store.create("/registry/example.com/widgets/shop/w", b"{}", ALICE)
        items = (await ask(""))["items"]
        assert [(i["resource"], i["namespace"], i["name"]) for i in items] == [
            ("pods", "shop", "web"), ("pods", "shop", "web"), ("nodes", "", "n1"), ("", "", "/registry/elsewhere"),
            ("widgets", "shop", "w"),
        ]  # fmt: skip
        (item,) = (await ask(f"revision={second}&objects=true"))["items"]
        assert (item["user"], item["verb"], item["causeRevision"]) == ("bob", "delete", first)
        assert (item["object"], item["previous"]) == (None, json.loads(POD))
        items = (await ask("resource=pods&namespace=shop&name=web&limit=1&objects=true"))["items"]
        assert [(i["revision"], i["object"], i["previous"]) for i in items] == [(first, json.loads(POD), None)]
        assert len((await ask(f"after={second}"))["items"]) == 3
        assert (await ask("revision=999"))["items"] == []
        await store.compact(store.current_revision())
        (item,) = (await ask(f"revision={first}&objects=true"))["items"]
        assert "object" not in item, "the journal outlives the versions"

    run(body)


def test_what_is_refused() -> None:
    async def body(store: MemoryStore, ask: Callable[[str], Awaitable[Any]]) -> None:
        for query in ("limit=x", "resource=nothings&name=a"):
            with pytest.raises(BadRequest):
                await ask(query)

        async def broken(**_: Any) -> Any:
            raise StoreError("no space left")

        store.journal = broken  # type: ignore[method-assign]
        with pytest.raises(ServiceUnavailable, match="no space left"):
            await ask("")
        answer = await JournalPage(store).answer(Request("GET", "/pybernetes/v1/other"))
        assert answer.status == 404

    run(body)
