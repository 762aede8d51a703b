"""The kubelet's HTTPS server: logs, exec, attach, port-forward, statistics, for the apiserver.

Every request needs a user, by a client certificate of the cluster's CA or a token, who may do what is asked:
`access.py` says so. Streams go to the runtime's own streaming server as raw bytes.

Source: pkg/kubelet/server/server.go, auth.go.
Differs: the read-only port and /debug are not served.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.errors import BadRequest, Forbidden, InternalError, NotFound, StatusError, Unauthorized
from pybernetes.apimachinery.times import parse_time
from pybernetes.host.clock import Clock
from pybernetes.http import tls
from pybernetes.http.client import HttpClient, what_failed
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.pages import metrics, page_not_found, text
from pybernetes.http.proxying import is_upgrade, proxy_upgrade, upgrade_headers
from pybernetes.http.self_signed import self_signed
from pybernetes.http.server import HttpServer
from pybernetes.kubelet.serving.access import Access
from pybernetes.kubelet.serving.log_reader import LogOptions
from pybernetes.kubelet.serving.request_figures import RequestFigures
from pybernetes.kubelet.serving.resource_metrics import resource_metrics
from pybernetes.kubelet.serving.server_host import ServerHost, StreamOptions

_LOG = logging.getLogger(__name__)
_CERTIFICATE_DAYS = 3650
_PORT_RETRY_S = 5.0
_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SUBRESOURCES = {"metrics": "metrics", "stats": "stats", "logs": "log", "checkpoint": "checkpoint"}
_FINE_SUBRESOURCES = {"pods": "pods", "runningpods": "pods", "healthz": "healthz", "configz": "configz"}
_DEBUGGING = ("exec", "attach", "portForward", "run", "containerLogs", "logs")
_STREAMS = {"stdout": (b"stdout",), "stderr": (b"stderr",), "all": (b"stdout", b"stderr"), "": (b"stdout", b"stderr")}


@dataclass(slots=True)
class ServerConfig:
    """Where and as whom the kubelet serves. Empty certificate files mean a certificate of its own making."""

    host: str = "0.0.0.0"
    port: int = 10250
    tls_cert_file: str = ""
    tls_private_key_file: str = ""
    client_ca_file: str = ""
    tls_min_version: int = 12
    """12 or 13, of TLS 1.2 and 1.3."""
    node_name: str = "localhost"
    debugging_handlers: bool = True
    """exec, attach, portForward, run, containerLogs and logs."""
    system_log_folder: str = ""
    """What `/logs/` shows; nothing when empty."""


class KubeletServer:
    def __init__(
        self,
        host: ServerHost,
        config: ServerConfig,
        clock: Clock,
        access: Access | None = None,
    ) -> None:
        self._host = host
        self._config = config
        self._clock = clock
        self._access = access or Access(None, config.node_name)
        self._http: HttpServer | None = None
        self._context: ssl.SSLContext | None = None
        self._runtime: dict[str, HttpClient] = {}
        self._health: HttpServer | None = None
        self._figures = RequestFigures()

    @property
    def port(self) -> int:
        return self._http.port if self._http is not None else 0

    async def start(self) -> None:
        """Raises OSError when the port is taken, ValueError for certificate files that are none."""
        config = self._config
        self._context = _server_context(config)
        self._http = HttpServer(self.handle, self._context, config.host, config.port, clock=self._clock)
        await self._http.start()

    def show_certificate(self, pem: bytes) -> None:
        """To those who connect from now on; with its key."""
        if self._context is not None:
            tls.load_pair(self._context, pem, b"")

    async def answer_health(self, address: str, port: int) -> None:
        """Answers /healthz to everybody, in plain HTTP. Waits for a port that is taken."""
        while True:
            health = HttpServer(self._plain, None, address, port, clock=self._clock)
            try:
                await health.start()
            except OSError as error:
                _LOG.warning("/healthz cannot be answered at %s:%d: %s", address, port, error.strerror)
                await asyncio.sleep(_PORT_RETRY_S)
            else:
                self._health = health
                return

    async def _plain(self, request: Request) -> Response | Upgrade:
        return self._healthz() if request.path == "/healthz" else page_not_found()

    def _healthz(self) -> Response:
        problem = self._host.healthy()
        return text(problem, 500) if problem else text("ok")

    async def stop(self) -> None:
        for server in (self._http, self._health):
            if server is not None:
                await server.stop(grace_s=1.0)
        for client in self._runtime.values():
            await client.close()

    async def handle(self, request: Request) -> Response | Upgrade:
        """One request, from authentication to answer; errors become plain text, as upstream's are."""
        return await self._figures.counted(request, self._answer)

    async def _answer(self, request: Request) -> Response | Upgrade:
        try:
            await self._check(request)
            return await self._route(request)
        except StatusError as error:
            return text(error.message, error.code)

    async def _check(self, request: Request) -> None:
        user = await self._access.user(request)
        if user is None:
            raise Unauthorized("Unauthorized")
        verb = _VERBS.get(request.method, "")
        first = request.path.strip("/").split("/", 1)[0]
        coarse = _SUBRESOURCES.get(first, "proxy")
        subresources = [_FINE_SUBRESOURCES[first], coarse] if first in _FINE_SUBRESOURCES else [coarse]
        if not await self._access.allows(user, verb, subresources):
            raise Forbidden(
                f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource(s)=[{' '.join(subresources)}])"
            )

    async def _route(self, request: Request) -> Response | Upgrade:
        first, *rest = request.path.strip("/").split("/")
        if first in _DEBUGGING and not self._config.debugging_handlers:
            return text("Debug endpoints are disabled.", 405)
        match first, len(rest):
            case "healthz", _:
                return self._healthz()
            case "pods", 0:
                return _pods(self._host.pods())
            case "runningpods", 0:
                return _pods(await self._host.running_pods())
            case "containerLogs", 3:
                return await self._logs(request, *rest)
            case "exec" | "attach", 3 | 4:
                return await self._remote_command(request, first, rest)
            case "portForward", 2 | 3:
                return await self._port_forward(request, rest)
            case "run", 3 | 4:
                return await self._run(request, rest)
            case "checkpoint", 3:
                return await self._checkpoint(request, *rest)
            case "metrics", 0:
                return metrics(chain(await self._host.metrics(), self._figures.lines()))
            case "metrics", 1 if rest == ["resource"]:
                node = request.headers.get("host", "")
                return metrics(resource_metrics(await self._host.stats_summary(node, only_cpu_and_memory=True)))
            case "metrics", 1 if rest == ["cadvisor"]:
                return metrics(await self._host.container_metrics())
            case "metrics", 1 if rest == ["probes"]:
                return metrics(self._host.probe_metrics())
            case "stats", 1 if rest == ["summary"]:
                few = _true(request.params(), "only_cpu_and_memory")
                return _json(await self._host.stats_summary(request.headers.get("host", ""), few))
            case "logs", _ if self._config.system_log_folder:
                # Imported with the first look into them: nothing at start needs it.
                from pybernetes.kubelet.serving import system_logs

                return await system_logs.answer(request, Path(self._config.system_log_folder), "/".join(rest))
            case "configz", 0:
                return _json({"kubeletconfig": self._host.configz()})
        return page_not_found()

    # logs

    async def _logs(self, request: Request, namespace: str, name: str, container: str) -> Response:
        options, previous = self._log_options(request.params())
        pod = self._host.pod(namespace, name)
        if pod is None:
            raise NotFound(f'pod "{name}" does not exist')
        _require_container(pod, container)
        log = await self._host.container_log(namespace, name, container, previous)
        stream = self._host.log_stream(log, options)
        try:
            first = await anext(stream, b"") if not (options.follow and log.running) else b""
        except FileNotFoundError:
            raise BadRequest(f"unable to retrieve container logs for {log.container_id}: no log file") from None
        except OSError as error:
            raise InternalError(f"failed to read the log of {name}/{container}: {error.strerror}") from None
        return Response(200, [("Content-Type", "text/plain")], _chained(first, stream))

    def _log_options(self, params: dict[str, list[str]]) -> tuple[LogOptions, bool]:
        def number(name: str) -> int | None:
            given = params.get(name, [""])[0]
            if not given:
                return None
            try:
                return int(given)
            except ValueError:
                raise BadRequest("Unable to decode query.") from None

        tail = number("tailLines")
        if "tail" in params:
            tail = None if params["tail"][0] == "all" else number("tail")
        limit, since = number("limitBytes"), number("sinceSeconds")
        stream = params.get("stream", [""])[0].lower()
        time = params.get("sinceTime", [""])[0]
        wrong = (tail or 0) < 0 or (limit is not None and limit < 1) or (since is not None and since < 1)
        if wrong or stream not in _STREAMS or (time and since is not None):
            error = BadRequest("Invalid request.")
            error.code = 422
            raise error
        try:
            since_s = parse_time(time) if time else self._clock.now() - since if since is not None else 0.0
        except ValueError:
            raise BadRequest("Unable to decode query.") from None
        options = LogOptions(
            tail, limit, since_s, _true(params, "timestamps"), _true(params, "follow"), _STREAMS[stream]
        )
        return options, _true(params, "previous")

    # streams

    async def _remote_command(self, request: Request, verb: str, rest: list[str]) -> Response | Upgrade:
        namespace, name, uid, container = _target(rest)
        params = request.params()
        tty = params.get("tty", [""])[0] == "1"
        stdin, stdout, stderr = (params.get(key, [""])[0] == "1" for key in ("input", "output", "error"))
        options = StreamOptions(stdin, stdout, stderr and not tty, tty)
        if not (stdin or stdout or stderr):
            raise BadRequest("you must specify at least 1 of stdin, stdout, stderr")
        _require_upgrade(request)
        self._require_pod(namespace, name, uid)
        if verb == "exec":
            command = params.get("command", [])
            url = await self._host.exec_url(namespace, name, uid, container, command, options)
        else:
            url = await self._host.attach_url(namespace, name, uid, container, options)
        return await self._to_runtime(request, url)

    async def _port_forward(self, request: Request, rest: list[str]) -> Response | Upgrade:
        namespace, name = rest[:2]
        uid = rest[2] if len(rest) == 3 else ""
        ports = [port for value in request.params().get("port", []) for port in value.split(",")]
        if any(not port.isdigit() or not 0 < int(port) < 65536 for port in ports):
            raise BadRequest(f"unable to parse {','.join(ports)!r} as a port")
        _require_upgrade(request)
        self._require_pod(namespace, name, uid)
        url = await self._host.port_forward_url(namespace, name, uid, [int(port) for port in ports])
        return await self._to_runtime(request, url)

    async def _run(self, request: Request, rest: list[str]) -> Response:
        if request.method != "POST":
            return text("405: Method Not Allowed", 405)
        namespace, name, uid, container = _target(rest)
        self._require_pod(namespace, name, uid)
        command = request.params().get("cmd", [""])[0].split(" ")
        output = await self._host.run_in_container(namespace, name, uid, container, command)
        return Response(200, [("Content-Type", "application/json")], output)

    async def _checkpoint(self, request: Request, namespace: str, name: str, container: str) -> Response:
        if request.method != "POST":
            return text("405: Method Not Allowed", 405)
        pod = self._host.pod(namespace, name)
        if pod is None:
            raise NotFound("pod does not exist")
        _require_container(pod, container)
        timeout = request.params().get("timeout", ["0"])[-1]
        if not timeout.isascii() or not timeout.isdigit():
            raise BadRequest("cannot parse value of timeout parameter")
        return _json({"items": [await self._host.checkpoint(namespace, name, container, int(timeout))]})

    async def _to_runtime(self, request: Request, url: str) -> Response | Upgrade:
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        client = self._runtime.get(base)
        if client is None:
            insecure = tls.client_context(verify=False) if parts.scheme == "https" else None
            client = self._runtime[base] = HttpClient(base, insecure)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            return await proxy_upgrade(client, request.method, target, upgrade_headers(request))
        except (OSError, TimeoutError) as error:
            raise InternalError(f"error dialing the container runtime: {what_failed(error)}") from None

    def _require_pod(self, namespace: str, name: str, uid: str) -> None:
        pod = self._host.pod(namespace, name)
        if pod is None or (uid and pod.metadata.uid != uid):
            raise NotFound("pod does not exist")


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        if first:
            yield first
        async for chunk in rest:
            yield chunk
    finally:
        await rest.aclose()  # type: ignore[attr-defined]


def _server_context(config: ServerConfig) -> ssl.SSLContext:
    try:
        ca = Path(config.client_ca_file).read_bytes() if config.client_ca_file else None
        if config.tls_cert_file:
            certificate = Path(config.tls_cert_file).read_bytes()
            key = Path(config.tls_private_key_file or config.tls_cert_file).read_bytes()
        else:
            name = config.node_name
            certificate, key = self_signed(name[:64], (name,), (), time.time(), _CERTIFICATE_DAYS)
    except OSError as error:
        raise ValueError(f"cannot read {error.filename}: {error.strerror}") from None
    context = tls.server_context(certificate, key, ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if config.tls_min_version == 13 else ssl.TLSVersion.TLSv1_2
    return context


def _target(rest: list[str]) -> tuple[str, str, str, str]:
    """(namespace, pod, uid, container)."""
    if len(rest) == 3:
        return rest[0], rest[1], "", rest[2]
    return rest[0], rest[1], rest[2], rest[3]


def _require_upgrade(request: Request) -> None:
    if not is_upgrade(request):
        raise BadRequest("Upgrade request required")


def _require_container(pod: Pod, container: str) -> None:
    spec = pod.spec
    for group in (spec.containers, spec.initContainers, spec.ephemeralContainers):
        if any(c.name == container for c in group):
            return
    raise NotFound(f'container "{container}" not found in pod "{pod.metadata.name}"')


def _true(params: dict[str, list[str]], name: str) -> bool:
    return params.get(name, ["false"])[0].lower() not in ("false", "0")


def _pods(pods: list[Pod]) -> Response:
    body = b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":%b}' % msgspec.json.encode(pods)
    return Response(200, [("Content-Type", "application/json")], body)


def _json(tree: dict[str, Any]) -> Response:
    return Response(200, [("Content-Type", "application/json")], msgspec.json.encode(tree))
