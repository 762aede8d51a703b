"""Pods. Source: pkg/registry/core/pod/strategy.go, storage/storage.go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apimachinery.names import dns1123_label
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.quality_of_service import qos_class
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.registry.core.pods import columns, defaults, validation
from pybernetes.apiserver.registry.core.pods.annotated import apparmor_fields_from_annotations
from pybernetes.apiserver.registry.core.pods.gated_fields import drop_disabled
from pybernetes.apiserver.registry.core.pods.placement import merge_label_keys
from pybernetes.apiserver.registry.core.pods.warnings import pod_warnings
from pybernetes.apiserver.registry.generic.attributes import SelectedMeta
from pybernetes.apiserver.registry.generic.interface import DeleteOptions, RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage
    from pybernetes.apiserver.registry.generic.subresources import SubresourceBase


class _Spec(msgspec.Struct):
    nodeName: str = ""


class _Placed(msgspec.Struct):
    spec: _Spec


_placed = msgspec.json.Decoder(_Placed)


class _SelectedSpec(msgspec.Struct):
    nodeName: str | None = None
    restartPolicy: str | None = None
    schedulerName: str | None = None
    serviceAccountName: str | None = None
    hostNetwork: bool | None = None


class _SelectedStatus(msgspec.Struct):
    phase: str | None = None
    podIP: str | None = None
    podIPs: list[core.PodIP] = []
    nominatedNodeName: str | None = None


class _Selected(msgspec.Struct):
    metadata: SelectedMeta
    spec: _SelectedSpec
    status: _SelectedStatus


def node_name_of(value: bytes) -> str:
    """spec.nodeName of a Pod's bytes."""
    return _placed.decode(value).spec.nodeName


class PodStrategy(Strategy):
    metadata_again = "whole"
    reset_fields: ClassVar = {
        "": ("status",),
        "status": ("spec", "metadata.deletionTimestamp", "metadata.ownerReferences"),
    }
    returns_deleted_object = True
    graceful = True
    columns = columns.COLUMNS
    extra_fields = frozenset({
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    })  # fmt: skip
    field_aliases = {"spec.host": "spec.nodeName"}
    indexes = {"spec.nodeName": node_name_of}
    selected = _Selected

    def default(self, obj: core.Pod) -> None:
        defaults.default_pod(obj)

    def prepare_for_create(self, ctx: RequestContext, obj: core.Pod) -> None:
        obj.metadata.generation = 1
        if obj.spec.serviceAccountName:
            obj.spec.serviceAccount = obj.spec.serviceAccountName
        drop_disabled(obj.spec, None, self.registry.config.features)
        obj.status = core.PodStatus(phase="Pending", qosClass=qos_class(obj.spec))
        if obj.spec.schedulingGates:
            obj.status.conditions = [
                core.PodCondition(
                    type="PodScheduled",
                    status="False",
                    reason="SchedulingGated",
                    message="Scheduling is blocked due to non-empty scheduling gates",
                    lastTransitionTime=format_time(self.registry.clock.now()),
                )
            ]
        merge_label_keys(obj)
        ctx.warnings += apparmor_fields_from_annotations(obj)

    def prepare_for_update(self, ctx: RequestContext, obj: core.Pod, old: core.Pod) -> None:
        obj.status = old.status
        drop_disabled(obj.spec, old.spec, self.registry.config.features)
        self._bump(obj, old)

    def _bump(self, obj: core.Pod, old: core.Pod) -> None:
        if obj.spec != old.spec:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def validate(self, obj: core.Pod) -> list[FieldError]:
        return validation.validate_pod_create(obj)

    def validate_update(self, obj: core.Pod, old: core.Pod) -> list[FieldError]:
        return validation.validate_pod_update(obj, old)

    def warnings(self, obj: core.Pod, old: core.Pod | None) -> list[str]:
        if old is not None:
            return []
        found = []
        wrong = dns1123_label(obj.metadata.name or "")
        if wrong:
            found.append(
                "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
                f"a DNS label is recommended: [{' '.join(wrong)}]"
            )
        return found + pod_warnings(obj.spec, obj.metadata)

    def prepare_for_status_update(self, ctx: RequestContext, obj: core.Pod, old: core.Pod) -> None:
        obj.spec = old.spec
        obj.metadata.deletionTimestamp = None
        # Old kubelets send ownerReferences that would break garbage collection.
        obj.metadata.ownerReferences = old.metadata.ownerReferences
        if not obj.status.qosClass:
            obj.status.qosClass = old.status.qosClass
        if not obj.status.observedGeneration:
            obj.status.observedGeneration = old.status.observedGeneration
        of_devices = self.registry.config.features.enabled("DRAExtendedResource")
        if not of_devices and old.status.extendedResourceClaimStatus is None:
            obj.status.extendedResourceClaimStatus = None
        remembered: dict[str, list[int | None]] = {}
        for condition in old.status.conditions:
            remembered.setdefault(condition.type, []).append(condition.observedGeneration)
        for condition in obj.status.conditions:
            known = remembered.get(condition.type)
            before = known.pop(0) if known else None
            if not condition.observedGeneration:
                condition.observedGeneration = before

    def validate_status_update(self, obj: core.Pod, old: core.Pod) -> list[FieldError]:
        return validation.validate_pod_status_update(obj, old)

    def check_graceful_delete(self, obj: core.Pod, options: DeleteOptions) -> bool:
        period_s = options.grace_period_s
        if period_s is None:
            period_s = obj.spec.terminationGracePeriodSeconds or 0
        if not obj.spec.nodeName or is_finished(obj):
            period_s = 0
        options.grace_period_s = 1 if period_s < 0 else period_s
        return True

    def fields(self, obj: _Selected) -> dict[str, str]:
        spec, status = obj.spec, obj.status
        return {
            "spec.nodeName": spec.nodeName or "",
            "spec.restartPolicy": spec.restartPolicy or "",
            "spec.schedulerName": spec.schedulerName or "",
            "spec.serviceAccountName": spec.serviceAccountName or "",
            "spec.hostNetwork": "true" if spec.hostNetwork else "false",
            "status.phase": status.phase or "",
            "status.podIP": (status.podIPs[0].ip or "") if status.podIPs else status.podIP or "",
            "status.podIPs": ",".join(entry.ip or "" for entry in status.podIPs),
            "status.nominatedNodeName": status.nominatedNodeName or "",
        }

    def row(self, obj: Any, now: float) -> list[Any]:
        return columns.row(obj, now)

    def row_conditions(self, value: bytes) -> list[dict[str, str]]:
        return columns.conditions(value)

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        from pybernetes.apiserver.registry.core.pods.eviction import EvictionSubresource
        from pybernetes.apiserver.registry.core.pods.subresources import (
            BindingSubresource,
            EphemeralContainersSubresource,
            ResizeSubresource,
        )

        return {
            "binding": BindingSubresource,
            "ephemeralcontainers": EphemeralContainersSubresource,
            "eviction": EvictionSubresource,
            "resize": ResizeSubresource,
        }


def scheduled_condition(pod: core.Pod, now: float) -> None:
    """Says on the Pod that it has a node."""
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled":
            if condition.status != "True":
                condition.lastTransitionTime = format_time(now)
            condition.status = "True"
            condition.reason = condition.message = None
            condition.observedGeneration = pod.metadata.generation
            return
    pod.status.conditions.append(
        core.PodCondition(
            type="PodScheduled",
            status="True",
            lastTransitionTime=format_time(now),
            observedGeneration=pod.metadata.generation,
        )
    )
