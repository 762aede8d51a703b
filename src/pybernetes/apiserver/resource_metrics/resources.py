"""The resources of metrics.k8s.io/v1beta1."""

from __future__ import annotations

from typing import Any

from pybernetes.apimachinery.scheme import Resource

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
PATH = f"/apis/{GROUP}/{VERSION}"
VERBS = ("get", "list")
NODES = Resource(GROUP, VERSION, "nodes", "NodeMetrics", False, VERBS)
PODS = Resource(GROUP, VERSION, "pods", "PodMetrics", True, VERBS)
RESOURCES: dict[str, Any] = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": f"{GROUP}/{VERSION}",
    "resources": [
        {
            "name": each.plural,
            "singularName": "",
            "namespaced": each.namespaced,
            "kind": each.kind,
            "verbs": list(VERBS),
        }
        for each in (NODES, PODS)
    ],
}
