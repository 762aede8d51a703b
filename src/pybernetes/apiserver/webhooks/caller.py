"""Asks webhooks: finds their servers, holds the connections, sends a review and reads the answer.

A webhook is a URL, or a Service of the cluster with a path. Connections are kept by configuration, so that
definitions and admission configurations with the same `clientConfig` share theirs.
Source: apiserver/pkg/util/webhook/client.go, client-go/rest/request.go (what an error of the call says).
"""

from __future__ import annotations

import base64
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apiserver import service_backends
from pybernetes.apiserver.service_backends import Problem
from pybernetes.host.ip_families import socket_address
from pybernetes.http import tls
from pybernetes.http.client import HttpClient, HttpResponse, what_failed

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.registry import Registry

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 64 << 20
_KEPT = 64
_SHOWN_BYTES = 1024
_HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, */*",
    "user-agent": "kube-apiserver",
}
_REFUSALS = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    406: "the server was unable to respond with a content type that the client supports",
    409: "the server reported a conflict",
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}
Address = tuple[str, int]


class ServiceReference(service_backends.ServiceReference, Protocol):
    """A Service and what to ask of it: the groups that have webhooks each have a type of this shape."""

    @property
    def path(self) -> str | None: ...


class ClientConfig(Protocol):
    """How a webhook is reached."""

    @property
    def caBundle(self) -> str | None: ...

    @property
    def service(self) -> ServiceReference | None: ...

    @property
    def url(self) -> str | None: ...


class CallError(Exception):
    """The webhook could not be asked, or refused; the text is for the user."""


class Webhooks:
    """The connections to every webhook of one apiserver."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._held: OrderedDict[tuple[str, str, str], _Server] = OrderedDict()

    async def ask(self, config: ClientConfig, body: bytes, timeout_s: float = TIMEOUT_S) -> bytes:
        """Posts a review and returns the body of the answer. Raises CallError."""
        service = config.service
        if service is not None:
            host = f"{service.name}.{service.namespace}.svc"
            base = f"https://{host}:{service.port or 443}"
            path = service.path or "/"
        else:
            parts = urlsplit(config.url or "")
            if not parts.hostname:
                raise CallError("webhook configuration must have either service or URL")
            host, base, path = parts.hostname, f"{parts.scheme}://{parts.netloc}", parts.path or "/"
        target = f"{path if path.startswith('/') else '/' + path}?timeout={timeout_s:g}s"
        try:
            addresses = await self._addresses(service) if service is not None else None
            server = self._server(host, base, config.caBundle or "")
            answer = await server.post(target, body, addresses, timeout_s)
        except TimeoutError:
            raise CallError(f'Post "{base}{target}": context deadline exceeded') from None
        except (OSError, ValueError) as error:
            raise CallError(f'Post "{base}{target}": {what_failed(error)}') from None
        if not 200 <= answer.status < 300:
            raise CallError(refusal(answer))
        return answer.body

    async def close(self) -> None:
        for server in self._held.values():
            await server.close()
        self._held.clear()

    def _server(self, host: str, base: str, ca_bundle: str) -> _Server:
        key = (host, base, ca_bundle)
        found = self._held.get(key)
        if found is None:
            found = self._held[key] = _Server(base, host, ca_bundle)
            while len(self._held) > _KEPT:
                _, oldest = self._held.popitem(last=False)
                oldest.forget()
        self._held.move_to_end(key)
        return found

    async def _addresses(self, wanted: ServiceReference) -> list[Address]:
        """Raises OSError with one line: no such Service, or none that is ready."""
        service = await self._registry.read(Service, wanted.name or "", wanted.namespace or "")
        slices = await self._registry.read_all(EndpointSlice, wanted.namespace or "")
        found = service_backends.addresses(wanted, service, slices)
        if isinstance(found, Problem):
            short = {
                "ServiceNotFound": f'service "{wanted.name}" not found',
                "EndpointsNotFound": f'no endpoints available for service "{wanted.name}"',
                "MissingEndpoints": f'no endpoints available for service "{wanted.name}"',
                "ServicePortError": f'no service port {wanted.port or 443} found for service "{wanted.name}"',
            }
            raise OSError(short.get(found.reason, found.message))
        return found


class _Server:
    """One webhook's server: a client an address, all trusting the same CA and expecting the same name."""

    def __init__(self, base: str, host: str, ca_bundle: str) -> None:
        self._base = base
        self._host = host
        self._ca_bundle = ca_bundle
        self._context: ssl.SSLContext | None = None
        self._clients: dict[str, HttpClient] = {}
        self._turn = 0

    async def post(
        self, target: str, body: bytes, addresses: Sequence[Address] | None, timeout_s: float
    ) -> HttpResponse:
        """The whole answer. Raises OSError, TimeoutError, ValueError for a CA that cannot be used."""
        if addresses is None:
            url = self._base
        else:
            self._turn += 1
            host, port = addresses[self._turn % len(addresses)]
            url = _url(host, port)
            for gone in self._clients.keys() - {_url(*address) for address in addresses}:
                await self._clients.pop(gone).close()
        client = self._clients.get(url)
        if client is None:
            client = self._clients[url] = HttpClient(
                url,
                self._tls(),
                server_hostname=self._host,
                max_answer_bytes=MAX_ANSWER_BYTES,
                repeatable=True,
            )
        return await client.request("POST", target, _HEADERS, body, timeout_s)

    def forget(self) -> None:
        """Lets requests that run end; their connections close with the garbage."""
        self._clients.clear()

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            pem = base64.b64decode(self._ca_bundle).strip()
            self._context = tls.client_context(pem or None)
        return self._context


def _url(host: str, port: int) -> str:
    return f"https://{socket_address(host, port)}"


def refusal(answer: HttpResponse) -> str:
    """What the API's clients say of an answer that is no success. Source: apimachinery/pkg/api/errors/errors.go."""
    status, said = answer.status, "unknown"
    if answer.headers.get("content-type", "text/").lower().startswith("text/"):
        said = answer.body[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
    if status in (403, 415):
        return said
    if status == 406 and said not in ("", "unknown"):
        return said
    if status in _REFUSALS:
        return _REFUSALS[status]
    if status >= 500:
        return f'an error on the server ("{said}") has prevented the request from succeeding'
    return f"the server responded with the status code {status} but did not return more information"
