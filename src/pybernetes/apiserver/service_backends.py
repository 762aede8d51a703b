"""Where requests go that the apiserver itself makes to Services (remote APIServices, webhooks), and why none can.

Pure.

Source: apiserver/pkg/util/proxy/proxy.go (ResolveEndpoint), kube-aggregator's remote_available_controller.go.
Differs: requests go to a ready endpoint of the Service rather than to its ClusterIP, so that this process
needs no Service proxy beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.services import is_ready
from pybernetes.client.indexes import SERVICE_NAME


@dataclass(slots=True, frozen=True)
class Problem:
    """Why the backend cannot be asked: a condition's reason and message."""

    reason: str
    message: str


class ServiceReference(Protocol):
    """A Service that is asked over HTTPS: every group that refers to one has a type of this shape."""

    @property
    def name(self) -> str | None: ...

    @property
    def namespace(self) -> str | None: ...

    @property
    def port(self) -> int | None: ...


def addresses(
    wanted: ServiceReference, service: Service | None, slices: Sequence[EndpointSlice]
) -> list[tuple[str, int]] | Problem:
    """The backend's hosts and ports, each as good as the other."""
    name, namespace, port = wanted.name or "", wanted.namespace or "", wanted.port or 443
    if service is None:
        return Problem("ServiceNotFound", f'service/{name} in "{namespace}" is not present')
    if service.spec.type == "ExternalName":
        return [(service.spec.externalName or "", port)]
    found = next((p for p in service.spec.ports if p.port == port), None)
    if found is None:
        return Problem("ServicePortError", f'service/{name} in "{namespace}" is not listening on port {port}')
    mine = [s for s in slices if (s.metadata.labels or {}).get(SERVICE_NAME) == name]
    if not mine:
        return Problem("EndpointsNotFound", f'cannot find endpointslices for service/{name} in "{namespace}"')
    ready = _ready(mine, found.name or "")
    if not ready:
        return Problem(
            "MissingEndpoints",
            f'endpointslices for service/{name} in "{namespace}" have no addresses with port name "{found.name or ""}"',
        )
    return ready


def _ready(slices: Sequence[EndpointSlice], port_name: str) -> list[tuple[str, int]]:
    return [
        (endpoint.addresses[0], port.port)
        for each in slices
        for port in (each.ports or [])
        if (port.name or "") == port_name and port.port
        for endpoint in (each.endpoints or [])
        if endpoint.addresses and is_ready(endpoint)
    ]
