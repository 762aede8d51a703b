"""Ingresses with curl and openssl: hosts, paths, TLS, upgrades, changes under load, faults."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from .backend import leading_to
from .conftest import PATIENCE_S, eventually, quiet_fetch
from .gate import Gate, tls_secret, to
from .gateways import address_of, gateway, http_route
from .load import Load

pytestmark = pytest.mark.e2e


def test_hosts_and_paths(gate: Gate) -> None:
    for name in ("one", "two", "three"):
        gate.backend(name)
    gate.apply(
        gate.ingress(
            "paths",
            ("a.test", "/", "Prefix", "one"),
            ("a.test", "/foo", "Prefix", "two"),
            ("a.test", "/foo/bar", "Exact", "three"),
            ("*.wild.test", "/", "Prefix", "two"),
            ("b.test", "/gone", "Prefix", "missing"),
            defaultBackend=to("three"),
        ),
        gate.ingress("rewrite", ("r.test", "/api(/|$)(.*)", "ImplementationSpecific", "one"), annotations={
            "rewrite-target": "/v1/$2", "proxy-body-size": "1k", "whitelist-source-range": "0.0.0.0/0",
            "proxy-read-timeout": "5\nserver x 127.0.0.1:1"}),
        {**gate.ingress("foreign", ("f.test", "/", "Prefix", "one")), "spec": {
            "ingressClassName": "somebody-elses", "rules": [{"host": "f.test"}], "defaultBackend": to("one")}},
    )  # fmt: skip
    gate.serves("http://a.test/", "one")
    gate.serves("http://r.test/api", "one")
    for url, expected in (
        ("a.test/foo", "two"), ("A.TEST/foo/", "two"), ("a.test/foo/baz?q=/x", "two"), ("a.test/foobar", "one"),
        ("a.test/foo/bar", "three"), ("a.test/foo/bar/", "two"), ("x.wild.test/", "two"), ("b.test/other", "three"),
    ):  # fmt: skip
        gate.serves(f"http://{url}", expected)
    assert gate.curl("http://b.test/gone")[0] == 503
    for nowhere in ("http://wild.test/", "http://y.x.wild.test/", "http://f.test/"):
        assert gate.curl(nowhere)[0] == 404, nowhere
    forwarded = gate.told("http://a.test/", "-H", "X-Forwarded-For: 6.6.6.6")["headers"]
    assert forwarded["x-forwarded-for"] == gate.address and forwarded["x-forwarded-proto"] == "http"
    assert gate.told("https://a.test/")["headers"]["x-forwarded-proto"] == "https"
    assert gate.told("http://r.test/api/x/y?z=1")["path"] == "/v1/x/y?z=1"
    assert gate.told("http://r.test/api")["path"] == "/v1/"
    assert gate.told("http://r.test/api", "-d", "x" * 1000)["length"] == 1000
    assert gate.curl("http://r.test/api", "-d", "x" * 2000)[0] == 413
    assert gate.curl("http://r.test/api", "-H", "transfer-encoding: chunked", "-d", "x")[0] == 411
    found = eventually(
        "the status", lambda: gate.cluster.get("ingress", "paths")["status"]["loadBalancer"].get("ingress")
    )
    assert [part["ip"] for part in found] == [gate.address]
    assert not gate.cluster.get("ingress", "foreign")["status"]["loadBalancer"]
    eventually("the events", lambda: "ServiceNotFound" in gate.events("paths") and "Sync" in gate.events("paths"))
    eventually("the bad annotation is told", lambda: "control characters" in gate.events("rewrite"))
    assert "Sync" not in gate.events("foreign")


def test_tls_names_and_renewal(gate: Gate, tmp_path: Path) -> None:
    gate.backend("web")
    gate.apply(
        tls_secret(tmp_path, "first-1", "s.test"),
        tls_secret(tmp_path, "wild-1", "*.w.test"),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "bad"},
            "data": {"tls.crt": "eA==", "tls.key": "eA=="},
        },
        gate.ingress(
            "tls",
            *((host, "/", "Prefix", "web") for host in ("s.test", "x.w.test", "bad.test", "plain.test")),
            tls=[
                {"hosts": ["s.test"], "secretName": "first"},
                {"hosts": ["*.w.test"], "secretName": "wild"},
                {"hosts": ["bad.test"], "secretName": "bad"},
            ],
        ),
        gate.ingress("off", ("s.test", "/off", "Prefix", "web"), annotations={"ssl-redirect": "false"}),
    )
    gate.serves("https://s.test/", "web")
    gate.serves("http://s.test/off", "web")
    eventually("a certificate by name", lambda: gate.subject("s.test") == "subject=CN = first-1")
    eventually("one by wildcard", lambda: gate.subject("x.w.test") == "subject=CN = wild-1")
    for host in ("bad.test", "y.x.w.test", "nobody.test"):
        assert "fallback" in gate.subject(host), host
    eventually("the bad Secret is told", lambda: "BadCertificate" in gate.events("tls"))
    port = "" if gate.https == 443 else f":{gate.https}"
    assert gate.curl("http://s.test/x?y=z") == (308, f"https://s.test{port}/x?y=z")
    assert gate.curl("http://x.w.test/")[0] == 308
    assert gate.told("http://s.test/off")["name"] == gate.told("http://plain.test/")["name"] == "web"

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    before = gate.proxy_pid()
    with context.wrap_socket(socket.create_connection((gate.address, gate.https)), server_hostname="s.test") as held:
        gate.apply(tls_secret(tmp_path, "first-2", "s.test"))
        eventually("the new certificate is shown", lambda: gate.subject("s.test") == "subject=CN = first-2")
        held.sendall(b"GET / HTTP/1.1\r\nHost: s.test\r\n\r\n")
        assert b" 200 " in held.recv(4096), "a connection from before goes on"
    assert gate.proxy_pid() == before, "without another process"
    assert gate.subject("x.w.test") == "subject=CN = wild-1"


def test_upgrades_and_grpc(gate: Gate, tmp_path: Path) -> None:
    gate.backend("web")
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool)
    echo = grpc.stream_stream_rpc_method_handler(lambda messages, _context: messages)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Talk": echo}),))
    port = server.add_insecure_port(f"{gate.address}:0")
    server.start()
    gate.apply(
        *leading_to(gate.address, port, "rpc", "kubernetes.io/h2c"),
        tls_secret(tmp_path, "rpc-1", "rpc.test"),
        gate.ingress(
            "upgrades", ("ws.test", "/", "Prefix", "web"), ("rpc.test", "/", "Prefix", "rpc"),
            tls=[{"hosts": ["rpc.test"], "secretName": "rpc"}],
        ),
    )  # fmt: skip
    gate.serves("http://ws.test/", "web")
    with socket.create_connection((gate.address, gate.http), timeout=PATIENCE_S) as web:
        key = b64encode(os.urandom(16)).decode()
        web.sendall(
            f"GET / HTTP/1.1\r\nHost: ws.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        assert b" 101 " in web.recv(4096)
        frame = bytes([0x82, 0x85, 1, 2, 3, 4]) + b"hello"
        web.sendall(frame)
        assert web.recv(100) == frame
        # A change that needs another process: what is open goes on.
        gate.apply(gate.ingress("more", ("more.test", "/", "Prefix", "web")))
        gate.serves("http://more.test/", "web")
        web.sendall(frame)
        assert web.recv(100) == frame
    roots = (tmp_path / "rpc-1.crt").read_bytes()
    options = (("grpc.ssl_target_name_override", "rpc.test"), ("grpc.default_authority", "rpc.test"))
    with grpc.secure_channel(f"{gate.address}:{gate.https}", grpc.ssl_channel_credentials(roots), options) as channel:
        talk = channel.stream_stream("/test.Echo/Talk")
        assert list(talk(iter([b"a", b"b"]), wait_for_ready=True, timeout=PATIENCE_S)) == [b"a", b"b"]
    server.stop(None).wait()
    pool.shutdown()


def test_a_rolling_update_under_load(gate: Gate, gateway_api: None) -> None:
    container = {
        "name": "hello", "image": "pybernetes.local/hello:1.0", "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 30},
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
    }  # fmt: skip
    labels = {"app": "roll"}
    gate.apply(
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "roll"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "roll"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        gate.ingress("roll", ("roll.test", "/", "Prefix", "roll")),
        gateway("roll", {"name": "http", "port": 80, "protocol": "HTTP"}),
        http_route("roll", {"backendRefs": [{"name": "roll", "port": 80}]}),
    )  # fmt: skip
    gate.cluster.kubectl("rollout", "status", "deployment/roll", "--timeout=120s")
    eventually("it is served", lambda: gate.curl("http://roll.test/")[0] == 200)
    address = address_of(gate, "roll")
    eventually("it is served by a Gateway too", lambda: quiet_fetch(f"http://{address}/"))
    before = gate.proxy_pid()
    ways = [(gate.address, gate.http), (address, 80)]
    loads = [Load(*way, "roll.test", keep_alive=kept) for way in ways for kept in (True, False)]
    gate.cluster.kubectl("rollout", "restart", "deployment/roll")
    gate.cluster.kubectl("rollout", "status", "deployment/roll", "--timeout=120s")
    assert gate.proxy_pid() == before, "endpoints change without another process"
    gate.apply(gate.ingress("beside", ("beside.test", "/", "Prefix", "roll")))
    eventually("another process serves", lambda: gate.curl("http://beside.test/")[0] == 200)
    eventually("it is recorded", lambda: gate.proxy_pid() != before)
    seen = [load.sent for load in loads]
    eventually("the load goes on", lambda: all(load.sent > at + 20 for load, at in zip(loads, seen, strict=True)))
    for load in loads:
        load.end()
    assert [load.failures for load in loads] == [[], [], [], []]


def test_a_killed_proxy_comes_back(gate: Gate) -> None:
    gate.backend("web")
    gate.apply(gate.ingress("kill", ("kill.test", "/", "Prefix", "web")))
    gate.serves("http://kill.test/", "web")
    first = gate.settled_pid()
    os.kill(first, signal.SIGKILL)
    eventually("it is started again", lambda: gate.curl("http://kill.test/")[0] == 200)
    eventually("it is another one", lambda: gate.proxy_pid() != first)
