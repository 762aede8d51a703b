"""Too large, too deep, too slow or no HTTP at all, over a real socket: the right 4xx, and nothing kept.

Source: the limits are upstream's (apiserver/pkg/server/config.go, endpoints/handlers).
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from pybernetes.http import connection, server
from tests.integration.apiserver_in_a_thread import TOKEN, Served, read_answer, serving

MAPS = "/api/v1/namespaces/default/configmaps"
ONE = f"{MAPS}/one"
JSON = "application/json"
YAML = "application/yaml"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c + 1, c + 1, b",".join([b"*%c" % c] * 9)) for c in range(ord("a"), ord("j"))
)
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
DEEP_LIST = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture(scope="module")
def api() -> Iterator[Served]:
    with serving() as served:
        served.make(MAPS, {"metadata": {"name": "one"}, "data": {"a": "b"}})
        yield served


@pytest.fixture(autouse=True)
def nothing_else_changed(api: Served) -> Iterator[None]:
    """Whatever a test sends, the object is as before, nothing half-written is there, and the server answers."""
    before = api.ask("GET", MAPS).body
    yield
    after = api.ask("GET", MAPS)
    assert after.status == 200
    assert json.loads(after.body)["items"] == json.loads(before)["items"]


def config_map(**data: str) -> bytes:
    return json.dumps({"metadata": {"name": "two"}, "data": data}).encode()


BODIES = {
    "over-3-mib": ("POST", MAPS, JSON, config_map(a="x" * (3 << 20)), 413, "too large"),
    "config-map-over-1-mib": ("POST", MAPS, JSON, config_map(a="x" * 1_200_000), 422, "Too long"),
    "yaml-billion-laughs": ("POST", MAPS, YAML, b"data:\n" + b"  x: y\n" + LAUGHS, 400, "excessive aliasing"),
    "yaml-inside-itself": ("POST", MAPS, YAML, b"a: &a [*a]\n", 400, "excessive aliasing"),
    "yaml-deep": ("POST", MAPS, YAML, b"[" * 100_000, 400, ""),
    "yaml-bad-utf-8": ("POST", MAPS, YAML, b"kind: \xff\xfe", 400, ""),
    "yaml-of-a-tag": ("POST", MAPS, YAML, b"!!python/object:os.system ls", 400, ""),
    "yaml-set": ("POST", MAPS, YAML, b"metadata: !!set {a, b}", 400, ""),
    "json-deep": ("POST", MAPS, JSON, DEEP, 400, "max depth"),
    "json-deep-list": ("POST", MAPS, JSON, DEEP_LIST, 400, "max depth"),
    "json-cut-off": ("POST", MAPS, JSON, b'{"metadata":', 400, "unexpected end"),
    "json-nothing": ("POST", MAPS, JSON, b"", 400, "unrecognized"),
    "json-null": ("POST", MAPS, JSON, b"null", 400, ""),
    "json-list": ("POST", MAPS, JSON, b"[]", 400, "array"),
    "json-nan": ("POST", MAPS, JSON, b'{"data":{"a":NaN}}', 400, "invalid character"),
    "json-bad-utf-8": ("POST", MAPS, JSON, b'{"metadata":{"name":"\xff"}}', 400, ""),
    "json-lone-surrogate": ("POST", MAPS, JSON, b'{"data":{"a":"\\ud800"}}', (400, 422), ""),
    "json-huge-number": ("POST", MAPS, JSON, b'{"metadata":{"generation":1' + b"0" * 5000 + b"}}", 400, ""),
    "json-number-over-64-bits": ("POST", MAPS, JSON, b'{"metadata":{"generation":18446744073709551616}}', 400, ""),
    "json-wrong-types": ("POST", MAPS, JSON, b'{"metadata":[],"data":7}', 400, "cannot unmarshal"),
    "form-data": ("POST", MAPS, "multipart/form-data", b"x", 415, "media types"),
    "no-such-type": ("POST", MAPS, "text/html", b"<b>", 415, "media types"),
    "protobuf-rubbish": ("POST", MAPS, "application/vnd.kubernetes.protobuf", b"k8s\0\xff\xff\xff\xff\xff", 400, ""),
    "protobuf-no-magic": ("POST", MAPS, "application/vnd.kubernetes.protobuf", b"{}", 400, ""),
    "patch-operations": (
        "PATCH",
        ONE,
        JSON_PATCH,
        json.dumps([{"op": "test", "path": "/kind", "value": "x"}] * 10_001).encode(),
        413,
        "10000",
    ),
    "patch-copies-double": (
        "PATCH",
        ONE,
        JSON_PATCH,
        json.dumps([{"op": "copy", "from": "/data", "path": f"/data/x{i}"} for i in range(64)]).encode(),
        422,
        "",
    ),
    "patch-no-list": ("PATCH", ONE, JSON_PATCH, b"{}", 400, "cannot unmarshal"),
    "patch-of-numbers": ("PATCH", ONE, JSON_PATCH, b"[1,2]", 400, ""),
    "patch-unknown-operation": ("PATCH", ONE, JSON_PATCH, b'[{"op":"explode","path":"/"}]', 422, ""),
    "patch-no-path": ("PATCH", ONE, JSON_PATCH, b'[{"op":"add","value":1}]', 422, ""),
    "patch-removes-everything": ("PATCH", ONE, JSON_PATCH, b'[{"op":"remove","path":""}]', (400, 422), ""),
    "patch-makes-a-list": ("PATCH", ONE, JSON_PATCH, b'[{"op":"replace","path":"","value":[]}]', (400, 422), ""),
    "patch-metadata-null": (
        "PATCH",
        ONE,
        JSON_PATCH,
        b'[{"op":"replace","path":"/metadata","value":null}]',
        (400, 422),
        "",
    ),
    "patch-metadata-list": (
        "PATCH",
        ONE,
        JSON_PATCH,
        b'[{"op":"replace","path":"/metadata","value":[1]}]',
        (400, 422),
        "",
    ),
    "patch-type": ("PATCH", ONE, JSON, b"{}", 415, "media types"),
    "merge-deep": ("PATCH", ONE, MERGE, DEEP, 400, ""),
    "merge-list": ("PATCH", ONE, MERGE, b"[]", 400, "decod"),
    "merge-metadata-text": ("PATCH", ONE, MERGE, b'{"metadata":"x"}', (400, 422), ""),
    "merge-bad-utf-8": ("PATCH", ONE, MERGE, b'{"data":{"a":"\xff"}}', 400, ""),
    "merge-huge-number": ("PATCH", ONE, MERGE, b'{"metadata":{"generation":1' + b"0" * 400 + b"}}", (400, 422), ""),
    "strategic-deep": ("PATCH", ONE, STRATEGIC, DEEP, 400, ""),
    "strategic-text": ("PATCH", ONE, STRATEGIC, b'"x"', 400, ""),
    "strategic-directive": ("PATCH", ONE, STRATEGIC, b'{"$patch":7}', (400, 422), ""),
    "apply-billion-laughs": ("PATCH", f"{ONE}?fieldManager=x", APPLY, LAUGHS, 400, "aliasing"),
    "apply-metadata-text": (
        "PATCH",
        f"{ONE}?fieldManager=x",
        APPLY,
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: x\n",
        400,
        "",
    ),
    "apply-metadata-list": (
        "PATCH",
        f"{ONE}?fieldManager=x",
        APPLY,
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: [x]\n",
        400,
        "",
    ),
    "apply-deep": ("PATCH", f"{ONE}?fieldManager=x", APPLY, DEEP, 400, ""),
    "apply-deep-yaml": ("PATCH", f"{ONE}?fieldManager=x", APPLY, b"a: " + b"[" * 50_000, 400, ""),
    "apply-text": ("PATCH", f"{ONE}?fieldManager=x", APPLY, b"hello", 400, ""),
    "apply-bad-utf-8": ("PATCH", f"{ONE}?fieldManager=x", APPLY, b"kind: \xff", 400, ""),
    "apply-huge-number": (
        "PATCH",
        f"{ONE}?fieldManager=x",
        APPLY,
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {generation: 1" + b"0" * 400 + b"}\n",
        400,
        "",
    ),
    "apply-date": (
        "PATCH",
        f"{ONE}?fieldManager=x",
        APPLY,
        b"apiVersion: v1\nkind: ConfigMap\ndata: {a: !!set {x}}\n",
        400,
        "",
    ),
    "delete-options-deep": ("DELETE", ONE, JSON, DEEP, 400, ""),
    "delete-options-list": ("DELETE", ONE, JSON, b"[1]", 400, ""),
    "delete-options-laughs": ("DELETE", ONE, YAML, LAUGHS, 400, ""),
    "delete-options-types": ("DELETE", ONE, JSON, b'{"gracePeriodSeconds":"soon"}', 400, "cannot unmarshal"),
    "delete-options-huge": ("DELETE", ONE, JSON, b'{"gracePeriodSeconds":1e999}', 400, ""),
}


@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES)
def test_bodies(api: Served, case: tuple[str, str, str, bytes, int | tuple[int, ...], str]) -> None:
    method, target, content_type, body, statuses, text = case
    answer = api.send(method, target, body, content_type)
    assert answer.status in (statuses if isinstance(statuses, tuple) else (statuses,)), answer.message[:500]
    assert text in answer.message
    assert json.loads(answer.body)["kind"] == "Status"


TARGETS = {
    "traversal": ("/api/v1/namespaces/../../etc/passwd", 404),
    "traversal-encoded": ("/api/v1/namespaces/default/configmaps/..%2f..%2fsecrets", 404),
    "traversal-of-openapi": ("/openapi/v3/../../../../etc/passwd", 404),
    "traversal-of-openapi-encoded": ("/openapi/v3/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
    "double-slash": ("//etc/passwd", 404),
    "nul": ("/api/v1/namespaces/default/configmaps/%00", 404),
    "long-name": (f"{MAPS}/{'x' * 100_000}", 404),
    "bad-percent": (f"{MAPS}/%zz", 400),
    "name-of-dots": (f"{MAPS}/..", 400),
    "name-of-dots-encoded": (f"{MAPS}/%2e%2e", 400),
    "name-with-percent": (f"{MAPS}/a%25b", 400),
    "bad-utf-8": (f"{MAPS}/%ff%fe", 400),
    "selector": (f"{MAPS}?labelSelector=a%20in%20(", 400),
    "selector-operator": (f"{MAPS}?labelSelector=a%3D%3D%3Db", 400),
    "selector-brackets": (f"{MAPS}?labelSelector={'(' * 50_000}", 400),
    "field-selector": (f"{MAPS}?fieldSelector=spec.x%3Dy", 400),
    "field-selector-rubbish": (f"{MAPS}?fieldSelector=%3D%3D", (200, 400)),
    "continue": (f"{MAPS}?limit=1&continue=rubbish", 400),
    "continue-padding": (f"{MAPS}?limit=1&continue=%3D%3D%3D", 400),
    "continue-not-ascii": (f"{MAPS}?limit=1&continue=%C3%A4", 400),
    "continue-other-json": (f"{MAPS}?limit=1&continue=e30", 400),
    "continue-huge-version": (
        f"{MAPS}?limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6OTIyMzM3MjAzNjg1NDc3NTgwNywic3RhcnQiOiJhXHUwMDAwIn0",
        (400, 410, 504),
    ),
    "limit-text": (f"{MAPS}?limit=many", 400),
    "limit-negative": (f"{MAPS}?limit=-1", (200, 400)),
    "limit-huge": (f"{MAPS}?limit={'9' * 5000}", 400),
    "version-text": (f"{MAPS}?resourceVersion=abc", 400),
    "version-negative": (f"{MAPS}?resourceVersion=-1", 400),
    "version-huge": (f"{MAPS}?resourceVersion={'9' * 5000}", (400, 422)),
    "version-match": (f"{MAPS}?resourceVersion=1&resourceVersionMatch=Sometimes", (400, 422)),
    "watch-version-text": (f"{MAPS}?watch=1&resourceVersion=abc", (400, 422)),
    "watch-timeout-text": (f"{MAPS}?watch=1&timeoutSeconds=abc", 400),
    "watch-timeout-huge": (f"{MAPS}?watch=1&timeoutSeconds={'9' * 5000}", 400),
    "timeout-text": (f"{MAPS}?timeout=soon", 400),
    "timeout-huge": (f"{ONE}?timeout={'9' * 400}h", (200, 400)),
    "table-include": (f"{MAPS}?includeObject=Everything", (200, 400)),
    "many-parameters": (f"{MAPS}?{'a=b&' * 20_000}", 200),
}


@pytest.mark.parametrize("case", TARGETS.values(), ids=TARGETS)
def test_targets(api: Served, case: tuple[str, int | tuple[int, ...]]) -> None:
    target, statuses = case
    answer = api.send("GET", target)
    assert answer.status in (statuses if isinstance(statuses, tuple) else (statuses,)), answer.message[:500]
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("OPTIONS", MAPS, 405),
        ("TRACE", MAPS, 405),
        ("PUT", MAPS, 405),
        ("POST", ONE, 405),
        ("PATCH", MAPS, 405),
    ],
)
def test_methods_that_are_not_served(api: Served, method: str, target: str, status: int) -> None:
    assert api.send(method, target).status == status


@pytest.mark.parametrize(("target", "status"), [(ONE, b"405"), (MAPS, b"405"), ("/healthz", b"200")])
def test_heads_alone_are_not_served_of_objects(api: Served, target: str, status: bytes) -> None:
    with api.open() as sock:
        sock.sendall(f"HEAD {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert sock.recv(65536).split()[1] == status


@pytest.mark.parametrize("target", [ONE, MAPS])
def test_a_version_of_the_future_is_waited_for_and_told(api: Served, target: str) -> None:
    started = time.monotonic()
    answer = api.send("GET", f"{target}?resourceVersion=999999999")
    status = json.loads(answer.body)
    assert (answer.status, status["reason"]) == (504, "Timeout")
    assert [cause["reason"] for cause in status["details"]["causes"]] == ["ResourceVersionTooLarge"]
    assert status["details"]["retryAfterSeconds"] == 1
    assert time.monotonic() - started > 2.5


HEAD = b"GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % (ONE.encode(), TOKEN.encode())
RAW = {
    "no-http": (b"hello\r\n\r\n", 400),
    "tls-hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, 400),
    "http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (0, 400, 404, 405, 505)),
    "no-version": (b"GET /\r\n\r\n", (400, 403)),
    "space-before-colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "two-lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "length-and-chunks": (b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two-hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "host-of-two-words": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "chunks-before-length": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked-twice": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (400, 501),
    ),
    "compressed-and-chunked": (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "other-encoding": (b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501)),
    "space-before-colon-of-encoding": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    "length-with-sign": (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na", 400),
    "chunk-of-negative-size": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    "chunk-of-huge-size": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
    "chunk-longer-than-it-says": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc0\r\n\r\n", 400),
    "connect": (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", (400, 404)),
    "folded-header": (b"GET / HTTP/1.1\r\nX: a\r\n  b\r\n\r\n", 400),
    "header-without-name": (b"GET / HTTP/1.1\r\n: a\r\n\r\n", 400),
    "negative-length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    "huge-length": (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", (400, 413)),
    "length-over-the-limit": (
        f"POST {MAPS} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 99999999\r\n\r\n".encode(),
        413,
    ),
    "length-over-the-limit-of-a-stranger": (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 403),
    "bad-chunk": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "header-of-2-mb": (HEAD + b"X: " + b"x" * 2_000_000 + b"\r\n\r\n", 431),
    "many-headers": (HEAD + b"".join(b"X-%d: y\r\n" % i for i in range(200_000)) + b"\r\n", 431),
    "line-of-2-mb": (b"GET /" + b"x" * 2_000_000 + b" HTTP/1.1\r\n\r\n", (414, 431)),
    "nul-in-header": (HEAD + b"X: a\0b\r\n\r\n", 400),
}


@pytest.mark.parametrize("case", RAW.values(), ids=RAW)
def test_bytes_that_are_no_good_request(api: Served, case: tuple[bytes, int | tuple[int, ...]]) -> None:
    data, statuses = case
    with api.open() as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
        answer = read_answer(sock)
        assert answer.status in (statuses if isinstance(statuses, tuple) else (statuses,)), answer
        sock.settimeout(60)
        while sock.recv(65536):
            pass  # the connection ends: nothing behind a bad request is read as another one


def test_a_body_that_is_cut_off_is_not_written(api: Served) -> None:
    body = config_map(a="b")
    for part in (0, 1, len(body) - 1):
        with api.open() as sock:
            head = f"POST {MAPS} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
            sock.sendall(head.encode() + body[:part])
    assert api.ask("GET", f"{MAPS}/two").status == 404


def test_a_chunked_body_over_the_limit_is_refused_before_its_end(api: Served) -> None:
    with api.open() as sock:
        sock.sendall(
            f"POST {MAPS} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        try:
            for _ in range(60):
                sock.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except ConnectionError:
            pass
        assert read_answer(sock).status == 413


def test_a_pipeline_without_end_is_answered_in_its_order_and_not_hoarded(api: Served) -> None:
    """Requests are taken in as fast as their answers are, so a client that only sends is stopped by its own socket."""
    request = HEAD + b"\r\n"
    with api.open() as sock:
        sock.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline and sent < 64 << 20:
            try:
                sent += sock.send(request * 100)
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 64 << 20, "the server swallowed everything"
        assert all(len(c._queue) < 8000 for c in api.server._http.connections)  # type: ignore[union-attr]
        sock.setblocking(True)
        assert read_answer(sock).status == 200


def test_a_watcher_that_does_not_read_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue is bounded; when that is full the watch ends, and then the connection, though nobody reads it."""
    monkeypatch.setattr(server, "_SWEEP_S", 0.05)
    with serving() as api, api.open() as sock:
        api.make(MAPS, {"metadata": {"name": "one"}})
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(f"GET {MAPS}?watch=1 HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert b"200 OK" in sock.recv(200)
        http = api.server._http
        assert http is not None
        cache = next(c for c in api.server.registry._caches.values() if c.prefix == "/registry/configmaps/")
        assert (len(http.connections), cache.watcher_count) == (1, 1)
        (watcher,) = cache._watchers[("/namespace", "default")]
        watcher._queue_limit = 4
        text = "x" * 500_000
        for i in range(60):
            body = json.dumps({"data": {"a": text, "b": str(i)}}).encode()
            assert api.ask("PATCH", ONE, body, content_type=MERGE).status == 200
            if watcher.fell_behind:
                break
        assert watcher.fell_behind
        deadline = time.monotonic() + 60
        while http.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not http.connections
        assert cache.watcher_count == 0


def test_a_request_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers or a body, byte by byte: the connection goes after the time that a whole request may take."""
    monkeypatch.setattr(server, "_SWEEP_S", 0.05)
    monkeypatch.setattr(connection, "_HEADER_TIMEOUT_S", 0.3)
    begun = [b"GET / HTTP/1.1\r\nX-A: b\r\n", b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{", b"GET / HT"]
    with serving() as api:
        for start in begun:
            with api.open() as sock:
                sock.sendall(start)
                deadline = time.monotonic() + 60
                ended = False
                while not ended and time.monotonic() < deadline:
                    sock.settimeout(0.05)
                    try:
                        sock.sendall(b"x")
                        ended = sock.recv(100) == b""
                    except TimeoutError:
                        pass
                    except ConnectionError:
                        ended = True
                assert ended
