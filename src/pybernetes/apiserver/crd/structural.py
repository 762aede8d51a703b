"""A structural schema, compiled once: pruning, defaulting and embedded objects of custom resources.

Everything here works on JSON trees in place and is pure otherwise.
Source: apiextensions-apiserver/pkg/apiserver/schema/{structural,pruning,defaulting,objectmeta}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.field_walk import DecodeError, Walk
from pybernetes.apimachinery.schema import schema_of
from pybernetes.apimachinery.trees import copy_tree

Tree = dict[str, Any]
META_FIELDS = ("apiVersion", "kind", "metadata")


class Structural:
    """One node of a schema. `tree` is the JSONSchemaProps it was made of."""

    __slots__ = (
        "additional",
        "default",
        "defaults_below",
        "embedded",
        "embeds",
        "int_or_string",
        "items",
        "list_keys",
        "list_type",
        "listed",
        "map_type",
        "nullable",
        "open",
        "preserve",
        "properties",
        "rules",
        "tree",
    )

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree = tree
        properties = tree.get("properties") or {}
        self.properties = {name: Structural(child) for name, child in properties.items()}
        additional = tree.get("additionalProperties")
        self.additional = Structural(additional) if isinstance(additional, Mapping) else None
        self.open = additional is not None and self.additional is None
        """additionalProperties without a schema: members of any name stay, what is in objects of theirs does not."""
        items = tree.get("items")
        self.items = Structural(items) if isinstance(items, Mapping) else None
        self.preserve = bool(tree.get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = bool(tree.get("x-kubernetes-embedded-resource"))
        self.int_or_string = bool(tree.get("x-kubernetes-int-or-string"))
        self.nullable = bool(tree.get("nullable"))
        self.default = tree.get("default")
        self.list_type = tree.get("x-kubernetes-list-type") or "atomic"
        self.map_type = tree.get("x-kubernetes-map-type") or "granular"
        self.list_keys = tuple(tree.get("x-kubernetes-list-map-keys") or ())
        self.rules: list[Any] = list(tree.get("x-kubernetes-validations") or ())
        below = [*self.properties.values(), *filter(None, (self.additional, self.items))]
        self.embeds: bool = self.embedded or any(node.embeds for node in below)
        """Objects with metadata of their own are here or below."""
        self.listed: bool = self.list_type != "atomic" or any(node.listed for node in below)
        """Lists of type set or map are here or below."""
        self.defaults_below: bool = any(node.default is not None or node.defaults_below for node in below)

    @property
    def type(self) -> str:
        return str(self.tree.get("type") or "")

    def child(self, name: str) -> Structural | None:
        return self.properties.get(name) or self.additional


EVERYTHING = Structural({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
"""What a version without a schema stands for."""


# -- pruning ---------------------------------------------------------------------------------------


def prune(content: Any, schema: Structural) -> list[str]:
    """Drops from an object's content what its schema does not name; the paths of what went, sorted.

    `content` has no apiVersion, kind and metadata.
    """
    unknown: list[str] = []
    _prune(content, schema, "", unknown)
    return sorted(unknown)


def _prune(value: Any, schema: Structural | None, path: str, unknown: list[str]) -> None:
    if isinstance(value, dict):
        if schema is None:
            unknown.extend(f"{path}.{name}" for name in value)
            value.clear()
        else:
            _prune_object(value, schema, path, unknown)
    elif isinstance(value, list):
        keep = schema is not None and schema.preserve
        items = schema.items if schema is not None else None
        for i, item in enumerate(value):
            if keep:
                _keep(item, items, f"{path}[{i}]", unknown)
            elif isinstance(item, dict | list):
                _prune(item, items, f"{path}[{i}]", unknown)


def _keep(value: Any, schema: Structural | None, path: str, unknown: list[str]) -> None:
    """An item of a list that preserves: what it has beside its schema stays, whatever that says."""
    if schema is None:
        return
    if isinstance(value, dict):
        _prune_object(value, schema, path, unknown, preserve=True)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _keep(item, schema.items, f"{path}[{i}]", unknown)


def _prune_object(value: Tree, schema: Structural, path: str, unknown: list[str], *, preserve: bool = False) -> None:
    properties, additional = schema.properties, schema.additional
    gone: list[str] = []
    for name, child in value.items():
        if schema.embedded and name in META_FIELDS:
            continue
        below = properties.get(name, additional)
        if below is not None or schema.open:
            if isinstance(child, dict | list):
                _prune(child, below, f"{path}.{name}" if path else name, unknown)
        elif not (schema.preserve or preserve):
            gone.append(name)
    for name in gone:
        del value[name]
        unknown.append(f"{path}.{name}" if path else name)


# -- defaulting ------------------------------------------------------------------------------------


def default(content: Tree, schema: Structural) -> None:
    """Drops nulls that may not be, then fills in the defaults of absent members, at any depth."""
    _drop_nulls(content, schema)
    if schema.defaults_below:
        _default(content, schema)


def _default(value: Any, schema: Structural) -> None:
    if isinstance(value, dict):
        for name, below in schema.properties.items():
            if below.default is not None and (name not in value or (value[name] is None and not below.nullable)):
                value[name] = copy_tree(below.default)
        for name, child in value.items():
            found = schema.properties.get(name)
            if found is None:
                found = schema.additional
                if found is not None and child is None and not found.nullable:
                    child = value[name] = copy_tree(found.default)
            if found is not None and found.defaults_below and isinstance(child, dict | list):
                _default(child, found)
    elif isinstance(value, list) and schema.items is not None:
        items = schema.items
        for i, item in enumerate(value):
            if item is None and not items.nullable and items.default is not None:
                item = value[i] = copy_tree(items.default)
            if items.defaults_below and isinstance(item, dict | list):
                _default(item, items)


def _drop_nulls(value: Any, schema: Structural | None) -> None:
    if isinstance(value, dict):
        gone = []
        for name, child in value.items():
            below = schema.child(name) if schema is not None else None
            if child is None:
                if below is not None and not below.nullable and below.default is None:
                    gone.append(name)
            elif isinstance(child, dict | list):
                _drop_nulls(child, below)
        for name in gone:
            del value[name]
    elif isinstance(value, list):
        items = schema.items if schema is not None else None
        for item in value:
            if isinstance(item, dict | list):
                _drop_nulls(item, items)


# -- metadata --------------------------------------------------------------------------------------


def read_metadata(tree: Any, path: str) -> tuple[ObjectMeta, list[str]]:
    """(metadata, strict problems) of an object's metadata tree. Raises DecodeError in Go's words."""
    if not isinstance(tree, dict):
        if tree is None:
            return ObjectMeta(), []
        raise DecodeError("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    try:
        return msgspec.convert(tree, ObjectMeta), []
    except msgspec.ValidationError:
        pass
    walk = Walk([])
    plain = walk.object(tree, schema_of(ObjectMeta), path, "metadata")
    walk.check()
    try:
        return msgspec.convert(plain, ObjectMeta), walk.problems
    except msgspec.ValidationError as error:
        raise DecodeError(f"json: {error}") from None


class EmbeddedError(DecodeError):
    """The type or metadata of an embedded object that is none."""

    def __init__(self, message: str, path: str, value: Any) -> None:
        super().__init__(message)
        self.path = path
        self.value = value


def coerce_embedded(value: Any, schema: Structural | None, path: str) -> list[str]:
    """Brings the metadata of embedded objects into form; the paths of unknown fields in them.

    Raises EmbeddedError.
    """
    if schema is None or not schema.embeds:
        return []
    problems: list[str] = []
    if isinstance(value, dict):
        for name in ("apiVersion", "kind") if schema.embedded else ():
            if name in value and not isinstance(value[name], str):
                raise EmbeddedError("must be a string", f"{path}.{name}" if path else name, value[name])
        if schema.embedded and "metadata" in value:
            at = f"{path}.metadata" if path else "metadata"
            try:
                meta, found = read_metadata(value["metadata"], at)
            except DecodeError as error:
                raise EmbeddedError(_of_embedded(str(error), value["metadata"]), at, value["metadata"]) from None
            value["metadata"] = msgspec.to_builtins(meta)
            problems += [p.removeprefix('unknown field "').removesuffix('"') for p in found]
        for name, child in value.items():
            if isinstance(child, dict | list):
                problems += coerce_embedded(child, schema.child(name), f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, dict | list):
                problems += coerce_embedded(item, schema.items, f"{path}[{i}]")
    return problems


def _of_embedded(message: str, value: Any) -> str:
    """What Go says of metadata that it reads by itself and not within an object."""
    if isinstance(value, dict):
        return message.replace("ObjectMeta.metadata.", "ObjectMeta.")
    kinds = {str: "string", bool: "bool", list: "array"}
    return f"json: cannot unmarshal {kinds.get(type(value), 'number')} into Go value of type v1.ObjectMeta"


def validate_embedded(value: Any, schema: Structural | None, path: Path) -> list[FieldError]:
    """What is wrong with embedded objects: each needs apiVersion, kind and valid metadata."""
    found: list[FieldError] = []
    if schema is None or not schema.embeds:
        return found
    if isinstance(value, dict):
        if schema.embedded:
            found += _embedded(value, path)
        for name, child in value.items():
            if isinstance(child, dict | list):
                at = path.child(name) if name in schema.properties else path.key(name)
                found += validate_embedded(child, schema.child(name), at)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += validate_embedded(item, schema.items, path.index(i))
    return found


def _embedded(value: Tree, path: Path) -> list[FieldError]:
    from pybernetes.apiserver.registry.generic import object_meta

    found = []
    for name in ("apiVersion", "kind"):
        at, text = path.child(name), value.get(name)
        if name not in value:
            found.append(FieldError.required(at))
        elif not isinstance(text, str):
            found.append(FieldError.invalid(at, text, "must be a string"))
        elif not text:
            found.append(FieldError.invalid(at, text, "must not be empty"))
        elif name == "apiVersion" and text.count("/") > 1:
            found.append(FieldError.invalid(at, text, f"unexpected GroupVersion string: {text}"))
        elif name == "kind" and (problems := names.dns1035_label(text.lower())):
            why = "may have mixed case, but should otherwise match: " + ",".join(problems)
            found.append(FieldError.invalid(at, text, why))
    if "metadata" in value:
        try:
            meta, _ = read_metadata(value["metadata"], "metadata")
        except DecodeError as error:
            return [*found, FieldError.invalid(path.child("metadata"), value["metadata"], str(error))]
        meta.name = meta.name or "fakename"
        errors = object_meta.validate_object_meta(meta, bool(meta.namespace))
        at_meta = path.child("metadata").text
        found += [FieldError(e.type, at_meta + e.field.removeprefix("metadata"), e.value, e.detail) for e in errors]
    return found
