"""The schemas of the API's types, one at a time, as upstream's OpenAPI v2 and v3 documents have them.

The package kubernetes-validate carries upstream's v2 definitions turned into JSON Schema: types made nullable,
constants for apiVersion and kind, references into $defs. That is undone here; v3 is made from v2 by upstream's rules.

Source: kube-openapi/pkg/openapiconv (v2 to v3), kube-openapi/pkg/generators (defaults).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

V2_PREFIX = "#/definitions/"
V3_PREFIX = "#/components/schemas/"
_STORED_PREFIX = "#/$defs/"
_KUBERNETES = "v1.36*-local"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_NOT_DEFAULTED = (
    _QUANTITY,
    _INT_OR_STRING,
    _META + "Time",
    _META + "MicroTime",
    _META + "LabelSelector",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
)
_UNION_TYPES = {
    _QUANTITY: (
        "A number with a unit: a decimal number and one of the suffixes n u m k M G T P E (powers of 1000), "
        "Ki Mi Gi Ti Pi Ei (powers of 1024), or an exponent such as e3. Written back in canonical form, "
        "exact to 10^-9: 0.5 as 500m, 1.5Gi as 1536Mi.",
        "",
        ("string", "number"),
    ),
    _INT_OR_STRING: (
        "A 32-bit integer or a string: a port by number or by name, a count or a percentage.",
        "int-or-string",
        ("integer", "string"),
    ),
}
"""Types that are two things on the wire: (description, format, types); v2 can only say string."""
_ALWAYS_THERE = ("spec", "status", "resources", "template", "strategy")
"""Fields that are no pointers in Go although they are optional."""
_DEFAULTS = {"protocol": "TCP"}
_ZERO: dict[str, Any] = {"string": "", "integer": 0, "boolean": False}


def location() -> Path:
    """The file with all definitions."""
    spec = importlib.util.find_spec("kubernetes_validate")
    assert spec is not None and spec.origin is not None
    folders = sorted((Path(spec.origin).parent / "kubernetes-json-schema").glob(_KUBERNETES))
    return folders[-1] / "_definitions.json"


class _File(msgspec.Struct):
    definitions: dict[str, msgspec.Raw] = msgspec.field(name="$defs")


class Definitions:
    """All definitions, each kept as its bytes and decoded only when it is asked for."""

    def __init__(self, stored: bytes) -> None:
        self._raw = msgspec.json.decode(stored, type=_File).definitions

    @property
    def names(self) -> list[str]:
        return sorted(self._raw)

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def v2(self, name: str) -> dict[str, Any]:
        """The definition as /openapi/v2 has it."""
        tree: dict[str, Any] = msgspec.json.decode(self._raw[name])
        if name in _UNION_TYPES:
            description, form, _ = _UNION_TYPES[name]
            return {"description": description, **({"format": form} if form else {}), "type": "string"}
        for field in ("apiVersion", "kind"):
            tree.get("properties", {}).get(field, {}).pop("enum", None)
        plain: dict[str, Any] = _plain(tree)
        return plain

    def v3(self, name: str) -> dict[str, Any]:
        """The definition as a document of /openapi/v3 has it."""
        if name in _UNION_TYPES:
            description, form, types = _UNION_TYPES[name]
            tree: dict[str, Any] = {"description": description, "oneOf": [{"type": t} for t in types]}
            return {**tree, "format": form} if form else tree
        tree = self.v2(name)
        required = tree.get("required", ())
        properties = tree.get("properties")
        if properties:
            tree["properties"] = {p: _v3_property(p, schema, p in required) for p, schema in properties.items()}
        converted: dict[str, Any] = _v3_references(tree)
        return converted


def references(tree: Any) -> Iterator[str]:
    """The names of the definitions that a v2 or v3 schema refers to."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from references(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from references(item)


def _plain(tree: Any) -> Any:
    """Without the nulls among the types, and with v2's references."""
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    result = {}
    for key, value in tree.items():
        if key == "type" and isinstance(value, list):
            value = next(kind for kind in value if kind != "null")
        elif key == "$ref" and isinstance(value, str):
            value = V2_PREFIX + value.removeprefix(_STORED_PREFIX)
        else:
            value = _plain(value)
        result[key] = value
    return result


def _v3_property(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    """With its default: Go's zero value where the field is always there."""
    if "$ref" in schema:
        target = schema["$ref"].removeprefix(V2_PREFIX)
        always = target in (_META + "ObjectMeta", _META + "ListMeta") or name in _ALWAYS_THERE
        if (always or required) and target not in _NOT_DEFAULTED:
            return {**schema, "default": {}}
    elif name in _DEFAULTS and "Defaults to" in schema.get("description", ""):
        return {**schema, "default": _DEFAULTS[name]}
    elif required and "format" not in schema and schema.get("type") in _ZERO:
        return {**schema, "default": _ZERO[schema["type"]]}
    elif required and schema.get("format") in ("int32", "int64"):
        return {**schema, "default": 0}
    return schema


def _v3_references(tree: Any) -> Any:
    """References into components; one that has company goes into an allOf, since v3 ignores what stands beside it."""
    if isinstance(tree, list):
        return [_v3_references(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    result = {}
    for key, value in tree.items():
        if key == "$ref" and isinstance(value, str):
            value = V3_PREFIX + value.removeprefix(V2_PREFIX)
            if len(tree) > 1:
                result["allOf"] = [{"$ref": value}]
                continue
        else:
            value = _v3_references(value)
        result[key] = value
    return result
