from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.apps import v1 as apps
from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apimachinery.patches import strategic
from pybernetes.apimachinery.schema import schema_of
from tests.work import calls

POD = schema_of(core.Pod)
DEPLOYMENT = schema_of(apps.Deployment)


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": spec}


def patched(patch: dict[str, Any], **spec: Any) -> Any:
    return strategic.apply(pod(**spec), {"spec": patch}, POD)["spec"]


A, B, C = {"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "c", "image": "3"}


@pytest.mark.parametrize(
    ("items", "patch", "expected"),
    [
        ([A, B], [{"name": "b", "image": "9"}], [A, {"name": "b", "image": "9"}]),
        ([A], [B], [B, A]),
        ([A, B], [{"name": "a", "$patch": "delete"}], [B]),
        ([A, B], [C, {"$patch": "replace"}], [C]),
        ([A], [{"name": "a", "$patch": "replace", "image": "5"}], []),
        ([A, B], [{"name": "a", "image": None}], [{"name": "a"}, B]),
        ([], [A], [A]),
        ([A, B, C], [{"name": "c", "tty": True}, {"name": "a", "tty": True}],
         [B, {**C, "tty": True}, {**A, "tty": True}]),
    ],
)  # fmt: skip
def test_keyed_lists_merge_by_key(items: list[Any], patch: list[Any], expected: list[Any]) -> None:
    assert patched({"containers": patch}, containers=items)["containers"] == expected


def test_set_element_order_orders_and_keeps_what_only_the_server_has() -> None:
    order = [{"name": "c"}, {"name": "a"}]
    result = patched({"$setElementOrder/containers": order, "containers": [C]}, containers=[A, B])
    assert [c["name"] for c in result["containers"]] == ["c", "a", "b"]
    result = patched({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}, containers=[A, C, B])
    assert [c["name"] for c in result["containers"]] == ["c", "b", "a"]


def test_set_element_order_of_a_client_that_takes_an_item_out() -> None:
    patch = {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b", "$patch": "delete"}]}
    assert patched(patch, containers=[A, B])["containers"] == [A]


def test_sets_of_scalars_merge_and_delete() -> None:
    def finalizers(patch: dict[str, Any]) -> Any:
        tree = {"metadata": {"finalizers": ["a", "b"]}}
        return strategic.apply(tree, {"metadata": patch}, POD)["metadata"]["finalizers"]

    assert finalizers({"finalizers": ["c", "a"]}) == ["c", "a", "b"]
    assert finalizers({"$deleteFromPrimitiveList/finalizers": ["a"]}) == ["b"]
    assert finalizers({"$setElementOrder/finalizers": ["b", "a"]}) == ["b", "a"]
    both = {
        "$deleteFromPrimitiveList/finalizers": ["a"],
        "$setElementOrder/finalizers": ["b", "d"],
        "finalizers": ["d"],
    }
    assert finalizers(both) == ["b", "d"]


def test_other_lists_are_replaced() -> None:
    tolerations = [{"key": "a"}, {"key": "b"}]
    assert patched({"tolerations": [{"key": "c"}]}, tolerations=tolerations)["tolerations"] == [{"key": "c"}]
    container = {**A, "command": ["x", "y"]}
    result = patched({"containers": [{"name": "a", "command": ["z"]}]}, containers=[container])
    assert result["containers"][0]["command"] == ["z"]


def test_directives_on_maps() -> None:
    selector = {"x": "1", "y": "2"}
    assert patched({"nodeSelector": {"$patch": "replace", "z": "3"}}, nodeSelector=selector)["nodeSelector"] == {
        "z": "3"
    }
    assert patched({"nodeSelector": {"$patch": "delete"}}, nodeSelector=selector)["nodeSelector"] == {}
    assert patched({"nodeSelector": {"x": None, "q": None}}, nodeSelector=selector)["nodeSelector"] == {"y": "2"}
    assert patched({"nodeSelector": None}, nodeSelector=selector) == {}


def test_retain_keys_takes_out_what_the_patch_does_not_name() -> None:
    live = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic.apply(live, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}
    assert strategic.apply({"spec": {}}, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_volumes_retain_keys_within_a_keyed_list() -> None:
    patch = {"volumes": [{"$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": {"path": "/x"}}]}
    result = patched(patch, volumes=[{"name": "v", "emptyDir": {}}])
    assert result["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"containers": [{"image": "x"}]}, "map: map[image:x] does not contain declared merge key: name"),
        ({"containers": [{"name": "a", "$patch": "merge"}]}, "merging lists cannot yet be specified in the patch"),
        ({"containers": [{"name": "a", "$patch": "foo"}]}, "unknown patch type: foo in map: map[$patch:foo name:a]"),
        ({"nodeSelector": {"$patch": "foo"}}, "unknown patch type: foo in map: map[$patch:foo]"),
        ({"$setElementOrder/containers": "x"}, "invalid patch format of setElementOrder list"),
        ({"$setElementOrder": []}, "invalid patch format of setElementOrder list"),
        ({"$deleteFromPrimitiveList": []}, "invalid patch format of primitive list"),
        ({"nodeSelector": {"$retainKeys": ["x"], "y": "1"}}, "invalid patch format of retainKeys"),
        ({"containers": ["x"]}, "list element types are not identical: [[map[image:1 name:a]] [x]]"),
        ({"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "c"}]}, "The order in patch list"),
    ],
)
def test_bad_patches_are_a_400(patch: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        patched(patch, containers=[A], nodeSelector={"x": "1"})
    assert message in caught.value.message


names = st.lists(st.sampled_from("abcdef"), unique=True, max_size=4)


@given(names, names)
def test_merging_keyed_lists_is_a_union_and_idempotent(left: list[str], right: list[str]) -> None:
    live = pod(containers=[{"name": n, "image": "live"} for n in left])
    patch = {"spec": {"containers": [{"name": n, "image": "patch"} for n in right]}}
    before, patch_before = copy.deepcopy(live), copy.deepcopy(patch)
    result = strategic.apply(live, patch, POD)
    assert (live, patch) == (before, patch_before)
    found = {c["name"]: c["image"] for c in result["spec"]["containers"]}
    assert found == {n: "patch" if n in right else "live" for n in {*left, *right}}
    order = [c["name"] for c in result["spec"]["containers"]]
    assert [n for n in order if n in right] == right
    assert [n for n in order if n not in right] == [n for n in left if n not in right]
    assert strategic.apply(result, patch, POD) == result


def env(count: int, **more: str) -> list[dict[str, str]]:
    return [{"name": f"e{i}", **more} for i in range(count)]


LONG = {
    "changed": lambda n: {"env": env(n, value="2")},
    "added": lambda n: {"env": [{"name": f"x{i}", "value": "2"} for i in range(n)]},
    "deleted": lambda n: {"env": env(n, **{"$patch": "delete"})},
    "ordered": lambda n: {"$setElementOrder/env": env(n)[::-1]},
}


@pytest.mark.parametrize("patch", LONG.values(), ids=LONG)
def test_a_long_keyed_list_costs_what_its_items_cost(patch: Callable[[int], dict[str, Any]]) -> None:
    def work(count: int) -> int:
        live = pod(containers=[{"name": "a", "env": env(count, value="1")}])
        change = {"spec": {"containers": [{"name": "a", **patch(count)}]}}
        return calls(lambda: strategic.apply(live, change, POD))

    assert work(400) < 3 * work(200)


@pytest.mark.parametrize("field", ["finalizers", "$deleteFromPrimitiveList/finalizers"])
def test_a_long_list_of_words_costs_what_its_words_cost(field: str) -> None:
    def work(count: int) -> int:
        live = {"metadata": {"finalizers": [f"a/{i}" for i in range(count)]}}
        change = {"metadata": {field: [f"a/{i + count // 2}" for i in range(count)]}}
        return calls(lambda: strategic.apply(live, change, POD))

    assert work(400) < 3 * work(200)
