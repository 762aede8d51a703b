"""Ends the node's pods in the order of their priority when the machine shuts down, and admits no more.

Source: pkg/kubelet/nodeshutdown/nodeshutdown_manager_linux.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.resources.admission import Rejection
from pybernetes.kubelet.shutdown.groups import groups, periods
from pybernetes.kubelet.shutdown.logind import Logind, LogindError

_LOG = logging.getLogger(__name__)
MESSAGE = "Pod was terminated in response to imminent node shutdown."
REASON = "Terminated"
_AGAIN_S = 1.0


class Pods(Protocol):
    """The node's pods, as far as a shutdown ends them."""

    def pods_that_run(self) -> list[Pod]: ...

    def shut_down(self, pod: Pod, grace_period_s: int) -> None: ...

    async def gone(self, pod: Pod) -> None: ...

    def shutdown_changed(self, message: str) -> None:
        """A shutdown began or was called off, as the message tells."""


class NodeShutdown:
    """`logind(told)` makes the connection. Raises ValueError for periods that make no sense."""

    def __init__(self, config: KubeletConfig, pods: Pods, logind: Callable[[Callable[[bool], None]], Logind]) -> None:
        self._periods = periods(config)
        self._pods = pods
        self._logind = logind
        self._news: asyncio.Queue[bool] = asyncio.Queue(16)
        self.under_way = False

    def refuses(self) -> Rejection | None:
        if not self.under_way:
            return None
        return Rejection("NodeShutdown", "Pod was rejected as the node is shutting down.")

    async def run(self) -> None:
        """Until it is cancelled; at once where pods have no time."""
        told = False
        while self._periods:
            try:
                async with self._logind(self._news.put_nowait) as logind:
                    await self._watch(logind)
            except LogindError as error:
                if not told:
                    _LOG.warning("pods will not end in order when the machine shuts down: %s", error)
                    told = True
            await asyncio.sleep(_AGAIN_S)

    async def _watch(self, logind: Logind) -> None:
        await logind.allow(sum(seconds for _, seconds in self._periods))
        await logind.hold()
        closed = asyncio.ensure_future(logind.closed())
        try:
            while True:
                news = asyncio.ensure_future(self._news.get())
                await asyncio.wait((news, closed), return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    news.cancel()
                    return
                self.under_way = news.result()
                what = "event" if self.under_way else "cancellation"
                self._pods.shutdown_changed(f"Shutdown manager detected shutdown {what}")
                if self.under_way:
                    await self._end_pods()
                    logind.let_go()
                else:
                    await logind.hold()
        finally:
            closed.cancel()

    async def _end_pods(self) -> None:
        for group in groups(self._periods, self._pods.pods_that_run()):
            for pod in group.pods:
                self._pods.shut_down(pod, group.grace_period_s(pod))
            try:
                async with asyncio.timeout(group.seconds):
                    await asyncio.gather(*(self._pods.gone(pod) for pod in group.pods))
            except TimeoutError:
                _LOG.warning("pods of priority %d and more are not gone after %d s", group.priority, group.seconds)
