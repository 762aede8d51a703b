"""exec, attach, port-forward, logs and proxies from the apiserver's door to the runtime's, over sockets and TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apiserver.authorizers.attributes import AlwaysDeny
from pybernetes.apiserver.streaming import connect
from pybernetes.http import tls
from pybernetes.http import websocket as ws
from pybernetes.http.client import HttpClient
from pybernetes.http.messages import Request, Response
from pybernetes.http.server import HttpServer
from pybernetes.http.spdy import Session, StreamReset
from pybernetes.http.websocket import Channels, Tunnel, WebSocket
from pybernetes.kubelet.serving import server
from pybernetes.kubelet.serving.server_host import ContainerLog
from tests.integration.streaming_parts import SUCCESS, V4, V4_BASE64, Parts, failed, started
from tests.ports import free_ports
from tests.unit.http.certificates import Authority

EXEC = "/api/v1/namespaces/shop/pods/web/exec?container=app"
FORWARD = "/api/v1/namespaces/shop/pods/web/portforward"
LOG = "/api/v1/namespaces/shop/pods/web/log"
SPDY = {"connection": "Upgrade", "upgrade": "SPDY/3.1"}
LINES = b"".join(b"2026-01-01T00:00:0%d.5Z stdout F line %d\n" % (n, n) for n in range(5))


def run(folder: Path, body: Callable[[Parts, HttpClient], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with started(folder, **options) as parts:
            client = HttpClient(parts.url)
            try:
                await asyncio.wait_for(body(parts, client), 100)
            finally:
                await client.close()

    asyncio.run(main())


async def websocket(client: HttpClient, target: str, *protocols: str) -> WebSocket:
    answer, connection = await client.upgrade("GET", target, ws.client_headers(protocols))
    assert connection is not None, (answer.status, answer.body)
    return WebSocket(connection, client=True, protocol=answer.headers.get("sec-websocket-protocol", ""))


async def outcome(channels: Channels) -> dict[int, bytes]:
    """What came on each channel until the end."""
    found: dict[int, bytes] = {}
    while (message := await channels.receive()) is not None:
        number, data = message
        found[number] = found.get(number, b"") + (data or b"")
    return found


def test_v5_stdin_to_its_end(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        socket = await websocket(client, EXEC + "&command=cat&stdin=true&stdout=true", ws.V5, V4)
        assert socket.protocol == ws.V5
        channels = Channels(socket)
        assert await channels.receive() == (1, b""), "the client learns that it is connected"
        await channels.send(0, b"one ")
        await channels.send(0, b"two")
        await socket.send(bytes((ws.CLOSE_CHANNEL, 0)))
        assert await outcome(channels) == {1: b"one two", 3: SUCCESS}
        assert socket.close_code == 1000

    run(tmp_path, body)


def test_v5_both_outputs_and_the_exit_code(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        channels = Channels(await websocket(client, EXEC + "&command=both&stdout=true&stderr=true", ws.V5))
        assert await outcome(channels) == {1: b"out\n", 2: b"err\n", 3: SUCCESS}
        channels = Channels(await websocket(client, EXEC + "&command=exit&command=3&stdout=true", ws.V5))
        assert await outcome(channels) == {1: b"", 3: failed(3)}
        target = "/api/v1/namespaces/shop/pods/web/attach?stdout=true&stderr=true"
        assert (await outcome(Channels(await websocket(client, target, ws.V5))))[1] == b"out\n"

    run(tmp_path, body)


def test_v5_terminal_size(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        target = EXEC + "&command=size&stdin=true&stdout=true&tty=true"
        channels = Channels(await websocket(client, target, ws.V5))
        await channels.send(4, b'{"Width":80,"Height":24}')
        assert (await outcome(channels))[1] == b'{"Width":80,"Height":24}\n'

    run(tmp_path, body)


def test_v5_a_lot_of_output(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        channels = Channels(await websocket(client, EXEC + "&command=flood&command=8388608&stdout=true", ws.V5))
        found = await outcome(channels)
        assert (len(found[1]), found[3]) == (8388608, SUCCESS)

    run(tmp_path, body)


def test_v5_a_client_that_leaves_ends_the_command(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        socket = await websocket(client, EXEC + "&command=wait&stdin=true&stdout=true", ws.V5)
        await Channels(socket).receive()
        await socket.close()
        await parts.host.runtime.left.wait()

    run(tmp_path, body)


def test_v5_failures_come_as_a_status(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        target = EXEC + "&command=vanish&stdout=true"
        status = json.loads((await outcome(Channels(await websocket(client, target, ws.V5))))[3])
        assert (status["reason"], status["code"]) == ("InternalError", 500)
        assert "the connection to the kubelet broke" in status["message"]
        parts.host.shown.clear()
        status = json.loads((await outcome(Channels(await websocket(client, target, ws.V5))))[3])
        assert status["message"] == "unable to upgrade connection: pod does not exist"
        await parts.kubelet.stop()
        status = json.loads((await outcome(Channels(await websocket(client, target, ws.V5))))[3])
        assert status["message"].startswith("error dialing backend: ")

    run(tmp_path, body)


@pytest.mark.parametrize(("protocol", "message"), [(V4, b"\x00hello\x00"), (V4_BASE64, b"0aGVsbG8=")])
def test_v4_websockets_reach_the_runtime_as_they_are(tmp_path: Path, protocol: str, message: bytes) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        socket = await websocket(client, EXEC + "&command=cat&stdin=true&stdout=true", protocol)
        assert socket.protocol == protocol
        await socket.send(message, text=protocol == V4_BASE64)
        assert await socket.receive() == message
        assert (await socket.receive(), socket.close_code) == (None, 1000)

    run(tmp_path, body)


def test_spdy_exec(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        headers = SPDY | {"x-stream-protocol-version": ["v5.channel.k8s.io", "v4.channel.k8s.io"]}
        target = EXEC + "&command=both&stdout=true&stderr=true"
        answer, connection = await client.upgrade("POST", target, headers)
        assert connection is not None, answer.body
        assert answer.headers["x-stream-protocol-version"] == "v4.channel.k8s.io"
        async with Session(connection, client=True) as session:
            streams = {name: await session.open({"streamtype": name}) for name in ("error", "stdout", "stderr")}
            assert [await streams[n].read_all() for n in ("stdout", "stderr", "error")] == [b"out\n", b"err\n", SUCCESS]

    run(tmp_path, body)


async def forwarded(session: Session, port: int, data: bytes) -> bytes:
    headers = {"port": str(port), "requestid": str(port)}
    error = await session.open(headers | {"streamtype": "error"}, fin=True)
    stream = await session.open(headers | {"streamtype": "data"})
    await stream.write(data)
    await stream.close()
    assert await error.read_all() == b""
    return await stream.read_all()


def test_port_forward_over_spdy_and_through_a_tunnel(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        headers = SPDY | {"x-stream-protocol-version": "portforward.k8s.io"}
        _, connection = await client.upgrade("POST", FORWARD, headers)
        assert connection is not None
        async with Session(connection, client=True) as session:
            assert await forwarded(session, 80, b"abc") == b"80:ABC"
        socket = await websocket(client, FORWARD, ws.TUNNELLED_PORT_FORWARD)
        assert socket.protocol == ws.TUNNELLED_PORT_FORWARD
        async with Session(Tunnel(socket), client=True) as session:
            answers = await asyncio.gather(*(forwarded(session, port, b"x" * 100_000) for port in (80, 81, 82)))
            assert answers == [b"%d:" % port + b"X" * 100_000 for port in (80, 81, 82)]

    run(tmp_path, body)


def test_streams_at_once_are_dialled_in_turn_and_the_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_DIALS_AT_ONCE", 2)

    async def body(parts: Parts, client: HttpClient) -> None:
        free, dialling = asyncio.Event(), 0

        async def url(*_: object) -> str:
            nonlocal dialling
            dialling += 1
            assert dialling <= 2
            await free.wait()
            dialling -= 1
            return parts.host.runtime.url("portforward")

        async def stream() -> tuple[int, bytes]:
            answer, _ = await client.upgrade("GET", FORWARD, ws.client_headers([ws.TUNNELLED_PORT_FORWARD]))
            return answer.status, answer.body

        monkeypatch.setattr(parts.host, "port_forward_url", url)
        streams = [asyncio.create_task(stream()) for _ in range(2 + 20 + 1)]
        done, waiting = await asyncio.wait(streams, return_when=asyncio.FIRST_COMPLETED)
        status = json.loads(done.pop().result()[1])
        assert (status["code"], status["reason"], status["details"]) == (
            429, "TooManyRequests", {"retryAfterSeconds": 1},
        )  # fmt: skip
        free.set()
        assert {(await task)[0] for task in waiting} == {101}

    run(tmp_path, body)


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        (EXEC + "&command=x&stdout=true", 400, "Upgrade request required"),
        (EXEC.replace("app", "nope") + "&command=x&stdout=1", 400, "container nope is not valid for pod web"),
        (EXEC.replace("/web/", "/gone/"), 404, 'pods "gone" not found'),
        (LOG + "?tailLines=-1", 422, "tailLines"),
        (LOG + "?container=nope", 400, "container nope is not valid for pod web"),
        ("/api/v1/namespaces/shop/pods/a:b:c/proxy/", 400, 'invalid pod request "a:b:c"'),
        ("/api/v1/namespaces/shop/services/web:80/proxy/", 404, 'services "web" not found'),
        ("/api/v1/nodes/n1/proxy/healthz", 400, "address not allowed"),
        ("/api/v1/nodes/n1:22/proxy/", 400, "address not allowed"),
    ],
)
def test_bad_requests_are_told(tmp_path: Path, target: str, status: int, message: str) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        answer = await client.request("GET", target)
        assert answer.status == status, answer.body
        assert message in json.loads(answer.body)["message"]

    run(tmp_path, body)


def test_a_get_needs_the_right_to_create(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        answer, connection = await client.upgrade("GET", EXEC + "&command=x&stdout=1", ws.client_headers([ws.V5]))
        assert connection is None and answer.status == 403
        assert "cannot create resource" in json.loads(answer.body)["message"]

    run(tmp_path, body, authorizer=AlwaysDeny())


def test_logs_whole_and_in_part(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        path = tmp_path / "0.log"
        path.write_bytes(LINES)
        parts.host.log = ContainerLog("c1", str(path), False)
        answer = await client.request("GET", LOG)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
        assert answer.body == b"".join(b"line %d\n" % n for n in range(5))
        assert (await client.request("GET", LOG + "?tailLines=2")).body == b"line 3\nline 4\n"
        assert (await client.request("GET", LOG + "?sinceTime=2026-01-01T00:00:04Z")).body == b"line 4\n"
        stamped = await client.request("GET", LOG + "?timestamps=true&limitBytes=36")
        assert stamped.body == b"2026-01-01T00:00:00.500000000Z line "[:36]
        parts.host.log_error = BadRequest('previous terminated container "app" in pod "web" not found')
        answer = await client.request("GET", LOG + "?previous=true")
        assert (answer.status, json.loads(answer.body)["message"]) == (400, parts.host.log_error.message)

    run(tmp_path, body)


@pytest.mark.parametrize("protocol", ["", "binary.k8s.io", "base64.binary.k8s.io"])
def test_logs_as_messages(tmp_path: Path, protocol: str) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        path = tmp_path / "0.log"
        path.write_bytes(LINES)
        parts.host.log = ContainerLog("c1", str(path), False)
        socket = await websocket(client, LOG + "?tailLines=2", *filter(None, [protocol]))
        assert (socket.protocol, await socket.receive()) == (protocol, b"")
        found = b""
        while (message := await socket.receive()) is not None:
            found += base64.b64decode(message) if protocol.startswith("base64") else message
        assert (found, socket.close_code) == (b"line 3\nline 4\n", 1000)

    run(tmp_path, body)


def test_logs_follow_rotation_until_the_container_stops(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        folder = tmp_path / "logs"
        folder.mkdir()
        path = folder / "0.log"
        path.write_bytes(LINES)
        parts.host.log = ContainerLog("c1", str(path), True)
        async with client.stream("GET", LOG + "?follow=true&tailLines=1") as stream:
            chunks = stream.chunks()
            assert await anext(chunks) == b"line 4\n"
            with path.open("ab") as file:
                file.write(b"2026-01-01T00:00:05Z stdout F mo")
                file.flush()
                file.write(b"re\n")
            assert await anext(chunks) == b"more\n"
            path.rename(folder / "0.log.20260101")
            path.write_bytes(b"2026-01-01T00:00:06Z stderr P after ")
            with path.open("ab") as file:
                file.write(b"\n2026-01-01T00:00:06Z stderr F rotation\n")
            received = b""
            while received != b"after rotation\n":
                received += await anext(chunks)
            parts.host.stopped.set()
            assert [chunk async for chunk in chunks] == []

    run(tmp_path, body)


def test_a_reader_that_leaves_ends_the_following(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        path = tmp_path / "0.log"
        path.write_bytes(LINES)
        parts.host.log = ContainerLog("c1", str(path), True)
        async with client.stream("GET", LOG + "?follow=true") as stream:
            await anext(stream.chunks())
        await parts.host.unfollowed.wait()

    run(tmp_path, body)


def trusting(authority: Authority, **identity: Any) -> ssl.SSLContext:
    """A client's context, with a certificate when an identity is given."""
    files = [Path(f).read_bytes() for f in authority.issue(**identity)] if identity else [None, None]
    return tls.client_context(Path(authority.certificate_file).read_bytes(), *files)


def test_the_kubelet_knows_whom_it_serves(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        async def ask(path: str, method: str = "GET", **identity: Any) -> tuple[int, bytes]:
            context = trusting(parts.authority, **identity)
            kubelet = HttpClient(f"https://127.0.0.1:{parts.kubelet.port}", context)
            answer = await kubelet.request(method, path)
            await kubelet.close()
            return answer.status, answer.body

        assert await ask("/healthz") == (401, b"Unauthorized")
        status, text = await ask("/pods", name="system:node:n2", organizations=["system:nodes"])
        assert status == 403
        assert text == b"Forbidden (user=system:node:n2, verb=get, resource=nodes, subresource(s)=[pods proxy])"
        admin: dict[str, Any] = {"name": "kubernetes-admin", "organizations": ["system:masters"]}
        assert await ask("/healthz", **admin) == (200, b"ok")
        status, text = await ask("/pods", **admin)
        assert [item["metadata"]["name"] for item in json.loads(text)["items"]] == ["web"]
        assert (await ask("/run/shop/web/app?cmd=ls%20/", "POST", **admin))[1] == b"ls /"
        assert json.loads((await ask("/configz", **admin))[1]) == {"kubeletconfig": {"kind": "KubeletConfiguration"}}
        assert b"node_cpu_usage_seconds_total 1.5 1767225600000\n" in (await ask("/metrics/resource", **admin))[1]
        assert (await ask("/metrics/cadvisor", **admin))[1] == b"of containers\n"
        assert (await ask("/metrics/probes", **admin))[1] == b"of probes\n"
        asked = await ask("/checkpoint/shop/web/app?timeout=5", "POST", **admin)
        assert json.loads(asked[1]) == {"items": ["/checkpoints/shop/web/app/5.tar"]}
        assert (await ask("/checkpoint/shop/web/other", "POST", **admin))[0] == 404
        assert (await ask("/checkpoint/shop/web/app?timeout=soon", "POST", **admin))[0] == 400
        assert json.loads((await ask("/stats/summary", **admin))[1])["node"]["nodeName"] == "n1"
        assert (await ask("/nothing", **admin))[0] == 404
        assert await ask("/exec/shop/gone/app?output=1", "POST", **admin) == (400, b"Upgrade request required")
        figures = (await ask("/metrics", **admin))[1].decode()
        asked = "kubelet_http_requests_total{"
        assert f'{asked}long_running="true",method="POST",path="exec",server_type="readwrite"}} 1\n' in figures
        assert (
            f'{asked}long_running="false",method="GET",path="metrics/cadvisor",server_type="readwrite"}} 1\n' in figures
        )
        assert f'{asked}long_running="false",method="GET",path="other",server_type="readwrite"}} 1\n' in figures
        assert 'duration_seconds_count{long_running="false",method="GET",path="pods",' in figures

    run(tmp_path, body)


def test_everybody_may_ask_for_health_once_the_port_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_PORT_RETRY_S", 0.01)
    (port,) = free_ports(1)

    async def body(parts: Parts, _: HttpClient) -> None:
        other = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
        answering = asyncio.create_task(parts.kubelet.answer_health("127.0.0.1", port))
        await asyncio.sleep(0.05)
        assert not answering.done()
        other.close()
        await answering
        client = HttpClient(f"http://127.0.0.1:{port}")
        try:
            answers = [await client.request("GET", path) for path in ("/healthz", "/pods")]
        finally:
            await client.close()
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"ok"), (404, b"404 page not found\n")]

    run(tmp_path, body)


def test_proxies_to_pods_services_and_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The backend is on loopback here, which a real cluster refuses to reach this way.
    monkeypatch.setattr("pybernetes.apiserver.streaming.location.allowed", lambda address: True)

    async def backend(request: Request) -> Response:
        if request.path == "/page":
            headers = [("Content-Type", "text/html"), ("Access-Control-Allow-Origin", "*")]
            return Response(200, headers, b'<a href="/there">there</a>')
        if request.path == "/old":
            return Response(302, [("Location", "/new?x=1"), ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")])
        shown = {"path": request.path, "query": request.query, "method": request.method, "headers": request.headers}
        return Response(201, [("Content-Type", "application/json")], json.dumps(shown).encode() + await request.whole())

    async def body(parts: Parts, client: HttpClient) -> None:
        server = HttpServer(backend, host="127.0.0.1", port=0)
        await server.start()
        pods = parts.objects.by_plural["pods"]
        pods["shop", "web"] = {**pods["shop", "web"], "status": {"podIPs": [{"ip": "127.0.0.1"}]}}
        pod = f"/api/v1/namespaces/shop/pods/web:{server.port}/proxy"
        answer = await client.request("GET", f"{pod}/a%20b/?q=1", {"authorization": "Bearer secret"})
        shown = json.loads(answer.body)
        assert (answer.status, shown["path"], shown["query"]) == (201, "/a b/", "q=1")
        assert "authorization" not in shown["headers"]
        assert shown["headers"]["x-forwarded-uri"] == f"{pod}/a%20b/"
        answer = await client.request("POST", f"{pod}/x", body=b"!")
        assert answer.body.endswith(b"}!")
        answer = await client.request("GET", pod + "?a=b")
        assert (answer.status, answer.headers["location"]) == (301, pod + "/?a=b")
        answer = await client.request("GET", pod + "/old")
        assert (answer.status, answer.headers["location"]) == (302, pod + "/new?x=1")
        assert answer.headers["set-cookie"].split("\n") == ["a=1; Path=/", "b=2"]
        answer = await client.request("GET", pod + "/page")
        assert answer.body.decode() == f'<a href="{pod}/there">there</a>'
        assert "access-control-allow-origin" not in answer.headers
        answer = await client.request("GET", f"{pod}/x", {"x-forwarded-for": "192.0.2.1", "host": "api.example"})
        shown = json.loads(answer.body)["headers"]
        assert shown["x-forwarded-for"].startswith("192.0.2.1, ")
        assert shown["host"] == "api.example", "the name that the client asked for"
        port = {"name": "http", "port": 80}
        parts.objects.by_plural["services"] = {
            ("shop", "web"): {"metadata": {"name": "web"}, "spec": {"ports": [port]}}
        }
        address = {"ip": "127.0.0.1", "targetRef": {"kind": "Pod", "name": "web", "namespace": "shop"}}
        subset = {"addresses": [address], "ports": [{"name": "http", "port": server.port}]}
        parts.objects.by_plural["endpoints"] = {("shop", "web"): {"subsets": [subset]}}
        for name in ("web:80", "web:http", "http:web:80"):
            answer = await client.request("GET", f"/api/v1/namespaces/shop/services/{name}/proxy/x")
            assert json.loads(answer.body)["path"] == "/x"
        assert (await client.request("GET", "/api/v1/nodes/n1/proxy/healthz")).body == b"ok"
        pods["shop", "web"] = {**pods["shop", "web"], "status": {"podIPs": [{"ip": "127.0.0.2"}]}}
        answer = await client.request("GET", "/api/v1/namespaces/shop/services/web:80/proxy/x")
        assert (answer.status, json.loads(answer.body)["message"]) == (
            503,
            'no endpoints available for service "web:80"',
        ), "an address that is not the Pod's"
        pods["shop", "web"] = {**pods["shop", "web"], "status": {"podIPs": [{"ip": "127.0.0.1"}]}}
        await server.stop()
        answer = await client.request("GET", pod + "/x")
        assert (answer.status, json.loads(answer.body)["reason"]) == (503, "ServiceUnavailable")

    run(tmp_path, body)


def test_the_python_client_execs(tmp_path: Path) -> None:
    def use(url: str) -> tuple[str, int, str]:
        from kubernetes import client, stream  # type: ignore[import-untyped]

        configuration = client.Configuration()
        configuration.host = url
        api = client.CoreV1Api(client.ApiClient(configuration))
        connect = api.connect_get_namespaced_pod_exec
        options = {"stderr": True, "stdin": False, "stdout": True, "tty": False}
        output = stream.stream(connect, "web", "shop", command=["both"], container="app", **options)
        failing = stream.stream(connect, "web", "shop", command=["exit", "7"], _preload_content=False, **options)
        failing.run_forever(timeout=60)
        options["stdin"] = True
        cat = stream.stream(connect, "web", "shop", command=["cat"], _preload_content=False, **options)
        cat.write_stdin("spam\n")
        echoed = cat.readline_stdout(timeout=60)
        cat.close()
        return output, failing.returncode, echoed

    async def body(parts: Parts, client: HttpClient) -> None:
        output, code, echoed = await asyncio.to_thread(use, parts.url)
        assert (code, echoed) == (7, "spam")
        assert sorted(output.split()) == ["err", "out"]

    run(tmp_path, body)


def test_streams_reset_are_told(tmp_path: Path) -> None:
    async def body(parts: Parts, client: HttpClient) -> None:
        parts.host = replace(parts.host)
        headers = SPDY | {"x-stream-protocol-version": "portforward.k8s.io"}
        _, connection = await client.upgrade("POST", FORWARD, headers)
        assert connection is not None
        async with Session(connection, client=True) as session:
            stream = await session.open({"port": "1", "requestid": "1", "streamtype": "data"})
            await stream.reset()
            with pytest.raises(StreamReset):
                await stream.write(b"x")
            assert await forwarded(session, 80, b"a") == b"80:A", "the others go on"

    run(tmp_path, body)
