"""What load balancers ask a node: has it endpoints of a Service (healthCheckNodePort), and does its proxy work.

Source: pkg/proxy/healthcheck/service_health.go, proxy_health.go.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pybernetes.api.core.v1 import Node
from pybernetes.apimachinery.nodes import is_about_to_go
from pybernetes.apimachinery.times import format_time
from pybernetes.host.clock import Clock
from pybernetes.http.messages import Handler, Request, Response
from pybernetes.http.pages import page_not_found
from pybernetes.http.server import HttpServer

log = logging.getLogger(__name__)

_LATE_S = 60.0
"""A change that the kernel has not taken for so long makes the proxy unhealthy."""

Name = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class ProxyHealth:
    """How far the kernel's rules are behind."""

    clock: Clock
    families: Sequence[int]
    updated_s: float = 0.0
    pending_since_s: float | None = None

    def changed(self) -> None:
        if self.pending_since_s is None:
            self.pending_since_s = self.clock.now()

    def synced(self) -> None:
        self.pending_since_s, self.updated_s = None, self.clock.now()

    def is_healthy(self) -> bool:
        return self.pending_since_s is None or self.clock.now() - self.pending_since_s < _LATE_S

    def answer(self, request: Request, node: Node | None) -> Response:
        """/healthz, which turns load balancers away from a node that is about to go, and /livez, which does not."""
        if request.path not in ("/healthz", "/livez"):
            return page_not_found()
        healthy, now = self.is_healthy(), format_time(self.clock.now())
        state = {"lastUpdated": format_time(self.updated_s), "healthy": healthy}
        body: dict[str, object] = {"currentTime": now, "healthy": healthy}
        body["status"] = {f"IPv{family}": state for family in self.families}
        if request.path == "/healthz":
            body["nodeEligible"] = is_eligible(node)
            healthy = healthy and is_eligible(node)
        body["lastUpdated"] = now if healthy else state["lastUpdated"]
        return _json(healthy, json.dumps(body))


def is_eligible(node: Node | None) -> bool:
    """Whether load balancers may use the node."""
    return node is not None and not is_about_to_go(node)


def service_answer(service: Name, local_endpoints: int, healthy: bool) -> Response:
    """Its weight is the number of local endpoints."""
    namespace, name = service
    body = {
        "service": {"namespace": namespace, "name": name},
        "localEndpoints": local_endpoints,
        "serviceProxyHealthy": healthy,
    }
    answer = _json(local_endpoints > 0 and healthy, json.dumps(body, indent="\t"))
    answer.headers.append(("x-load-balancing-endpoint-weight", str(local_endpoints)))
    return answer


def _json(healthy: bool, body: str) -> Response:
    headers = [("content-type", "application/json"), ("x-content-type-options", "nosniff")]
    return Response(200 if healthy else 503, headers, body.encode())


class HealthServers:
    """A listener for each Service with a healthCheckNodePort, and those of the proxy itself."""

    def __init__(self, health: ProxyHealth, hosts: Sequence[str]) -> None:
        self._health = health
        self._hosts = hosts
        self._servers: dict[Name, tuple[int, HttpServer]] = {}
        self._local: Mapping[Name, int] = {}
        self._taken: dict[Name, int] = {}
        """Ports that could not be had, as was told."""
        self._own: list[HttpServer] = []

    async def start(self, port: int, handler: Handler, what: str, hosts: Sequence[str] = ()) -> None:
        """One of the proxy's own, at other addresses where `hosts` gives them."""
        made = await self._listen(port, handler, what, hosts)
        if made is not None:
            self._own.append(made)

    async def serve(self, ports: Mapping[Name, int], local: Mapping[Name, int]) -> None:
        """From now on for these Services; `local` are the numbers of their endpoints on this node."""
        self._local = local
        for service, (port, server) in list(self._servers.items()):
            if ports.get(service) != port:
                del self._servers[service]
                await server.stop(0)
        before, self._taken = self._taken, {}
        for service, port in ports.items():
            if service not in self._servers:
                what = "" if before.get(service) == port else f"the health of Service {'/'.join(service)}"
                made = await self._listen(port, self._handler(service), what)
                if made is not None:
                    self._servers[service] = port, made
                else:
                    self._taken[service] = port

    async def stop(self) -> None:
        for server in [*self._own, *(server for _, server in self._servers.values())]:
            await server.stop(0)
        self._own.clear()
        self._servers.clear()

    def _handler(self, service: Name) -> Handler:
        async def answer(_request: Request) -> Response:
            return service_answer(service, self._local.get(service, 0), self._health.is_healthy())

        return answer

    async def _listen(self, port: int, handler: Handler, what: str, hosts: Sequence[str] = ()) -> HttpServer | None:
        """None where the port cannot be had, which is told of `what`, unless that is empty."""
        server = HttpServer(handler, None, hosts or self._hosts, port)
        try:
            await server.start()
        except OSError as error:
            if what:
                log.warning("%s cannot be asked for at port %d: %s", what, port, error.strerror or error)
            return None
        return server
