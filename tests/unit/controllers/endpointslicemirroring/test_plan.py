"""Endpoints written by hand as slices."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.v1 import Endpoints, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.controllers.endpointslicemirroring import plan
from tests.unit.controllers.builders import make

HTTP = [{"name": "http", "port": 80, "protocol": "TCP"}]


def endpoints(*subsets: dict[str, Any], **meta: Any) -> Endpoints:
    metadata = {"name": "db", "namespace": "default", "uid": "e-db", **meta}
    return make(Endpoints, {"metadata": metadata, "subsets": list(subsets)})


def subset(*ips: str, ports: Any = None, waiting: tuple[str, ...] = ()) -> dict[str, Any]:
    ready, unready = [{"ip": ip} for ip in ips], [{"ip": ip} for ip in waiting]
    return {"addresses": ready, "notReadyAddresses": unready, "ports": ports or HTTP}


def stored(each: EndpointSlice, name: str) -> EndpointSlice:
    each.metadata.name, each.metadata.generateName, each.metadata.resourceVersion = name, None, "7"
    return each


def shown(each: EndpointSlice) -> dict[str, bool | None]:
    return {e.addresses[0]: e.conditions.ready for e in each.endpoints}


def test_a_family_and_a_set_of_ports_is_a_slice() -> None:
    other = [{"name": "metrics", "port": 9}]
    given = endpoints(subset("10.0.0.1", "fd00::1", waiting=("10.0.0.2",)), subset("10.0.0.1", ports=other))
    result, invalid, left_out = plan.plan(given, [])
    made = {(s.addressType, s.ports[0].name): shown(s) for s in result.create}
    assert made == {
        ("IPv4", "http"): {"10.0.0.1": True, "10.0.0.2": False},
        ("IPv6", "http"): {"fd00::1": True},
        ("IPv4", "metrics"): {"10.0.0.1": True},
    }
    assert (invalid, left_out) == (0, 0)


def test_labels_annotations_and_owner() -> None:
    kept, dropped = {"a": "b"}, {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    given = endpoints(subset("10.0.0.1"), labels={"app": "db"}, annotations={**kept, **dropped})
    meta = plan.plan(given, [])[0].create[0].metadata
    assert meta.labels == {
        "app": "db",
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": plan.CONTROLLER,
    }
    assert (meta.annotations, meta.generateName) == (kept, "db-")
    assert [(r.kind, r.uid, r.controller) for r in meta.ownerReferences] == [("Endpoints", "e-db", True)]


def test_what_is_right_stays_and_what_changed_keeps_its_slice() -> None:
    given = endpoints(subset("10.0.0.1"))
    old = stored(plan.plan(given, [])[0].create[0], "db-1")
    assert plan.plan(given, [old])[0] == plan.Plan()
    result, _, _ = plan.plan(endpoints(subset("10.0.0.2")), [old])
    assert [(s.metadata.name, s.metadata.resourceVersion, shown(s)) for s in result.update] == [
        ("db-1", "7", {"10.0.0.2": True})
    ]
    assert (result.create, result.delete) == ([], [])


def test_other_ports_take_over_the_slice_that_would_go() -> None:
    old = stored(plan.plan(endpoints(subset("10.0.0.1")), [])[0].create[0], "db-1")
    result, _, _ = plan.plan(endpoints(subset("10.0.0.1", ports=[{"name": "http", "port": 81}])), [old])
    assert [(s.metadata.name, s.ports[0].port) for s in result.update] == [("db-1", 81)]
    assert plan.plan(endpoints(), [old])[0].delete == [old]


def test_addresses_that_are_none_and_too_many() -> None:
    many = [f"10.0.{i // 250}.{i % 250 + 1}" for i in range(plan.MAX_ENDPOINTS + 3)]
    result, invalid, left_out = plan.plan(endpoints(subset("nowhere", *many)), [])
    assert (len(result.create[0].endpoints), invalid, left_out) == (plan.MAX_ENDPOINTS, 1, 3)


@pytest.mark.parametrize(
    ("meta", "selector", "mirrored"),
    [
        ({}, {}, True),
        ({}, {"app": "db"}, False),
        ({"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}, {}, False),
        ({"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}, {}, False),
    ],
)
def test_what_is_mirrored(meta: dict[str, Any], selector: dict[str, str], mirrored: bool) -> None:
    service = make(Service, {"spec": {"selector": selector}})
    assert plan.is_mirrored(endpoints(**meta), service) is mirrored
    assert not plan.is_mirrored(endpoints(**meta), None)
    assert not plan.is_mirrored(None, service)
