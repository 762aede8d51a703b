"""CustomResourceDefinitions.

Source: apiextensions-apiserver/pkg/registry/customresourcedefinition/{strategy,etcd}.go,
apis/apiextensions/v1/defaults.go.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from pybernetes.api.apiextensions import v1 as apiextensions
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.crd import naming
from pybernetes.apiserver.crd.kinds import CLEANUP_FINALIZER
from pybernetes.apiserver.registry.apiextensions.customresourcedefinitions import validation
from pybernetes.apiserver.registry.generic.interface import Column, RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import reset_meta_for_status
from pybernetes.apiserver.registry.generic.table import NAME

Definition = apiextensions.CustomResourceDefinition
_NUMBERS = ("maximum", "minimum", "multipleOf")
_KEYED = ("properties", "patternProperties", "definitions", "dependencies")
_NESTED = (*_KEYED, "items", "additionalProperties", "additionalItems", "allOf", "anyOf", "oneOf", "not")


class CustomResourceDefinitionStrategy(Strategy):
    finalizer_domains = False
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    columns = (NAME, Column("Created At", "date", "", "When the object was created."))

    def default(self, obj: Definition) -> None:
        names, spec = obj.spec.names, obj.spec
        names.singular = names.singular or names.kind.lower() or None
        names.listKind = names.listKind or (f"{names.kind}List" if names.kind else None)
        if spec.conversion is None:
            spec.conversion = apiextensions.CustomResourceConversion(strategy="None")
        service = (
            spec.conversion.webhook.clientConfig.service
            if spec.conversion.webhook is not None and spec.conversion.webhook.clientConfig is not None
            else None
        )
        if service is not None and service.port is None:
            service.port = 443
        if spec.preserveUnknownFields is False:
            spec.preserveUnknownFields = None
        for version in spec.versions:
            if version.schema is not None and version.schema.openAPIV3Schema is not None:
                _check_nested(version.schema.openAPIV3Schema)

    def prepare_for_create(self, ctx: RequestContext, obj: Definition) -> None:
        obj.status = _empty_status()
        obj.metadata.generation = 1
        obj.status.storedVersions = [v.name for v in obj.spec.versions if v.storage]

    def prepare_for_update(self, ctx: RequestContext, obj: Definition, old: Definition) -> None:
        obj.status = msgspec.structs.replace(old.status)
        for version in obj.spec.versions:
            if version.storage and version.name not in obj.status.storedVersions:
                obj.status.storedVersions = [*obj.status.storedVersions, version.name]
        if obj.spec != old.spec:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def validate(self, obj: Definition) -> list[FieldError]:
        return validation.validate(obj)

    def validate_update(self, obj: Definition, old: Definition) -> list[FieldError]:
        return validation.validate_update(obj, old)

    def warnings(self, obj: Definition, old: Definition | None) -> list[str]:
        return validation.warnings(obj, old)

    def prepare_for_status_update(self, ctx: RequestContext, obj: Definition, old: Definition) -> None:
        obj.spec = old.spec
        reset_meta_for_status(obj.metadata, old.metadata)
        if obj.status.acceptedNames is None:
            obj.status.acceptedNames = apiextensions.CustomResourceDefinitionNames()

    def validate_status_update(self, obj: Definition, old: Definition) -> list[FieldError]:
        return validation.validate_status(obj.status)

    def holds_deletion(self, obj: Definition) -> bool:
        """The first deletion marks the definition; it goes when its objects are gone."""
        if obj.metadata.deletionTimestamp is not None:
            return CLEANUP_FINALIZER in obj.metadata.finalizers
        if CLEANUP_FINALIZER not in obj.metadata.finalizers:
            obj.metadata.finalizers = [*obj.metadata.finalizers, CLEANUP_FINALIZER]
        condition = apiextensions.CustomResourceDefinitionCondition(
            type="Terminating",
            status="True",
            reason="InstanceDeletionPending",
            message="CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        )
        naming.set_condition(obj.status, condition, self.registry.clock.now())
        self.canonicalize(obj)
        return True

    def canonicalize(self, obj: Definition) -> None:
        for version in obj.spec.versions:
            if version.schema is not None and version.schema.openAPIV3Schema is not None:
                _plain_numbers(version.schema.openAPIV3Schema)

    def row(self, obj: Definition, now: float) -> list[Any]:
        return [obj.metadata.name, obj.metadata.creationTimestamp or format_time(now)]


def _empty_status() -> apiextensions.CustomResourceDefinitionStatus:
    return apiextensions.CustomResourceDefinitionStatus(acceptedNames=apiextensions.CustomResourceDefinitionNames())


def _plain_numbers(schema: Any) -> None:
    """Writes whole numbers as such (10, not 10.0), all through a schema."""
    if isinstance(schema, list):
        for child in schema:
            _plain_numbers(child)
        return
    is_tree = isinstance(schema, dict)
    for name in _NUMBERS:
        value = schema.get(name) if is_tree else getattr(schema, name)
        if isinstance(value, int | float) and abs(value) < 1e21 and float(value).is_integer():
            # The digits that a float has, as Go writes them: 9223372036854776000.
            whole = int(Decimal(repr(float(value))))
            if is_tree:
                schema[name] = whole
            else:
                setattr(schema, name, whole)
    for name in _NESTED:
        child = schema.get(name) if is_tree else getattr(schema, "not_" if name == "not" else name)
        if isinstance(child, dict) and name in _KEYED:
            child = list(child.values())
        if child and not isinstance(child, bool):
            _plain_numbers([c for c in child if not isinstance(c, str)] if isinstance(child, list) else child)


def _check_nested(schema: apiextensions.JSONSchemaProps) -> None:
    """Members that may be a schema or something else are read as JSON: those that are schemas must be good ones.

    Unknown fields in them are dropped. Raises BadRequest.
    """
    for name in ("items", "additionalProperties", "additionalItems"):
        value = getattr(schema, name)
        if isinstance(value, dict):
            setattr(schema, name, msgspec.to_builtins(_read(value)))
        elif isinstance(value, list) and value and name == "items":
            schema.items = [msgspec.to_builtins(_read(item)) for item in value]
        elif name == "items":
            schema.items = None  # upstream reads nothing else there
        elif value is not None and not isinstance(value, bool):
            raise errors.BadRequest(f"json: cannot unmarshal {value!r} into a schema ({name})")
    for dependency, value in schema.dependencies.items():
        if isinstance(value, dict):
            schema.dependencies[dependency] = msgspec.to_builtins(_read(value))
    for group in (schema.properties, schema.patternProperties, schema.definitions):
        for child in group.values():
            _check_nested(child)
    for children in (schema.allOf, schema.anyOf, schema.oneOf):
        for child in children:
            _check_nested(child)
    if schema.not_ is not None:
        _check_nested(schema.not_)


def _read(tree: dict[str, Any]) -> apiextensions.JSONSchemaProps:
    from pybernetes.apimachinery import decoding

    try:
        found, _ = decoding.from_tree(tree, apiextensions.JSONSchemaProps, "Ignore")
    except errors.BadRequest:
        raise
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise errors.BadRequest(f"json: cannot unmarshal into a schema: {error}") from None
    _check_nested(found)
    return found
