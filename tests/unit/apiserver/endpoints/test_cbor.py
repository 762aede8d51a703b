"""CBOR behind its gate: objects, lists, watches, patches, errors, built-in and custom kinds; 406 and 415 without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest

from pybernetes.apimachinery import cbor
from pybernetes.apiserver.endpoints.negotiation import CBOR, CBOR_SEQUENCE, JSON
from pybernetes.apiserver.endpoints.watch_socket import split
from pybernetes.http.messages import Request, Response
from tests.unit.apiserver.endpoints.serving import serving

MAPS = "/api/v1/namespaces/default/configmaps"
APPLY = "application/apply-patch+cbor"
TABLE = f"{CBOR};as=Table;v=v1;g=meta.k8s.io"
Ask = Callable[..., Awaitable[Response]]


def run(body: Callable[[Ask], Awaitable[None]], *, gate: bool = True) -> None:
    async def main() -> None:
        async with serving(feature_gates={"CBORServingAndStorage": True} if gate else {}) as handler:

            async def ask(method: str, target: str, data: Any = b"", accept: str = CBOR, kind: str = CBOR) -> Response:
                path, _, query = target.partition("?")
                sent = data if isinstance(data, bytes) else cbor.encode(data)
                answer = await handler(Request(method, path, query, {"accept": accept, "content-type": kind}, sent))
                assert isinstance(answer, Response)
                return answer

            await body(ask)

    asyncio.run(main())


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data or {"k": name}}


def read(answer: Response, media_type: str = CBOR) -> Any:
    assert dict(answer.headers)["Content-Type"] == media_type
    assert isinstance(answer.body, bytes)
    return orjson.loads(answer.body) if media_type == JSON else cbor.decode(answer.body)


def test_objects_lists_tables_and_errors() -> None:
    async def body(ask: Ask) -> None:
        for name in ("a", "b"):
            made = await ask("POST", MAPS, config_map(name))
            assert (made.status, read(made)["data"]) == (201, {"k": name})
        as_json = read(await ask("GET", f"{MAPS}/a", accept=JSON), JSON)
        assert read(await ask("GET", f"{MAPS}/a")) == as_json
        as_json["data"]["more"] = "x"
        assert read(await ask("PUT", f"{MAPS}/a", as_json))["data"]["more"] == "x"
        listed = read(await ask("GET", f"{MAPS}?limit=1"))
        assert (listed["kind"], [i["metadata"]["name"] for i in listed["items"]]) == ("ConfigMapList", ["a"])
        assert [r["cells"][0] for r in read(await ask("GET", MAPS, accept=TABLE))["rows"]] == ["a", "b"]
        partial = f"{CBOR};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        assert "data" not in read(await ask("GET", MAPS, accept=partial))["items"][0]
        missing = await ask("GET", f"{MAPS}/none")
        assert (missing.status, read(missing)["reason"]) == (404, "NotFound")
        assert read(await ask("GET", "/apis"))["kind"] == "APIGroupList"
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}}
        assert (await ask("DELETE", f"{MAPS}/b", options)).status == 409
        assert (await ask("DELETE", f"{MAPS}/b")).status == 200

    run(body)


def test_data_in_bytes_and_strict_fields() -> None:
    async def body(ask: Ask) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "AP8="}}
        tagged = cbor.encode(secret).replace(b"\x44AP8=", b"\xd6\x42\x00\xff")
        made = await ask("POST", "/api/v1/namespaces/default/secrets", tagged)
        assert read(made)["data"] == {"k": "AP8="}
        wrong = {**config_map("w"), "colour": "red"}
        answer = await ask("POST", f"{MAPS}?fieldValidation=Strict", wrong)
        assert (answer.status, 'unknown field "colour"' in read(answer)["message"]) == (400, True)
        assert (await ask("POST", MAPS, wrong)).status == 201

    run(body)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(cbor.encode([]), id="list"),
        pytest.param(cbor.encode(config_map("x"))[:-3], id="cut off"),
        pytest.param(b"\x81" * 100_000 + b"\0", id="deep"),
        pytest.param(b"\xa1\x41a" * 9_000 + b"\0", id="deep within the limit of the format"),
        pytest.param(b"{}", id="JSON"),
    ],
)
def test_bad_bodies(data: bytes) -> None:
    async def body(ask: Ask) -> None:
        for method, target, kind in (
            ("POST", MAPS, CBOR),
            ("PATCH", f"{MAPS}/x?fieldManager=m", APPLY),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", CBOR),
        ):
            assert (await ask(method, target, data, kind=kind)).status == 400

    run(body)


def test_apply_watch_and_custom_kinds() -> None:
    async def body(ask: Ask) -> None:
        applied = await ask("PATCH", f"{MAPS}/a?fieldManager=m", config_map("a", x="1"), kind=APPLY)
        assert (applied.status, read(applied)["data"]) == (201, {"x": "1"})
        assert (await ask("PATCH", f"{MAPS}/a", {"data": {}}, kind="application/merge-patch+cbor")).status == 415
        watch = await ask("GET", f"{MAPS}?watch=1&resourceVersion=0")
        assert dict(watch.headers)["Content-Type"] == CBOR_SEQUENCE
        lines = watch.body
        assert isinstance(lines, AsyncIterator)
        (first,) = [cbor.decode(item) for item in split(await anext(lines), CBOR)]
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")
        await lines.aclose()  # type: ignore[attr-defined]
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        crd = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.e.org"},
            "spec": {
                "group": "e.org",
                "scope": "Cluster",
                "names": {"plural": "things", "kind": "Thing"},
                "versions": [version],
            },
        }
        assert (await ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)).status == 201
        thing = {"apiVersion": "e.org/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"a": [1, 2.5, None]}}
        made = await ask("POST", "/apis/e.org/v1/things", thing)
        while made.status == 404:
            await asyncio.sleep(0)
            made = await ask("POST", "/apis/e.org/v1/things", thing)
        assert read(made)["spec"] == {"a": [1, 2.5, None]}
        assert read(await ask("GET", "/apis/e.org/v1/things"))["kind"] == "ThingList"

    run(body)


def test_without_the_gate() -> None:
    async def body(ask: Ask) -> None:
        assert (await ask("GET", MAPS)).status == 406
        assert (await ask("GET", MAPS, accept=f"{CBOR},{JSON}")).status == 200
        assert (await ask("POST", MAPS, config_map("a"), accept=JSON)).status == 415
        assert (await ask("PATCH", f"{MAPS}/a?fieldManager=m", config_map("a"), accept=JSON, kind=APPLY)).status == 415

    run(body, gate=False)
