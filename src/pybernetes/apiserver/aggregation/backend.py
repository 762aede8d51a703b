"""One remote APIService's server: asked whether it is there, and given the requests that are its own.

Who asks goes along in X-Remote-* headers, which the backend believes because of the front-proxy certificate.
Source: kube-aggregator/pkg/apiserver/handler_proxy.go, client-go/transport (NewAuthProxyRoundTripper).
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from pybernetes.api.apiregistration.v1 import APIService
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.aggregation.plan import OPENAPI_V2, OPENAPI_V3
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.service_backends import Problem
from pybernetes.host.ip_families import socket_address
from pybernetes.http import tls
from pybernetes.http.client import HttpClient
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.pages import text
from pybernetes.http.proxying import forwarded_headers, is_upgrade, proxy_request, proxy_upgrade, upgrade_headers

AGGREGATOR = UserInfo("system:kube-aggregator", groups=(SYSTEM_MASTERS,))
_CHECK_S = 5.0
_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_KEY_SAFE = "!#$&'*+-.^_`|~"
Address = tuple[str, int]


def remote_headers(user: UserInfo) -> dict[str, str | list[str]]:
    """Who asks, as a front proxy says it."""
    headers: dict[str, str | list[str]] = {"x-remote-user": user.name}
    if user.uid:
        headers["x-remote-uid"] = user.uid
    if user.groups:
        headers["x-remote-group"] = list(user.groups)
    for key, values in user.extra.items():
        headers[f"x-remote-extra-{quote(key.lower(), safe=_KEY_SAFE)}"] = list(values)
    return headers


class Backend:
    """The connections to one APIService's endpoints. `addresses` may change at any time."""

    def __init__(self, api_service: APIService, config: ApiServerConfig) -> None:
        spec = api_service.spec
        assert spec.service is not None
        self.path = f"/apis/{spec.group}/{spec.version}" if spec.group else f"/api/{spec.version}"
        self.addresses: list[Address] = []
        self._server_name = f"{spec.service.name}.{spec.service.namespace}.svc"
        self._spec = spec
        self._config = config
        self._context: ssl.SSLContext | None = None
        self._clients: dict[Address, HttpClient] = {}
        self._turn = 0

    async def discover(self) -> dict[str, Any] | Problem:
        """The resources of the group-version, as its server lists them."""
        last = Problem("FailedDiscoveryCheck", "no addresses")
        for address in self.addresses[:5]:
            url = f"https://{socket_address(*address)}{self.path}"
            headers: dict[str, str | list[str]] = {**remote_headers(AGGREGATOR), "accept": "application/json"}
            try:
                answer = await self._client(address).request("GET", self.path, headers, timeout_s=_CHECK_S)
            except (OSError, TimeoutError, ValueError) as error:
                why = f"failing or missing response from {url}: {str(error) or type(error).__name__}"
                last = Problem("FailedDiscoveryCheck", why)
                continue
            if not 200 <= answer.status < 300:
                why = f"failing or missing response from {url}: bad status from {url}: {answer.status}"
                last = Problem("FailedDiscoveryCheck", why)
                continue
            return _resource_list(answer.body)
        return last

    async def openapi_url(self) -> str:
        """Where its server describes the group-version in OpenAPI v3; "" when it does not."""
        headers: dict[str, str | list[str]] = {**remote_headers(AGGREGATOR), "accept": "application/json"}
        try:
            client = self._client(self.addresses[0])
            answer = await client.request("GET", OPENAPI_V3, headers, timeout_s=_CHECK_S)
            found = orjson.loads(answer.body)["paths"][self.path[1:]]["serverRelativeURL"]
        except (OSError, TimeoutError, ValueError, LookupError, TypeError):
            return ""
        return found if isinstance(found, str) and found.startswith(f"{OPENAPI_V3}{self.path}") else ""

    async def openapi_v2(self, known_tag: str) -> tuple[str, dict[str, Any]] | None:
        """(ETag, document) of what its server describes in OpenAPI v2; None when it is as known or not to be had."""
        headers: dict[str, str | list[str]] = {**remote_headers(AGGREGATOR), "accept": "application/json"}
        if known_tag:
            headers["if-none-match"] = known_tag
        try:
            client = self._client(self.addresses[0])
            answer = await client.request("GET", OPENAPI_V2, headers, timeout_s=_CHECK_S)
            found = orjson.loads(answer.body) if answer.status == 200 else None
        except (OSError, TimeoutError, ValueError, LookupError):
            return None
        tag = answer.headers.get("etag") or hashlib.sha256(answer.body).hexdigest()
        return (tag, found) if isinstance(found, dict) else None

    async def serve(self, request: Request) -> Response | Upgrade:
        """Passes a request on. An endpoint that cannot be reached is a 503 in plain text."""
        if not self.addresses:
            return unavailable()
        self._turn += 1
        address = self.addresses[self._turn % len(self.addresses)]
        assert isinstance(request.user, UserInfo)
        target = quote(request.path, safe=_PATH_SAFE) + (f"?{request.query}" if request.query else "")
        headers: dict[str, str | list[str]] = {**forwarded_headers(request), **remote_headers(request.user)}
        headers["x-forwarded-for"] = request.remote_address.rpartition(":")[0]
        try:
            client = self._client(address)
            if is_upgrade(request):
                headers |= upgrade_headers(request)
                return await proxy_upgrade(client, request.method, target, headers, await request.whole())
            return await proxy_request(client, request.method, target, headers, request.body)
        except (OSError, TimeoutError, ValueError) as error:
            return text(f"error trying to reach service: {str(error) or type(error).__name__}\n", 503)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _client(self, address: Address) -> HttpClient:
        """Raises OSError, ValueError for certificates that cannot be used."""
        client = self._clients.get(address)
        if client is None:
            client = HttpClient(f"https://{socket_address(*address)}", self._tls(), server_hostname=self._server_name)
            self._clients[address] = client
        return client

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            config, ca = self._config, self._spec.caBundle
            certificate, key = (
                Path(file).read_bytes() if file else None
                for file in (config.proxy_client_certificate, config.proxy_client_key)
            )
            self._context = tls.client_context(
                base64.b64decode(ca) if ca else None,
                certificate,
                key,
                verify=not self._spec.insecureSkipTLSVerify,
            )
        return self._context


def unavailable() -> Response:
    return text("service unavailable\n", 503)


def _resource_list(body: bytes) -> dict[str, Any]:
    """An APIResourceList; what is none has no resources."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("resources"), list) else {}
