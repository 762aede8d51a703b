"""What the tests of client libraries share: a custom resource and a Pod that serves and talks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import IMAGE, Cluster

GROUP = "clients.example.com"

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["color"],
            "properties": {
                "color": {"type": "string", "enum": ["red", "blue"]},
                "size": {"type": "integer", "default": 1},
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"gadgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _SCHEMA},
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
                },
            }
        ],
    },
}

_SERVE = "trap 'exit 0' TERM; echo served > /tmp/index.html; echo one; echo two; httpd -f -p 8080 -h /tmp & wait"
BOX: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "box", "labels": {"app": "box"}},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "main",
                "image": IMAGE,
                "command": ["sh", "-c", _SERVE],
                "ports": [{"containerPort": 8080, "name": "web"}],
                "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1},
            }
        ],
    },
}
"""A Pod that writes two lines and serves a page on 8080; it is ready when it does."""


@pytest.fixture(scope="session")
def gadgets(cluster: Cluster) -> Iterator[str]:
    """A custom resource with status and scale; the name of its group."""
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_CRD))
    cluster.kubectl("wait", "--for=condition=Established", f"crd/gadgets.{GROUP}", "--timeout=120s")
    yield GROUP
    cluster.kubectl("delete", "crd", f"gadgets.{GROUP}", "--wait=false")
