from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.apps import v1 as apps
from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.errors import BadRequest, Conflict
from pybernetes.apimachinery.managed_fields import apply, update
from pybernetes.apimachinery.managed_fields.manager import LAST_APPLIED
from pybernetes.apimachinery.schema import custom_resource, schema_of

DEPLOYMENT = schema_of(apps.Deployment)
SERVICE = schema_of(core.Service)
CONFIG_MAP = schema_of(core.ConfigMap)
Tree = dict[str, Any]


def deployment(**changes: Any) -> Tree:
    spec: Tree = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80}]}]},
        },
    }
    spec |= changes
    spec = {k: v for k, v in spec.items() if v is not None}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "x"}, "spec": spec}


def config_map(**data: str) -> Tree:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data}


def fields_of(tree: Tree, manager: str) -> Tree:
    found = [e["fieldsV1"] for e in tree["metadata"].get("managedFields", []) if e["manager"] == manager]
    return found[0] if found else {}


def managers_of(tree: Tree) -> list[tuple[str, str]]:
    return [(e["manager"], e["operation"]) for e in tree["metadata"].get("managedFields", [])]


def plain(tree: Tree) -> Tree:
    tree = copy.deepcopy(tree)
    tree["metadata"].pop("managedFields", None)
    return tree


def test_applying_creates_and_owns_what_was_said() -> None:
    tree = apply(None, deployment(), "me", schema=DEPLOYMENT, now=1e9)
    assert plain(tree) == deployment(strategy={}) | {"status": {}}
    container: Tree = {
        ".": {},
        "f:name": {},
        "f:image": {},
        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
    }
    assert tree["metadata"]["managedFields"] == [
        {
            "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:spec": {
                    "f:replicas": {},
                    "f:selector": {},
                    "f:template": {
                        "f:metadata": {"f:labels": {"f:app": {}}},
                        "f:spec": {"f:containers": {'k:{"name":"c"}': container}},
                    },
                }
            },
            "manager": "me",
            "operation": "Apply",
            "time": "2001-09-09T01:46:40Z",
        }
    ]


def test_applying_the_same_again_changes_nothing() -> None:
    first = apply(None, deployment(), "me", schema=DEPLOYMENT, now=1e9)
    assert apply(first, deployment(), "me", schema=DEPLOYMENT, now=2e9) == first


def test_a_conflict_names_manager_and_field() -> None:
    live = update(None, deployment(), "kubectl-client-side-apply", "Update", DEPLOYMENT, 1e9)
    with pytest.raises(Conflict) as caught:
        apply(live, deployment(replicas=5), "me", schema=DEPLOYMENT)
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas'
    )
    (cause,) = caught.value.details.causes
    assert cause.reason == "FieldManagerConflict"
    assert cause.message == 'conflict with "kubectl-client-side-apply" using apps/v1'
    assert cause.field_ == ".spec.replicas"


def test_several_conflicts_are_listed_by_manager() -> None:
    live = apply(None, deployment(), "a", schema=DEPLOYMENT)
    live = update(live, deployment_with(live, minReadySeconds=1), "b", "Update", DEPLOYMENT, 1e9, "status")
    with pytest.raises(Conflict) as caught:
        apply(live, deployment(replicas=5, minReadySeconds=2), "me", schema=DEPLOYMENT)
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.replicas\n'
        'conflicts with "b" with subresource "status" using apps/v1:\n- .spec.minReadySeconds'
    )


def deployment_with(live: Tree, **changes: Any) -> Tree:
    tree = copy.deepcopy(live)
    tree["spec"] |= changes
    return tree


def test_managers_with_a_subresource_stand_before_those_without() -> None:
    live = update(None, deployment(minReadySeconds=1), "a", schema=DEPLOYMENT, now=1e9)
    live = update(live, deployment(minReadySeconds=1, replicas=4), "a", "Update", DEPLOYMENT, 2e9, "scale")
    with pytest.raises(Conflict) as caught:
        apply(live, deployment(minReadySeconds=7, replicas=5), "me", schema=DEPLOYMENT, now=3e9)
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "a" with subresource "scale" using apps/v1:\n- .spec.replicas\n'
        'conflicts with "a" using apps/v1:\n- .spec.minReadySeconds'
    )


def test_what_the_operation_cannot_write_is_no_conflict_and_stays_owned() -> None:
    live = update(None, deployment(), "a", schema=DEPLOYMENT, now=1e9)
    status = {**deployment(replicas=9), "status": {"replicas": 1}}
    tree = apply(live, status, "me", schema=DEPLOYMENT, now=2e9, subresource="status", ignored=["spec"])
    assert fields_of(tree, "me") == {"f:status": {"f:replicas": {}}}
    assert "f:replicas" in fields_of(tree, "a")["f:spec"]


def test_force_takes_the_field_over() -> None:
    live = apply(None, deployment(), "a", schema=DEPLOYMENT)
    tree = apply(live, deployment(replicas=5), "b", True, DEPLOYMENT)
    assert tree["spec"]["replicas"] == 5
    assert "f:replicas" not in fields_of(tree, "a")["f:spec"]
    assert "f:replicas" in fields_of(tree, "b")["f:spec"]


def test_the_same_value_is_shared_and_survives_one_owner() -> None:
    live = apply(None, deployment(), "a", schema=DEPLOYMENT)
    live = apply(live, deployment(), "b", schema=DEPLOYMENT)
    live = apply(live, deployment(replicas=None), "a", schema=DEPLOYMENT)
    assert live["spec"]["replicas"] == 3
    live = apply(live, deployment(replicas=None), "b", schema=DEPLOYMENT)
    assert "replicas" not in live["spec"]


def test_what_is_no_longer_applied_goes_unless_others_own_it() -> None:
    live = apply(None, config_map(a="1", b="2", c="3"), "me", schema=CONFIG_MAP)
    changed = copy.deepcopy(live)
    changed["data"]["b"] = "9"
    live = update(live, changed, "other", "Update", CONFIG_MAP)
    live = apply(live, config_map(c="3"), "me", schema=CONFIG_MAP)
    assert live["data"] == {"b": "9", "c": "3"}
    live = apply(live, {**config_map(), "data": None}, "me", schema=CONFIG_MAP)
    assert live["data"] == {"b": "9"}


def test_what_loses_its_last_entry_stays_where_somebody_owns_it() -> None:
    live = update(None, config_map(a="1"), "other", schema=CONFIG_MAP, now=1e9)
    live = apply(live, config_map(a="2"), "me", True, CONFIG_MAP, 2e9)
    tree = apply(
        live, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}}, "me", True, CONFIG_MAP, 3e9
    )
    assert tree["data"] == {}
    assert fields_of(tree, "other") == {"f:data": {}}
    assert fields_of(tree, "me") == {}


def test_items_of_a_keyed_list_come_and_go() -> None:
    two = [{"name": "c", "image": "nginx"}, {"name": "d", "image": "y"}]
    template = {"metadata": {}, "spec": {"containers": two}}
    live = apply(None, deployment(template=template), "me", schema=DEPLOYMENT)
    sidecar = copy.deepcopy(live)
    sidecar["spec"]["template"]["spec"]["containers"].insert(0, {"name": "side", "image": "z"})
    live = update(live, sidecar, "injector", "Update", DEPLOYMENT)
    live = apply(live, deployment(template={"metadata": {}, "spec": {"containers": two[1:]}}), "me", schema=DEPLOYMENT)
    assert [c["name"] for c in live["spec"]["template"]["spec"]["containers"]] == ["side", "d"]
    assert managers_of(live) == [("me", "Apply"), ("injector", "Update")]


def test_an_absent_protocol_is_tcp_in_the_key_of_a_port() -> None:
    def service(*ports: Tree) -> Tree:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": list(ports)}}

    live = apply(None, service({"port": 53}, {"port": 53, "protocol": "UDP"}), "me", schema=SERVICE)
    stored = copy.deepcopy(live)
    stored["spec"]["ports"][0]["protocol"] = "TCP"
    tree = apply(stored, service({"port": 53, "targetPort": 5}, {"port": 53, "protocol": "UDP"}), "me", schema=SERVICE)
    tcp = {"port": 53, "protocol": "TCP", "targetPort": 5}
    assert tree["spec"]["ports"] == [tcp, {"port": 53, "protocol": "UDP"}]


def test_atomic_maps_are_owned_as_a_whole() -> None:
    live = apply(None, deployment(), "me", schema=DEPLOYMENT)
    assert fields_of(live, "me")["f:spec"]["f:selector"] == {}
    with pytest.raises(Conflict, match=r"\.spec\.selector$"):
        apply(live, deployment(selector={"matchLabels": {"app": "other"}}), "b", schema=DEPLOYMENT)


def test_a_quantity_written_differently_is_no_change() -> None:
    def limited(cpu: Any) -> Tree:
        container = {"name": "c", "resources": {"limits": {"cpu": cpu}}}
        return deployment(template={"metadata": {}, "spec": {"containers": [container]}})

    live = apply(None, limited("500m"), "a", schema=DEPLOYMENT)
    for cpu in ("0.5", 0.5, "500m"):
        shared = apply(live, limited(cpu), "b", schema=DEPLOYMENT)
        assert plain(shared) == plain(live)
    with pytest.raises(Conflict):
        apply(live, limited("0.6"), "b", schema=DEPLOYMENT)


def test_sets_of_scalars() -> None:
    def with_finalizers(*names: str) -> Tree:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "finalizers": list(names)}}

    live = apply(None, with_finalizers("x/a"), "a", schema=CONFIG_MAP)
    live = apply(live, with_finalizers("x/b"), "b", schema=CONFIG_MAP)
    assert live["metadata"]["finalizers"] == ["x/a", "x/b"]
    live = apply(live, with_finalizers("x/c"), "a", schema=CONFIG_MAP)
    assert sorted(live["metadata"]["finalizers"]) == ["x/b", "x/c"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"foo": 1}, ".spec.foo: field not declared in schema"),
        ({"replicas": "x"}, ".spec.replicas: expected numeric (int or float), got string"),
        ({"template": []}, ".spec.template: expected map, got &{[]}"),
        (
            {"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}},
            '.spec.template.spec.containers: duplicate entries for key [name="a"]',
        ),
    ],
)
def test_what_does_not_fit_the_schema_is_refused(change: Tree, problem: str) -> None:
    with pytest.raises(BadRequest) as caught:
        apply(None, deployment(**change), "me", schema=DEPLOYMENT)
    start = "failed to create typed patch object (x/web; apps/v1, Kind=Deployment): "
    assert caught.value.message == start + problem


def test_requests_that_apply_cannot_be() -> None:
    with pytest.raises(BadRequest, match=r"metadata\.managedFields must be nil"):
        tree = deployment()
        tree["metadata"]["managedFields"] = []
        apply(None, tree, "me", schema=DEPLOYMENT)
    with pytest.raises(BadRequest, match="invalid object type: apps/v2, Kind=Deployment"):
        apply(deployment(), {**deployment(), "apiVersion": "apps/v2"}, "me", schema=DEPLOYMENT)
    with pytest.raises(BadRequest, match="invalid object type"):
        apply(None, {"metadata": {}}, "me", schema=DEPLOYMENT)


def test_an_object_without_managers_belongs_to_before_first_apply() -> None:
    live = deployment()
    tree = apply(live, deployment(minReadySeconds=5), "me", schema=DEPLOYMENT)
    assert managers_of(tree) == [("me", "Apply"), ("before-first-apply", "Update")]
    with pytest.raises(Conflict, match=r'"before-first-apply" using apps/v1: \.spec\.replicas'):
        apply(live, deployment(replicas=1), "me", schema=DEPLOYMENT)


def client_side_applied(tree: Tree) -> Tree:
    live = copy.deepcopy(tree)
    live["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(tree)}
    return update(None, live, "kubectl-client-side-apply", "Update", DEPLOYMENT, 1e9)


def test_kubectl_takes_over_what_it_applied_client_side() -> None:
    live = client_side_applied(deployment())
    tree = apply(live, deployment(replicas=5), "kubectl", schema=DEPLOYMENT)
    assert tree["spec"]["replicas"] == 5
    assert json.loads(tree["metadata"]["annotations"][LAST_APPLIED]) == deployment(replicas=5)
    with pytest.raises(Conflict):
        apply(live, deployment(replicas=5), "other", schema=DEPLOYMENT)


def test_kubectl_does_not_take_over_what_was_changed_since() -> None:
    live = client_side_applied(deployment())
    scaled = update(live, deployment_with(live, replicas=9), "hpa", "Update", DEPLOYMENT, 2e9, "scale")
    with pytest.raises(Conflict, match=r'conflict with "hpa" with subresource "scale" using apps/v1: \.spec\.replicas'):
        apply(scaled, deployment(replicas=5), "kubectl", schema=DEPLOYMENT)


def test_custom_resources_with_and_without_a_schema() -> None:
    schema = custom_resource(
        {
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "properties": {
                        "items": {
                            "type": "array",
                            "x-kubernetes-list-type": "map",
                            "x-kubernetes-list-map-keys": ["id"],
                            "items": {
                                "type": "object",
                                "properties": {"id": {"type": "string", "default": "0"}, "v": {"type": "integer"}},
                            },
                        },
                        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        "whole": {
                            "type": "object",
                            "x-kubernetes-map-type": "atomic",
                            "additionalProperties": {"type": "string"},
                        },
                    },
                }
            },
        }
    )

    def tree(**spec: Any) -> Tree:
        return {"apiVersion": "x.io/v1", "kind": "Foo", "metadata": {"name": "f"}, "spec": spec}

    live = apply(None, tree(items=[{"v": 1}], free={"a": {"b": 1}}, whole={"k": "v"}), "a", schema=schema)
    live = apply(live, tree(items=[{"id": "1", "v": 2}], free={"a": {"c": 2}}), "b", schema=schema)
    assert live["spec"]["items"] == [{"v": 1}, {"id": "1", "v": 2}]
    assert live["spec"]["free"] == {"a": {"b": 1, "c": 2}}
    assert fields_of(live, "a")["f:spec"]["f:whole"] == {}
    with pytest.raises(BadRequest, match=r"\.spec\.nope: field not declared in schema"):
        apply(live, tree(nope=1), "a", schema=schema)

    live = apply(None, tree(list=[1], map={"a": 1}), "a")
    live = apply(live, tree(map={"b": 2}), "b")
    assert live["spec"] == {"list": [1], "map": {"a": 1, "b": 2}}
    with pytest.raises(Conflict, match=r"\.spec\.list$"):
        apply(live, tree(list=[1, 2]), "b")


keys = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12"), max_size=4)
container_names = st.lists(st.sampled_from("pqrs"), unique=True, min_size=1, max_size=3)


@st.composite
def configurations(draw: st.DrawFn) -> Tree:
    containers = [
        {"name": name, "image": draw(st.sampled_from(["i", "j"])), "env": draw(environments)}
        for name in draw(container_names)
    ]
    tree = deployment(template={"metadata": {"labels": draw(keys)}, "spec": {"containers": containers}})
    tree["metadata"]["annotations"] = draw(keys)
    if draw(st.booleans()):
        tree["spec"]["replicas"] = draw(st.integers(0, 3))
    return tree


environments = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("XYZ"), "value": st.sampled_from("12")}),
    unique_by=lambda e: str(e["name"]),
    max_size=3,
)


@settings(max_examples=60)
@given(configurations(), configurations())
def test_applying_is_idempotent_whatever_came_before(first: Tree, second: Tree) -> None:
    live = apply(None, first, "a", schema=DEPLOYMENT, now=1)
    live = apply(live, second, "a", schema=DEPLOYMENT, now=2)
    assert apply(live, second, "a", schema=DEPLOYMENT, now=3) == live


@settings(max_examples=60)
@given(configurations(), configurations())
def test_a_lone_manager_gets_exactly_what_it_applies(first: Tree, second: Tree) -> None:
    live = apply(None, first, "a", schema=DEPLOYMENT)
    live = apply(live, second, "a", schema=DEPLOYMENT)
    assert without_empties(plain(live)) == without_empties(second)


def without_empties(tree: Any) -> Any:
    """An empty list or map that was emptied and one that never was are the same to the API."""
    if isinstance(tree, dict):
        return {k: v for k, v in ((k, without_empties(v)) for k, v in tree.items()) if v not in ({}, [], None)}
    return [without_empties(item) for item in tree] if isinstance(tree, list) else tree


@settings(max_examples=60)
@given(keys, keys, keys)
def test_disjoint_fields_of_two_managers_survive_each_other(mine: Tree, theirs: Tree, later: Tree) -> None:
    theirs = {f"their-{k}": v for k, v in theirs.items()}
    live = apply(None, config_map(**mine), "me", schema=CONFIG_MAP)
    live = apply(live, config_map(**theirs), "them", schema=CONFIG_MAP)
    assert live.get("data", {}) == mine | theirs
    live = apply(live, config_map(**later), "me", schema=CONFIG_MAP)
    assert live.get("data") or later | theirs == {}
    live = apply(live, config_map(), "them", schema=CONFIG_MAP)
    assert (live.get("data") or {}) == later


@settings(max_examples=60)
@given(configurations(), configurations(), configurations())
def test_forcing_wins_and_nobody_owns_what_is_not_there(first: Tree, second: Tree, third: Tree) -> None:
    live = apply(None, first, "a", schema=DEPLOYMENT)
    live = apply(live, second, "b", True, DEPLOYMENT)
    live = apply(live, third, "a", True, DEPLOYMENT)
    from pybernetes.apimachinery.managed_fields import typed
    from pybernetes.apimachinery.managed_fields.field_set import difference, union

    there = typed.field_set(plain(live), DEPLOYMENT)
    owned = union(fields_of(live, "a"), fields_of(live, "b"))
    assert difference(owned, typed.with_named_fields(union(there, empties(plain(live))), DEPLOYMENT)) == {}
    assert typed.merge(plain(live), third, DEPLOYMENT) == plain(live)


def empties(tree: Tree) -> Tree:
    """The set of the empty lists and maps of a tree, which may be owned although they hold nothing."""
    found: Tree = {}
    for name, value in tree.items():
        if value in ({}, []):
            found[f"f:{name}"] = {}
        elif isinstance(value, dict) and (below := empties(value)):
            found[f"f:{name}"] = below
    return found
