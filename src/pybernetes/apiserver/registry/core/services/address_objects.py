"""The IPAddress objects beside the addresses of Services: who has which, for everybody to read and to respect.

The allocators decide; an IPAddress that somebody else made keeps its address from them. Objects are written
when the Service is, and made up for when this process starts (`repair`).
Source: pkg/registry/core/service/ipallocator/ipallocator.go, repairip.go.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery.errors import AlreadyExists, NotFound
from pybernetes.apimachinery.scheme import resource_of
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.registry.generic.interface import DeleteOptions, RequestContext

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.apiserver.registry.generic.storage import Storage

FAMILY = "ipaddress.kubernetes.io/ip-family"
MANAGED_BY = "ipaddress.kubernetes.io/managed-by"
ALLOCATOR = "ipallocator.k8s.io"
_APISERVER = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS, "system:authenticated"))


class AddressObjects:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def foreign(self, address: str) -> bool:
        """Whether somebody else said that the address is theirs."""
        found = await self._registry.read(networking.IPAddress, address)
        return found is not None and not _managed(found)

    async def repair(self, services: Iterable[core.Service]) -> None:
        """Makes what a crash left out, and takes away what nobody has any more."""
        held = {a.metadata.name or "": a for a in await self._all()}
        wanted = {
            address: service
            for service in services
            for address in service.spec.clusterIPs
            if service.spec.type != "ExternalName" and address not in ("", "None")
        }
        for address, service in wanted.items():
            if address not in held:
                await self.create(address, service)
        for address, found in held.items():
            if address not in wanted and _managed(found):
                await self.delete(address)

    async def create(self, address: str, service: core.Service) -> None:
        metadata = service.metadata
        family = f"IPv{ipaddress.ip_address(address).version}"
        made = networking.IPAddress(
            metadata=ObjectMeta(name=address, labels={FAMILY: family, MANAGED_BY: ALLOCATOR}),
            spec=networking.IPAddressSpec(
                parentRef=networking.ParentReference(
                    resource="services", namespace=metadata.namespace, name=metadata.name or ""
                )
            ),
        )
        with contextlib.suppress(AlreadyExists):
            await self._storage().create(_context("create"), made)

    async def delete(self, address: str) -> None:
        with contextlib.suppress(NotFound):
            await self._storage().delete(_context("delete", address), DeleteOptions())

    async def _all(self) -> list[networking.IPAddress]:
        return await self._registry.read_all(networking.IPAddress)

    def _storage(self) -> Storage:
        return self._registry.storage_for_struct(networking.IPAddress)


def _managed(found: networking.IPAddress) -> bool:
    return (found.metadata.labels or {}).get(MANAGED_BY) == ALLOCATOR


def _context(verb: str, name: str = "") -> RequestContext:
    return RequestContext(_APISERVER, resource_of(networking.IPAddress), verb, "", name, user_agent="kube-apiserver")
