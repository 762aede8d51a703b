from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Endpoints, Node, Pod, Service
from pybernetes.apimachinery.errors import BadRequest, InternalError, ServiceUnavailable
from pybernetes.apiserver.streaming import location
from pybernetes.apiserver.streaming.location import Backend, Streams


def pod(*containers: str, init: tuple[str, ...] = (), ip: str = "10.244.0.5", port: int = 8080) -> Pod:
    tree: dict[str, Any] = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": name, "ports": [{"containerPort": port}] if port else []} for name in containers],
            "initContainers": [{"name": name} for name in init],
        },
        "status": {"podIPs": [{"ip": ip}] if ip else []},
    }
    return msgspec.convert(tree, Pod)


def node(port: int = 0, **addresses: str) -> Node:
    status: dict[str, Any] = {"addresses": [{"type": kind, "address": text} for kind, text in addresses.items()]}
    if port:
        status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": port}}
    return msgspec.convert({"metadata": {"name": "n1"}, "status": status}, Node)


NODE = node(Hostname="n1", InternalIP="192.0.2.7")


@pytest.mark.parametrize(
    ("shown", "wanted", "expected"),
    [
        (pod("a"), "", "a"),
        (pod("a", "b"), "b", "b"),
        (pod("a", init=("i",)), "i", "i"),
        (pod("a"), "x", "container x is not valid for pod web"),
        (pod("a", "b", init=("i",)), "", "a container name must be specified for pod web, choose one of: [i a b]"),
        (pod(), "", "a container name must be specified for pod web"),
    ],
    ids=["the only one", "by name", "init", "unknown", "several", "none"],
)
def test_the_container_meant(shown: Pod, wanted: str, expected: str) -> None:
    try:
        assert location.container_of(shown, wanted) == expected
    except BadRequest as error:
        assert error.message == expected


def test_exec_attach_and_portforward_at_the_kubelet() -> None:
    params = {"command": ["sh", "-c", "echo a&b"], "stdin": ["true"], "stdout": ["true"], "stderr": ["false"]}
    backend = location.stream_backend(pod("a"), NODE, "exec", params)
    assert backend.url == "https://192.0.2.7:10250"
    assert backend.target == "/exec/shop/web/a?input=1&output=1&command=sh&command=-c&command=echo+a%26b"
    assert backend.kubelet
    backend = location.stream_backend(pod("a"), node(10251, InternalIP="fd00::1"), "attach", {"stdout": ["1"]})
    assert (backend.url, backend.target) == ("https://[fd00::1]:10251", "/attach/shop/web/a?output=1")
    backend = location.stream_backend(pod("a"), NODE, "portforward", {"ports": ["80", "81,82"]})
    assert backend.target == "/portForward/shop/web?port=80%2C81%2C82"
    assert location.stream_backend(pod("a"), NODE, "portforward", {}).target == "/portForward/shop/web"


@pytest.mark.parametrize(
    ("verb", "params", "message"),
    [
        ("exec", {"stdout": ["true"]}, "you must specify at least one command for the container"),
        ("exec", {"command": ["x"]}, "you must specify at least 1 of stdin, stdout, stderr"),
        ("attach", {"stdin": ["false"]}, "you must specify at least 1 of stdin, stdout, stderr"),
        ("portforward", {"ports": ["x"]}, "invalid port among x"),
    ],
)
def test_streams_that_make_no_sense(verb: str, params: dict[str, list[str]], message: str) -> None:
    with pytest.raises(BadRequest) as error:
        location.stream_backend(pod("a"), NODE, verb, params)
    assert error.value.message == message


def test_a_terminal_has_no_error_stream() -> None:
    params = {"stdin": ["true"], "stdout": ["true"], "stderr": ["true"], "tty": ["true"]}
    assert Streams.of(params) == Streams(stdin=True, stdout=True, stderr=False, tty=True)


def test_a_node_without_address() -> None:
    with pytest.raises(InternalError) as error:
        location.kubelet_of(node(Other="x"), "/")
    assert error.value.message == "no preferred addresses found; known addresses: [{Other x}]"


def test_the_log_at_the_kubelet() -> None:
    params = {"follow": ["true"], "previous": ["false"], "tailLines": ["5"], "container": ["a"], "timestamps": [""]}
    assert location.log_backend(pod("a"), NODE, params).target == (
        "/containerLogs/shop/web/a?follow=true&timestamps=true&tailLines=5"
    )


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"tailLines": ["-1"]}, ["tailLines"]),
        ({"limitBytes": ["0"], "sinceSeconds": ["0"]}, ["limitBytes", "sinceSeconds"]),
        ({"sinceSeconds": ["1"], "sinceTime": ["2026-01-01T00:00:00Z"]}, [""]),
        ({"stream": ["stdout"]}, ["stream"]),
        ({"stream": ["Stdout"], "tailLines": ["1"]}, [""]),
        ({"tailLines": ["x"]}, ["tailLines"]),
        ({"tailLines": ["0"], "limitBytes": ["1"], "stream": ["All"]}, []),
    ],
)
def test_log_options(params: dict[str, list[str]], fields: list[str]) -> None:
    assert [str(error.field) for error in location.log_errors(params)] == fields


def test_where_proxies_go() -> None:
    assert location.pod_proxy_backend(pod("a"), "", "", "/x", "q=1") == Backend("http", "10.244.0.5", 8080, "/x", "q=1")
    assert location.pod_proxy_backend(pod("a", port=0), "https", "", "/", "").port == 443
    assert location.node_proxy_backend(NODE, "", "", "/metrics", "").kubelet
    other = location.node_proxy_backend(NODE, "", "9100", "/metrics", "")
    assert (other.kubelet, other.url) == (False, "http://192.0.2.7:9100")
    with pytest.raises(BadRequest, match="address not allowed"):
        location.pod_proxy_backend(pod("a", ip="127.0.0.1"), "", "", "/", "")
    with pytest.raises(BadRequest, match="invalid port"):
        location.pod_proxy_backend(pod("a"), "", "http", "/", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("web", ("", "web", "")), ("web:80", ("", "web", "80")), ("https:web:", ("https", "web", "")), ("a:b:c", None)],
)
def test_ids_of_proxies(text: str, expected: tuple[str, str, str] | None) -> None:
    if expected is None:
        with pytest.raises(BadRequest, match='invalid pod request "a:b:c"'):
            location.split_id(text, "pod")
    else:
        assert location.split_id(text, "pod") == expected


def test_a_service_is_one_of_its_pods() -> None:
    service = msgspec.convert(
        {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80, "name": "http"}, {"port": 81}]}}, Service
    )
    assert location.service_port_name(service, "80") == "http"
    assert location.service_port_name(service, "http") == "http"
    with pytest.raises(ServiceUnavailable, match='no service port 99 found for service "web"'):
        location.service_port_name(service, "99")
    address = {"targetRef": {"kind": "Pod", "name": "p", "namespace": "shop"}}
    elsewhere = {"targetRef": {"kind": "Pod", "name": "p", "namespace": "other"}}
    endpoints = msgspec.convert(
        {
            "subsets": [
                {
                    "addresses": [
                        {"ip": "10.244.0.5", **address},
                        {"ip": "127.0.0.1", **address},
                        {"ip": "10.244.0.6", **elsewhere},
                        {"ip": "10.9.9.9"},
                    ],
                    "ports": [{"name": "http", "port": 8080}],
                }
            ]
        },
        Endpoints,
    )
    (candidate,) = location.service_candidates(endpoints, "shop", "http")
    assert candidate.is_of(pod("p")) and not candidate.is_of(pod("p", ip="10.244.0.7"))
    assert location.service_proxy_backend(candidate, "", "/", "").url == "http://10.244.0.5:8080"
    assert location.service_candidates(endpoints, "shop", "x") == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.244.0.5", True), ("192.0.2.1", True), ("fd00::1", True), ("::ffff:10.0.0.1", True),
        ("127.0.0.1", False), ("127.8.9.1", False), ("::1", False), ("::ffff:127.0.0.1", False),
        ("169.254.169.254", False), ("::ffff:169.254.169.254", False), ("fe80::1", False), ("224.0.0.1", False),
        ("ff02::1", False), ("0.0.0.0", False), ("::", False), ("255.255.255.255", False), ("", False), ("web", False),
    ],
)  # fmt: skip
def test_addresses_that_may_be_asked(address: str, expected: bool) -> None:
    assert location.allowed(address) == expected
