"""RequestInfo as upstream resolves it."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apiserver.request_info import resolve
from pybernetes.http.messages import Request


@pytest.mark.parametrize(
    ("method", "target", "verb", "group", "version", "namespace", "resource", "subresource", "name"),
    [
        ("GET", "/api/v1/namespaces", "list", "", "v1", "", "namespaces", "", ""),
        ("GET", "/api/v1/namespaces/a", "get", "", "v1", "a", "namespaces", "", "a"),
        ("PUT", "/api/v1/namespaces/a/status", "update", "", "v1", "a", "namespaces", "status", "a"),
        ("PUT", "/api/v1/namespaces/a/finalize", "update", "", "v1", "a", "namespaces", "finalize", "a"),
        ("GET", "/api/v1/namespaces/a/pods", "list", "", "v1", "a", "pods", "", ""),
        ("GET", "/api/v1/namespaces/a/pods?watch=true", "watch", "", "v1", "a", "pods", "", ""),
        ("GET", "/api/v1/namespaces/a/pods?watch=0", "list", "", "v1", "a", "pods", "", ""),
        ("GET", "/api/v1/watch/namespaces/a/pods", "watch", "", "v1", "a", "pods", "", ""),
        ("HEAD", "/api/v1/namespaces/a/pods/p", "get", "", "v1", "a", "pods", "", "p"),
        ("POST", "/api/v1/namespaces/a/pods/p/exec?command=x", "create", "", "v1", "a", "pods", "exec", "p"),
        ("GET", "/api/v1/namespaces/a/pods/p/proxy/x/y", "get", "", "v1", "a", "pods", "proxy", "p"),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/a/deployments",
            "deletecollection",
            "apps",
            "v1",
            "a",
            "deployments",
            "",
            "",
        ),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/a/deployments/d/scale",
            "patch",
            "apps",
            "v1",
            "a",
            "deployments",
            "scale",
            "d",
        ),
        ("GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx,spec.nodeName=n", "list", "", "v1", "", "pods", "", "x"),
        ("GET", "/api/v1/nodes?watch=1&fieldSelector=metadata.name=n", "watch", "", "v1", "", "nodes", "", "n"),
    ],
)
def test_resources(
    method: str,
    target: str,
    verb: str,
    group: str,
    version: str,
    namespace: str,
    resource: str,
    subresource: str,
    name: str,
) -> None:
    path, _, query = target.partition("?")
    info = resolve(Request(method, path, query))
    assert info.is_resource
    found = (info.verb, info.group, info.version, info.namespace, info.resource, info.subresource, info.name)
    assert found == (verb, group, version, namespace, resource, subresource, name)


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz", "/metrics"]
)
def test_paths_that_are_no_resources(path: str) -> None:
    info = resolve(Request("GET", path))
    assert (info.is_resource, info.verb, info.path) == (False, "get", path)


def test_rest_of_a_proxied_path_and_selectors() -> None:
    assert resolve(Request("GET", "/api/v1/nodes/n/proxy/a/b")).rest == ("a", "b")
    info = resolve(Request("GET", "/api/v1/pods", "labelSelector=a%3Db&fieldSelector=spec.nodeName%3Dn"))
    assert (info.label_selector, info.field_selector) == ("a=b", "spec.nodeName=n")


def test_watch_of_nothing_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="unable to determine kind and namespace from url"):
        resolve(Request("GET", "/api/v1/watch"))


@pytest.mark.parametrize(
    ("method", "target", "long"),
    [
        ("GET", "/api/v1/pods?watch=1", True),
        ("GET", "/api/v1/namespaces/a/pods/p/log", True),
        ("GET", "/api/v1/namespaces/a/pods/p", False),
        ("POST", "/api/v1/namespaces/a/pods/p/binding", False),
    ],
)
def test_long_running(method: str, target: str, long: bool) -> None:
    path, _, query = target.partition("?")
    assert resolve(Request(method, path, query)).long_running is long
