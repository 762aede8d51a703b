"""What the schema of a version must fulfil: structural, with defaults that fit and rules that compile.

Works on the JSON tree of the JSONSchemaProps.
Source: apiextensions-apiserver/pkg/apiserver/schema/{validation,defaulting/validation}.go,
pkg/apis/apiextensions/validation/validation.go (ValidateCustomResourceDefinitionOpenAPISchema).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.field_walk import DecodeError
from pybernetes.apimachinery.trees import copy_tree, equal
from pybernetes.apiserver.crd import structural
from pybernetes.apiserver.crd.structural import META_FIELDS, Structural

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


def validate(tree: Tree, at: Path, has_status: bool) -> list[FieldError]:
    """Everything that is wrong with the schema of one version."""
    found: list[FieldError] = list(_listed_items(tree, at))
    if found:
        return found
    if has_status and tree.get("type") != "object":
        why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        found.append(FieldError.invalid(at.child("type"), tree.get("type", ""), why))
    if has_status and (extra := sorted(set(tree) - _AT_ROOT_WITH_STATUS)):
        why = f"{extra[0]} is not allowed at the root of the schema if the status subresource is enabled"
        found.append(FieldError.invalid(at, extra[0], why))
    if tree.get("nullable"):
        found.append(FieldError.forbidden(at.child("nullable"), "nullable cannot be true at the root"))
    structural_errors = sorted([*_invariants(tree, "root", at), *_completeness(tree, at)], key=str)
    found += structural_errors
    found += _node(tree, at, root=True, inside_meta=False)
    if not found:
        found += _compiles(tree, at)
    if not found:
        found += _defaults(Structural(tree), at, inside_meta=False)
    if not found:
        found += _rules(tree, at)
    return found


def _listed_items(tree: Tree, at: Path) -> Iterator[FieldError]:
    """A schema for each item by its place is none that anything else here could read."""
    items = tree.get("items")
    if isinstance(items, list):
        yield FieldError.forbidden(at.child("items"), "items must be a schema object and not an array")
    for word in ("items", "additionalProperties", "not"):
        if isinstance(tree.get(word), Mapping):
            yield from _listed_items(tree[word], at.child(word))
    for name, child in (tree.get("properties") or {}).items():
        yield from _listed_items(child, at.child("properties").key(name))
    for word in ("allOf", "anyOf", "oneOf"):
        for i, child in enumerate(tree.get(word) or ()):
            yield from _listed_items(child, at.child(word).index(i))


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
    yield from _value_validation(tree, at, int_or_string=bool(int_or_string))
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
        rest = {k for k, v in tree.items() if k not in ("type", "default", "description") and v}
        names = set(tree.get("properties") or {})
        if rest - {"properties"} or names - {"name", "generateName"}:
            why = "must not specify anything other than name and generateName, but metadata is implicitly specified"
            yield FieldError.forbidden(at, why)


def _value_validation(
    tree: Tree, at: Path, *, int_or_string: bool = False, skip_any: bool = False
) -> Iterator[FieldError]:
    if not skip_any and not (int_or_string and tree.get("anyOf") == _INT_OR_STRING):
        for i, child in enumerate(tree.get("anyOf") or ()):
            yield from _nested(child, at.child("anyOf").index(i))
    for i, child in enumerate(tree.get("allOf") or ()):
        skip = int_or_string and i == 0 and child.get("anyOf") == _INT_OR_STRING
        yield from _nested(child, at.child("allOf").index(i), skip_any=skip, rules=True)
    for i, child in enumerate(tree.get("oneOf") or ()):
        yield from _nested(child, at.child("oneOf").index(i))
    if tree.get("not") is not None:
        yield from _nested(tree["not"], at.child("not"))
    if pattern := tree.get("pattern"):
        from pybernetes.apiserver.crd.validation import pattern_problem

        if problem := pattern_problem(pattern):
            why = f"must be a valid regular expression, but isn't: {problem}"
            yield FieldError.invalid(at.child("pattern"), pattern, why)


def _nested(tree: Tree, at: Path, *, skip_any: bool = False, rules: bool = False) -> Iterator[FieldError]:
    yield from _value_validation(tree, at, skip_any=skip_any)
    if isinstance(tree.get("items"), Mapping):
        yield from _nested(tree["items"], at.child("items"))
    for name, child in (tree.get("properties") or {}).items():
        yield from _nested(child, at.child("properties").key(name))
    for word, why in _FORBIDDEN_NESTED:
        if tree.get(word) not in (None, "", False, [], ()):
            yield FieldError.forbidden(at.child(word), why)
    if "metadata" in (tree.get("properties") or {}):
        yield FieldError.forbidden(at.child("properties").key("metadata"), "must not be specified in a nested context")


def _completeness(tree: Tree, at: Path) -> Iterator[FieldError]:
    """What value validations mention must be there outside of them too."""
    for word in ("anyOf", "allOf", "oneOf"):
        for i, child in enumerate(tree.get(word) or ()):
            yield from _mentioned(child, tree, at.child(word).index(i), at)
    if tree.get("not") is not None:
        yield from _mentioned(tree["not"], tree, at.child("not"), at)
    if isinstance(tree.get("items"), Mapping):
        yield from _completeness(tree["items"], at.child("items"))
    for name, child in (tree.get("properties") or {}).items():
        yield from _completeness(child, at.child("properties").key(name))
    if isinstance(tree.get("additionalProperties"), Mapping):
        yield from _completeness(tree["additionalProperties"], at.child("additionalProperties"))


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


# -- each node -------------------------------------------------------------------------------------


def _node(tree: Tree, at: Path, *, root: bool, inside_meta: bool) -> Iterator[FieldError]:
    yield from _words(tree, at)
    yield from _extensions(tree, at)
    if inside_meta and root is False and tree.get("default") is not None and at.text.count("properties[") == 1:
        yield FieldError.forbidden(at.child("default"), "must not be set in top-level metadata")
    properties = tree.get("properties") or {}
    additional = tree.get("additionalProperties")
    if additional is not None and properties and additional is not True:
        why = "additionalProperties and properties are mutual exclusive"
        yield FieldError.forbidden(at.child("additionalProperties"), why)
    for name, child in properties.items():
        meta = root and name in META_FIELDS
        yield from _node(child, at.child("properties").key(name), root=False, inside_meta=meta)
    if isinstance(additional, Mapping):
        yield from _node(additional, at.child("additionalProperties"), root=False, inside_meta=False)
    if isinstance(tree.get("items"), Mapping):
        yield from _node(tree["items"], at.child("items"), root=False, inside_meta=False)
    for word in ("allOf", "anyOf", "oneOf"):
        for i, child in enumerate(tree.get(word) or ()):
            yield from _node(child, at.child(word).index(i), root=False, inside_meta=False)
    if tree.get("not") is not None:
        yield from _node(tree["not"], at.child("not"), root=False, inside_meta=False)


def _words(tree: Tree, at: Path) -> Iterator[FieldError]:
    kind = tree.get("type")
    if kind and kind not in _TYPES:
        yield FieldError.not_supported(at.child("type"), kind, _TYPES)
    for word in ("$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id"):
        if tree.get(word):
            yield FieldError.forbidden(at.child(word), f"{word} is not supported")
    if tree.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield FieldError.forbidden(at.child("uniqueItems"), why)
    if tree.get("multipleOf") is not None and tree["multipleOf"] <= 0:
        yield FieldError.invalid(at.child("multipleOf"), tree["multipleOf"], "must be greater than 0")
    for word in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
        if tree.get(word) is not None and tree[word] < 0:
            yield FieldError.invalid(at.child(word), tree[word], "must be greater than or equal to 0")
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
        yield from _rule_words(rule, at.child("x-kubernetes-validations").index(i))


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
        if key in keys[:i]:
            why = "must not contain duplicate entries"
            yield FieldError.invalid(at.child("x-kubernetes-list-map-keys"), keys, why)


def _rule_words(rule: Tree, at: Path) -> Iterator[FieldError]:
    text, message = (rule.get("rule") or "").strip(), rule.get("message") or ""
    if not text:
        yield FieldError.required(at.child("rule"), "rule is not specified")
    elif message and not message.strip():
        yield FieldError.invalid(at.child("message"), message, "must be non-empty if specified")
    elif "\n" in message.strip():
        yield FieldError.invalid(at.child("message"), message, "must not contain line breaks")
    elif "\n" in text and not message.strip():
        why = "message must be specified if rule contains line breaks"
        yield FieldError.required(at.child("message"), why)
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        why = "messageExpression must be non-empty if specified"
        yield FieldError.required(at.child("messageExpression"), why)
    if rule.get("reason") and rule["reason"] not in _REASONS:
        yield FieldError.not_supported(at.child("reason"), rule["reason"], _REASONS)
    if "\n" in (rule.get("fieldPath") or ""):
        yield FieldError.invalid(at.child("fieldPath"), rule["fieldPath"], "must not contain line breaks")


# -- what must compile -----------------------------------------------------------------------------


def _compiles(tree: Tree, at: Path) -> list[FieldError]:
    from pybernetes.apiserver.crd.validation import SchemaValidator

    try:
        SchemaValidator(tree)
    except Exception as error:  # the library's own, and ValueError for what it cannot read
        return [FieldError.invalid(at, "", f"error building validator: {str(error).splitlines()[0]}")]
    return []


def _defaults(schema: Structural, at: Path, *, inside_meta: bool) -> list[FieldError]:
    found: list[FieldError] = []
    if schema.default is not None:
        found += _default(schema, at.child("default"), inside_meta)
    if schema.items is not None:
        found += _defaults(schema.items, at.child("items"), inside_meta=inside_meta)
    for name, child in schema.properties.items():
        meta = inside_meta or (schema.embedded and name in META_FIELDS)
        found += _defaults(child, at.child("properties").key(name), inside_meta=meta)
    if schema.additional is not None:
        found += _defaults(schema.additional, at.child("additionalProperties"), inside_meta=inside_meta)
    return found


def _default(schema: Structural, at: Path, inside_meta: bool) -> list[FieldError]:
    from pybernetes.apiserver.crd.validation import SchemaValidator

    value = schema.default
    if isinstance(value, dict) and not inside_meta:
        pruned = copy_tree(value)
        structural.prune(pruned, schema)
        if not equal(pruned, value):
            return [FieldError.invalid(at, value, "must not have unknown fields")]
    try:
        structural.coerce_embedded(copy_tree(value), schema, "")
    except DecodeError as error:
        return [FieldError.invalid(at, value, str(error))]
    if problems := structural.validate_embedded(value, schema, at):
        return problems
    found: list[FieldError] = SchemaValidator(schema.tree).validate(value, at.text)
    return [replace(error, detail=error.detail.replace(at.text, "")) for error in found]


def _rules(tree: Tree, at: Path) -> list[FieldError]:
    from pybernetes.apiserver.crd.kinds import has_rules

    schema = Structural(tree)
    if not has_rules(schema):
        return []
    from pybernetes.apiserver.crd.cel.checking import check

    return check(schema, at)
