"""Validation of Services. Source: pkg/apis/core/validation/validation.go (validateService, ValidateServiceUpdate)."""

from __future__ import annotations

import ipaddress

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.endpoints.strategy import validate_endpoint_ip
from pybernetes.apiserver.registry.core.pods.containers import port_number_or_name
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE, validate_labels

SPEC = Path("spec")
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_AFFINITIES = ("ClientIP", "None")
_POLICIES = ("Cluster", "Local")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
_DAY_S = 86400


def validate_service(obj: core.Service) -> list[FieldError]:
    spec = obj.spec
    found: list[FieldError] = []
    headless = is_headless(obj)
    if not spec.ports and not headless and spec.type != "ExternalName":
        found.append(FieldError.required(SPEC.child("ports")))
    if spec.type == "ExternalName":
        found += _validate_external_name(spec)
    elif spec.type not in _TYPES:
        found.append(FieldError.not_supported(SPEC.child("type"), spec.type, _TYPES))
    seen: set[str] = set()
    for index, port in enumerate(spec.ports):
        found += _validate_port(port, len(spec.ports) > 1, headless, seen, SPEC.child("ports").index(index))
    if spec.selector:
        found += validate_labels(spec.selector, SPEC.child("selector"))
    found += _validate_affinity(spec)
    found += _validate_cluster_ips(obj)
    for index, address in enumerate(spec.externalIPs):
        found += validate_endpoint_ip(address, SPEC.child("externalIPs").index(index))
    found += _validate_node_ports(spec)
    found += _validate_duplicate_ports(spec)
    found += _validate_load_balancer(spec)
    found += _validate_traffic(spec)
    return found


def is_headless(obj: core.Service) -> bool:
    return obj.spec.clusterIP == "None"


def _validate_external_name(spec: core.ServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    if spec.clusterIP or spec.clusterIPs:
        why = "may not be set for ExternalName services"
        found.append(FieldError.forbidden(SPEC.child("clusterIPs"), why))
    name = (spec.externalName or "").removesuffix(".")
    at = SPEC.child("externalName")
    if not name:
        found.append(FieldError.required(at))
    else:
        found += [FieldError.invalid(at, name, message) for message in names.dns1123_subdomain(name)]
    return found


def _validate_port(port: core.ServicePort, named: bool, headless: bool, seen: set[str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    name = port.name or ""
    if not name:
        if named:
            found.append(FieldError.required(path.child("name")))
    else:
        found += [FieldError.invalid(path.child("name"), name, message) for message in names.dns1123_label(name)]
        if name in seen:
            found.append(FieldError.duplicate(path.child("name"), name))
        seen.add(name)
    found += [FieldError.invalid(path.child("port"), port.port, message) for message in names.port_number(port.port)]
    if port.protocol not in _PROTOCOLS:
        found.append(FieldError.not_supported(path.child("protocol"), port.protocol, _PROTOCOLS))
    if port.targetPort is not None:
        found += port_number_or_name(port.targetPort, path.child("targetPort"))
    if port.appProtocol is not None:
        at = path.child("appProtocol")
        found += [FieldError.invalid(at, port.appProtocol, m) for m in names.qualified_name(port.appProtocol)]
    if port.nodePort is not None and not 0 <= port.nodePort < 65536:
        found.append(FieldError.invalid(path.child("nodePort"), port.nodePort, names.in_range(1, 65535)))
    return found


def _validate_affinity(spec: core.ServiceSpec) -> list[FieldError]:
    at = SPEC.child("sessionAffinity")
    if spec.sessionAffinity not in _AFFINITIES:
        return [FieldError.not_supported(at, spec.sessionAffinity, _AFFINITIES)]
    config = SPEC.child("sessionAffinityConfig")
    if spec.sessionAffinity == "None":
        if spec.sessionAffinityConfig is not None:
            why = "must not be set when session affinity is None"
            return [FieldError.forbidden(config, why)]
        return []
    given = spec.sessionAffinityConfig
    if given is None:
        return [FieldError.required(config, "when session affinity type is ClientIP")]
    if given.clientIP is None:
        return [FieldError.required(config.child("clientIP"), "when session affinity type is ClientIP")]
    where = config.child("clientIP").child("timeoutSeconds")
    timeout_s = given.clientIP.timeoutSeconds
    if timeout_s is None:
        return [FieldError.required(where, "when session affinity type is ClientIP")]
    if not 0 < timeout_s <= _DAY_S:
        return [FieldError.invalid(where, timeout_s, f"must be greater than 0 and less than {_DAY_S}")]
    return []


def _validate_cluster_ips(obj: core.Service) -> list[FieldError]:
    spec = obj.spec
    found: list[FieldError] = []
    if spec.type == "ExternalName":
        for name in ("ipFamilies", "ipFamilyPolicy"):
            if getattr(spec, name):
                found.append(FieldError.forbidden(SPEC.child(name), "may not be set for ExternalName services"))
        return found
    at = SPEC.child("clusterIPs")
    if spec.clusterIP == "None" and spec.type in ("NodePort", "LoadBalancer"):
        why = f"may not be set to 'None' for {spec.type} services"
        found.append(FieldError.invalid(at.index(0), "None", why))
    if spec.clusterIPs and spec.clusterIPs[0] != (spec.clusterIP or ""):
        why = "first value must match `clusterIP`"
        found.append(FieldError.invalid(at, spec.clusterIPs, why))
    if spec.ipFamilyPolicy is not None and spec.ipFamilyPolicy not in _FAMILY_POLICIES:
        found.append(FieldError.not_supported(SPEC.child("ipFamilyPolicy"), spec.ipFamilyPolicy, _FAMILY_POLICIES))
    families: set[str] = set()
    for index, family in enumerate(spec.ipFamilies):
        where = SPEC.child("ipFamilies").index(index)
        if family not in ("IPv4", "IPv6"):
            found.append(FieldError.not_supported(where, family, ("IPv4", "IPv6")))
        elif family in families:
            found.append(FieldError.duplicate(where, family))
        families.add(family)
    for index, address in enumerate(spec.clusterIPs):
        if address == "None":
            if len(spec.clusterIPs) > 1:
                why = "'None' must be the first and only value"
                found.append(FieldError.invalid(at.index(index), address, why))
            continue
        try:
            ipaddress.ip_address(address)
        except ValueError:
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            found.append(FieldError.invalid(at.index(index), address, why))
    return found


def _validate_node_ports(spec: core.ServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        if not port.nodePort:
            continue
        at = SPEC.child("ports").index(index).child("nodePort")
        if spec.type in ("ClusterIP", "ExternalName"):
            why = (
                "may not be used when `type` is 'ClusterIP'"
                if spec.type == "ClusterIP"
                else ("may not be used when `type` is 'ExternalName'")
            )
            found.append(FieldError.forbidden(at, why))
        key = (port.protocol or "", port.nodePort)
        if key in seen:
            found.append(FieldError.duplicate(at, port.nodePort))
        seen.add(key)
    return found


def _validate_duplicate_ports(spec: core.ServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        key = (port.protocol or "", port.port)
        if key in seen:
            found.append(FieldError.duplicate(SPEC.child("ports").index(index), port))
        seen.add(key)
    return found


def _validate_load_balancer(spec: core.ServiceSpec) -> list[FieldError]:
    if spec.type == "LoadBalancer":
        found: list[FieldError] = []
        if spec.loadBalancerClass is not None:
            at = SPEC.child("loadBalancerClass")
            found += [
                FieldError.invalid(at, spec.loadBalancerClass, m) for m in names.qualified_name(spec.loadBalancerClass)
            ]
        for index, cidr in enumerate(spec.loadBalancerSourceRanges):
            try:
                ipaddress.ip_network(cidr.strip(), strict=False)
            except ValueError:
                why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
                found.append(FieldError.invalid(SPEC.child("loadBalancerSourceRanges").index(index), cidr, why))
        return found
    found = []
    why = "may only be used when `type` is 'LoadBalancer'"
    for name in ("loadBalancerClass", "allocateLoadBalancerNodePorts"):
        if getattr(spec, name) is not None:
            found.append(FieldError.forbidden(SPEC.child(name), why))
    if spec.loadBalancerSourceRanges:
        found.append(FieldError.forbidden(SPEC.child("LoadBalancerSourceRanges"), why))
    return found


def externally_accessible(spec: core.ServiceSpec) -> bool:
    return spec.type in ("LoadBalancer", "NodePort") or (spec.type == "ClusterIP" and bool(spec.externalIPs))


def needs_health_port(spec: core.ServiceSpec) -> bool:
    return spec.type == "LoadBalancer" and spec.externalTrafficPolicy == "Local"


def _validate_traffic(spec: core.ServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    at = SPEC.child("externalTrafficPolicy")
    policy = spec.externalTrafficPolicy
    if not externally_accessible(spec):
        if policy:
            why = "may only be set for externally-accessible services"
            found.append(FieldError.invalid(at, policy, why))
    elif not policy:
        found.append(FieldError.required(at))
    elif policy not in _POLICIES:
        found.append(FieldError.not_supported(at, policy, _POLICIES))
    if spec.healthCheckNodePort and not needs_health_port(spec):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        found.append(FieldError.invalid(SPEC.child("healthCheckNodePort"), spec.healthCheckNodePort, why))
    at = SPEC.child("internalTrafficPolicy")
    internal = spec.internalTrafficPolicy
    if internal is None:
        if spec.type in ("NodePort", "LoadBalancer", "ClusterIP"):
            found.append(FieldError.required(at))
    elif internal not in _POLICIES:
        found.append(FieldError.not_supported(at, internal, _POLICIES))
    if spec.trafficDistribution is not None and spec.trafficDistribution not in _DISTRIBUTIONS:
        found.append(
            FieldError.not_supported(SPEC.child("trafficDistribution"), spec.trafficDistribution, _DISTRIBUTIONS)
        )
    return found


def validate_service_update(obj: core.Service, old: core.Service) -> list[FieldError]:
    found: list[FieldError] = []
    new_spec, old_spec = obj.spec, old.spec
    if old_spec.type != "ExternalName" and new_spec.type != "ExternalName" and old_spec.clusterIPs:
        at = SPEC.child("clusterIPs").index(0)
        first = new_spec.clusterIPs[0] if new_spec.clusterIPs else ""
        if first != old_spec.clusterIPs[0]:
            why = "may not change once set"
            found.append(FieldError.invalid(at, new_spec.clusterIPs, why))
        if old_spec.ipFamilies and new_spec.ipFamilies and new_spec.ipFamilies[0] != old_spec.ipFamilies[0]:
            at = SPEC.child("ipFamilies").index(0)
            found.append(FieldError.invalid(at, new_spec.ipFamilies, "may not change once set"))
    if new_spec.type == old_spec.type == "LoadBalancer" and new_spec.loadBalancerClass != old_spec.loadBalancerClass:
        at = SPEC.child("loadBalancerClass")
        found.append(FieldError.invalid(at, new_spec.loadBalancerClass, "may not change once set"))
    if old_spec.healthCheckNodePort and needs_health_port(old_spec) and needs_health_port(new_spec):
        at = SPEC.child("healthCheckNodePort")
        if new_spec.healthCheckNodePort != old_spec.healthCheckNodePort:
            found.append(FieldError.invalid(at, new_spec.healthCheckNodePort, IMMUTABLE))
    return found + validate_service(obj)
