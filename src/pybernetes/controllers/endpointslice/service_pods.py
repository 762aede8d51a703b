"""Which Pods belong to a Service, by which address and port, since when. Pure; also for the endpoints controller.

Source: k8s.io/endpointslice/util, utils.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Pod, Service, ServicePort
from pybernetes.apimachinery.pods import is_finished, is_ready, lasting_ports
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.controllers.runtime.pods import ready_since

REST_S_PER_POD = 200e-6
"""Between two looks at a Service, for each of its Pods: every look goes through them all, and often writes them all."""


def selects(service: Service, labels: Mapping[str, str]) -> bool:
    """Whether a Service with a selector selects a Pod with these labels."""
    selector = service.spec.selector
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def first_pair(service: Service) -> list[str]:
    """Index function: `namespace/key=value` of the selector's first label, which every selected Pod has."""
    if not service.spec.selector:
        return []
    key, value = min(service.spec.selector.items())
    return [f"{service.metadata.namespace}/{key}={value}"]


def pairs_of(pod: Pod) -> list[str]:
    """The keys of `first_pair` under which the Services of a Pod are."""
    return [f"{pod.metadata.namespace}/{key}={value}" for key, value in pod.metadata.labels.items()]


def is_managed(service: Service) -> bool:
    """Whether a controller writes the endpoints: there is a selector, and it is no alias for an external name."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def has_cluster_ip(service: Service) -> bool:
    return service.spec.clusterIP not in (None, "", "None")


def belongs(pod: Pod, *, include_terminating: bool) -> bool:
    """Whether a selected Pod is an endpoint at all: it has an address and has not finished."""
    if is_finished(pod) or not (pod.status.podIP or pod.status.podIPs):
        return False
    return include_terminating or pod.metadata.deletionTimestamp is None


def addresses(pod: Pod, *, ipv6: bool) -> list[str]:
    """The Pod's addresses of one family, in canonical form."""
    found = []
    for pod_ip in pod.status.podIPs:
        try:
            address = ipaddress.ip_address(pod_ip.ip)
        except ValueError:
            continue
        if (address.version == 6) == ipv6:
            found.append(str(address))
    return found


def hostname(pod: Pod, service: Service) -> str | None:
    """The name a headless Service gives the Pod in DNS."""
    if pod.spec.hostname and (pod.spec.subdomain or "") == service.metadata.name:
        return pod.spec.hostname
    return None


def find_port(pod: Pod, port: ServicePort) -> int | None:
    """The number a Service port has on this Pod; a name is looked up among the ports of containers and sidecars."""
    target = port.targetPort
    if target is None or target == 0:
        return port.port
    if isinstance(target, int):
        return target
    for offered in lasting_ports(pod.spec):
        if offered.name == target and (offered.protocol or "TCP") == (port.protocol or "TCP"):
            return offered.containerPort
    return None


def endpoints_changed(old: Pod, new: Pod) -> bool:
    """Whether an update of a Pod can change the endpoints of its Services."""
    return (
        old.metadata.labels != new.metadata.labels
        or (old.spec.hostname, old.spec.subdomain) != (new.spec.hostname, new.spec.subdomain)
        or (old.metadata.deletionTimestamp is None) != (new.metadata.deletionTimestamp is None)
        or is_ready(old) != is_ready(new)
        or is_finished(old) != is_finished(new)
        or [ip.ip for ip in old.status.podIPs] != [ip.ip for ip in new.status.podIPs]
    )


@dataclass(slots=True)
class _Seen:
    service_s: float = 0.0
    pods_s: dict[str, float] = field(default_factory=dict)


class TriggerTimes:
    """When the change happened that an update of endpoints publishes; "" when no new one is known."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def compute(self, key: str, service: Service, pods: Iterable[Pod]) -> str:
        """The earliest change of the Service or its Pods since the last call. Once a reconcile, changes or not."""
        known = key in self._seen
        seen = self._seen.setdefault(key, _Seen())
        changed: list[float] = []
        times: dict[str, float] = {}
        for pod in pods:
            since = ready_since(pod) or _transition(pod)
            if since is not None:
                name = pod.metadata.name or ""
                times[name] = since
                if since > seen.pods_s.get(name, 0.0):
                    changed.append(since)
        created = service.metadata.creationTimestamp
        created_s = parse_time(created) if created else 0.0
        if created_s > seen.service_s:
            changed.append(created_s)
        seen.pods_s, seen.service_s = times, created_s
        if not known:
            return created or ""
        return format_time(min(changed)) if changed else ""

    def forget(self, key: str) -> None:
        self._seen.pop(key, None)


def _transition(pod: Pod) -> float | None:
    for condition in pod.status.conditions:
        if condition.type == "Ready" and condition.lastTransitionTime:
            return parse_time(condition.lastTransitionTime)
    return None
