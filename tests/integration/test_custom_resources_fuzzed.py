"""Definitions and custom objects drawn at random, over HTTP: an answer in time, and nothing half done.

A request that takes longer than PATIENCE_S hangs. What is accepted can be read, is the same when it is written again
and is gone with its definition; what is refused has left nothing. FUZZ_EXAMPLES (`make soak`) draws more.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.definition_strategies import definitions
from tests.fuzzing import fuzzed
from tests.integration.apiserver_in_a_thread import Answer, Served, serving
from tests.rule_strategies import ruled
from tests.schema_strategies import JSON, schemas, sometimes, value_for
from tests.tree_strategies import OPERATIONS

Tree = dict[str, Any]
sampled = fuzzed(25)
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "/apis/fuzz.example.com"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def api() -> Iterator[Served]:
    with serving() as served:
        yield served


def send(
    api: Served, method: str, target: str, tree: Any = None, content_type: str = "application/json"
) -> tuple[int, Tree]:
    """Over a socket of its own; every answer is JSON and no failure of the server."""
    body = b"" if tree is None else json.dumps(tree).encode()
    answer: Answer = api.send(method, target, body, content_type)
    assert 200 <= answer.status < 500, (answer.status, answer.message, tree)
    return answer.status, json.loads(answer.body)


def until(api: Served, target: str, status: int) -> None:
    """Asks until that is the answer: every request lets the apiserver go on."""
    for _ in range(100_000):
        if api.ask("GET", target).status == status:
            return
    raise AssertionError(f"{target} is never {status}")


def established(api: Served, name: str) -> None:
    for _ in range(100_000):
        tree = json.loads(api.ask("GET", f"{DEFINITIONS}/{name}").body)
        conditions = {c["type"]: c["status"] for c in tree["status"]["conditions"]}
        if "Established" in conditions:
            assert conditions["Established"] == "True", conditions
            return
    raise AssertionError(f"{name} is never established")


def removed(api: Served, name: str, collection: str) -> None:
    """Deletes a definition, the only one of its group; no route, no document and no group of it is left."""
    group = collection.split("/")[2]
    send(api, "DELETE", f"{DEFINITIONS}/{name}")
    until(api, f"{DEFINITIONS}/{name}", 404)
    until(api, collection, 404)
    groups = json.loads(api.ask("GET", "/apis").body)["groups"]
    assert not any(found["name"] == group for found in groups)
    assert group.encode() not in api.ask("GET", "/openapi/v3").body


def defined(spec: Tree) -> tuple[Tree, str]:
    """A definition with this schema, and the path of its objects."""
    plural, group = "things", f"fuzz{next(_numbers)}.example.com"
    schema = {"type": "object", "properties": {"spec": spec}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "kind": plural.capitalize()}
    tree = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Cluster", "names": names, "versions": [version]},
    }
    return tree, f"/apis/{group}/v1/{plural}"


@sampled
@given(definitions(), definitions())
def test_definitions_come_and_go(api: Served, first: Tree, second: Tree) -> None:
    name = first["metadata"]["name"]
    status, made = send(api, "POST", DEFINITIONS, first)
    if status != 201:
        until(api, f"{DEFINITIONS}/{name}", 404)
        until(api, f"{GROUP}/v1/gadgets", 404)
        return
    assert made["spec"]["names"]["plural"] == "gadgets"
    held = json.loads(api.ask("GET", f"{DEFINITIONS}/{name}").body)
    assert held["spec"] == made["spec"]
    target = f"{DEFINITIONS}/{name}"
    status, again = send(api, "PUT", target, {**held, "metadata": {"name": name, "resourceVersion": ""}})
    assert (status, again["metadata"]["generation"]) == (200, made["metadata"]["generation"])
    forced = f"{target}?fieldManager=f&force=true"
    status, applied = send(api, "PATCH", forced, {**second, "metadata": {"name": name}}, "application/apply-patch+yaml")
    now = json.loads(api.ask("GET", target).body)
    assert now["spec"] == (applied if status == 200 else held)["spec"]
    removed(api, name, f"{GROUP}/v1/gadgets")


@sampled
@given(schemas() | ruled(), st.data())
def test_objects_are_whole_or_not_there(api: Served, spec: Tree, data: st.DataObject) -> None:
    tree, collection = defined(spec)
    status, _ = send(api, "POST", DEFINITIONS, tree)
    if status != 201:
        return
    try:
        established(api, tree["metadata"]["name"])
        _try_objects(api, tree, collection, spec, data)
    finally:
        removed(api, tree["metadata"]["name"], collection)


def _try_objects(api: Served, tree: Tree, collection: str, spec: Tree, data: st.DataObject) -> None:
    ruled_schema = "x-kubernetes-validations" in json.dumps(spec)
    api_version = f"{tree['spec']['group']}/v1"
    kept = []
    for i in range(4):
        name = f"o{i}"
        one = f"{collection}/{name}"
        body = {"apiVersion": api_version, "kind": tree["spec"]["names"]["kind"], "metadata": {"name": name}}
        body["spec"] = value_for(data.draw, spec)
        status, made = send(api, "POST", collection, body)
        if status != 201:
            assert api.ask("GET", one).status == 404
            continue
        kept.append(name)
        held = json.loads(api.ask("GET", one).body)
        assert held == made
        status, again = send(api, "PUT", one, held)
        assert (status == 200 and again == held) or (status == 422 and ruled_schema), again
        alter(api, one, body, spec, data)
    listed = json.loads(api.ask("GET", collection).body)["items"]
    assert sorted(item["metadata"]["name"] for item in listed) == kept


def alter(api: Served, one: str, body: Tree, spec: Tree, data: st.DataObject) -> None:
    """A patch of each kind: what is refused has changed nothing, what is not can be read."""
    value = value_for(data.draw, spec)
    patches: list[tuple[str, Any, str]] = [
        ("application/merge-patch+json", {"spec": value}, ""),
        ("application/json-patch+json", [{"op": "add", "path": "/spec", "value": value}], ""),
        ("application/apply-patch+yaml", {**body, "spec": value}, "?fieldManager=f&force=true"),
    ]
    if sometimes(data.draw, 2):
        patches.append(("application/json-patch+json", data.draw(st.lists(OPERATIONS, max_size=2)), ""))
        patches.append(("application/merge-patch+json", data.draw(JSON), ""))
    for kind, patch, query in patches:
        before = json.loads(api.ask("GET", one).body)
        status, answer = send(api, "PATCH", one + query, patch, kind)
        after = json.loads(api.ask("GET", one).body)
        assert after == (answer if status == 200 else before)
