"""Claims that were prepared on this node, by which drivers, for which pods. Pure.

A claim is prepared once, however many pods share it, and given back when the last of them has ended. What is written
down before a driver is asked tells a kubelet that comes back what there may be to give back.

Source: pkg/kubelet/cm/dra/claiminfo.go, manager.go, state/checkpoint.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from pybernetes.api.core.v1 import ResourceHealth, ResourceStatus


class ClaimedDevice(msgspec.Struct, frozen=True):
    pool: str
    name: str
    requests: tuple[str, ...] = ()
    cdi: tuple[str, ...] = ()
    share: str | None = None

    def serves(self, request: str) -> bool:
        """Whether it is for that request of the claim; "" is all, a part of a request counts as the request."""
        return not request or not self.requests or request.partition("/")[0] in self.requests


class KnownClaim(msgspec.Struct):
    namespace: str
    name: str
    uid: str
    drivers: list[str]
    pods: list[str]
    """Uids."""
    prepared: bool = False
    devices: dict[str, list[ClaimedDevice]] = {}
    """By driver."""


HealthOf = Callable[[str, str, str], tuple[str, str]]
"""Health and message of a driver's device in a pool."""


class Claims:
    def __init__(self) -> None:
        self._known: dict[tuple[str, str], KnownClaim] = {}

    def get(self, namespace: str, name: str) -> KnownClaim | None:
        return self._known.get((namespace, name))

    def add(self, claim: KnownClaim) -> None:
        self._known[claim.namespace, claim.name] = claim

    def remove(self, claim: KnownClaim) -> None:
        self._known.pop((claim.namespace, claim.name), None)

    def of_pod(self, uid: str) -> list[KnownClaim]:
        return [claim for claim in self._known.values() if uid in claim.pods]

    def pods(self) -> set[str]:
        return {uid for claim in self._known.values() for uid in claim.pods}

    def pods_with(self, driver: str) -> set[str]:
        return {uid for claim in self._known.values() if driver in claim.drivers for uid in claim.pods}

    def devices(self, namespace: str, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, ClaimedDevice]]:
        """Claim's name, driver and device, for claims and requests in them, each device once a claim."""
        seen = set()
        for name, request in wanted:
            claim = self.get(namespace, name)
            for driver, devices in claim.devices.items() if claim is not None else ():
                for device in devices:
                    if device.serves(request) and (key := (name, driver, device)) not in seen:
                        seen.add(key)
                        yield name, driver, device

    def health(self, namespace: str, label: str, name: str, request: str, health_of: HealthOf) -> ResourceStatus | None:
        """For a container's status: `label` is the claim's name in the pod."""
        found: dict[str, ResourceHealth] = {}
        for _, driver, device in self.devices(namespace, [(name, request)]):
            identity = device.cdi[0] if device.cdi else f"{driver}/{device.pool}/{device.name}"
            health, message = health_of(driver, device.pool, device.name)
            found.setdefault(identity, ResourceHealth(resourceID=identity, health=health, message=message or None))
        about = f"claim:{label}/{request}" if request else f"claim:{label}"
        return ResourceStatus(name=about, resources=list(found.values())) if found else None

    def as_text(self) -> bytes:
        return msgspec.json.encode(list(self._known.values()))

    def remember(self, text: bytes) -> None:
        """Raises msgspec.DecodeError."""
        for claim in msgspec.json.decode(text, type=list[KnownClaim]):
            self.add(claim)
