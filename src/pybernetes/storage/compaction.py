"""Forgets old versions now and then, so that a store grows with its objects and not with its age."""

from __future__ import annotations

import asyncio
import logging

from pybernetes.host.clock import Clock
from pybernetes.storage.store import Store, StoreError

_log = logging.getLogger(__name__)


async def compact_regularly(
    store: Store, clock: Clock, *, keep_s: float = 3600.0, keep_revisions: int = 0, interval_s: float = 300.0
) -> None:
    """Keeps the versions of the last `keep_s` seconds (how far back a watch or a look can go); until cancelled.

    `keep_revisions`: at most so many revisions all the same; 0: however many there are.
    """
    while True:
        await asyncio.sleep(interval_s)
        try:
            revision = await store.revision_at(clock.now() - keep_s)
            if keep_revisions:
                revision = max(revision, store.current_revision() - keep_revisions)
            if revision > 0:
                await store.compact(revision)
        except StoreError as error:
            _log.warning("compaction has to wait: %s", error)
