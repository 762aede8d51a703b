"""A transport that acts as a ServiceAccount, with tokens that it asks for and renews itself.

Source: controller-manager's DynamicControllerClientBuilder (--use-service-account-credentials).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from pybernetes.api.authentication.v1 import TokenRequest, TokenRequestSpec
from pybernetes.api.core.v1 import ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.client.client import Client
from pybernetes.client.figures import ClientFigures
from pybernetes.client.transport import RawResponse, ResponseStream, Transport
from pybernetes.http.messages import Connection

_LIFETIME_S = 3600
_RENEW_AFTER = 0.8
"""Of the lifetime."""


class ServiceAccountTransport:
    def __init__(self, asking: Client, plain: Transport, namespace: str, name: str) -> None:
        """`asking` may create tokens (and the account); `plain` reaches the apiserver without credentials."""
        self._asking = asking
        self._plain = plain
        self._namespace = namespace
        self._name = name
        self._token = ""
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def figures(self) -> ClientFigures:
        return self._plain.figures

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse:
        answer = await self._plain.request(method, target, await self._with_token(headers), body, timeout_s)
        if answer.status != 401:
            return answer
        self._renew_at = 0.0  # revoked, or signed by a key that is gone
        return await self._plain.request(method, target, await self._with_token(headers), body, timeout_s)

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[ResponseStream]:
        async with self._plain.stream(method, target, await self._with_token(headers), body) as stream:
            if stream.status == 401:
                self._renew_at = 0.0
            yield stream

    async def upgrade(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[RawResponse, Connection | None]:
        return await self._plain.upgrade(method, target, await self._with_token(headers), body)

    async def close(self) -> None:
        await self._plain.close()

    async def _with_token(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        loop = asyncio.get_running_loop()
        async with self._lock:
            if not self._token or loop.time() >= self._renew_at:
                granted = await self._request_token()
                lifetime_s = granted.spec.expirationSeconds or _LIFETIME_S
                self._token = granted.status.token or ""
                self._renew_at = loop.time() + lifetime_s * _RENEW_AFTER
        return {**headers, "authorization": f"Bearer {self._token}"}

    async def _request_token(self) -> TokenRequest:
        wanted = TokenRequest(spec=TokenRequestSpec(expirationSeconds=_LIFETIME_S))
        arguments = (ServiceAccount, self._name, self._namespace, "token", wanted, TokenRequest)
        try:
            return await self._asking.create_subresource(*arguments)
        except errors.NotFound:
            account = ServiceAccount(metadata=ObjectMeta(name=self._name, namespace=self._namespace))
            with contextlib.suppress(errors.AlreadyExists):
                await self._asking.create(account)
            return await self._asking.create_subresource(*arguments)
