"""What goes when a Service changes its type: fields that only the old type has and that the client left alone.

A client that changes such a field at the same time hears of it from validation.
Source: pkg/registry/core/service/strategy.go (dropTypeDependentFields).
"""

from __future__ import annotations

from pybernetes.api.core import v1 as core
from pybernetes.apiserver.registry.core.services.validation import externally_accessible, needs_health_port

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def drop_fields_of_the_old_type(obj: core.Service, old: core.Service) -> None:
    """Changes obj.spec and its load balancer status."""
    new, before = obj.spec, old.spec
    if before.type != "ExternalName" and new.type == "ExternalName":
        if (new.clusterIP, new.clusterIPs) == (before.clusterIP, before.clusterIPs):
            new.clusterIP, new.clusterIPs = None, []
        if new.ipFamilies == before.ipFamilies:
            new.ipFamilies = []
        if new.ipFamilyPolicy == before.ipFamilyPolicy:
            new.ipFamilyPolicy = None
        if new.internalTrafficPolicy == before.internalTrafficPolicy:
            new.internalTrafficPolicy = None
    if before.type in _WITH_NODE_PORTS and new.type not in _WITH_NODE_PORTS:
        held = {port.nodePort for port in before.ports}
        if all(port.nodePort in held for port in new.ports):
            for port in new.ports:
                port.nodePort = None
    health = new.healthCheckNodePort == before.healthCheckNodePort
    if needs_health_port(before) and not needs_health_port(new) and health:
        new.healthCheckNodePort = None
    if before.type == "LoadBalancer" and new.type != "LoadBalancer":
        if new.allocateLoadBalancerNodePorts == before.allocateLoadBalancerNodePorts:
            new.allocateLoadBalancerNodePorts = None
        if new.loadBalancerClass == before.loadBalancerClass:
            new.loadBalancerClass = None
    policy = new.externalTrafficPolicy == before.externalTrafficPolicy
    if externally_accessible(before) and not externally_accessible(new) and policy:
        new.externalTrafficPolicy = None
