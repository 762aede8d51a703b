"""Structs of the group-version apiextensions/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Bytes, Int32, Int64, Time, ZeroBool, ZeroInt32, ZeroInt64, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class CustomResourceColumnDefinition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    description: ZeroStr | None = None
    format: ZeroStr | None = None
    jsonPath: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    priority: ZeroInt32 | None = None
    type: str = field(default_factory=zero.string)


class CustomResourceConversion(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    strategy: str = field(default_factory=zero.string)
    webhook: WebhookConversion | None = None


class CustomResourceDefinition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apiextensions.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CustomResourceDefinition")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: CustomResourceDefinitionSpec = field(default_factory=lambda: CustomResourceDefinitionSpec())
    status: CustomResourceDefinitionStatus = field(default_factory=lambda: CustomResourceDefinitionStatus())


class CustomResourceDefinitionCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    observedGeneration: ZeroInt64 | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class CustomResourceDefinitionList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apiextensions.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CustomResourceDefinitionList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[CustomResourceDefinition] = field(default_factory=zero.array)


class CustomResourceDefinitionNames(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    categories: list[str] = []
    kind: str = field(default_factory=zero.string)
    listKind: ZeroStr | None = None
    plural: str = field(default_factory=zero.string)
    shortNames: list[str] = []
    singular: ZeroStr | None = None


class CustomResourceDefinitionSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conversion: CustomResourceConversion | None = None
    group: str = field(default_factory=zero.string)
    names: CustomResourceDefinitionNames = field(default_factory=lambda: CustomResourceDefinitionNames())
    preserveUnknownFields: ZeroBool | None = None
    scope: str = field(default_factory=zero.string)
    versions: list[CustomResourceDefinitionVersion] = field(default_factory=zero.array)


class CustomResourceDefinitionStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    acceptedNames: CustomResourceDefinitionNames = field(default_factory=lambda: CustomResourceDefinitionNames())
    conditions: list[CustomResourceDefinitionCondition] = []
    observedGeneration: ZeroInt64 | None = None
    storedVersions: list[str] = []


class CustomResourceDefinitionVersion(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    additionalPrinterColumns: list[CustomResourceColumnDefinition] = []
    deprecated: ZeroBool | None = None
    deprecationWarning: str | None = None
    name: str = field(default_factory=zero.string)
    schema: CustomResourceValidation | None = None
    selectableFields: list[SelectableField] = []
    served: bool = field(default_factory=zero.false)
    storage: bool = field(default_factory=zero.false)
    subresources: CustomResourceSubresources | None = None


class CustomResourceSubresourceScale(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    labelSelectorPath: str | None = None
    specReplicasPath: str = field(default_factory=zero.string)
    statusReplicasPath: str = field(default_factory=zero.string)


class CustomResourceSubresourceStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class CustomResourceSubresources(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    scale: CustomResourceSubresourceScale | None = None
    status: CustomResourceSubresourceStatus | None = None


class CustomResourceValidation(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    openAPIV3Schema: JSONSchemaProps | None = None


class ExternalDocumentation(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    description: ZeroStr | None = None
    url: ZeroStr | None = None


class JSONSchemaProps(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    _ref: str | None = field(default=None, name='$ref')
    _schema: ZeroStr | None = field(default=None, name='$schema')
    additionalItems: Any = None
    additionalProperties: Any = None
    allOf: list[JSONSchemaProps] = []
    anyOf: list[JSONSchemaProps] = []
    default: Any = None
    definitions: dict[str, JSONSchemaProps] = {}
    dependencies: dict[str, Any] = {}
    description: ZeroStr | None = None
    enum: list[Any] = []
    example: Any = None
    exclusiveMaximum: ZeroBool | None = None
    exclusiveMinimum: ZeroBool | None = None
    externalDocs: ExternalDocumentation | None = None
    format: ZeroStr | None = None
    id: ZeroStr | None = None
    items: Any = None
    maxItems: Int64 | None = None
    maxLength: Int64 | None = None
    maxProperties: Int64 | None = None
    maximum: float | None = None
    minItems: Int64 | None = None
    minLength: Int64 | None = None
    minProperties: Int64 | None = None
    minimum: float | None = None
    multipleOf: float | None = None
    not_: JSONSchemaProps | None = field(default=None, name='not')
    nullable: ZeroBool | None = None
    oneOf: list[JSONSchemaProps] = []
    pattern: ZeroStr | None = None
    patternProperties: dict[str, JSONSchemaProps] = {}
    properties: dict[str, JSONSchemaProps] = {}
    required: list[str] = []
    title: ZeroStr | None = None
    type: ZeroStr | None = None
    uniqueItems: ZeroBool | None = None
    x_kubernetes_embedded_resource: ZeroBool | None = field(default=None, name='x-kubernetes-embedded-resource')
    x_kubernetes_int_or_string: ZeroBool | None = field(default=None, name='x-kubernetes-int-or-string')
    x_kubernetes_list_map_keys: list[str] = field(default=[], name='x-kubernetes-list-map-keys')
    x_kubernetes_list_type: str | None = field(default=None, name='x-kubernetes-list-type')
    x_kubernetes_map_type: str | None = field(default=None, name='x-kubernetes-map-type')
    x_kubernetes_preserve_unknown_fields: bool | None = field(default=None, name='x-kubernetes-preserve-unknown-fields')
    x_kubernetes_validations: list[ValidationRule] = field(default=[], name='x-kubernetes-validations')


class SelectableField(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    jsonPath: str = field(default_factory=zero.string)


class ServiceReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    namespace: str = field(default_factory=zero.string)
    path: str | None = None
    port: Int32 | None = None


class ValidationRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fieldPath: ZeroStr | None = None
    message: ZeroStr | None = None
    messageExpression: ZeroStr | None = None
    optionalOldSelf: bool | None = None
    reason: str | None = None
    rule: str = field(default_factory=zero.string)


class WebhookClientConfig(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    caBundle: Bytes | None = None
    service: ServiceReference | None = None
    url: str | None = None


class WebhookConversion(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    clientConfig: WebhookClientConfig | None = None
    conversionReviewVersions: list[str] = field(default_factory=zero.array)
