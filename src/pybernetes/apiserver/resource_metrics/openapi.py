"""metrics.k8s.io/v1beta1 in OpenAPI v3: enough for clients that look up its kinds and verbs."""

from __future__ import annotations

from typing import Any

from pybernetes.apiserver.resource_metrics.resources import PATH

_OURS = "io.k8s.metrics.pkg.apis.metrics.v1beta1"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_QUANTITIES = {
    "type": "object",
    "description": "Amounts by the resource's name, cpu and memory.",
    "additionalProperties": {"type": "string"},
}
_TIMES = {
    "timestamp": {"type": "string", "format": "date-time", "description": "The end of the window."},
    "window": {"type": "string", "description": "How long the time is that usage was measured over."},
}
_TYPE = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _kind(name: str, description: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": required,
        "properties": {**_TYPE, **properties},
        "x-kubernetes-group-version-kind": [{"group": "metrics.k8s.io", "version": "v1beta1", "kind": name}],
    }


def _list_of(name: str) -> dict[str, Any]:
    items = {"type": "array", "items": _reference(f"{_OURS}.{name}")}
    properties = {"metadata": _reference(f"{_META}.ListMeta"), "items": items}
    return _kind(f"{name}List", f"Many {name}.", properties, ["items"])


def _operation(action: str, kind: str, answer: str, parameters: list[str]) -> dict[str, Any]:
    described = {
        "get": {
            "description": f"{action} {kind}",
            "operationId": f"{action}MetricsV1beta1{answer}{'ForAllNamespaces' if 'all' in parameters else ''}",
            "responses": {
                "200": {
                    "description": "OK",
                    "content": {"application/json": {"schema": _reference(f"{_OURS}.{answer}")}},
                }
            },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": {"group": "metrics.k8s.io", "version": "v1beta1", "kind": kind},
        }
    }
    found: dict[str, Any] = dict(described)
    found["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in parameters
        if name != "all"
    ]
    if action == "list":
        found["parameters"] += [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("labelSelector", "fieldSelector")
        ]
    return found


_METADATA = {"metadata": _reference(f"{_META}.ObjectMeta")}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Kubernetes metrics", "version": "v1beta1"},
    "components": {
        "schemas": {
            f"{_OURS}.NodeMetrics": _kind(
                "NodeMetrics",
                "What a node uses.",
                {**_METADATA, **_TIMES, "usage": _QUANTITIES},
                ["timestamp", "window", "usage"],
            ),
            f"{_OURS}.NodeMetricsList": _list_of("NodeMetrics"),
            f"{_OURS}.PodMetrics": _kind(
                "PodMetrics",
                "What the containers of a Pod use.",
                {
                    **_METADATA,
                    **_TIMES,
                    "containers": {"type": "array", "items": _reference(f"{_OURS}.ContainerMetrics")},
                },
                ["timestamp", "window", "containers"],
            ),
            f"{_OURS}.PodMetricsList": _list_of("PodMetrics"),
            f"{_OURS}.ContainerMetrics": {
                "type": "object",
                "description": "What a container uses.",
                "required": ["name", "usage"],
                "properties": {"name": {"type": "string"}, "usage": _QUANTITIES},
            },
            f"{_META}.ObjectMeta": {"type": "object"},
            f"{_META}.ListMeta": {"type": "object"},
        }
    },
    "paths": {
        f"{PATH}/nodes": _operation("list", "NodeMetrics", "NodeMetricsList", []),
        f"{PATH}/nodes/{{name}}": _operation("get", "NodeMetrics", "NodeMetrics", ["name"]),
        f"{PATH}/pods": _operation("list", "PodMetrics", "PodMetricsList", ["all"]),
        f"{PATH}/namespaces/{{namespace}}/pods": _operation("list", "PodMetrics", "PodMetricsList", ["namespace"]),
        f"{PATH}/namespaces/{{namespace}}/pods/{{name}}": _operation(
            "get", "PodMetrics", "PodMetrics", ["namespace", "name"]
        ),
    },
}
