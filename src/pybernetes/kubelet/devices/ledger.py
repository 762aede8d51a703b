"""Devices of the node's plugins, and which containers hold them. Pure.

What a plugin answered when it handed devices out is kept with them: it is what the container is made with, each time it
starts. A kubelet that comes back reads it all from a file, and takes nothing from a container that has it.

Source: pkg/kubelet/cm/devicemanager/manager.go, pod_devices.go, topology_hints.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from pybernetes.kubelet.resources.allocation import AllocationError
from pybernetes.kubelet.resources.topology import Hint, hints_for

HEALTHY = "Healthy"
GRACE_S = 300.0
"""How long a plugin that went away is waited for before its resource is no more."""


@dataclass(frozen=True, slots=True)
class Device:
    id: str
    health: str = HEALTHY
    numa_nodes: tuple[int, ...] = ()

    @property
    def healthy(self) -> bool:
        return self.health == HEALTHY

    def near(self, mask: int) -> bool:
        return any(mask >> node & 1 for node in self.numa_nodes)


@dataclass(slots=True)
class Resource:
    devices: dict[str, Device] = field(default_factory=dict)
    gone_at_s: float | None = None
    """Since when its plugin is not there; None while it is."""

    def healthy(self) -> set[str]:
        return {device.id for device in self.devices.values() if device.healthy}


class Holding(msgspec.Struct, frozen=True):
    """Devices of one resource that a container has."""

    pod: str
    container: str
    resource: str
    devices: tuple[str, ...]
    answer: bytes = b""
    """The plugin's ContainerAllocateResponse."""


class _Kept(msgspec.Struct):
    holdings: list[Holding]
    resources: list[str]


class Ledger:
    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self._removed: set[str] = set()
        self.holdings: dict[tuple[str, str, str], Holding] = {}
        """By pod's uid, container's name and resource."""
        self._reusable: dict[tuple[str, str], set[str]] = {}
        """Devices of init containers that have ended by then, by pod and resource."""

    # What plugins tell.

    def told(self, resource: str, devices: Iterable[Device]) -> bool:
        """The whole list of a plugin; whether anything is other than before."""
        new = Resource({device.id: device for device in devices})
        before, self.resources[resource] = self.resources.get(resource), new
        return before != new

    def plugin_gone(self, resource: str, now_s: float) -> None:
        """Its devices stay, as unhealthy ones."""
        known = self.resources.get(resource)
        if known is not None and known.gone_at_s is None:
            ill = {d.id: Device(d.id, "Unhealthy", d.numa_nodes) for d in known.devices.values()}
            self.resources[resource] = Resource(ill, now_s)

    def forget_expired(self, now_s: float) -> list[str]:
        """Resources whose plugins are gone for good."""
        gone = [n for n, r in self.resources.items() if r.gone_at_s is not None and now_s - r.gone_at_s > GRACE_S]
        for name in gone:
            del self.resources[name]
        self._removed |= set(gone)
        return gone

    def capacity(self) -> dict[str, str]:
        """By resource; none is left of those whose plugins are gone for good."""
        counted = {name: str(len(resource.devices)) for name, resource in self.resources.items()}
        return {**dict.fromkeys(self._removed, "0"), **counted}

    def allocatable(self) -> dict[str, str]:
        counted = {name: str(len(resource.healthy())) for name, resource in self.resources.items()}
        return {**dict.fromkeys(self._removed, "0"), **counted}

    def knows(self, resource: str) -> bool:
        return resource in self.resources or any(held.resource == resource for held in self.holdings.values())

    # Who has what.

    def of_container(self, pod: str, container: str) -> list[Holding]:
        return [h for (uid, name, _), h in self.holdings.items() if (uid, name) == (pod, container)]

    def in_use(self, resource: str) -> set[str]:
        return {device for held in self.holdings.values() if held.resource == resource for device in held.devices}

    def in_use_by_resource(self) -> dict[str, int]:
        return {name: len(self.in_use(name)) for name in {held.resource for held in self.holdings.values()}}

    def missing(self, pod: str, container: str, resource: str, wanted: int) -> int:
        """How many devices are to be found for a container: 0 or all. Raises AllocationError."""
        held = self.holdings.get((pod, container, resource))
        devices = set(held.devices) if held is not None else set()
        if held is not None and len(devices) != wanted:
            raise AllocationError(
                f'pod "{pod}" container "{container}" changed request for resource "{resource}" from {len(devices)} '
                f"to {wanted}"
            )
        known = self.resources.get(resource)
        if known is None:
            raise AllocationError(f"cannot allocate unregistered device {resource}")
        healthy = known.healthy()
        if not healthy:
            raise AllocationError(f"no healthy devices present; cannot allocate unhealthy devices {resource}")
        if not devices <= healthy:
            raise AllocationError(
                f"previously allocated devices are no longer healthy; cannot allocate unhealthy devices {resource}"
            )
        return 0 if held is not None else wanted

    def choice(self, pod: str, resource: str, wanted: int, affinity: Hint) -> Choice:
        """What a container can be given. Raises AllocationError where there is too little."""
        chosen = sorted(self._reusable.get((pod, resource), set()))[:wanted]
        free = self.resources[resource].healthy() - self.in_use(resource) - set(chosen)
        short = wanted - len(chosen)
        if len(free) < short:
            raise AllocationError(
                f"requested number of devices unavailable for {resource}. Requested: {short}, Available: {len(free)}"
            )
        return Choice(wanted, chosen, *self._by_affinity(resource, free, affinity))

    def _by_affinity(self, resource: str, free: set[str], affinity: Hint) -> tuple[list[str], list[str]]:
        devices = self.resources[resource].devices
        mask = affinity.nodes
        if mask is None or not any(d.numa_nodes for d in devices.values()):
            return [], sorted(free)
        near = sorted(name for name in free if devices[name].near(mask))
        far = sorted(free - set(near), key=lambda name: (not devices[name].numa_nodes, name))
        return near, far

    def hold(self, holding: Holding) -> None:
        self.holdings[holding.pod, holding.container, holding.resource] = holding

    def pass_on(self, pod: str, container: str, *, ends: bool) -> None:
        """The devices of an init container that ends before others begin may be theirs; of another they are its own."""
        for held in self.of_container(pod, container):
            reusable = self._reusable.setdefault((pod, held.resource), set())
            if ends:
                reusable |= set(held.devices)
            else:
                reusable -= set(held.devices)

    def release(self, pod: str) -> bool:
        """The pod has ended; whether it held anything."""
        mine = [key for key in self.holdings if key[0] == pod]
        for key in mine:
            del self.holdings[key]
        for owner in [key for key in self._reusable if key[0] == pod]:
            del self._reusable[owner]
        return bool(mine)

    def pods(self) -> set[str]:
        return {pod for pod, _, _ in self.holdings}

    # Near what.

    def hints(self, pod: str, containers: Iterable[str], resource: str, wanted: int) -> list[Hint] | None:
        """Which NUMA nodes would do; None where the devices are near none."""
        known = self.resources.get(resource)
        if known is None or not any(d.numa_nodes for d in known.devices.values()):
            return None
        devices = known.devices
        held = {d for c in containers if (h := self.holdings.get((pod, c, resource))) for d in h.devices}
        reusable = set() if held else self._reusable.get((pod, resource), set())
        if held and len(held) != wanted:
            return []
        available = held or known.healthy() - self.in_use(resource)
        if len(available | reusable) < wanted:
            return []

        def has(names: Iterable[str], mask: int) -> int:
            return sum(1 for name in names if name in devices and devices[name].near(mask))

        def enough_now(mask: int) -> bool:
            placed = [name for name in reusable if devices[name].numa_nodes]
            if any(not devices[name].near(mask) for name in placed):
                return False
            return len(placed) + has(available - reusable, mask) >= wanted

        nodes = sorted({node for device in devices.values() for node in device.numa_nodes})
        return hints_for(nodes, lambda mask: has(devices, mask) >= wanted, enough_now)

    # Over restarts.

    def as_text(self) -> bytes:
        return msgspec.json.encode(_Kept(list(self.holdings.values()), sorted(self.resources)))

    def remember(self, text: bytes, now_s: float) -> None:
        """What an earlier kubelet kept: plugins are waited for. Raises msgspec.DecodeError."""
        kept = msgspec.json.decode(text, type=_Kept)
        for held in kept.holdings:
            self.hold(held)
        for name in kept.resources:
            self.resources.setdefault(name, Resource(gone_at_s=now_s))


@dataclass(slots=True)
class Choice:
    """Devices for one container: `chosen` already, those near what it has, and the rest."""

    wanted: int
    chosen: list[str]
    near: list[str]
    far: list[str]

    @property
    def short(self) -> int:
        return self.wanted - len(self.chosen)

    def question(self) -> tuple[list[str], list[str]] | None:
        """What the plugin may choose from, and what must be among it; None where there is no choice."""
        if not self.short:
            return None
        if self.short < len(self.near):
            return [*self.near, *self.chosen], list(self.chosen)
        self._take(self.near)
        self.near = []
        return ([*self.far, *self.chosen], list(self.chosen)) if self.short else None

    def settle(self, preferred: Iterable[str]) -> tuple[str, ...]:
        """With what the plugin prefers, as far as it is free."""
        free = self.near if self.short < len(self.near) else [*self.near, *self.far]
        named = list(preferred)
        self._take([name for name in named if name in free])
        self._take(free)
        return tuple(self.chosen)

    def _take(self, names: Iterable[str]) -> None:
        fresh = [name for name in names if name not in self.chosen]
        self.chosen += fresh[: self.short]


def healths(holdings: Iterable[Holding], resources: Mapping[str, Resource]) -> dict[str, list[tuple[str, str]]]:
    """For a container's status: device and health, by resource. One that is not known any more counts as healthy."""
    found: dict[str, list[tuple[str, str]]] = {}
    for held in holdings:
        known = resources.get(held.resource, Resource()).devices
        pairs = [(d, "Healthy" if d not in known or known[d].healthy else "Unhealthy") for d in sorted(held.devices)]
        found[held.resource] = pairs
    return found
