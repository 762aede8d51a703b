"""Where a DaemonSet's Pods belong, and what pins one to its node. Pure.

Source: pkg/controller/daemon/daemon_controller.go (NodeShouldRunDaemonPod), pkg/controller/daemon/util.
"""

from __future__ import annotations

from pybernetes.api.apps.v1 import DaemonSet
from pybernetes.api.core.v1 import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    PodTemplateSpec,
    Toleration,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.node_selector import RequiredAffinity, required_affinity
from pybernetes.apimachinery.tolerations import NO_EXECUTE, NO_SCHEDULE, untolerated
from pybernetes.controllers.runtime.revisions import REVISION_LABEL

_NAME_FIELD = "metadata.name"
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
GENERATION_LABEL = "pod-template-generation"
_TROUBLES = (
    ("node.kubernetes.io/not-ready", NO_EXECUTE),
    ("node.kubernetes.io/unreachable", NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/unschedulable", NO_SCHEDULE),
)
"""What a daemon stays through."""
_NO_NETWORK = ("node.kubernetes.io/network-unavailable", NO_SCHEDULE)


class Placement:
    """The part of a DaemonSet that decides where it runs, read once for all nodes."""

    def __init__(self, daemon_set: DaemonSet) -> None:
        spec = daemon_set.spec.template.spec or PodSpec()
        self._node_name = spec.nodeName
        self._affinity: RequiredAffinity = required_affinity(Pod(spec=spec))
        self._tolerations = tolerations(spec)

    def on(self, node: Node) -> tuple[bool, bool]:
        """(should a Pod be started there, may one that runs there go on)."""
        name = node.metadata.name or ""
        if self._node_name and self._node_name != name:
            return False, False
        if not self._affinity.matches(name, node.metadata.labels):
            return False, False
        taints = node.spec.taints
        if untolerated(taints, self._tolerations, (NO_EXECUTE, NO_SCHEDULE)) is None:
            return True, True
        return False, untolerated(taints, self._tolerations, (NO_EXECUTE,)) is None


def tolerations(spec: PodSpec) -> list[Toleration]:
    """Those of the Pod and those that every daemon has."""
    found = list(spec.tolerations)
    for key, effect in (*_TROUBLES, *((_NO_NETWORK,) if spec.hostNetwork else ())):
        added = Toleration(key=key, operator="Exists", effect=effect)
        same = next((i for i, t in enumerate(found) if _same_taint(t, added)), None)
        if same is None:
            found.append(added)
        else:
            found[same] = added
    return found


def _same_taint(a: Toleration, b: Toleration) -> bool:
    return (a.key, a.effect, a.operator, a.value or "") == (b.key, b.effect, b.operator, b.value or "")


def daemon_template(daemon_set: DaemonSet, hash_: str) -> PodTemplateSpec:
    """The template with the labels of its revision and the tolerations of daemons."""
    made = fresh(daemon_set.spec.template)
    made.metadata = made.metadata or ObjectMeta()
    made.spec = made.spec or PodSpec()
    made.spec.tolerations = tolerations(made.spec)
    labels = dict(made.metadata.labels)
    if (generation := template_generation(daemon_set)) is not None:
        labels[GENERATION_LABEL] = str(generation)
    if hash_:
        labels[REVISION_LABEL] = hash_
    made.metadata.labels = labels
    return made


def template_generation(daemon_set: DaemonSet) -> int | None:
    """What a deprecated annotation says; None without it or when it is no number."""
    text = daemon_set.metadata.annotations.get(TEMPLATE_GENERATION, "")
    try:
        return int(text)
    except ValueError:
        return None


def pinned(template: PodTemplateSpec, node_name: str) -> PodTemplateSpec:
    """A copy whose required node affinity names one node; so the scheduler binds it, and it can do so nowhere else."""
    made = fresh(template)
    assert made.spec is not None
    made.spec.affinity = made.spec.affinity or Affinity()
    affinity = made.spec.affinity
    affinity.nodeAffinity = affinity.nodeAffinity or NodeAffinity()
    affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution = NodeSelector(
        nodeSelectorTerms=[
            NodeSelectorTerm(matchFields=[NodeSelectorRequirement(key=_NAME_FIELD, operator="In", values=[node_name])])
        ]
    )
    return made


def target_node(pod: Pod) -> str | None:
    """The node a daemon Pod runs on or is pinned to; None when it is on none and pinned to none."""
    if pod.spec.nodeName:
        return pod.spec.nodeName
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity is not None else None
    for term in required.nodeSelectorTerms if required is not None else []:
        for field in term.matchFields:
            if field.key == _NAME_FIELD and field.operator == "In":
                return field.values[0] if len(field.values) == 1 else None
    return None
