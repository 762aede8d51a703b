"""Requests of Go clients: protobuf asked for, protobuf answered, JSON where there is no such form."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from pybernetes.apimachinery.protobuf.decoding import decode
from pybernetes.apimachinery.protobuf.encoding import encode
from pybernetes.apiserver.endpoints.negotiation import JSON, PROTOBUF
from pybernetes.apiserver.endpoints.watch_socket import split
from pybernetes.http.messages import Request, Response
from tests.unit.apiserver.endpoints.serving import serving

GO = f"{PROTOBUF},application/json"
MAPS = "/api/v1/namespaces/default/configmaps"
Ask = Callable[..., Awaitable[Response]]


def run(body: Callable[[Ask], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving() as handler:

            async def ask(method: str, target: str, tree: Any = None, accept: str = GO) -> Response:
                path, _, query = target.partition("?")
                headers = {"accept": accept, "content-type": PROTOBUF}
                answer = await handler(Request(method, path, query, headers, encode(tree) if tree else b""))
                assert isinstance(answer, Response)
                return answer

            await body(ask)

    asyncio.run(main())


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": name}}


def kind(answer: Response) -> str:
    return next(value for name, value in answer.headers if name == "Content-Type")


def read(answer: Response) -> dict[str, Any]:
    assert kind(answer) == PROTOBUF and isinstance(answer.body, bytes)
    return decode(answer.body)


def test_objects_lists_and_errors() -> None:
    async def body(ask: Ask) -> None:
        for name in ("a", "b"):
            assert read(await ask("POST", MAPS, config_map(name)))["data"] == {"k": name}
        assert read(await ask("GET", f"{MAPS}/a"))["metadata"]["resourceVersion"]
        listed = read(await ask("GET", f"{MAPS}?limit=1"))
        assert (listed["kind"], [i["metadata"]["name"] for i in listed["items"]]) == ("ConfigMapList", ["a"])
        assert listed["metadata"]["continue"] and listed["metadata"]["remainingItemCount"] == 1
        missing = await ask("GET", f"{MAPS}/none")
        assert (missing.status, read(missing)["reason"]) == (404, "NotFound")
        assert read(await ask("GET", "/apis"))["kind"] == "APIGroupList"
        partial = f"{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        only = read(await ask("GET", MAPS, accept=partial))
        assert [i["metadata"]["name"] for i in only["items"]] == ["a", "b"]
        assert "data" not in only["items"][0]

    run(body)


def test_what_has_no_form_in_protobuf() -> None:
    async def body(ask: Ask) -> None:
        table = "as=Table;g=meta.k8s.io;v=v1"
        assert (await ask("GET", MAPS, accept=f"{PROTOBUF};{table}")).status == 406
        assert kind(await ask("GET", MAPS, accept=f"{PROTOBUF};{table},application/json;{table}")) == "application/json"
        assert kind(await ask("GET", "/version")) == "application/json"

    run(body)


def test_a_watch_is_framed() -> None:
    async def body(ask: Ask) -> None:
        for name in ("a", "b"):
            await ask("POST", MAPS, config_map(name))
        answer = await ask("GET", f"{MAPS}?watch=true&timeoutSeconds=5")
        assert kind(answer) == f"{PROTOBUF};stream=watch"
        stream: Any = answer.body
        seen = []
        async with asyncio.timeout(60):
            while len(seen) < 2:
                data = await anext(stream)
                while data:
                    size = int.from_bytes(data[:4], "big")
                    frame, data = data[4 : 4 + size], data[4 + size :]
                    seen.append((frame[2:7], decode(frame[frame.index(b"k8s\0") :])["metadata"]["name"]))
        await stream.aclose()
        assert seen == [(b"ADDED", "a"), (b"ADDED", "b")]
        expired = (await ask("GET", f"{MAPS}?watch=true&resourceVersion=x")).status
        assert expired == 422 or expired == 400

    run(body)


def test_json_is_what_others_get() -> None:
    async def body(ask: Ask) -> None:
        answer = await ask("POST", MAPS, config_map("a"), accept="*/*")
        assert kind(answer) == "application/json" and isinstance(answer.body, bytes)
        assert orjson.loads(answer.body)["data"] == {"k": "a"}

    run(body)


def test_messages_of_a_socket() -> None:
    assert list(split(b'{"a":1}\n{"b":2}\n', JSON)) == [b'{"a":1}\n', b'{"b":2}\n']
    assert list(split(b"\0\0\0\1a\0\0\0\2bc", PROTOBUF)) == [b"a", b"bc"]
