"""Leases of etcd for keys that end by themselves, shared by keys that end at about the same time.

Source: staging/src/k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go (how long and for how many keys).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pybernetes.storage.etcd_client import EtcdClient

_SHARED_S = 60.0
_SHARE = 0.05
"""A key lives longer by this part of its time at most."""
_KEYS_LIMIT = 1000


@dataclass(slots=True)
class _Shared:
    id: int
    until_s: float
    keys: int


class EtcdLeases:
    def __init__(self, client: EtcdClient) -> None:
        self._client = client
        self._shared: dict[int, _Shared] = {}
        self._granting = asyncio.Lock()

    async def lease(self, ttl_s: int) -> int:
        """The id of a lease that ends `ttl_s` seconds from now, or a little later. Raises StoreError."""
        async with self._granting:
            now = asyncio.get_running_loop().time()
            shared = self._shared.get(ttl_s)
            if shared is None or now >= shared.until_s or shared.keys >= _KEYS_LIMIT:
                window_s = min(_SHARED_S, ttl_s * _SHARE)
                pb = self._client.pb
                answer = await self._client.call("Lease/LeaseGrant", pb.LeaseGrantRequest(TTL=ttl_s + int(window_s)))
                shared = self._shared[ttl_s] = _Shared(answer.ID, now + window_s, 0)
            shared.keys += 1
            return shared.id

    def forget(self, *ids: int) -> None:
        """These are not known any more."""
        self._shared = {ttl: shared for ttl, shared in self._shared.items() if shared.id not in ids}
