"""Short ways to make the objects that controller tests talk about."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.api.batch.v1 import Job
from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.times import format_time

T = TypeVar("T")
NOW = 1_767_225_600.0


def make(cls: type[T], tree: dict[str, Any]) -> T:
    return msgspec.convert(tree, cls)


def template(image: str = "nginx", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": labels or {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def deployment(name: str = "web", replicas: int = 3, image: str = "nginx", **spec: Any) -> Deployment:
    return make(
        Deployment,
        {
            "metadata": {"name": name, "namespace": "default", "uid": f"d-{name}", "generation": 1},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template(image),
                **spec,
            },
        },
    )


def replica_set(name: str, replicas: int, available: int = 0, **extra: Any) -> ReplicaSet:
    image = extra.pop("image", "nginx")
    created = extra.pop("created", 0)
    annotations = extra.pop("annotations", {})
    return make(
        ReplicaSet,
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": f"rs-{name}",
                "creationTimestamp": format_time(NOW + created),
                "annotations": annotations,
            },
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template(image, **{"app": "web", "pod-template-hash": name}),
                **extra,
            },
            "status": {"replicas": replicas, "availableReplicas": available, "readyReplicas": available},
        },
    )


def pod(name: str, **facts: Any) -> Pod:
    """facts: phase, node, ready_s (seconds ago), labels, annotations, finalizers, deleted, restarts, created_s."""
    conditions = []
    if (ready_s := facts.get("ready_s")) is not None:
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": format_time(NOW - ready_s)}]
    statuses = facts.get("statuses", [])
    if restarts := facts.get("restarts"):
        statuses = [{"name": "c", "image": "", "imageID": "", "ready": True, "restartCount": restarts}]
    tree: dict[str, Any] = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": facts.get("uid", f"p-{name}"),
            "labels": facts.get("labels", {"app": "web"}),
            "annotations": facts.get("annotations", {}),
            "finalizers": facts.get("finalizers", []),
            "creationTimestamp": format_time(NOW - facts.get("created_s", 0)),
        },
        "spec": {"containers": [{"name": "c"}], "nodeName": facts.get("node")},
        "status": {
            "phase": facts.get("phase", "Running"),
            "conditions": [*conditions, *facts.get("conditions", [])],
            "containerStatuses": statuses,
        },
    }
    if facts.get("deleted"):
        tree["metadata"]["deletionTimestamp"] = format_time(NOW)
    return make(Pod, tree)


def job(name: str = "work", **spec: Any) -> Job:
    status = spec.pop("status", {})
    return make(
        Job,
        {
            "metadata": {"name": name, "namespace": "default", "uid": f"j-{name}"},
            "spec": {
                "parallelism": 1,
                "completions": 1,
                "backoffLimit": 6,
                "template": {"spec": {"containers": [{"name": "c"}], "restartPolicy": "Never"}},
                **spec,
            },
            "status": status,
        },
    )
