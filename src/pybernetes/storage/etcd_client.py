"""Calls to an etcd cluster: TLS, users, several endpoints and what to do when one of them does not answer.

A call goes to the endpoint that answered last. When that one cannot be reached, has no leader or is
silent, the next is asked, until the time is up. So every request given here must be one that may be sent
twice: reads are, and the store's transactions carry an id that makes them so.

It must not: know keys, objects or revisions.
Source: etcd api/etcdserverpb/rpc.proto; client/v3 (retry_interceptor.go) for what may be tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pybernetes.host.ip_families import socket_address
from pybernetes.storage.store import StoreError

_TRY_S = 3.0
"""A member that is silent for so long is left for another one."""
_CALL_S = 10.0
_PAUSE_S = 0.05
_AGAIN = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "INTERNAL", "UNKNOWN"})
_LEADER = (("hasleader", "true"),)
"""A member that lost its leader says so instead of waiting for one."""
_FULL = "database space exceeded"
_AUTHENTICATE = "Auth/Authenticate"
_TOKEN_IS_OLD = ("invalid auth token", "revision of auth store is old")


@dataclass(slots=True, frozen=True)
class EtcdConfig:
    servers: tuple[str, ...]
    """http:// or https:// URLs of the members."""
    prefix: str = "/registry"
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    user_file: str = ""
    """USER:PASSWORD, for an etcd with authentication; read again whenever a token is asked for."""


class EtcdRefusal(StoreError):
    """etcd answered that it will not do this; asking again would not help."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(_plain(message))
        self.code = code
        self.compacted = "has been compacted" in message
        self.future = "future revision" in message
        self.lease_unknown = "lease not found" in message
        self.full = _FULL in message


def _plain(message: str) -> str:
    reason = message.removeprefix("etcdserver: ")
    if _FULL in message:
        return "etcd is full: compact and defragment it, then disarm its alarm with: etcdctl alarm disarm"
    if "user name is empty" in message or "permission denied" in message:
        return f"etcd lets this user not do that ({reason}): check the etcd user and its roles"
    return f"etcd refuses: {reason}"


class EtcdClient:
    """Made inside a running event loop. Raises StoreError for a configuration that cannot be used."""

    def __init__(self, config: EtcdConfig) -> None:
        # What goes wrong is told by us, in a line; gRPC's own lines about it come by the hundred.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        # Imported here: half a process's start is spent on it, and only a cluster on etcd needs it.
        import grpc.aio

        from pybernetes.storage import etcd_pb2

        self.pb: Any = etcd_pb2
        self._grpc: Any = grpc
        self._config = config
        self._addresses = [_address(url) for url in config.servers]
        if not self._addresses:
            raise StoreError("no etcd servers are given")
        self._credentials = self._tls() if any(secure for _, secure in self._addresses) else None
        self._user()
        self._channels: dict[int, Any] = {}
        self._methods: dict[tuple[int, str], Any] = {}
        self._at = 0
        self._token = ""
        self._asking: asyncio.Task[None] | None = None
        """For a token; all who need one wait for the same."""

    @property
    def endpoint(self) -> str:
        """The one that calls go to now."""
        return self._config.servers[self._at]

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()
        self._methods.clear()

    def next_endpoint(self) -> None:
        self._at = (self._at + 1) % len(self._addresses)

    async def call(self, method: str, request: Any, *, timeout_s: float = _CALL_S) -> Any:
        """One call, such as "KV/Range"; the answer's type follows from the request's name.

        Raises EtcdRefusal; StoreError when no endpoint answered in time: then a write may have happened.
        """
        deadline = time.monotonic() + timeout_s
        reauthenticated = method == _AUTHENTICATE
        if self._config.user_file and not self._token and method != _AUTHENTICATE:
            await self._authenticate(timeout_s)
        while True:
            at, left = self._at, deadline - time.monotonic()
            # Who asks for a token with one that is old is refused, too.
            metadata = _LEADER if method == _AUTHENTICATE else self._metadata()
            try:
                return await self._stub(at, method, request)(
                    request, timeout=max(min(_TRY_S, left), 0.001), metadata=metadata
                )
            except self._grpc.aio.AioRpcError as error:
                code, message = error.code().name, error.details() or ""
            if any(words in message for words in _TOKEN_IS_OLD) and not reauthenticated:
                reauthenticated = True
                await self._authenticate(timeout_s)
                continue
            if code not in _AGAIN:
                raise EtcdRefusal(code, message)
            if self._at == at:
                self.next_endpoint()
            if time.monotonic() + _PAUSE_S > deadline:
                why = self._expired() or _short(message)
                raise StoreError(f"etcd at {', '.join(self._config.servers)} does not answer: {why}")
            await asyncio.sleep(_PAUSE_S)

    def watch(self) -> Any:
        """A watch stream to the current endpoint: `write` WatchRequests, `read` WatchResponses, `cancel`."""
        channel = self._channel(self._at)
        return channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=self.pb.WatchRequest.SerializeToString,
            response_deserializer=self.pb.WatchResponse.FromString,
        )(metadata=self._metadata())

    async def snapshot(self) -> AsyncIterator[bytes]:
        """The whole database as etcd keeps it, with its SHA-256 as the last 32 bytes."""
        await self.call("Maintenance/Status", self.pb.StatusRequest())
        stream = self._channel(self._at).unary_stream(
            "/etcdserverpb.Maintenance/Snapshot",
            request_serializer=self.pb.SnapshotRequest.SerializeToString,
            response_deserializer=self.pb.SnapshotResponse.FromString,
        )(self.pb.SnapshotRequest(), metadata=self._metadata())
        try:
            async for part in stream:
                yield part.blob
        except self._grpc.aio.AioRpcError as error:
            message = error.details() or ""
            if "permission denied" in message:
                raise StoreError(f"{self.endpoint} gives a snapshot only to a user with the role root") from None
            raise StoreError(f"the snapshot of {self.endpoint} broke off: {_short(message)}") from None

    def error_of(self, error: BaseException) -> str | None:
        """What a stream's error says; None for an error of another kind."""
        if isinstance(error, self._grpc.aio.AioRpcError):
            return _short(error.details() or error.code().name)
        return None

    async def authenticate(self) -> None:
        """A new token, where a user is configured: streams do not ask again by themselves."""
        if self._config.user_file:
            await self._authenticate(_CALL_S)

    async def _authenticate(self, timeout_s: float) -> None:
        """Raises StoreError."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask_token(timeout_s))
        await asyncio.shield(self._asking)

    async def _ask_token(self, timeout_s: float) -> None:
        try:
            name, password = self._user()
            request = self.pb.AuthenticateRequest(name=name, password=password)
            # The old one stays until the new one is there: calls beside this one may still get through with it.
            self._token = (await self.call(_AUTHENTICATE, request, timeout_s=timeout_s)).token
        finally:
            self._asking = None

    def _user(self) -> tuple[str, str]:
        return read_user(self._config.user_file) if self._config.user_file else ("", "")

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (*_LEADER, ("token", self._token)) if self._token else _LEADER

    def _stub(self, at: int, method: str, request: Any) -> Any:
        stub = self._methods.get((at, method))
        if stub is None:
            answer = type(request).__name__.removesuffix("Request") + "Response"
            stub = self._methods[(at, method)] = self._channel(at).unary_unary(
                f"/etcdserverpb.{method}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=getattr(self.pb, answer).FromString,
            )
        return stub

    def _channel(self, at: int) -> Any:
        channel = self._channels.get(at)
        if channel is None:
            target, secure = self._addresses[at]
            options = [
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.enable_http_proxy", 0),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
                ("grpc.keepalive_time_ms", 10_000),
                ("grpc.keepalive_timeout_ms", 5_000),
                ("grpc.http2.max_pings_without_data", 0),  # a watch may be silent for long
            ]
            aio = self._grpc.aio
            channel = self._channels[at] = (
                aio.secure_channel(target, self._credentials, options=options)
                if secure
                else aio.insecure_channel(target, options=options)
            )
        return channel

    def _expired(self) -> str:
        """Which of our certificates is no longer valid; the servers say nothing of it that could be read."""
        if self._credentials is None:
            return ""
        import datetime

        from cryptography import x509

        for file in (self._config.cert_file, self._config.ca_file):
            with contextlib.suppress(OSError, ValueError):
                until = x509.load_pem_x509_certificate(Path(file).read_bytes()).not_valid_after_utc
                if until < datetime.datetime.now(datetime.UTC):
                    return f"the certificate {file} expired at {until:%Y-%m-%d %H:%M} UTC; renew it and start again"
        return ""

    def _tls(self) -> Any:
        config = self._config
        try:
            ca, cert, key = (
                Path(file).read_bytes() if file else None
                for file in (config.ca_file, config.cert_file, config.key_file)
            )
        except OSError as error:
            raise StoreError(f"cannot read {error.filename}: {error.strerror}") from error
        return self._grpc.ssl_channel_credentials(ca, key, cert)


def read_user(file: str) -> tuple[str, str]:
    """Name and password of a file with USER:PASSWORD. Raises StoreError, which tells neither."""
    try:
        name, colon, password = Path(file).read_text().strip().partition(":")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {file}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not name or not colon or not password or "\n" in password:
        raise StoreError(f"{file} is not one line USER:PASSWORD, the user that etcd knows")
    return name, password


def _address(url: str) -> tuple[str, bool]:
    """What gRPC dials, and whether over TLS. Raises StoreError."""
    parts = urlsplit(url)
    try:
        port = parts.port or 2379
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise StoreError(f"{url!r} is no etcd server; name one as https://HOST:2379")
    return socket_address(parts.hostname, port), parts.scheme == "https"


def _short(message: str) -> str:
    return message.splitlines()[0][:300] if message else "no answer"
