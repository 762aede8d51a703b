"""The EndpointSlices a Service should have, and the least change that gets there."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Node, Pod, Service, ServicePort
from pybernetes.api.discovery.v1 import EndpointSlice, ForNode, ForZone
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.endpointslice import plan as planning
from pybernetes.controllers.endpointslice.plan import Plan
from pybernetes.controllers.endpointslice.service_pods import TriggerTimes
from tests.unit.controllers.services import CREATED, node, pod, service

_NAMES = itertools.count()
NODES = {"n1": node("n1", zone="a"), "n2": node("n2", zone="b")}


def find(name: str) -> Node | None:
    return NODES.get(name)


def plan(of: Service, pods: list[Pod], slices: list[EndpointSlice] | None = None, most: int = 100) -> Plan:
    return planning.plan(of, pods, slices or [], find, most)


def only(of: Service, pods: list[Pod]) -> EndpointSlice:
    result = plan(of, pods)
    assert (len(result.create), result.update, result.delete) == (1, [], [])
    return result.create[0]


def stored(result: Plan, old: list[EndpointSlice] | None = None) -> list[EndpointSlice]:
    """The slices after a plan was carried out."""
    kept = {s.metadata.name: s for s in old or []}
    for gone in result.delete:
        del kept[gone.metadata.name]
    for changed in result.update:
        kept[changed.metadata.name] = fresh(changed)
    for made in result.create:
        made = fresh(made)
        name = f"{made.metadata.generateName}{next(_NAMES)}"
        made.metadata.name, made.metadata.generateName = name, None
        kept[name] = made
    return list(kept.values())


def test_what_a_slice_says() -> None:
    made = only(service(labels={"team": "x"}), [pod("a", "10.0.0.1")])
    assert made.addressType == "IPv4"
    assert made.metadata.generateName == "web-"
    assert made.metadata.labels == {
        "team": "x",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    owner = made.metadata.ownerReferences[0]
    assert (owner.kind, owner.uid, owner.controller, owner.blockOwnerDeletion) == ("Service", "svc-web", True, True)
    assert [(p.name, p.port, p.protocol) for p in made.ports] == [("", 8080, "TCP")]
    endpoint = made.endpoints[0]
    assert endpoint.addresses == ["10.0.0.1"]
    assert (endpoint.nodeName, endpoint.zone) == ("n1", "a")
    assert endpoint.targetRef is not None
    assert (endpoint.targetRef.kind, endpoint.targetRef.name, endpoint.targetRef.uid) == ("Pod", "a", "pod-a")


@pytest.mark.parametrize(
    ("made", "publish", "expected"),
    [
        pytest.param(pod("a", "10.0.0.1"), False, (True, True, False), id="ready"),
        pytest.param(pod("a", "10.0.0.1", ready=False), False, (False, False, False), id="not-ready"),
        pytest.param(pod("a", "10.0.0.1", terminating=True), False, (False, True, True), id="draining"),
        pytest.param(pod("a", "10.0.0.1", ready=False), True, (True, False, False), id="published-anyway"),
        pytest.param(pod("a", "10.0.0.1", phase="Succeeded"), False, None, id="finished"),
        pytest.param(pod("a", ""), False, None, id="no-address-yet"),
    ],
)
def test_conditions(made: Pod, publish: bool, expected: tuple[bool, bool, bool] | None) -> None:
    endpoints = only(service(publishNotReadyAddresses=publish), [made]).endpoints
    if expected is None:
        assert endpoints == []
    else:
        conditions = endpoints[0].conditions
        assert conditions is not None
        assert (conditions.ready, conditions.serving, conditions.terminating) == expected


def test_named_ports_are_resolved_per_pod() -> None:
    of = service(ports=[ServicePort(name="http", port=80, targetPort="web", protocol="TCP")])
    result = plan(
        of,
        [
            pod("a", "10.0.0.1", ports=[("web", 8080)]),
            pod("b", "10.0.0.2", ports=[("web", 9090)]),
            pod("c", "10.0.0.3", ports=[("web", 8080)]),
        ],
    )
    found = {s.ports[0].port: [e.addresses[0] for e in s.endpoints] for s in result.create}
    assert found == {8080: ["10.0.0.1", "10.0.0.3"], 9090: ["10.0.0.2"]}


def test_a_headless_service() -> None:
    made = only(service(clusterIP="None", ports=[]), [pod("a", "10.0.0.1", hostname="db-0", subdomain="web")])
    assert made.ports == []
    assert made.endpoints[0].hostname == "db-0"
    assert made.metadata.labels["service.kubernetes.io/headless"] == ""


def test_no_pods_leave_a_placeholder_and_then_nothing_to_do() -> None:
    of = service()
    slices = stored(plan(of, []))
    assert [(s.endpoints, s.ports) for s in slices] == [([], [])]
    assert plan(of, [], slices) == Plan()
    filled = plan(of, [pod("a", "10.0.0.1")], slices)
    assert (len(filled.create), len(filled.update), len(filled.delete)) == (0, 1, 0), "the placeholder is used"


def test_an_unknown_node_leaves_the_pod_out() -> None:
    result = plan(service(), [pod("a", "10.0.0.1", node="gone"), pod("b", "10.0.0.2")])
    assert [e.addresses for e in result.create[0].endpoints] == [["10.0.0.2"]]
    assert result.missing_nodes == {"gone"}
    published = plan(service(publishNotReadyAddresses=True), [pod("a", "10.0.0.1", node="gone")])
    assert len(published.create[0].endpoints) == 1


@pytest.mark.parametrize(
    ("wanted", "zones", "nodes"),
    [(None, [], []), ("PreferClose", ["a"], []), ("PreferSameZone", ["a"], []), ("PreferSameNode", ["a"], ["n1"])],
)
def test_hints_of_traffic_distribution(wanted: str | None, zones: list[str], nodes: list[str]) -> None:
    hints = only(service(trafficDistribution=wanted), [pod("a", "10.0.0.1")]).endpoints[0].hints
    assert (hints.forZones if hints else []) == [ForZone(name=zone) for zone in zones]
    assert (hints.forNodes if hints else []) == [ForNode(name=name) for name in nodes]


def test_slices_of_an_older_service_of_the_name_are_replaced() -> None:
    old = stored(plan(service(), [pod("a", "10.0.0.1")]))
    of = service()
    of.metadata.uid = "svc-newer"
    result = plan(of, [pod("a", "10.0.0.1")], old)
    assert (len(result.create), result.update, result.delete) == (1, [], old)


def test_a_change_of_labels_updates_every_slice() -> None:
    pods = [pod(f"p{i}", f"10.0.0.{i}") for i in range(5)]
    slices = stored(plan(service(), pods, most=2))
    result = plan(service(labels={"new": "x"}), pods, slices, most=2)
    assert (len(result.create), len(result.update), len(result.delete)) == (0, 3, 0)


def test_a_pod_that_stops_being_ready_touches_one_slice() -> None:
    of = service()
    pods = [pod(f"p{i}", f"10.0.0.{i}") for i in range(10)]
    slices = stored(plan(of, pods, most=4))
    pods[3] = pod("p3", "10.0.0.3", ready=False)
    result = plan(of, pods, slices, most=4)
    assert (len(result.create), len(result.update), len(result.delete)) == (0, 1, 0)


pod_sets = st.dictionaries(st.integers(1, 60), st.tuples(st.booleans(), st.sampled_from([80, 81])), max_size=40)


@settings(max_examples=150, deadline=None)
@given(st.lists(pod_sets, min_size=2, max_size=4), st.integers(1, 12))
def test_any_sequence_of_changes_converges_in_one_step(steps: list[Any], most: int) -> None:
    of = service(ports=[ServicePort(name="http", port=80, targetPort="web", protocol="TCP")])
    slices: list[EndpointSlice] = []
    for wanted in steps:
        pods = [pod(f"p{i}", f"10.0.0.{i}", ready=ready, ports=[("web", port)]) for i, (ready, port) in wanted.items()]
        result = plan(of, pods, slices, most)
        changed = {s.metadata.name for s in result.update + result.delete}
        assert len(changed) == len(result.update) + len(result.delete)
        slices = stored(result, slices)
        assert all(len(s.endpoints) <= most for s in slices)
        found = {
            (e.addresses[0], s.ports[0].port, e.conditions.ready if e.conditions else None)
            for s in slices
            for e in s.endpoints
        }
        assert found == {(f"10.0.0.{i}", port, ready) for i, (ready, port) in wanted.items()}
        assert sum(len(s.endpoints) for s in slices) == len(wanted)
        assert plan(of, pods, slices, most) == Plan(), "a second look finds nothing to do"


def test_trigger_times() -> None:
    times = TriggerTimes()
    first = pod("a", "10.0.0.1", since="2026-01-01T00:00:05Z")
    assert times.compute("default/web", service(), [first]) == CREATED, "a new Service counts from its creation"
    assert times.compute("default/web", service(), [first]) == ""
    later = [
        pod("a", "10.0.0.1", ready=False, since="2026-01-01T00:00:09Z"),
        pod("b", "10.0.0.2", since="2026-01-01T00:00:07Z"),
    ]
    assert times.compute("default/web", service(), later) == "2026-01-01T00:00:07Z", "the earliest change"
    times.forget("default/web")
    assert times.compute("default/web", service(), later) == CREATED
