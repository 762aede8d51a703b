"""Asks kubelets what is used, when somebody wants to know: twice in a second at first, then with every later question.

Nothing runs between questions. Who asks regularly, as an autoscaler does, gets the mean since it asked last.
Differs: upstream's metrics server asks every kubelet each 15 s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from pybernetes.apiserver.resource_metrics.samples import Scrape, parse
from pybernetes.host.clock import Clock

log = logging.getLogger(__name__)
_FIRST_WINDOW_S = 1.0
_LONGEST_WINDOW_S = 90.0
_AWAY_S = 10.0
"""A kubelet that did not answer is not asked again for so long."""
_AT_ONCE = 32

Fetch = Callable[[str], Awaitable[bytes]]
"""/metrics/resource of a node by its name. Raises OSError, TimeoutError."""
Pair = tuple[Scrape, Scrape]


@dataclass(slots=True)
class _Node:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    before: Scrape | None = None
    now: Scrape | None = None
    asked: float = 0.0
    away_until: float = 0.0


class Sampler:
    def __init__(self, fetch: Fetch, clock: Clock, resolution_s: float) -> None:
        """What is at most `resolution_s` old is told again."""
        self._fetch = fetch
        self._clock = clock
        self._resolution_s = resolution_s
        self._nodes: dict[str, _Node] = {}
        self._seats = asyncio.Semaphore(_AT_ONCE)

    async def sampled(self, names: Iterable[str], resolution_s: float | None = None) -> dict[str, Pair]:
        """The last two samples of each node, the earlier first; nodes that do not answer are left out."""
        wanted, resolution_s = sorted(set(names)), self._resolution_s if resolution_s is None else resolution_s
        found = await asyncio.gather(*(self._sample(name, resolution_s) for name in wanted))
        return {name: pair for name, pair in zip(wanted, found, strict=True) if pair is not None}

    def forget(self, kept: Iterable[str]) -> None:
        """Drops what is known of all other nodes."""
        for name in self._nodes.keys() - set(kept):
            del self._nodes[name]

    async def _sample(self, name: str, resolution_s: float) -> Pair | None:
        node = self._nodes.setdefault(name, _Node())
        async with node.lock:
            now = self._clock.now()
            if now < node.away_until:
                return None
            try:
                if node.now is None or not 0 <= now - node.asked <= _LONGEST_WINDOW_S:
                    node.before = await self._scrape(name, node)
                    await asyncio.sleep(_FIRST_WINDOW_S)
                    node.now = await self._scrape(name, node)
                elif now - node.asked > resolution_s:
                    node.before, node.now = node.now, await self._scrape(name, node)
            except (OSError, TimeoutError, ValueError) as error:
                log.info("metrics of node %s: %s", name, error or type(error).__name__)
                node.before = node.now = None
                node.away_until = now + _AWAY_S
                return None
            return (node.before, node.now) if node.before is not None else None

    async def _scrape(self, name: str, node: _Node) -> Scrape:
        async with self._seats:
            text = (await self._fetch(name)).decode("utf-8", "replace")
        node.asked = self._clock.now()
        return parse(text, node.asked)
