"""Follows everything of ours in an etcd cluster as one stream, and knows how far it is.

One watch of one range, so that changes come in order and whole revisions at a time. It goes on at the next
endpoint, without a gap, when the one it is connected to dies, loses its leader or falls silent.

A revision that changed nothing of ours brings no event. Who waits for one asks for progress: etcd from
3.4.31 and 3.5.13 on tells it on request; before that its answer may overtake events, so a key of our own
is written instead, whose event is the answer. Nobody waiting, nothing is sent.

Source: apiserver/pkg/storage/feature (feature_support_checker.go) for the versions; KEP-2340.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from pybernetes.storage.etcd_client import EtcdClient
from pybernetes.storage.etcd_layout import EtcdLayout
from pybernetes.storage.store import StoreError

_log = logging.getLogger(__name__)
_PATIENCE_S = 0.005
"""How long a revision is waited for before progress is asked for."""
_ASK_AGAIN_S = 0.5
_STUCK_S = 3.0
_LIMIT_S = 10.0
_LONGEST_PAUSE_S = 1.0

Events = list[Any]


class EtcdFollower:
    def __init__(
        self,
        client: EtcdClient,
        layout: EtcdLayout,
        *,
        position: Callable[[], int],
        deliver: Callable[[Events], None],
        progress: Callable[[int], None],
        wait: Callable[[int], Any],
        lost: Callable[[int, int], None],
    ) -> None:
        """`lost(compacted, revision)`: changes up to `compacted` are gone unseen; it goes on after `revision`."""
        self._client = client
        self._layout = layout
        self._position = position
        self._deliver = deliver
        self._progress = progress
        self._wait = wait
        self._lost = lost
        self._stream: Any = None
        self._asking = False
        self._tells_progress = False
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """Why there is no stream now."""

    async def start(self) -> None:
        """Begins after the current position. Raises StoreError."""
        status = await self._client.call("Maintenance/Status", self._client.pb.StatusRequest())
        self._tells_progress = tells_progress(status.version)
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="etcd watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def reach(self, revision: int, *, ask: bool) -> None:
        """Returns once everything up to `revision` has been delivered; `ask`: there may be no event at it.

        Raises StoreError when the stream does not come back in time.
        """
        if revision <= self._position():
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        patience_s = _PATIENCE_S if ask else _STUCK_S
        restarted = False
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    await self._wait(revision)
                return
            except TimeoutError:
                waited_s = loop.time() - began
            if waited_s > _LIMIT_S:
                raise StoreError(f"the watch of etcd stands still at revision {self._position()}: {self.problem}")
            if waited_s > _STUCK_S and not restarted:
                restarted = True
                self._client.next_endpoint()
                self._break_off()
            if ask:
                await self._ask()
            patience_s = _ASK_AGAIN_S

    async def _ask(self) -> None:
        if self._asking:
            return
        self._asking = True
        pb = self._client.pb
        try:
            if not self._tells_progress:
                await self._client.call("KV/Put", pb.PutRequest(key=self._layout.progress))
            elif self._stream is not None:
                with contextlib.suppress(Exception):  # a stream that broke is begun again by the follower
                    await self._stream.write(pb.WatchRequest(progress_request=pb.WatchProgressRequest()))
        finally:
            self._asking = False

    def _break_off(self) -> None:
        if self._stream is not None:
            self._stream.cancel()

    async def _follow(self) -> None:
        pause_s = 0.0
        while True:
            began = self._position()
            try:
                await self._client.authenticate()
                await self._read_stream()
                self.problem = "it ended"
            except asyncio.CancelledError:
                if self._task is not None and self._task.cancelling():
                    raise
                self.problem = "it was silent"
            except TimeoutError:
                self.problem = f"{self._client.endpoint} does not answer"
            except Exception as error:
                self.problem = self._client.error_of(error) or str(error)
            finally:
                self._break_off()
                self._stream = None
            pause_s = 0.02 if self._position() > began else min(max(pause_s * 2, 0.02), _LONGEST_PAUSE_S)
            _log.info("the watch at %s ended (%s); going on at the next", self._client.endpoint, self.problem)
            self._client.next_endpoint()
            await asyncio.sleep(pause_s)

    async def _read_stream(self) -> None:
        pb = self._client.pb
        key, end = self._layout.watched
        stream = self._stream = self._client.watch()
        position = self._position()
        # From the last one seen on: asked for the one after it, etcd before 3.4.34 and 3.5.15 leaves out a deletion
        # that is compacted meanwhile (etcd issue 18089) and says nothing.
        start = max(position, 1)
        async with asyncio.timeout(_STUCK_S):
            await stream.write(
                pb.WatchRequest(
                    create_request=pb.WatchCreateRequest(key=key, range_end=end, start_revision=start, prev_kv=True)
                )
            )
        begun = False
        while True:
            # A member that has just come up may take the stream and never answer.
            async with asyncio.timeout(None if begun else _STUCK_S):
                answer = await stream.read()
            begun = True
            if not hasattr(answer, "events"):
                return  # the end of the stream
            if answer.compact_revision:
                await self._skip(answer.compact_revision)
                return
            if answer.canceled:
                raise StoreError(answer.cancel_reason or "the watch was cancelled")
            self.problem = ""
            events = answer.events
            if events and events[0].kv.mod_revision <= position:
                events = [event for event in events if event.kv.mod_revision > position]
                if not events:
                    continue
            if events:
                try:
                    self._deliver(events)
                except PastCompacted as past:
                    await self._skip(past.compact_revision)
                    return
            elif not answer.created:
                self._progress(answer.header.revision)

    async def _skip(self, compacted: int) -> None:
        _log.warning("changes up to revision %d were compacted unseen", compacted)
        # It goes on at an event of ours, so that who reads the past sees its end.
        now = await self._client.call("KV/Put", self._client.pb.PutRequest(key=self._layout.progress))
        self._lost(compacted, now.header.revision)


def tells_progress(version: str) -> bool:
    """Whether etcd's answer to a request for progress can be relied on in this version."""
    numbers = [int(part) for part in version.split("-")[0].split(".") if part.isdigit()]
    release, patch = tuple(numbers[:2]), [*numbers, 0, 0, 0][2]
    if release == (3, 4):
        return patch >= 31
    if release == (3, 5):
        return patch >= 13
    return release > (3, 5)


async def read_past(
    client: EtcdClient,
    layout: EtcdLayout,
    after: int,
    last: int,
    take: Callable[[Events], bool],
) -> None:
    """Gives the events of ours with revisions >= after to `take` until it has enough, or `last` is reached.

    `last` is the revision of an event of ours that is not compacted, so the end is always seen. Raises
    StoreError; `PastCompacted` when the beginning is compacted.
    """
    pb = client.pb
    key, end = layout.watched
    stream = client.watch()
    try:
        await stream.write(
            pb.WatchRequest(
                create_request=pb.WatchCreateRequest(key=key, range_end=end, start_revision=max(after, 1), prev_kv=True)
            )
        )
        while True:
            async with asyncio.timeout(_LIMIT_S):
                answer = await stream.read()
            if not hasattr(answer, "events") or (answer.canceled and not answer.compact_revision):
                raise StoreError(f"reading the past from etcd broke off: {getattr(answer, 'cancel_reason', '')}")
            if answer.compact_revision:
                raise PastCompacted(answer.compact_revision)
            if answer.events and (take(answer.events) or answer.events[-1].kv.mod_revision >= last):
                return
    except TimeoutError:
        raise StoreError("reading the past from etcd took too long") from None
    except Exception as error:
        if (said := client.error_of(error)) is not None:
            raise StoreError(f"reading the past from etcd failed: {said}") from None
        raise
    finally:
        stream.cancel()


class PastCompacted(Exception):
    """The events asked for, or what was there before one of them, are compacted."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__(compact_revision)
        self.compact_revision = compact_revision
