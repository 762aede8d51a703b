"""Whole CustomResourceDefinitions as Hypothesis draws them: everything beside the schema, good and bad."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.rule_strategies import ruled
from tests.schema_strategies import Draw, Tree, schemas, sometimes, spoiled

PATHS = (
    ".spec.a", ".spec.b", ".status.a", ".metadata.name", ".spec", ".", "", "spec.a", ".spec.a.b", ".spec['x-y']",
    ".spec.for",
    ".spec.list[0]", ".spec.list[*].name", '.status.conditions[?(@.type=="Ready")].status', ".spec.zzz",
    "{.spec.a}", ".spec..a",
    ".spec.a[", ".spec.a[?(@.b)]", ".spec.a[1:2]", ".metadata.labels.a", ".metadata.labels['a\\.b/c']", ".a b",
    "$", ".spec.a\n",
    ".spec[?(", "..", ".spec.a.", ".status.replicas", ".spec.replicas",
)  # fmt: skip
NAMES = ("Gadget", "GadgetList", "gadgets", "", "Bad_Name", "a" * 70, "1a", "UPPER", "sub.domain", "g")
paths = st.sampled_from(PATHS)


def _perhaps(draw: Draw, tree: Tree, name: str, values: st.SearchStrategy[Any], one_of: int = 4) -> None:
    if sometimes(draw, one_of):
        tree[name] = draw(values)


def _column(draw: Draw) -> Tree:
    column: Tree = {"name": draw(st.sampled_from(("A", "A", "B", ""))), "jsonPath": draw(paths)}
    column["type"] = draw(st.sampled_from(("string", "integer", "number", "boolean", "date", "object", "")))
    _perhaps(draw, column, "format", st.sampled_from(("int32", "date-time", "odd", "")))
    _perhaps(draw, column, "priority", st.sampled_from((0, 1, -1, 2**31)))
    _perhaps(draw, column, "description", st.just("told"))
    return column


def _version(draw: Draw, name: str, storage: bool) -> Tree:
    spec = draw(st.one_of(schemas(depth=2), schemas(depth=2), ruled(depth=2), spoiled(depth=2)))
    fields = {"spec": spec, "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}
    if sometimes(draw, 8):
        fields["metadata"] = draw(
            st.sampled_from(
                (
                    {"type": "object"},
                    {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}},
                    {"type": "object", "properties": {"labels": {"type": "object"}}},
                    {"type": "object", "description": "told"},
                    {"type": "string"},
                )
            )
        )
    version: Tree = {"name": name, "served": not sometimes(draw, 8), "storage": storage}
    version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": fields}}
    if sometimes(draw, 12):
        version["schema"] = draw(st.sampled_from((None, {}, {"openAPIV3Schema": {}})))
    if sometimes(draw, 3):
        version["subresources"] = draw(st.sampled_from(({"status": {}}, {}, None, {"scale": {}})))
        if sometimes(draw, 2) and version["subresources"]:
            scale = {"specReplicasPath": draw(paths), "statusReplicasPath": draw(paths)}
            _perhaps(draw, scale, "labelSelectorPath", paths)
            version["subresources"]["scale"] = scale
    if sometimes(draw, 3):
        version["additionalPrinterColumns"] = [_column(draw) for _ in range(draw(st.integers(0, 2)))]
    if sometimes(draw, 4):
        version["selectableFields"] = [{"jsonPath": draw(paths)} for _ in range(draw(st.sampled_from((0, 1, 2, 9))))]
    _perhaps(draw, version, "deprecated", st.booleans(), 8)
    _perhaps(draw, version, "deprecationWarning", st.sampled_from(("old", "", "x" * 257, "a\nb")), 12)
    return version


CONVERSIONS = (
    {"strategy": "None"}, {"strategy": ""}, {"strategy": "Odd"}, {"strategy": "Webhook"},
    {"strategy": "None", "webhook": {"conversionReviewVersions": ["v1"]}},
    {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/x"}}},
    {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v9"], "clientConfig": {"url": "http://a b"}}},
    {"strategy": "Webhook", "webhook": {"conversionReviewVersions": [], "clientConfig": {"caBundle": "YQ=="}}},
    {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": "s", "namespace": "n", "port": 0}}}},
)  # fmt: skip


@st.composite
def definitions(draw: Draw, plural: str = "gadgets") -> Tree:
    """A definition of group fuzz.example.com, mostly good, with one or two versions."""
    names: Tree = {"plural": plural, "kind": plural.capitalize()}
    for field in ("singular", "listKind"):
        _perhaps(draw, names, field, st.sampled_from(NAMES), 8)
    for field in ("shortNames", "categories"):
        _perhaps(draw, names, field, st.lists(st.sampled_from(NAMES), max_size=2), 6)
    told = draw(st.sampled_from((("v1",), ("v1",), ("v1",), ("v1", "v2beta1"), ("v1", "v1"), ("V_1",))))
    stored = draw(st.sampled_from((0, 0, 0, 0, 0, 0, -1)))
    spec: Tree = {
        "group": "fuzz.example.com",
        "scope": draw(st.sampled_from(("Cluster", "Cluster", "Cluster", "Cluster", "Cluster", "Odd"))),
        "names": names,
        "versions": [_version(draw, name, i == stored) for i, name in enumerate(told)],
    }
    _perhaps(draw, spec, "conversion", st.sampled_from(CONVERSIONS), 5)
    _perhaps(draw, spec, "preserveUnknownFields", st.booleans(), 10)
    name = f"{plural}.fuzz.example.com" if not sometimes(draw, 30) else "other.fuzz.example.com"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": spec,
    }
