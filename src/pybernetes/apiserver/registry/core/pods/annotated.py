"""Annotations of Pods that mean something to the server: profiles from before they were fields, mirror Pods.

Source: pkg/apis/core/validation/validation.go (ValidatePodSpecificAnnotations, ValidateSeccompPodAnnotations, …),
pkg/registry/core/pod/strategy.go (applyAppArmorVersionSkew).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION, containers_of, containers_with_paths
from pybernetes.apiserver.registry.core.pods import containers
from pybernetes.apiserver.registry.core.volumes.sources import relative_path

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_LOCALHOST = "localhost/"
_MUST_MATCH = "{} {} in annotation and field must match"
_OLD_APPARMOR = 'deprecated since v1.30; use the "appArmorProfile" field instead'


def validate_seccomp_annotations(annotations: Mapping[str, str], path: Path) -> list[FieldError]:
    """On Pods and on templates."""
    found: list[FieldError] = []
    if SECCOMP_POD in annotations:
        found += _validate_seccomp(annotations[SECCOMP_POD], path.child(SECCOMP_POD))
    for key, value in annotations.items():
        if key.startswith(SECCOMP_CONTAINER):
            found += _validate_seccomp(value, path.child(key))
    return found


def _validate_seccomp(value: str, path: Path) -> list[FieldError]:
    if value in ("runtime/default", "docker/default", "unconfined"):
        return []
    if value.startswith(_LOCALHOST):
        return relative_path(value.removeprefix(_LOCALHOST), path)
    return [FieldError.invalid(path, value, "must be a valid seccomp profile")]


def validate_pod_annotations(annotations: Mapping[str, str], spec: core.PodSpec, path: Path) -> list[FieldError]:
    """On Pods and on templates."""
    found: list[FieldError] = []
    if not annotations:
        return found
    if MIRROR_ANNOTATION in annotations and not spec.nodeName:
        why = "must set spec.nodeName if mirror pod annotation is set"
        found.append(FieldError.invalid(path.key(MIRROR_ANNOTATION), annotations[MIRROR_ANNOTATION], why))
    cost = annotations.get(DELETION_COST)
    if cost is not None and not _is_int32(cost):
        found.append(FieldError.invalid(path.key(DELETION_COST), cost, "must be a 32bit integer"))
    found += validate_seccomp_annotations(annotations, path)
    known = {c.name for c in containers_of(spec)}
    for key, value in annotations.items():
        if not key.startswith(APPARMOR):
            continue
        name = key.removeprefix(APPARMOR)
        if name not in known:
            found.append(FieldError.invalid(path.key(key), name, "container not found"))
        if value not in ("", "runtime/default", "unconfined") and not value.startswith(_LOCALHOST):
            found.append(FieldError.invalid(path.key(key), value, f'invalid AppArmor profile name: "{value}"'))
    return found


def _is_int32(text: str) -> bool:
    """A decimal without a sign "+" or zeros before it. Source: GetDeletionCostFromPodAnnotations."""
    return bool(re.fullmatch("0|-?[1-9][0-9]*", text)) and -(2**31) <= int(text) < 2**31


def validate_annotation_changes(new: Mapping[str, str], old: Mapping[str, str], path: Path) -> list[FieldError]:
    """What an update must leave as it is."""
    found: list[FieldError] = []
    for key in [*old, *(k for k in new if k not in old)]:
        if new.get(key) == old.get(key):
            continue
        verb = "remove or update" if key in old else "add"
        if key.startswith(APPARMOR):
            found.append(FieldError.forbidden(path.key(key), f"may not {verb} AppArmor annotations"))
        if key == MIRROR_ANNOTATION:
            found.append(FieldError.forbidden(path.key(key), f"may not {verb} mirror pod annotation"))
    return found


def validate_profiles_match(pod: core.Pod, path: Path) -> list[FieldError]:
    """Where both an annotation and a field name a profile, they name the same."""
    annotations, spec = pod.metadata.annotations, pod.spec
    found = validate_seccomp_matches(annotations, spec, path)
    if not annotations or (spec.os is not None and spec.os.name == "windows"):
        return found
    whole = spec.securityContext.appArmorProfile if spec.securityContext is not None else None
    for container, at in containers_with_paths(spec, path):
        own = container.securityContext.appArmorProfile if container.securityContext is not None else None
        profile, key = own or whole, APPARMOR + container.name
        if profile is not None and key in annotations:
            found += _differs(annotations[key], profile, "apparmor", at.child("securityContext", "appArmorProfile"))
    return found


def validate_seccomp_matches(annotations: Mapping[str, str], spec: core.PodSpec, path: Path) -> list[FieldError]:
    """On Pods and on templates."""
    found: list[FieldError] = []
    if not annotations:
        return found
    whole = spec.securityContext.seccompProfile if spec.securityContext is not None else None
    if whole is not None and SECCOMP_POD in annotations:
        found += _differs(annotations[SECCOMP_POD], whole, "seccomp", path.child("securityContext", "seccompProfile"))
    for container, at in containers_with_paths(spec, path):
        profile = container.securityContext.seccompProfile if container.securityContext is not None else None
        key = SECCOMP_CONTAINER + container.name
        if profile is not None and key in annotations:
            found += _differs(annotations[key], profile, "seccomp", at.child("securityContext", "seccompProfile"))
    return found


def _differs(
    annotation: str, profile: core.SeccompProfile | core.AppArmorProfile, what: str, path: Path
) -> list[FieldError]:
    default = {"runtime/default", "docker/default"} if what == "seccomp" else {"runtime/default"}
    types = {"Unconfined": {"unconfined"}, "RuntimeDefault": default}
    if profile.type in types:
        same_type = annotation in types[profile.type]
    else:
        same_type = profile.type != "Localhost" or annotation.startswith(_LOCALHOST)
    if not same_type:
        return [FieldError.forbidden(path.child("type"), _MUST_MATCH.format(what, "type"))]
    if profile.type == "Localhost" and annotation.removeprefix(_LOCALHOST) != profile.localhostProfile:
        return [FieldError.forbidden(path.child("localhostProfile"), _MUST_MATCH.format(what, "profile"))]
    return []


def apparmor_of(annotation: str) -> core.AppArmorProfile | None:
    """The profile that an old annotation means."""
    name = annotation.removeprefix(_LOCALHOST) if annotation.startswith(_LOCALHOST) else None
    kind = {"unconfined": "Unconfined", "runtime/default": "RuntimeDefault"}.get(annotation)
    if name is not None:
        kind = "Localhost"
    if kind is None:
        return None
    profile = core.AppArmorProfile(type=kind, localhostProfile=name)
    return None if containers.validate_apparmor(profile, Path()) else profile


def apparmor_fields_from_annotations(pod: core.Pod) -> list[str]:
    """Gives containers the AppArmor profiles that annotations name; the warnings about these."""
    annotations, spec = pod.metadata.annotations, pod.spec
    if not annotations or (spec.os is not None and spec.os.name == "windows"):
        return []
    whole = spec.securityContext.appArmorProfile if spec.securityContext is not None else None
    warnings = []
    for container in containers_of(spec):
        key = APPARMOR + container.name
        if key not in annotations or (container.securityContext and container.securityContext.appArmorProfile):
            continue
        profile = apparmor_of(annotations[key])
        if profile is not None and profile == whole:
            continue
        if profile is not None:
            container.securityContext = container.securityContext or core.SecurityContext()
            container.securityContext.appArmorProfile = profile
        warnings.append(f"metadata.annotations[{key}]: {_OLD_APPARMOR}")
    return warnings


def apparmor_warnings(spec: core.PodSpec, annotations: Mapping[str, str], path: Path) -> Iterator[str]:
    """Of templates; a Pod's come with `apparmor_fields_from_annotations`."""
    whole = spec.securityContext.appArmorProfile if spec.securityContext is not None else None
    for container in containers_of(spec):
        key = APPARMOR + container.name
        own = container.securityContext.appArmorProfile if container.securityContext is not None else None
        if key in annotations and own is None and (whole is None or whole != apparmor_of(annotations[key])):
            yield f"{path.key(key)}: {_OLD_APPARMOR}"
