"""Pruning, defaulting, embedded objects and list types of structural schemas."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery.field_errors import Path
from pybernetes.apiserver.crd.structural import (
    Structural,
    coerce_embedded,
    default,
    prune,
    validate_embedded,
)
from pybernetes.apiserver.crd.validation import duplicates

Tree = dict[str, Any]


def spec(**properties: Any) -> Structural:
    return Structural({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}})


TEXT = {"type": "string"}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
PRUNED: dict[str, tuple[Structural, Tree, Tree, list[str]]] = {
    "unknown": (spec(a=TEXT), {"a": "1", "b": 2}, {"a": "1"}, ["spec.b"]),
    "in items": (
        spec(a={"type": "array", "items": {"type": "object", "properties": {"x": TEXT}}}),
        {"a": [{"x": "1", "y": 1}]},
        {"a": [{"x": "1"}]},
        ["spec.a[0].y"],
    ),
    "preserved": (spec(a=OPEN), {"a": {"any": [1]}}, {"a": {"any": [1]}}, []),
    "known within preserved": (
        spec(a={**OPEN, "properties": {"x": {"type": "object", "properties": {}}}}),
        {"a": {"x": {"gone": 1}, "kept": 1}},
        {"a": {"x": {}, "kept": 1}},
        ["spec.a.x.gone"],
    ),
    "map": (
        spec(a={"type": "object", "additionalProperties": {"type": "object", "properties": {"x": TEXT}}}),
        {"a": {"k": {"x": "1", "y": 2}}},
        {"a": {"k": {"x": "1"}}},
        ["spec.a.k.y"],
    ),
    "any member": (spec(a={"type": "object", "additionalProperties": True}), {"a": {"x": {}}}, {"a": {"x": {}}}, []),
}


@pytest.mark.parametrize("case", PRUNED)
def test_pruning(case: str) -> None:
    schema, value, kept, unknown = PRUNED[case]
    tree = {"spec": copy.deepcopy(value)}
    assert prune(tree, schema) == unknown
    assert tree == {"spec": kept}


DEFAULTED: dict[str, tuple[Structural, Tree, Tree]] = {
    "absent": (spec(a={"type": "integer", "default": 1}), {}, {"a": 1}),
    "null that may not be": (spec(a={"type": "integer", "default": 1}), {"a": None}, {"a": 1}),
    "null that may be": (
        spec(a={"type": "integer", "default": 1, "nullable": True}),
        {"a": None},
        {"a": None},
    ),
    "null without default goes": (spec(a=TEXT), {"a": None}, {}),
    "within a default": (
        spec(a={"type": "object", "default": {}, "properties": {"b": {"type": "string", "default": "x"}}}),
        {},
        {"a": {"b": "x"}},
    ),
    "in items": (
        spec(a={"type": "array", "items": {"type": "object", "properties": {"b": {"type": "integer", "default": 2}}}}),
        {"a": [{}, {"b": 1}]},
        {"a": [{"b": 2}, {"b": 1}]},
    ),
    "in a map": (
        spec(a={"type": "object", "additionalProperties": {"type": "object", "properties": {"b": {"default": 2}}}}),
        {"a": {"k": {}}},
        {"a": {"k": {"b": 2}}},
    ),
}


@pytest.mark.parametrize("case", DEFAULTED)
def test_defaulting(case: str) -> None:
    schema, value, wanted = DEFAULTED[case]
    tree = {"spec": copy.deepcopy(value)}
    default(tree, schema)
    assert tree == {"spec": wanted}


EMBEDDED = spec(pod={**OPEN, "x-kubernetes-embedded-resource": True})


def test_embedded_objects_are_objects() -> None:
    tree = {"spec": {"pod": {"kind": "Pod", "metadata": {"name": "a", "zzz": 1}, "spec": {}}}}
    assert coerce_embedded(tree, EMBEDDED, "") == ["spec.pod.metadata.zzz"]
    assert tree["spec"]["pod"]["metadata"] == {"name": "a"}
    found = [str(e) for e in validate_embedded(tree, EMBEDDED, Path())]
    assert found == ["spec.pod.apiVersion: Required value"]


def test_lists_of_type_map_and_set() -> None:
    items = {"type": "object", "properties": {"k": TEXT, "p": {"type": "integer"}}}
    schema = spec(
        s={"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
        m={"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "p"]},
    )
    tree = {"spec": {"s": ["a", "b", "a"], "m": [{"k": "x", "p": 1}, {"k": "x", "p": 2}, {"p": 1, "k": "x"}]}}
    found = [str(e) for e in duplicates(tree, schema, Path())]
    assert found == ['spec.s[2]: Duplicate value: "a"', 'spec.m[2]: Duplicate value: {"k":"x","p":1}']


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
nodes = st.recursive(
    st.sampled_from([TEXT, {"type": "integer", "default": 3}, OPEN, {"type": "object"}]),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(
            lambda p, d: {"type": "object", "properties": p, **d},
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            st.sampled_from([{}, {"default": {}}, {"nullable": True}]),
        )
        | st.builds(lambda a: {"type": "object", "additionalProperties": a}, inner)
    ),
    max_leaves=8,
)


@given(nodes, st.dictionaries(st.sampled_from("abcd"), trees, max_size=3))
def test_bringing_into_form_twice_changes_nothing(node: Tree, tree: Tree) -> None:
    schema = Structural({"type": "object", "properties": {"a": node, "b": TEXT}})
    prune(tree, schema)
    default(tree, schema)
    once = copy.deepcopy(tree)
    assert prune(tree, schema) == []
    default(tree, schema)
    assert tree == once
