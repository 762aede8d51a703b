"""Addresses and node ports of Services over a store that several apiservers share.

Each apiserver chooses from what the Services it sees leave free, and two may choose alike at the same time. So a
choice is put into the store before its Service is: `/registry/ranges/services/<address or protocol/port>`, which
only one of them can create. A claim whose Service never came (its apiserver died) counts for two minutes.

Source: pkg/registry/core/service/allocator/storage/storage.go.
Differs: a key a claim instead of one bitmap for all, so that writers do not stand in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pybernetes.host.clock import Clock
from pybernetes.storage.store import Cause, KeyExists, RevisionMismatch, Store

_PREFIX = "/registry/ranges/services/"
_STALE_S = 120.0
"""Longer than any request lasts."""
_CAUSE = Cause(user="system:apiserver", verb="claim")


class _Claim(msgspec.Struct):
    uid: str
    """Of the Service."""
    time: float


class SharedClaims:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def hold(self, names: Iterable[str], uid: str) -> str:
        """Claims all of them, or none: then the one that somebody else has is named. Raises StoreError."""
        held: list[str] = []
        for name in names:
            if not await self._hold(name, uid):
                await self.release(held, uid)
                return name
            held.append(name)
        return ""

    async def release(self, names: Iterable[str], uid: str) -> None:
        """Gives back what this Service has of them."""
        for name in names:
            found = await self._store.get(_PREFIX + name)
            if found is not None and msgspec.json.decode(found.value, type=_Claim).uid == uid:
                try:
                    await self._store.delete(_PREFIX + name, found.revision, _CAUSE)
                except RevisionMismatch:
                    continue  # taken over meanwhile

    async def _hold(self, name: str, uid: str) -> bool:
        value = msgspec.json.encode(_Claim(uid, self._clock.now()))
        try:
            await self._store.create(_PREFIX + name, value, _CAUSE)
            return True
        except KeyExists:
            found = await self._store.get(_PREFIX + name)
        if found is None:
            return False  # given back this moment; the next choice is as good
        claim = msgspec.json.decode(found.value, type=_Claim)
        if claim.uid != uid and self._clock.now() - claim.time < _STALE_S:
            return False
        try:
            await self._store.update(_PREFIX + name, value, found.revision, _CAUSE)
        except RevisionMismatch:
            return False
        return True
