"""Gateways with curl, openssl and gRPC: from outside and from a Pod, by listener, host, path and header."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from .backend import leading_to
from .conftest import IMAGE, PATIENCE_S, eventually, quiet_fetch
from .gate import Gate, tls_secret
from .gateways import address_of, gateway, http_route

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("gateway_api")]
HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}


def curl(address: str, url: str, *args: str) -> tuple[int, str]:
    """Status, and body or where to; `url` has a host that stands for the address."""
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    ports = [word for port in (80, 443, 8080) for word in ("--resolve", f"{host}:{port}:{address}")]
    done = subprocess.run(
        ["curl", "-sk", "--max-time", "30", "-w", "\n%{http_code} %{redirect_url}", *ports, *args, url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    body, _, last = done.stdout.rpartition("\n")
    status, _, target = last.partition(" ")
    return int(status or 0), target or body


def test_listeners_hosts_and_filters(gate: Gate, tmp_path: Path) -> None:
    for name in ("one", "two"):
        gate.backend(name)
    secure = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "one"}]}}
    header = {"headers": [{"name": "x-version", "value": "two words"}]}
    rewrite = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}
    quoted = 'it\'s "quoted" %[env(HOME)] ${HOME}'
    gate.apply(
        tls_secret(tmp_path, "one-1", "*.a.test"),
        gateway("a", HTTP, {**secure, "hostname": "*.a.test"}),
        gateway("b", {**HTTP, "port": 8080}),
        http_route("plain", {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]},
                   parentRefs=[{"name": "a", "sectionName": "http"}]),
        http_route(
            "a",
            {"backendRefs": [{"name": "one", "port": 80}]},
            {"matches": [header], "backendRefs": [{"name": "two", "port": 80}]},
            {
                "matches": [{"path": {"value": "/v1"}}],
                "filters": [
                    {"type": "URLRewrite", "urlRewrite": {"path": rewrite, "hostname": "inner.test"}},
                    {"type": "RequestHeaderModifier", "requestHeaderModifier": {
                        "set": [{"name": "X-Quoted", "value": quoted}]}},
                ],
                "backendRefs": [{"name": "two", "port": 80}],
            },
            {"matches": [{"path": {"value": "/missing"}}], "backendRefs": [{"name": "missing", "port": 80}]},
            parentRefs=[{"name": "a", "sectionName": "https"}],
        ),
        http_route("b", {"backendRefs": [{"name": "one", "port": 80, "weight": 1}, {"name": "two", "port": 80}]}),
    )  # fmt: skip
    address, other = address_of(gate, "a"), address_of(gate, "b")
    assert address != other, "each has one for itself"
    version_two = ("https://x.a.test/", "-H", "X-Version: two words")
    for place, request in (
        (address, ("https://x.a.test/",)),
        (address, version_two),
        (other, ("http://b.test:8080/",)),
    ):
        eventually(f"{request} is served", lambda place=place, request=request: curl(place, *request)[0] == 200)  # type: ignore[misc]

    def told(url: str, *args: str) -> dict[str, object]:
        return dict(json.loads(curl(address, url, *args)[1]))

    assert told("https://y.x.a.test/")["name"] == "one"
    assert told(*version_two)["name"] == "two"
    assert curl(address, "https://elsewhere.test/")[0] == 404
    assert curl(address, "http://x.a.test/p?q=r") == (302, "https://x.a.test/p?q=r")
    assert curl(address, "https://x.a.test/missing")[0] == 500
    found = told("https://x.a.test/v1/z?q=1")
    assert (found["name"], found["path"]) == ("two", "/v2/z?q=1")
    headers = found["headers"]
    assert isinstance(headers, dict) and (headers["host"], headers["x-quoted"]) == ("inner.test", quoted)
    assert headers["x-forwarded-proto"] == "https" and headers["x-forwarded-host"] == "x.a.test"
    names = {json.loads(curl(other, "http://b.test:8080/")[1])["name"] for _ in range(40)}
    assert names == {"one", "two"}

    def reasons() -> dict[str, str]:
        (parent,) = gate.cluster.get("httproute", "a")["status"]["parents"]
        return {c["type"]: c["reason"] for c in parent["conditions"]}

    as_told = {"Accepted": "Accepted", "ResolvedRefs": "BackendNotFound"}
    eventually("the missing Service is told", lambda: reasons() == as_told)
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"{address}:443", "-servername", "x.a.test"],
        input="", capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    ).stdout  # fmt: skip
    assert "subject=CN = one-1" in shown
    asked = ("run", "box", f"--image={IMAGE}", "--restart=Never", "--rm", "-i", "--quiet", "--command", "--")
    done = gate.cluster.kubectl(*asked, "wget", "-qO-", f"http://{other}:8080/")
    assert json.loads(done.stdout)["name"] in ("one", "two"), "a Pod reaches it too"

    os.kill(gate.settled_pid(), signal.SIGKILL)
    eventually("it is served again", lambda: curl(address, "https://x.a.test/")[0] == 200)
    gate.cluster.kubectl("delete", "gateway", "b")
    eventually(
        "its Service goes with it",
        lambda: not gate.cluster.get("services", "-l", "gateway.networking.k8s.io/gateway-name=b")["items"],
    )
    eventually("and its address", lambda: not quiet_fetch(f"http://{other}:8080/"))


def test_calls(gate: Gate) -> None:
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool)
    echo = grpc.stream_stream_rpc_method_handler(lambda messages, _context: messages)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Talk": echo, "No": echo}),))
    port = server.add_insecure_port(f"{gate.address}:0")
    server.start()
    matches = [{"method": {"service": "test.Echo", "method": "Talk"}}]
    gate.apply(
        *leading_to(gate.address, port, "rpc"),
        gateway("rpc", HTTP),
        http_route("rpc", {"matches": matches, "backendRefs": [{"name": "rpc", "port": 80}]}, kind="GRPCRoute"),
    )
    with grpc.insecure_channel(f"{address_of(gate, 'rpc')}:80") as channel:
        talk, no = channel.stream_stream("/test.Echo/Talk"), channel.stream_stream("/test.Echo/No")

        def talks() -> bool:
            try:
                return list(talk(iter([b"a", b"b"]), wait_for_ready=True, timeout=PATIENCE_S)) == [b"a", b"b"]
            except grpc.RpcError:
                return False

        eventually("the call is answered", talks)
        with pytest.raises(grpc.RpcError) as caught:
            list(no(iter([b"a"]), timeout=PATIENCE_S))
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    server.stop(None).wait()
    pool.shutdown()
