"""Resources of networking.k8s.io.

Source: pkg/registry/networking, apis/networking/{v1/defaults.go,validation}, printers.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery.default_class import INGRESS_CLASS
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, age, columns, selector_text
from pybernetes.apiserver.registry.networking import validation


class IngressStrategy(Strategy):
    metadata_again = "whole"
    generation = True
    columns = columns("Name", "Class", "Hosts", "Address", "Ports", "Age")

    def prepare_for_create(self, ctx: RequestContext, obj: networking.Ingress) -> None:
        super().prepare_for_create(ctx, obj)
        obj.status.loadBalancer = networking.IngressLoadBalancerStatus()

    def validate(self, obj: networking.Ingress) -> list[FieldError]:
        return validation.ingress(obj.spec, None) + validation.ingress_class_annotation(obj)

    def warnings(self, obj: networking.Ingress, old: networking.Ingress | None) -> list[str]:
        if old is not None or INGRESS_CLASS not in obj.metadata.annotations or obj.spec.ingressClassName:
            return []
        return [f"annotation \"{INGRESS_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"]

    def validate_update(self, obj: networking.Ingress, old: networking.Ingress) -> list[FieldError]:
        return validation.ingress(obj.spec, old.spec)

    def validate_status_update(self, obj: networking.Ingress, old: networking.Ingress) -> list[FieldError]:
        return validation.ingress_status(obj.status, old.status)

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


class IngressClassStrategy(Strategy):
    metadata_again = "whole"
    generation = True
    columns = columns("Name", "Controller", "Parameters", "Age")

    def default(self, obj: networking.IngressClass) -> None:
        given = obj.spec.parameters
        if given is not None and given.scope is None:
            given.scope = "Cluster"

    def validate(self, obj: networking.IngressClass) -> list[FieldError]:
        return validation.ingress_class(obj.spec)

    def validate_update(self, obj: networking.IngressClass, old: networking.IngressClass) -> list[FieldError]:
        found = []
        if obj.spec.controller != old.spec.controller:
            at = validation.SPEC.child("controller")
            found.append(FieldError.invalid(at, obj.spec.controller or "", IMMUTABLE))
        return found + self.validate(obj)

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
                port.protocol = "TCP" if port.protocol is None else port.protocol

    def validate(self, obj: networking.NetworkPolicy) -> list[FieldError]:
        return validation.network_policy(obj.spec)

    def validate_update(self, obj: networking.NetworkPolicy, old: networking.NetworkPolicy) -> list[FieldError]:
        return validation.network_policy(obj.spec, validation.cidrs(old.spec))

    def warnings(self, obj: networking.NetworkPolicy, old: networking.NetworkPolicy | None) -> list[str]:
        return validation.network_policy_warnings(obj.spec)

    def row(self, obj: networking.NetworkPolicy, now: float) -> list[Any]:
        return [obj.metadata.name, selector_text(obj.spec.podSelector), age(obj.metadata.creationTimestamp, now)]
