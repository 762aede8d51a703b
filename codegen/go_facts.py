"""Writes codegen/go_facts.json: what Go's encoder does with the zero value of each field, where OpenAPI does not say.

The published schemas know names, types and what is required. Whether `hostNetwork: false` is kept or left out, and
whether an unset struct shows as `{}`, depends on pointers and `omitempty` in the Go types. By struct and field:

absent   a value (no pointer) with omitempty: its zero value counts as not given
shown    not required by the schema, yet always written: a struct or time that is no pointer, or no omitempty
null     a pointer without omitempty: written as null when unset
dropped  required by the schema, yet left out when zero

Usage: python codegen/go_facts.py <checkout of kubernetes v1.36>
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from generate import SCALARS, definitions, place

OUT = Path(__file__).parent / "go_facts.json"
_STAGING = Path("staging/src/k8s.io")
_META = _STAGING / "apimachinery/pkg/apis/meta/v1"
_CORE = _STAGING / "api/core/v1"
_SCALARS = {"string", "bool", "int", "int32", "int64", "uint32", "float64", "byte", "UID", "NodeName", "PatchType"}
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"^\s*(?:\w+\s+)?(\S+)\s+`[^`]*json:\"([^\"]*)\"")
_NAMED = re.compile(r"^(?:type |\t)(\w+)\s+=?\s*([\w.\[\]*]+)$", re.M)


class Field(NamedTuple):
    name: str
    kind: str
    """pointer, list, map, scalar, time, struct."""
    omitted: bool
    """omitempty leaves its zero value out (or omitzero does)."""


class Package:
    """The Go types of one folder."""

    def __init__(self, folder: Path) -> None:
        self.structs: dict[str, str] = {}
        self.named: dict[str, str] = {}
        for path in sorted(folder.glob("*.go")):
            if "generated" in path.name or path.name.endswith("_test.go"):
                continue
            text = path.read_text()
            self.structs |= dict(_STRUCT.findall(text))
            self.named |= dict(_NAMED.findall(re.sub(_STRUCT, "", text)))


class Source:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._packages: dict[Path, Package] = {}

    def package(self, folder: Path) -> Package:
        if folder not in self._packages:
            self._packages[folder] = Package(self.root / folder)
        return self._packages[folder]

    def folder(self, definition: str) -> Path | None:
        group, version, _ = place(definition)
        if definition.startswith("io.k8s.api."):
            return _STAGING / "api" / group / version
        if ".apimachinery.pkg.apis.meta." in definition:
            return _META
        if ".apiextensions." in definition:
            return _STAGING / "apiextensions-apiserver/pkg/apis/apiextensions" / version
        if ".apiregistration." in definition:
            return _STAGING / "kube-aggregator/pkg/apis/apiregistration" / version
        return None

    def fields(self, folder: Path, name: str) -> Iterator[Field]:
        package = self.package(folder)
        while name not in package.structs and name in package.named:
            name = package.named[name]
        for line in package.structs.get(name, "").splitlines():
            found = _FIELD.match(line)
            if found is None or line.lstrip().startswith("//"):
                continue
            go_type, (wire, *options) = found[1], found[2].split(",")
            if wire:
                kind = self.kind(go_type, folder)
                values = {"scalar", "list", "map", "pointer"}
                omitted = "omitzero" in options or ("omitempty" in options and kind in values)
                yield Field(wire, kind, omitted)
            elif go_type.rpartition(".")[2] not in ("TypeMeta", "ObjectMeta"):
                embedded, inner = self.owner(go_type, folder)
                yield from self.fields(embedded, inner)

    def owner(self, go_type: str, folder: Path) -> tuple[Path, str]:
        package, _, name = go_type.rpartition(".")
        if not package:
            return folder, name
        known = self.package(_CORE)
        in_core = package != "metav1" and (name in known.structs or name in known.named)
        return (_CORE if in_core else _META), name

    def kind(self, go_type: str, folder: Path) -> str:
        if go_type.startswith("*"):
            return "pointer"
        if go_type.startswith("["):
            return "list"
        if go_type.startswith("map"):
            return "map"
        name = go_type.rpartition(".")[2]
        if name in ("Time", "MicroTime"):
            return "time"
        if name in ("Quantity", "IntOrString"):
            return "struct"
        if name in _SCALARS:
            return "scalar"
        owner, name = self.owner(go_type, folder)
        package = self.package(owner)
        if name in package.structs:
            return "struct"
        return self.kind(package.named[name], owner) if name in package.named else "unknown"


def facts(source: Source) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for definition, schema in definitions().items():
        folder = source.folder(definition)
        if definition in SCALARS or folder is None:
            continue
        group, version, struct = place(definition)
        required = schema.get("required", [])
        groups: dict[str, list[str]] = defaultdict(list)
        for field in source.fields(folder, struct):
            if field.name == "metadata" or field.name not in schema.get("properties", {}):
                continue
            what = _fact(field, field.name in required)
            if what:
                groups[what].append(field.name)
        if groups:
            found[f"{group}/{version}.{struct}"] = {what: sorted(names) for what, names in sorted(groups.items())}
    return found


def _fact(field: Field, required: bool) -> str:
    if field.kind == "pointer":
        return "" if field.omitted else "null"
    if required:
        return "dropped" if field.omitted and field.kind != "struct" else ""
    if field.kind == "scalar" and field.omitted:
        return "absent"
    if field.kind in ("scalar", "list", "map", "struct", "time") and not field.omitted:
        return "shown"
    return ""


def main() -> None:
    found = facts(Source(Path(sys.argv[1])))
    OUT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
