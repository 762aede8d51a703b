"""An API group served by another server, behind TLS: discovery, requests, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http import tls
from pybernetes.http.messages import Request, Response
from pybernetes.http.server import HttpServer
from pybernetes.storage.memory import MemoryStore
from tests.unit.http.certificates import Authority

GROUP, VERSION = "wardle.example.com", "v1alpha1"
PATH = f"/apis/{GROUP}/{VERSION}"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
ALICE = UserInfo("alice", "u-1", ("dev", "system:masters"), {"example.com/Key": ("a", "b")})
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": f"{GROUP}/{VERSION}",
    "resources": [
        {
            "name": "flunders",
            "singularName": "flunder",
            "namespaced": True,
            "kind": "Flunder",
            "verbs": ["get", "list"],
        },
        {"name": "flunders/status", "singularName": "", "namespaced": True, "kind": "Flunder", "verbs": ["get"]},
    ],
}

FLUNDER = "com.example.wardle.v1alpha1.Flunder"
SWAGGER = {
    "swagger": "2.0",
    "paths": {
        f"{PATH}/flunders": {
            "get": {"responses": {"200": {"schema": {"$ref": f"#/definitions/{FLUNDER}"}, "description": "OK"}}}
        },
        "/version/": {"get": {"responses": {"200": {"schema": {"$ref": "#/definitions/other"}, "description": "OK"}}}},
    },
    "definitions": {
        FLUNDER: {
            "properties": {
                "spec": {"$ref": "#/definitions/com.example.wardle.v1alpha1.FlunderSpec"},
                "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
            }
        },
        "com.example.wardle.v1alpha1.FlunderSpec": {"type": "object"},
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "string"},
        "other": {"type": "object"},
    },
}


def _authority(folder: Path) -> Authority:
    folder.mkdir()
    return Authority.create(folder, folder.name)


def _bundle(authority: Authority) -> str:
    return base64.b64encode(Path(authority.certificate_file).read_bytes()).decode()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Upload:
    """A body as a client sends it, without its length."""

    length = None

    def __init__(self, size: int) -> None:
        self._left = size

    async def read(self, limit: int = 65536) -> bytes:
        data = bytes(min(limit, self._left))
        self._left -= len(data)
        return data


class World:
    """The apiserver, and the other server with what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.front_proxy, self.backend_ca = (_authority(folder / name) for name in ("front-proxy", "backend"))
        certificate, key = self.front_proxy.issue("front-proxy-client")
        config = ApiServerConfig(
            port=-1,
            requestheader_client_ca_file=str(self.front_proxy.certificate_file),
            requestheader_allowed_names=["front-proxy-client"],
            proxy_client_certificate=certificate,
            proxy_client_key=key,
        )
        self.store = MemoryStore()
        self.server = ApiServer(config, self.store, SystemClock(), Random(1))
        serving = self.backend_ca.issue("api", names=["api.wardle.svc"])
        context = tls.server_context(
            *(Path(file).read_bytes() for file in serving),
            Path(self.front_proxy.certificate_file).read_bytes(),
            require_client=True,
        )
        self.backend = HttpServer(self._answer, context, ["127.0.0.1"], 0)
        self.asked: list[Request] = []

    async def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        if request.method == "PUT" and not isinstance(request.body, bytes):
            length = 0
            while data := await request.body.read():
                length += len(data)
            return Response(200, [], b"%d" % length)
        await request.whole()
        if request.path == PATH:
            return Response(200, [("Content-Type", "application/json")], json.dumps(RESOURCES).encode())
        if request.path == "/openapi/v3":
            paths = {PATH[1:]: {"serverRelativeURL": f"/openapi/v3{PATH}?hash=1"}}
            return Response(200, [("Content-Type", "application/json")], json.dumps({"paths": paths}).encode())
        if request.path == "/openapi/v2":
            if request.headers.get("if-none-match") == '"1"':
                return Response(304, [("ETag", '"1"')])
            return Response(200, [("Content-Type", "application/json"), ("ETag", '"1"')], json.dumps(SWAGGER).encode())
        if request.path == f"/openapi/v3{PATH}":
            return Response(200, [("Content-Type", "application/json")], b'{"openapi":"3.0.0"}')
        if request.query == "watch=true":

            async def lines() -> Any:
                yield b'{"type":"ADDED"}\n'
                await asyncio.Event().wait()

            return Response(200, [("Content-Type", "application/json")], lines())
        return Response(201, [("Content-Type", "application/json"), ("X-Mine", "1")], b'{"kind":"Flunder"}')

    async def ask(self, method: str, target: str, tree: Any = None, **headers: str) -> Response:
        path, _, query = target.partition("?")
        given = {"accept": "application/json", "content-type": "application/json", **headers}
        body = json.dumps(tree).encode() if tree is not None else b""
        answer = await self.server.handler(Request(method, path, query, given, body, user=ALICE))
        assert isinstance(answer, Response)
        return answer

    async def tree(self, target: str, **headers: str) -> Any:
        answer = await self.ask("GET", target, **headers)
        assert isinstance(answer.body, bytes)
        return json.loads(answer.body)

    async def register(self, **spec: Any) -> Response:
        ca = _bundle(self.backend_ca)
        service = {"name": "api", "namespace": "wardle", "port": self.backend.port}
        whole = {"group": GROUP, "version": VERSION, "groupPriorityMinimum": 2000, "versionPriority": 200}
        whole |= {"service": service, "caBundle": ca, **spec}
        tree = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": whole}
        return await self.ask("POST", SERVICES, {**tree, "metadata": {"name": f"{VERSION}.{GROUP}"}})

    async def condition(self, reason: str) -> dict[str, Any]:
        """Waits until the Available condition has this reason."""
        async with asyncio.timeout(60):
            while True:
                tree = await self.tree(f"{SERVICES}/{VERSION}.{GROUP}")
                for found in tree["status"].get("conditions", []):
                    if found["reason"] == reason:
                        return dict(found)
                await asyncio.sleep(0.01)

    async def external_service(self) -> None:
        await self.ask(
            "POST", "/api/v1/namespaces", {"metadata": {"name": "wardle"}, "apiVersion": "v1", "kind": "Namespace"}
        )
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"}}
        spec = {"type": "ExternalName", "externalName": "localhost"}
        made = await self.ask("POST", "/api/v1/namespaces/wardle/services", {**service, "spec": spec})
        assert made.status == 201, made.body


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    def call(body: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            world = World(tmp_path)
            await world.store.start()
            await world.server.start()
            await world.backend.start()
            try:
                await body(world)
            finally:
                await world.backend.stop(0)
                await world.server.stop(0)
                await world.store.stop()

        asyncio.run(main())

    return call


async def gone(world: World) -> bool:
    return (await world.ask("GET", PATH)).status == 404


def test_a_remote_group(run: Any) -> None:
    async def body(world: World) -> None:
        await world.register()
        assert (await world.condition("ServiceNotFound"))["status"] == "False"
        refused = await world.ask("GET", f"{PATH}/namespaces/default/flunders")
        assert (refused.status, refused.body) == (503, b"service unavailable\n")
        await world.external_service()
        assert (await world.condition("Passed"))["status"] == "True"

        groups = [group["name"] for group in (await world.tree("/apis"))["groups"]]
        assert groups.index("apps") < groups.index(GROUP)
        assert (await world.tree(f"/apis/{GROUP}"))["preferredVersion"]["version"] == VERSION
        assert (await world.tree(PATH)) == RESOURCES
        whole = await world.tree("/apis", accept=AGGREGATED)
        (item,) = [i for i in whole["items"] if i["metadata"]["name"] == GROUP]
        (version,) = item["versions"]
        assert version["freshness"] == "Current"
        assert [r["resource"] for r in version["resources"]] == ["flunders"]
        assert version["resources"][0]["subresources"][0]["subresource"] == "status"

        answer = await world.ask(
            "POST", f"{PATH}/namespaces/default/flunders?dryRun=All", {"a": 1}, authorization="Bearer secret"
        )
        assert (answer.status, answer.body, ("x-mine", "1") in answer.headers) == (201, b'{"kind":"Flunder"}', True)
        got = world.asked[-1]
        assert (got.method, got.query, got.body) == ("POST", "dryRun=All", b'{"a": 1}')
        assert (got.headers["x-remote-user"], got.headers["x-remote-uid"]) == ("alice", "u-1")
        assert "dev" in got.headers["x-remote-group"]
        assert "x-remote-extra-example.com%2fkey" in got.headers
        assert "authorization" not in got.headers and got.peer_certificate

        large = Request("PUT", f"{PATH}/namespaces/default/flunders/big/upload", body=Upload(8 << 20), user=ALICE)
        stored = await world.server.handler(large)
        assert isinstance(stored, Response)
        assert (stored.status, stored.body) == (200, b"8388608"), "only objects of one's own have a limit"

        index = await world.ask("GET", "/openapi/v3")
        assert isinstance(index.body, bytes)
        paths = json.loads(index.body)["paths"]
        assert {"api/v1", PATH[1:]} <= set(paths)
        assert await world.tree(paths[PATH[1:]]["serverRelativeURL"]) == {"openapi": "3.0.0"}
        tag = next(value for name, value in index.headers if name.lower() == "etag")
        assert (await world.ask("GET", "/openapi/v3", **{"if-none-match": tag})).status == 304

        watch = await world.ask("GET", f"{PATH}/flunders?watch=true")
        stream: Any = watch.body
        assert await anext(stream) == b'{"type":"ADDED"}\n'
        await stream.aclose()

        await world.ask("DELETE", "/api/v1/namespaces/wardle/services/api")
        await world.condition("ServiceNotFound")
        assert (await world.ask("GET", PATH)).status == 503
        await world.ask("DELETE", f"{SERVICES}/{VERSION}.{GROUP}")
        await until(lambda: gone(world))

    run(body)


def test_what_a_remote_group_is_like_is_told_in_openapi_v2(run: Any) -> None:
    async def body(world: World) -> None:
        await world.register()
        await world.external_service()
        await world.condition("Passed")

        async def told() -> bool:
            return f"{PATH}/flunders" in (await world.tree("/openapi/v2"))["paths"]

        await until(told)  # it follows its own writes a moment later
        document = await world.tree("/openapi/v2")
        assert document["paths"][f"{PATH}/flunders"] == SWAGGER["paths"][f"{PATH}/flunders"]
        assert document["definitions"][FLUNDER] == SWAGGER["definitions"][FLUNDER]
        assert "other" not in document["definitions"]
        assert document["definitions"]["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["type"] == "object"
        protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
        answer = await world.ask("GET", "/openapi/v2", accept=protobuf)
        assert answer.status == 200
        assert isinstance(answer.body, bytes)
        assert FLUNDER.encode() in answer.body

    run(body)


def test_a_server_that_is_not_to_be_trusted(run: Any) -> None:
    async def body(world: World) -> None:
        await world.external_service()
        await world.register(caBundle=_bundle(world.front_proxy))
        found = await world.condition("FailedDiscoveryCheck")
        assert "certificate verify failed" in found["message"].lower()
        assert not world.asked

    run(body)


def test_what_is_served_here_is_registered(run: Any) -> None:
    async def body(world: World) -> None:
        async def all_there() -> bool:
            return len((await world.tree(SERVICES))["items"]) >= 20

        await until(all_there)
        items = (await world.tree(SERVICES))["items"]
        (apps,) = [i for i in items if i["metadata"]["name"] == "v1.apps"]
        assert apps["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "onstart"}
        assert apps["spec"] == {"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15}
        assert apps["status"]["conditions"][0]["reason"] == "Local"

    run(body)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"version": "v2"}, "metadata.name"),
        ({"versionPriority": 0}, "spec.versionPriority"),
        ({"groupPriorityMinimum": 30000}, "spec.groupPriorityMinimum"),
        ({"insecureSkipTLSVerify": True}, "spec.insecureSkipTLSVerify"),
        ({"service": {"name": "x"}}, "spec.service.namespace"),
        ({"service": None}, "spec.caBundle"),
    ],
)
def test_what_is_refused(run: Any, spec: dict[str, Any], field: str) -> None:
    async def body(world: World) -> None:
        answer = await world.register(**spec)
        assert answer.status == 422 and isinstance(answer.body, bytes)
        assert field in [cause["field"] for cause in json.loads(answer.body)["details"]["causes"]]

    run(body)
