"""Gateways and routes that end-to-end tests make."""

from __future__ import annotations

from typing import Any, Protocol

from .conftest import Cluster, eventually

GROUP = "gateway.networking.k8s.io/v1"


class InCluster(Protocol):
    cluster: Cluster


def gateway(name: str, *listeners: dict[str, Any]) -> dict[str, Any]:
    spec = {"gatewayClassName": "pybernetes", "listeners": list(listeners)}
    return {"apiVersion": GROUP, "kind": "Gateway", "metadata": {"name": name}, "spec": spec}


def http_route(name: str, *rules: dict[str, Any], kind: str = "HTTPRoute", **spec: Any) -> dict[str, Any]:
    """Attached to the Gateway of its name, unless `spec` has other parents."""
    body = {"parentRefs": [{"name": name}], "rules": list(rules), **spec}
    return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": body}


def address_of(where: InCluster, name: str) -> str:
    """That of a Gateway, once it is programmed."""
    where.cluster.kubectl("wait", "--for=condition=Programmed", f"gateway/{name}", "--timeout=120s")
    found = eventually("it has an address", lambda: where.cluster.get("gateway", name)["status"].get("addresses"))
    return str(found[0]["value"])
