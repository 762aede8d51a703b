"""Whatever a definition's schema is and whatever is sent against it: an answer, never an internal error."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybernetes.apimachinery import errors
from tests.integration.test_custom_resources import DEFINITIONS, World, condition, definition, widget

Tree = dict[str, Any]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=2),
    max_leaves=6,
)
RULES = ["self == oldSelf", "self.a == 1", "size(self) > 0", "self.all(x, x == x)", "(", "has(self.a)", "self > 1"]
words: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["object", "string", "integer", "number", "boolean", "array", "", "null", "thing"]),
    "format": st.sampled_from(["date-time", "int32", "byte", "duration", "ipv4", "x"]),
    "default": anything,
    "enum": st.lists(anything, max_size=2),
    "nullable": st.booleans(),
    "minimum": st.integers(-3, 3),
    "maxLength": st.integers(-1, 3),
    "pattern": st.sampled_from(["^a", "(", "(?=a)", "\\d+", "[["]),
    "required": st.lists(st.sampled_from(["a", "z"]), max_size=2),
    "x-kubernetes-preserve-unknown-fields": st.booleans(),
    "x-kubernetes-int-or-string": st.booleans(),
    "x-kubernetes-embedded-resource": st.booleans(),
    "x-kubernetes-list-type": st.sampled_from(["set", "map", "atomic", "odd"]),
    "x-kubernetes-list-map-keys": st.lists(st.sampled_from(["a", "b"]), max_size=2),
    "x-kubernetes-map-type": st.sampled_from(["atomic", "granular", "odd"]),
    "x-kubernetes-validations": st.lists(st.builds(lambda r: {"rule": r}, st.sampled_from(RULES)), max_size=2),
}


def _node(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    deeper = {
        "properties": st.dictionaries(st.sampled_from(["a", "b", "metadata", "x-y"]), inner, max_size=2),
        "items": inner | st.lists(inner, max_size=1),
        "additionalProperties": inner | st.booleans(),
        "oneOf": st.lists(inner, max_size=2),
        "allOf": st.lists(inner, max_size=1),
        "not": inner,
    }
    return st.fixed_dictionaries({}, optional={**words, **deeper})


schemas = st.recursive(st.fixed_dictionaries({}, optional=words), _node, max_leaves=4)
good = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "integer", "minimum": 0},
            {"type": "string", "nullable": True, "format": "date-time"},
            {"x-kubernetes-int-or-string": True},
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            {"type": "string", "maxLength": 2, "x-kubernetes-validations": [{"rule": "self.startsWith('a')"}]},
        ]
    ),
    lambda inner: (
        st.builds(lambda i: {"type": "array", "maxItems": 3, "items": i}, inner)
        | st.builds(
            lambda p: {"type": "object", "properties": p}, st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
        )
        | st.builds(lambda a: {"type": "object", "maxProperties": 3, "additionalProperties": a}, inner)
    ),
    max_leaves=5,
)
_numbers = itertools.count()


def _defined(spec: Any) -> Tree:
    plural = f"things{next(_numbers)}"
    tree = definition(plural, plural.capitalize())
    version = tree["spec"]["versions"][0]
    version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    del version["selectableFields"], version["subresources"]
    return tree


async def _ask(world: World, method: str, path: str, body: Any) -> int:
    try:
        await world.raw(method, path, json.loads(json.dumps(body)))
    except errors.StatusError as error:
        assert error.code < 500, (error.code, error.message, body)
        return error.code
    return 200


def _run(scenario: Any) -> None:
    async def main() -> None:
        world = World()
        await world.store.start()
        await world.api.start()
        try:
            await scenario(world)
        finally:
            await world.api.stop()
            await world.store.stop()

    asyncio.run(main())


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(schemas, min_size=10, max_size=10))
def test_schemas_of_any_kind(many: list[Any]) -> None:
    async def scenario(world: World) -> None:
        for schema in many:
            await _ask(world, "POST", CRDS, _defined(schema))

    _run(scenario)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(good, st.lists(anything, min_size=8, max_size=8))
def test_objects_of_any_kind(schema: Tree, many: list[Any]) -> None:
    async def scenario(world: World) -> None:
        tree = _defined(schema)
        await world.dynamic.create(DEFINITIONS, tree)
        await world.until(tree["metadata"]["name"], lambda t: condition(t, "Established") == "True")
        names = tree["spec"]["names"]
        path = f"/apis/example.com/v1/namespaces/default/{names['plural']}"
        for i, spec in enumerate(many):
            body = {**widget(f"a{i}"), "kind": names["kind"], "spec": spec}
            if await _ask(world, "POST", path, body) == 200:
                await _ask(world, "PUT", f"{path}/a{i}", {**body, "spec": many[0]})
            await _ask(world, "POST", path, {**body, "metadata": spec})

    _run(scenario)
