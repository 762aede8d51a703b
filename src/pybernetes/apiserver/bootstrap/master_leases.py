"""Which apiservers of one store serve, so that the Service `kubernetes` names them all and no dead one.

Each keeps a key with a time to live; the endpoints are the addresses whose keys are there.
Source: pkg/controlplane/reconcilers/lease.go.
Differs: an apiserver that has its store to itself keeps no key, since an idle cluster writes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
from dataclasses import dataclass

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apiserver.bootstrap import system_objects
from pybernetes.apiserver.bootstrap.writing import ensure
from pybernetes.apiserver.registry.generic.interface import Registry
from pybernetes.storage.store import Cause, KeyExists, RevisionMismatch, Store, StoreError

log = logging.getLogger(__name__)
PREFIX = "/registry/masterleases/"
LEASE_S = 15
_RENEW_S = 10.0
_CAUSE = Cause(user="system:apiserver", user_agent="kube-apiserver", verb="update")


@dataclass(slots=True)
class MasterLeases:
    store: Store
    registry: Registry
    address: str
    port: int = 0
    """What it listens at, known once it does."""

    async def run(self) -> None:
        """Renews this apiserver's lease and brings the endpoints up to date until cancelled."""
        while self.store.shared and self._reachable:
            await asyncio.sleep(_RENEW_S)
            try:
                await self.reconcile()
            except (StatusError, StoreError) as error:
                log.warning("telling where this apiserver serves: %s", error)

    async def reconcile(self) -> None:
        """Writes the endpoints of the Service `kubernetes`. Raises StatusError, StoreError."""
        if not self._reachable:
            log.info("Pods cannot reach %s: the kubernetes Service gets no endpoints", self.address)
            return
        if self.store.shared:
            await self._renew()
        await self._write(await self._serving())

    async def retire(self) -> None:
        """Takes this apiserver out of the endpoints at once: it is about to stop."""
        if not self.store.shared or not self._reachable:
            return
        with contextlib.suppress(RevisionMismatch):
            await self.store.delete(self._key, 0, _CAUSE)
        if others := await self._serving():
            await self._write(others)

    @property
    def _reachable(self) -> bool:
        return not ipaddress.ip_address(self.address).is_loopback

    @property
    def _key(self) -> str:
        return PREFIX + self.address

    async def _renew(self) -> None:
        value = json.dumps(
            {"apiVersion": "v1", "kind": "Endpoints", "subsets": [{"addresses": [{"ip": self.address}]}]}
        )
        while True:
            held = await self.store.get(self._key)
            with contextlib.suppress(KeyExists, RevisionMismatch):
                if held is None:
                    await self.store.create(self._key, value.encode(), _CAUSE, ttl_s=LEASE_S)
                else:
                    await self.store.update(self._key, value.encode(), held.revision, _CAUSE, ttl_s=LEASE_S)
                return

    async def _serving(self) -> list[str]:
        if not self.store.shared:
            return [self.address]
        found = await self.store.range(PREFIX)
        return sorted(item.key.removeprefix(PREFIX) for item in found.items)

    async def _write(self, addresses: list[str]) -> None:
        endpoints = system_objects.kubernetes_endpoints(addresses, self.port)
        endpoint_slice = system_objects.kubernetes_endpoint_slice(addresses, self.port)
        await asyncio.gather(
            ensure(self.registry, endpoints, system_objects.reconciled_endpoints),
            ensure(self.registry, endpoint_slice, system_objects.reconciled_endpoint_slice),
        )
