"""Indexes of shared informers that more than one part asks for: their names, and the functions that go with them."""

from __future__ import annotations

from pybernetes.api.core.v1 import Pod
from pybernetes.api.discovery.v1 import EndpointSlice

BY_NODE = "node"
BY_SERVICE = "service"
SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which an EndpointSlice names its Service. Source: api/discovery/v1/well_known_labels.go."""


def node_of(pod: Pod) -> list[str]:
    """For `BY_NODE`: the name of the node a Pod is on."""
    return [pod.spec.nodeName] if pod.spec.nodeName else []


def service_of(piece: EndpointSlice) -> list[str]:
    """For `BY_SERVICE`: the key of the Service that a slice names, whoever manages the slice."""
    name = piece.metadata.labels.get(SERVICE_NAME)
    return [f"{piece.metadata.namespace}/{name}"] if name else []
