"""The endpoint of requests that become streams: exec, attach, portforward, log, proxy.

It finds the Pod, Service or Node, asks `location` where to go, and joins the two connections. SPDY and
WebSocket v4 go through as raw bytes, WebSocket v5 and tunnelled port-forwards are translated.

Source: pkg/registry/core/pod/rest/{subresources,log}.go, pkg/registry/core/{service,node}.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from pybernetes.api.core.v1 import Endpoints, Node, Pod, Service
from pybernetes.apimachinery.errors import (
    BadRequest,
    InternalError,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
    StatusError,
)
from pybernetes.apimachinery.field_errors import invalid
from pybernetes.apimachinery.scheme import GroupVersionKind, Resource, resource_of
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.authorizers.attributes import Attributes, Authorizer, forbidden
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.filters.in_flight import Seats
from pybernetes.apiserver.registry.generic.interface import Registry, RequestContext
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.apiserver.streaming import location
from pybernetes.apiserver.streaming.location import Backend, Params
from pybernetes.apiserver.streaming.rewriting import MAX_PAGE, packed, rewrite_html, rewritten_url, unpacked
from pybernetes.host.random import Random
from pybernetes.http import tls
from pybernetes.http.client import Dial, HttpClient, RequestHeaders, Upgraded, what_failed
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.proxying import (
    StreamedAnswer,
    forwarded_headers,
    is_upgrade,
    proxy_request,
    proxy_upgrade,
    upgrade_headers,
)

_APISERVER = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS, "system:authenticated"))
_PROXY_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_UPGRADE_METHODS = ("GET", "POST")
_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_CORS = frozenset(f"access-control-allow-{what}" for what in ("credentials", "headers", "methods", "origin"))
"""What a proxied server may not say about the apiserver, under whose name its answers go out."""
_MAX_ERROR_BYTES = 64 * 1024
_PAGE_S = 5.0
_DIALS_AT_ONCE = 32
"""Of streams to one kubelet: every one is a TLS connection of its own, and all at once none is made in time."""

T = TypeVar("T", Pod, Node, Service, Endpoints)


class Connector:
    """`await connector(request, info, resource)` for every long-running subresource."""

    def __init__(self, registry: Registry, authorizer: Authorizer, config: ApiServerConfig, random: Random) -> None:
        self._registry = registry
        self._authorizer = authorizer
        self._config = config
        self._random = random
        self._kubelet_tls: ssl.SSLContext | None = None
        self._kubelets: dict[str, HttpClient] = {}
        self._dials: dict[str, Seats] = {}

    async def __call__(self, request: Request, info: RequestInfo, resource: Resource) -> Response | Upgrade:
        if info.subresource == "proxy":
            return await self._proxy(request, info)
        if info.subresource == "log":
            return await self._log(request, info)
        if info.subresource in ("exec", "attach", "portforward"):
            return await self._stream(request, info)
        raise NotFound("the server could not find the requested resource")

    async def close(self) -> None:
        for client in self._kubelets.values():
            await client.close()
        self._kubelets.clear()

    async def kubelet_page(self, node: str, path: str) -> bytes:
        """What a node's kubelet answers to a GET. Raises StatusError, OSError, TimeoutError."""
        backend = location.kubelet_of(await self._get(Node, "", node), path)
        # Several simulated nodes share an address: the name says which is meant.
        answer = await self._client(backend).request("GET", backend.target, {"host": node}, timeout_s=_PAGE_S)
        if answer.status != 200:
            raise OSError(f"the kubelet answered {answer.status}")
        return answer.body

    # exec, attach, portforward

    async def _stream(self, request: Request, info: RequestInfo) -> Response | Upgrade:
        if request.method not in _UPGRADE_METHODS:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if info.verb != "create":
            # A browser's WebSocket is a GET; it runs a command all the same.
            await self._require(request, replace(info, verb="create"))
        params = request.params()
        pod = await self._get(Pod, info.namespace, info.name)
        if not pod.spec.nodeName:
            raise BadRequest(f"pod {info.name} does not have a host assigned")
        node = await self._get(Node, "", pod.spec.nodeName)
        backend = location.stream_backend(pod, node, info.subresource, params)
        if not is_upgrade(request):
            raise BadRequest("Upgrade request required")
        client = self._client(backend)
        seats = self._dials.setdefault(backend.url, Seats(_DIALS_AT_ONCE))

        async def dial(headers: RequestHeaders) -> Upgraded:
            async with seats:
                return await client.upgrade("POST", backend.target, headers)

        try:
            if request.headers["upgrade"].lower() == "websocket":
                translated = await self._websocket(request, info, dial, params)
                if translated is not None:
                    return translated
            body = await request.whole()
            async with seats:
                return await proxy_upgrade(client, request.method, backend.target, upgrade_headers(request), body)
        except (OSError, TimeoutError) as error:
            raise InternalError(f"error dialing backend: {what_failed(error)}") from None

    async def _websocket(
        self, request: Request, info: RequestInfo, dial: Dial, params: Params
    ) -> Response | Upgrade | None:
        """None: the runtime speaks this WebSocket protocol itself."""
        # Imported with the first WebSocket: nothing at start needs it.
        from pybernetes.apiserver.streaming.translate import serve_remote_command
        from pybernetes.apiserver.streaming.tunnel import tunnel, tunnelled_protocols
        from pybernetes.http.websocket import V5, WebSocket, accept, offered_protocols

        if info.subresource == "portforward":
            return await tunnel(request, dial) if tunnelled_protocols(request) else None
        if V5 not in offered_protocols(request):
            return None
        streams = location.Streams.of(params)

        async def serve(socket: WebSocket) -> None:
            await serve_remote_command(socket, dial, streams)

        return accept(request, [V5], serve)

    # log

    async def _log(self, request: Request, info: RequestInfo) -> Response | Upgrade:
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        params = request.params()
        errors = location.log_errors(params)
        if errors:
            raise invalid(GroupVersionKind("", "v1", "PodLogOptions"), info.name, errors)
        pod = await self._get(Pod, info.namespace, info.name)
        location.container_of(pod, params.get("container", [""])[0])
        plain = [("Content-Type", "text/plain")]
        if not pod.spec.nodeName:
            return Response(200, plain, b"")
        backend = location.log_backend(pod, await self._get(Node, "", pod.spec.nodeName), params)
        answer = StreamedAnswer(self._client(backend), "GET", backend.target, {}, b"")
        try:
            stream = await answer.start()
            if stream.status == 200 and is_upgrade(request):
                # Imported with the first WebSocket: nothing at start needs it.
                from pybernetes.apiserver.streaming.messages import served_as_messages

                return await served_as_messages(request, answer)
            if stream.status == 200:
                return Response(200, plain, answer.chunks())
            text = (await stream.read())[:_MAX_ERROR_BYTES].decode("utf-8", "replace").strip()
        except (OSError, TimeoutError) as error:
            raise InternalError(f'Get "{backend.url}{backend.target}": {what_failed(error)}') from None
        await answer.close()
        raise _log_refusal(stream.status, text, info.name)

    # proxy

    async def _proxy(self, request: Request, info: RequestInfo) -> Response | Upgrade:
        if request.method not in _PROXY_METHODS:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        path = quote("/" + "/".join(info.rest), safe=_PATH_SAFE)
        if info.rest and request.path.endswith("/"):
            path += "/"
        backend = await self._proxy_backend(info, path, request.query)
        if not info.rest and not request.path.endswith("/") and request.method in ("GET", "HEAD"):
            query = f"?{request.query}" if request.query else ""
            return Response(301, [("Location", f"{quote(request.path, safe=_PATH_SAFE)}/{query}")])
        client = self._client(backend)
        try:
            onward = forwarded_headers(request)
            if "host" in request.headers:
                onward["host"] = request.headers["host"]
            hops = [request.headers.get("x-forwarded-for", ""), request.remote_address.rpartition(":")[0]]
            onward["x-forwarded-for"] = ", ".join(filter(None, hops))
            if is_upgrade(request):
                headers = onward | upgrade_headers(request)
                return await proxy_upgrade(client, request.method, backend.target, headers, await request.whole())
            onward["x-forwarded-uri"] = quote(request.path, safe=_PATH_SAFE)
            answer = await proxy_request(client, request.method, backend.target, onward, request.body)
        except (OSError, TimeoutError) as error:
            raise ServiceUnavailable(f"error trying to reach service: {what_failed(error)}") from None
        base = request.path[: len(request.path) - len("/".join(info.rest))].rstrip("/")
        return await _below(answer, base, (urlsplit(backend.url).netloc, request.headers.get("host", "")))

    async def _proxy_backend(self, info: RequestInfo, path: str, query: str) -> Backend:
        scheme, name, port = location.split_id(info.name, info.resource.removesuffix("s"))
        if info.resource == "nodes":
            backend = location.node_proxy_backend(await self._get(Node, "", name), scheme, port, path, query)
            await _require_allowed(backend.host)
            return backend
        if info.resource == "pods":
            pod = await self._get(Pod, info.namespace, name)
            return location.pod_proxy_backend(pod, scheme, port, path, query)
        if port.isdigit():
            port = location.service_port_name(await self._get(Service, info.namespace, name), port)
        endpoints = await self._get(Endpoints, info.namespace, name)
        if not endpoints.subsets:
            raise location.no_endpoints(name)
        candidates = location.service_candidates(endpoints, info.namespace, port)
        while candidates:
            candidate = candidates.pop(self._random.choice_index(len(candidates)))
            with contextlib.suppress(NotFound):
                if candidate.is_of(await self._get(Pod, info.namespace, candidate.pod)):
                    return location.service_proxy_backend(candidate, scheme, path, query)
        raise location.no_endpoints(info.name)

    # what they share

    async def _get(self, cls: type[T], namespace: str, name: str) -> T:
        resource = resource_of(cls)
        ctx = RequestContext(user=_APISERVER, resource=resource, verb="get", namespace=namespace, name=name)
        return msgspec.json.decode(await self._registry.storage_for(resource).get(ctx), type=cls)

    async def _require(self, request: Request, info: RequestInfo) -> None:
        """Raises Forbidden."""
        assert isinstance(request.user, UserInfo)
        attributes = Attributes.of(request.user, info)
        decision = await self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)

    def _client(self, backend: Backend) -> HttpClient:
        if not backend.kubelet:
            insecure = tls.client_context(verify=False) if backend.scheme == "https" else None
            return HttpClient(backend.url, insecure, max_idle=0)
        client = self._kubelets.get(backend.url)
        if client is None:
            client = self._kubelets[backend.url] = HttpClient(backend.url, self._kubelet_context())
        return client

    def _kubelet_context(self) -> ssl.SSLContext:
        if self._kubelet_tls is None:
            config = self._config
            try:
                ca, certificate, key = (
                    Path(name).read_bytes() if name else None
                    for name in (
                        config.kubelet_certificate_authority,
                        config.kubelet_client_certificate,
                        config.kubelet_client_key,
                    )
                )
                self._kubelet_tls = tls.client_context(ca, certificate, key, verify=ca is not None)
            except (OSError, ValueError) as error:
                raise InternalError(f"the apiserver's client certificate for kubelets: {error}") from None
        return self._kubelet_tls


def _log_refusal(status: int, text: str, name: str) -> StatusError:
    """Source: apiserver/pkg/registry/generic/rest/response_checker.go."""
    if status == 400:
        return BadRequest(text)
    if status == 404:
        return NotFound(
            f"the server could not find the requested resource ( pods/log {name})", kind="pods/log", name=name
        )
    if status >= 500:
        return InternalError(f"Internal error occurred: {text}")
    error = InternalError(text or f"the kubelet answered {status}")
    error.code = status
    return error


async def _require_allowed(host: str) -> None:
    """Raises BadRequest for a node's name or address that leads to this machine itself, or nowhere."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BadRequest(what_failed(error)) from None
    if not all(location.allowed(str(address[4][0])) for address in found):
        raise BadRequest("address not allowed")


async def _below(answer: Response, base: str, hosts: tuple[str, ...]) -> Response:
    """The answer with its links and its Location below the proxy's path."""

    def rewrite(url: str) -> str:
        return rewritten_url(url, base, hosts)

    headers = [
        (name, rewrite(value) if name.lower() == "location" else value)
        for name, value in answer.headers
        if name.lower() not in _CORS
    ]
    told = {name.lower(): value.strip().lower() for name, value in headers}
    if told.get("content-type", "").partition(";")[0].strip() != "text/html":
        return replace(answer, headers=headers)
    body = await _read(answer.body)
    encoding = told.get("content-encoding", "")
    page = unpacked(body, encoding) if isinstance(body, bytes) else None
    if page:
        body = packed(rewrite_html(page, rewrite), encoding)
        return Response(answer.status, headers, body)
    return replace(answer, headers=headers, body=body)


async def _read(body: bytes | AsyncIterator[bytes]) -> bytes | AsyncIterator[bytes]:
    """The whole body, or one as it was when it is too long for that."""
    if isinstance(body, bytes):
        return body
    read: list[bytes] = []
    length = 0
    async for chunk in body:
        read.append(chunk)
        length += len(chunk)
        if length > MAX_PAGE:
            return _chain(read, body)
    return b"".join(read)


async def _chain(read: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest) as chunks:  # type: ignore[type-var]
        for chunk in read:
            yield chunk
        async for chunk in chunks:
            yield chunk
