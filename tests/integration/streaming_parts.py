"""A runtime's streaming server, a kubelet and an apiserver's connector, in one process over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import msgspec

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.errors import NotFound, StatusError
from pybernetes.apimachinery.scheme import find
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authorizers.attributes import AlwaysAllow, Authorizer
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.request_info import resolve
from pybernetes.apiserver.streaming.connect import Connector
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Connection, Request, Response, Upgrade
from pybernetes.http.proxying import list_values
from pybernetes.http.server import HttpServer
from pybernetes.http.spdy import Session, Stream
from pybernetes.http.websocket import WebSocket, accept
from pybernetes.kubelet.serving.log_reader import LogOptions
from pybernetes.kubelet.serving.log_stream import log_stream
from pybernetes.kubelet.serving.server import KubeletServer, ServerConfig
from pybernetes.kubelet.serving.server_host import ContainerLog, StreamOptions
from tests.unit.http.certificates import Authority

V4, V4_BASE64 = "v4.channel.k8s.io", "v4.base64.channel.k8s.io"
SUCCESS = b'{"metadata":{},"status":"Success"}'


def failed(code: int) -> bytes:
    return (
        b'{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code",'
        b'"reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"%d"}]}}' % code
    )


class Runtime:
    """Streams as containerd serves them: SPDY and WebSocket v4, a few commands."""

    def __init__(self) -> None:
        self.server = HttpServer(self.handle, host="127.0.0.1", port=0)
        self.left = asyncio.Event()
        """The client of a `wait` is gone."""

    def url(self, path: str, **query: Any) -> str:
        return f"http://127.0.0.1:{self.server.port}/{path}?{urlencode(query, doseq=True)}"

    async def handle(self, request: Request) -> Response | Upgrade:
        query = parse_qs(request.query)
        if request.path == "/portforward":
            headers = [
                ("Connection", "Upgrade"),
                ("Upgrade", "SPDY/3.1"),
                ("X-Stream-Protocol-Version", "portforward.k8s.io"),
            ]
            return Upgrade(headers, self._forward)
        command = query.get("command", [])
        count = 1 + sum(query[name] == ["True"] for name in ("stdin", "stdout", "stderr", "tty"))
        if request.headers["upgrade"].lower() == "websocket":
            return accept(request, [V4, V4_BASE64], self._websocket)
        assert V4 in list_values(request.headers, "x-stream-protocol-version")

        async def run(connection: Connection) -> None:
            async with Session(connection, client=False) as session:
                streams: dict[str, Stream] = {}
                async for stream in session.incoming():
                    await stream.accept()
                    streams[stream.headers["streamtype"]] = stream
                    if len(streams) == count:
                        break
                await self._command(command, streams)

        return Upgrade([("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", V4)], run)

    async def _command(self, command: list[str], streams: dict[str, Stream]) -> None:
        status = SUCCESS
        match command:
            case ["cat"]:
                while data := await streams["stdin"].read():
                    await streams["stdout"].write(data)
            case ["both"]:
                await streams["stdout"].write(b"out\n")
                await streams["stderr"].write(b"err\n")
            case ["exit", code]:
                status = failed(int(code))
            case ["size"]:
                await streams["stdout"].write(await streams["resize"].read())
            case ["flood", size]:
                for _ in range(int(size) // 65536):
                    await streams["stdout"].write(bytes(65536))
            case ["vanish"]:
                return
            case ["wait"]:
                with contextlib.suppress(ConnectionError):
                    await streams["stdin"].read_all()
                self.left.set()
                return
        for name in ("stdout", "stderr"):
            if name in streams:
                await streams[name].close()
        await streams["error"].write(status)
        await streams["error"].close()
        await streams["error"].read_all()

    async def _websocket(self, socket: WebSocket) -> None:
        """Says once what it is told, whatever the protocol means by it."""
        message = await socket.receive()
        assert message is not None
        await socket.send(message)

    async def _forward(self, connection: Connection) -> None:
        """Answers every port with its number and what was sent, in capitals."""
        async with Session(connection, client=False) as session, asyncio.TaskGroup() as group:
            async for stream in session.incoming():
                await stream.accept()
                if stream.headers["streamtype"] == "data":
                    group.create_task(self._port(stream))
                else:
                    await stream.close()

    async def _port(self, stream: Stream) -> None:
        await stream.write(stream.headers["port"].encode() + b":")
        with contextlib.suppress(ConnectionError):
            while data := await stream.read():
                await stream.write(data.upper())
            await stream.close()


@dataclass
class KubeletHost:
    runtime: Runtime
    shown: list[Pod] = field(default_factory=list)
    log: ContainerLog | None = None
    log_error: StatusError | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    unfollowed: asyncio.Event = field(default_factory=asyncio.Event)

    def pods(self) -> list[Pod]:
        return self.shown

    def pod(self, namespace: str, name: str) -> Pod | None:
        return next((p for p in self.shown if (p.metadata.namespace, p.metadata.name) == (namespace, name)), None)

    async def running_pods(self) -> list[Pod]:
        return self.shown

    async def container_log(self, namespace: str, pod: str, container: str, previous: bool) -> ContainerLog:
        if self.log_error is not None:
            raise self.log_error
        assert self.log is not None
        return self.log

    def log_stream(self, log: ContainerLog, options: LogOptions) -> AsyncIterator[bytes]:
        return log_stream(log, options, self._wait_stopped)

    async def _wait_stopped(self, container_id: str) -> None:
        try:
            await self.stopped.wait()
        finally:
            self.unfollowed.set()

    async def exec_url(
        self, namespace: str, pod: str, uid: str, container: str, command: list[str], options: StreamOptions
    ) -> str:
        return self.runtime.url("exec", command=command, **_flags(options))

    async def attach_url(self, namespace: str, pod: str, uid: str, container: str, options: StreamOptions) -> str:
        return self.runtime.url("attach", command=["both"], **_flags(options))

    async def port_forward_url(self, namespace: str, pod: str, uid: str, ports: list[int]) -> str:
        return self.runtime.url("portforward")

    async def run_in_container(self, namespace: str, pod: str, uid: str, container: str, command: list[str]) -> bytes:
        return " ".join(command).encode()

    async def stats_summary(self, node: str, only_cpu_and_memory: bool = False) -> dict[str, Any]:
        cpu = {"time": "2026-01-01T00:00:00Z", "usageCoreNanoSeconds": 1_500_000_000}
        return {"node": {"nodeName": "n1", "cpu": cpu}, "pods": []}

    async def checkpoint(self, namespace: str, pod: str, container: str, timeout_s: int) -> str:
        return f"/checkpoints/{namespace}/{pod}/{container}/{timeout_s}.tar"

    async def container_metrics(self) -> Iterable[str]:
        return ["of containers"]

    def probe_metrics(self) -> Iterable[str]:
        return ["of probes"]

    def configz(self) -> dict[str, Any]:
        return {"kind": "KubeletConfiguration"}

    def healthy(self) -> str:
        return ""

    async def metrics(self) -> Iterable[str]:
        return ["# nothing"]


def _flags(options: StreamOptions) -> dict[str, str]:
    return {name: str(getattr(options, name)) for name in ("stdin", "stdout", "stderr", "tty")}


class _Storage:
    def __init__(self, objects: dict[tuple[str, str], Any]) -> None:
        self._objects = objects

    async def get(self, ctx: Any, resource_version: str = "") -> bytes:
        found = self._objects.get((ctx.namespace, ctx.name))
        if found is None:
            raise NotFound(f'{ctx.resource.plural} "{ctx.name}" not found')
        return msgspec.json.encode(found)


class Objects:
    """A registry of fixed objects."""

    def __init__(self) -> None:
        self.by_plural: dict[str, dict[tuple[str, str], Any]] = {}

    def storage_for(self, resource: Any) -> Any:
        return _Storage(self.by_plural.setdefault(resource.plural, {}))


@dataclass
class Parts:
    api: HttpServer
    host: KubeletHost
    kubelet: KubeletServer
    objects: Objects
    authority: Authority

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"


@contextlib.asynccontextmanager
async def started(folder: Path, authorizer: Authorizer | None = None) -> AsyncIterator[Parts]:
    """Pod `shop/web` with container `app` on node `n1`, everything up."""
    authority = Authority.create(folder, "ca")
    serving = authority.issue("system:node:n1", addresses=["127.0.0.1"])
    client = authority.issue("kube-apiserver-kubelet-client", organizations=["system:masters"])
    runtime = Runtime()
    await runtime.server.start()
    host = KubeletHost(runtime)
    config = ServerConfig("127.0.0.1", 0, *serving, authority.certificate_file, "n1")
    kubelet = KubeletServer(host, config, SystemClock())
    await kubelet.start()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1"},
        "spec": {"nodeName": "n1", "containers": [{"name": "app"}]},
    }
    host.shown = [msgspec.convert(pod, Pod)]
    objects = Objects()
    objects.by_plural["pods"] = {("shop", "web"): pod}
    objects.by_plural["nodes"] = {
        ("", "n1"): {
            "metadata": {"name": "n1"},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port}},
            },
        }
    }
    api_config = ApiServerConfig(
        kubelet_client_certificate=client[0],
        kubelet_client_key=client[1],
        kubelet_certificate_authority=authority.certificate_file,
    )
    connector = Connector(objects, authorizer or AlwaysAllow(), api_config, Random(1))

    async def handle(request: Request) -> Response | Upgrade:
        request.user = UserInfo("alice")
        info = resolve(request)
        resource = find("", "v1", info.resource)
        assert resource is not None
        try:
            return await connector(request, info, resource)
        except StatusError as error:
            body = msgspec.json.encode(error.status)
            return Response(error.code, [("Content-Type", "application/json")], body)

    api = HttpServer(handle, host="127.0.0.1", port=0)
    await api.start()
    try:
        yield Parts(api, host, kubelet, objects, authority)
    finally:
        await api.stop(grace_s=0.2)
        await connector.close()
        await kubelet.stop()
        await runtime.server.stop(grace_s=0.2)
