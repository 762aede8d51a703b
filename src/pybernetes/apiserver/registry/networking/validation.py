"""What Ingresses, IngressClasses and NetworkPolicies must fulfil.

Source: pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from pybernetes.api.core import v1 as core
from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery import names
from pybernetes.apimachinery.default_class import INGRESS_CLASS
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.ip_values import (
    cidr_warnings,
    is_address,
    network_of,
    validate_cidr,
    validate_ip,
)
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector

SPEC = Path("spec")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_MAX_CONTROLLER = 250
_HTTP_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")


def ingress(spec: networking.IngressSpec, old: networking.IngressSpec | None) -> list[FieldError]:
    """What is wrong with the spec; what was allowed before and is stored so stays allowed."""
    found: list[FieldError] = []
    if not spec.rules and spec.defaultBackend is None:
        found.append(FieldError.invalid(SPEC, None, "either `defaultBackend` or `rules` must be specified"))
    if spec.defaultBackend is not None:
        found += _backend(spec.defaultBackend, SPEC.child("defaultBackend"))
    lenient = old is not None and any("*" in (r.host or "") and _paths(r, SPEC) for r in old.rules)
    for index, rule in enumerate(spec.rules):
        at = SPEC.child("rules").index(index)
        found += _rule_host(rule.host or "", at.child("host"))
        if not (lenient and "*" in (rule.host or "")):
            found += _paths(rule, at)
    found += _tls(spec, old)
    if spec.ingressClassName is not None:
        at = SPEC.child("ingressClassName")
        found += [
            FieldError.invalid(at, spec.ingressClassName, m) for m in names.dns1123_subdomain(spec.ingressClassName)
        ]
    return found


def ingress_class_annotation(obj: networking.Ingress) -> list[FieldError]:
    """The old way to name the class must not contradict the field."""
    annotation, name = obj.metadata.annotations.get(INGRESS_CLASS), obj.spec.ingressClassName
    if annotation is None or name is None or annotation == name:
        return []
    at = Path("annotations").child(INGRESS_CLASS)
    return [FieldError.invalid(at, annotation, "must match `ingressClassName` when both are specified")]


def ingress_status(status: networking.IngressStatus, old: networking.IngressStatus) -> list[FieldError]:
    """The addresses of the load balancer."""
    found: list[FieldError] = []
    before = {point.ip or "" for point in old.loadBalancer.ingress} if old.loadBalancer else set()
    for index, point in enumerate(status.loadBalancer.ingress if status.loadBalancer else ()):
        at = Path("status", "loadBalancer", "ingress").index(index)
        if point.ip:
            found += validate_ip(point.ip, at.child("ip"), before)
        if point.hostname:
            at = at.child("hostname")
            found += [FieldError.invalid(at, point.hostname, m) for m in names.dns1123_subdomain(point.hostname)]
            if is_address(point.hostname):
                found.append(FieldError.invalid(at, point.hostname, "must be a DNS name, not an IP address"))
    return found


def _rule_host(host: str, path: Path) -> list[FieldError]:
    if not host:
        return []
    found = []
    if is_address(host):
        found.append(FieldError.invalid(path, host, "must be a DNS name, not an IP address"))
    return found + [FieldError.invalid(path, host, message) for message in _host_problems(host)]


def _host_problems(host: str) -> list[str]:
    return names.wildcard_dns1123_subdomain(host) if "*" in host else names.dns1123_subdomain(host)


def _tls(spec: networking.IngressSpec, old: networking.IngressSpec | None) -> list[FieldError]:
    found: list[FieldError] = []
    lenient = old is not None and any(names.dns1123_subdomain(t.secretName) for t in old.tls if t.secretName)
    for index, tls in enumerate(spec.tls):
        at = SPEC.child("tls").index(index)
        for number, host in enumerate(tls.hosts):
            here = at.child("hosts").index(number)
            found += [FieldError.invalid(here, host, message) for message in _host_problems(host)]
        if tls.secretName and not lenient:
            here = at.child("secretName")
            found += [FieldError.invalid(here, tls.secretName, m) for m in names.dns1123_subdomain(tls.secretName)]
    return found


def _paths(rule: networking.IngressRule, at: Path) -> list[FieldError]:
    if rule.http is None:
        return []
    at = at.child("http", "paths")
    found = [] if rule.http.paths else [FieldError.required(at)]
    for index, path in enumerate(rule.http.paths):
        found += _path(path, at.index(index))
    return found


def _path(path: networking.HTTPIngressPath, at: Path) -> list[FieldError]:
    if path.pathType is None:
        return [FieldError.required(at.child("pathType"), "pathType must be specified")]
    found: list[FieldError] = []
    value, here = path.path or "", at.child("path")
    if path.pathType not in _PATH_TYPES:
        found.append(FieldError.not_supported(at.child("pathType"), path.pathType, _PATH_TYPES))
    elif path.pathType == "ImplementationSpecific":
        if value and not value.startswith("/"):
            found.append(FieldError.invalid(here, value, "must be an absolute path"))
    else:
        if not value.startswith("/"):
            found.append(FieldError.invalid(here, value, "must be an absolute path"))
        for wrong in ("//", "/./", "/../", "%2f", "%2F"):
            if wrong in value:
                found.append(FieldError.invalid(here, value, f"must not contain '{wrong}'"))
        for wrong in ("/..", "/."):
            if value.endswith(wrong):
                found.append(FieldError.invalid(here, value, f"cannot end with '{wrong}'"))
    return found + _backend(path.backend, at.child("backend"))


def _backend(backend: networking.IngressBackend, path: Path) -> list[FieldError]:
    if backend.service is not None and backend.resource is not None:
        return [FieldError.invalid(path, "", "cannot set both resource and service backends")]
    if backend.resource is not None:
        return _reference(backend.resource, path.child("resource"))
    if backend.service is None:
        return [FieldError.invalid(path, "", "resource or service backend is required")]
    found: list[FieldError] = []
    service, at = backend.service, path.child("service")
    if not service.name:
        found.append(FieldError.required(at.child("name")))
    else:
        found += [FieldError.invalid(at.child("name"), service.name, m) for m in names.dns1123_label(service.name)]
    port = service.port or networking.ServiceBackendPort()
    if port.name and port.number:
        found.append(FieldError.invalid(path, "", "cannot set both port name & port number"))
    elif port.name:
        found += [FieldError.invalid(at.child("port", "name"), port.name, m) for m in names.port_name(port.name)]
    elif port.number:
        here = at.child("port", "number")
        found += [FieldError.invalid(here, port.number, m) for m in names.port_number(port.number)]
    else:
        found.append(FieldError.required(path, "port name or number is required"))
    return found


def _reference(
    reference: core.TypedLocalObjectReference | networking.IngressClassParametersReference, path: Path
) -> list[FieldError]:
    found: list[FieldError] = []
    if reference.apiGroup is not None:
        at = path.child("apiGroup")
        found += [FieldError.invalid(at, reference.apiGroup, m) for m in names.dns1123_subdomain(reference.apiGroup)]
    for name in ("kind", "name"):
        value = getattr(reference, name)
        if not value:
            found.append(FieldError.required(path.child(name)))
        else:
            found += [FieldError.invalid(path.child(name), value, m) for m in names.path_segment_name(value)]
    return found


def ingress_class(spec: networking.IngressClassSpec) -> list[FieldError]:
    """The controller's name and the reference to its parameters."""
    at = SPEC.child("controller")
    found: list[FieldError] = []
    controller = spec.controller or ""
    if len(controller) > _MAX_CONTROLLER:
        found.append(FieldError.too_long(at, _MAX_CONTROLLER))
    found += domain_prefixed_path(controller, at)
    given = spec.parameters
    if given is None:
        return found
    path = SPEC.child("parameters")
    found += _reference(given, path)
    if given.scope is None:
        return [*found, FieldError.required(path.child("scope"))]
    if given.scope not in ("Cluster", "Namespace"):
        return [*found, FieldError.not_supported(path.child("scope"), given.scope, ("Cluster", "Namespace"))]
    at = path.child("namespace")
    if given.scope == "Cluster":
        if given.namespace is not None:
            found.append(FieldError.forbidden(at, "`parameters.scope` is set to 'Cluster'"))
    elif given.namespace is None:
        found.append(FieldError.required(at, "`parameters.scope` is set to 'Namespace'"))
    else:
        found += [FieldError.invalid(at, given.namespace, m) for m in names.dns1123_label(given.namespace)]
    return found


def domain_prefixed_path(value: str, path: Path) -> list[FieldError]:
    """What is wrong with a name such as acme.io/foo/bar."""
    if not value:
        return [FieldError.required(path)]
    host, _, rest = value.partition("/")
    if not host or not rest:
        return [FieldError.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    found = [FieldError.invalid(path, host, message) for message in names.dns1123_subdomain(host)]
    if not _HTTP_PATH.fullmatch(rest):
        found.append(FieldError.invalid(path, rest, names.regex_error("Invalid path", _HTTP_PATH.pattern)))
    return found


def network_policy(spec: networking.NetworkPolicySpec, known: Collection[str] = ()) -> list[FieldError]:
    """What is wrong with the spec; CIDRs in `known` were stored before and stay allowed."""
    found = validate_label_selector(spec.podSelector, SPEC.child("podSelector"))
    for index, rule in enumerate(spec.ingress):
        at = SPEC.child("ingress").index(index)
        found += _rule(rule.ports, rule.from_, at, "from", known)
    for index, out in enumerate(spec.egress):
        at = SPEC.child("egress").index(index)
        found += _rule(out.ports, out.to, at, "to", known)
    at = SPEC.child("policyTypes")
    if len(spec.policyTypes) > 2:
        return [*found, FieldError.invalid(at, spec.policyTypes, "may not specify more than two policyTypes")]
    for index, kind in enumerate(spec.policyTypes):
        if kind not in ("Ingress", "Egress"):
            found.append(FieldError.not_supported(at.index(index), kind, ("Ingress", "Egress")))
    return found


def _blocks(spec: networking.NetworkPolicySpec) -> list[tuple[Path, networking.IPBlock]]:
    """The ipBlocks of a policy with their paths."""
    found = []
    for name, peers in (("ingress", "from_"), ("egress", "to")):
        for index, rule in enumerate(getattr(spec, name)):
            for number, peer in enumerate(getattr(rule, peers)):
                if peer.ipBlock is not None:
                    at = SPEC.child(name).index(index).child(peers.strip("_")).index(number).child("ipBlock")
                    found.append((at, peer.ipBlock))
    return found


def cidrs(spec: networking.NetworkPolicySpec) -> set[str]:
    return {cidr for _, block in _blocks(spec) for cidr in (block.cidr or "", *block.except_)}


def network_policy_warnings(spec: networking.NetworkPolicySpec) -> list[str]:
    """CIDRs that are read in a way their writer may not expect."""
    found: list[str] = []
    for path, block in _blocks(spec):
        found += cidr_warnings(block.cidr or "", path.child("cidr"))
        for index, cidr in enumerate(block.except_):
            found += cidr_warnings(cidr, path.child("except").index(index))
    return found


def _rule(
    ports: list[networking.NetworkPolicyPort],
    peers: list[networking.NetworkPolicyPeer],
    at: Path,
    name: str,
    known: Collection[str],
) -> list[FieldError]:
    found: list[FieldError] = []
    for index, port in enumerate(ports):
        found += _port(port, at.child("ports").index(index))
    for index, peer in enumerate(peers):
        found += _peer(peer, at.child(name).index(index), known)
    return found


def _port(port: networking.NetworkPolicyPort, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if port.protocol is not None and port.protocol not in ("TCP", "UDP", "SCTP"):
        found.append(FieldError.not_supported(path.child("protocol"), port.protocol, ("TCP", "UDP", "SCTP")))
    at, end = path.child("endPort"), port.endPort
    if port.port is None:
        if end is not None:
            found.append(FieldError.invalid(at, end, "may not be specified when `port` is not specified"))
    elif isinstance(port.port, int):
        found += [FieldError.invalid(path.child("port"), port.port, m) for m in names.port_number(port.port)]
        if end is not None:
            if end < port.port:
                found.append(FieldError.invalid(at, port.port, "must be greater than or equal to `port`"))
            found += [FieldError.invalid(at, end, message) for message in names.port_number(end)]
    else:
        if end is not None:
            found.append(FieldError.invalid(at, end, "may not be specified when `port` is non-numeric"))
        found += [FieldError.invalid(path.child("port"), port.port, m) for m in names.port_name(port.port)]
    return found


def _peer(peer: networking.NetworkPolicyPeer, path: Path, known: Collection[str]) -> list[FieldError]:
    found: list[FieldError] = []
    for name in ("podSelector", "namespaceSelector"):
        selector = getattr(peer, name)
        if selector is not None:
            found += validate_label_selector(selector, path.child(name))
    if peer.ipBlock is not None:
        found += _ip_block(peer.ipBlock, path.child("ipBlock"), known)
        if peer.podSelector is not None or peer.namespaceSelector is not None:
            found.append(FieldError.forbidden(path, "may not specify both ipBlock and another peer"))
    elif peer.podSelector is None and peer.namespaceSelector is None:
        found.append(FieldError.required(path, "must specify a peer"))
    return found


def _ip_block(block: networking.IPBlock, path: Path, known: Collection[str]) -> list[FieldError]:
    if not block.cidr:
        return [FieldError.required(path.child("cidr"))]
    whole = network_of(block.cidr)
    found = validate_cidr(block.cidr, path.child("cidr"), known)
    if whole is None:
        return found
    for index, cidr in enumerate(block.except_):
        at = path.child("except").index(index)
        found += validate_cidr(cidr, at, known)
        part = network_of(cidr)
        if part is None:
            continue
        if part.version != whole.version or part.network_address not in whole or part.prefixlen <= whole.prefixlen:
            found.append(FieldError.invalid(at, cidr, "must be a strict subset of `cidr`"))
    return found
