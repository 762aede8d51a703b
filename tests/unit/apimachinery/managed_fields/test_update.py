from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.managed_fields import first_fields, update
from pybernetes.apimachinery.schema import schema_of

POD = schema_of(core.Pod)
Tree = dict[str, Any]


def pod(**spec: Any) -> Tree:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "x", "uid": "u", "labels": {"run": "p"}},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {}}], **spec},
        "status": {},
    }


def changed(tree: Tree, **spec: Any) -> Tree:
    tree = copy.deepcopy(tree)
    tree["spec"] |= spec
    return tree


def entries(tree: Tree) -> list[Tree]:
    found: list[Tree] = tree["metadata"].get("managedFields", [])
    return found


def test_creation_owns_every_field_but_the_systems() -> None:
    before = pod()
    tree = update(None, before, "kubectl-run", "Update", POD, 1e9)
    assert before == pod()
    container: Tree = {".": {}, "f:name": {}, "f:image": {}, "f:resources": {}}
    assert entries(tree) == [
        {
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:run": {}}},
                "f:spec": {"f:containers": {'k:{"name":"c"}': container}},
            },
            "manager": "kubectl-run",
            "operation": "Update",
            "time": "2001-09-09T01:46:40Z",
        }
    ]


def test_an_update_moves_what_it_changes_and_only_that() -> None:
    live = update(None, pod(), "a", "Update", POD, 1e9)
    tree = update(live, changed(live, nodeName="n", priority=1), "b", "Update", POD, 2e9)
    tree = update(tree, changed(tree, priority=2), "c", "Update", POD, 3e9)
    found = {e["manager"]: e["fieldsV1"] for e in entries(tree)}
    assert found["b"] == {"f:spec": {"f:nodeName": {}}}
    assert found["c"] == {"f:spec": {"f:priority": {}}}
    assert found["a"] == entries(live)[0]["fieldsV1"]


def test_an_update_that_changes_nothing_leaves_the_entries_alone() -> None:
    live = update(None, pod(), "a", "Update", POD, 1e9)
    assert update(live, copy.deepcopy(live), "b", "Update", POD, 2e9) == live
    systems = copy.deepcopy(live)
    systems["metadata"] |= {"resourceVersion": "5", "generation": 2}
    assert entries(update(live, systems, "b", "Update", POD, 2e9)) == entries(live)


def test_updates_of_one_manager_share_an_entry_but_not_across_subresources() -> None:
    live = update(None, pod(), "a", "Update", POD, 1e9)
    tree = update(live, changed(live, nodeName="n"), "a", "Update", POD, 2e9)
    assert [(e["manager"], e["time"]) for e in entries(tree)] == [("a", "2033-05-18T03:33:20Z")]
    running = copy.deepcopy(tree)
    running["status"] = {"phase": "Running"}
    tree = update(tree, running, "a", "Update", POD, 3e9, "status")
    assert [e.get("subresource", "") for e in entries(tree)] == ["", "status"]
    assert entries(tree)[1]["fieldsV1"] == {"f:status": {"f:phase": {}}}


def test_removed_fields_belong_to_nobody() -> None:
    live = update(None, pod(nodeName="n"), "a", "Update", POD, 1e9)
    without = copy.deepcopy(live)
    del without["spec"]["nodeName"]
    del without["metadata"]["labels"]
    tree = update(live, without, "b", "Update", POD, 2e9)
    (entry,) = entries(tree)
    assert entry["manager"] == "a"
    assert set(entry["fieldsV1"]) == {"f:spec"}
    assert "f:nodeName" not in entry["fieldsV1"]["f:spec"]


def test_fields_that_the_operation_cannot_write_are_not_recorded() -> None:
    both = pod(nodeName="n") | {"status": {"phase": "Running"}}
    tree = update(None, both, "a", "Update", POD, 1e9, ignored=["status"])
    assert set(entries(tree)[0]["fieldsV1"]) == {"f:metadata", "f:spec"}
    tree = update(None, both, "a", "Update", POD, 1e9, "status", ignored=["spec", "metadata.labels"])
    assert set(entries(tree)[0]["fieldsV1"]) == {"f:status"}


def test_a_client_that_sends_no_managed_fields_does_not_delete_them() -> None:
    live = update(None, pod(), "a", "Update", POD, 1e9)
    sent = changed(live, nodeName="n")
    del sent["metadata"]["managedFields"]
    assert [e["manager"] for e in entries(update(live, sent, "b", "Update", POD, 2e9))] == ["a", "b"]


@pytest.mark.parametrize("reset", [[], [{}]])
def test_a_client_may_reset_managed_fields(reset: list[Tree]) -> None:
    live = update(None, pod(), "a", "Update", POD, 1e9)
    sent = copy.deepcopy(live)
    sent["metadata"]["managedFields"] = reset
    assert entries(update(live, sent, "b", "Update", POD, 2e9)) == []
    assert entries(update(live, sent, "b", "Update", POD, 2e9, "status")) == entries(live)


def test_unreadable_managed_fields_count_as_none_sent() -> None:
    live = update(None, pod(), "a", "Update", POD, 1e9)
    sent = copy.deepcopy(live)
    sent["metadata"]["managedFields"][0]["operation"] = "Nonsense"
    assert entries(update(live, sent, "b", "Update", POD, 2e9)) == entries(live)


def test_at_most_ten_updaters_are_remembered() -> None:
    tree = update(None, pod(), "creator", "Update", POD, 1)
    for i in range(20):
        new = copy.deepcopy(tree)
        new["metadata"]["labels"][f"l{i}"] = "x"
        tree = update(tree, new, f"m{i:02}", "Update", POD, 10 + i)
    names = [e["manager"] for e in entries(tree)]
    assert len(names) == 10
    assert names[0] == "ancient-changes"
    assert names[1:] == [f"m{i:02}" for i in range(11, 20)]
    ancient = entries(tree)[0]
    assert {"f:l0", "f:l10"} < set(ancient["fieldsV1"]["f:metadata"]["f:labels"])
    assert ancient["time"] == "1970-01-01T00:00:20Z"


def test_duplicate_items_do_not_break_an_update() -> None:
    twice = pod()
    twice["spec"]["containers"] *= 2
    tree = update(None, twice, "a", "Update", POD, 1e9)
    assert entries(tree)[0]["fieldsV1"]["f:spec"]["f:containers"] == {'k:{"name":"c"}': {}}
    tree = update(tree, {**pod(), "metadata": tree["metadata"]}, "b", "Update", POD, 2e9)
    assert entries(tree)[-1]["manager"] == "b"


def test_items_without_any_key_drop_the_record_instead_of_failing() -> None:
    tree = pod()
    tree["metadata"]["ownerReferences"] = [{"uid": None}]
    assert entries(update(None, tree, "a", "Update", POD, 1e9)) != []
    tree["spec"]["resourceClaims"] = ["x"]
    assert entries(update(None, tree, "a", "Update", POD, 1e9)) == []


def test_an_object_that_nobody_is_kept_book_of_stays_so() -> None:
    assert entries(update(pod(), changed(pod(), nodeName="n"), "me", "Update", POD, 1e9)) == []


def test_a_client_may_make_it_forget_all_managers() -> None:
    live = update(None, pod(), "first", "Update", POD, 1e9)
    reset = changed(live, nodeName="n")
    reset["metadata"]["managedFields"] = [{}]
    assert entries(update(live, reset, "me", "Update", POD, 2e9)) == []


def test_path_elements_of_a_later_release_are_left_out() -> None:
    live = update(None, pod(), "first", "Update", POD, 1e9)
    sent = copy.deepcopy(live)
    entries(sent)[0]["fieldsV1"] = {"x:y": {}, "f:spec": {"f:containers": {"z:1": {}, ".": {}}}}
    assert entries(update(live, sent, "me", "Update", POD, 2e9))[0]["fieldsV1"] == {
        "f:spec": {"f:containers": {".": {}}}
    }
    entries(sent)[0]["fieldsV1"] = {"x:y": {}}
    assert entries(update(live, sent, "me", "Update", POD, 2e9)) == []


@pytest.mark.parametrize("element", ["k:{", "i:a", "f"])
def test_field_sets_of_clients_that_are_none_are_not_taken(element: str) -> None:
    live = update(None, pod(), "first", "Update", POD, 1e9)
    wrong = copy.deepcopy(live)
    entries(wrong)[0]["fieldsV1"] = {element: {}}
    assert entries(update(live, wrong, "me", "Update", POD, 2e9)) == entries(live)


def test_the_entry_tells_the_version_that_was_written_in() -> None:
    made = update(None, pod(), "me", "Update", POD, 1e9, api_version="v2")
    assert [entry["apiVersion"] for entry in entries(made)] == ["v2"]


@pytest.mark.parametrize(
    ("schema", "tree", "ignored"),
    [
        (POD, pod(nodeName="n", tolerations=[{"key": "a"}, {"key": "a"}], volumes=[]), ()),
        (POD, {**pod(), "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}}, ("status",)),
        (schema_of(core.ConfigMap), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}, ()),
        (
            schema_of(core.Service),
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "s", "finalizers": ["b/b", "a/a"], "annotations": {"z": "1", "a": "2"}},
                "spec": {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 53}], "selector": {"a": "b"}},
                "status": {"loadBalancer": {}},
            },
            ("status",),
        ),
        (None, {"apiVersion": "x/v1", "kind": "W", "metadata": {"name": "w"}, "spec": {"l": [1, 2], "m": {}}}, ()),
        (POD, pod(containers=[{"image": "has no name"}]), ()),
    ],
)
def test_a_creator_owns_what_updating_nothing_says(schema: Any, tree: Tree, ignored: tuple[str, ...]) -> None:
    before = copy.deepcopy(tree)
    fields = first_fields(tree, schema, ignored=ignored)
    assert tree == before
    long_way = entries(update(None, tree, "m", "Update", schema, 1e9, ignored=ignored))
    assert json.dumps(fields) == json.dumps(long_way[0]["fieldsV1"] if long_way else {})


def test_a_value_of_another_kind_takes_what_lay_below_along() -> None:
    def widget(value: Any) -> dict[str, Any]:
        return {"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"any": value}}

    deep = {"f:spec": {".": {}, "f:any": {".": {}, "f:q": {".": {}, "f:r": {}}}}}
    live = update(None, widget({"q": {"r": [1]}}), "first", now=1e9)
    assert entries(live)[0]["fieldsV1"] == deep
    flat = update(live, widget({"q": 1}), "second", now=2e9)
    kept = {"f:spec": {".": {}, "f:any": {}}}
    assert [e["fieldsV1"] for e in entries(flat)] == [kept, {"f:spec": {"f:any": {"f:q": {}}}}]
    back = update(flat, widget({"q": {"r": [1]}}), "third", now=3e9)
    assert entries(back)[-1]["fieldsV1"] == {"f:spec": {"f:any": {"f:q": {".": {}, "f:r": {}}}}}
