"""Validation of a container's environment, and of references to fields and resources that volumes share.

Source: pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom, validateObjectFieldSelector, …).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.volumes.sources import without_backsteps

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_KNOWN_FIELDS = frozenset({*ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase"})
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SUBSCRIPT = re.compile(r"(.+)\['(.*)'\]")


def validate_env(variables: Sequence[core.EnvVar], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, variable in enumerate(variables):
        name = variable.name
        if not name:
            found.append(FieldError.required(path.index(index).child("name")))
        elif not (name.isascii() and name.isidentifier()):
            at = path.index(index).child("name")
            found += [FieldError.invalid(at, name, message) for message in names.relaxed_env_var_name(name)]
        if variable.valueFrom is not None:
            found += _validate_source(variable, variable.valueFrom, path.index(index).child("valueFrom"))
    return found


def _validate_source(variable: core.EnvVar, source: core.EnvVarSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    count = 0
    if source.fieldRef is not None:
        count += 1
        found += validate_field_ref(source.fieldRef, ENV_FIELDS, path.child("fieldRef"))
    if source.resourceFieldRef is not None:
        count += 1
        found += validate_resource_ref(source.resourceFieldRef, path.child("resourceFieldRef"), volume=False)
    for name in ("configMapKeyRef", "secretKeyRef"):
        reference = getattr(source, name)
        if reference is not None:
            count += 1
            found += _validate_key_ref(reference, path.child(name))
    if source.fileKeyRef is not None:
        count += 1
        found += _validate_file_ref(source.fileKeyRef, path.child("fileKeyRef"))
    if not count:
        why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        found.append(FieldError.invalid(path, "", why))
    elif variable.value:
        found.append(FieldError.invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        found.append(FieldError.invalid(path, "", "may not have more than one field specified at a time"))
    return found


def _validate_key_ref(reference: core.ConfigMapKeySelector | core.SecretKeySelector, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    name = reference.name or ""
    found += [FieldError.invalid(path.child("name"), name, message) for message in names.dns1123_subdomain(name)]
    if not reference.key:
        found.append(FieldError.required(path.child("key")))
    else:
        at = path.child("key")
        found += [FieldError.invalid(at, reference.key, message) for message in names.config_map_key(reference.key)]
    return found


def _validate_file_ref(reference: core.FileKeySelector, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    checks = (("key", names.relaxed_env_var_name), ("volumeName", names.dns1123_label), ("path", None))
    for name, check in checks:
        value, at = getattr(reference, name), path.child(name)
        if not value:
            found.append(FieldError.required(at))
        elif check is None:
            found += without_backsteps(value, at)
        else:
            found += [FieldError.invalid(at, value, message) for message in check(value)]
    return found


def validate_env_from(sources: Sequence[core.EnvFromSource], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, source in enumerate(sources):
        at = path.index(index)
        if source.prefix:
            where = at.child("prefix")
            found += [FieldError.invalid(where, source.prefix, m) for m in names.relaxed_env_var_name(source.prefix)]
        count = 0
        for name in ("configMapRef", "secretRef"):
            reference = getattr(source, name)
            if reference is not None:
                count += 1
                where, given = at.child(name).child("name"), reference.name
                if not given:
                    found.append(FieldError.required(where))
                else:
                    masked = names.masked_trailing_dash(given)
                    found += [FieldError.invalid(where, given, m) for m in names.dns1123_subdomain(masked)]
        if not count:
            found.append(FieldError.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif count > 1:
            found.append(FieldError.invalid(path, "", "may not have more than one field specified at a time"))
    return found


def validate_field_ref(reference: core.ObjectFieldSelector, supported: tuple[str, ...], path: Path) -> list[FieldError]:
    """A downward API field; `supported` are those that the place allows beside labels['x'] and annotations['x']."""
    if not reference.apiVersion:
        return [FieldError.required(path.child("apiVersion"))]
    field = reference.fieldPath
    if not field:
        return [FieldError.required(path.child("fieldPath"))]
    at = path.child("fieldPath")
    if reference.apiVersion != "v1":
        why = f"error converting fieldPath: unsupported pod version: {reference.apiVersion}"
        return [FieldError.invalid(at, field, why)]
    subscripted = _SUBSCRIPT.fullmatch(field)
    if subscripted:
        where, key = subscripted.groups()
        if where not in ("metadata.annotations", "metadata.labels"):
            why = f"error converting fieldPath: field label does not support subscript: {field}"
            return [FieldError.invalid(at, field, why)]
        wrong = names.qualified_name(key.lower() if where == "metadata.annotations" else key)
        return [FieldError.invalid(path, key, message) for message in wrong]
    if field == "spec.host":
        field = "spec.nodeName"
    if field not in _KNOWN_FIELDS:
        return [FieldError.invalid(at, field, f"error converting fieldPath: field label not supported: {field}")]
    return [] if field in supported else [FieldError.not_supported(at, field, supported)]


def validate_resource_ref(reference: core.ResourceFieldSelector, path: Path, *, volume: bool) -> list[FieldError]:
    found: list[FieldError] = []
    name = reference.resource
    if volume and not reference.containerName:
        found.append(FieldError.required(path.child("containerName")))
    elif not name:
        found.append(FieldError.required(path.child("resource")))
    elif name not in _RESOURCES and not name.startswith(("limits.hugepages-", "requests.hugepages-")):
        found.append(FieldError.not_supported(path.child("resource"), name, _RESOURCES))
    return found + _validate_divisor(name, reference.divisor or "0", path.child("divisor"))


_SHOWN_AS = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}


def _validate_divisor(resource: str, divisor: str, path: Path) -> list[FieldError]:
    if not quantity.nano(divisor):
        return []
    where, _, name = resource.partition(".")
    if where not in ("limits", "requests"):
        return []
    if name == "cpu":
        why = "only divisor's values 1m and 1 are supported with the cpu resource"
        return [] if divisor in ("1m", "1") else [FieldError.invalid(path, resource, why)]
    shown = "hugepages" if name.startswith("hugepages-") else _SHOWN_AS.get(name, "")
    if not shown or divisor in _DIVISORS:
        return []
    why = f"only divisor's values {', '.join(_DIVISORS)} are supported with the {shown} resource"
    return [FieldError.invalid(path, resource, why)]
