from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery.errors import BadRequest, RequestEntityTooLarge
from pybernetes.apimachinery.patches import json_patch
from pybernetes.apimachinery.patches.json_patch import PatchError

TREE: dict[str, Any] = {"a": {"b": [1, 2, 3]}, "x/y": {"~": 1}, "n": None, "t": True}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("abc", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/a/c", "value": 1}], {"a": {"b": [1, 2, 3], "c": 1}}),
        ([{"op": "add", "path": "/a/b/-", "value": 4}], {"a": {"b": [1, 2, 3, 4]}}),
        ([{"op": "add", "path": "/a/b/0", "value": 0}], {"a": {"b": [0, 1, 2, 3]}}),
        ([{"op": "add", "path": "/a/b/3", "value": 4}], {"a": {"b": [1, 2, 3, 4]}}),
        ([{"op": "add", "path": "/a/b/-1", "value": 9}], {"a": {"b": [1, 2, 3, 9]}}),
        ([{"op": "remove", "path": "/a/b/1"}], {"a": {"b": [1, 3]}}),
        ([{"op": "remove", "path": "/a/b/-1"}], {"a": {"b": [1, 2]}}),
        ([{"op": "remove", "path": "/x~1y/~0"}], {"x/y": {}}),
        ([{"op": "replace", "path": "/a/b/2", "value": 5}], {"a": {"b": [1, 2, 5]}}),
        ([{"op": "replace", "path": "/n", "value": 1}], {"n": 1}),
        ([{"op": "replace", "path": "/z", "value": 1}], {"z": 1}),
        ([{"op": "replace", "path": "", "value": {}}, {"op": "replace", "path": "", "value": TREE}], {}),
        ([{"op": "add", "path": "/a/b/01", "value": 4}], {"a": {"b": [1, 4, 2, 3]}}),
        ([{"op": "test", "path": "/a/b/+1", "value": 2}], {}),
        ([{"op": "move", "from": "/a/b/0", "path": "/a/b/2"}], {"a": {"b": [2, 3, 1]}}),
        ([{"op": "copy", "from": "/a/b", "path": "/c"}, {"op": "remove", "path": "/c/0"}], {"c": [2, 3]}),
        ([{"op": "test", "path": "/a/b", "value": [1, 2, 3]}, {"op": "test", "path": "/n", "value": None}], {}),
        ([{"op": "test", "path": "/missing", "value": None}], {}),
    ],
)
def test_operations(operations: list[Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy(TREE)
    assert json_patch.apply(TREE, operations) == TREE | expected
    assert before == TREE


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"op": "test", "path": "/a/b/0", "value": 2}, "testing value /a/b/0 failed: test failed"),
        ({"op": "test", "path": "/t", "value": 1}, "testing value /t failed: test failed"),
        ({"op": "remove", "path": "/z"}, "remove operation does not apply: doc is missing path: /z: missing value"),
        ({"op": "replace", "path": "/a/b/3", "value": 1}, "Unable to access invalid index: 3"),
        (
            {"op": "replace", "path": "/z/y", "value": 1},
            'replace operation does not apply: doc is missing path: "/z/y"',
        ),
        ({"op": "add", "path": "", "value": {}}, 'add operation does not apply: doc is missing path: ""'),
        ({"op": "remove", "path": ""}, 'remove operation does not apply: doc is missing path: ""'),
        ({"op": "add", "path": "/z/y", "value": 1}, 'add operation does not apply: doc is missing path: "/z/y"'),
        ({"op": "add", "path": "/a/b/9", "value": 1}, "Unable to access invalid index: 9"),
        ({"op": "add", "path": "/a/b/x", "value": 1}, "value was not a proper array index"),
        ({"op": "add", "path": "/a/b/0_1", "value": 1}, "value was not a proper array index"),
        ({"op": "add", "path": f"/a/b/{'9' * 5000}", "value": 1}, "value was not a proper array index"),
        ({"op": "move", "from": "/a", "path": "/a/c"}, "cannot move into itself"),
        ({"op": "jump", "path": "/a"}, "Unexpected kind: jump"),
        ({"op": "add"}, "add operation failed to decode path: missing value"),
        ({"op": "add", "path": "a", "value": 1}, "missing path"),
    ],
)
def test_an_operation_that_does_not_apply_is_a_422(operation: dict[str, Any], why: str) -> None:
    with pytest.raises(PatchError) as caught:
        json_patch.apply(TREE, [operation])
    assert why in caught.value.why
    status = caught.value.status
    assert (status.code, status.reason) == (422, "Invalid")
    assert status.message == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize("operations", [{}, "x", [1], None])
def test_what_is_no_patch_is_a_400(operations: Any) -> None:
    with pytest.raises(BadRequest, match="error decoding patch: json: cannot unmarshal"):
        json_patch.apply(TREE, operations)


def test_the_number_of_operations_is_limited() -> None:
    one = {"op": "test", "path": "/t", "value": True}
    assert json_patch.apply(TREE, [one] * json_patch.MAX_OPERATIONS) == TREE
    with pytest.raises(RequestEntityTooLarge, match="in a JSON patch is 10000, got 10001"):
        json_patch.apply(TREE, [one] * (json_patch.MAX_OPERATIONS + 1))


@given(st.dictionaries(st.text("ab/~", max_size=2), json_values, max_size=3), st.text("ab/~", max_size=2), json_values)
def test_adding_then_testing_then_removing_gives_the_tree_back(tree: dict[str, Any], name: str, value: Any) -> None:
    tree.pop(name, None)
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    added = json_patch.apply(tree, [{"op": "add", "path": path, "value": value}])
    assert added == tree | {name: value}
    back = [{"op": "test", "path": path, "value": value}, {"op": "remove", "path": path}]
    assert json_patch.apply(added, back) == tree
