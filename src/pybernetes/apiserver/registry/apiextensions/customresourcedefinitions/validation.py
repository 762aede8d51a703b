"""What a CustomResourceDefinition must fulfil, schemas aside (those: schema_rules.py).

Source: apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from pybernetes.api.apiextensions import v1 as apiextensions
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.field_errors import FieldError, Path, quoted
from pybernetes.apimachinery.names import dns1035_label, dns1123_subdomain
from pybernetes.apiserver.crd import json_path, naming
from pybernetes.apiserver.crd.structural import Structural
from pybernetes.apiserver.registry.admissionregistration.validation import validate_client_config
from pybernetes.apiserver.registry.apiextensions.customresourcedefinitions import schema_rules

Definition = apiextensions.CustomResourceDefinition
_SPEC = Path("spec")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_REVIEWS = ("v1", "v1beta1")
_MAX_SELECTABLE = 8
_IMMUTABLE = "field is immutable"
_HOISTED = {
    "schema": "spec.validation",
    "subresources": "spec.subresources",
    "additionalPrinterColumns": "spec.additionalPrinterColumns",
    "selectableFields": "spec.selectableFields",
}


def validate(obj: Definition) -> list[FieldError]:
    """A new definition."""
    found = []
    if obj.metadata.name and obj.metadata.name != f"{obj.spec.names.plural}.{obj.spec.group}":
        why = 'must be spec.names.plural+"."+spec.group'
        found.append(FieldError.invalid(Path("metadata.name"), obj.metadata.name, why))
    found += _spec(obj, None)
    found += validate_status(obj.status)
    found += _stored_versions(obj)
    return _hoisted(found, obj) + _approval(obj, None)


def validate_update(obj: Definition, old: Definition) -> list[FieldError]:
    found = _spec(obj, old)
    spec, before = obj.spec, old.spec
    if condition_holds(old.status.conditions, "Established"):
        found += _unchanged(spec.scope, before.scope, _SPEC.child("scope"))
        found += _unchanged(spec.names.kind, before.names.kind, _SPEC.child("names", "kind"))
    found += _unchanged(spec.group, before.group, _SPEC.child("group"))
    found += _unchanged(spec.names.plural, before.names.plural, _SPEC.child("names", "plural"))
    found += validate_status(obj.status)
    found += _stored_versions(obj)
    return _hoisted(found, obj) + _approval(obj, old)


def validate_status(status: apiextensions.CustomResourceDefinitionStatus) -> list[FieldError]:
    return _names(status.acceptedNames, Path("status", "acceptedNames")) if status.acceptedNames else []


def warnings(obj: Definition, old: Definition | None) -> list[str]:
    """What of a definition has no effect and had been told by none before it."""
    told = set(_unknown_formats(old)) if old is not None else set()
    return [f"unrecognized format {quoted(text)}" for text in _unknown_formats(obj) if text not in told]


def _unknown_formats(obj: Definition) -> Iterator[str]:
    for version in obj.spec.versions:
        if version.schema is not None and version.schema.openAPIV3Schema is not None:
            yield from schema_rules.unknown_formats(msgspec.to_builtins(version.schema.openAPIV3Schema))


def _unchanged(new: str, old: str, path: Path) -> list[FieldError]:
    return [] if new == old else [FieldError.invalid(path, new, _IMMUTABLE)]


def _spec(obj: Definition, old: Definition | None) -> list[FieldError]:
    spec = obj.spec
    found: list[FieldError] = []
    group = _SPEC.child("group")
    if not spec.group:
        found.append(FieldError.required(group))
    elif problems := dns1123_subdomain(spec.group):
        found.append(FieldError.invalid(group, spec.group, ",".join(problems)))
    elif "." not in spec.group:
        found.append(FieldError.invalid(group, spec.group, "should be a domain with at least one dot"))
    found += _one_of(_SPEC.child("scope"), spec.scope, ("Cluster", "Namespaced"))
    if spec.preserveUnknownFields and not (old is not None and old.spec.preserveUnknownFields):
        why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        found.append(FieldError.invalid(_SPEC.child("preserveUnknownFields"), True, why))
    versions = _SPEC.child("versions")
    for i, version in enumerate(spec.versions):
        if version.schema is None or version.schema.openAPIV3Schema is None:
            found.append(FieldError.required(versions.index(i).child("schema", "openAPIV3Schema")))
    for i, version in enumerate(spec.versions):
        at = versions.index(i)
        if problems := dns1035_label(version.name):
            found.append(FieldError.invalid(at.child("name"), version.name, ",".join(problems)))
        found += _version(version, at, _same_schema(version, old))
    names_of_versions = [v.name for v in spec.versions]
    shown = msgspec.to_builtins(spec.versions)
    if len(set(names_of_versions)) != len(names_of_versions):
        found.append(FieldError.invalid(versions, shown, "must contain unique version names"))
    if sum(v.storage for v in spec.versions) != 1:
        why = "must have exactly one version marked as storage version"
        found.append(FieldError.invalid(versions, shown, why))
    names = _SPEC.child("names")
    for field in ("plural", "singular", "kind", "listKind"):
        if not getattr(spec.names, field):
            found.append(FieldError.required(names.child(field)))
    found += _names(spec.names, names)
    return found + _conversion(spec.conversion, _SPEC.child("conversion"), _held_ca_bundle(old))


def _same_schema(version: apiextensions.CustomResourceDefinitionVersion, old: Definition | None) -> bool:
    if old is None:
        return False
    return any(v.name == version.name and v.schema == version.schema for v in old.spec.versions)


def _one_of(path: Path, value: str, accepted: Sequence[str]) -> list[FieldError]:
    if not value:
        return [FieldError.required(path)]
    return [] if value in accepted else [FieldError.not_supported(path, value, accepted)]


def _version(
    version: apiextensions.CustomResourceDefinitionVersion, at: Path, schema_unchanged: bool
) -> list[FieldError]:
    found = []
    path = at.child("deprecationWarning")
    warning = version.deprecationWarning
    if warning is not None:
        if not version.deprecated:
            found.append(FieldError.invalid(path, warning, "can only be set for deprecated versions"))
        elif len(warning) > 256:
            found.append(FieldError.invalid(path, warning, "must be <= 256 characters long"))
        elif not warning:
            found.append(FieldError.invalid(path, warning, "must not be an empty string"))
        elif not warning.isprintable():
            i = next(i for i, c in enumerate(warning) if not c.isprintable())
            why = f"must only contain printable UTF-8 characters; non-printable character found at index {i}"
            found.append(FieldError.invalid(path, warning, why))
    tree = None
    if version.schema is not None and version.schema.openAPIV3Schema is not None:
        tree = msgspec.to_builtins(version.schema.openAPIV3Schema)
        has_status = version.subresources is not None and version.subresources.status is not None
        path = at.child("schema", "openAPIV3Schema")
        found += schema_rules.validate(tree, path, has_status, unchanged=schema_unchanged)
    if version.subresources is not None and version.subresources.scale is not None:
        found += _scale(version.subresources.scale, at.child("subresources", "scale"))
    for i, column in enumerate(version.additionalPrinterColumns):
        found += _column(column, at.child("additionalPrinterColumns").index(i))
    if tree is not None and not found:
        found += _selectable(version.selectableFields, Structural(tree), at.child("selectableFields"))
    return found


def _scale(scale: apiextensions.CustomResourceSubresourceScale, at: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for field, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        path, text = at.child(field), getattr(scale, field)
        if not text:
            found.append(FieldError.required(path))
        elif problems := _plain_path(text, path):
            found += problems
        elif not text.startswith(root):
            found.append(FieldError.invalid(path, text, f"should be a json path under {root[:-1]}"))
    selector = scale.labelSelectorPath
    if selector:
        path = at.child("labelSelectorPath")
        if problems := _plain_path(selector, path):
            found += problems
        elif not selector.startswith((".spec.", ".status.")):
            found.append(FieldError.invalid(path, selector, "should be a json path under either .spec or .status"))
    return found


def _plain_path(text: str, at: Path) -> list[FieldError]:
    if not text.startswith("."):
        return [FieldError.invalid(at, text, "must be a simple json path starting with .")]
    try:
        json_path.simple_path(text)
    except json_path.JsonPathError as error:
        # Differs: upstream takes it and never finds the field.
        return [FieldError.invalid(at, text, f"is an invalid path: {error}")]
    return []


def _column(column: apiextensions.CustomResourceColumnDefinition, at: Path) -> list[FieldError]:
    found = []
    types = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not column.name:
        found.append(FieldError.required(at.child("name")))
    if not column.type:
        found.append(FieldError.required(at.child("type"), types))
    elif column.type not in _COLUMN_TYPES:
        found.append(FieldError.invalid(at.child("type"), column.type, types))
    if column.format and column.format not in _COLUMN_FORMATS:
        why = f"must be one of {','.join(_COLUMN_FORMATS)}"
        found.append(FieldError.invalid(at.child("format"), column.format, why))
    path = at.child("JSONPath")
    if not column.jsonPath:
        found.append(FieldError.required(path))
    elif not column.jsonPath.startswith("."):
        found.append(FieldError.invalid(path, column.jsonPath, "must be a simple json path starting with ."))
    else:
        try:
            json_path.compile_path(column.jsonPath)
        except json_path.JsonPathError as error:
            found.append(FieldError.invalid(path, column.jsonPath, str(error)))
    return found


def _selectable(fields: list[apiextensions.SelectableField], schema: Structural, at: Path) -> list[FieldError]:
    found = []
    seen: set[str] = set()
    for i, field in enumerate(fields):
        path = at.index(i).child("jsonPath")
        if not field.jsonPath:
            found.append(FieldError.required(path))
            continue
        try:
            names = json_path.simple_path(field.jsonPath)
        except json_path.JsonPathError as error:
            found.append(FieldError.invalid(path, field.jsonPath, f"is an invalid path: {error}"))
            continue
        node: Structural | None = schema
        for name in names:
            node = node.properties.get(name) if node is not None else None
        if node is None:
            found.append(
                FieldError.invalid(path, field.jsonPath, "is an invalid path: does not refer to a valid field")
            )
        elif names[0] == "metadata":
            found.append(FieldError.invalid(path, field.jsonPath, "must not point to fields in metadata"))
        elif node.type not in ("string", "boolean", "integer"):
            why = "must point to a field of type string, boolean or integer"
            why += ". Enum string fields and strings with formats are allowed."
            found.append(FieldError.invalid(path, field.jsonPath, why))
        elif field.jsonPath in seen:
            found.append(FieldError.duplicate(path, field.jsonPath))
        seen.add(field.jsonPath)
    if len(seen) > _MAX_SELECTABLE:
        found.append(FieldError.too_many(at, len(seen), _MAX_SELECTABLE))
    return found


def _names(names: apiextensions.CustomResourceDefinitionNames, at: Path) -> list[FieldError]:
    found = []
    for field in ("plural", "singular"):
        value = getattr(names, field)
        if value and (problems := dns1035_label(value)):
            found.append(FieldError.invalid(at.child(field), value, ",".join(problems)))
    for field in ("kind", "listKind"):
        value = getattr(names, field)
        if value and (problems := dns1035_label(value.lower())):
            why = "may have mixed case, but should otherwise match: " + ",".join(problems)
            found.append(FieldError.invalid(at.child(field), value, why))
    for field in ("shortNames", "categories"):
        for i, value in enumerate(getattr(names, field)):
            if problems := dns1035_label(value):
                found.append(FieldError.invalid(at.child(field).index(i), value, ",".join(problems)))
    if names.kind and names.kind == names.listKind:
        found.append(FieldError.invalid(at.child("listKind"), names.listKind, "kind and listKind may not be the same"))
    return found


def _held_ca_bundle(old: Definition | None) -> str | None:
    """The bundle before an update; None for a new definition, which may bring one that is no good."""
    if old is None:
        return None
    webhook = old.spec.conversion.webhook if old.spec.conversion is not None else None
    return (webhook.clientConfig.caBundle if webhook is not None and webhook.clientConfig is not None else "") or ""


def _conversion(
    conversion: apiextensions.CustomResourceConversion | None, at: Path, before: str | None
) -> list[FieldError]:
    if conversion is None:
        return []
    found = _one_of(at.child("strategy"), conversion.strategy, ("None", "Webhook"))
    webhook = conversion.webhook
    config, reviews = at.child("webhookClientConfig"), at.child("conversionReviewVersions")
    if conversion.strategy != "Webhook":
        why = "should not be set when strategy is not set to Webhook"
        if webhook is not None and webhook.clientConfig is not None:
            found.append(FieldError.forbidden(config, why))
        if webhook is not None and webhook.conversionReviewVersions:
            found.append(FieldError.forbidden(reviews, why))
        return found
    if webhook is None or webhook.clientConfig is None:
        found.append(FieldError.required(config, "required when strategy is set to Webhook"))
    else:
        found += validate_client_config(webhook.clientConfig, config)
        held = webhook.clientConfig.caBundle or ""
        if before is not None and not _ca_bundle(before, config):
            found += _ca_bundle(held, config.child("caBundle"))
    versions = webhook.conversionReviewVersions if webhook is not None else []
    if not versions:
        found.append(FieldError.required(reviews))
    elif not set(versions) & set(_REVIEWS):
        why = f"must include at least one of {', '.join(_REVIEWS)}"
        found.append(FieldError.invalid(reviews, versions, why))
    return found


def _ca_bundle(text: str, at: Path) -> list[FieldError]:
    if not base64.b64decode(text).strip():
        return []
    from pybernetes.http import tls

    try:
        tls.client_context(base64.b64decode(text))
    except ValueError as error:
        why = f"unable to load root certificates: unable to parse bytes as PEM block ({error})"
        return [FieldError.invalid(at, text, why)]
    return []


def _hoisted(found: list[FieldError], obj: Definition) -> list[FieldError]:
    """What is alike in all versions is told once, as upstream's internal version has it: at the top of the spec."""
    versions = obj.spec.versions
    for field, top in _HOISTED.items():
        values = [getattr(version, field) for version in versions]
        if not values or any(value != values[0] for value in values):
            continue
        first = f"spec.versions[0].{field}"
        rest = tuple(f"spec.versions[{i}].{field}" for i in range(1, len(values)))
        found = [
            replace(e, field=top + e.field.removeprefix(first), detail=e.detail.replace(first, top))
            if e.field.startswith(first)
            else e
            for e in found
            if not e.field.startswith(rest)
        ]
    return found


def _stored_versions(obj: Definition) -> list[FieldError]:
    at = Path("status", "storedVersions")
    stored = obj.status.storedVersions
    if not stored:
        return [FieldError.invalid(at, stored, "must have at least one stored version")]
    found = []
    known = {v.name for v in obj.spec.versions}
    for version in obj.spec.versions:
        if version.storage and version.name not in stored:
            found.append(FieldError.invalid(at, stored, f"must have the storage version {version.name}"))
    for i, name in enumerate(stored):
        if name not in known:
            why = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions"
            )
            found.append(FieldError.invalid(at.index(i), name, why))
    return found


def _approval(obj: Definition, old: Definition | None) -> list[FieldError]:
    if not naming.is_protected(obj.spec.group):
        return []
    state, message = naming.approval_state(obj.metadata.annotations)
    if state in ("approved", "bypassed"):
        return []
    if old is not None and naming.approval_state(old.metadata.annotations)[0] == state:
        return []
    at = Path("metadata", "annotations").key(naming.APPROVAL)
    if state == "missing":
        return [FieldError.required(at, message)]
    return [FieldError.invalid(at, obj.metadata.annotations.get(naming.APPROVAL, ""), message)]
