"""Schemas of custom resources and values for them, as Hypothesis draws them.

`schemas` are mostly what a CustomResourceDefinition may have, with every keyword in combination; `spoiled` has one
place that is wrong. `value_for` makes what mostly fits.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Tree = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
NAMES = ("a", "b", "c", "x-y", "for", "namespace", "d__e")
TEXTS = (
    "",
    "a",
    "b",
    "aa",
    "abc",
    "10",
    "1Gi",
    "é",
    "2020-01-01T00:00:00Z",
    "2020-01-01",
    "10.0.0.1",
    "::1",
    "1h",
    "YQ==",
)
FORMATS = (
    "date-time", "datetime", "date", "duration", "byte", "ipv4", "ipv6", "cidr", "mac", "uuid", "uri", "email",
    "hostname", "int32", "int64", "password", "k8s-short-name", "k8s-long-name", "hexcolor", "isbn", "unheard-of",
)  # fmt: skip
PATTERNS = ("^a", "b$", "^[a-z]*$", r"\d+", "a|b", "^(a|b)?$", "", r"\bword\b", r"^\p{L}+$", "(?i)A", "a{2,3}")
BAD_PATTERNS = ("(", "(?=a)", "[[", r"\1(a)", "a**", "a{1001}", "(?<n>a)", "*")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from((0, 1, -1, 3, 2**31, 2**53 + 1, 0.5, 1.0, 1e300))
    | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=5,
)


def sometimes(draw: Draw, one_of: int = 4) -> bool:
    return bool(draw(st.integers(1, one_of)) == one_of)


def _bounds(draw: Draw, tree: Tree, least: str, most: str, values: tuple[Any, ...]) -> None:
    if sometimes(draw):
        tree[least] = draw(st.sampled_from(values))
    if sometimes(draw):
        tree[most] = draw(st.sampled_from(values))


def _scalar(draw: Draw, kind: str) -> Tree:
    tree: Tree = {"type": kind}
    if kind == "string":
        _bounds(draw, tree, "minLength", "maxLength", (0, 1, 2, 5))
        if sometimes(draw):
            tree["pattern"] = draw(st.sampled_from(PATTERNS))
        if sometimes(draw):
            tree["format"] = draw(st.sampled_from(FORMATS))
        if sometimes(draw):
            tree["enum"] = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3, unique=True))
    elif kind in ("integer", "number"):
        _bounds(draw, tree, "minimum", "maximum", (-1, 0, 1, 3, 1.5, 2**31))
        for word in ("exclusiveMinimum", "exclusiveMaximum"):
            if sometimes(draw, 8):
                tree[word] = draw(st.booleans())
        if sometimes(draw, 6):
            tree["multipleOf"] = draw(st.sampled_from((1, 2, 0.5, 0.1, 1e-9)))
        if sometimes(draw):
            tree["format"] = draw(st.sampled_from(("int32", "int64", "double", "float")))
        if sometimes(draw, 6):
            tree["enum"] = draw(st.lists(st.sampled_from((0, 1, 2, 3, 1.5)), min_size=1, max_size=3, unique=True))
    return tree


def _validations(draw: Draw, outer: Tree, depth: int) -> Tree:
    """What may stand below oneOf, anyOf, allOf and not: words about values, for what the outer schema names."""
    tree: Tree = {}
    words: list[tuple[str, st.SearchStrategy[Any]]] = [
        ("enum", st.lists(JSON, min_size=1, max_size=2)),
        ("minimum", st.integers(-1, 3)),
        ("maximum", st.integers(-1, 3)),
        ("maxLength", st.integers(0, 3)),
        ("pattern", st.sampled_from(PATTERNS)),
        ("minItems", st.integers(0, 2)),
        ("minProperties", st.integers(0, 2)),
        (
            "required",
            st.lists(st.sampled_from([*outer.get("properties", {}), "a"]), min_size=1, max_size=2, unique=True),
        ),
        ("format", st.sampled_from(FORMATS)),
    ]
    for word, values in draw(st.lists(st.sampled_from(words), max_size=2, unique_by=lambda pair: pair[0])):
        tree[word] = draw(values)
    if depth:
        named = {name: child for name, child in outer.get("properties", {}).items() if name != "metadata"}
        if named and sometimes(draw, 2):
            name = draw(st.sampled_from(sorted(named)))
            tree["properties"] = {name: _validations(draw, named[name], depth - 1)}
        if isinstance(outer.get("items"), dict) and sometimes(draw, 2):
            tree["items"] = _validations(draw, outer["items"], depth - 1)
        if sometimes(draw, 6):
            tree["not"] = _validations(draw, outer, depth - 1)
    return tree


def _array(draw: Draw, depth: int) -> Tree:
    tree: Tree = {"type": "array"}
    kind = draw(st.sampled_from((None, None, "atomic", "set", "map")))
    if kind == "map":
        keys = draw(st.lists(st.sampled_from(("a", "b")), min_size=1, max_size=2, unique=True))
        item = {"type": "object", "properties": {"c": schema_of(draw, max(0, depth - 1))}}
        for key in keys:
            item["properties"][key] = _scalar(draw, draw(st.sampled_from(("string", "integer", "boolean"))))
            if sometimes(draw):
                item["properties"][key]["default"] = value_for(draw, item["properties"][key])
        item["required"] = [key for key in keys if "default" not in item["properties"][key]]
        tree |= {"items": item, "x-kubernetes-list-map-keys": keys}
    elif kind == "set":
        tree["items"] = _scalar(draw, draw(st.sampled_from(("string", "integer", "number"))))
        if sometimes(draw):
            tree["items"] = {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "x-kubernetes-map-type": "atomic",
            }
    else:
        tree["items"] = schema_of(draw, depth - 1)
    if kind:
        tree["x-kubernetes-list-type"] = kind
    _bounds(draw, tree, "minItems", "maxItems", (0, 1, 2, 10))
    return tree


def _object(draw: Draw, depth: int) -> Tree:
    tree: Tree = {"type": "object"}
    shape = draw(
        st.sampled_from(("properties", "properties", "properties", "map", "open", "empty", "preserve", "embedded"))
    )
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    if shape in ("properties", "embedded") or (shape == "preserve" and sometimes(draw, 2)):
        tree["properties"] = {name: schema_of(draw, depth - 1) for name in names}
        if sometimes(draw, 3):
            tree["required"] = draw(st.lists(st.sampled_from((*names, "z")), max_size=2, unique=True))
    if shape == "map":
        tree["additionalProperties"] = schema_of(draw, depth - 1)
    elif shape == "open":
        tree["additionalProperties"] = True
    elif shape == "preserve":
        tree["x-kubernetes-preserve-unknown-fields"] = True
    elif shape == "embedded":
        tree["x-kubernetes-embedded-resource"] = True
        if sometimes(draw, 2):
            tree["x-kubernetes-preserve-unknown-fields"] = True
        if sometimes(draw, 3):
            tree["properties"] |= {"metadata": {"type": "object"}, "kind": {"type": "string"}}
    if sometimes(draw):
        tree["x-kubernetes-map-type"] = draw(st.sampled_from(("atomic", "granular")))
    _bounds(draw, tree, "minProperties", "maxProperties", (0, 1, 3))
    return tree


def schema_of(draw: Draw, depth: int) -> Tree:
    kinds = ["string", "integer", "number", "boolean", "int-or-string", "anything"]
    kind = draw(st.sampled_from(kinds + ["array", "object", "array", "object"] * 2 if depth > 0 else kinds))
    if kind == "array":
        tree = _array(draw, depth)
    elif kind == "object":
        tree = _object(draw, depth)
    elif kind == "int-or-string":
        tree = {"x-kubernetes-int-or-string": True}
        either = [{"type": "integer"}, {"type": "string"}]
        tree |= draw(st.sampled_from(({}, {"anyOf": either}, {"allOf": [{"anyOf": either}]}, {"pattern": "^a"})))
    elif kind == "anything":
        tree = {"x-kubernetes-preserve-unknown-fields": True}
    else:
        tree = _scalar(draw, kind)
    if sometimes(draw, 6):
        tree["nullable"] = True
    for word in ("oneOf", "anyOf", "allOf"):
        if word not in tree and sometimes(draw, 10):
            tree[word] = [_validations(draw, tree, 1) for _ in range(draw(st.integers(1, 2)))]
    if sometimes(draw, 12):
        tree["not"] = _validations(draw, tree, 1)
    if sometimes(draw, 4):
        tree["default"] = value_for(draw, tree) if sometimes(draw, 2) or depth else draw(JSON)
    if sometimes(draw, 6):
        tree["description"] = "told"
    return tree


@st.composite
def schemas(draw: Draw, depth: int = 3) -> Tree:
    """A schema that is mostly structural and complete."""
    return schema_of(draw, depth)


ODD: list[tuple[str, st.SearchStrategy[Any]]] = [
    ("type", st.sampled_from(("", "null", "thing", "object", "array", "string", "integer"))),
    ("format", st.sampled_from(FORMATS)),
    ("pattern", st.sampled_from(BAD_PATTERNS)),
    ("default", JSON),
    ("enum", st.lists(JSON, max_size=2)),
    ("nullable", st.booleans()),
    ("minimum", st.sampled_from((-1, 1e300, 2**63))),
    ("multipleOf", st.sampled_from((0, -1, 2))),
    ("minLength", st.integers(-1, 1)),
    ("maxItems", st.integers(-1, 1)),
    ("maxProperties", st.integers(-1, 1)),
    ("uniqueItems", st.booleans()),
    ("required", st.lists(st.sampled_from(("a", "z", "")), max_size=2)),
    ("$ref", st.sampled_from(("", "#/definitions/a"))),
    ("definitions", st.just({"a": {"type": "string"}})),
    ("dependencies", st.just({"a": ["b"]})),
    ("patternProperties", st.just({"^a": {"type": "string"}})),
    ("additionalItems", st.booleans()),
    ("id", st.just("me")),
    ("$schema", st.just("http://json-schema.org/schema#")),
    ("title", st.just("t")),
    ("example", JSON),
    ("externalDocs", st.just({"url": "https://example.com"})),
    ("items", st.sampled_from(({}, {"type": "string"}, [], [{"type": "string"}], True))),
    ("additionalProperties", st.sampled_from((True, False, {}, {"type": "string"}))),
    ("properties", st.sampled_from(({}, {"a": {}}, {"metadata": {"type": "object"}}, {"a": {"type": "string"}}))),
    ("allOf", st.sampled_from(([], [{}], [{"type": "object"}], [{"properties": {"q": {"maxLength": 1}}}]))),
    ("anyOf", st.sampled_from(([{}], [{"default": 1}], [{"nullable": True}], [{"items": {"minimum": 1}}]))),
    ("oneOf", st.sampled_from(([{"required": ["a"]}, {"required": ["b"]}], [{"x-kubernetes-list-type": "set"}]))),
    ("not", st.sampled_from(({}, {"required": ["a"]}, {"properties": {"metadata": {}}}, {"description": "d"}))),
    ("x-kubernetes-preserve-unknown-fields", st.booleans()),
    ("x-kubernetes-int-or-string", st.booleans()),
    ("x-kubernetes-embedded-resource", st.booleans()),
    ("x-kubernetes-list-type", st.sampled_from(("set", "map", "atomic", "odd", ""))),
    ("x-kubernetes-list-map-keys", st.lists(st.sampled_from(("a", "b", "")), max_size=2)),
    ("x-kubernetes-map-type", st.sampled_from(("atomic", "granular", "odd", ""))),
]  # fmt: skip


def places(tree: Tree) -> list[Tree]:
    """Every schema within a schema."""
    found = [tree]
    below = [*tree.get("properties", {}).values(), tree.get("items"), tree.get("additionalProperties"), tree.get("not")]
    for word in ("oneOf", "anyOf", "allOf"):
        below += tree.get(word) or []
    for child in below:
        if isinstance(child, dict):
            found += places(child)
    return found


@st.composite
def spoiled(draw: Draw, depth: int = 3) -> Tree:
    """A schema with one or two words at one place set or taken away, as somebody might mistake them."""
    tree = copy.deepcopy(schema_of(draw, depth))
    place = draw(st.sampled_from(places(tree)))
    for _ in range(draw(st.integers(1, 2))):
        if place and sometimes(draw):
            place.pop(draw(st.sampled_from(sorted(place))))
        else:
            word, values = draw(st.sampled_from(ODD))
            place[word] = draw(values)
    return tree


# -- values ----------------------------------------------------------------------------------------


def value_for(draw: Draw, schema: Tree) -> Any:
    """A value that mostly fits."""
    if sometimes(draw, 25):
        return draw(JSON)
    if schema.get("nullable") and sometimes(draw):
        return None
    if schema.get("enum") and not sometimes(draw, 6):
        return draw(st.sampled_from(schema["enum"]))
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        return draw(st.sampled_from((1, "a", "10%")))
    if kind == "string":
        return draw(st.sampled_from(TEXTS))
    if kind == "integer":
        return draw(st.sampled_from((0, 1, 2, 3, -1, 2.0, 2**31, 2**53 + 1)))
    if kind == "number":
        return draw(st.sampled_from((0, 1, 1.5, -1, 0.1, 1e21)))
    if kind == "boolean":
        return draw(st.booleans())
    if kind == "array":
        items = schema.get("items")
        inner = items if isinstance(items, dict) else {}
        return [value_for(draw, inner) for _ in range(draw(st.integers(0, 3)))]
    if kind == "object":
        return _members(draw, schema)
    return draw(JSON)


def _members(draw: Draw, schema: Tree) -> Tree:
    found: Tree = {}
    additional = schema.get("additionalProperties")
    for name, child in (schema.get("properties") or {}).items():
        if name in (schema.get("required") or ()) or sometimes(draw, 2):
            found[name] = value_for(draw, child)
    if additional:
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True)):
            found.setdefault(name, value_for(draw, additional if isinstance(additional, dict) else {}))
    if schema.get("x-kubernetes-embedded-resource"):
        found |= {"apiVersion": "v1", "kind": "Thing"}
        if sometimes(draw, 2):
            found["metadata"] = draw(
                st.sampled_from(
                    ({"name": "n"}, {"name": "N_", "odd": 1}, {}, {"labels": {"a": "b"}}, {"labels": "a"}, None, 1)
                )
            )
    if sometimes(draw, 5):
        found[draw(st.sampled_from(("z", "metadata", "a")))] = draw(JSON)
    return found
