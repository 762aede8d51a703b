"""Pure: Services and what is done to their requests → backends of the table, each made once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from pybernetes.api.core.v1 import Service, ServicePort
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.services import is_ready
from pybernetes.host.ip_families import socket_address
from pybernetes.ingress.table import Backend, Key, Problem, Table, Treatment, World

_PROTOCOLS = {
    "kubernetes.io/h2c": "h2c", "h2c": "h2c", "grpc": "h2c", "grpcs": "h2", "https": "https", "http": "http",
    "kubernetes.io/ws": "http", "kubernetes.io/wss": "https",
}  # fmt: skip


class Unreachable(Exception):
    """A rule leads nowhere, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Backends:
    def __init__(self, table: Table, world: World) -> None:
        self._table = table
        self._world = world

    def lead(self, service: Key, wanted: int | str | None, treatment: Treatment, protocol: str = "") -> str:
        """The backend of a Service's port, by number or name; `protocol` "" leaves it to the port's appProtocol.

        Raises Unreachable.
        """
        self._table.services.add(service)
        found = self._world.service(*service)
        port = _port(service, found, wanted)
        protocol = protocol or _PROTOCOLS.get((port.appProtocol or "").lower(), "http")
        name = f"{service[0]}_{service[1]}_{port.port}"
        if treatment != Treatment() or protocol != "http":
            name += _mark(treatment, protocol)
        if name not in self._table.backends:
            servers = endpoints(self._world.slices(*service), port)
            self._table.backends[name] = Backend(name, protocol, treatment, servers)
            self._table.leads.setdefault(service, {})[name] = port
        return name

    def answer(self, treatment: Treatment) -> str:
        """A backend without a Service, that redirects."""
        name = f"redirect{_mark(treatment, '')}"
        self._table.backends[name] = Backend(name, "http", treatment, ())
        return name


def moved(table: Table, world: World, services: Iterable[Key]) -> set[str] | None:
    """Brings the endpoints of Services up to date; which backends changed. None when one is nobody's backend."""
    found: set[str] = set()
    for service in services:
        if service not in table.leads:
            return None
        for name, port in table.leads[service].items():
            backend = table.backends[name]
            servers = endpoints(world.slices(*service), port)
            if servers != backend.servers:
                table.backends[name] = replace(backend, servers=servers)
                found.add(name)
    return found


def _mark(treatment: Treatment, protocol: str) -> str:
    return "_" + sha256(repr((treatment, protocol)).encode()).hexdigest()[:8]


def _port(key: Key, service: Service | None, wanted: int | str | None) -> ServicePort:
    if service is None:
        raise Unreachable(Problem("ServiceNotFound", f"Service {'/'.join(key)} is not there"))
    if service.spec.type == "ExternalName":
        raise Unreachable(Problem("ExternalName", f"Service {key[1]} leads out of the cluster, which is not supported"))
    port = next((p for p in service.spec.ports if wanted == (p.name if isinstance(wanted, str) else p.port)), None)
    if port is None or (port.protocol or "TCP") != "TCP":
        raise Unreachable(Problem("PortNotFound", f"Service {key[1]} has no TCP port {wanted}"))
    return port


def endpoints(slices: Iterable[EndpointSlice], port: ServicePort) -> tuple[str, ...]:
    """ADDRESS:PORT of the ready endpoints; without any, of those that terminate but serve still (KEP-1669)."""
    ready: set[str] = set()
    leaving: set[str] = set()
    for piece in slices:
        if piece.addressType not in ("IPv4", "IPv6"):
            continue
        named = [p for p in piece.ports or () if (p.name or "") == (port.name or "")]
        number = next((p.port for p in named if (p.protocol or "TCP") == "TCP"), None)
        if not number:
            continue
        for endpoint in piece.endpoints or ():
            if is_ready(endpoint):
                target = ready
            elif endpoint.conditions.serving and endpoint.conditions.terminating:
                target = leaving
            else:
                continue
            target.update(socket_address(address, number) for address in endpoint.addresses[:1])
    return tuple(sorted(ready or leaving))
