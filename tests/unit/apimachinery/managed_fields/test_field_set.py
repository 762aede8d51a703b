from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery.managed_fields.field_set import (
    difference,
    has,
    intersection,
    path_text,
    paths,
    union,
    without_branch,
)

ELEMENTS = ["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"']
path_sets = st.frozensets(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=3).map(tuple), max_size=6)


def from_paths(found: frozenset[tuple[str, ...]]) -> dict[str, Any]:
    """The model's way to a set: member by member."""
    root: dict[str, Any] = {}
    for path in found:
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return tidy(root)


def tidy(node: dict[str, Any]) -> dict[str, Any]:
    return {e: {} if set(n) == {"."} else tidy(n) for e, n in node.items()}


@given(path_sets, path_sets)
def test_the_operations_are_those_of_sets_of_paths(left: frozenset[Any], right: frozenset[Any]) -> None:
    a, b = from_paths(left), from_paths(right)
    assert set(paths(a)) == left
    assert set(paths(union(a, b))) == left | right
    assert set(paths(intersection(a, b))) == left & right
    assert set(paths(difference(a, b))) == left - right
    assert all(has(a, path) == (path in left) for path in left | right)
    assert (a, b) == (from_paths(left), from_paths(right))


@given(path_sets, st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=2).map(tuple))
def test_taking_out_a_branch(found: frozenset[Any], branch: tuple[str, ...]) -> None:
    result = without_branch(from_paths(found), branch)
    assert set(paths(result)) == {path for path in found if path[: len(branch)] != branch}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:spec", 'k:{"name":"a"}', "f:image"), '.spec[name="a"].image'),
        (('k:{"port":80,"protocol":"TCP"}',), '[port=80,protocol="TCP"]'),
        (("f:finalizers", 'v:"x"'), '.finalizers[="x"]'),
    ],
)
def test_paths_are_written_as_upstream_writes_them(path: tuple[str, ...], text: str) -> None:
    assert path_text(path) == text
