"""Custom resources through the whole apiserver: definitions, schemas, versions, and what controllers make of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import ALL, Resource, find
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.registry.generic import keys
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport, RawResponse
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.sim.loop import run
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.store import Cause
from tests.worlds import live_in

_ADMIN = UserInfo("admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
Tree = dict[str, Any]
DEFINITIONS = find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
assert DEFINITIONS is not None
WIDGETS = Resource("example.com", "v1", "widgets", "Widget", True, ALL, custom=True)
SPEC: Tree = {
    "type": "object",
    "required": ["color"],
    "properties": {
        "color": {"type": "string", "enum": ["red", "green"]},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
        "limit": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "note": {"type": "string", "nullable": True},
    },
    "x-kubernetes-validations": [
        {"rule": "!has(self.limit) || self.replicas <= self.limit", "message": "too many replicas"},
        {"rule": "self.color == oldSelf.color || oldSelf.color == 'red'", "messageExpression": "'not ' + self.color"},
    ],
}
STATUS: Tree = {"type": "object", "properties": {"replicas": {"type": "integer"}, "phase": {"type": "string"}}}


def version(name: str, *, storage: bool = False, spec: Tree = SPEC, **more: Any) -> Tree:
    schema = {"type": "object", "properties": {"spec": spec, "status": STATUS}}
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "selectableFields": [{"jsonPath": ".spec.color"}],
        "additionalPrinterColumns": [{"name": "Color", "type": "string", "jsonPath": ".spec.color"}],
        **more,
    }


def definition(plural: str = "widgets", kind: str = "Widget", versions: list[Tree] | None = None, **names: Any) -> Tree:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, **names},
            "versions": versions or [version("v1", storage=True)],
        },
    }


def widget(name: str = "a", api_version: str = "example.com/v1", **spec: Any) -> Tree:
    return {
        "apiVersion": api_version,
        "kind": "Widget",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"color": "red", **spec},
    }


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.api = ApiServer(ApiServerConfig(bind_addresses=(), port=-1), self.store, LoopClock(), Random(1))
        self.client = Client(LocalTransport(self.api.handler, _ADMIN), "test")
        self.dynamic = self.client.dynamic

    async def start(self) -> None:
        await self.store.start()
        await self.api.start()

    async def stop(self) -> None:
        await self.api.stop()
        await self.store.stop()

    async def define(self, tree: Tree) -> Tree:
        """Makes a definition and waits until it says that it is served."""
        name = tree["metadata"]["name"]
        await self.dynamic.create(DEFINITIONS, tree)
        return await self.until(name, lambda found: condition(found, "Established") == "True")

    async def until(self, name: str, holds: Callable[[Tree], bool]) -> Tree:
        async with asyncio.timeout(60):
            async for _, found in self.dynamic.watch(DEFINITIONS):
                if found["metadata"].get("name") == name and holds(found):
                    return found
        raise AssertionError(name)

    async def raw(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Tree:
        found: Tree = json.loads((await self.ask(method, path, body, content_type)).body)
        return found

    async def warned(self, method: str, path: str, body: Any, content_type: str = "application/json") -> str:
        return (await self.ask(method, path, body, content_type)).headers.get("warning", "")

    async def ask(self, method: str, path: str, body: Any, content_type: str) -> RawResponse:
        path, _, query = path.partition("?")
        data = b"" if body is None else json.dumps(body).encode()
        return await self.client.raw(method, path, query, {"content-type": content_type}, data)


def condition(tree: Tree, kind: str) -> str:
    return next((c["status"] for c in tree.get("status", {}).get("conditions", ()) if c["type"] == kind), "")


def in_world(scenario: Callable[[World], Awaitable[None]], start: Callable[..., None] = run) -> None:
    live_in(World, scenario, start)


def test_a_definition_is_served_when_it_says_so() -> None:
    async def scenario(world: World) -> None:
        made = await world.define(definition(shortNames=["wd"], categories=["all"]))
        assert made["status"]["acceptedNames"]["listKind"] == "WidgetList"
        assert made["status"]["storedVersions"] == ["v1"]
        assert condition(made, "NamesAccepted") == "True"
        listed = await world.raw("GET", "/apis/example.com/v1")
        first = listed["resources"][0]
        assert (first["name"], first["singularName"], first["shortNames"]) == ("widgets", "widget", ["wd"])
        assert [r["name"] for r in listed["resources"]] == ["widgets", "widgets/status", "widgets/scale"]
        found = await world.dynamic.create(WIDGETS, widget(note=None))
        assert found["spec"] == {"color": "red", "note": None, "replicas": 1}
        assert found["metadata"]["generation"] == 1

    in_world(scenario)


def test_status_and_scale_leave_the_generation() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition())
        made = await world.dynamic.create(WIDGETS, {**widget(), "status": {"phase": "No"}})
        assert "status" not in made
        made["status"] = {"phase": "Yes", "replicas": 4}
        made["spec"]["color"] = "green"
        written = await world.dynamic.update_status(WIDGETS, made)
        assert (written["status"]["phase"], written["spec"]["color"]) == ("Yes", "red")
        assert written["metadata"]["generation"] == 1
        scale = await world.dynamic.get(WIDGETS, "a", "default", "scale")
        assert (scale["kind"], scale["spec"]["replicas"], scale["status"]["replicas"]) == ("Scale", 1, 4)
        patch = {"spec": {"replicas": 7}}
        await world.dynamic.patch(WIDGETS, "a", "default", patch, subresource="scale")
        found = await world.dynamic.get(WIDGETS, "a", "default")
        assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (7, 2)

    in_world(scenario)


REFUSED: dict[str, tuple[Tree, str]] = {
    "below the minimum": ({"replicas": 0}, "should be greater than or equal to 1"),
    "wrong type": ({"replicas": "x"}, 'spec.replicas in body must be of type integer: "string"'),
    "not in the enum": ({"color": "blue"}, 'Unsupported value: "blue": supported values: "red", "green"'),
    "twice in a set": ({"tags": ["x", "x"]}, 'spec.tags[1]: Duplicate value: "x"'),
    "a rule": ({"replicas": 5, "limit": 2}, "spec: Invalid value: too many replicas"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    spec, message = REFUSED[case]

    async def scenario(world: World) -> None:
        await world.define(definition())
        with pytest.raises(errors.Invalid) as refused:
            await world.dynamic.create(WIDGETS, widget(**spec))
        assert message in refused.value.message

    in_world(scenario)


def test_transition_rules_see_the_old_object() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition())
        await world.dynamic.create(WIDGETS, widget())
        await world.dynamic.patch(WIDGETS, "a", "default", {"spec": {"color": "green"}})
        with pytest.raises(errors.Invalid, match="not red"):
            await world.dynamic.patch(WIDGETS, "a", "default", {"spec": {"color": "red"}})

    in_world(scenario)


def test_unknown_fields_by_field_validation() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition())
        path = "/apis/example.com/v1/namespaces/default/widgets"
        with pytest.raises(errors.BadRequest, match="strict decoding error: unknown field"):
            await world.raw("POST", f"{path}?fieldValidation=Strict", widget(zzz=1))
        made = await world.raw("POST", f"{path}?fieldValidation=Ignore", widget(zzz=1))
        assert "zzz" not in made["spec"]

    in_world(scenario)


def test_patches_and_apply() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition())
        await world.dynamic.apply(WIDGETS, widget(tags=["x"]), "one")
        await world.dynamic.apply(WIDGETS, {**widget(tags=["z"])}, "two")
        found = await world.dynamic.get(WIDGETS, "a", "default")
        assert found["spec"]["tags"] == ["x", "z"]
        with pytest.raises(errors.Conflict, match="one"):
            await world.dynamic.apply(WIDGETS, widget(color="green"), "two")
        with pytest.raises(errors.UnsupportedMediaType):
            await world.dynamic.patch(WIDGETS, "a", "default", {}, patch_type="strategic")
        operations = [{"op": "remove", "path": "/spec/tags"}]
        await world.dynamic.patch(WIDGETS, "a", "default", operations, patch_type="json")
        assert "tags" not in (await world.dynamic.get(WIDGETS, "a", "default"))["spec"]

    in_world(scenario)


def test_selectable_fields_and_columns() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition())
        await world.dynamic.create(WIDGETS, widget("a"))
        await world.dynamic.create(WIDGETS, widget("b", color="green"))
        found = await world.dynamic.list(WIDGETS, "default", field_selector="spec.color=green")
        assert [o["metadata"]["name"] for o in found.items] == ["b"]
        with pytest.raises(errors.BadRequest, match="field label not supported"):
            await world.dynamic.list(WIDGETS, "default", field_selector="spec.replicas=1")
        accept = {"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
        answer = await world.client.raw("GET", WIDGETS.path("default"), headers=accept)
        table = json.loads(answer.body)
        assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Color"]
        assert [row["cells"] for row in table["rows"]] == [["a", "red"], ["b", "green"]]

    in_world(scenario)


def test_another_storage_version_and_a_new_default() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition())
        await world.dynamic.create(WIDGETS, widget())
        tree = await world.dynamic.get(DEFINITIONS, "widgets.example.com")
        properties = {**SPEC["properties"], "size": {"type": "string", "default": "small"}}
        newer = {**SPEC, "properties": properties}
        tree["spec"]["versions"] = [version("v1"), version("v2", storage=True, spec=newer)]
        await world.dynamic.update(DEFINITIONS, tree)
        both = await world.until("widgets.example.com", lambda t: t["status"]["storedVersions"] == ["v1", "v2"])
        assert both["metadata"]["generation"] == 2
        v2 = Resource("example.com", "v2", "widgets", "Widget", True, ALL, custom=True)
        found = await eventually(lambda: world.dynamic.get(v2, "a", "default"))
        assert (found["apiVersion"], found["spec"]["size"]) == ("example.com/v2", "small")
        old = await world.dynamic.get(WIDGETS, "a", "default")
        assert (old["apiVersion"], "size" in old["spec"]) == ("example.com/v1", False)
        await world.dynamic.patch(v2, "a", "default", {"spec": {"size": "big"}})
        listed = await world.dynamic.list(v2, "default")
        assert listed.items[0]["spec"]["size"] == "big"
        with pytest.raises(errors.Invalid, match="must remain in spec"):
            tree = await world.dynamic.get(DEFINITIONS, "widgets.example.com")
            tree["spec"]["versions"] = [version("v2", storage=True)]
            await world.dynamic.update(DEFINITIONS, tree)

    in_world(scenario)


async def eventually(ask: Callable[[], Awaitable[Tree]]) -> Tree:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(errors.NotFound):
                return await ask()
            await asyncio.sleep(0.1)


def test_names_that_are_taken_wait_until_they_are_free() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition(shortNames=["wd"]))
        await world.dynamic.create(DEFINITIONS, definition("gadgets", "Widget"))
        held = await world.until("gadgets.example.com", lambda t: condition(t, "NamesAccepted") == "False")
        said = next(c for c in held["status"]["conditions"] if c["type"] == "NamesAccepted")
        assert said["message"] == '"WidgetList" is already in use'
        assert condition(held, "Established") == "False"
        await world.dynamic.delete(DEFINITIONS, "widgets.example.com")
        await world.until("gadgets.example.com", lambda t: condition(t, "Established") == "True")

    in_world(scenario)


def test_deleting_a_definition_takes_its_objects_with_it() -> None:
    async def scenario(world: World) -> None:
        await world.define(definition())
        held = widget("held")
        held["metadata"]["finalizers"] = ["example.com/wait"]
        await world.dynamic.create(WIDGETS, held)
        await world.dynamic.create(WIDGETS, widget("plain"))
        await world.dynamic.delete(DEFINITIONS, "widgets.example.com")
        ending = await world.until("widgets.example.com", lambda t: condition(t, "Terminating") == "True")
        assert ending["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        async for kind, found in world.dynamic.watch(WIDGETS, "default"):
            if found["metadata"].get("name") == "held" and "deletionTimestamp" in found["metadata"]:
                break
            assert kind
        with pytest.raises(errors.Forbidden, match="terminating"):
            await world.dynamic.create(WIDGETS, widget("late"))
        await world.dynamic.patch(WIDGETS, "held", "default", {"metadata": {"finalizers": None}})
        async with asyncio.timeout(60):
            while True:
                try:
                    await world.dynamic.get(DEFINITIONS, "widgets.example.com")
                except errors.NotFound:
                    break
                await asyncio.sleep(0.05)
        with pytest.raises(errors.NotFound):
            await world.dynamic.list(WIDGETS, "default")
        await world.define(definition())
        assert (await world.dynamic.list(WIDGETS, "default")).items == []

    in_world(scenario)


def test_published_in_openapi() -> None:
    async def scenario(world: World) -> None:
        before = await world.raw("GET", "/openapi/v3")
        await world.define(definition())
        index = await world.raw("GET", "/openapi/v3")
        assert set(index["paths"]) - set(before["paths"]) == {"apis/example.com", "apis/example.com/v1"}
        document = await world.raw("GET", index["paths"]["apis/example.com/v1"]["serverRelativeURL"])
        kind = document["components"]["schemas"]["com.example.v1.Widget"]
        assert kind["properties"]["spec"]["properties"]["color"]["enum"] == ["red", "green"]
        patch = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
        assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]
        merged = await world.raw("GET", "/openapi/v2")
        assert "com.example.v1.WidgetList" in merged["definitions"]
        await world.dynamic.delete(DEFINITIONS, "widgets.example.com")
        async with asyncio.timeout(60):
            while "com.example.v1.Widget" in (await world.raw("GET", "/openapi/v2"))["definitions"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    in_world(scenario, asyncio.run)  # documents are made in a thread, which knows no virtual time


BAD: dict[str, tuple[Callable[[Tree], Any], str]] = {
    "no storage version": (
        lambda t: t["spec"]["versions"][0].update(storage=False),
        "must have exactly one version marked as storage version",
    ),
    "name": (lambda t: t["metadata"].update(name="w.example.com"), 'must be spec.names.plural+"."+spec.group'),
    "no type": (
        lambda t: schema_of(t)["properties"].update(x={}),
        "properties[x].type: Required value: must not be empty for specified object fields",
    ),
    "default does not fit": (
        lambda t: schema_of(t)["properties"].update(x={"type": "integer", "default": "a"}),
        'properties[x].default: Invalid value: "string":  in body must be of type integer',
    ),
    "rule names nothing": (
        lambda t: schema_of(t).update({"x-kubernetes-validations": [{"rule": "self.nothing == 1"}]}),
        "undefined field 'nothing'",
    ),
    "rule is no boolean": (
        lambda t: schema_of(t).update({"x-kubernetes-validations": [{"rule": "1 + 1"}]}),
        "cel expression must evaluate to a bool",
    ),
    "protected group": (
        lambda t: (t["spec"].update(group="x.k8s.io"), t["metadata"].update(name="widgets.x.k8s.io")),
        "protected groups must have approval annotation",
    ),
    "bad column": (
        lambda t: t["spec"]["versions"][0].update(
            additionalPrinterColumns=[{"name": "a", "type": "b", "jsonPath": "c"}]
        ),
        "must be one of boolean,date,integer,number,string",
    ),
}


def schema_of(tree: Tree) -> Tree:
    found: Tree = tree["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


@pytest.mark.parametrize("case", BAD)
def test_definitions_that_are_refused(case: str) -> None:
    change, message = BAD[case]

    async def scenario(world: World) -> None:
        tree = json.loads(json.dumps(definition()))
        change(tree)
        with pytest.raises(errors.Invalid) as refused:
            await world.dynamic.create(DEFINITIONS, tree)
        assert message in refused.value.message

    in_world(scenario)


_MERGE = "application/merge-patch+json"
_ALL = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_a_definition_warns_once_of_a_format_that_says_nothing() -> None:
    async def scenario(world: World) -> None:
        tree = json.loads(json.dumps(definition()))
        schema_of(tree)["properties"]["spec"]["properties"]["at"] = {"type": "string", "format": "n"}
        assert await world.warned("POST", _ALL, tree) == '299 - "unrecognized format \\"n\\""'
        patch = {"metadata": {"labels": {"a": "b"}}}
        assert await world.warned("PATCH", f"{_ALL}/widgets.example.com", patch, _MERGE) == ""

    in_world(scenario)


def test_custom_objects_warn_of_new_finalizers_without_a_domain() -> None:
    def warning(name: str, wanted: str) -> str:
        why = f"prefer a domain-qualified {wanted} to avoid accidental conflicts with other finalizer writers"
        return f'299 - "metadata.finalizers: \\"{name}\\": {why}"'

    async def scenario(world: World) -> None:
        await world.define(definition())
        tree = widget()
        tree["metadata"]["finalizers"] = ["kubernetes", "mine.com", "example.com/a"]
        at = "/apis/example.com/v1/namespaces/default/widgets"
        wanted = "finalizer name including a path (/)"
        assert await world.warned("POST", at, tree) == warning("mine.com", wanted)
        patch = {"metadata": {"finalizers": ["mine.com", "b"]}}
        assert await world.warned("PATCH", f"{at}/a", patch, _MERGE) == warning("b", "finalizer name")

    in_world(scenario)


def test_rules_that_cost_too_much_today_stay_as_long_as_the_schema_does() -> None:
    async def scenario(world: World) -> None:
        made = await world.define(definition())
        revision = int(made["metadata"].pop("resourceVersion"))
        spec = schema_of(made)["properties"]["spec"]
        spec["properties"]["words"] = {"type": "array", "items": {"type": "string"}}
        spec["x-kubernetes-validations"] = [{"rule": "self.words.all(x, self.words.all(y, x == y))"}]
        with pytest.raises(errors.Invalid, match="estimated rule cost exceeds budget"):
            await world.dynamic.update(DEFINITIONS, made)
        key = f"{keys.prefix(DEFINITIONS)}widgets.example.com"
        await world.store.update(key, json.dumps(made, separators=(",", ":")).encode(), revision, Cause())
        at = f"{_ALL}/widgets.example.com"
        changed = await world.raw("PATCH", at, {"spec": {"names": {"shortNames": ["wd"]}}}, _MERGE)
        assert changed["spec"]["names"]["shortNames"] == ["wd"]
        title = {"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/title", "value": "t"}
        with pytest.raises(errors.Invalid, match="estimated rule cost exceeds budget"):
            await world.raw("PATCH", at, [title], "application/json-patch+json")

    in_world(scenario)


def test_a_status_asks_more_of_a_schema_that_is_as_before() -> None:
    async def scenario(world: World) -> None:
        tree = json.loads(json.dumps(definition()))
        del tree["spec"]["versions"][0]["subresources"]
        schema_of(tree)["maxProperties"] = 9
        made = await world.define(tree)
        made["spec"]["versions"][0]["subresources"] = {"status": {}}
        with pytest.raises(errors.Invalid, match="maxProperties is not allowed at the root of the schema"):
            await world.dynamic.update(DEFINITIONS, made)

    in_world(scenario)
