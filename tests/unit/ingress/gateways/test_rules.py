"""What rules do with a request, and what of them is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.ingress.table import Condition, Headers, Redirect, Treatment

from ..objects import secret, service
from .objects import gateway, grpc_route, http_route, listener, prefix, rule, secure, table, to

WEB = service("web")


def filtered(*filters: dict[str, Any], match: dict[str, Any] | None = None, **more: Any) -> Any:
    return http_route(rule(match or prefix("/a"), filters=list(filters), **more))


def rewriting(**path: Any) -> dict[str, Any]:
    return {"type": "URLRewrite", "urlRewrite": {"path": path}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            filtered(rewriting(type="ReplaceFullPath", replaceFullPath="/x y".replace(" ", "-"))),
            Treatment("/x-y"),
            id="another path",
        ),
        pytest.param(
            filtered(rewriting(type="ReplacePrefixMatch", replacePrefixMatch="/b/")),
            Treatment("/b", 2),
            id="another prefix",
        ),
        pytest.param(
            filtered(rewriting(type="ReplacePrefixMatch", replacePrefixMatch="/")), Treatment("/", 3), id="no prefix"
        ),
        pytest.param(
            filtered(rewriting(type="ReplacePrefixMatch", replacePrefixMatch="/b"), match=prefix("/")),
            Treatment("/b", 0),
            id="a prefix for all",
        ),
        pytest.param(
            filtered({"type": "URLRewrite", "urlRewrite": {"hostname": "x.test"}}),
            Treatment(host="x.test"),
            id="another host",
        ),
        pytest.param(
            filtered(
                {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "1"}]}},
                {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["b"]}},
            ),
            Treatment(request=Headers(set=(("a", "1"),)), response=Headers(remove=("b",))),
            id="headers",
        ),
        pytest.param(
            filtered(timeouts={"request": "2s", "backendRequest": "500ms"}),
            Treatment(read_ms=500),
            id="the shorter limit",
        ),
        pytest.param(filtered(timeouts={"request": "0s"}), Treatment(read_ms=86_400_000), id="no limit"),
    ],
)
def test_treatments(found: Any, expected: Treatment) -> None:
    made = table([gateway()], [found], WEB)
    assert made.said("Accepted") == "True Accepted"
    assert [backend.treatment for backend in made.table.backends.values()] == [expected]


@pytest.mark.parametrize(
    ("wanted", "plain", "secured"),
    [
        pytest.param(
            {"hostname": "x.test"}, Redirect(302, "http", "x.test", 8080), Redirect(302, "https", "x.test"),
            id="host",
        ),
        pytest.param({"scheme": "https"}, Redirect(302, "https"), Redirect(302, "https"), id="scheme"),
        pytest.param(
            {"scheme": "https", "port": 80, "statusCode": 301},
            Redirect(301, "https", "", 80), Redirect(301, "https", "", 80),
            id="scheme and port",
        ),
        pytest.param({"port": 443}, Redirect(302, "http", "", 443), Redirect(302, "https"), id="port"),
    ],
)  # fmt: skip
def test_redirects(wanted: dict[str, Any], plain: Redirect, secured: Redirect) -> None:
    found = filtered({"type": "RequestRedirect", "requestRedirect": wanted}, backends=[])
    for listening, expected in ((listener(port=8080), plain), (secure("https", {"name": "good"}), secured)):
        made = table([gateway(listening)], [found], secret("good", tls_crt=b"GOOD", tls_key=b"k"))
        (backend,) = made.table.backends.values()
        assert backend.treatment.redirect == expected and not backend.servers
        assert [route.target for route in made.frontend.routes] == [backend.name]


def header(name: str, value: str) -> dict[str, Any]:
    return {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": name, "value": value}]}}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(filtered({"type": "RequestMirror"}), id="an unknown filter"),
        pytest.param(filtered(header("X-A", "a\r\nX-Evil: 1")), id="a line break in a value"),
        pytest.param(filtered(header("X'A", "a")), id="a quote in a name"),
        pytest.param(filtered(header("Content-Length", "1")), id="the framing of messages"),
        pytest.param(filtered(rewriting(type="ReplaceFullPath", replaceFullPath="/a b")), id="white space in a path"),
        pytest.param(
            filtered(
                rewriting(type="ReplacePrefixMatch", replacePrefixMatch="/"),
                match={"path": {"type": "Exact", "value": "/a"}},
            ),
            id="the prefix of an exact path",
        ),
        pytest.param(http_route(rule(prefix("/a\nb"))), id="a line break in a path"),
        pytest.param(http_route(rule(prefix("/", headers=[{"name": "a(b", "value": "x"}]))), id="a bracket in a name"),
        pytest.param(
            http_route(rule(prefix("/", headers=[{"type": "RegularExpression", "name": "a", "value": "x"}]))),
            id="an expression",
        ),
        pytest.param(http_route(rule(timeouts={"request": "soon"})), id="no duration"),
        pytest.param(http_route(rule(retry={"attempts": 3})), id="retries"),
        pytest.param(http_route(rule(backends=[to(filters=[{"type": "ExtensionRef"}])])), id="a filter of a backend"),
    ],
)
def test_what_cannot_be_served_is_not_accepted(found: Any) -> None:
    made = table([gateway()], [found], WEB)
    assert made.said("Accepted") == "False UnsupportedValue" and not made.frontend.routes


def test_conditions() -> None:
    match = prefix(
        "/", method="PUT", headers=[{"name": "X-A", "value": "b c"}, {"name": "x-a", "value": "other"}],
        queryParams=[{"name": "Q", "value": "d"}],
    )  # fmt: skip
    (route,) = table([gateway()], [http_route(rule(match))], WEB).frontend.routes
    expected = (Condition("method", "", "PUT"), Condition("header", "x-a", "b c"), Condition("query", "Q", "d"))
    assert route.conditions == expected


def test_calls() -> None:
    rules = [
        rule({"method": {"service": "a.B", "method": "C"}}),
        rule({"method": {"service": "a.B"}, "headers": [{"name": "v", "value": "2"}]}),
        rule(),
    ]
    made = table([gateway()], [grpc_route(*rules)], WEB)
    (backend,) = made.table.backends.values()
    assert backend.protocol == "h2c"
    assert sorted(made.shown()) == sorted([f"/a.B/C {backend.name}", f"/a.B/* {backend.name}", f"/* {backend.name}"])
    for method in ({"method": "C"}, {"type": "RegularExpression", "service": "a"}):
        made = table([gateway()], [grpc_route(rule({"method": method}))], WEB)
        assert made.said("Accepted", "calls") == "False UnsupportedValue"
