"""What happens to containers, as the runtime tells it: no polling while a stream can be had.

Three sources, tried in this order, each with the same outcome, a call of `on_change` with a
container id (or "" for «look at everything again»):

    CRI GetContainerEvents      containerd 1.7 and later, CRI-O with enable_pod_events
    containerd.services.events  containerd before 1.7, over the same socket
    relisting                   every second, and only while there are pods

Source: pkg/kubelet/pleg. Differs: containerd's own events are used where the CRI has none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.cri.containerd import IN_NAMESPACE, NAMESPACE

_LOG = logging.getLogger(__name__)
_CONTAINERD = "/containerd.services.events.v1.Events/Subscribe"
_CONTAINERD_FILTER = f'namespace=={NAMESPACE},topic=="/tasks/exit"'
_RELIST_PERIOD_S = 1.0
_RECONNECT_DELAY_S = 0.2
_LONGEST_RECONNECT_DELAY_S = 10.0
_SUBSCRIBED_S = 1.0
"""After so long a stream that was asked for surely tells: the runtime does not say when it begins to."""
_SILENT_STREAMS = 3
"""After so many that end at once without an error the runtime has no events: CRI-O, unless they are switched on."""


class ContainerEvents:
    """Keeps the best stream there is open; `run` ends only when it is cancelled."""

    def __init__(self, cri: CriClient, on_change: Callable[[str, str], None], has_pods: Callable[[], bool]) -> None:
        self._cri = cri
        self._on_change = on_change
        self._has_pods = has_pods
        self.source = "cri"
        self._lost: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            await self._follow()
        finally:
            if self._lost is not None:
                self._lost.cancel()

    async def _follow(self) -> None:
        sources = {"cri": self._from_cri, "containerd": self._from_containerd, "relist": self._by_relisting}
        following = {"cri": "containerd", "containerd": "relist", "relist": "relist"}
        delay_s, silent = _RECONNECT_DELAY_S, 0
        loop = asyncio.get_running_loop()
        self._lost = asyncio.create_task(self._catch_up())
        while True:
            opened_s = loop.time()
            try:
                await sources[self.source]()
                silent = silent + 1 if loop.time() - opened_s < _SUBSCRIBED_S else 0
                if silent == _SILENT_STREAMS:
                    _LOG.info("the runtime tells no events (%s), other ways are tried", self.source)
                    silent, self.source = 0, following[self.source]
                    continue
            except CriError as error:
                silent = 0
                if error.unimplemented:
                    self.source = following[self.source]
                    _LOG.debug("container events come from: %s", self.source)
                    continue
                _LOG.warning("the stream of container events broke, it is opened again: %s", error)
            if loop.time() - opened_s > _LONGEST_RECONNECT_DELAY_S:
                delay_s = _RECONNECT_DELAY_S
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _LONGEST_RECONNECT_DELAY_S)
            self._lost.cancel()
            self._lost = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        """What happened while no stream was open: looked at when the next one is, and once it surely tells."""
        await self._cri.channel.channel_ready()
        self._on_change("", "relist")
        await asyncio.sleep(_SUBSCRIBED_S)
        self._on_change("", "relist")

    async def _from_cri(self) -> None:
        pb = self._cri.pb
        kinds = {
            pb.CONTAINER_STOPPED_EVENT: "exit",
            pb.CONTAINER_DELETED_EVENT: "exit",
        }
        method = "/runtime.v1.RuntimeService/GetContainerEvents"
        async for event in self._cri.stream(
            method, pb.GetEventsRequest(), pb.ContainerEventResponse, wait_for_ready=True
        ):
            kind = kinds.get(event.container_event_type)
            if kind:
                self._on_change(event.container_id, kind)

    async def _from_containerd(self) -> None:
        from pybernetes.kubelet.cri import containerd_events_pb2

        pb: Any = containerd_events_pb2
        async for envelope in self._cri.stream(
            _CONTAINERD,
            pb.SubscribeRequest(filters=[_CONTAINERD_FILTER]),
            pb.Envelope,
            metadata=IN_NAMESPACE,
            wait_for_ready=True,
        ):
            event = pb.TaskEvent.FromString(envelope.event.value)
            kind = envelope.topic.rpartition("/")[2]
            if kind == "exit" and event.id and event.id != event.container_id:
                continue  # a command executed in the container has ended
            self._on_change(event.container_id, kind)

    async def _by_relisting(self) -> None:
        while True:
            await asyncio.sleep(_RELIST_PERIOD_S)
            if self._has_pods():
                self._on_change("", "relist")
