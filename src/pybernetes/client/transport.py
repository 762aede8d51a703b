"""How requests reach an apiserver: through a socket or, in one process, by calling its handler.

Contract: tests/contract/test_transport.py, run against both.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.figures import ClientFigures
from pybernetes.http import tls
from pybernetes.http.client import HttpClient, HttpResponse
from pybernetes.http.messages import Connection, Handler, Request, Response, Upgrade
from pybernetes.http.pipe import connection_pair

RawResponse = HttpResponse


class ResponseStream(Protocol):
    status: int
    headers: dict[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Pieces of the body as they come."""
        ...

    async def read(self) -> bytes:
        """The whole rest of the body."""
        ...


class Transport(Protocol):
    """Failures below HTTP are OSErrors; an answer with any status is a value."""

    @property
    def figures(self) -> ClientFigures: ...

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse: ...

    def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AbstractAsyncContextManager[ResponseStream]: ...

    async def upgrade(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[RawResponse, Connection | None]: ...

    async def close(self) -> None: ...


class HttpTransport:
    """Over TCP, TLS or a unix socket; adds the bearer token where there is one."""

    def __init__(
        self,
        url: str,
        ssl_context: ssl.SSLContext | None = None,
        *,
        token: str = "",
        token_file: str = "",
        server_hostname: str = "",
    ) -> None:
        self.url = url
        self.figures = ClientFigures(urlsplit(url).netloc.rpartition("@")[2] or "localhost")
        self._http = HttpClient(url, ssl_context, server_hostname=server_hostname)
        self._ssl = ssl_context
        self._token = token
        self._token_file = token_file
        self._token_read_s = -1e9

    @classmethod
    def from_kubeconfig(cls, path: str = "", context: str = "") -> HttpTransport:
        """As kubectl reads it: `path`, else $KUBECONFIG, else ~/.kube/config. Raises KubeconfigError."""
        from pybernetes.client import kubeconfig

        return kubeconfig.load(path, context).transport()

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse:
        asked = self._http.request(method, target, self._with_token(headers), body, timeout_s)
        return await self.figures.counted(method, asked)

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[ResponseStream]:
        answered = False
        try:
            async with self._http.stream(method, target, self._with_token(headers), body) as stream:
                answered = True
                self.figures.answered(method, stream.status)
                yield stream
        finally:
            if not answered:
                self.figures.answered(method, 0)

    async def upgrade(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[RawResponse, Connection | None]:
        return await self._http.upgrade(method, target, self._with_token(headers), body)

    async def close(self) -> None:
        await self._http.close()

    async def show_certificate(self, pem: bytes) -> None:
        """From now on this one, with its key: connections that have shown another are closed."""
        if self._ssl is not None:
            tls.load_pair(self._ssl, pem, b"")
            await self._http.close()

    def _with_token(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        if self._token_file:
            now = asyncio.get_running_loop().time()
            if now - self._token_read_s > 60:  # a projected token is renewed in place
                self._token = Path(self._token_file).read_text("ascii").strip()
                self._token_read_s = now
        if not self._token or "authorization" in headers:
            return headers
        return {**headers, "authorization": f"Bearer {self._token}"}


class LocalTransport:
    """Calls the handler in this process, as a user who needs no authentication."""

    def __init__(self, handler: Handler, user: UserInfo) -> None:
        self.figures = ClientFigures("localhost")
        self._handler = handler
        self._user = user
        self._upgraded: set[asyncio.Task[None]] = set()

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse:
        return await self.figures.counted(method, self._request(method, target, headers, body, timeout_s))

    async def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, timeout_s: float | None
    ) -> RawResponse:
        async with asyncio.timeout(timeout_s):
            answer = await self._call(method, target, headers, body)
            if isinstance(answer, Upgrade):
                return HttpResponse(400, {}, b"this request must be made as an upgrade")
            content = answer.body if isinstance(answer.body, bytes) else await _collect(answer.body)
        return HttpResponse(answer.status, _joined(answer.headers), content)

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[ResponseStream]:
        answer = await self._call(method, target, headers, body)
        if isinstance(answer, Upgrade):
            raise ConnectionError("this request must be made as an upgrade")
        stream = _LocalStream(answer)
        self.figures.answered(method, stream.status)
        try:
            yield stream
        finally:
            await stream.close()

    async def upgrade(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[RawResponse, Connection | None]:
        answer = await self._call(method, target, headers, body)
        if isinstance(answer, Response):
            content = answer.body if isinstance(answer.body, bytes) else await _collect(answer.body)
            return HttpResponse(answer.status, _joined(answer.headers), content), None
        ours, theirs = connection_pair()
        task = asyncio.get_running_loop().create_task(_run_upgrade(answer, theirs))
        self._upgraded.add(task)
        task.add_done_callback(self._upgraded.discard)
        return HttpResponse(101, _joined(answer.headers)), ours

    async def close(self) -> None:
        tasks = list(self._upgraded)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Response | Upgrade:
        path, _, query = target.partition("?")
        request = Request(method, unquote(path), query, {name.lower(): value for name, value in headers.items()}, body)
        request.headers.setdefault("host", "localhost")
        request.remote_address = "127.0.0.1"
        request.user = self._user
        return await self._handler(request)


class _LocalStream:
    def __init__(self, answer: Response) -> None:
        self.status = answer.status
        self.headers = _joined(answer.headers)
        self._body = answer.body

    async def chunks(self) -> AsyncIterator[bytes]:
        if isinstance(self._body, bytes):
            if self._body:
                yield self._body
            return
        async for chunk in self._body:
            yield chunk

    async def read(self) -> bytes:
        return self._body if isinstance(self._body, bytes) else await _collect(self._body)

    async def close(self) -> None:
        await _close(self._body)


async def _run_upgrade(upgrade: Upgrade, connection: Connection) -> None:
    try:
        await upgrade.run(connection)
    except ConnectionError:
        pass
    finally:
        await connection.close()


async def _collect(chunks: AsyncIterator[bytes]) -> bytes:
    try:
        return b"".join([chunk async for chunk in chunks])
    finally:
        await _close(chunks)


async def _close(body: object) -> None:
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
