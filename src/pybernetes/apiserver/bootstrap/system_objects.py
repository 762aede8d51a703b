"""The objects that every cluster starts with, besides its roles. Pure.

Source: pkg/controlplane/controller/{systemnamespaces,kubernetesservice}, pkg/controlplane/reconcilers,
pkg/registry/scheduling/rest, pkg/controlplane/controller/clusterauthenticationtrust.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence

from pybernetes.api.core.v1 import (
    ConfigMap,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    Namespace,
    Service,
    ServicePort,
    ServiceSpec,
)
from pybernetes.api.discovery import v1 as discovery
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.scheduling.v1 import PriorityClass

NAMESPACES = ("kube-system", "default", "kube-public", "kube-node-lease")
_SERVICE = "kubernetes"


def namespaces() -> list[Namespace]:
    return [Namespace(metadata=ObjectMeta(name=name)) for name in NAMESPACES]


def priority_classes() -> list[PriorityClass]:
    return [
        PriorityClass(
            metadata=ObjectMeta(name="system-node-critical"),
            value=2_000_001_000,
            description="For Pods that a node cannot work without; they are never moved off it.",
        ),
        PriorityClass(
            metadata=ObjectMeta(name="system-cluster-critical"),
            value=2_000_000_000,
            description="For Pods that the cluster cannot work without; they may run on another node.",
        ),
    ]


def kubernetes_service(service_cidrs: str, port: int) -> Service:
    """The Service under which Pods reach the apiserver: the first address of the (by comma, first) range."""
    network = ipaddress.ip_network(service_cidrs.partition(",")[0])
    address = str(network[1])
    return Service(
        metadata=ObjectMeta(
            name=_SERVICE, namespace="default", labels={"component": "apiserver", "provider": "kubernetes"}
        ),
        spec=ServiceSpec(
            type="ClusterIP",
            clusterIP=address,
            clusterIPs=[address],
            ipFamilies=[f"IPv{network.version}"],
            ipFamilyPolicy="SingleStack",
            sessionAffinity="None",
            ports=[ServicePort(name="https", port=443, protocol="TCP", targetPort=port)],
        ),
    )


def kubernetes_endpoints(addresses: Sequence[str], port: int) -> Endpoints:
    return Endpoints(
        metadata=ObjectMeta(
            name=_SERVICE, namespace="default", labels={"endpointslice.kubernetes.io/skip-mirror": "true"}
        ),
        subsets=[
            EndpointSubset(
                addresses=[EndpointAddress(ip=address) for address in addresses],
                ports=[EndpointPort(name="https", port=port, protocol="TCP")],
            )
        ],
    )


def kubernetes_endpoint_slice(addresses: Sequence[str], port: int) -> discovery.EndpointSlice:
    return discovery.EndpointSlice(
        metadata=ObjectMeta(name=_SERVICE, namespace="default", labels={"kubernetes.io/service-name": _SERVICE}),
        addressType=f"IPv{ipaddress.ip_address(addresses[0]).version}",
        endpoints=[
            discovery.Endpoint(addresses=[address], conditions=discovery.EndpointConditions(ready=True))
            for address in addresses
        ],
        ports=[discovery.EndpointPort(name="https", port=port, protocol="TCP")],
    )


def authentication_config(client_ca: str, proxy_ca: str, proxy_names: Sequence[str]) -> ConfigMap:
    """What extension apiservers need to trust this one's clients."""
    data = {"client-ca-file": client_ca} if client_ca else {}
    if proxy_ca:
        data |= {
            "requestheader-client-ca-file": proxy_ca,
            "requestheader-allowed-names": json.dumps(list(proxy_names)),
            "requestheader-username-headers": '["X-Remote-User"]',
            "requestheader-uid-headers": '["X-Remote-Uid"]',
            "requestheader-group-headers": '["X-Remote-Group"]',
            "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
        }
    metadata = ObjectMeta(name="extension-apiserver-authentication", namespace="kube-system")
    return ConfigMap(metadata=metadata, data=data)


def reconciled_endpoints(existing: Endpoints, wanted: Endpoints) -> bool:
    """The subsets belong to the apiservers alone."""
    if existing.subsets == wanted.subsets:
        return False
    existing.subsets = wanted.subsets
    return True


def reconciled_endpoint_slice(existing: discovery.EndpointSlice, wanted: discovery.EndpointSlice) -> bool:
    if existing.endpoints == wanted.endpoints and existing.ports == wanted.ports:
        return False
    existing.endpoints, existing.ports = wanted.endpoints, wanted.ports
    return True


def reconciled_service(existing: Service, wanted: Service) -> bool:
    """The ports follow the configuration; the address stays what it is."""
    if existing.spec is None or wanted.spec is None or existing.spec.ports == wanted.spec.ports:
        return False
    existing.spec.ports = wanted.spec.ports
    return True


def reconciled_config(existing: ConfigMap, wanted: ConfigMap) -> bool:
    merged = {**existing.data, **wanted.data}
    if merged == existing.data:
        return False
    existing.data = merged
    return True
