"""Which routes attach to which listeners, what their statuses say, and whose a request is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.ingress.gateways import hostnames
from pybernetes.ingress.gateways.api import HTTPRoute
from pybernetes.ingress.table import FAULTY, NOT_FOUND

from ..objects import secret, service
from .objects import gateway, grant, http_route, listener, prefix, rule, secure, table, to

WEB = service("web")
GOOD = secret("good", tls_crt=b"GOOD", tls_key=b"key")
ALL = {"allowedRoutes": {"namespaces": {"from": "All"}}}


@pytest.mark.parametrize(
    ("found", "listening", "accepted", "attached"),
    [
        pytest.param(http_route(), listener(), "True Accepted", 1, id="one"),
        pytest.param(
            http_route(parents=[{"name": "g", "sectionName": "x"}]),
            listener(),
            "False NoMatchingParent",
            0,
            id="section",
        ),
        pytest.param(
            http_route(parents=[{"name": "g", "port": 81}]), listener(), "False NoMatchingParent", 0, id="port"
        ),
        pytest.param(
            http_route(namespace="other"), listener(), "False NotAllowedByListeners", 0, id="another namespace"
        ),
        pytest.param(http_route(namespace="other"), listener(**ALL), "True Accepted", 1, id="from all namespaces"),
        pytest.param(
            http_route(namespace="other"),
            listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "b"}}}}),
            "True Accepted",
            1,
            id="from namespaces with a label",
        ),
        pytest.param(
            http_route(),
            listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "b"}}}}),
            "False NotAllowedByListeners",
            0,
            id="without that label",
        ),
        pytest.param(
            http_route(),
            listener(allowedRoutes={"kinds": [{"kind": "GRPCRoute"}]}),
            "False NotAllowedByListeners",
            0,
            id="another kind",
        ),
        pytest.param(
            http_route(hostnames=["a.test"]),
            listener(hostname="b.test"),
            "False NoMatchingListenerHostname",
            0,
            id="no host in common",
        ),
        pytest.param(
            http_route(rule({"path": {"type": "RegularExpression", "value": "/a+"}})),
            listener(),
            "False UnsupportedValue",
            0,
            id="a regular expression",
        ),
    ],
)
def test_attaching(found: HTTPRoute, listening: dict[str, Any], accepted: str, attached: int) -> None:
    made = table([gateway(listening)], [found], WEB)
    assert made.said("Accepted", namespace=found.metadata.namespace or "") == accepted
    assert made.attached() == {"http": attached}


def test_a_route_is_told_nothing_by_parents_that_are_not_ours() -> None:
    found = http_route(parents=[{"name": "elsewhere"}, {"name": "g", "kind": "Service", "group": ""}])
    assert table([gateway()], [found], WEB).told.routes == {("HTTPRoute", "shop", "r"): []}


@pytest.mark.parametrize(
    ("reference", "expected", "target"),
    [
        pytest.param(to(), "True ResolvedRefs", "shop_web_80", id="a Service"),
        pytest.param(to("no"), "False BackendNotFound", FAULTY, id="none of that name"),
        pytest.param({"name": "web", "port": 81}, "False BackendNotFound", FAULTY, id="none of that port"),
        pytest.param(to(kind="Bucket", group="x.test"), "False InvalidKind", FAULTY, id="another kind"),
        pytest.param(to("web", namespace="other"), "False RefNotPermitted", FAULTY, id="another namespace"),
    ],
)
def test_backends(reference: dict[str, Any], expected: str, target: str) -> None:
    made = table([gateway()], [http_route(rule(backends=[reference]))], WEB)
    assert (made.said("Accepted"), made.said("ResolvedRefs")) == ("True Accepted", expected)
    assert [route.target for route in made.frontend.routes] == [target]


@pytest.mark.parametrize(
    ("allowing", "expected"),
    [
        pytest.param(grant("shop", "HTTPRoute", "other", "Service"), "True ResolvedRefs", id="all"),
        pytest.param(grant("shop", "HTTPRoute", "other", "Service", "web"), "True ResolvedRefs", id="this one"),
        pytest.param(grant("shop", "HTTPRoute", "other", "Service", "x"), "False RefNotPermitted", id="another one"),
        pytest.param(grant("shop", "GRPCRoute", "other", "Service"), "False RefNotPermitted", id="another kind"),
        pytest.param(grant("shop", "HTTPRoute", "third", "Service"), "False RefNotPermitted", id="another origin"),
        pytest.param(
            grant("other", "HTTPRoute", "other", "Service"), "False RefNotPermitted", id="from the wrong side"
        ),
    ],
)
def test_grants(allowing: Any, expected: str) -> None:
    found = http_route(rule(backends=[to("web", namespace="shop")]), namespace="other")
    made = table([gateway(listener(**ALL))], [found], WEB, grants=[allowing])
    assert made.said("ResolvedRefs", namespace="other") == expected


@pytest.mark.parametrize(
    ("listeners", "name", "expected"),
    [
        pytest.param([listener()], "http", {}, id="good"),
        pytest.param(
            [listener(protocol="TCP")],
            "http",
            {"Accepted": "False UnsupportedProtocol", "Programmed": "False Invalid"},
            id="another protocol",
        ),
        pytest.param(
            [listener(allowedRoutes={"kinds": [{"kind": "TCPRoute"}, {"kind": "HTTPRoute"}]})],
            "http",
            {"ResolvedRefs": "False InvalidRouteKinds"},
            id="a kind of routes too many",
        ),
        pytest.param(
            [listener(), secure("https", {"name": "good"}, port=80)],
            "http",
            {
                "Accepted": "False ProtocolConflict",
                "Programmed": "False Invalid",
                "Conflicted": "True ProtocolConflict",
            },
            id="two protocols at one port",
        ),
        pytest.param(
            [listener(), listener("again")],
            "again",
            {
                "Accepted": "False HostnameConflict",
                "Programmed": "False Invalid",
                "Conflicted": "True HostnameConflict",
            },
            id="the same twice",
        ),
        pytest.param([secure("https", {"name": "good"})], "https", {}, id="a certificate"),
        pytest.param(
            [secure("https", {"name": "no"})],
            "https",
            {"ResolvedRefs": "False InvalidCertificateRef", "Programmed": "False Invalid"},
            id="no certificate",
        ),
        pytest.param(
            [secure("https", {"name": "no"}, {"name": "good"})],
            "https",
            {"ResolvedRefs": "False InvalidCertificateRef"},
            id="one of two certificates",
        ),
        pytest.param(
            [secure("https", {"name": "good", "kind": "ConfigMap"})],
            "https",
            {"ResolvedRefs": "False InvalidCertificateRef", "Programmed": "False Invalid"},
            id="a certificate in another kind",
        ),
        pytest.param(
            [secure("https", {"name": "good", "namespace": "other"})],
            "https",
            {"ResolvedRefs": "False RefNotPermitted", "Programmed": "False Invalid"},
            id="a certificate of another namespace",
        ),
    ],
)
def test_listeners(listeners: list[dict[str, Any]], name: str, expected: dict[str, str]) -> None:
    good = {
        "Accepted": "True Accepted",
        "ResolvedRefs": "True ResolvedRefs",
        "Programmed": "True Programmed",
        "Conflicted": "False NoConflicts",
    }
    assert table([gateway(*listeners)], [], GOOD).of_listener(name) == good | expected


@pytest.mark.parametrize(
    ("spec", "address", "accepted", "programmed"),
    [
        pytest.param({}, "10.0.0.9", "True Accepted", "True Programmed", id="good"),
        pytest.param({}, "", "True Accepted", "False AddressNotAssigned", id="no address yet"),
        pytest.param({"addresses": [{}]}, "10.0.0.9", "True Accepted", "True Programmed", id="any address"),
        pytest.param(
            {"addresses": [{"value": "10.0.0.8"}]}, "10.0.0.9", "True Accepted", "False AddressNotUsable", id="another"
        ),
        pytest.param(
            {"addresses": [{"type": "x.test/y", "value": "z"}]},
            "10.0.0.9",
            "False UnsupportedAddress",
            "False Invalid",
            id="another type",
        ),
        pytest.param(
            {"infrastructure": {"parametersRef": {"name": "x"}}},
            "10.0.0.9",
            "False InvalidParameters",
            "False Invalid",
            id="parameters",
        ),
        pytest.param(
            {"listeners": [listener(protocol="UDP")]},
            "10.0.0.9",
            "False ListenersNotValid",
            "False Invalid",
            id="no listener",
        ),
        pytest.param(
            {"listeners": [listener(protocol="UDP"), listener("b")]},
            "10.0.0.9",
            "True ListenersNotValid",
            "True Programmed",
            id="some listeners",
        ),
    ],
)
def test_gateways(spec: dict[str, Any], address: str, accepted: str, programmed: str) -> None:
    made = table([gateway(**spec)] if "listeners" not in spec else [gateway(*spec["listeners"])], address=address)
    assert (made.of_gateway("Accepted"), made.of_gateway("Programmed")) == (accepted, programmed)


def test_certificates_of_clients_that_are_to_be_verified_close_a_listener() -> None:
    made = table([gateway(secure("https", {"name": "good"}), tls={"frontend": {"default": {}}})], [], GOOD)
    assert made.of_listener("https")["Accepted"] == "False UnsupportedValue" and not made.table.frontends


def test_a_listener_has_its_hosts_for_itself() -> None:
    listeners = [listener("any"), listener("wide", hostname="*.test"), listener("one", hostname="a.b.test")]
    found = http_route(hostnames=["a.b.test", "*.b.test", "c.test"])
    made = table([gateway(*listeners)], [found], WEB)
    assert made.attached() == {"any": 1, "wide": 1, "one": 1}
    assert made.shown() == [
        "*.b.test/* shop_web_80",
        f"*.test/* {NOT_FOUND}",
        "a.b.test/* shop_web_80",
        f"a.b.test/* {NOT_FOUND}",
        "c.test/* shop_web_80",
    ]


def test_a_name_is_more_specific_than_a_wildcard_of_its_length() -> None:
    listeners = [listener("wide", hostname="*.b.test"), listener("one", hostname="a.b.test")]
    made = table([gateway(*listeners)], [http_route(parents=[{"name": "g", "sectionName": "wide"}])], WEB)
    assert made.shown() == ["*.b.test/* shop_web_80", f"*.b.test/* {NOT_FOUND}", f"a.b.test/* {NOT_FOUND}"]


def test_what_comes_first() -> None:
    old, new = service("old"), service("new")
    rules = [
        rule(prefix("/v"), backends=[to("new")]),
        rule(prefix("/v", headers=[{"name": "A", "value": "1"}]), backends=[to("new")]),
        rule(prefix("/v", headers=[{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]), backends=[to("new")]),
        rule(prefix("/v", queryParams=[{"name": "q", "value": "1"}]), backends=[to("new")]),
        rule(prefix("/v", method="GET"), backends=[to("new")]),
    ]
    newer = http_route(*rules, name="a", created="2026-01-02T00:00:00Z")
    older = http_route(rule(prefix("/v"), backends=[to("old")]), name="b")
    made = table([gateway()], [newer, older], old, new)
    order = [("".join(c.on[0] for c in r.conditions), r.target) for r in made.frontend.routes]
    assert order == [
        ("m", "shop_new_80"), ("hh", "shop_new_80"), ("h", "shop_new_80"), ("q", "shop_new_80"),
        ("", "shop_old_80"), ("", "shop_new_80"),
    ]  # fmt: skip


def test_shares() -> None:
    backends = [to(weight=7), to("api", weight=3), to("no", weight=0)]
    made = table([gateway()], [http_route(rule(backends=backends))], WEB, service("api"))
    (route,) = made.frontend.routes
    assert made.table.splits[route.target] == ((7, "shop_web_80"), (3, "shop_api_80"))
    assert made.said("ResolvedRefs") == "False BackendNotFound"


def test_no_backend_is_a_fault() -> None:
    for backends in ([], [to(weight=0)]):
        made = table([gateway()], [http_route(rule(backends=backends))], WEB)
        assert [route.target for route in made.frontend.routes] == [FAULTY]


HOSTS = ["", "*.test", "*.b.test", "b.test", "a.b.test", "x.a.b.test", "*.a.b.test", "c.test"]
ASKED = ["test", "b.test", "c.test", "a.b.test", "x.a.b.test", "y.x.a.b.test", "z.b.test", "other"]


@given(st.sampled_from(HOSTS), st.lists(st.sampled_from(HOSTS[1:]), max_size=4), st.sampled_from(ASKED))
def test_both_is_what_both_stand_for(listening: str, wanted: list[str], asked: str) -> None:
    both = hostnames.covers(listening, asked) and (not wanted or any(hostnames.covers(h, asked) for h in wanted))
    assert both == any(hostnames.covers(host, asked) for host in hostnames.both(listening, wanted))
