from __future__ import annotations

import pytest

from pybernetes.api.apps import v1 as apps
from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import scheme
from pybernetes.apimachinery.schema import Schema, custom_resource, from_openapi, schema_of


def at(schema: Schema, path: str) -> Schema:
    for name in path.split("."):
        found = schema.element if name == "[]" else schema.fields[name]
        assert found is not None
        schema = found
    return schema


@pytest.mark.parametrize(
    ("path", "list_type", "keys", "merge_key", "strategies"),
    [
        ("spec.containers", "map", ("name",), "name", {"merge"}),
        ("spec.containers.[].ports", "map", ("containerPort", "protocol"), "containerPort", {"merge"}),
        ("spec.containers.[].command", "atomic", (), "", set()),
        ("spec.volumes", "map", ("name",), "name", {"merge", "retainKeys"}),
        ("spec.tolerations", "atomic", (), "", set()),
        ("spec.topologySpreadConstraints", "map", ("topologyKey", "whenUnsatisfiable"), "topologyKey", {"merge"}),
        ("metadata.finalizers", "set", (), "", {"merge"}),
        ("metadata.ownerReferences", "map", ("uid",), "uid", {"merge"}),
        ("status.conditions", "map", ("type",), "type", {"merge"}),
    ],
)
def test_lists_of_a_pod(path: str, list_type: str, keys: tuple[str, ...], merge_key: str, strategies: set[str]) -> None:
    schema = at(schema_of(core.Pod), path)
    assert (schema.kind, schema.list_type, schema.keys) == ("list", list_type, keys)
    assert schema.merge_key == merge_key
    assert set(schema.strategies) == strategies


def test_absent_keys_have_defaults() -> None:
    ports = at(schema_of(core.Pod), "spec.containers.[].ports")
    assert ports.defaults == {"containerPort": 0, "protocol": "TCP"}
    assert at(schema_of(core.Service), "spec.ports").defaults == {"port": 0, "protocol": "TCP"}


def test_atomic_and_granular_objects() -> None:
    deployment = schema_of(apps.Deployment)
    assert at(deployment, "spec.selector").atomic
    assert not at(deployment, "spec.template").atomic
    assert at(deployment, "spec.strategy").strategies == {"retainKeys"}
    assert at(schema_of(core.Service), "spec.selector").atomic


def test_scalars() -> None:
    pod = schema_of(core.Pod)
    assert at(pod, "metadata.creationTimestamp").scalar == "time"
    assert at(pod, "spec.priority").scalar == "int32"
    assert at(pod, "spec.containers.[].resources.limits.[]").scalar == "quantity"
    assert at(schema_of(core.Service), "spec.ports.[].targetPort").scalar == "int_or_string"
    assert at(schema_of(core.Secret), "data.[]").scalar == "bytes"


def test_every_kind_has_a_whole_schema() -> None:
    seen: set[type] = set()

    def visit(schema: Schema) -> None:
        if schema.kind == "list" and schema.list_type == "map":
            assert schema.element is not None and set(schema.keys) <= set(schema.element.fields)
        if schema.struct is not None and schema.struct not in seen:
            seen.add(schema.struct)
            for field in schema.fields.values():
                visit(field)
        elif schema.element is not None:
            visit(schema.element)

    for resource in scheme.RESOURCES:
        visit(schema_of(resource.struct()))
    assert len(seen) > 500


def test_openapi_schemas() -> None:
    schema = from_openapi(
        {
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                "b": {"x-kubernetes-int-or-string": True},
                "c": {"type": "object", "additionalProperties": {"type": "integer"}},
                "d": {"type": "object", "x-kubernetes-embedded-resource": True},
                "e": {"x-kubernetes-preserve-unknown-fields": True},
            },
        }
    )
    assert at(schema, "a").list_type == "set"
    assert at(schema, "b").scalar == "int_or_string"
    assert at(schema, "c.[]").scalar == "int64"
    assert at(schema, "d.metadata.name").scalar == "string"
    assert at(schema, "e").kind == "any"
    assert schema.child("z") is None


def test_a_custom_resource_always_has_metadata() -> None:
    assert at(custom_resource(None), "metadata.ownerReferences").keys == ("uid",)
    spec = custom_resource(None).child("spec")
    assert spec is not None and spec.kind == "any"
    typed = custom_resource({"type": "object", "properties": {"spec": {"type": "object"}}})
    assert typed.child("metadata") is not None
    assert typed.child("nope") is None
