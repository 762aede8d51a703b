"""Nodes. Source: pkg/registry/core/node/strategy.go, apis/core/validation, printers printNode."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.ip_values import cidr_warnings, validate_cidr
from pybernetes.apiserver.registry.core.pods.placement import validate_label_name
from pybernetes.apiserver.registry.core.pods.resources import validate_quantity
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, UNKNOWN, age, columns

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ROLE_PREFIX = "node-role.kubernetes.io/"
_ONLY_ONCE = 'node updates may not change {} except from "" to valid'


class NodeStrategy(Strategy):
    metadata_again = "whole"
    columns = columns(
        "Name", "Status", "Roles", "Age", "Version", "Internal-IP*", "External-IP*", "OS-Image*", "Kernel-Version*",
        "Container-Runtime*",
    )  # fmt: skip
    extra_fields = frozenset({"spec.unschedulable"})

    def default(self, obj: core.Node) -> None:
        if not obj.status.allocatable and obj.status.capacity:
            obj.status.allocatable = dict(obj.status.capacity)

        spec = obj.spec
        if spec.podCIDRs:
            # Only the first may have another name; an old client that changed podCIDR alone means it.
            spec.podCIDRs = [spec.podCIDR or spec.podCIDRs[0], *spec.podCIDRs[1:]]
            spec.podCIDR = spec.podCIDRs[0]
        elif spec.podCIDR:
            spec.podCIDRs = [spec.podCIDR]

    def prepare_for_create(self, ctx: RequestContext, obj: core.Node) -> None:
        """A kubelet registers itself with its status. Dynamic configuration is gone."""
        obj.spec.configSource = None
        obj.status.config = None

    def prepare_for_update(self, ctx: RequestContext, obj: core.Node, old: core.Node) -> None:
        super().prepare_for_update(ctx, obj, old)
        if old.spec.configSource is None:
            obj.spec.configSource = None

    def prepare_for_status_update(self, ctx: RequestContext, obj: core.Node, old: core.Node) -> None:
        super().prepare_for_status_update(ctx, obj, old)
        if old.status.config is None:
            obj.status.config = None

    def validate(self, obj: core.Node) -> list[FieldError]:
        found = _validate_taints(obj.spec.taints) + _validate_resources(obj)
        info = obj.status.nodeInfo
        if info is not None and info.swap is not None and info.swap.capacity is not None and info.swap.capacity <= 0:
            at = Path("metadata", "nodeSwapStatus", "capacity")
            found.append(FieldError.invalid(at, info.swap.capacity, "must be greater than zero"))
        found += _validate_features(obj)
        at, cidrs = Path("spec", "podCIDRs"), obj.spec.podCIDRs
        for index, cidr in enumerate(cidrs):
            found += validate_cidr(cidr, at.index(index))
        if len(cidrs) > 2 or (len(cidrs) == 2 and len({":" in cidr for cidr in cidrs}) == 1):
            why = "may specify no more than one CIDR for each IP family"
            found.append(FieldError.invalid(at, cidrs, why))
        return found

    def warnings(self, obj: core.Node, old: core.Node | None) -> list[str]:
        found = []
        if obj.spec.configSource is not None:
            found.append("spec.configSource: the feature is removed")
        if obj.spec.externalID:
            found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
        for index, cidr in enumerate(obj.spec.podCIDRs):
            found += cidr_warnings(cidr, Path("spec", "podCIDRs").index(index))
        return found

    def validate_update(self, obj: core.Node, old: core.Node) -> list[FieldError]:
        # As upstream, a Node and a changed Node are validated one after the other.
        return self.validate(obj) + self._validate_common_update(obj, old)

    def validate_status_update(self, obj: core.Node, old: core.Node) -> list[FieldError]:
        return self._validate_common_update(obj, old)

    def _validate_common_update(self, obj: core.Node, old: core.Node) -> list[FieldError]:
        found = _validate_resources(obj) + _validate_features(obj)
        seen: set[tuple[str, str]] = set()
        for index, address in enumerate(obj.status.addresses):
            if (address.type, address.address) in seen:
                found.append(FieldError.duplicate(Path("status", "addresses").index(index), address))
            seen.add((address.type, address.address))
        new_cidrs = obj.spec.podCIDRs or ([obj.spec.podCIDR] if obj.spec.podCIDR else [])
        if old.spec.podCIDRs and old.spec.podCIDRs != new_cidrs:
            found.append(FieldError.forbidden(Path("spec", "podCIDRs"), _ONLY_ONCE.format("podCIDR")))
        if old.spec.providerID and old.spec.providerID != obj.spec.providerID:
            found.append(FieldError.forbidden(Path("spec", "providerID"), _ONLY_ONCE.format("providerID")))
        found += _validate_taints(obj.spec.taints)
        if (obj.spec.externalID or "") != (old.spec.externalID or ""):
            found.append(FieldError.forbidden(Path("spec", "externalID"), "may not be updated"))
        return found

    def fields(self, obj: core.Node) -> dict[str, str]:
        return {"spec.unschedulable": "true" if obj.spec.unschedulable else "false"}

    def row(self, obj: core.Node, now: float) -> list[Any]:
        meta, info = obj.metadata, obj.status.nodeInfo or core.NodeSystemInfo()
        ready = condition_of(obj.status.conditions, "Ready")
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
            found += validate_quantity(resource, value, Path("status", name, resource))
    return found


_FEATURE = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*").fullmatch


def _validate_features(obj: core.Node) -> list[FieldError]:
    """status.declaredFeatures: names, sorted, each once."""
    found: list[FieldError] = []
    features, at = obj.status.declaredFeatures, Path("status", "declaredFeatures")
    for index, name in enumerate(features):
        if not _FEATURE(name):
            why = (
                f'invalid feature name "{name}": must start with an UpperCamelCase segment, with subsequent segments '
                "separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric "
                "characters and slashes"
            )
            found.append(FieldError.invalid(at.index(index), name, why))
        if index + 1 < len(features):
            following = features[index + 1]
            if name == following:
                found.append(FieldError.duplicate(at.index(index + 1), following))
            elif name > following:
                found.append(FieldError.invalid(at.index(index + 1), following, "list must be sorted alphabetically"))
    return found
