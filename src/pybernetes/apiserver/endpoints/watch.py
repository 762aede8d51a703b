"""GET of a collection's changes: frames encoded once, passed on to every watcher.

Source: apiserver/pkg/endpoints/handlers/watch.go.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import orjson

from pybernetes.apimachinery.errors import Expired, StatusError
from pybernetes.apiserver.endpoints import answers, options, tables
from pybernetes.apiserver.endpoints.negotiation import (
    CBOR,
    CBOR_SEQUENCE,
    JSON,
    LIST_FORMS,
    OBJECT_FORMS,
    PROTOBUF,
    Form,
)
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.apiserver.registry.generic.interface import Watch, WatchFrame
from pybernetes.http.messages import Response, Upgrade


async def watch(scope: Scope) -> Response | Upgrade:
    form = scope.form(OBJECT_FORMS + LIST_FORMS, stream=True)
    params = scope.request.params() if scope.request.query else {}
    include = tables.include_object(params) if form.kind == "Table" else ""
    ctx = options.context(scope.request, scope.info, scope.resource, "watch")
    chosen = options.list_options(params, watch=True)
    services = scope.services
    least = services.config.min_request_timeout_s
    timeout_s = chosen.timeout_s or services.random.uniform(least, 2.0 * least)
    frames: Watch | Expired
    try:
        frames = await scope.storage.watch(ctx, chosen)
    except Expired as error:
        frames = error
    encoding = _ENCODINGS[form.media_type]
    encode = _transformer(scope, form, include, encoding.frame) if form.kind else encoding.event
    lines = _Lines(scope, frames, encode, timeout_s, encoding.error)
    if scope.request.headers.get("upgrade", "").lower() == "websocket":
        # Imported with the first WebSocket: nothing at the start needs it.
        from pybernetes.apiserver.endpoints.watch_socket import over_socket

        return await over_socket(scope.request, lines, form.media_type)
    headers = [("Cache-Control", "no-cache, private"), ("Content-Type", encoding.media_type)]
    headers += answers.warning_headers(scope.request.context.get("warnings", []))
    return Response(200, headers, lines)


class _Lines:
    """The frames as chunks, until the time is up; an error of the watch is its last event.

    A resourceVersion that is too old is such an error too, not a refusal of the request, as
    upstream's cacher has it.
    """

    def __init__(
        self,
        scope: Scope,
        frames: Watch | Expired,
        encode: Callable[[WatchFrame], bytes] | None,
        timeout_s: float,
        error_frame: Callable[[StatusError], bytes],
    ) -> None:
        self._error_frame = error_frame
        self._info = scope.info
        self._metrics = scope.services.metrics
        self._frames: Watch | Expired | None = frames
        self._encode = encode
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + timeout_s
        self._timer = None if isinstance(frames, Expired) else loop.call_at(self._deadline, frames.end)
        self._metrics.watch_began(self._info)

    def __aiter__(self) -> _Lines:
        return self

    async def __anext__(self) -> bytes:
        frames = self._frames
        if frames is None:
            raise StopAsyncIteration
        if isinstance(frames, Expired):
            await self.aclose()
            return self._error_frame(frames)
        try:
            batch = await anext(frames)
        except StopAsyncIteration:
            await self.aclose()
            raise StopAsyncIteration from None
        except StatusError as error:
            await self.aclose()
            return self._error_frame(error)
        if self._encode is not None:
            return b"".join([self._encode(frame) for frame in batch])
        if len(batch) == 1:
            return batch[0].line
        return b"".join([frame.line for frame in batch])

    def over(self) -> bool:
        """Whether a client that takes no chunk has nothing to wait for: it fell behind, or its time is up."""
        frames = self._frames
        if frames is None or isinstance(frames, Expired):
            return True
        return frames.fell_behind or asyncio.get_running_loop().time() > self._deadline

    async def aclose(self) -> None:
        frames, self._frames = self._frames, None
        if self._timer is not None:
            self._timer.cancel()
        if frames is not None:
            self._metrics.watch_ended(self._info)
            if not isinstance(frames, Expired):
                await frames.aclose()


def _json_frame(type_: str, value: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), value)


def _protobuf_frame(type_: str, value: bytes) -> bytes:
    from pybernetes.apimachinery.protobuf import encoding

    return encoding.watch_frame(type_, encoding.enveloped_json(value))


@functools.lru_cache(256)
def _cbor_frame(type_: str, value: bytes) -> bytes:
    """The event in CBOR; what many watchers get is made once."""
    from pybernetes.apimachinery.cbor import encode

    return encode({"type": type_, "object": orjson.loads(value)})


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How the events of one media type are written."""

    media_type: str
    frame: Callable[[str, bytes], bytes]
    """Of a type and an object's JSON."""
    event: Callable[[WatchFrame], bytes] | None
    """Of an event as it is; None: its line."""

    def error(self, error: StatusError) -> bytes:
        return self.frame("ERROR", msgspec.json.encode(error.status))


_ENCODINGS = {
    JSON: _Encoding(JSON, _json_frame, None),
    PROTOBUF: _Encoding(f"{PROTOBUF};stream=watch", _protobuf_frame, lambda event: event.otherwise(_protobuf_frame)),
    CBOR: _Encoding(CBOR_SEQUENCE, _cbor_frame, lambda event: _cbor_frame(event.type, event.value)),
}


def _transformer(
    scope: Scope, form: Form, include: str, write: Callable[[str, bytes], bytes]
) -> Callable[[WatchFrame], bytes]:
    """Frames as Tables (columns in the first alone) or metadata."""
    storage, clock = scope.storage, scope.services.clock
    first = True

    def encode(frame: WatchFrame) -> bytes:
        nonlocal first
        if form.kind == "Table":
            metadata = tables.single_metadata(frame.value)
            value = tables.table(storage, [frame.value], metadata, form, include, clock.now(), headers=first)
            first = False
        else:
            value = tables.partial(frame.value, form)
        return write(frame.type, value)

    return encode
