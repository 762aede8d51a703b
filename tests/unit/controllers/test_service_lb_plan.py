"""Which address of a pool a Service gets."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.controllers.service_lb import plan
from tests.unit.controllers.builders import make

POOL = ("203.0.113.0/30", "2001:db8::1-2001:db8::2")


def service(name: str, *given: str, **spec: Any) -> Service:
    status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in given]}}
    tree = {"metadata": {"name": name, "namespace": "default"}, "spec": {"type": "LoadBalancer", **spec}}
    return make(Service, {**tree, "status": status})


@pytest.mark.parametrize(
    ("spec", "given", "expected"),
    [
        ({}, (), ["203.0.113.2"]),
        ({}, ("203.0.113.2",), ["203.0.113.2"]),
        ({}, ("198.51.100.9",), ["203.0.113.2"]),
        ({"loadBalancerIP": "203.0.113.2"}, (), ["203.0.113.2"]),
        ({"ipFamilies": ["IPv6"]}, (), ["2001:db8::1"]),
        ({"ipFamilies": ["IPv4", "IPv6"]}, (), ["203.0.113.2", "2001:db8::1"]),
        ({"loadBalancerIP": "203.0.113.1"}, (), "spec.loadBalancerIP 203.0.113.1 is in use"),
        ({"loadBalancerIP": "192.0.2.1"}, (), "spec.loadBalancerIP 192.0.2.1 is not in the pool"),
        ({"loadBalancerIP": "not-an-ip"}, (), "spec.loadBalancerIP 'not-an-ip' is no IP address"),
    ],
    ids=["the next", "its own", "one of before", "wished", "IPv6", "both", "taken", "elsewhere", "no address"],
)
def test_addresses_of_a_pool(spec: dict[str, Any], given: tuple[str, ...], expected: list[str] | str) -> None:
    others = [service("other", "203.0.113.1")]
    if isinstance(expected, str):
        with pytest.raises(plan.NoAddress, match=expected):
            plan.from_pool(service("s", *given, **spec), POOL, others)
    else:
        assert [entry.ip for entry in plan.from_pool(service("s", *given, **spec), POOL, others)] == expected


@pytest.mark.parametrize("text", ["203.0.113.0/33", "203.0.113.9-203.0.113.1", "203.0.113.1-2001:db8::1", "pool"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition("/")[0]):
        plan.check_pool((text,))


def test_names_among_the_addresses_of_a_node_are_passed_over() -> None:
    addresses = [{"type": "ExternalIP", "address": "node.example"}, {"type": "InternalIP", "address": "192.0.2.7"}]
    assert plan.facts_of(make(Node, {"metadata": {"name": "n"}, "status": {"addresses": addresses}}))[1] == [
        "192.0.2.7"
    ]


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ({}, ["192.0.2.1", "192.0.2.2"]),
        ({"n1": {}}, ["192.0.2.1"]),
        ({"n1": {"ready": False, "serving": True, "terminating": True}, "n2": {}}, ["192.0.2.1", "192.0.2.2"]),
        ({"n1": {"ready": False, "serving": False, "terminating": True}, "n2": {}}, ["192.0.2.2"]),
    ],
    ids=["nowhere", "on one", "one ends", "one has ended"],
)
def test_with_local_traffic_the_nodes_that_have_an_endpoint_give_their_addresses(
    endpoints: dict[str, dict[str, bool]], expected: list[str]
) -> None:
    def node(number: int) -> Node:
        status = {
            "addresses": [{"type": "InternalIP", "address": f"192.0.2.{number}"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        return make(Node, {"metadata": {"name": f"n{number}"}, "status": status})

    told = [{"addresses": ["10.0.0.1"], "nodeName": name, "conditions": c} for name, c in endpoints.items()]
    slices = [make(EndpointSlice, {"addressType": "IPv4", "endpoints": told})]
    local = service("s", externalTrafficPolicy="Local")
    found = plan.from_nodes(local, [node(1), node(2)], [], slices)
    assert [entry.ip for entry in found] == expected
