"""What a kind's tree looks like: the structure that decoding, patches and server-side apply walk along.

A Schema comes from a generated Struct (`schema_of`, with the merge facts that codegen wrote beside it) or from
an OpenAPI v3 schema (`from_openapi`, custom resources); `DEDUCED` stands for a tree without any schema.
Nothing is built before it is asked for; the result is cached and shared, never changed.

Source: kube-openapi/pkg/schemaconv (how extensions become list and map types), KEP-555.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal

import msgspec

Kind = Literal["object", "map", "list", "scalar", "any"]
_SCALARS = {
    "str": "string",
    "bool": "boolean",
    "float": "number",
    "Int32": "int32",
    "Int64": "int64",
    "ZeroStr": "string",
    "ZeroBool": "boolean",
    "ZeroFloat": "number",
    "ZeroInt32": "int32",
    "ZeroInt64": "int64",
    "Bytes": "bytes",
    "Quantity": "quantity",
    "Time": "time",
    "MicroTime": "micro_time",
    "IntOrString": "int_or_string",
}
_GENERIC = re.compile(r"(list|dict)\[(?:str, )?(.+)\]")
_NO_FACT = ("", (), "", "", "")


class Schema:
    """One node of the structure.

    kind        object: named fields; map: any keys, one element type; list; scalar; any: deduced from the value.
    scalar      for scalars: string, boolean, number, int32, int64, bytes, quantity, time, micro_time, int_or_string.
    element     of maps and lists.
    list_type   atomic, set, or map (items are identified by `keys`; `defaults` say what an absent key counts as).
    atomic      for objects and maps: owned as a whole.
    merge_key, strategies: the strategic merge patch's view of the same.
    """

    __slots__ = (
        "_fields",
        "_raw_fields",
        "atomic",
        "defaults",
        "element",
        "keys",
        "kind",
        "list_type",
        "merge_key",
        "scalar",
        "strategies",
        "struct",
    )

    def __init__(
        self,
        kind: Kind,
        *,
        scalar: str = "",
        element: Schema | None = None,
        list_type: str = "atomic",
        keys: tuple[str, ...] = (),
        defaults: Mapping[str, Any] | None = None,
        merge_key: str = "",
        strategies: frozenset[str] = frozenset(),
        atomic: bool = False,
        struct: type[msgspec.Struct] | None = None,
        raw_fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.scalar = scalar
        self.element = element
        self.list_type = list_type
        self.keys = keys
        self.defaults = defaults or {}
        self.merge_key = merge_key
        self.strategies = strategies
        self.atomic = atomic
        self.struct = struct
        self._raw_fields = raw_fields
        self._fields: dict[str, Schema] | None = None

    @property
    def fields(self) -> dict[str, Schema]:
        """The named fields of an object, by wire name."""
        found = self._fields
        if found is None:
            if self.struct is not None:
                found = _struct_fields(self.struct)
            else:
                found = {name: from_openapi(tree) for name, tree in (self._raw_fields or {}).items()}
            self._fields = found
        return found

    def child(self, name: str) -> Schema | None:
        """The schema of a field or of a map's value; None when there is no such field."""
        if self.kind == "object":
            return self.fields.get(name) or self.element
        if self.kind == "map":
            return self.element
        return DEDUCED if self.kind == "any" else None

    def __repr__(self) -> str:
        name = self.struct.__name__ if self.struct else self.scalar
        return f"Schema({self.kind} {name} {self.list_type if self.kind == 'list' else ''})"


DEDUCED = Schema("any")
"""A tree without a schema: maps are granular, lists atomic."""
ATOMIC = Schema("any", atomic=True)
_SCALAR_SCHEMAS = {name: Schema("scalar", scalar=name) for name in sorted(set(_SCALARS.values()))}


@functools.cache
def schema_of(struct: type[msgspec.Struct]) -> Schema:
    """The schema of a generated Struct."""
    facts = _facts(struct.__module__)
    return Schema("object", struct=struct, atomic=facts is not None and struct.__name__ in facts.ATOMIC)


@functools.cache
def _facts(module: str) -> ModuleType | None:
    name = f"{module}_merge"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


@functools.cache
def _struct_fields(struct: type[msgspec.Struct]) -> dict[str, Schema]:
    module = sys.modules[struct.__module__]
    facts = _facts(struct.__module__)
    own = facts.FIELDS.get(struct.__name__, {}) if facts else {}
    return {
        wire: _annotated(struct.__annotations__[name], module, own.get(wire, _NO_FACT))
        for name, wire in zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    }


def _annotated(text: str, module: ModuleType, fact: tuple[str, tuple[str, ...], str, str, str]) -> Schema:
    """The schema of a field from the text of its annotation and its merge facts."""
    text = text.removesuffix(" | None")
    list_type, keys, merge_key, strategy, map_type = fact
    strategies = frozenset(filter(None, strategy.split(",")))
    if text == "Any":
        return ATOMIC  # raw content of a built-in kind is owned as a whole
    if text in _SCALARS:
        return _SCALAR_SCHEMAS[_SCALARS[text]]
    if match := _GENERIC.fullmatch(text):
        element = _annotated(match.group(2), module, _NO_FACT)
        if match.group(1) == "dict":
            return Schema("map", element=element, atomic=map_type == "atomic", strategies=strategies)
        list_type, keys = _list_type(list_type, keys, strategies, merge_key)
        return Schema(
            "list",
            element=element,
            list_type=list_type,
            keys=keys,
            defaults=_key_defaults(element, keys),
            merge_key=merge_key,
            strategies=strategies,
        )
    target: Any = module
    for part in text.split("."):
        target = getattr(target, part)
    plain = schema_of(target)
    if not strategies and not map_type:
        return plain
    return Schema(
        "object", struct=target, atomic=plain.atomic if not map_type else map_type == "atomic", strategies=strategies
    )


def _list_type(
    declared: str, keys: tuple[str, ...], strategies: frozenset[str], merge_key: str
) -> tuple[str, tuple[str, ...]]:
    """(list type, keys): the declared ones, or else those that the patch strategy implies."""
    if declared:
        return declared, keys
    if "merge" in strategies:
        return ("map", (merge_key,)) if merge_key else ("set", ())
    return "atomic", ()


def _key_defaults(element: Schema, keys: tuple[str, ...]) -> dict[str, Any]:
    if element.struct is None or not keys:
        return {}
    facts = _facts(element.struct.__module__)
    known = facts.DEFAULTS.get(element.struct.__name__, {}) if facts else {}
    return {key: known[key] for key in keys if key in known}


def from_openapi(tree: Mapping[str, Any]) -> Schema:
    """The schema of a structural OpenAPI v3 schema (a CustomResourceDefinition's)."""
    strategies = frozenset(filter(None, str(tree.get("x-kubernetes-patch-strategy", "")).split(",")))
    atomic = tree.get("x-kubernetes-map-type") == "atomic"
    if tree.get("x-kubernetes-int-or-string"):
        return _SCALAR_SCHEMAS["int_or_string"]
    if tree.get("x-kubernetes-embedded-resource"):
        return _embedded(tree)
    match tree.get("type"):
        case "object":
            return _openapi_object(tree, atomic, strategies)
        case "array":
            items = from_openapi(tree.get("items") or {})
            merge_key = str(tree.get("x-kubernetes-patch-merge-key", ""))
            keys = tuple(tree.get("x-kubernetes-list-map-keys") or ())
            list_type, keys = _list_type(str(tree.get("x-kubernetes-list-type", "")), keys, strategies, merge_key)
            properties = (tree.get("items") or {}).get("properties") or {}
            defaults = {k: properties[k]["default"] for k in keys if "default" in properties.get(k, {})}
            return Schema(
                "list",
                element=items,
                list_type=list_type,
                keys=keys,
                defaults=defaults,
                merge_key=merge_key,
                strategies=strategies,
            )
        case "string":
            return _SCALAR_SCHEMAS["string"]
        case "boolean":
            return _SCALAR_SCHEMAS["boolean"]
        case "integer":
            return _SCALAR_SCHEMAS["int64"]
        case "number":
            return _SCALAR_SCHEMAS["number"]
    return ATOMIC if atomic else DEDUCED


def _openapi_object(tree: Mapping[str, Any], atomic: bool, strategies: frozenset[str]) -> Schema:
    properties = tree.get("properties") or {}
    additional = tree.get("additionalProperties")
    preserve = tree.get("x-kubernetes-preserve-unknown-fields")
    element: Schema | None = None
    if isinstance(additional, Mapping):
        element = from_openapi(additional)
    elif preserve or additional is True or not properties:
        element = DEDUCED
    if not properties:
        return Schema("map", element=element, atomic=atomic, strategies=strategies)
    return Schema("object", element=element, raw_fields=properties, atomic=atomic, strategies=strategies)


def _embedded(tree: Mapping[str, Any]) -> Schema:
    """An embedded resource: its apiVersion, kind and metadata are those of every object."""
    schema = Schema("object", element=DEDUCED if tree.get("x-kubernetes-preserve-unknown-fields") else None)
    fields = {name: from_openapi(t) for name, t in (tree.get("properties") or {}).items()}
    schema._fields = fields | top_level_fields()
    return schema


def custom_resource(tree: Mapping[str, Any] | None) -> Schema:
    """The schema of a custom kind: its own OpenAPI v3 schema (None: none), with the metadata of every object."""
    if tree is None:
        tree = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    found = from_openapi(tree)
    schema = Schema("object", element=found.element if found.kind == "object" else DEDUCED, strategies=found.strategies)
    schema._fields = (found.fields if found.kind == "object" else {}) | top_level_fields()
    return schema


@functools.cache
def top_level_fields() -> dict[str, Schema]:
    """apiVersion, kind and metadata, which every object has."""
    from pybernetes.api.meta.v1 import ObjectMeta

    return {
        "apiVersion": _SCALAR_SCHEMAS["string"],
        "kind": _SCALAR_SCHEMAS["string"],
        "metadata": schema_of(ObjectMeta),
    }
