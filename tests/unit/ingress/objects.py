"""Objects and tables that the tests of Ingresses are made of."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Secret, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.api.networking.v1 import Ingress
from pybernetes.ingress.ingresses import routes
from pybernetes.ingress.ingresses.annotations import PREFIX
from pybernetes.ingress.ingresses.routes import Entry, Told
from pybernetes.ingress.table import Table, World


def path(where: str = "/", service: str = "web", kind: str = "Prefix", port: Any = 80) -> dict[str, Any]:
    number = {"number": port} if isinstance(port, int) else {"name": port}
    return {"path": where, "pathType": kind, "backend": {"service": {"name": service, "port": number}}}


def ingress(name: str, *rules: tuple[str, list[dict[str, Any]]], **more: Any) -> Ingress:
    annotations = {PREFIX + key: value for key, value in more.pop("annotations", {}).items()}
    created = more.pop("created", "2026-01-01T00:00:00Z")
    spec = {"rules": [{"host": host, "http": {"paths": paths}} for host, paths in rules], **more}
    meta = {"name": name, "namespace": "shop", "creationTimestamp": created, "annotations": annotations}
    return msgspec.convert({"metadata": meta, "spec": spec}, Ingress)


def service(name: str, *ports: dict[str, Any], **spec: Any) -> Service:
    body = {"metadata": {"name": name, "namespace": "shop"}, "spec": {"ports": list(ports) or [{"port": 80}], **spec}}
    return msgspec.convert(body, Service)


def endpoints(service: str, *found: tuple[str, dict[str, bool]], **port: Any) -> EndpointSlice:
    body = {
        "metadata": {"name": service, "namespace": "shop"}, "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": conditions} for address, conditions in found],
        "ports": [{"port": 8080, "protocol": "TCP", **port}],
    }  # fmt: skip
    return msgspec.convert(body, EndpointSlice)


def secret(name: str, **data: bytes) -> Secret:
    texts = {key.replace("_", "."): b64encode(value).decode() for key, value in data.items()}
    return msgspec.convert({"metadata": {"name": name, "namespace": "shop"}, "data": texts}, Secret)


ENTRY = Entry(("127.0.0.1", "fd00::2"), 9080, 9443)


def world(*objects: Service | EndpointSlice | Secret) -> World:
    def named(kind: type, namespace: str, name: str) -> Any:
        same = [
            o for o in objects if isinstance(o, kind) and (o.metadata.namespace, o.metadata.name) == (namespace, name)
        ]
        return same[0] if same else None

    def slices(namespace: str, name: str) -> list[EndpointSlice]:
        return [found] if (found := named(EndpointSlice, namespace, name)) else []

    return World(
        service=lambda namespace, name: named(Service, namespace, name),
        slices=slices,
        secret=lambda namespace, name: named(Secret, namespace, name),
        certificate_fault=lambda pem: "" if b"GOOD" in pem else "it is no certificate with its key",
    )


@dataclass
class Made:
    table: Table
    told: Told


def table(ingresses: list[Ingress], *objects: Service | EndpointSlice | Secret) -> Made:
    made = Table()
    return Made(made, routes.add_to(made, ingresses, world(*objects), ENTRY))
