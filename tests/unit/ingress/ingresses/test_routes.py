"""From objects to the routing table: which rule wins, what is left out and told."""

from __future__ import annotations

import msgspec
import pytest

from pybernetes.api.core.v1 import Secret
from pybernetes.api.networking.v1 import Ingress, IngressClass
from pybernetes.apimachinery.default_class import INGRESS_MARKS
from pybernetes.ingress.backends import moved
from pybernetes.ingress.ingresses import routes
from pybernetes.ingress.table import UNAVAILABLE, Shown

from ..objects import Made, endpoints, ingress, path, secret, service, table, world

READY, GONE = {"ready": True}, {"ready": False}
LEAVING = {"ready": False, "serving": True, "terminating": True}


def shown(made: Made) -> list[str]:
    """The routes, and which of them plain HTTP is sent away from."""
    plain, secure = made.table.frontends
    return [
        f"{r.host}{r.path}{'' if r.exact else '/*'} {r.target}{' redirect' if p.target != r.target else ''}"
        for r, p in zip(secure.routes, plain.routes, strict=True)
    ]


def reasons(made: Made, name: str = "a") -> list[str]:
    return [problem.reason for problem in made.told.problems.get(("shop", name), [])]


WEB = service("web")


@pytest.mark.parametrize(
    ("objects", "expected", "told"),
    [
        pytest.param(
            [ingress("a", ("a.b", [path("/x/"), path("/y", kind="Exact")]))],
            ["a.b/x/* shop_web_80", "a.b/y shop_web_80"],
            [],
            id="a prefix loses its slash, an exact path nothing",
        ),
        pytest.param(
            [ingress("a", ("A.b", [path("", kind="ImplementationSpecific")]))],
            ["a.b/* shop_web_80"],
            [],
            id="no path is every path, hosts have no case",
        ),
        pytest.param([ingress("a", ("", [path()]))], ["/* shop_web_80"], [], id="no host is every host"),
        pytest.param([ingress("a", ("*.b", [path()]))], ["*.b/* shop_web_80"], [], id="a wildcard"),
        pytest.param(
            [ingress("a", ("a.b", [path(service="no")]))],
            [f"a.b/* {UNAVAILABLE}"],
            ["ServiceNotFound"],
            id="no such Service",
        ),
        pytest.param(
            [ingress("a", ("a.b", [path(port=81)]))], [f"a.b/* {UNAVAILABLE}"], ["PortNotFound"], id="no such port"
        ),
        pytest.param(
            [ingress("a", ("a.b", [path(service="out")]))],
            [f"a.b/* {UNAVAILABLE}"],
            ["ExternalName"],
            id="a Service that leads out",
        ),
        pytest.param(
            [ingress("a", ("a.b", [path("/a b"), path("/c\nd"), path("/e")]))],
            ["a.b/e/* shop_web_80"],
            ["InvalidPath", "InvalidPath"],
            id="white space in a path",
        ),
        pytest.param(
            [ingress("a", ("a.b", [path("/café"), path("/" + "x" * 3000)]))],
            ["a.b/caf%C3%A9/* shop_web_80"],
            ["InvalidPath"],
            id="letters as requests have them, and a path that is too long",
        ),
        pytest.param(
            [ingress("a", ("a.b", [path("/a[0-9]", kind="ImplementationSpecific")]))],
            [],
            ["InvalidPath"],
            id="a regular expression",
        ),
        pytest.param([ingress("a", ("a.b\nx", [path()]))], [], ["InvalidHost"], id="a host with a line break"),
        pytest.param(
            [ingress("a", defaultBackend=path()["backend"])], ["/* shop_web_80"], [], id="a default backend alone"
        ),
        pytest.param(
            [ingress("a", ("a.b", [path("/x")]), defaultBackend=path()["backend"])],
            ["a.b/* shop_web_80", "a.b/x/* shop_web_80"],
            [],
            id="a default backend beside rules is for their hosts",
        ),
        pytest.param(
            [ingress("a", defaultBackend={"resource": {"kind": "Bucket", "name": "x"}})],
            [f"/* {UNAVAILABLE}"],
            ["ResourceBackend"],
            id="a resource backend",
        ),
        pytest.param(
            [ingress("a", ("a.b", [path()]), annotations={"auth-url": "http://x"})],
            [f"a.b/* {UNAVAILABLE}"],
            ["Refused"],
            id="an unknown protection closes",
        ),
        pytest.param(
            [ingress("a", ("a.b", [path()]), annotations={"whitelist-source-range": "here"})],
            [f"a.b/* {UNAVAILABLE}"],
            ["Refused"],
            id="a wrong protection closes",
        ),
        pytest.param(
            [ingress("a", ("a.b", [path()]), annotations={"server-snippet": "x"})],
            ["a.b/* shop_web_80"],
            ["AnnotationIgnored"],
            id="an unknown annotation",
        ),
    ],
)
def test_rules(objects: list[Ingress], expected: list[str], told: list[str]) -> None:
    made = table(objects, WEB, service("out", type="ExternalName", externalName="elsewhere.example"))
    assert (shown(made), reasons(made)) == (expected, told)


def test_the_oldest_wins() -> None:
    old = ingress("b", ("a.b", [path("/x")]), created="2026-01-01T00:00:00Z")
    new = ingress(
        "a", ("a.b", [path("/x", service="other"), path("/y", service="other")]), created="2026-01-02T00:00:00Z"
    )
    made = table([new, old], WEB, service("other"))
    assert shown(made) == ["a.b/x/* shop_web_80", "a.b/y/* shop_other_80"]
    assert reasons(made) == ["Conflict"] and not reasons(made, "b")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            [("10.0.0.2", READY), ("10.0.0.1", READY)], ("10.0.0.1:8080", "10.0.0.2:8080"), id="the ready ones"
        ),
        pytest.param([("10.0.0.1", GONE), ("10.0.0.2", READY)], ("10.0.0.2:8080",), id="not one that is not"),
        pytest.param([("10.0.0.1", LEAVING), ("10.0.0.2", READY)], ("10.0.0.2:8080",), id="none that leaves"),
        pytest.param([("10.0.0.1", LEAVING), ("10.0.0.2", GONE)], ("10.0.0.1:8080",), id="unless all leave"),
        pytest.param([], (), id="none"),
    ],
)
def test_endpoints(found: list[tuple[str, dict[str, bool]]], expected: tuple[str, ...]) -> None:
    made = table([ingress("a", ("", [path()]))], WEB, endpoints("web", *found))
    assert made.table.backends["shop_web_80"].servers == expected


def test_endpoints_that_moved() -> None:
    one = ingress("a", ("", [path(), path("/admin", port="admin")]), ("b.test", [path(service="other")]))
    web, other = service("web", {"name": "", "port": 80}, {"name": "admin", "port": 81}), service("other")
    before = endpoints("web", ("10.0.0.1", READY))
    made = table([one], web, other, before, endpoints("other", ("10.0.0.9", READY)))
    after = world(web, other, endpoints("web", ("10.0.0.2", READY)))
    assert moved(made.table, after, [("shop", "web")]) == {"shop_web_80"}
    assert made.table.backends["shop_web_80"].servers == ("10.0.0.2:8080",)
    assert moved(made.table, after, [("shop", "web")]) == set()
    assert made.table.backends["shop_other_80"].servers == ("10.0.0.9:8080",), "nobody asked for these"
    assert moved(made.table, after, [("shop", "nobody")]) is None


def test_named_ports_lead_to_the_slice_port_of_that_name() -> None:
    web = service("web", {"name": "http", "port": 80}, {"name": "admin", "port": 81})
    made = table([ingress("a", ("", [path(port="admin")]))], web, endpoints("web", ("10.0.0.1", READY), name="http"))
    assert made.table.backends["shop_web_81"].servers == ()


@pytest.mark.parametrize(
    ("protocol", "annotation", "expected"),
    [
        pytest.param(None, None, "http", id="plain"),
        pytest.param("kubernetes.io/h2c", None, "h2c", id="HTTP/2 without TLS"),
        pytest.param("kubernetes.io/ws", None, "http", id="WebSocket"),
        pytest.param("https", None, "https", id="TLS"),
        pytest.param(None, "GRPC", "h2c", id="gRPC by annotation"),
        pytest.param("http", "GRPCS", "h2", id="the annotation wins"),
    ],
)
def test_protocols(protocol: str | None, annotation: str | None, expected: str) -> None:
    port = {"port": 80, **({"appProtocol": protocol} if protocol else {})}
    annotations = {"backend-protocol": annotation} if annotation else {}
    made = table([ingress("a", ("", [path()]), annotations=annotations)], service("web", port))
    assert [backend.protocol for backend in made.table.backends.values()] == [expected]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, ["a.b/* shop_web_80 redirect", "c.d/* shop_web_80"], id="hosts with TLS"),
        pytest.param({"ssl-redirect": "false"}, ["a.b/* shop_web_80", "c.d/* shop_web_80"], id="switched off"),
        pytest.param(
            {"force-ssl-redirect": "true"},
            ["a.b/* shop_web_80 redirect", "c.d/* shop_web_80 redirect"],
            id="all of them",
        ),
    ],
)
def test_redirects(annotations: dict[str, str], expected: list[str]) -> None:
    made = table(
        [ingress("a", ("a.b", [path()]), ("c.d", [path()]), tls=[{"hosts": ["a.b"]}], annotations=annotations)], WEB
    )
    assert shown(made) == expected


def test_a_wildcard_certificate_redirects_its_hosts() -> None:
    one = ingress("a", ("x.b", [path()]), ("x.y.b", [path()]), tls=[{"hosts": ["*.b"], "secretName": "good"}])
    made = table([one], WEB, secret("good", tls_crt=b"GOOD\n\nx", tls_key=b" key\n"))
    assert shown(made) == ["x.b/* shop_web_80 redirect", "x.y.b/* shop_web_80"]
    (certificate,) = made.table.certificates.values()
    assert (certificate.file, certificate.pem) == ("shop_good.pem", b"GOOD\nx\nkey\n")
    assert made.table.frontends[1].shown == (Shown("shop_good.pem", ("*.b",)),)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param([], "it is not there", id="missing"),
        pytest.param([secret("s", tls_crt=b"GOOD")], "it lacks", id="half of it"),
        pytest.param([secret("s", tls_crt=b"bad", tls_key=b"bad")], "no certificate", id="nonsense"),
    ],
)
def test_bad_certificates_are_told_and_the_rest_goes_on(found: list[Secret], told: str) -> None:
    one = ingress("a", ("a.b", [path()]), tls=[{"hosts": ["a.b"], "secretName": "s"}])
    made = table([one], WEB, *found)
    assert shown(made) == ["a.b/* shop_web_80 redirect"] and not made.table.certificates
    (problem,) = made.told.problems["shop", "a"]
    assert problem.reason == "BadCertificate" and told in problem.message
    assert made.table.secrets == {("shop", "s")}, "it is looked for again when it comes"


@pytest.mark.parametrize(
    ("name", "default", "ours"),
    [
        pytest.param("ours", False, True, id="our class"),
        pytest.param("other", True, False, id="another one's"),
        pytest.param("none", True, False, id="no such class"),
        pytest.param(None, True, True, id="none, and ours is the default"),
        pytest.param(None, False, False, id="none, and no default"),
    ],
)
def test_classes(name: str | None, default: bool, ours: bool) -> None:
    annotations = {INGRESS_MARKS[0]: "true"} if default else {}
    trees = {
        "ours": {"metadata": {"annotations": annotations}, "spec": {"controller": routes.CONTROLLER}},
        "other": {"spec": {"controller": "example.com/other"}},
    }
    classes = {key: msgspec.convert(tree, IngressClass) for key, tree in trees.items()}
    assert routes.is_ours(ingress("a", **({"ingressClassName": name} if name else {})), classes) is ours
