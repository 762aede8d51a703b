"""One CustomResourceDefinition, understood: its versions as resources with their schema, columns and subresources.

Made anew whenever the definition changes; schema, validator and rules of a version are compiled on first use.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec

from pybernetes.api.apiextensions.v1 import (
    CustomResourceDefinition,
    CustomResourceDefinitionVersion,
    CustomResourceSubresourceScale,
)
from pybernetes.apimachinery.schema import Schema, custom_resource
from pybernetes.apimachinery.scheme import Resource, Subresource
from pybernetes.apiserver.crd import json_path
from pybernetes.apiserver.crd.structural import EVERYTHING, Structural
from pybernetes.apiserver.registry.generic.interface import Column
from pybernetes.apiserver.registry.generic.table import NAME

_STATUS = ("get", "patch", "update")
_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_TERMINATING = ("delete", "deletecollection", "get", "list", "watch")
"""What discovery tells of a kind that goes; the others are refused when they are asked."""
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_AGE = Column("Age", "date", "", "Time since the object was created.")


class CustomKind:
    def __init__(self, definition: CustomResourceDefinition) -> None:
        self.definition = definition
        spec = definition.spec
        self.group, self.plural = spec.group, spec.names.plural
        self.versions = {v.name: CustomVersion(self, v) for v in spec.versions}
        self.stored = next(v.resource for v in self.versions.values() if v.spec.storage)
        self.pristine = (definition.metadata.generation or 1) == 1 and definition.status.storedVersions == [
            self.stored.version
        ]
        """Every object was written under the very schema of now."""
        self.terminating = definition.metadata.deletionTimestamp is not None
        self.webhook = spec.conversion is not None and spec.conversion.strategy == "Webhook" and len(spec.versions) > 1
        """Objects of one version come from another by asking."""

    @property
    def served(self) -> list[Resource]:
        return [v.resource for v in self.versions.values() if v.spec.served]

    def selectable(self) -> dict[str, tuple[str, ...]]:
        """Field selectors of any version: the path without its first dot, and the names along it."""
        found = {}
        for version in self.versions.values():
            for field in version.spec.selectableFields:
                found[field.jsonPath.removeprefix(".")] = json_path.simple_path(field.jsonPath)
        return found


class CustomVersion:
    def __init__(self, kind: CustomKind, spec: CustomResourceDefinitionVersion) -> None:
        self.kind = kind
        self.spec = spec
        definition = kind.definition
        names = definition.status.acceptedNames or definition.spec.names
        subresources = []
        if self.has_status:
            subresources.append(Subresource("status", names.kind, _STATUS))
        if self.scale is not None:
            subresources.append(Subresource("scale", "Scale", _STATUS))
        self.resource = Resource(
            definition.spec.group,
            spec.name,
            definition.spec.names.plural,
            names.kind,
            definition.spec.scope == "Namespaced",
            _TERMINATING if kind.definition.metadata.deletionTimestamp is not None else _VERBS,
            tuple(names.shortNames),
            tuple(names.categories),
            tuple(subresources),
            custom=True,
            singular_name=names.singular or names.kind.lower(),
            list_kind_name=names.listKind or "",
            stored_version=next(v.name for v in definition.spec.versions if v.storage),
        )

    @property
    def has_status(self) -> bool:
        return self.spec.subresources is not None and self.spec.subresources.status is not None

    @property
    def scale(self) -> CustomResourceSubresourceScale | None:
        return self.spec.subresources.scale if self.spec.subresources is not None else None

    @functools.cached_property
    def schema_tree(self) -> dict[str, Any] | None:
        """The version's openAPIV3Schema."""
        schema = self.spec.schema.openAPIV3Schema if self.spec.schema is not None else None
        return None if schema is None else msgspec.to_builtins(schema)

    @functools.cached_property
    def structural(self) -> Structural:
        return EVERYTHING if self.schema_tree is None else Structural(self.schema_tree)

    @property
    def stored_structural(self) -> Structural:
        """That of the storage version."""
        return self.kind.versions[self.kind.stored.version].structural

    @functools.cached_property
    def apply_schema(self) -> Schema:
        """The structure that server-side apply goes by."""
        return custom_resource(self.schema_tree)

    @functools.cached_property
    def validator(self) -> Any:
        """The compiled `validation.SchemaValidator`; None without a schema."""
        if self.schema_tree is None:
            return None
        from pybernetes.apiserver.crd.validation import SchemaValidator

        return SchemaValidator(self.schema_tree)

    @functools.cached_property
    def rules(self) -> Any:
        """The compiled `cel.rules.Rules` of x-kubernetes-validations; None where the schema has none."""
        if self.schema_tree is None or not has_rules(self.structural):
            return None
        from pybernetes.apiserver.crd.cel.rules import Rules

        return Rules(self.structural)

    @functools.cached_property
    def columns(self) -> tuple[tuple[Column, Callable[[Any], list[Any]] | None], ...]:
        """Every column with what finds its values; the name's is None."""
        found: list[tuple[Column, Callable[[Any], list[Any]] | None]] = [(NAME, None)]
        for column in self.spec.additionalPrinterColumns:
            made = Column(column.name, column.type, column.format or "", column.description or "", column.priority or 0)
            found.append((made, json_path.compile_path(column.jsonPath)))
        if len(found) == 1:
            found.append((_AGE, json_path.compile_path(".metadata.creationTimestamp")))
        return tuple(found)

    @property
    def deprecation(self) -> str:
        """The warning for every request to a deprecated version."""
        if not self.spec.deprecated:
            return ""
        return self.spec.deprecationWarning or f"{self.resource.api_version} {self.resource.kind} is deprecated"


def has_rules(schema: Structural) -> bool:
    if schema.rules:
        return True
    below = [*schema.properties.values(), *filter(None, (schema.additional, schema.items))]
    nested = any("x-kubernetes-validations" in child for child in schema.tree.get("allOf") or ())
    return nested or any(has_rules(child) for child in below)
