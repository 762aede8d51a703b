"""What the scheduler writes of claims to devices: allocations, reservations, and their end.

Source: pkg/scheduler/framework/plugins/dynamicresources, bindClaim, Unreserve, PostFilter.
"""

from __future__ import annotations

import logging

import msgspec

from pybernetes.api.core.v1 import Pod, PodExtendedResourceClaimStatus
from pybernetes.api.resource.v1 import AllocationResult, ResourceClaim
from pybernetes.apimachinery.errors import Conflict, NotFound, StatusError
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.resource_claims import FINALIZER, reserved
from pybernetes.apimachinery.times import format_time
from pybernetes.client.objects import key_of
from pybernetes.scheduler.devices.extended import ExtendedClaim
from pybernetes.scheduler.handle import Handle

log = logging.getLogger(__name__)

_CONFLICTS = 5


class ClaimsFailed(Exception):
    """The claims cannot be had; the Pod is scheduled anew."""


class ClaimWriter:
    def __init__(self, handle: Handle) -> None:
        self._client = handle.client
        self._clock = handle.clock
        self._view = handle.devices
        self._metrics = handle.metrics

    async def bind(self, claim: ResourceClaim, allocation: AllocationResult | None, pod: Pod) -> ResourceClaim:
        """Writes allocation and reservation; a change that comes between is looked at first. Raises ClaimsFailed."""
        assert self._view is not None
        client, key = self._client, key_of(claim)
        for attempt in range(_CONFLICTS):
            if claim.metadata.deletionTimestamp is not None:
                raise ClaimsFailed(f"claim {key} got deleted in the meantime")
            if allocation is not None and claim.status.allocation is not None:
                raise ClaimsFailed(f"claim {key} got allocated elsewhere in the meantime")
            if allocation is None and claim.status.allocation is None:
                raise ClaimsFailed(f"claim {key} got deallocated elsewhere in the meantime")
            try:
                if allocation is not None and FINALIZER not in claim.metadata.finalizers:
                    protected = fresh(claim)
                    protected.metadata.finalizers.append(FINALIZER)
                    claim = await client.update(protected)
                changed = reserved(claim, pod)
                changed.status.allocation = allocation or changed.status.allocation
                assert changed.status.allocation is not None
                if changed.status.allocation.allocationTimestamp is None:
                    changed.status.allocation.allocationTimestamp = format_time(self._clock.now())
                written = await client.update_status(changed)
            except Conflict:
                if attempt == _CONFLICTS - 1:
                    raise
                claim = await client.get(ResourceClaim, claim.metadata.name or "", claim.metadata.namespace or "")
                continue
            self._view.written(written)
            return written
        raise AssertionError("every attempt returns or raises")

    async def release(self, claim: ResourceClaim, uid: str) -> None:
        """Takes back the reservation for the Pod with this uid."""
        change = {
            "metadata": {"uid": claim.metadata.uid},
            "status": {"reservedFor": [{"$patch": "delete", "uid": uid}]},
        }
        name, namespace = claim.metadata.name or "", claim.metadata.namespace or ""
        try:
            await self._client.patch(
                ResourceClaim, name, namespace, change, patch_type="strategic", subresource="status"
            )
        except (StatusError, OSError) as error:
            # Tried again when the Pod is, and by the controller of claims when it is gone.
            log.info("cannot release %s: %s", key_of(claim), error)

    async def deallocate(self, claim: ResourceClaim) -> None:
        changed = fresh(claim)
        changed.status.reservedFor, changed.status.allocation, changed.status.devices = [], None, []
        try:
            await self._client.update_status(changed)
        except (StatusError, OSError) as error:
            log.info("cannot deallocate %s: %s", key_of(claim), error)

    # Those for extended resources

    async def make(self, extended: ExtendedClaim) -> ResourceClaim:
        wanted = fresh(extended.claim)
        wanted.metadata.name = wanted.metadata.uid = None
        result = "failure"
        try:
            made = await self._client.create(wanted)
            result = "success"
        finally:
            self._metrics.claims_made[result] += 1
        return made

    async def tell(self, made: ResourceClaim, extended: ExtendedClaim, pod: Pod) -> None:
        """Writes into the Pod what its containers get from the claim."""
        status = PodExtendedResourceClaimStatus(
            requestMappings=extended.mappings, resourceClaimName=made.metadata.name or ""
        )
        meta = pod.metadata
        body = {
            "metadata": {"uid": meta.uid},
            "status": {"extendedResourceClaimStatus": msgspec.to_builtins(status)},
        }
        await self._client.patch(
            Pod, meta.name or "", meta.namespace or "", body, patch_type="strategic", subresource="status"
        )

    async def delete(self, claim: ResourceClaim) -> None:
        """Its devices are free again once it is gone."""
        name, namespace, uid = claim.metadata.name or "", claim.metadata.namespace or "", claim.metadata.uid or ""
        change = {"metadata": {"uid": uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
        try:
            await self._client.patch(ResourceClaim, name, namespace, change, patch_type="strategic")
            await self._client.delete(ResourceClaim, name, namespace, uid=uid)
        except NotFound:
            return
        except (StatusError, OSError) as error:
            # Tried again when the Pod is.
            log.info("cannot delete %s: %s", key_of(claim), error)
