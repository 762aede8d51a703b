"""What a Service may say, but to no effect: texts for Warning headers. Source: pkg/api/service/warnings.go."""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.core import v1 as core
from pybernetes.apiserver.registry.core.ip_values import cidr_warnings, ip_warnings
from pybernetes.apiserver.registry.core.services.validation import SPEC, TOPOLOGY_HINTS, TOPOLOGY_MODE


def service_warnings(obj: core.Service) -> Iterator[str]:
    spec = obj.spec
    headless = spec.type == "ClusterIP" and spec.clusterIP == "None"
    if TOPOLOGY_HINTS in obj.metadata.annotations:
        yield f"annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead"
    if spec.clusterIP and spec.clusterIP != "None":
        for index, address in enumerate(spec.clusterIPs):
            yield from ip_warnings(address, SPEC.child("clusterIPs").index(index))
    if headless:
        if spec.loadBalancerIP:
            yield "spec.loadBalancerIP is ignored for headless services"
        if spec.externalIPs:
            yield "spec.externalIPs is ignored for headless services"
        if spec.sessionAffinity != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    for index, address in enumerate(spec.externalIPs):
        yield from ip_warnings(address, SPEC.child("externalIPs").index(index))
    if spec.externalIPs and not headless and spec.type != "ExternalName":
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if spec.loadBalancerIP:
        yield from ip_warnings(spec.loadBalancerIP, SPEC.child("loadBalancerIP"))
    for index, cidr in enumerate(spec.loadBalancerSourceRanges):
        yield from cidr_warnings(cidr, SPEC.child("loadBalancerSourceRanges").index(index))
    if spec.type == "ExternalName" and spec.externalIPs:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if spec.type != "ExternalName" and spec.externalName:
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.trafficDistribution == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'
