"""gRPC on unix sockets: clients of the container runtime and of plugins, and the services that the kubelet offers.

One coroutine a call. grpc is imported with the first client. Errors are `RpcError`, with gRPC's code by name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
Metadata = tuple[tuple[str, str], ...]


class RpcError(Exception):
    """The server refused or could not be reached; `code` is gRPC's, such as NOT_FOUND.

    As text it reads like an error of Go's gRPC, which is what users of Kubernetes know.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        code = "".join(word.capitalize() for word in self.code.split("_"))
        return f"rpc error: code = {code} desc = {self.message}"

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
        import grpc.aio

        self._failure: type[Exception] = grpc.aio.AioRpcError
        self.endpoint = endpoint if "://" in endpoint else f"unix://{endpoint}"
        self.channel: Any = grpc.aio.insecure_channel(
            self.endpoint,
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.enable_http_proxy", 0),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
                ("grpc.default_authority", "localhost"),
            ],
        )
        self._methods: dict[str, Any] = {}

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
        stub = self._methods.get(path)
        if stub is None:
            stub = self._methods[path] = self.channel.unary_unary(
                path,
                request_serializer=type(request).SerializeToString,
                response_deserializer=response.FromString,
            )
        try:
            return await stub(request, metadata=metadata, timeout=timeout_s)
        except self._failure as failure:
            raise self._error(failure) from None

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
        stub = self.channel.unary_stream(
            path, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        call = stub(request, metadata=metadata, wait_for_ready=wait_for_ready)
        try:
            async for message in call:
                yield message
        except self._failure as failure:
            raise self._error(failure) from None
        finally:
            call.cancel()

    def _error(self, failure: Any) -> RpcError:
        return self.error(failure.code().name, failure.details() or failure.code().name)


Answer = Callable[[Any, Any], Awaitable[Any]]


async def serve(socket: Path, service: str, methods: Mapping[str, tuple[Answer, Any, Any]]) -> Any:
    """A server that listens: what answers, the request's and the response's message by method.

    Makes the socket's folder. Raises OSError or RuntimeError where it cannot listen.
    """
    import grpc
    import grpc.aio

    _make_room(socket)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(answer, asked.FromString, told.SerializeToString)
        for name, (answer, asked, told) in methods.items()
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    return server


def _make_room(socket: Path) -> None:
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    socket.unlink(missing_ok=True)
