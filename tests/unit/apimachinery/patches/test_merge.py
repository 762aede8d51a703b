from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apimachinery.patches import merge

leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=1)
trees = st.dictionaries(
    st.sampled_from("abcd"),
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@pytest.mark.parametrize(
    ("tree", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": 1}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ],
)
def test_rfc_7386(tree: Any, patch: Any, expected: Any) -> None:
    assert merge.apply(tree, patch) == expected


@pytest.mark.parametrize("patch", [[], "x", None, 1])
def test_what_is_no_patch(patch: Any) -> None:
    with pytest.raises(BadRequest, match="error decoding patch"):
        merge.apply({}, patch)


@given(trees, trees)
def test_merging_twice_is_merging_once_and_changes_no_argument(tree: Any, patch: Any) -> None:
    tree_before, patch_before = copy.deepcopy(tree), copy.deepcopy(patch)
    once = merge.apply(tree, patch)
    assert merge.apply(once, patch) == once
    assert (tree, patch) == (tree_before, patch_before)


@given(trees, trees)
def test_the_patch_decides_every_field_it_names(tree: Any, patch: Any) -> None:
    result = merge.apply(tree, patch)
    for name, value in patch.items():
        if value is None:
            assert name not in result
        elif not isinstance(value, dict):
            assert result[name] == value
    for name in tree.keys() - patch.keys():
        assert result[name] == tree[name]
