"""Gateways and routes that tests are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Secret, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.ingress.gateways import routes
from pybernetes.ingress.gateways.api import AnyRoute, Gateway, GRPCRoute, HTTPRoute, ReferenceGrant
from pybernetes.ingress.gateways.routes import Objects, Told
from pybernetes.ingress.table import Frontend, Table

from ..objects import world

Tree = dict[str, Any]
OF = {"shop": {"team": "a"}, "other": {"team": "b"}}
"""Labels of namespaces."""


def meta(name: str, namespace: str = "shop", **more: Any) -> Tree:
    return {"name": name, "namespace": namespace, "generation": 1, **more}


def listener(name: str = "http", **more: Any) -> Tree:
    return {"name": name, "port": 80, "protocol": "HTTP", **more}


def secure(name: str = "https", *secrets: Tree, **more: Any) -> Tree:
    return {"name": name, "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": list(secrets)}, **more}


def gateway(*listeners: Tree, name: str = "g", **spec: Any) -> Gateway:
    body = {"gatewayClassName": "pybernetes", "listeners": list(listeners) or [listener()], **spec}
    return msgspec.convert({"metadata": meta(name, uid=f"uid-{name}"), "spec": body}, Gateway)


def to(name: str = "web", **more: Any) -> Tree:
    return {"name": name, "port": 80, **more}


def rule(*matches: Tree, backends: Sequence[Tree] = (to(),), **more: Any) -> Tree:
    return {"matches": list(matches), "backendRefs": list(backends), **more}


def prefix(value: str, **more: Any) -> Tree:
    return {"path": {"type": "PathPrefix", "value": value}, **more}


def http_route(*rules: Tree, name: str = "r", namespace: str = "shop", **spec: Any) -> HTTPRoute:
    parents = spec.pop("parents", [{"name": "g", "namespace": "shop"}])
    created = spec.pop("created", "2026-01-01T00:00:00Z")
    body = {"parentRefs": parents, "rules": list(rules) or [rule()], **spec}
    return msgspec.convert({"metadata": meta(name, namespace, creationTimestamp=created), "spec": body}, HTTPRoute)


def grpc_route(*rules: Tree, **spec: Any) -> GRPCRoute:
    body = {"parentRefs": [{"name": "g"}], "rules": list(rules), **spec}
    return msgspec.convert({"metadata": meta("calls"), "spec": body}, GRPCRoute)


def grant(namespace: str, kind: str, from_namespace: str, to_kind: str, name: str | None = None) -> ReferenceGrant:
    origin = {"group": "gateway.networking.k8s.io", "kind": kind, "namespace": from_namespace}
    body = {"from": [origin], "to": [{"group": "", "kind": to_kind, "name": name}]}
    return msgspec.convert({"metadata": meta("grant", namespace), "spec": body}, ReferenceGrant)


@dataclass
class Made:
    table: Table
    told: Told

    @property
    def frontend(self) -> Frontend:
        (found,) = self.table.frontends
        return found

    def said(self, kind: str, name: str = "r", namespace: str = "shop") -> str:
        """Of the first parent of a route, as STATUS REASON."""
        key = next(key for key in self.told.routes if key[1:] == (namespace, name))
        _, conditions = self.told.routes[key][0]
        return next(f"{c.status} {c.reason}" for c in conditions if c.type == kind)

    def of_gateway(self, kind: str) -> str:
        return next(f"{c.status} {c.reason}" for c in self.told.gateways["shop", "g"].conditions if c.type == kind)

    def of_listener(self, name: str) -> dict[str, str]:
        found = next(found for found in self.told.gateways["shop", "g"].listeners if found.name == name)
        return {c.type: f"{c.status} {c.reason}" for c in found.conditions}

    def attached(self) -> dict[str, int]:
        return {found.name: found.attachedRoutes for found in self.told.gateways["shop", "g"].listeners}

    def shown(self) -> list[str]:
        return [f"{r.host}{r.path}{'' if r.exact else '/*'} {r.target}" for r in self.frontend.routes]


def table(
    gateways: list[Gateway],
    found: Sequence[AnyRoute] = (),
    *objects: Service | EndpointSlice | Secret,
    grants: Sequence[ReferenceGrant] = (),
    address: str = "10.0.0.9",
) -> Made:
    made = Table()
    there = Objects(
        gateways, list(found), list(grants), lambda name: OF.get(name, {}),
        lambda key, port: ("127.0.0.1", 20000 + port), lambda key: address,
    )  # fmt: skip
    return Made(made, routes.add_to(made, there, world(*objects)))
