"""What a resize of a Pod may change: CPU and memory, of containers in their places, removing nothing. Pure.

Source: pkg/apis/core/validation/validation.go ValidatePodResize.
"""

from __future__ import annotations

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION
from pybernetes.apimachinery.quality_of_service import qos_class
from pybernetes.apiserver.registry.core.pods import validation

_RESIZABLE = ("cpu", "memory")
_EMPTY = core.ResourceRequirements()


def validate_resize(obj: core.Pod, old: core.Pod) -> list[FieldError]:
    """`obj` is `old` but for resources and resize policies."""
    if MIRROR_ANNOTATION in old.metadata.annotations:
        return [FieldError.forbidden(Path(), "static pods cannot be resized")]
    if old.spec.os is not None and old.spec.os.name == "windows":
        return [FieldError.forbidden(Path(), "windows pods cannot be resized")]
    found = validation.validate_pod(obj)
    spec = validation.SPEC
    if qos_class(obj.spec) != (old.status.qosClass or qos_class(old.spec)):
        why = "Pod QOS Class may not change as a result of resizing"
        found.append(FieldError.invalid(spec, obj.status.qosClass or "", why))
    running = next((s for s in old.status.containerStatuses if s.state is not None and s.state.running), None)
    if running is not None and running.resources is None:
        found.append(FieldError.forbidden(spec, "Pod running on node without support for resize"))
    found += _validate_whole(obj, old, spec)
    misplaced = _validate_places(obj, old, spec)
    if misplaced:
        return found + misplaced
    for name in ("initContainers", "containers"):
        for index, (new, before) in enumerate(zip(getattr(obj.spec, name), getattr(old.spec, name), strict=True)):
            found += _validate_container(new, before, spec.child(name).index(index), init=name == "initContainers")
    return found


def _validate_whole(obj: core.Pod, old: core.Pod, spec: Path) -> list[FieldError]:
    new, before = obj.spec.resources, old.spec.resources
    if new is None and before is None:
        return []
    at = spec.child("resources")
    if new is None:
        return [FieldError.forbidden(at, "pod-level resources cannot be removed")]
    found = []
    for kind in ("requests", "limits"):
        if set(getattr(before or _EMPTY, kind)) - set(getattr(new, kind)):
            found.append(FieldError.forbidden(at.child(kind), f"pod-level resource {kind} cannot be removed"))
    if not _same_but_for_resizable(new, before):
        found.append(FieldError.forbidden(spec, "only cpu and memory resources are mutable at pod-level"))
    return found


def _validate_places(obj: core.Pod, old: core.Pod, spec: Path) -> list[FieldError]:
    found = []
    for name in ("containers", "initContainers"):
        new, before = getattr(obj.spec, name), getattr(old.spec, name)
        if len(new) != len(before):
            found.append(FieldError.forbidden(spec.child(name), f"{name} may not be added or removed on resize"))
            continue
        for index, (one, other) in enumerate(zip(new, before, strict=True)):
            if one.name != other.name:
                at = spec.child(name).index(index).child("name")
                found.append(FieldError.forbidden(at, f"{name} may not be renamed or reordered on resize"))
    return found


def _validate_container(new: core.Container, old: core.Container, at: Path, *, init: bool) -> list[FieldError]:
    found = []
    for kind in ("requests", "limits"):
        if set(getattr(old.resources or _EMPTY, kind)) - set(getattr(new.resources or _EMPTY, kind)):
            found.append(FieldError.forbidden(at.child("resources").child(kind), f"resource {kind} cannot be removed"))
    same = _same_but_for_resizable(new.resources, old.resources) and new.resizePolicy == old.resizePolicy
    if not same and init:
        why = "only cpu and memory resources for init or sidecar containers are mutable"
        found.append(FieldError.forbidden(at, why))
    elif not same:
        found.append(FieldError.forbidden(validation.SPEC, "only cpu and memory resources are mutable"))
    restarts = any(policy.restartPolicy == "RestartContainer" for policy in new.resizePolicy)
    if init and new.resources != old.resources and new.restartPolicy != "Always" and restarts:
        why = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
        found.append(FieldError.forbidden(at, why))
    return found


def _same_but_for_resizable(new: core.ResourceRequirements | None, old: core.ResourceRequirements | None) -> bool:
    new, old = new or _EMPTY, old or _EMPTY

    def fixed(amounts: dict[str, str]) -> dict[str, int]:
        return {name: quantity.nano(text) for name, text in amounts.items() if name not in _RESIZABLE}

    return (
        fixed(new.requests) == fixed(old.requests)
        and fixed(new.limits) == fixed(old.limits)
        and new.claims == old.claims
    )
