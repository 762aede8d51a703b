"""What of a node is for pods, and what their common cgroup is held to. Pure.

Source: pkg/kubelet/cm/node_container_manager_linux.go, pkg/kubelet/nodestatus/setters.go MachineInfo,
pkg/kubelet/apis/config/validation/validation.go, cmd/kubelet/app/server.go parseResourceList.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pybernetes.apimachinery import pod_resources, quantity
from pybernetes.kubelet.eviction.thresholds import MEMORY, NODEFS, parse
from pybernetes.kubelet.resources.requests import CgroupValues, cpu_shares, hugepages

PODS, SYSTEM, KUBE = "pods", "system-reserved", "kube-reserved"
COMPRESSIBLE = "-compressible"
"""After a name: CPU alone."""
_RESERVED = (SYSTEM, KUBE, SYSTEM + COMPRESSIBLE, KUBE + COMPRESSIBLE)
_RESERVABLE = ("cpu", "memory", "ephemeral-storage", "pid")
_FILESYSTEM = {MEMORY: "memory", NODEFS: "ephemeral-storage"}


def check(enforced: Iterable[str], system_cgroup: str, kube_cgroup: str) -> None:
    """Raises ValueError for what cannot be enforced."""
    enforced, flag = list(enforced), "enforceNodeAllocatable (--enforce-node-allocatable)"
    for name in enforced:
        if name not in (PODS, *_RESERVED):
            raise ValueError(f"{flag}: {name!r} is none of {', '.join((PODS, *_RESERVED))} and none")
    for name, field, cgroup in (
        (SYSTEM, "systemReservedCgroup", system_cgroup),
        (KUBE, "kubeReservedCgroup", kube_cgroup),
    ):
        named = [each for each in enforced if each.removesuffix(COMPRESSIBLE) == name]
        if len(named) > 1:
            raise ValueError(f"{flag}: {named[0]} and {named[1]} exclude each other")
        if named and not cgroup:
            raise ValueError(f"{flag}: {named[0]} needs {field} (--{name}-cgroup)")


def check_reserved(reserved: Mapping[str, str], flag: str) -> None:
    """Raises ValueError for what no node can keep from pods."""
    for name, amount in reserved.items():
        if name not in _RESERVABLE:
            raise ValueError(f"{flag}: {name!r} is none of {', '.join(_RESERVABLE)}")
        try:
            negative = quantity.compare(amount, "0") < 0
        except quantity.QuantityError:
            raise ValueError(f"{flag}: {name}: {amount!r} is no amount; write one such as 200m or 512Mi") from None
        if negative:
            raise ValueError(f"{flag}: {name}: {amount} is less than none")


def kept(
    capacity: Mapping[str, str], reserved: Iterable[Mapping[str, str]], eviction_hard: Mapping[str, str]
) -> dict[str, str]:
    """What pods cannot ask for: what is reserved, and what the eviction keeps free."""
    found: dict[str, str] = {}
    for part in reserved:
        pod_resources.add(found, part)
    for threshold in parse({signal: text for signal, text in eviction_hard.items() if signal in _FILESYSTEM}):
        name = _FILESYSTEM[threshold.signal]
        pod_resources.add(found, {name: str(threshold.value.of(quantity.value(capacity[name])))})
    return found


def left(
    capacity: Mapping[str, str], reserved: Iterable[Mapping[str, str]], eviction_hard: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The capacity without what is kept; nothing is less than none."""
    without = kept(capacity, reserved, eviction_hard or {})
    return {name: _without(amount, without.get(name, "0")) for name, amount in capacity.items()}


def allocatable(
    capacity: Mapping[str, str], reserved: Iterable[Mapping[str, str]], eviction_hard: Mapping[str, str]
) -> dict[str, str]:
    """What pods can ask for: of what is left, neither what the eviction keeps free nor memory in huge pages."""
    found = left(capacity, reserved, eviction_hard)
    for name, amount in capacity.items():
        if name.startswith("hugepages-"):
            found["memory"] = _without(found["memory"], amount)
    return found


def limits(amounts: Mapping[str, str], *, compressible: bool = False) -> CgroupValues:
    """Of a cgroup that is to have these amounts of the node, or of them only those that can be taken back."""
    shares = cpu_shares(quantity.milli(amounts["cpu"])) if "cpu" in amounts else None
    if compressible:
        return CgroupValues(cpu_shares=shares)
    return CgroupValues(
        cpu_shares=shares,
        memory_limit_bytes=quantity.value(amounts["memory"]) if "memory" in amounts else None,
        pids_limit=quantity.value(amounts["pid"]) if "pid" in amounts else None,
        hugepages=hugepages(amounts),
    )


def _without(amount: str, kept: str) -> str:
    return quantity.subtract(amount, kept) if quantity.compare(amount, kept) > 0 else "0"
