"""Facts about Services and their endpoints that several parts of a cluster go by. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import Endpoint, EndpointSlice

HEADLESS = "service.kubernetes.io/headless"
"""Label of endpoints that clients find by themselves."""
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
"""Annotation of endpoints: when the change happened for which they were written last."""


def is_ready(endpoint: Endpoint) -> bool:
    """Whether it takes new connections; one of which nobody says so does. Source: discovery.k8s.io/v1 (ready)."""
    return endpoint.conditions.ready is not False


def is_serving(endpoint: Endpoint) -> bool:
    """Whether it answers, though it may be about to end. Source: discovery.k8s.io/v1 (serving)."""
    return is_ready(endpoint) if endpoint.conditions.serving is None else endpoint.conditions.serving


def nodes_with_endpoints(slices: Iterable[EndpointSlice], *, leaving: bool = False) -> set[str]:
    """Names of the nodes that traffic with a `Local` policy may come to: each has a ready endpoint.

    `leaving`: or one that still serves, to which the node's proxy sends while it has no other.
    """
    counts = is_serving if leaving else is_ready
    return {e.nodeName for piece in slices for e in piece.endpoints or () if e.nodeName and counts(e)}


def balancer_addresses(service: Service) -> list[str]:
    """Those of its load balancer that packets still carry when they reach a node. Source: KEP-1860 (ipMode)."""
    balancer = service.status.loadBalancer
    return [entry.ip for entry in balancer.ingress if entry.ip and (entry.ipMode or "VIP") == "VIP"] if balancer else []
