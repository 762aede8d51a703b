"""Resources of networking.k8s.io.

Source: pkg/registry/networking, apis/networking/{v1/defaults.go,validation}, printers.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, age, columns, selector_text

SPEC = Path("spec")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


class IngressStrategy(Strategy):
    generation = True
    columns = columns("Name", "Class", "Hosts", "Address", "Ports", "Age")

    def prepare_for_create(self, ctx: RequestContext, obj: networking.Ingress) -> None:
        super().prepare_for_create(ctx, obj)
        obj.status.loadBalancer = networking.IngressLoadBalancerStatus()

    def validate(self, obj: networking.Ingress) -> list[FieldError]:
        spec = obj.spec
        found: list[FieldError] = []
        if not spec.rules and spec.defaultBackend is None:
            why = "either `defaultBackend` or `rules` must be specified"
            found.append(FieldError.invalid(SPEC, spec.rules, why))
        if spec.defaultBackend is not None:
            found += _validate_backend(spec.defaultBackend, SPEC.child("defaultBackend"))
        for index, rule in enumerate(spec.rules):
            at = SPEC.child("rules").index(index)
            if rule.http is None:
                continue
            if not rule.http.paths:
                found.append(FieldError.required(at.child("http", "paths")))
            for number, path in enumerate(rule.http.paths):
                found += _validate_path(path, at.child("http", "paths").index(number))
        return found

    def validate_update(self, obj: networking.Ingress, old: networking.Ingress) -> list[FieldError]:
        return self.validate(obj) if obj.spec != old.spec else []

    def row(self, obj: networking.Ingress, now: float) -> list[Any]:
        spec = obj.spec
        hosts = [rule.host for rule in spec.rules if rule.host]
        text = ",".join(hosts[:3]) or "*"
        if len(hosts) > 3:
            text = f"{text} + {len(hosts) - 3} more..."
        balancer = obj.status.loadBalancer
        addresses = sorted({i.ip or i.hostname or "" for i in balancer.ingress} - {""}) if balancer else []
        return [
            obj.metadata.name,
            spec.ingressClassName or NONE,
            text,
            ",".join(addresses),
            "80, 443" if spec.tls else "80",
            age(obj.metadata.creationTimestamp, now),
        ]


def _validate_path(path: networking.HTTPIngressPath, at: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not path.pathType:
        found.append(FieldError.required(at.child("pathType"), "pathType must be specified"))
    elif path.pathType not in _PATH_TYPES:
        found.append(FieldError.not_supported(at.child("pathType"), path.pathType, _PATH_TYPES))
    elif path.pathType in ("Exact", "Prefix"):
        value = path.path or ""
        if not value.startswith("/"):
            found.append(FieldError.invalid(at.child("path"), value, "must be an absolute path"))
        for wrong in ("//", "/./", "/../", "%2f", "%2F"):
            if wrong in value:
                found.append(FieldError.invalid(at.child("path"), value, f"must not contain '{wrong}'"))
    return found + _validate_backend(path.backend, at.child("backend"))


def _validate_backend(backend: networking.IngressBackend, path: Path) -> list[FieldError]:
    if backend.service is None and backend.resource is None:
        return [FieldError.required(path, "resource or service backend is required")]
    if backend.service is not None and backend.resource is not None:
        return [FieldError.invalid(path, backend, "cannot set both resource and service backends")]
    found: list[FieldError] = []
    if backend.service is not None:
        if not backend.service.name:
            found.append(FieldError.required(path.child("service", "name")))
        port = backend.service.port
        if port is None or (not port.name and not port.number):
            found.append(FieldError.required(path.child("service", "port"), "port name or number is required"))
        elif port.name and port.number:
            found.append(FieldError.invalid(path, backend, "cannot set both port name & port number"))
    return found


class IngressClassStrategy(Strategy):
    generation = True
    columns = columns("Name", "Controller", "Parameters", "Age")

    def row(self, obj: networking.IngressClass, now: float) -> list[Any]:
        parameters = NONE
        given = obj.spec.parameters
        if given is not None:
            kind = f"{given.kind}.{given.apiGroup}" if given.apiGroup else given.kind
            parameters = f"{kind}/{given.name}"
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, obj.spec.controller or "", parameters, created]


class NetworkPolicyStrategy(Strategy):
    generation = True
    columns = columns("Name", "Pod-Selector", "Age")

    def default(self, obj: networking.NetworkPolicy) -> None:
        spec = obj.spec
        if not spec.policyTypes:
            spec.policyTypes = ["Ingress", "Egress"] if spec.egress else ["Ingress"]
        for ports in [*(rule.ports for rule in spec.ingress), *(rule.ports for rule in spec.egress)]:
            for port in ports:
                port.protocol = port.protocol or "TCP"

    def validate(self, obj: networking.NetworkPolicy) -> list[FieldError]:
        spec = obj.spec
        found = validate_label_selector(spec.podSelector, SPEC.child("podSelector"))
        for name, peers in (("ingress", "from"), ("egress", "to")):
            for index, rule in enumerate(getattr(spec, name)):
                given = rule.from_ if name == "ingress" else rule.to
                for number, peer in enumerate(given):
                    at = SPEC.child(name).index(index).child(peers).index(number)
                    if peer.ipBlock is not None and (peer.podSelector or peer.namespaceSelector):
                        why = "may not be specified when both ipBlock and another peer are set"
                        found.append(FieldError.forbidden(at, why))
                    if peer.ipBlock is None and peer.podSelector is None and peer.namespaceSelector is None:
                        found.append(FieldError.required(at, "must specify a peer"))
        if len(spec.policyTypes) > 2:
            why = "may not specify more than two policyTypes"
            found.append(FieldError.invalid(SPEC.child("policyTypes"), spec.policyTypes, why))
        for index, kind in enumerate(spec.policyTypes):
            if kind not in ("Ingress", "Egress"):
                at = SPEC.child("policyTypes").index(index)
                found.append(FieldError.not_supported(at, kind, ("Ingress", "Egress")))
        return found

    def row(self, obj: networking.NetworkPolicy, now: float) -> list[Any]:
        return [obj.metadata.name, selector_text(obj.spec.podSelector), age(obj.metadata.creationTimestamp, now)]
