"""gRPC on unix sockets: clients of the container runtime and of plugins, and the services that the kubelet offers.

One coroutine a call. Errors are `RpcError`, with gRPC's code by name. The wire is `http.grpc_client` and
`http.grpc_server`; the kubelet does without the library grpcio (docs/adr/0019-grpc-by-hand.md).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from google.protobuf.message import DecodeError

from pybernetes.http import grpc_server
from pybernetes.http.grpc_client import Channel, Metadata
from pybernetes.http.grpc_server import GrpcServer
from pybernetes.http.grpc_wire import GrpcError


def name_of_code(code: str) -> str:
    """As Go's gRPC has it: NotFound, Canceled."""
    return "Canceled" if code == "CANCELLED" else "".join(word.capitalize() for word in code.split("_"))


class RpcError(Exception):
    """The server refused or could not be reached; `code` is gRPC's, such as NOT_FOUND.

    As text it reads like an error of Go's gRPC, which is what users of Kubernetes know.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"rpc error: code = {name_of_code(self.code)} desc = {self.message}"

    @property
    def not_found(self) -> bool:
        return self.code == "NOT_FOUND"

    @property
    def unimplemented(self) -> bool:
        return self.code == "UNIMPLEMENTED"


class RpcClient:
    """Made inside a running event loop."""

    error: type[RpcError] = RpcError
    """What its calls raise."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint if "://" in endpoint else f"unix://{endpoint}"
        self.channel = Channel(self.endpoint)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.channel.close()

    async def unary(
        self, path: str, request: Any, response: Any, timeout_s: float | None, *, metadata: Metadata = ()
    ) -> Any:
        """One call of `/service/Method`; `response` is the message that it answers. Raises `error`."""
        try:
            answer = await self.channel.unary(path, request.SerializeToString(), timeout_s, metadata=metadata)
        except GrpcError as failure:
            raise self._error(failure) from None
        return self._message(response, answer)

    async def stream(
        self,
        path: str,
        request: Any,
        response: Any,
        *,
        metadata: Metadata = (),
        wait_for_ready: bool = False,
    ) -> AsyncIterator[Any]:
        """The messages of a stream of the server's. Raises `error`; at once where nobody listens, unless it waits."""
        body = request.SerializeToString()
        messages = self.channel.stream(path, body, metadata=metadata, wait_for_ready=wait_for_ready)
        async with aclosing(messages):
            try:
                async for message in messages:
                    yield self._message(response, message)
            except GrpcError as failure:
                raise self._error(failure) from None

    def _error(self, failure: GrpcError) -> RpcError:
        return self.error(failure.code, failure.message)

    def _message(self, kind: Any, data: bytes) -> Any:
        try:
            return kind.FromString(data)
        except DecodeError as error:
            raise self.error("INTERNAL", f"grpc: failed to unmarshal the received message: {error}") from None


Answer = Callable[[Any], Awaitable[Any]]
"""Raises RpcError with what the client is to be told."""


async def serve(socket: Path, service: str, methods: Mapping[str, tuple[Answer, Any]]) -> GrpcServer:
    """A server that listens: what answers and the request's message, by method.

    Makes the socket's folder. Raises OSError where it cannot listen.
    """
    _make_room(socket)
    table = {f"/{service}/{name}": _method(answer, asked) for name, (answer, asked) in methods.items()}
    return await grpc_server.serve(socket, table)


def _make_room(socket: Path) -> None:
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    socket.unlink(missing_ok=True)


def _method(answer: Answer, asked: Any) -> Callable[[bytes], Awaitable[bytes]]:
    async def method(data: bytes) -> bytes:
        try:
            request = asked.FromString(data)
        except DecodeError as error:
            raise GrpcError("INTERNAL", f"grpc: error unmarshalling request: {error}") from None
        try:
            told: bytes = (await answer(request)).SerializeToString()
        except RpcError as error:
            raise GrpcError(error.code, error.message) from None
        return told

    return method
