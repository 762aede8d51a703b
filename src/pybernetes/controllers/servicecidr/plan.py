"""When a ServiceCIDR is ready, and when it may go. Pure.

Source: pkg/controller/servicecidrs/servicecidrs_controller.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from pybernetes.api.meta.v1 import Condition
from pybernetes.api.networking.v1 import IPAddress, ServiceCIDR
from pybernetes.apimachinery.conditions import condition_of

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
ALLOCATOR_LABEL, ALLOCATOR = "ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"
GRACE_S = 10.0
"""An allocator that has not heard of the deletion yet may give out one more address."""
_READY = "Kubernetes Service CIDR is ready"
_IN_USE = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def may_go(cidr: ServiceCIDR, others: Sequence[ServiceCIDR], addresses: Sequence[IPAddress]) -> bool:
    """Whether no address would be left without a ServiceCIDR."""
    rest = [network for other in others for network in networks(other)]
    mine = networks(cidr)
    if all(any(_within(network, larger) for larger in rest) for network in mine):
        return True
    for found in addresses:
        if (found.metadata.labels or {}).get(ALLOCATOR_LABEL) != ALLOCATOR:
            continue
        address = ipaddress.ip_address(found.metadata.name or "")
        if any(address in network for network in mine) and not any(address in network for network in rest):
            return False
    return True


def condition(cidr: ServiceCIDR, in_use: bool, now: str) -> Condition | None:
    """The Ready condition to write; None when it is right already."""
    status, reason, message = ("False", "Terminating", _IN_USE) if in_use else ("True", "", _READY)
    held = condition_of(cidr.status.conditions, "Ready")
    if held is not None and (held.status == "True" if not in_use else held.reason == reason):
        return None
    return Condition(type="Ready", status=status, reason=reason, message=message, lastTransitionTime=now)


def networks(cidr: ServiceCIDR) -> list[Network]:
    return [ipaddress.ip_network(text) for text in cidr.spec.cidrs]


def _within(smaller: Network, larger: Network) -> bool:
    return smaller.version == larger.version and smaller.subnet_of(larger)  # type: ignore[arg-type]
