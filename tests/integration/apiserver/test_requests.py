"""Requests straight into the handler chain over a store in memory: forms, options, watches, refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import yaml

from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Request, Response
from pybernetes.storage.memory import MemoryStore

ADMIN = UserInfo("admin", groups=("system:masters",))
MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class Api:
    def __init__(self, server: ApiServer) -> None:
        self.server = server

    async def call(
        self, method: str, target: str, body: Any = None, user: UserInfo = ADMIN, **headers: str
    ) -> tuple[int, Any]:
        answer = await self.answer(method, target, body, user, **headers)
        assert isinstance(answer.body, bytes)
        return answer.status, json.loads(answer.body)

    async def answer(
        self, method: str, target: str, body: Any = None, user: UserInfo = ADMIN, **headers: str
    ) -> Response:
        path, _, query = target.partition("?")
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.server.handler(Request(method, path, query, named, data, user=user))
        assert isinstance(answer, Response)
        return answer

    async def create(self, *names: str, **labels: str) -> None:
        for name in names:
            status, answer = await self.call(
                "POST", MAPS, {"metadata": {"name": name, "labels": labels}, "data": {"a": "b"}}
            )
            assert status == 201, answer

    async def watch(self, query: str, **headers: str) -> AsyncIterator[dict[str, Any]]:
        answer = await self.answer("GET", f"{MAPS}?watch=1&timeoutSeconds=30&{query}", **headers)
        assert not isinstance(answer.body, bytes)
        try:
            async for chunk in answer.body:
                for line in chunk.splitlines():
                    yield json.loads(line)
        finally:
            await answer.body.aclose()  # type: ignore[attr-defined]


def run(scenario: Callable[[Api], Awaitable[None]], **config: Any) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()
        server = ApiServer(ApiServerConfig(port=-1, **config), store, SystemClock(), Random(7))
        await server.start()
        try:
            async with asyncio.timeout(60):
                await scenario(Api(server))
        finally:
            await server.stop()
            await store.stop()

    asyncio.run(main())


async def take(events: AsyncIterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    found = []
    async for event in events:
        found.append((event["type"], event["object"]["metadata"].get("name", "")))
        if len(found) == count:
            return found
    raise AssertionError(f"the watch ended after {found}")


def test_a_list_in_every_form() -> None:
    async def scenario(api: Api) -> None:
        await api.create("one", "two", half="x")
        _, plain = await api.call("GET", MAPS)
        assert plain["kind"] == "ConfigMapList" and plain["apiVersion"] == "v1" and plain["metadata"]["resourceVersion"]
        assert [item["metadata"]["name"] for item in plain["items"]] == ["one", "two"]
        assert "kind" not in plain["items"][0]
        _, table = await api.call("GET", f"{MAPS}?labelSelector=half%3Dx", accept=f"{TABLE},application/json")
        assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert [row["cells"][:2] for row in table["rows"]] == [["one", 1], ["two", 1]]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        _, bare = await api.call("GET", f"{MAPS}?includeObject=None", accept=TABLE)
        assert bare["rows"][0]["object"] is None
        _, full = await api.call("GET", f"{MAPS}/one?includeObject=Object", accept=TABLE)
        assert full["rows"][0]["object"]["data"] == {"a": "b"}
        answer = await api.answer("GET", f"{MAPS}/one", accept="application/yaml")
        assert isinstance(answer.body, bytes)
        assert yaml.safe_load(answer.body)["data"] == {"a": "b"}
        form = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
        _, metadata = await api.call("GET", f"{MAPS}?limit=1", accept=form)
        assert metadata["kind"] == "PartialObjectMetadataList" and "data" not in metadata["items"][0]
        assert metadata["metadata"]["remainingItemCount"] == 1
        assert (await api.call("GET", MAPS, accept="text/html"))[0] == 406

    run(scenario)


def test_watch_from_a_version_and_its_bookmarks() -> None:
    async def scenario(api: Api) -> None:
        _, before = await api.call("GET", MAPS)
        await api.create("one")
        version = before["metadata"]["resourceVersion"]
        first, second = (api.watch(f"resourceVersion={version}") for _ in range(2))
        assert await take(first, 1) == await take(second, 1) == [("ADDED", "one")]
        await api.call("DELETE", f"{MAPS}/one")
        assert await take(first, 1) == await take(second, 1) == [("DELETED", "one")]
        await api.create("two")
        streamed = api.watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
        assert await take(streamed, 2) == [("ADDED", "two"), ("BOOKMARK", "")]

    run(scenario)


def test_every_watcher_gets_the_same_bytes() -> None:
    async def scenario(api: Api) -> None:
        answers = [await api.answer("GET", f"{MAPS}?watch=1") for _ in range(2)]
        await api.create("one")
        chunks = []
        for answer in answers:
            assert not isinstance(answer.body, bytes)
            chunks.append(await anext(answer.body))
            await answer.body.aclose()  # type: ignore[attr-defined]
        assert chunks[0] is chunks[1]
        assert sum(api.server.metrics.watches.values()) == 0

    run(scenario)


def test_a_table_watch_tells_its_columns_once() -> None:
    async def scenario(api: Api) -> None:
        await api.create("one", "two")
        tables = [event["object"] async for event in _first(api.watch("", accept=TABLE), 2)]
        assert [table["columnDefinitions"] is None for table in tables] == [False, True]
        assert [table["rows"][0]["cells"][0] for table in tables] == ["one", "two"]

    run(scenario)


async def _first(events: AsyncIterator[dict[str, Any]], count: int) -> AsyncIterator[dict[str, Any]]:
    for _ in range(count):
        yield await anext(events)


def test_a_version_of_the_past_is_an_error_event() -> None:
    async def scenario(api: Api) -> None:
        await api.create("one")
        await api.server._store.compact(api.server._store.current_revision())
        async for event in api.watch("resourceVersion=1"):
            if event["type"] == "ERROR":
                assert event["object"]["code"] == 410 and event["object"]["reason"] == "Expired"
                return
            assert event["type"] == "ADDED"  # still known to the watch cache

    run(scenario)


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status", "text"),
    [
        ("GET", f"{MAPS}/none", None, {}, 404, 'configmaps \\"none\\" not found'),
        ("POST", MAPS, b"{", {}, 400, "unexpected end of JSON input"),
        ("POST", MAPS, {"metadata": {"name": "A"}}, {}, 422, "a lowercase RFC 1123 subdomain must consist of"),
        ("POST", MAPS, {"kind": "Pod", "apiVersion": "v1"}, {}, 400, "cannot be handled as a ConfigMap"),
        ("POST", MAPS, {}, {"content_type": "text/plain"}, 415, "the body of the request was in an unknown format"),
        ("POST", MAPS, b"\x00", {"content_type": "application/vnd.kubernetes.protobuf"}, 400, "protobuf"),
        ("POST", f"{MAPS}?dryRun=x", {"metadata": {"name": "a"}}, {}, 422, "Unsupported value"),
        (
            "POST",
            f"{MAPS}?fieldValidation=Strict",
            {"metadata": {"name": "a"}, "dat": {}},
            {},
            400,
            'unknown field \\"dat\\"',
        ),
        ("POST", "/api/v1/configmaps", {"metadata": {"name": "a"}}, {}, 405, "does not allow this method"),
        ("POST", "/api/v1/nothings", {}, {}, 404, "the server could not find the requested resource"),
        ("GET", "/api/v1/namespaces/default/nodes", None, {}, 404, "the server could not find the requested resource"),
        ("PATCH", f"{MAPS}/one", {}, {"content_type": "application/json"}, 415, "application/merge-patch+json"),
        (
            "PATCH",
            f"{MAPS}/one",
            {},
            {"content_type": "application/apply-patch+yaml"},
            422,
            "is required for apply patch",
        ),
        ("DELETE", f"{MAPS}/one", {"preconditions": {"uid": "x"}}, {}, 409, "the UID in the precondition (x)"),
        ("DELETE", f"{MAPS}/one?propagationPolicy=Never", None, {}, 422, "propagationPolicy"),
        ("DELETE", f"{MAPS}/one", {"gracePeriodSeconds": "x"}, {}, 400, "json: cannot unmarshal string"),
        ("GET", f"{MAPS}?limit=x", None, {}, 400, "invalid syntax"),
        ("GET", f"{MAPS}?resourceVersionMatch=Exact", None, {}, 422, "resourceVersionMatch is forbidden unless"),
        ("GET", f"{MAPS}?fieldSelector=spec.x%3Dy", None, {}, 400, "is not a known field selector"),
        ("GET", f"{MAPS}?includeObject=All", None, {"accept": TABLE}, 400, "includeObject"),
        ("GET", "/api/v1/watch", None, {}, 400, "unable to determine kind and namespace"),
        ("PUT", f"{MAPS}/one/status", {}, {}, 404, "the server could not find the requested resource"),
        ("GET", "/api/v1/namespaces/default/pods/p/log", None, {}, 404, 'pods \\"p\\" not found'),
    ],
)
def test_refusals(method: str, target: str, body: Any, headers: dict[str, str], status: int, text: str) -> None:
    async def scenario(api: Api) -> None:
        await api.create("one")
        answer = await api.answer(method, target, body, **headers)
        assert isinstance(answer.body, bytes)
        assert (answer.status, text in answer.body.decode()) == (status, True), answer.body

    run(scenario)


def test_unknown_fields_are_warned_of() -> None:
    async def scenario(api: Api) -> None:
        answer = await api.answer("POST", MAPS, {"metadata": {"name": "w"}, "dat": {"x": "y"}})
        assert answer.status == 201
        assert ("Warning", '299 - "unknown field \\"dat\\""') in answer.headers

    run(scenario)


def test_dry_run_writes_nothing() -> None:
    async def scenario(api: Api) -> None:
        assert (await api.call("POST", f"{MAPS}?dryRun=All", {"metadata": {"name": "d"}}))[0] == 201
        assert (await api.call("GET", f"{MAPS}/d"))[0] == 404

    run(scenario)


def test_delete_answers_and_delete_collection() -> None:
    async def scenario(api: Api) -> None:
        await api.create("one", "two", "three")
        status, answer = await api.call("DELETE", f"{MAPS}/one?propagationPolicy=Background")
        assert (status, answer["kind"], answer["status"]) == (200, "Status", "Success")
        status, answer = await api.call("DELETE", MAPS)
        assert (status, answer["kind"], len(answer["items"])) == (200, "ConfigMapList", 2)

    run(scenario)


def test_reviews() -> None:
    async def scenario(api: Api) -> None:
        path = "/apis/authorization.k8s.io/v1/"
        pods = {"verb": "list", "resource": "pods", "namespace": "default"}
        ask = {"spec": {"user": "system:kube-scheduler", "resourceAttributes": pods}}
        status, answer = await api.call("POST", path + "subjectaccessreviews", ask)
        reason = 'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler"'
        assert status == 201 and answer["status"]["allowed"] and answer["status"]["reason"].startswith(reason)
        eve = UserInfo("eve", groups=("system:authenticated",))
        _, answer = await api.call(
            "POST", path + "selfsubjectaccessreviews", {"spec": {"resourceAttributes": pods}}, eve
        )
        assert answer["status"] == {"allowed": False}
        local = f"{path}namespaces/other/localsubjectaccessreviews"
        status, answer = await api.call("POST", local, ask)
        assert status == 422 and "must match metadata.namespace" in answer["message"]
        _, answer = await api.call("POST", path + "selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, eve)
        assert {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]} in (
            answer["status"]["resourceRules"]
        )
        assert (await api.call("POST", path + "subjectaccessreviews", {"spec": {"user": "x"}}))[0] == 422

    run(scenario)


def test_bootstrap_again_changes_nothing_and_mends_what_was_taken() -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()

        async def once(scenario: Callable[[Api], Awaitable[None]]) -> None:
            server = ApiServer(ApiServerConfig(port=-1), store, SystemClock(), Random(7))
            await server.start()
            await scenario(Api(server))
            await server.stop()

        async def take_away(api: Api) -> None:
            nonlocal revision
            revision = store.current_revision()
            path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
            _, role = await api.call("GET", f"{path}/system:basic-user")
            role["rules"] = []
            assert (await api.call("PUT", f"{path}/system:basic-user", role))[0] == 200
            _, role = await api.call("GET", f"{path}/system:discovery")
            role["rules"] = []
            role["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] = "false"
            assert (await api.call("PUT", f"{path}/system:discovery", role))[0] == 200

        async def look(api: Api) -> None:
            path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
            assert (await api.call("GET", f"{path}/system:basic-user"))[1]["rules"]
            assert not (await api.call("GET", f"{path}/system:discovery"))[1].get("rules")

        async def nothing(api: Api) -> None:
            assert store.current_revision() == revision + 3

        revision = 0
        await once(take_away)
        await once(look)
        await once(nothing)
        await store.stop()

    asyncio.run(main())
