"""A Pod's QoS class. Pure. Source: pkg/apis/core/v1/helper/qos/qos.go."""

from __future__ import annotations

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import quantity

_COMPUTE = ("cpu", "memory")


def qos_class(spec: core.PodSpec) -> str:
    """Guaranteed: limits of cpu and memory everywhere, equal to requests; BestEffort: nothing said; else Burstable."""
    if spec.resources is not None:
        holders = [spec.resources]
    else:
        holders = [c.resources or core.ResourceRequirements() for c in [*spec.containers, *spec.initContainers]]
    said = False
    guaranteed = True
    for requirements in holders:
        requests = _positive(requirements.requests)
        limits = _positive(requirements.limits)
        said = said or bool(requests) or bool(limits)
        if set(limits) != set(_COMPUTE) or any(
            quantity.compare(requests.get(name, limits[name]), limits[name]) for name in limits
        ):
            guaranteed = False
    if not said:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _positive(amounts: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in amounts.items() if name in _COMPUTE and quantity.nano(value) > 0}
