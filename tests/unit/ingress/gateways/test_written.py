"""What is written for Gateways: nothing when it is there already."""

from __future__ import annotations

import msgspec
import pytest

from pybernetes.api.core.v1 import Service
from pybernetes.apimachinery import names
from pybernetes.ingress.gateways.api import Gateway
from pybernetes.ingress.gateways.routes import key_of
from pybernetes.ingress.gateways.written import (
    address_of,
    different,
    gateway_status,
    own_service,
    own_slice,
    route_status,
    service_key,
)

from ..objects import service
from .objects import gateway, http_route, listener, table


@pytest.mark.parametrize("name", ["g", "a.b.c", "x" * 253, "a-" * 30 + "b"])
def test_names_of_services(name: str) -> None:
    found = service_key(("shop", name))[1]
    assert not names.dns1035_label(found) and found != service_key(("shop", name + "x"))[1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, False, id="as it is"),
        pytest.param({"labels": {"mine": "too"}}, False, id="what others added"),
        pytest.param({"labels": {"team": "b"}}, True, id="what others changed"),
        pytest.param({"ports": [{"port": 81}]}, True, id="another port"),
        pytest.param({"type": "LoadBalancer"}, True, id="another type"),
    ],
)
def test_what_differs(change: dict[str, object], expected: bool) -> None:
    wanted = own_service(gateway(infrastructure={"labels": {"team": "a"}}), "ClusterIP")
    tree = msgspec.to_builtins(wanted)
    tree["metadata"]["labels"] |= change.get("labels", {})
    tree["spec"] |= {name: value for name, value in change.items() if name != "labels"}
    assert different(msgspec.convert(tree, Service), wanted) is expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(None, "", id="none"),
        pytest.param(service("s", type="ClusterIP", clusterIP="10.0.0.1"), "10.0.0.1", id="in the cluster"),
        pytest.param(service("s", type="LoadBalancer", clusterIP="10.0.0.1"), "", id="none of a balancer yet"),
    ],
)
def test_addresses(found: Service | None, expected: str) -> None:
    assert address_of(found) == "", "somebody else's Service of that name"
    if found is not None:
        found.metadata.labels = own_service(gateway(), "ClusterIP").metadata.labels
        assert address_of(found) == expected


def test_the_port_of_the_proxy_is_where_the_service_leads() -> None:
    made = own_service(gateway(listener(), listener("b", port=8080)), "LoadBalancer")
    piece = own_slice(made, "fd00::1", {8080: 20002, 80: 20001})
    assert piece.addressType == "IPv6" and made.spec.allocateLoadBalancerNodePorts is False
    assert [(p.name, p.port) for p in piece.ports or ()] == [("port-80", 20001), ("port-8080", 20002)]
    assert [p.name for p in made.spec.ports] == ["port-80", "port-8080"]


def written(made: Gateway, status: object) -> Gateway:
    return msgspec.convert({**msgspec.to_builtins(made), "status": status}, Gateway)


def test_statuses_are_written_once_and_their_times_stay() -> None:
    one, route = gateway(), http_route()
    made = table([one], [route])
    first = gateway_status(one, made.told.gateways[key_of(one)], "10.0.0.9", 1000.0)
    assert first is not None and first["addresses"] == [{"type": "IPAddress", "value": "10.0.0.9"}]
    after, again = written(one, first), table([one], [route])
    assert gateway_status(after, again.told.gateways[key_of(one)], "10.0.0.9", 2000.0) is None
    moved = gateway_status(after, table([one]).told.gateways[key_of(one)], "10.0.0.9", 2000.0)
    assert moved is not None and moved["listeners"][0]["attachedRoutes"] == 0
    assert moved["conditions"] == first["conditions"]

    body = route_status(route, made.told, 1000.0)
    assert body is not None
    route.status = msgspec.convert(body["status"], type(route.status))
    assert route_status(route, table([one], [route]).told, 2000.0) is None
