"""Writes src/pybernetes/api from the v1.36 OpenAPI definitions of the package kubernetes-validate.

A Struct carries names and types only; descriptions stay in that package and are read at run time.

How a property becomes a field:

* A required scalar, list or map has Go's zero value as its default and is always encoded, as
  Go encodes a field without omitempty; a required time is null then.
* An optional list or map is empty by default and left out when empty; a list of ABSENT_LISTS is None by default.
* An optional scalar or object is None by default and left out then.
* `metadata` is always there; so are other structs, and times as null, where Go has no pointer there.
* A pointer without omitempty, and a list of NULL_LISTS, is None by default and encoded as null.
* An optional scalar that Go holds as a value is a Zero… scalar: "", false and 0 count as absent (scalars.normalise).

What OpenAPI does not say of the last two is in go_facts.json, which go_facts.py writes.

Beside each module stands `<version>_merge.py` with what its lists and maps mean to a merge (the x-kubernetes-*
extensions); `pybernetes.apimachinery.schema` reads it when a patch or an apply needs it.

Usage: python codegen/generate.py
"""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

VERSION = "v1.36.0-local"
OUT = Path(__file__).parent.parent / "src/pybernetes/api"
FACTS = Path(__file__).parent / "go_facts.json"
SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "Quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "IntOrString",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "Time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "MicroTime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "Any",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "Any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "Any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "Any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "Any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "Any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "Any",
}
ZERO = {
    "str": "string",
    "bool": "false",
    "Int32": "zero",
    "Int64": "zero",
    "float": "zero_float",
    "Bytes": "string",
    "Quantity": "quantity",
    "IntOrString": "zero",
}
KEY_DEFAULTS = {
    ("ContainerPort", "protocol"): "TCP",
    ("ServicePort", "protocol"): "TCP",
    ("LocalObjectReference", "name"): "",
}
"""What an absent field of a list's key counts as, where that is not the zero value of a required field."""
NULL_LISTS = {
    "AllocatedDeviceStatus": ("conditions",),
    "ClusterRole": ("rules",),
    "ContainerImage": ("names",),
    "CSINodeDriver": ("topologyKeys",),
    "CSINodeSpec": ("drivers",),
    "DeviceClaim": ("requests",),
    "EndpointSlice": ("endpoints", "ports"),
    "HorizontalPodAutoscalerStatus": ("currentMetrics",),
    "LimitRangeSpec": ("limits",),
    "PodFailurePolicy": ("rules",),
    "ProjectedVolumeSource": ("sources",),
    "Role": ("rules",),
}
"""Lists without omitempty that validation lets be empty: Go has nil for these and writes null."""
ABSENT_LISTS = {"HPAScalingRules": ("policies",)}
"""Optional lists that are given a default when they are absent, and refused when they are there and empty."""
ABSENT = {"str": "ZeroStr", "bool": "ZeroBool", "Int32": "ZeroInt32", "Int64": "ZeroInt64", "float": "ZeroFloat"}
RESERVED = {"list", "dict", "str", "int", "bool", "float", "Any", "field"}


def definitions() -> dict[str, Any]:
    spec = importlib.util.find_spec("kubernetes_validate")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "kubernetes-json-schema" / VERSION / "_definitions.json"
    loaded: dict[str, Any] = json.loads(path.read_text())["$defs"]
    return loaded


def place(name: str) -> tuple[str, str, str]:
    """('core', 'v1', 'Pod') of io.k8s.api.core.v1.Pod."""
    *_, group, version, kind = name.split(".")
    if name.startswith("io.k8s.apimachinery.pkg.version."):
        return "meta", "v1", "Info"
    return group, version, kind


def nullable(schema: dict[str, Any]) -> bool:
    return isinstance(schema.get("type"), list)


def type_of(schema: dict[str, Any], here: tuple[str, str], uses: set[tuple[str, str]]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name in SCALARS:
            return SCALARS[name]
        group, version, struct = place(name)
        if (group, version) == here:
            return struct
        uses.add((group, version))
        return f"{group}_{version}.{struct}"
    kinds = schema.get("type")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "array":
        if schema.get("format") == "byte":
            return "Bytes"
        return f"list[{type_of(schema['items'], here, uses)}]"
    if kind == "object":
        if "additionalProperties" in schema:
            return f"dict[str, {type_of(schema['additionalProperties'], here, uses)}]"
        return "Any"
    if kind == "string":
        return "Bytes" if schema.get("format") == "byte" else "str"
    if kind == "integer":
        return "Int64" if schema.get("format") == "int64" else "Int32"
    if kind == "boolean":
        return "bool"
    if kind == "number":
        return "float"
    return "Any"


def field_line(
    name: str,
    schema: dict[str, Any],
    required: bool,
    top: bool,
    here: tuple[str, str],
    uses: set[tuple[str, str]],
    defs: dict[str, Any],
    owner: str,
    fact: str,
) -> str:
    kind = type_of(schema, here, uses)
    python = re.sub(r"\W", "_", name)
    if keyword.iskeyword(python) or python in RESERVED:
        python += "_"
    renamed = f"name={name!r}" if python != name else ""
    struct = kind[0].isupper() or ("_v" in kind and not kind.startswith(("list", "dict")))
    struct = struct and kind not in {"Any", *SCALARS.values(), "Int32", "Int64", "Bytes"}

    def made(factory: str) -> str:
        return "field(" + ", ".join(x for x in (f"default_factory={factory}", renamed) if x) + ")"

    plain = f"field(default={{}}, {renamed})" if renamed else "{}"
    if name == "apiVersion" and top:
        return f"    apiVersion: str = {made(repr_factory(owner, defs, 'apiVersion'))}"
    if name == "kind" and top:
        return f"    kind: str = {made(repr_factory(owner, defs, 'kind'))}"
    if fact == "null" and required and (struct or kind in ZERO):
        return f"    {python}: {kind} | None = {made('zero.null')}"
    if struct and (
        (required and fact != "dropped")
        or fact == "shown"
        or (top and name in {"metadata", "spec", "status"})
        or (name == "metadata" and kind.endswith("ObjectMeta"))
    ):
        return f"    {python}: {kind} = {made(f'lambda: {kind}()')}"
    if name in NULL_LISTS.get(place(owner)[2], ()) and kind.startswith("list["):
        return f"    {python}: {kind} | None = {made('zero.null')}"
    if name in ABSENT_LISTS.get(place(owner)[2], ()):
        return f"    {python}: {kind} | None = None"
    if fact == "dropped":
        required = False
        if kind == "str":
            return f"    {python}: str = " + (f'field(default="", {renamed})' if renamed else '""')
    if kind.startswith("list["):
        return f"    {python}: {kind} = " + (made("zero.array") if required else plain.format("[]"))
    if kind.startswith("dict["):
        empty = f"field(default_factory=dict, {renamed})" if renamed else "{}"
        return f"    {python}: {kind} = " + (made("zero.object") if required else empty)
    required = required or fact == "shown"
    if (required and kind in {"Time", "MicroTime"}) or (fact == "null" and not required):
        return f"    {python}: {kind} | None = {made('zero.null')}"
    if required and kind in ZERO:
        return f"    {python}: {kind} = {made('zero.' + ZERO[kind])}"
    if kind == "Any":
        return f"    {python}: Any = " + plain.format("None")
    if fact == "absent":
        kind = ABSENT.get(kind, kind)
    return f"    {python}: {kind} | None = " + plain.format("None")


def repr_factory(owner: str, defs: dict[str, Any], what: str) -> str:
    gvk = defs[owner]["x-kubernetes-group-version-kind"][0]
    value = gvk["kind"] if what == "kind" else f"{gvk['group']}/{gvk['version']}".lstrip("/")
    return f'lambda: "{value}"'


def merge_facts(defs: dict[str, Any], names: list[str]) -> str:
    """The module text with the merge facts of some definitions; empty when all are the defaults."""
    fields: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {}
    atomic: list[str] = []
    for name in names:
        struct = place(name)[2]
        if defs[name].get("x-kubernetes-map-type") == "atomic":
            atomic.append(struct)
        for p, schema in defs[name].get("properties", {}).items():
            fact = (
                schema.get("x-kubernetes-list-type", ""),
                tuple(schema.get("x-kubernetes-list-map-keys", ())),
                schema.get("x-kubernetes-patch-merge-key", ""),
                schema.get("x-kubernetes-patch-strategy", ""),
                schema.get("x-kubernetes-map-type", ""),
            )
            if fact not in {("", (), "", "", ""), ("atomic", (), "", "", "")}:
                fields.setdefault(struct, {})[p] = fact
    defaults = key_defaults(defs, names)
    if not (fields or atomic or defaults):
        return ""
    lines = ['"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""', ""]
    lines.append("FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {")
    for struct, facts in sorted(fields.items()):
        lines.append(f"    {struct!r}: {{")
        lines += [f"        {p!r}: {fact!r}," for p, fact in sorted(facts.items())]
        lines.append("    },")
    lines += ["}", f"ATOMIC: list[str] = {sorted(atomic)!r}"]
    lines.append(f"DEFAULTS: dict[str, dict[str, str | int]] = {defaults!r}")
    return "\n".join(lines) + "\n"


def key_defaults(defs: dict[str, Any], names: list[str]) -> dict[str, dict[str, Any]]:
    """For structs that are elements of keyed lists: what an absent key field counts as."""
    used: dict[str, set[str]] = defaultdict(set)
    for schema in defs.values():
        for p in schema.get("properties", {}).values():
            keys = p.get("x-kubernetes-list-map-keys") or filter(None, [p.get("x-kubernetes-patch-merge-key")])
            if "$ref" in p.get("items", {}):
                used[p["items"]["$ref"].removeprefix("#/$defs/")].update(keys)
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        struct = place(name)[2]
        for key in sorted(used.get(name, ())):
            schema = defs[name]["properties"][key]
            if (struct, key) in KEY_DEFAULTS:
                found.setdefault(struct, {})[key] = KEY_DEFAULTS[struct, key]
            elif key in defs[name].get("required", ()):
                kinds = schema.get("type")
                kind = kinds[0] if isinstance(kinds, list) else kinds
                found.setdefault(struct, {})[key] = 0 if kind == "integer" else ""
    return found


def go_facts(here: tuple[str, str], struct: str, known: dict[str, dict[str, list[str]]]) -> dict[str, str]:
    """The fact of go_facts.json by field of a Struct."""
    groups = known.get(f"{here[0]}/{here[1]}.{struct}", {})
    return {name: what for what, names in groups.items() for name in names}


def struct_module(
    here: tuple[str, str], names: list[str], defs: dict[str, Any], known: dict[str, dict[str, list[str]]]
) -> str:
    """The module text with the Structs of a group-version."""
    uses: set[tuple[str, str]] = set()
    body: list[str] = []
    for name in sorted(names, key=lambda n: place(n)[2]):
        schema = defs[name]
        gvks = schema.get("x-kubernetes-group-version-kind", [])
        top = bool(gvks) and "apiVersion" in schema.get("properties", {}) and "kind" in schema["properties"]
        options = "kw_only=True, omit_defaults=True, forbid_unknown_fields=True"
        body += ["", "", f"class {place(name)[2]}(Struct, {options}):"]
        properties = schema.get("properties", {})
        order = [p for p in ("apiVersion", "kind", "metadata") if p in properties and top]
        order += [p for p in properties if p not in order]
        if not order:
            body.append("    pass")
        facts = go_facts(here, place(name)[2], known)
        for p in order:
            required = p in schema.get("required", [])
            body.append(field_line(p, properties[p], required, top, here, uses, defs, name, facts.get(p, "")))
    text = "\n".join(body)
    return "\n".join(module_head(here, text, uses)).rstrip() + text.rstrip() + "\n"


def module_head(here: tuple[str, str], text: str, uses: set[tuple[str, str]]) -> list[str]:
    head = [
        f'"""Structs of the group-version {here[0]}/{here[1]}. Written by codegen/generate.py; do not edit."""',
        "",
        "from __future__ import annotations",
        "",
    ]
    if "Any" in re.findall(r"\bAny\b", text):
        head += ["from typing import Any", ""]
    head.append("from msgspec import Struct" + (", field" if "field(" in text else ""))
    head.append("")
    scalars = sorted(
        s
        for s in {"Bytes", "Int32", "Int64", "IntOrString", "MicroTime", "Quantity", "Time", *ABSENT.values()}
        if re.search(rf"\b{s}\b", re.sub(r"\bclass \w+", "", text))
    )
    if "zero." in text:
        head.append("from pybernetes.api import _zero as zero")
    if scalars:
        head.append(f"from pybernetes.api._scalars import {', '.join(scalars)}")
    return head + [f"from pybernetes.api.{g} import {v} as {g}_{v}" for g, v in sorted(uses)]


def generated() -> dict[Path, str]:
    """Every file below src/pybernetes/api that is written here, by path."""
    defs = definitions()
    known: dict[str, dict[str, list[str]]] = json.loads(FACTS.read_text())
    modules: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in defs:
        if name not in SCALARS:
            modules[place(name)[:2]].append(name)
    files: dict[Path, str] = {}
    for here, names in sorted(modules.items()):
        folder = OUT / here[0]
        files[folder / "__init__.py"] = ""
        files[folder / f"{here[1]}.py"] = struct_module(here, names, defs, known)
        if facts := merge_facts(defs, names):
            files[folder / f"{here[1]}_merge.py"] = facts
    return files


def main() -> None:
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
