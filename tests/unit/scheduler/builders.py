"""Short ways to Nodes, Pods and a profile for the scheduler's tests."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from pybernetes.api.core.v1 import (
    Affinity,
    Container,
    ContainerImage,
    ContainerPort,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    NodeStatus,
    Pod,
    PodSpec,
    ResourceRequirements,
    Taint,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.client.informer import Informer
from pybernetes.scheduler.config import ProfileConfig
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.storage_view import StorageView

_uids = itertools.count(1)


def node(
    name: str,
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: dict[str, str] | None = None,
    taints: list[tuple[str, str, str]] | None = None,
    unschedulable: bool | None = None,
    images: dict[str, int] | None = None,
    features: Sequence[str] = (),
    **extended: str,
) -> Node:
    offered = {"cpu": cpu, "memory": memory, "pods": pods, **{k.replace("__", "/"): v for k, v in extended.items()}}
    return Node(
        metadata=ObjectMeta(name=name, labels={"kubernetes.io/hostname": name, **(labels or {})}),
        spec=NodeSpec(
            unschedulable=unschedulable,
            taints=[Taint(key=key, value=value or None, effect=effect) for key, value, effect in taints or []],
        ),
        status=NodeStatus(
            allocatable=offered,
            images=[ContainerImage(names=[image], sizeBytes=size) for image, size in (images or {}).items()],
            declaredFeatures=list(features),
        ),
    )


def pod(
    name: str = "web",
    *,
    cpu: str = "",
    memory: str = "",
    image: str = "app:1",
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    on: str = "",
    ports: list[tuple[str, str, int]] | None = None,
    more: dict[str, str] | None = None,
    required: list[list[tuple[str, str, list[str]]]] | None = None,
    **spec: Any,
) -> Pod:
    """`required`: terms of requirements; `more`: further requests; the rest are fields of the spec."""
    asked = {**({"cpu": cpu} if cpu else {}), **({"memory": memory} if memory else {}), **(more or {})}
    spec.setdefault("schedulerName", "default-scheduler")
    if required is not None:
        terms = [NodeSelectorTerm(matchExpressions=[requirement(*r) for r in term]) for term in required]
        spec["affinity"] = Affinity(
            nodeAffinity=NodeAffinity(
                requiredDuringSchedulingIgnoredDuringExecution=NodeSelector(nodeSelectorTerms=terms)
            )
        )
    return Pod(
        metadata=ObjectMeta(
            name=name, namespace=namespace, uid=f"pod-{next(_uids)}", labels=labels or {}, resourceVersion="1"
        ),
        spec=PodSpec(
            nodeName=on or None,
            containers=[
                Container(
                    name="main",
                    image=image,
                    resources=ResourceRequirements(requests=asked) if asked else None,
                    ports=[
                        ContainerPort(containerPort=port, hostPort=port, hostIP=address or None, protocol=protocol)
                        for address, protocol, port in ports or []
                    ],
                )
            ],
            **spec,
        ),
    )


class _Nowhere:
    name = "nothing"


class Storage:
    """A view that is filled by hand."""

    def __init__(self, *objects: Any) -> None:
        self.informers: dict[Any, Informer[Any]] = {}
        self.view = StorageView(self._informer)
        self._version = 0
        for obj in objects:
            self.put(obj)

    def _informer(self, cls: Any) -> Informer[Any]:
        return self.informers.setdefault(cls, Informer(_Nowhere()))  # type: ignore[arg-type]

    def put(self, obj: Any) -> None:
        self._version += 1
        obj.metadata.resourceVersion = str(self._version)
        self.informers[type(obj)]._put(obj)


def requirement(key: str, operator: str, values: list[str]) -> NodeSelectorRequirement:
    return NodeSelectorRequirement(key=key, operator=operator, values=values)


def profile(
    config: ProfileConfig | None = None, selector: LabelSelector | None = None, **handle_fields: Any
) -> Profile:
    handle = Handle(None, lambda pod: selector or LabelSelector(), **handle_fields)  # type: ignore[arg-type]
    return Profile(config or ProfileConfig(), handle)


def snapshot_of(nodes: list[Node], pods: list[Pod] | None = None) -> Snapshot:
    snapshot = Snapshot()
    for each in nodes:
        snapshot.set_node(each)
    for placed in pods or []:
        snapshot.place(PodInfo(placed), placed.spec.nodeName or "")
    return snapshot
