"""What the schema of a version must fulfil: structural, with defaults that fit and rules that compile.

Works on the JSON tree of the JSONSchemaProps.
Source: apiextensions-apiserver/pkg/apiserver/schema/{validation,defaulting/validation}.go,
pkg/apis/apiextensions/validation/validation.go (ValidateCustomResourceDefinitionOpenAPISchema).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pybernetes.apimachinery.field_errors import FieldError, Path, aggregate
from pybernetes.apimachinery.trees import copy_tree
from pybernetes.apiserver.crd import structural
from pybernetes.apiserver.crd.kinds import has_rules
from pybernetes.apiserver.crd.structural import META_FIELDS, Structural
from pybernetes.apiserver.crd.validation import format_of

Tree = Mapping[str, Any]
Level = Literal["root", "item", "field"]
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_AT_ROOT_WITH_STATUS = {
    "description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "required", "enum",
    "items", "properties", "$ref", "externalDocs", "example", "nullable", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource", "x-kubernetes-validations", "x-kubernetes-map-type", "oneOf", "anyOf",
    "allOf", "not",
}  # fmt: skip
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_FORBIDDEN_NESTED = (
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
)

_BREAK = re.compile("[\n\r]")
_TOLD_WHEN_EMPTY = ("default", "additionalProperties", "x-kubernetes-list-type", "x-kubernetes-map-type")


def validate(tree: Tree, at: Path, has_status: bool, *, unchanged: bool = False) -> list[FieldError]:
    """Everything that is wrong with the schema of one version; one that is as before may be wrong below its root."""
    found: list[FieldError] = []
    if has_status and tree.get("type") and tree["type"] != "object":
        why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        found.append(FieldError.invalid(at.child("type"), tree["type"], why))
    if has_status and (extra := sorted(set(tree) - _AT_ROOT_WITH_STATUS)):
        why = f"{extra[0]} is not allowed at the root of the schema if the status subresource is enabled"
        found.append(FieldError.invalid(at, extra[0], why))
    if tree.get("nullable"):
        found.append(FieldError.forbidden(at.child("nullable"), "nullable cannot be true at the root"))
    if unchanged:
        return found
    unreadable = next(_unreadable(tree), "")
    sound = False
    if not unreadable:
        problems = sorted([*_invariants(tree, "root", at), *_completeness(tree, at)], key=str)
        problems = problems or _defaults(Structural(tree), at, None, ())
        sound = not problems
        found += problems
    words = list(_node(tree, at, _Place(root=True)))
    found += words
    if unreadable and not found:
        found.append(FieldError.invalid(at, "", unreadable))
    if sound and not words:
        found += _rules(tree, at)
    return found


def unknown_formats(tree: Tree) -> Iterator[str]:
    """The formats that say nothing about values of the type that they stand with."""
    if tree.get("format") and not format_of(tree):
        yield tree["format"]
    for _, _, child in _below(tree):
        yield from unknown_formats(child)


_UNREADABLE = (
    ("id", "id"), ("$schema", "schema"), ("$ref", "$ref"), ("patternProperties", "patternProperties"),
    ("dependencies", "dependencies"), ("definitions", "definitions"),
)  # fmt: skip


def _unreadable(tree: Tree) -> Iterator[str]:
    """Why no structural schema can be made of a tree; what is told about it elsewhere comes first."""
    for word, name in _UNREADABLE:
        if tree.get(word):
            yield f"OpenAPIV3Schema '{name}' is not supported"
    if tree.get("additionalItems") is not None:
        yield "OpenAPIV3Schema 'additionalItems' is not supported"
    if tree.get("x-kubernetes-preserve-unknown-fields") is False:
        yield "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
    if isinstance(tree.get("items"), list) and tree["items"]:
        yield "OpenAPIV3Schema 'items' must be a schema, but is an array"
    for _, _, child in _below(tree):
        yield from _unreadable(child)


def _below(tree: Tree) -> Iterator[tuple[str, str, Tree]]:
    """Every schema within one: the word it stands under, its key or place there, itself."""
    for name, child in (tree.get("properties") or {}).items():
        yield "properties", name, child
    for word in ("additionalProperties", "not"):
        if isinstance(tree.get(word), Mapping):
            yield word, "", tree[word]
    for word in ("allOf", "oneOf", "anyOf"):
        for i, child in enumerate(tree.get(word) or ()):
            yield word, str(i), child
    items = tree.get("items")
    if isinstance(items, Mapping):
        yield "items", "", items
    elif isinstance(items, list):
        for i, child in enumerate(items):
            yield "items", str(i), child


# -- structural ------------------------------------------------------------------------------------


def _invariants(tree: Tree, level: Level, at: Path) -> Iterator[FieldError]:
    kind = tree.get("type") or ""
    items, additional = tree.get("items"), tree.get("additionalProperties")
    properties = tree.get("properties") or {}
    embedded = tree.get("x-kubernetes-embedded-resource")
    preserve = tree.get("x-kubernetes-preserve-unknown-fields")
    int_or_string = tree.get("x-kubernetes-int-or-string")
    if kind == "array" and items is None:
        yield FieldError.required(at.child("items"), "must be specified")
    if isinstance(items, Mapping):
        yield from _invariants(items, "item", at.child("items"))
    for name, child in properties.items():
        yield from _invariants(child, "field", at.child("properties").key(name))
    if additional is not None:
        if level == "root":
            yield FieldError.forbidden(at.child("additionalProperties"), "must not be used at the root")
        if isinstance(additional, Mapping):
            yield from _invariants(additional, "field", at.child("additionalProperties"))
    if int_or_string and preserve:
        why = "must be false if x-kubernetes-int-or-string is true"
        yield FieldError.invalid(at.child("x-kubernetes-preserve-unknown-fields"), True, why)
    if int_or_string and embedded:
        why = "must be false if x-kubernetes-int-or-string is true"
        yield FieldError.invalid(at.child("x-kubernetes-embedded-resource"), True, why)
    yield from _value_validation(tree, at, structural=True)
    if embedded and kind != "object":
        why = "must be object if x-kubernetes-embedded-resource is true"
        wrong = at.child("type")
        yield FieldError.invalid(wrong, kind, why) if kind else FieldError.required(wrong, why)
    elif not kind and not int_or_string and not preserve:
        where = {"root": "at the root", "item": "for specified array items", "field": "for specified object fields"}
        yield FieldError.required(at.child("type"), f"must not be empty {where[level]}")
    if embedded and additional is not None:
        why = "must not be used if x-kubernetes-embedded-resource is set"
        yield FieldError.forbidden(at.child("additionalProperties"), why)
    if level == "root" and kind and kind != "object":
        yield FieldError.invalid(at.child("type"), kind, "must be object at the root")
    if level == "root" or embedded:
        for name in ("kind", "apiVersion"):
            if name in properties and properties[name].get("type") != "string":
                path = at.child("properties").key(name).child("type")
                yield FieldError.invalid(path, properties[name].get("type", ""), "must be string")
        if "metadata" in properties:
            yield from _metadata(properties["metadata"], level, at.child("properties").key("metadata"))
    if embedded and not preserve and not properties:
        why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        yield FieldError.required(at.child("properties"), why)


def _metadata(tree: Tree, level: Level, at: Path) -> Iterator[FieldError]:
    if tree.get("type") != "object":
        yield FieldError.invalid(at.child("type"), tree.get("type", ""), "must be object")
    if level == "root":
        rest = {k for k, v in tree.items() if k not in ("type", "default") and v}
        names = set(tree.get("properties") or {})
        if rest - {"properties"} or names - {"name", "generateName"}:
            why = "must not specify anything other than name and generateName, but metadata is implicitly specified"
            yield FieldError.forbidden(at, why)


def _value_validation(
    tree: Tree, at: Path, *, structural: bool = False, skip_any: bool = False
) -> Iterator[FieldError]:
    """Words about values; the two ways to say that something is an integer or a string are let pass."""
    if not skip_any and not (structural and tree.get("anyOf") == _INT_OR_STRING):
        for i, child in enumerate(tree.get("anyOf") or ()):
            yield from _nested(child, at.child("anyOf").index(i))
    for i, child in enumerate(tree.get("allOf") or ()):
        skip = structural and i == 0 and child.get("anyOf") == _INT_OR_STRING
        yield from _nested(child, at.child("allOf").index(i), skip_any=skip)
    for i, child in enumerate(tree.get("oneOf") or ()):
        yield from _nested(child, at.child("oneOf").index(i))
    if tree.get("not") is not None:
        yield from _nested(tree["not"], at.child("not"))
    if pattern := tree.get("pattern"):
        from pybernetes.apimachinery import patterns

        if problem := patterns.problem(pattern):
            why = f"must be a valid regular expression, but isn't: {problem}"
            yield FieldError.invalid(at.child("pattern"), pattern, why)


def _nested(tree: Tree, at: Path, *, skip_any: bool = False) -> Iterator[FieldError]:
    yield from _value_validation(tree, at, skip_any=skip_any)
    if isinstance(tree.get("items"), Mapping):
        yield from _nested(tree["items"], at.child("items"))
    for name, child in (tree.get("properties") or {}).items():
        yield from _nested(child, at.child("properties").key(name))
    for word, why in _FORBIDDEN_NESTED:
        value = tree.get(word)
        if (
            value
            or (word == "default" and value is not None)
            or (word in _TOLD_WHEN_EMPTY and value not in (None, False))
        ):
            yield FieldError.forbidden(at.child(word), why)
    if "metadata" in (tree.get("properties") or {}):
        yield FieldError.forbidden(at.child("properties").key("metadata"), "must not be specified in a nested context")


def _completeness(tree: Tree, at: Path) -> Iterator[FieldError]:
    """What value validations of the root mention must be there outside of them too; upstream looks no deeper."""
    if tree.get("not") is not None:
        yield from _mentioned(tree["not"], tree, at.child("not"), at)
    for word in ("allOf", "anyOf", "oneOf"):
        for i, child in enumerate(tree.get(word) or ()):
            yield from _mentioned(child, tree, at.child(word).index(i), at)


def _mentioned(nested: Tree, outer: Tree, at: Path, outer_at: Path) -> Iterator[FieldError]:
    if nested.get("items") is not None:
        if outer.get("items") is None:
            yield FieldError.required(outer_at.child("items"), f"because it is defined in {at.child('items')}")
        elif isinstance(outer["items"], Mapping):
            yield from _mentioned(nested["items"], outer["items"], at.child("items"), outer_at.child("items"))
    for name, child in (nested.get("properties") or {}).items():
        here, there = at.child("properties").key(name), outer_at.child("properties").key(name)
        known = (outer.get("properties") or {}).get(name)
        if known is None:
            yield FieldError.required(there, f"because it is defined in {here}")
        else:
            yield from _mentioned(child, known, here, there)
    for word in ("anyOf", "allOf", "oneOf"):
        for i, child in enumerate(nested.get(word) or ()):
            yield from _mentioned(child, outer, at.child(word).index(i), outer_at)
    if nested.get("not") is not None:
        yield from _mentioned(nested["not"], outer, at.child("not"), outer_at)


# -- each node ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """What a node's surroundings say about it."""

    root: bool = False
    in_metadata: bool = False
    no_defaults: str = ""
    """Why defaults are forbidden here."""

    def below(self, tree: Tree, word: str, name: str) -> _Place:
        if word == "additionalProperties" and self.in_metadata:
            return replace(self, root=False, no_defaults="inside additionalProperties applying to object metadata")
        if word == "properties" and name in META_FIELDS and (self.root or tree.get("x-kubernetes-embedded-resource")):
            return _Place(in_metadata=True, no_defaults=f"in top-level {name}" if self.root else self.no_defaults)
        return replace(self, root=False)


def _node(tree: Tree, at: Path, place: _Place) -> Iterator[FieldError]:
    yield from _words(tree, at)
    yield from _extensions(tree, at)
    if place.no_defaults and tree.get("default") is not None:
        yield FieldError.forbidden(at.child("default"), f"must not be set {place.no_defaults}")
    if place.in_metadata and tree.get("x-kubernetes-embedded-resource"):
        why = "must not be used inside of resource meta"
        yield FieldError.forbidden(at.child("x-kubernetes-embedded-resource"), why)
    additional = tree.get("additionalProperties")
    if additional is not None and tree.get("properties") and additional is not True:
        why = "additionalProperties and properties are mutual exclusive"
        yield FieldError.forbidden(at.child("additionalProperties"), why)
    for word, name, child in _below(tree):
        path = at.child(word)
        path = path.key(name) if word == "properties" else path.index(int(name)) if name else path
        yield from _node(child, path, place.below(tree, word, name))


def _words(tree: Tree, at: Path) -> Iterator[FieldError]:
    kind = tree.get("type")
    if kind and kind not in _TYPES:
        yield FieldError.not_supported(at.child("type"), kind, _TYPES)
    for word in ("definitions", "dependencies", "patternProperties", "id"):
        if tree.get(word):
            yield FieldError.forbidden(at.child(word), f"{word} is not supported")
    for word in ("additionalItems", "$ref"):
        if tree.get(word) is not None:
            yield FieldError.forbidden(at.child(word), f"{word} is not supported")
    if kind == "null":
        why = "type cannot be set to null, use nullable as an alternative"
        yield FieldError.forbidden(at.child("type"), why)
    if isinstance(tree.get("items"), list) and tree["items"]:
        yield FieldError.forbidden(at.child("items"), "items must be a schema object and not an array")
    if tree.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield FieldError.forbidden(at.child("uniqueItems"), why)
    if tree.get("x-kubernetes-preserve-unknown-fields") is False:
        path = at.child("x-kubernetes-preserve-unknown-fields")
        yield FieldError.invalid(path, False, "must be true or undefined")


def _extensions(tree: Tree, at: Path) -> Iterator[FieldError]:
    kind = tree.get("type") or ""
    map_type, list_type = tree.get("x-kubernetes-map-type"), tree.get("x-kubernetes-list-type")
    for word, value, needed, allowed in (
        ("x-kubernetes-map-type", map_type, "object", ("atomic", "granular")),
        ("x-kubernetes-list-type", list_type, "array", ("atomic", "set", "map")),
    ):
        if value is None:
            continue
        if kind != needed:
            why = f"must be {needed} if {word} is specified"
            path = at.child("type")
            yield FieldError.invalid(path, kind, why) if kind else FieldError.required(path, why)
        if value not in allowed:
            yield FieldError.not_supported(at.child(word), value, allowed)
    items = tree.get("items")
    item: Tree = items if isinstance(items, Mapping) else {}
    if list_type == "set" and item:
        why = "must be atomic as item of a list with x-kubernetes-list-type=set"
        if item.get("type") == "array" and item.get("x-kubernetes-list-type") not in (None, "atomic"):
            path = at.child("items", "x-kubernetes-list-type")
            yield FieldError.invalid(path, item["x-kubernetes-list-type"], why)
        if item.get("type") == "object" and item.get("x-kubernetes-map-type") != "atomic":
            path = at.child("items", "x-kubernetes-map-type")
            yield FieldError.invalid(path, item.get("x-kubernetes-map-type"), why)
    keys = tree.get("x-kubernetes-list-map-keys") or []
    if keys and list_type != "map":
        why = "must be map if x-kubernetes-list-map-keys is non-empty"
        path = at.child("x-kubernetes-list-type")
        yield FieldError.invalid(path, list_type, why) if list_type else FieldError.required(path, why)
    if list_type == "map":
        yield from _list_map(tree, item, keys, at)
    if list_type in ("map", "set") and item.get("nullable"):
        why = "cannot be nullable when x-kubernetes-list-type is " + list_type
        yield FieldError.forbidden(at.child("items", "nullable"), why)
    for i, rule in enumerate(tree.get("x-kubernetes-validations") or ()):
        yield from _rule_words(rule, tree, at.child("x-kubernetes-validations").index(i))


def _list_map(tree: Tree, item: Tree, keys: list[str], at: Path) -> Iterator[FieldError]:
    if not keys:
        why = "must not be empty if x-kubernetes-list-type is map"
        yield FieldError.required(at.child("x-kubernetes-list-map-keys"), why)
    if tree.get("items") is None:
        yield FieldError.required(at.child("items"), "must have a schema if x-kubernetes-list-type is map")
        return
    if item.get("type") != "object":
        why = "must be object if parent array's x-kubernetes-list-type is map"
        yield FieldError.invalid(at.child("items", "type"), item.get("type", ""), why)
        return
    properties = item.get("properties") or {}
    required = item.get("required") or ()
    for i, key in enumerate(keys):
        path = at.child("items", "properties").key(key)
        if key in keys[:i]:
            why = "must not contain duplicate entries"
            yield FieldError.invalid(at.child("x-kubernetes-list-map-keys"), keys, why)
        if key not in properties:
            why = "entries must all be names of item properties"
            yield FieldError.invalid(at.child("x-kubernetes-list-map-keys"), keys, why)
            continue
        child = properties[key]
        if child.get("type") in ("array", "object"):
            why = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield FieldError.invalid(path.child("type"), item.get("type"), why)
        if child.get("nullable"):
            why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
            yield FieldError.forbidden(path.child("nullable"), why)
        if child.get("default") is None and key not in required:
            why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            yield FieldError.required(path.child("default"), why)


def _rule_words(rule: Tree, tree: Tree, at: Path) -> Iterator[FieldError]:
    text, message = (rule.get("rule") or "").strip(), rule.get("message") or ""
    if not text:
        yield FieldError.required(at.child("rule"), "rule is not specified")
    elif message and not message.strip():
        yield FieldError.invalid(at.child("message"), message, "must be non-empty if specified")
    elif _BREAK.search(message.strip()):
        yield FieldError.invalid(at.child("message"), message, "must not contain line breaks")
    elif _BREAK.search(text) and not message.strip():
        why = "message must be specified if rule contains line breaks"
        yield FieldError.required(at.child("message"), why)
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        why = "messageExpression must be non-empty if specified"
        yield FieldError.required(at.child("messageExpression"), why)
    if rule.get("reason") is not None and rule["reason"] not in _REASONS:
        yield FieldError.not_supported(at.child("reason"), rule["reason"], _REASONS)
    if field := rule.get("fieldPath") or "":
        yield from _field_path(field, tree, at.child("fieldPath"))


def _field_path(text: str, tree: Tree, at: Path) -> Iterator[FieldError]:
    from pybernetes.apiserver.crd.cel import field_paths

    if not text.strip():
        yield FieldError.invalid(at, text, "must be non-empty if specified")
    if _BREAK.search(text):
        yield FieldError.invalid(at, text, "must not contain line breaks")
    if not any(_unreadable(tree)) and not field_paths.is_valid(text, Structural(tree)):
        yield FieldError.invalid(at, text, "must be a valid path")


# -- what must compile -----------------------------------------------------------------------------


Within = tuple[str | int, ...]


def _defaults(schema: Structural, at: Path, within: Within | None, around: tuple[Structural, ...]) -> list[FieldError]:
    """What is wrong with the defaults of a node and of all below it.

    `within` is where the node is in the innermost object with metadata, when it belongs to its type or metadata;
    that object's schema is the last of `around`.
    """
    if schema.embedded or not around:
        within, around = None, (schema,)
    found: list[FieldError] = []
    if schema.default is not None:
        found += _default(schema, at.child("default"), within)
    if schema.items is not None:
        deeper = (*within, 0) if within is not None else None
        found += _defaults(schema.items, at.child("items"), deeper, around)
    for name, child in schema.properties.items():
        deeper = (*within, name) if within is not None else None
        if schema is around[-1] and name in META_FIELDS:
            deeper = (name,)
        found += _defaults(child, at.child("properties").key(name), deeper, around)
    return found


def _default(schema: Structural, at: Path, within: Within | None) -> list[FieldError]:
    from pybernetes.apiserver.crd.validation import SchemaValidator

    value = schema.default
    found: list[FieldError] = []
    if within is not None:
        if problem := _metadata_problem(value, within):
            return [FieldError.invalid(at, value, f"must result in valid metadata: {problem}")]
    else:
        if structural.prune(copy_tree(value), schema):
            found.append(FieldError.invalid(at, value, "must not have unknown fields"))
        try:
            structural.coerce_embedded(copy_tree(value), schema, "")
        except structural.EmbeddedError as error:
            return [*found, FieldError.invalid(_joined(at, error.path), error.value, str(error))]
        if problems := structural.validate_embedded(value, schema, at):
            return [*found, *problems]
    wrong = SchemaValidator(schema.tree).validate(value, at.text)
    if not wrong and has_rules(schema):
        wrong = _default_under_rules(schema, value, at)
    return found + wrong


def _joined(at: Path, below: str) -> Path:
    return at.child(below) if below else at


def _metadata_problem(value: Any, within: Within) -> str:
    """What is wrong with an object whose apiVersion, kind or metadata has this default."""
    for step in reversed(within[1:]):
        value = [value] if isinstance(step, int) else {step: value}
    tree = {"apiVersion": "validation/v1", "kind": "Validation", within[0]: value}
    root = Structural({"type": "object", "x-kubernetes-embedded-resource": True})
    try:
        structural.coerce_embedded(tree, root, "")
    except structural.EmbeddedError as error:
        return str(FieldError.invalid(Path(error.path), error.value, str(error)))
    problems = structural.validate_embedded(tree, root, Path())
    return aggregate(problems) if problems else ""


def _default_under_rules(schema: Structural, value: Any, at: Path) -> list[FieldError]:
    """A default must satisfy the rules: as it stays, and as it comes to be."""
    from pybernetes.apiserver.crd.cel.rules import Rules

    rules = Rules(schema, root=False)
    return rules.validate(value, value, at) or rules.validate(value, None, at)


def _rules(tree: Tree, at: Path) -> list[FieldError]:
    schema = Structural(tree)
    if not has_rules(schema):
        return []
    from pybernetes.apiserver.crd.cel.checking import check

    return check(schema, at)
