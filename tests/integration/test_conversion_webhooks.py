"""Custom resources whose versions a webhook converts, through the whole apiserver and over TLS."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http import tls
from pybernetes.http.messages import Request, Response
from pybernetes.http.server import HttpServer
from pybernetes.storage.memory import MemoryStore
from tests.unit.http.certificates import Authority

_ADMIN = UserInfo("admin", groups=(SYSTEM_MASTERS,))
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
V1 = "/apis/example.com/v1/namespaces/default/hosts"
V2 = "/apis/example.com/v2/namespaces/default/hosts"
Tree = dict[str, Any]
Convert = Callable[[Tree, str], Tree]
"""Scenario's own idea of what the webhook makes of an object."""


def split(tree: Tree, version: str) -> Tree:
    """v1 has spec.hostPort "h:p"; v2 has spec.host and spec.port."""
    spec = dict(tree["spec"])
    if version == "example.com/v2" and "hostPort" in spec:
        spec["host"], _, spec["port"] = spec.pop("hostPort").partition(":")
    elif version == "example.com/v1" and "host" in spec:
        spec["hostPort"] = f"{spec.pop('host')}:{spec.pop('port')}"
    return {**tree, "apiVersion": version, "spec": spec}


def version(name: str, fields: tuple[str, ...], *, storage: bool) -> Tree:
    spec: Tree = {"type": "object", "properties": {field: {"type": "string"} for field in fields}}
    spec["properties"]["replicas"] = {"type": "integer", "default": 1}
    status = {"type": "object", "properties": {"replicas": {"type": "integer"}, "phase": {"type": "string"}}}
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "selectableFields": [{"jsonPath": f".spec.{field}"} for field in fields],
    }


class World:
    def __init__(self, folder: Path) -> None:
        self.ca = Authority.create(folder, "webhooks")
        self.server = ApiServer(ApiServerConfig(port=-1), MemoryStore(), SystemClock(), Random(1))
        serving = self.ca.issue("webhook", names=["localhost", "hook.default.svc"])
        context = tls.server_context(*(Path(file).read_bytes() for file in serving))
        self.webhook = HttpServer(self._convert, context, ["127.0.0.1"], 0)
        self.convert: Convert = split
        self.reviews: list[Tree] = []
        self.spoil: Callable[[Tree], Any] = lambda answer: answer
        """What becomes of an answer before it is sent."""
        self.status = 200

    async def _convert(self, request: Request) -> Response:
        review = json.loads(await request.whole())
        self.reviews.append(review)
        asked = review["request"]
        objects = [self.convert(each, asked["desiredAPIVersion"]) for each in asked["objects"]]
        response = {"uid": asked["uid"], "result": {"status": "Success"}, "convertedObjects": objects}
        answer = self.spoil({"kind": review["kind"], "apiVersion": review["apiVersion"], "response": response})
        return Response(self.status, [("Content-Type", "application/json")], json.dumps(answer).encode())

    async def ask(self, method: str, target: str, tree: Any = None, kind: str = "application/json") -> Tree:
        path, _, query = target.partition("?")
        body = json.dumps(tree).encode() if tree is not None else b""
        headers = {"accept": "application/json", "content-type": kind, "user-agent": "test"}
        answer = await self.server.handler(Request(method, path, query, headers, body, user=_ADMIN))
        assert isinstance(answer, Response)
        assert isinstance(answer.body, bytes)
        found: Tree = json.loads(answer.body)
        return found

    @property
    def client_config(self) -> Tree:
        ca = base64.b64encode(Path(self.ca.certificate_file).read_bytes()).decode()
        return {"url": f"https://localhost:{self.webhook.port}/convert", "caBundle": ca}

    async def define(self, *, storage: str = "v1", **config: Any) -> None:
        versions = [
            version("v1", ("hostPort",), storage=storage == "v1"),
            version("v2", ("host", "port"), storage=storage == "v2"),
        ]
        webhook = {"clientConfig": {**self.client_config, **config}, "conversionReviewVersions": ["v9", "v1"]}
        names = {"plural": "hosts", "kind": "Host"}
        made = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "hosts.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
            | {"conversion": {"strategy": "Webhook", "webhook": webhook}},
        }
        answer = await self.ask("POST", CRDS, made)
        assert answer["kind"] == "CustomResourceDefinition", answer
        async with asyncio.timeout(60):
            while not await self._established():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def _established(self) -> bool:
        conditions = (await self.ask("GET", f"{CRDS}/hosts.example.com"))["status"].get("conditions", ())
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def host(name: str, version: str = "v1", **spec: Any) -> Tree:
    return {
        "apiVersion": f"example.com/{version}",
        "kind": "Host",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec or ({"hostPort": f"{name}:80"} if version == "v1" else {"host": name, "port": "80"}),
    }


@pytest.fixture
def in_world(tmp_path: Path) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    def start(scenario: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            world = World(tmp_path)
            await world.webhook.start()
            await world.server.start()
            try:
                await scenario(world)
            finally:
                await world.server.stop(0)
                await world.webhook.stop(0)

        asyncio.run(main())

    return start


Run = Callable[[Callable[[World], Awaitable[None]]], None]


def test_objects_go_in_and_out_in_every_version(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        await world.define()
        made = await world.ask("POST", V1, host("a"))
        assert made["spec"] == {"hostPort": "a:80", "replicas": 1}
        assert not world.reviews, "what is asked for in the storage version needs no conversion"
        found = await world.ask("GET", f"{V2}/a")
        assert found["apiVersion"] == "example.com/v2"
        assert found["spec"] == {"host": "a", "port": "80", "replicas": 1}
        assert found["metadata"] == made["metadata"]

        made = await world.ask("POST", V2, host("b", "v2", host="b", port="90"))
        assert made["spec"] == {"host": "b", "port": "90", "replicas": 1}
        assert (await world.ask("GET", f"{V1}/b"))["spec"] == {"hostPort": "b:90", "replicas": 1}

        made["spec"]["port"] = "91"
        changed = await world.ask("PUT", f"{V2}/b", made)
        assert changed["spec"]["port"] == "91"
        assert changed["metadata"]["generation"] == 2
        same = await world.ask("PUT", f"{V2}/b", changed)
        assert same["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]

        merge = "application/merge-patch+json"
        assert (await world.ask("PATCH", f"{V2}/b", {"spec": {"host": "c"}}, merge))["spec"]["host"] == "c"
        assert (await world.ask("GET", f"{V1}/b"))["spec"]["hostPort"] == "c:91"
        status = await world.ask("PATCH", f"{V2}/b/status", {"status": {"phase": "up"}}, merge)
        assert status["status"] == {"phase": "up"}
        scaled = await world.ask("PATCH", f"{V2}/b/scale", {"spec": {"replicas": 5}}, merge)
        assert scaled["spec"] == {"replicas": 5}, scaled
        assert (await world.ask("GET", f"{V1}/b"))["spec"] == {"hostPort": "c:91", "replicas": 5}

        listed = await world.ask("GET", V2)
        assert [each["spec"]["host"] for each in listed["items"]] == ["a", "c"]
        assert (await world.ask("DELETE", f"{V2}/b"))["status"] == "Success"
        assert len((await world.ask("DELETE", V2))["items"]) == 1

    in_world(scenario)


def test_a_list_is_converted_at_once_and_remembered(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        await world.define()
        for name in "abc":
            await world.ask("POST", V1, host(name))
        assert len((await world.ask("GET", V2))["items"]) == 3
        assert [len(review["request"]["objects"]) for review in world.reviews] == [3]
        await world.ask("GET", V2)
        assert len(world.reviews) == 1
        await world.ask("POST", V1, host("d"))
        assert len((await world.ask("GET", V2))["items"]) == 4
        assert [len(review["request"]["objects"]) for review in world.reviews] == [3, 1]

    in_world(scenario)


def test_selectors_look_at_what_was_made(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        await world.define()

        def relabelled(tree: Tree, version: str) -> Tree:
            made = split(tree, version)
            labels = {"version": version.rpartition("/")[2], **tree["metadata"].get("labels", {})}
            return {**made, "metadata": {**tree["metadata"], "labels": labels}}

        world.convert = relabelled
        for name in "abcd":
            await world.ask("POST", V1, host(name))
        found = await world.ask("GET", f"{V2}?fieldSelector=spec.host%3Db")
        assert [each["metadata"]["name"] for each in found["items"]] == ["b"]
        assert (await world.ask("GET", f"{V1}?fieldSelector=spec.host%3Db"))["code"] == 400
        found = await world.ask("GET", f"{V2}?labelSelector=version%3Dv2,app+in+(b,c,d)&limit=2")
        assert [each["metadata"]["name"] for each in found["items"]] == ["b", "c"]
        rest = f"&continue={found['metadata']['continue']}"
        found = await world.ask("GET", f"{V2}?labelSelector=version%3Dv2,app+in+(b,c,d)&limit=2{rest}")
        assert [each["metadata"]["name"] for each in found["items"]] == ["d"]
        assert not found["metadata"]["continue"]

    in_world(scenario)


def test_a_watch_sees_objects_in_its_version(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        await world.define()
        await world.ask("POST", V1, host("a"))
        query = "watch=true&fieldSelector=spec.port%3D80"
        request = Request("GET", V2, query, {"accept": "application/json"}, b"", user=_ADMIN)
        answer = await world.server.handler(request)
        assert isinstance(answer, Response)
        lines: Any = answer.body
        seen = []

        async def told(count: int) -> list[tuple[str, str, str]]:
            async with asyncio.timeout(60):
                while len(seen) < count:
                    for line in (await anext(lines)).splitlines():
                        event = json.loads(line)
                        spec = event["object"]["spec"]
                        seen.append((event["type"], event["object"]["apiVersion"], f"{spec['host']}:{spec['port']}"))
            return seen

        assert await told(1) == [("ADDED", "example.com/v2", "a:80")]
        merge = "application/merge-patch+json"
        await world.ask("PATCH", f"{V1}/a", {"spec": {"hostPort": "a:90"}}, merge)
        await world.ask("PATCH", f"{V1}/a", {"spec": {"hostPort": "b:90"}}, merge)
        await world.ask("PATCH", f"{V2}/a", {"spec": {"port": "80"}}, merge)
        await world.ask("PATCH", f"{V2}/a", {"spec": {"host": "c"}}, merge)
        await world.ask("DELETE", f"{V1}/a")
        found = [(kind, spec) for kind, _, spec in (await told(5))[1:]]
        assert found == [("DELETED", "a:80"), ("ADDED", "b:80"), ("MODIFIED", "c:80"), ("DELETED", "c:80")]
        await lines.aclose()

    in_world(scenario)


def test_apply_knows_its_fields_in_other_versions(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        await world.define()
        apply = "application/apply-patch+yaml"
        await world.ask("PATCH", f"{V1}/a?fieldManager=one", host("a"), apply)
        conflict = await world.ask("PATCH", f"{V2}/a?fieldManager=two", host("a", "v2", host="x"), apply)
        assert conflict["reason"] == "Conflict", conflict
        assert conflict["details"]["causes"][0]["field"] == ".spec.hostPort"
        made = await world.ask("PATCH", f"{V2}/a?fieldManager=two&force=true", host("a", "v2", host="x"), apply)
        assert made["spec"]["host"] == "x"
        managers = {entry["manager"]: entry for entry in made["metadata"]["managedFields"]}
        assert managers["two"]["apiVersion"] == "example.com/v2"
        assert "f:hostPort" not in managers["one"]["fieldsV1"].get("f:spec", {})

    in_world(scenario)


def test_a_new_storage_version_is_written_by_an_update_without_change(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        await world.define()
        before = await world.ask("POST", V1, host("a"))
        definition = await world.ask("GET", f"{CRDS}/hosts.example.com")
        for each in definition["spec"]["versions"]:
            each["storage"] = each["name"] == "v2"
        changed = await world.ask("PUT", f"{CRDS}/hosts.example.com", definition)
        assert changed["status"]["storedVersions"] == ["v1", "v2"]
        async with asyncio.timeout(60):
            while True:
                world.reviews.clear()
                found = await world.ask("GET", f"{V2}/a")
                assert found["spec"]["host"] == "a"
                again = await world.ask("PUT", f"{V1}/a", await world.ask("GET", f"{V1}/a"))
                if again["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
                    break
                await asyncio.sleep(0.01)
        world.reviews.clear()
        await world.ask("GET", f"{V2}/a")
        assert not world.reviews, "it lies there in v2 now"
        assert (await world.ask("GET", f"{V1}/a"))["spec"]["hostPort"] == "a:80"

    in_world(scenario)


def _metadata(change: Callable[[Tree], None]) -> Callable[[Tree], Any]:
    def spoil(answer: Tree) -> Tree:
        for each in answer["response"]["convertedObjects"]:
            change(each["metadata"])
        return answer

    return spoil


_GVK = "conversion webhook for example.com/v1, Kind=Host"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(
            lambda a: {**a, "response": {**a["response"], "uid": "x"}},
            "failed: expected response.uid=",
            id="uid",
        ),
        pytest.param(lambda a: {**a, "response": None}, "failed: no response provided", id="no-response"),
        pytest.param(
            lambda a: {**a, "kind": "Other"},
            'failed: no kind "Other" is registered for version "apiextensions.k8s.io/v1" in scheme',
            id="kind-of-review",
        ),
        pytest.param(
            lambda a: {**a, "response": {**a["response"], "result": {"status": "Failure", "message": "no"}}},
            "failed: no",
            id="its-own-message",
        ),
        pytest.param(
            lambda a: {**a, "response": {**a["response"], "result": {"status": "Failure"}}},
            "failed: response.result.status was 'Failure', not 'Success'",
            id="failure",
        ),
        pytest.param(
            lambda a: {**a, "response": {**a["response"], "convertedObjects": []}},
            "returned 0 objects, expected 1",
            id="missing",
        ),
        pytest.param(
            _metadata(lambda m: m.update(name="x")),
            "returned invalid object: must have the same name: a != x",
            id="name",
        ),
        pytest.param(
            _metadata(lambda m: m.update(uid="x")), "returned invalid object: must have the same UID:", id="object-uid"
        ),
        pytest.param(
            _metadata(lambda m: m.update(labels={"a b": "c"})),
            'returned invalid metadata: metadata.labels: Invalid value: "a b":',
            id="labels",
        ),
        pytest.param(
            _metadata(lambda m: m.update(labels=3)),
            "returned invalid metadata: invalid metadata.labels",
            id="labels-are-none",
        ),
        pytest.param(lambda a: [], "failed: Object 'Kind' is missing in '[]'", id="rubbish"),
    ],
)
def test_answers_that_cannot_be_believed(in_world: Run, spoil: Any, message: str) -> None:
    async def scenario(world: World) -> None:
        await world.define()
        await world.ask("POST", V1, host("a"))
        world.spoil = spoil
        for target in (f"{V2}/a", V2):
            found = await world.ask("GET", target)
            assert (found["kind"], found["code"]) == ("Status", 500), found
            assert found["message"].startswith(f"{_GVK} {message}"), found["message"]

    in_world(scenario)


def test_a_webhook_that_cannot_be_asked(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        await world.define()
        await world.ask("POST", V1, host("a"))
        world.status = 500
        found = await world.ask("GET", f"{V2}/a")
        assert found["message"].startswith(f'{_GVK} failed: an error on the server ("')
        await world.webhook.stop(0)
        found = await world.ask("GET", f"{V2}/a")
        assert found["message"].startswith(f'{_GVK} failed: Post "https://localhost:'), found["message"]
        assert found["message"].endswith("connect: connection refused")
        assert (await world.ask("GET", f"{V1}/a"))["spec"]["hostPort"] == "a:80"

    in_world(scenario)


def test_a_service_is_found_by_its_endpoints_and_named_by_its_certificate(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        port = world.webhook.port
        service = {"name": "hook", "namespace": "default", "path": "/convert", "port": port}
        await world.define(url=None, service=service)
        await world.ask("POST", V1, host("a"))
        found = await world.ask("GET", f"{V2}/a")
        assert found["message"] == (
            f'{_GVK} failed: Post "https://hook.default.svc:{port}/convert?timeout=30s": service "hook" not found'
        )
        made = {"metadata": {"name": "hook"}, "spec": {"ports": [{"port": port}]}}
        await world.ask("POST", "/api/v1/namespaces/default/services", {"apiVersion": "v1", "kind": "Service", **made})
        found = await world.ask("GET", f"{V2}/a")
        assert found["message"].endswith('no endpoints available for service "hook"')
        named = {"spec": {"type": "ExternalName", "externalName": "localhost"}}
        merge = "application/merge-patch+json"
        await world.ask("PATCH", "/api/v1/namespaces/default/services/hook", named, merge)
        found = await world.ask("GET", f"{V2}/a")
        assert found.get("spec", {}).get("host") == "a", found

    in_world(scenario)
