"""Prepares the claims of a pod before its containers start, and gives them back when it has ended.

Source: pkg/kubelet/cm/dra/manager.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod, ResourceStatus
from pybernetes.api.resource.v1 import ResourceClaim
from pybernetes.apimachinery import errors, resource_claims
from pybernetes.client.client import Client
from pybernetes.kubelet.checkpoint import Checkpoint
from pybernetes.kubelet.claims.drivers import DriverError, Drivers
from pybernetes.kubelet.claims.ledger import ClaimedDevice, Claims, KnownClaim
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.resources.requests import resources_of
from pybernetes.kubelet.rpc import RpcError

_FILE = "dra_manager_state"


class ClaimError(Exception):
    """A pod's claims cannot be prepared or given back yet."""


class ResourceClaims:
    def __init__(self, folder: Path, client: Client, drivers: Drivers) -> None:
        self._checkpoint = Checkpoint(folder / _FILE, "which claims were prepared")
        self._client = client
        self.drivers = drivers
        self._claims = Claims()
        self._one_at_a_time = asyncio.Lock()

    def remember(self) -> None:
        """Reads what an earlier kubelet wrote."""
        self._checkpoint.read(self._claims.remember)

    def _keep(self) -> None:
        try:
            self._checkpoint.write(self._claims.as_text())
        except OSError as error:
            raise ClaimError(f"checkpoint ResourceClaim state: {error.strerror}") from None

    def of_gone_pods(self, uids: set[str]) -> set[str]:
        """Uids of pods that still have claims and are not among these."""
        return self._claims.pods() - uids

    def pods_with(self, driver: str) -> set[str]:
        return self._claims.pods_with(driver)

    # Preparing.

    async def prepare(self, pod: Pod) -> None:
        """Returns when every claim of the pod is prepared. Raises ClaimError."""
        if not pod.spec.resourceClaims and pod.status.extendedResourceClaimStatus is None:
            return
        async with self._one_at_a_time:
            try:
                wanted = [await self._claim(pod, name, made) for name, made in _names(pod)]
                for claim in wanted:
                    self._note(pod, claim)
                self._keep()
                await self._ask_drivers([self._known(claim) for claim in wanted])
            except (errors.StatusError, OSError, DriverError) as error:
                raise ClaimError(f"prepare dynamic resources: {error}") from None

    async def _claim(self, pod: Pod, name: str, made_for_it: bool) -> ResourceClaim:
        try:
            claim = await self._client.get(ResourceClaim, name, pod.metadata.namespace or "")
        except (errors.StatusError, OSError) as error:
            raise DriverError(f"fetch ResourceClaim {name}: {error}") from None
        if made_for_it and not resource_claims.is_for(pod, claim):
            raise DriverError(f"ResourceClaim {name}: was not created for pod {pod.metadata.name}")
        if not resource_claims.is_reserved_for(pod, claim) or claim.status.allocation is None:
            about = f"pod {pod.metadata.name} ({uid_of(pod)})"
            raise DriverError(f"{about} is not allowed to use ResourceClaim {name} ({claim.metadata.uid})")
        return claim

    def _known(self, claim: ResourceClaim) -> KnownClaim:
        found = self._claims.get(claim.metadata.namespace or "", claim.metadata.name or "")
        assert found is not None
        return found

    def _note(self, pod: Pod, claim: ResourceClaim) -> None:
        meta = claim.metadata
        known = self._claims.get(meta.namespace or "", meta.name or "")
        if known is not None and known.uid != meta.uid:
            raise DriverError(
                f"old ResourceClaim with same name {meta.name} and different UID {known.uid} still exists "
                "(previous pod force-deleted?!)"
            )
        if known is None:
            assert claim.status.allocation is not None
            devices = claim.status.allocation.devices
            drivers = list(dict.fromkeys(result.driver for result in (devices.results if devices is not None else ())))
            known = KnownClaim(meta.namespace or "", meta.name or "", meta.uid or "", drivers, [])
            self._claims.add(known)
        if uid_of(pod) not in known.pods:
            known.pods.append(uid_of(pod))

    async def _ask_drivers(self, claims: list[KnownClaim]) -> None:
        waiting = [claim for claim in claims if not claim.prepared]
        for name, asked in _by_driver(waiting).items():
            answers = await self._call(name, "NodePrepareResources", asked)
            for claim in asked:
                claim.devices[name] = [
                    ClaimedDevice(
                        d.pool_name,
                        d.device_name,
                        tuple(d.request_names),
                        tuple(d.cdi_device_ids),
                        d.share_id if d.HasField("share_id") else None,
                    )
                    for d in answers[claim.uid].devices
                ]
        for claim in waiting:
            claim.prepared = True
        if waiting:
            self._keep()

    async def _call(self, driver: str, method: str, claims: list[KnownClaim]) -> dict[str, Any]:
        """The driver's answers by uid, for every claim one without an error. Raises DriverError."""
        try:
            asked = [(claim.namespace, claim.name, claim.uid) for claim in claims]
            answers = dict((await self.drivers.get(driver).call(method, asked)).claims)
        except RpcError as error:
            raise DriverError(f"{method}: {error}") from None
        names = {claim.uid: claim.name for claim in claims}
        for uid, answer in answers.items():
            if uid not in names:
                raise DriverError(f"{method} returned result for unknown claim UID {uid}")
            if answer.error:
                raise DriverError(f"{method} failed for ResourceClaim {names[uid]}: {answer.error}")
        if missing := len(names) - len(answers):
            raise DriverError(f"{method} skipped {missing} ResourceClaims")
        return answers

    async def give_back(self, uid: str) -> None:
        """The pod has ended: claims that no other pod uses are given back. Raises ClaimError."""
        if not self._claims.of_pod(uid):
            return
        async with self._one_at_a_time:
            claims = self._claims.of_pod(uid)
            last = [claim for claim in claims if claim.pods == [uid]]
            try:
                for driver, asked in _by_driver(last).items():
                    await self._call(driver, "NodeUnprepareResources", asked)
            except DriverError as error:
                raise ClaimError(f"unprepare dynamic resources: {error}") from None
            for claim in claims:
                claim.pods.remove(uid)
                if not claim.pods:
                    self._claims.remove(claim)
            self._keep()

    # What containers get.

    def devices(self, pod: Pod, container: Container | EphemeralContainer) -> Iterator[tuple[str, str, ClaimedDevice]]:
        """Claim's name, driver and device."""
        return self._claims.devices(pod.metadata.namespace or "", [(n, r) for _, n, r in _asked(pod, container)])

    def health(self, pod: Pod, container: Container | EphemeralContainer) -> list[ResourceStatus]:
        namespace, health_of = pod.metadata.namespace or "", self.drivers.health_of
        own = [(label, name, request) for label, name, request in _asked(pod, container) if label]
        found = [self._claims.health(namespace, label, name, request, health_of) for label, name, request in own]
        return [each for each in found if each is not None]


def _by_driver(claims: Iterable[KnownClaim]) -> dict[str, list[KnownClaim]]:
    found: dict[str, list[KnownClaim]] = {}
    for claim in claims:
        for driver in claim.drivers:
            found.setdefault(driver, []).append(claim)
    return found


def _names(pod: Pod) -> Iterator[tuple[str, bool]]:
    """The pod's claims, and whether each was made for the pod. Raises DriverError."""
    for wanted in pod.spec.resourceClaims:
        name = resource_claims.claim_name(pod, wanted)
        if name is None:
            raise DriverError(
                f'pod "{pod.metadata.namespace}/{pod.metadata.name}": ResourceClaim {wanted.name} not created yet'
            )
        if name:
            yield name, wanted.resourceClaimName is None
    if (extended := pod.status.extendedResourceClaimStatus) is not None:
        yield extended.resourceClaimName, True


def _asked(pod: Pod, container: Container | EphemeralContainer) -> Iterator[tuple[str, str, str]]:
    """What a container uses: the claim's name in the pod ("" for extended resources), its name, the request."""
    by_name = {wanted.name: resource_claims.claim_name(pod, wanted) for wanted in pod.spec.resourceClaims}
    for claim in resources_of(container).claims:
        if name := by_name.get(claim.name):
            yield claim.name, name, claim.request or ""
    if (extended := pod.status.extendedResourceClaimStatus) is not None:
        for mapping in extended.requestMappings:
            if mapping.containerName == container.name:
                yield "", extended.resourceClaimName, mapping.requestName
