"""The one loop of every controller: wait for informers, take keys, reconcile, back off on errors.

A subclass names itself, connects informers to the queue in `__init__` and writes `reconcile(key)`,
which is level-triggered: it looks at listers, calls its plan, writes. An error in one key or one
controller never stops another. Source: sigs.k8s.io/controller-runtime pkg/internal/controller.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.metrics_text import Histogram
from pybernetes.client.informer import Informer
from pybernetes.client.objects import KubernetesObject, T, key_of
from pybernetes.client.workqueue import BUCKETS, RateLimitedQueue, ShutDown
from pybernetes.controllers.runtime.context import ControllerContext


@dataclass(slots=True)
class Counts:
    """For metrics."""

    errors: int = 0
    """Reconciles that ended with an error and were queued again."""
    took: Histogram = field(default_factory=lambda: Histogram(BUCKETS))
    """Loop time spent in reconcile, waiting included."""
    working: dict[str, float] = field(default_factory=dict)
    """When the keys that are worked on now were begun."""

    def ended(self, key: str, now: float) -> None:
        self.took.add(now - self.working.pop(key, now))


class TryAgain(Exception):
    """Not done yet, though nothing is wrong: the key comes back after its back-off."""


class Controller:
    name: str = ""
    """As in --controllers, e.g. deployment-controller."""
    queue_name: str = ""
    """Upstream's name of its queue, as in metrics; "": upstream has no such queue, or it is named as the controller."""
    workers: int = 5
    base_delay_s: float = 0.005
    max_delay_s: float = 1000.0
    """Of the back-off after errors."""

    def __init__(self, context: ControllerContext) -> None:
        self.client = context.client
        self.clock = context.clock
        self.random = context.random
        self.config = context.config
        self.informers = context.informers
        self.recorder = context.recorder(self.name)
        self.queue: RateLimitedQueue[str] = RateLimitedQueue(
            self.queue_name or self.name, base_delay_s=self.base_delay_s, max_delay_s=self.max_delay_s
        )
        self.counts = Counts()
        self.log = logging.getLogger(f"pybernetes.controllers.{self.name}")
        self._waited_for: list[Informer[Any]] = []

    async def reconcile(self, key: str) -> None:
        """Brings the world of `key` closer to what is wanted; raising queues the key again after its back-off."""
        raise NotImplementedError

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """Further loops, run once the informers have synced; one that fails is logged and ends."""
        return []

    def figures(self) -> Iterable[str]:
        """What it counts of itself, as lines of Prometheus' text form."""
        return ()

    def informer(self, cls: type[T]) -> Informer[T]:
        """The shared informer of all namespaces; the controller starts once it has synced."""
        found = self.informers.informer(cls)
        self.wait_for(found)
        return found

    def wait_for(self, informer: Informer[Any]) -> None:
        """The controller starts only once this informer has synced, too."""
        if informer not in self._waited_for:
            self._waited_for.append(informer)

    def enqueue(self, obj: KubernetesObject) -> None:
        self.queue.add(key_of(obj))

    def enqueue_all(self, informer: Informer[T]) -> None:
        """Every event of the informer queues the object's own key."""
        informer.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self.enqueue)

    @property
    def idle(self) -> bool:
        """Nothing is queued or worked on now; delayed keys do not count."""
        return self.queue.idle

    async def run(self) -> None:
        """Until `stop` or cancellation. What is being reconciled at `stop` is finished."""
        for informer in self._waited_for:
            await informer.wait_synced()
        workers = self.config.concurrent_syncs.get(self.name, self.workers)
        tasks = [asyncio.create_task(self._background(c), name=f"{self.name} loop") for c in self.background()]
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(workers):
                    group.create_task(self._work(), name=f"{self.name} worker {number}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.recorder.stop()

    def stop(self) -> None:
        self.queue.shut_down()

    async def _background(self, loop: Coroutine[Any, Any, None]) -> None:
        try:
            await loop
        except Exception:
            self.log.exception("%s: a loop failed", self.name)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                key = await self.queue.get()
            except ShutDown:
                return
            self.counts.working[key] = loop.time()
            try:
                await self.reconcile(key)
                self.queue.forget(key)
            except (errors.StatusError, OSError, TryAgain) as error:
                self._failed(key, error)
            except Exception as error:
                self.log.exception("%s: reconciling %s failed", self.name, key)
                self._failed(key, error)
            finally:
                self.counts.ended(key, loop.time())
                self.queue.done(key)

    def _failed(self, key: str, error: Exception) -> None:
        if isinstance(error, TryAgain):
            self.log.debug("%s: %s is not done yet: %s", self.name, key, error)
            self.queue.add_rate_limited(key)
            return
        self.counts.errors += 1
        if isinstance(error, errors.StatusError):
            expected = isinstance(error, errors.Conflict | errors.AlreadyExists | errors.NotFound)
            level = logging.DEBUG if expected else logging.INFO
            self.log.log(level, "%s: reconciling %s, trying again: %s", self.name, key, error)
        elif isinstance(error, OSError):
            self.log.info("%s: reconciling %s, trying again: %s", self.name, key, error)
        self.queue.add_rate_limited(key)
