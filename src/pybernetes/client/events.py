"""Events about objects: correlated, counted and sent in the background, never in the way of the caller.

Source: client-go/tools/record (event.go, events_cache.go): the same message again raises the count of
one Event; ten different messages of one reason within ten minutes are combined; a source may send 25
Events about an object at once and one every five minutes after.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pybernetes.api.core.v1 import Event, EventSource, ObjectReference
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.times import format_time
from pybernetes.client import cause
from pybernetes.client.client import Client
from pybernetes.client.objects import KubernetesObject
from pybernetes.host.clock import Clock

log = logging.getLogger(__name__)

_MOST_WAITING = 10_000
_SENT_AT_ONCE = 16
_PATIENCE_S = 5.0
"""How long Events stand back for more pressing writes."""
_CACHE = 4096
_SIMILAR = 10
_SIMILAR_INTERVAL_S = 600.0
_BURST = 25
_REFILL_PER_S = 1 / 300
_TRIES = 12
_RETRY_S = 10.0

V = TypeVar("V")


class _Cache(Generic[V]):
    """Bounded; the entry not used for longest goes first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, V] = OrderedDict()

    def get(self, key: str) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: str, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > _CACHE:
            self._entries.popitem(last=False)


@dataclass(slots=True)
class _Similar:
    messages: set[str] = field(default_factory=set)
    last_s: float = 0.0


@dataclass(slots=True)
class _Seen:
    name: str
    first: str
    count: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float


class Correlator:
    """Decides for each Event: create it, raise the count of an earlier one, or drop it. No I/O."""

    def __init__(self) -> None:
        self._similar: _Cache[_Similar] = _Cache()
        self._seen: _Cache[_Seen] = _Cache()
        self._buckets: _Cache[_Bucket] = _Cache()

    def correlate(self, event: Event, now: float) -> tuple[Event, bool] | None:
        """The Event to send, and whether it was sent before (then only its count is patched); None drops it."""
        ref, source = event.involvedObject, event.source or EventSource()
        base = "\x00".join(
            str(part)
            for part in (source.component, source.host, ref.kind, ref.namespace, ref.name, ref.uid, ref.apiVersion)
        )
        if not self._accept(f"{base}\x00{event.type}", now):
            return None
        reason_key = f"{base}\x00{event.type}\x00{event.reason}"
        key = f"{reason_key}\x00{ref.fieldPath}\x00{event.message}"
        similar = self._similar.get(reason_key)
        if similar is None or now - similar.last_s > _SIMILAR_INTERVAL_S:
            similar = _Similar()
            self._similar.put(reason_key, similar)
        similar.messages.add(event.message or "")
        similar.last_s = now
        if len(similar.messages) >= _SIMILAR:
            similar.messages.pop()
            key = reason_key
            event.message = f"(combined from similar events): {event.message}"
        seen = self._seen.get(key)
        if seen is None:
            self._seen.put(key, _Seen(event.metadata.name or "", event.firstTimestamp or "", 1))
            return event, False
        seen.count += 1
        event.metadata.name = seen.name
        event.firstTimestamp = seen.first
        event.count = seen.count
        return event, True

    def _accept(self, key: str, now: float) -> bool:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = _Bucket(_BURST, now)
            self._buckets.put(key, bucket)
        bucket.tokens = min(_BURST, bucket.tokens + (now - bucket.filled_s) * _REFILL_PER_S)
        bucket.filled_s = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


class EventRecorder:
    def __init__(
        self, client: Client, component: str, host: str, clock: Clock, unhurried: asyncio.Event | None = None
    ) -> None:
        """`unhurried` is set while the component has nothing more pressing to write: Events wait for that, for a while.

        Events about one object are sent one after the other, those about different ones some at once.
        """
        self._client = client
        self._component = component
        self._host = host
        self._clock = clock
        self._correlator = Correlator()
        self._unhurried = unhurried
        self._waiting: deque[tuple[Event, cause.Cause, float]] = deque()
        """Each with the time of the loop until which it may stand back."""
        self._sender: asyncio.Task[None] | None = None
        self._last_ns = 0
        self._dropped = 0
        """Since the queue was empty."""

    def event(
        self,
        obj: KubernetesObject | ObjectReference,
        event_type: str,
        reason: str,
        message: str,
        *,
        field_path: str = "",
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Queues an Event about `obj`; `event_type` is Normal or Warning. Never blocks, never raises."""
        ref = obj if isinstance(obj, ObjectReference) else reference_to(obj, field_path)
        now = self._clock.now()
        self._last_ns = max(int(now * 1e9), self._last_ns + 1)
        time = format_time(now)
        name, namespace = f"{ref.name}.{self._last_ns:x}", ref.namespace or "default"
        event = Event(
            metadata=ObjectMeta(name=name, namespace=namespace, annotations=dict(annotations or {})),
            involvedObject=ref,
            reason=reason,
            message=message[:1024],
            type=event_type,
            firstTimestamp=time,
            lastTimestamp=time,
            count=1,
            source=EventSource(component=self._component, host=self._host or None),
            reportingComponent=self._component,
            reportingInstance=self._host,
        )
        if len(self._waiting) >= _MOST_WAITING:
            self._dropped += 1
            return
        loop = asyncio.get_running_loop()
        self._waiting.append((event, cause.current(), loop.time() + _PATIENCE_S))
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send_all(), name="events")

    async def flush(self) -> None:
        """Until what was queued so far is sent or given up."""
        if self._sender is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._sender)

    async def stop(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)

    async def _send_all(self) -> None:
        while self._waiting:
            await self._stand_back()
            async with asyncio.TaskGroup() as group:
                for event, why in self._next():
                    correlated = self._correlator.correlate(event, self._clock.now())
                    if correlated is not None:
                        with cause.caused_by(why):
                            group.create_task(self._send(*correlated))
        if self._dropped:
            log.warning("%d Events were dropped: more than %d waited", self._dropped, _MOST_WAITING)
            self._dropped = 0

    async def _stand_back(self) -> None:
        if self._unhurried is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._waiting[0][2]):
                    await self._unhurried.wait()

    def _next(self) -> Iterator[tuple[Event, cause.Cause]]:
        """Those that are sent at once, each about another object."""
        about: set[str | None] = set()
        while self._waiting and len(about) < _SENT_AT_ONCE:
            event, why, _ = self._waiting[0]
            if event.involvedObject.uid in about:
                return
            about.add(event.involvedObject.uid)
            self._waiting.popleft()
            yield event, why

    async def _send(self, event: Event, again: bool) -> None:
        for _ in range(_TRIES):
            try:
                if again:
                    try:
                        await self._raise_count(event)
                        return
                    except errors.NotFound:  # it has expired meanwhile
                        event.metadata.name = f"{event.involvedObject.name}.{self._last_ns:x}"
                        self._last_ns += 1
                await self._client.create(event)
                return
            except errors.AlreadyExists:  # another component's Event of the same instant
                self._last_ns += 1
                event.metadata.name = f"{event.involvedObject.name}.{self._last_ns:x}"
                again = False
            except errors.StatusError as error:
                if error.code < 500 and error.code != 429:
                    level = logging.DEBUG if isinstance(error, errors.Forbidden | errors.NotFound) else logging.WARNING
                    log.log(level, "the apiserver refused an Event: %s", error)
                    return
                await asyncio.sleep(_RETRY_S)
            except OSError as error:
                log.info("cannot send an Event, trying again: %s", error)
                await asyncio.sleep(_RETRY_S)

    async def _raise_count(self, event: Event) -> None:
        change: dict[str, Any] = {
            "count": event.count,
            "lastTimestamp": event.lastTimestamp,
            "message": event.message,
        }
        await self._client.patch(
            Event, event.metadata.name or "", event.metadata.namespace or "", change, patch_type="strategic"
        )


def reference_to(obj: KubernetesObject, field_path: str = "") -> ObjectReference:
    meta = obj.metadata
    return ObjectReference(
        apiVersion=obj.apiVersion,
        kind=obj.kind,
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        resourceVersion=meta.resourceVersion,
        fieldPath=field_path or None,
    )
