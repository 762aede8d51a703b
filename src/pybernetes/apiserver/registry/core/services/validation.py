"""Validation of Services. Source: pkg/apis/core/validation/validation.go (validateService, ValidateServiceUpdate)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.endpoints.strategy import validate_endpoint_ip
from pybernetes.apiserver.registry.core.ip_values import validate_cidr, validate_ip
from pybernetes.apiserver.registry.core.pods.containers import port_number_or_name
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE, validate_labels

SPEC = Path("spec")
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_AFFINITIES = ("ClientIP", "None")
_POLICIES = ("Cluster", "Local")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_FAMILIES = ("IPv4", "IPv6")
_DAY_S = 86400


class _Repeated(msgspec.Struct, kw_only=True):
    """What an error shows of a port that is there twice."""

    Name: str = ""
    Protocol: str
    AppProtocol: str | None = None
    Port: int
    TargetPort: int = 0
    NodePort: int = 0


def validate_service(obj: core.Service, old: core.Service | None = None) -> list[FieldError]:
    """In upstream's order. Addresses that an old Service has may stay."""
    spec = obj.spec
    headless = spec.clusterIPs == ["None"]
    found = _validate_topology_annotations(obj.metadata.annotations)
    if not spec.ports and not headless and spec.type != "ExternalName":
        found.append(FieldError.required(SPEC.child("ports")))
    if spec.type == "ExternalName":
        found += _validate_external_name(spec)
    elif headless and spec.type in ("LoadBalancer", "NodePort"):
        why = f"may not be set to 'None' for {spec.type} services"
        found.append(FieldError.invalid(SPEC.child("clusterIPs").index(0), "None", why))
    seen: set[str] = set()
    for index, port in enumerate(spec.ports):
        found += _validate_port(port, len(spec.ports) > 1, seen, SPEC.child("ports").index(index))
    if spec.selector:
        found += validate_labels(spec.selector, SPEC.child("selector"))
    found += _validate_affinity(spec)
    found += validate_cluster_ips(spec, old.spec.clusterIPs if old is not None else [])
    for index, address in enumerate(spec.externalIPs):
        at = SPEC.child("externalIPs").index(index)
        known = old.spec.externalIPs if old is not None else []
        found += validate_ip(address, at, known) or validate_endpoint_ip(address, at)
    if spec.type not in _TYPES:
        found.append(FieldError.not_supported(SPEC.child("type"), spec.type, _TYPES))
    found += _validate_node_ports(spec)
    found += _validate_duplicate_ports(spec)
    found += _validate_source_ranges(obj, old)
    if spec.allocateLoadBalancerNodePorts is not None and spec.type != "LoadBalancer":
        found.append(FieldError.forbidden(SPEC.child("allocateLoadBalancerNodePorts"), _LOAD_BALANCER_ONLY))
    found += _validate_class(spec)
    found += _validate_traffic(spec)
    return found


_LOAD_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"
TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def _validate_topology_annotations(annotations: Mapping[str, str]) -> list[FieldError]:
    mode, hints = annotations.get(TOPOLOGY_MODE), annotations.get(TOPOLOGY_HINTS)
    if mode is None or hints is None or mode == hints:
        return []
    at = Path("metadata", "annotations").key(TOPOLOGY_MODE)
    return [FieldError.invalid(at, mode, f"must match annotations[{TOPOLOGY_HINTS}] when both are specified")]


def _validate_external_name(spec: core.ServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if getattr(spec, field):
            found.append(FieldError.forbidden(SPEC.child(field), "may not be set for ExternalName services"))
    name = (spec.externalName or "").removesuffix(".")
    at = SPEC.child("externalName")
    if not name:
        found.append(FieldError.required(at))
    else:
        found += [FieldError.invalid(at, name, message) for message in names.dns1123_subdomain(name)]
    return found


def _validate_port(port: core.ServicePort, named: bool, seen: set[str], path: Path) -> list[FieldError]:
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


def validate_cluster_ips(spec: core.ServiceSpec, old: Sequence[str]) -> list[FieldError]:
    """Source: ValidateServiceClusterIPsRelatedFields."""
    if spec.type == "ExternalName":
        return []
    found: list[FieldError] = []
    addresses, at = spec.clusterIPs, SPEC.child("clusterIPs")
    if spec.clusterIP:
        if not addresses:
            found.append(FieldError.required(at))
        elif addresses[0] != spec.clusterIP:
            found.append(FieldError.invalid(at, addresses, "first value must match `clusterIP`"))
    elif addresses:
        found.append(FieldError.invalid(at, addresses, "must be empty when `clusterIP` is not specified"))
    for index, family in enumerate(spec.ipFamilies):
        where = SPEC.child("ipFamilies").index(index)
        if family not in _FAMILIES:
            found.append(FieldError.not_supported(where, family, _FAMILIES))
        if family in spec.ipFamilies[:index]:
            found.append(FieldError.duplicate(where, family))
    if spec.ipFamilyPolicy is not None and spec.ipFamilyPolicy not in _FAMILY_POLICIES:
        found.append(FieldError.not_supported(SPEC.child("ipFamilyPolicy"), spec.ipFamilyPolicy, _FAMILY_POLICIES))
    wrong: list[FieldError] = []
    for index, address in enumerate(addresses):
        if index == 0 and address == "None":
            if len(addresses) > 1:
                wrong.append(FieldError.invalid(at, addresses, "'None' must be the first and only value"))
            continue
        wrong += validate_ip(address, at.index(index), old)
    found += wrong
    if len(addresses) > 2:
        found.append(FieldError.invalid(at, addresses, "may only hold up to 2 values"))
    if wrong or addresses == ["None"]:
        return found
    if len(addresses) > 1 and len({":" in address for address in addresses}) == 1:
        found.append(FieldError.invalid(at, addresses, "may specify no more than one IP for each IP family"))
    for index, (address, family) in enumerate(zip(addresses, spec.ipFamilies, strict=False)):
        if (":" in address) != (family == "IPv6") and family in _FAMILIES:
            why = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            found.append(FieldError.invalid(at.index(index), address, why))
    return found


def _validate_node_ports(spec: core.ServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        if not port.nodePort:
            continue
        at = SPEC.child("ports").index(index).child("nodePort")
        if spec.type == "ClusterIP":
            found.append(FieldError.forbidden(at, "may not be used when `type` is 'ClusterIP'"))
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
            shown = _Repeated(Protocol=key[0], Port=key[1])
            found.append(FieldError.duplicate(SPEC.child("ports").index(index), shown))
        seen.add(key)
    return found


def _validate_source_ranges(obj: core.Service, old: core.Service | None) -> list[FieldError]:
    """spec.loadBalancerSourceRanges, or the annotation from before it. Spaces around a CIDR are allowed."""
    spec, found = obj.spec, list[FieldError]()
    text = obj.metadata.annotations.get(SOURCE_RANGES)
    if spec.loadBalancerSourceRanges:
        at = SPEC.child("LoadBalancerSourceRanges")
        if spec.type != "LoadBalancer":
            found.append(FieldError.forbidden(at, _LOAD_BALANCER_ONLY))
        known = [cidr.strip() for cidr in old.spec.loadBalancerSourceRanges] if old is not None else []
        for index, cidr in enumerate(spec.loadBalancerSourceRanges):
            found += validate_cidr(cidr.strip(), at.index(index), known)
    elif text is not None:
        at = Path("metadata", "annotations").key(SOURCE_RANGES)
        if spec.type != "LoadBalancer":
            found.append(FieldError.forbidden(at, _LOAD_BALANCER_ONLY))
        if text.strip() and (old is None or old.metadata.annotations.get(SOURCE_RANGES) != text):
            for cidr in text.split(","):
                found += validate_cidr(cidr.strip(), at)
    return found


def _validate_class(spec: core.ServiceSpec) -> list[FieldError]:
    name, at = spec.loadBalancerClass, SPEC.child("loadBalancerClass")
    if name is None:
        return []
    if spec.type != "LoadBalancer":
        return [FieldError.forbidden(at, _LOAD_BALANCER_ONLY)]
    return [FieldError.invalid(at, name, message) for message in names.qualified_name(name)]


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
    at = SPEC.child("healthCheckNodePort")
    number = spec.healthCheckNodePort or 0
    if not needs_health_port(spec):
        if number:
            why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            found.append(FieldError.invalid(at, number, why))
    elif not number:
        found.append(FieldError.required(at))
    else:
        found += [FieldError.invalid(at, number, message) for message in names.port_number(number)]
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
    if "ExternalName" not in (new_spec.type, old_spec.type):
        found += _validate_changed_ips(new_spec, old_spec)
        found += _validate_changed_families(new_spec, old_spec)
    if new_spec.type == old_spec.type == "LoadBalancer" and new_spec.loadBalancerClass != old_spec.loadBalancerClass:
        at = SPEC.child("loadBalancerClass")
        found.append(FieldError.invalid(at, new_spec.loadBalancerClass, _SET_ONCE))
    found += _validate_class(new_spec)
    if (
        needs_health_port(old_spec)
        and needs_health_port(new_spec)
        and new_spec.healthCheckNodePort != old_spec.healthCheckNodePort
    ):
        found.append(FieldError.forbidden(SPEC.child("healthCheckNodePort"), IMMUTABLE))
    return found + validate_service(obj, old)


_SET_ONCE = "may not change once set"
_RELEASING = "must be set to 'SingleStack' when releasing the secondary {}"


def _validate_changed_ips(new: core.ServiceSpec, old: core.ServiceSpec) -> list[FieldError]:
    """Source: validateUpgradeDowngradeClusterIPs."""
    now, before, at = new.clusterIPs, old.clusterIPs, SPEC.child("clusterIPs")
    if before == now == ["None"]:
        return []
    if len(now) == len(before):
        changed = [index for index, address in enumerate(before) if address != now[index]]
        return [FieldError.invalid(at.index(index), now, _SET_ONCE) for index in changed]
    found: list[FieldError] = []
    if not now:
        return [FieldError.invalid(at.index(0), now, "primary clusterIP can not be unset")]
    if before and now[0] != before[0]:
        found.append(FieldError.invalid(at.index(0), now, _SET_ONCE))
    if len(now) == 1 and len(before) > 1 and new.ipFamilyPolicy != "SingleStack":
        where = SPEC.child("ipFamilyPolicy")
        found.append(FieldError.invalid(where, new.ipFamilyPolicy, _RELEASING.format("clusterIP")))
    return found


def _validate_changed_families(new: core.ServiceSpec, old: core.ServiceSpec) -> list[FieldError]:
    """Source: validateUpgradeDowngradeIPFamilies."""
    if new.clusterIPs == ["None"] or old.clusterIPs == ["None"]:
        return []
    now, before, at = new.ipFamilies, old.ipFamilies, SPEC.child("ipFamilies").index(0)
    if len(now) == len(before):
        changed = [family for family, other in zip(before, now, strict=True) if family != other]
        return [FieldError.invalid(at, now, _SET_ONCE) for _ in changed]
    found: list[FieldError] = []
    if len(now) < len(before) and not new.clusterIPs:
        found.append(FieldError.invalid(at, now, "primary ipFamily can not be unset"))
    if now and before and now[0] != before[0]:
        found.append(FieldError.invalid(at, new.clusterIPs, _SET_ONCE))
    if len(now) == 1 and len(before) > 1 and new.ipFamilyPolicy != "SingleStack":
        where = SPEC.child("ipFamilyPolicy")
        found.append(FieldError.invalid(where, new.ipFamilyPolicy, _RELEASING.format("ipFamily")))
    return found


def validate_service_status(obj: core.Service, old: core.Service) -> list[FieldError]:
    """The addresses of the load balancer, where there is one."""
    at = Path("status", "loadBalancer", "ingress")
    points = obj.status.loadBalancer.ingress if obj.status.loadBalancer is not None else []
    if points and obj.spec.type != "LoadBalancer":
        return [FieldError.forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'")]
    before = old.status.loadBalancer.ingress if old.status.loadBalancer is not None else []
    known = [point.ip for point in before if point.ip]
    found: list[FieldError] = []
    for index, point in enumerate(points):
        where, mode = at.index(index), at.index(index).child("ipMode")
        if point.ip:
            found += validate_ip(point.ip, where.child("ip"), known)
        if point.ipMode is None:
            if point.ip:
                found.append(FieldError.required(mode, "must be specified when `ip` is set"))
        elif not point.ip:
            found.append(FieldError.forbidden(mode, "may not be specified when `ip` is not set"))
        elif point.ipMode not in ("Proxy", "VIP"):
            found.append(FieldError.not_supported(mode, point.ipMode, ("Proxy", "VIP")))
        if point.hostname:
            name = where.child("hostname")
            found += [FieldError.invalid(name, point.hostname, m) for m in names.dns1123_subdomain(point.hostname)]
            if not validate_ip(point.hostname, name):
                found.append(FieldError.invalid(name, point.hostname, "must be a DNS name, not an IP address"))
    return found
