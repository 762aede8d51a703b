"""Short ways to Services, Pods and Nodes."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core.v1 import (
    Container,
    ContainerPort,
    Node,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from pybernetes.api.meta.v1 import ObjectMeta

CREATED = "2026-01-01T00:00:00Z"


def service(name: str = "web", *, labels: dict[str, str] | None = None, **spec: Any) -> Service:
    spec.setdefault("selector", {"app": "web"})
    spec.setdefault("clusterIP", "10.96.0.7")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ports", [ServicePort(port=80, targetPort=8080, protocol="TCP")])
    meta = ObjectMeta(name=name, namespace="default", uid=f"svc-{name}", labels=labels or {}, creationTimestamp=CREATED)
    return Service(metadata=meta, spec=ServiceSpec(**spec))


def pod(
    name: str,
    ip: str = "",
    *,
    ready: bool = True,
    node: str = "n1",
    labels: dict[str, str] | None = None,
    terminating: bool = False,
    phase: str = "Running",
    ports: list[tuple[str, int]] | None = None,
    since: str = CREATED,
    **spec: Any,
) -> Pod:
    meta = ObjectMeta(
        name=name,
        namespace="default",
        uid=f"pod-{name}",
        labels=labels if labels is not None else {"app": "web"},
        deletionTimestamp="2026-01-01T01:00:00Z" if terminating else None,
    )
    container = Container(
        name="main", ports=[ContainerPort(name=n, containerPort=p, protocol="TCP") for n, p in ports or []]
    )
    return Pod(
        metadata=meta,
        spec=PodSpec(nodeName=node or None, containers=[container], **spec),
        status=PodStatus(
            phase=phase,
            podIP=ip or None,
            podIPs=[PodIP(ip=ip)] if ip else [],
            conditions=[PodCondition(type="Ready", status="True" if ready else "False", lastTransitionTime=since)],
        ),
    )


def node(name: str = "n1", **labels: str) -> Node:
    named = {"topology.kubernetes.io/zone" if key == "zone" else key: value for key, value in labels.items()}
    return Node(metadata=ObjectMeta(name=name, uid=f"node-{name}", labels=named))
