"""What a Pod may not ask for on the operating system it names.

Source: pkg/apis/core/validation/validation.go (validateOS, validateWindows, validateLinux).
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.pods import containers_with_paths

_SYSTEMS = ("linux", "windows")
_NOT_WINDOWS = "cannot be set for a windows pod"
_NOT_LINUX = "windows options cannot be set for a linux pod"
_POD_CONTEXT = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls", "runAsUser",
    "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy",
)  # fmt: skip
_CONTAINER_CONTEXT = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
    "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
)  # fmt: skip


def validate_os(spec: core.PodSpec, path: Path) -> list[FieldError]:
    """spec.os itself."""
    if spec.os is None:
        return []
    if not spec.os.name:
        return [FieldError.required(path.child("os", "name"))]
    return [] if spec.os.name in _SYSTEMS else [FieldError.not_supported(path.child("os"), spec.os.name, _SYSTEMS)]


def validate_fields_of_os(spec: core.PodSpec, path: Path) -> list[FieldError]:
    """The fields of a Pod that its operating system does not know."""
    name = spec.os.name if spec.os is not None else ""
    if name == "windows":
        return list(_windows(spec, path))
    return list(_linux(spec, path)) if name == "linux" else []


def _windows(spec: core.PodSpec, path: Path) -> Iterator[FieldError]:
    context, at = spec.securityContext or core.PodSecurityContext(), path.child("securityContext")
    for name in _POD_CONTEXT:
        if getattr(context, name) not in (None, []):
            yield FieldError.forbidden(at.child(name), _NOT_WINDOWS)
    for name in ("hostUsers", "shareProcessNamespace"):
        if getattr(spec, name) is not None:
            yield FieldError.forbidden(path.child(name), _NOT_WINDOWS)
    for name in ("hostPID", "hostIPC"):
        if getattr(spec, name):
            yield FieldError.forbidden(path.child(name), _NOT_WINDOWS)
    for container, where in containers_with_paths(spec, path):
        own = container.securityContext or core.SecurityContext()
        for name in _CONTAINER_CONTEXT:
            if getattr(own, name) is not None:
                yield FieldError.forbidden(where.child("securityContext", name), _NOT_WINDOWS)


def _linux(spec: core.PodSpec, path: Path) -> Iterator[FieldError]:
    if spec.securityContext is not None and spec.securityContext.windowsOptions is not None:
        yield FieldError.forbidden(path.child("securityContext", "windowsOptions"), _NOT_LINUX)
    for container, where in containers_with_paths(spec, path):
        if container.securityContext is not None and container.securityContext.windowsOptions is not None:
            yield FieldError.forbidden(where.child("securityContext", "windowsOptions"), _NOT_LINUX)
