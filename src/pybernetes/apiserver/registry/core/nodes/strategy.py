"""Nodes. Source: pkg/registry/core/node/strategy.go, apis/core/validation, printers printNode."""

from __future__ import annotations

import ipaddress
from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.placement import validate_label_name
from pybernetes.apiserver.registry.core.pods.resources import validate_quantity
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, UNKNOWN, age, columns

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ROLE_PREFIX = "node-role.kubernetes.io/"
_ONLY_ONCE = 'node updates may not change {} except from "" to valid'


class NodeStrategy(Strategy):
    columns = columns(
        "Name", "Status", "Roles", "Age", "Version", "Internal-IP*", "External-IP*", "OS-Image*", "Kernel-Version*",
        "Container-Runtime*",
    )  # fmt: skip
    extra_fields = frozenset({"spec.unschedulable"})

    def default(self, obj: core.Node) -> None:
        if not obj.status.allocatable and obj.status.capacity:
            obj.status.allocatable = dict(obj.status.capacity)

    def prepare_for_create(self, ctx: RequestContext, obj: core.Node) -> None:
        """A kubelet registers itself with its status."""

    def validate(self, obj: core.Node) -> list[FieldError]:
        found = _validate_taints(obj.spec.taints) + _validate_resources(obj)
        at = Path("spec", "podCIDRs")
        for index, cidr in enumerate(obj.spec.podCIDRs):
            try:
                ipaddress.ip_network(cidr, strict=False)
            except ValueError:
                why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
                found.append(FieldError.invalid(at.index(index), cidr, why))
        if len(obj.spec.podCIDRs) > 2:
            why = "may specify no more than one CIDR for each IP family"
            found.append(FieldError.invalid(at, obj.spec.podCIDRs, why))
        return found

    def canonicalize(self, obj: core.Node) -> None:
        spec = obj.spec
        if spec.podCIDR and not spec.podCIDRs:
            spec.podCIDRs = [spec.podCIDR]
        elif spec.podCIDRs and not spec.podCIDR:
            spec.podCIDR = spec.podCIDRs[0]

    def validate_update(self, obj: core.Node, old: core.Node) -> list[FieldError]:
        found = _validate_taints(obj.spec.taints) if obj.spec.taints != old.spec.taints else []
        return found + self._validate_common_update(obj, old)

    def validate_status_update(self, obj: core.Node, old: core.Node) -> list[FieldError]:
        return self._validate_common_update(obj, old)

    def _validate_common_update(self, obj: core.Node, old: core.Node) -> list[FieldError]:
        found = _validate_resources(obj)
        seen: list[core.NodeAddress] = []
        for index, address in enumerate(obj.status.addresses):
            if address in seen:
                found.append(FieldError.duplicate(Path("status", "addresses").index(index), address))
            seen.append(address)
        new_cidrs = obj.spec.podCIDRs or ([obj.spec.podCIDR] if obj.spec.podCIDR else [])
        if old.spec.podCIDRs and old.spec.podCIDRs != new_cidrs:
            found.append(FieldError.forbidden(Path("spec", "podCIDRs"), _ONLY_ONCE.format("podCIDR")))
        if old.spec.providerID and old.spec.providerID != obj.spec.providerID:
            found.append(FieldError.forbidden(Path("spec", "providerID"), _ONLY_ONCE.format("providerID")))
        return found

    def fields(self, obj: core.Node) -> dict[str, str]:
        return {"spec.unschedulable": "true" if obj.spec.unschedulable else "false"}

    def row(self, obj: core.Node, now: float) -> list[Any]:
        meta, info = obj.metadata, obj.status.nodeInfo or core.NodeSystemInfo()
        ready = next((c for c in obj.status.conditions if c.type == "Ready"), None)
        status = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
        if obj.spec.unschedulable:
            status += ",SchedulingDisabled"
        kernel = info.kernelVersion or UNKNOWN
        if info.architecture:
            kernel += f" ({info.architecture})"
        return [
            meta.name,
            status,
            ",".join(_roles(meta.labels)) or NONE,
            age(meta.creationTimestamp, now),
            info.kubeletVersion,
            _address(obj, "InternalIP"),
            _address(obj, "ExternalIP"),
            info.osImage or UNKNOWN,
            kernel,
            info.containerRuntimeVersion or UNKNOWN,
        ]


def _roles(labels: dict[str, str]) -> list[str]:
    found = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    if labels.get("kubernetes.io/role"):
        found.add(labels["kubernetes.io/role"])
    return sorted(found - {""})


def _address(obj: core.Node, kind: str) -> str:
    return next((a.address for a in obj.status.addresses if a.type == kind), NONE)


def _validate_taints(taints: list[core.Taint]) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        at = Path("metadata", "taints").index(index)
        found += validate_label_name(taint.key, at.child("key"))
        wrong = names.label_value(taint.value or "")
        if wrong:
            found.append(FieldError.invalid(at.child("value"), taint.value, ";".join(wrong)))
        if not taint.effect:
            found.append(FieldError.required(at.child("effect")))
        elif taint.effect not in _EFFECTS:
            found.append(FieldError.not_supported(at.child("effect"), taint.effect, _EFFECTS))
        if (taint.key, taint.effect) in seen:
            why = "taints must be unique by key and effect pair"
            found.append(FieldError("FieldValueDuplicate", str(at), taint, why))
        seen.add((taint.key, taint.effect))
    return found


def _validate_resources(obj: core.Node) -> list[FieldError]:
    found: list[FieldError] = []
    for name in ("capacity", "allocatable"):
        for resource, value in getattr(obj.status, name).items():
            found += validate_quantity(resource, value, Path("status", name).key(resource))
    return found
