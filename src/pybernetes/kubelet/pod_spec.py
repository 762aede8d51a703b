"""Questions to a pod's spec that several parts of the kubelet ask. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod, PodCondition, PodStatus, Probe
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION, RESTART_ALL, AnyContainer, containers_of
from pybernetes.host.ip_families import family_of

HASH_ANNOTATION = "kubernetes.io/config.hash"
SOURCE_ANNOTATION = "kubernetes.io/config.source"
SEEN_ANNOTATION = "kubernetes.io/config.seen"

SYSTEM_CRITICAL_PRIORITY = 2_000_000_000


def uid_of(pod: Pod) -> str:
    return pod.metadata.uid or ""


def full_name(pod: Pod) -> str:
    """name_namespace(uid), as upstream writes a pod into messages."""
    return f"{pod.metadata.name}_{pod.metadata.namespace}({uid_of(pod)})"


def is_sidecar(container: Container) -> bool:
    """Whether an init container keeps running beside the others."""
    return container.restartPolicy == "Always"


def ends_first(pod: Pod, container: Container) -> bool:
    """Whether it is an init container that ends before the next ones begin."""
    return any(c is container for c in pod.spec.initContainers) and not is_sidecar(container)


def kind_of(pod: Pod, container: str) -> str:
    """What metrics call a container by that name."""
    if any(each.name == container for each in pod.spec.initContainers):
        return "init_container"
    ephemeral = any(each.name == container for each in pod.spec.ephemeralContainers)
    return "ephemeral_container" if ephemeral else "container"


def is_mirror(pod: Pod) -> bool:
    return MIRROR_ANNOTATION in pod.metadata.annotations


def is_static(pod: Pod) -> bool:
    """A pod that does not come from the API (its mirror there does)."""
    return pod.metadata.annotations.get(SOURCE_ANNOTATION, "api") != "api" and not is_mirror(pod)


def is_critical(pod: Pod) -> bool:
    """Whether the node keeps the pod whatever happens. Source: pkg/kubelet/types/pod_update.go IsCriticalPod."""
    return is_static(pod) or is_mirror(pod) or (pod.spec.priority or 0) >= SYSTEM_CRITICAL_PRIORITY


def may_preempt(preemptor: Pod, victim: Pod) -> bool:
    """Source: pkg/kubelet/types/pod_update.go Preemptable."""
    if is_critical(preemptor) and not is_critical(victim):
        return True
    one, other = preemptor.spec.priority, victim.spec.priority
    return one is not None and other is not None and one > other


def find_container(pod: Pod, name: str) -> AnyContainer | None:
    return next((c for c in containers_of(pod.spec) if c.name == name), None)


def field_path(pod: Pod, name: str) -> str:
    """Where a container stands in the spec: the fieldPath of its events."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        if any(c.name == name for c in getattr(pod.spec, field)):
            return f"spec.{field}{{{name}}}"
    return ""


def find_condition(status: PodStatus, kind: str) -> PodCondition | None:
    return condition_of(status.conditions, kind)


def container_hash(container: AnyContainer) -> str:
    """Changes when a running container must be replaced. Upstream: name and image only."""
    identity = msgspec.json.encode([container.name, container.image or ""])
    return hashlib.sha256(identity).hexdigest()[:8]


def matching_rule(container: AnyContainer, exit_code: int) -> str:
    """The action of the first restart rule that the end of the container meets, "" for none."""
    for rule in container.restartPolicyRules:
        condition = rule.exitCodes
        if condition is not None and (exit_code in condition.values) == (condition.operator == "In"):
            return rule.action
    return ""


def should_restart(container: AnyContainer, pod: Pod, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` runs again.

    Source: pkg/api/v1/pod/util.go ContainerShouldRestart (KEP-5307: rules before policies).
    """
    if isinstance(container, EphemeralContainer):
        return False
    action = matching_rule(container, exit_code)
    if action:
        return action in ("Restart", RESTART_ALL)
    policy = container.restartPolicy or pod.spec.restartPolicy or "Always"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def termination_grace_period_s(pod: Pod) -> int:
    """Seconds a pod has to end, as its deletion or else its spec says; at least 1."""
    if pod.metadata.deletionGracePeriodSeconds is not None:
        return max(pod.metadata.deletionGracePeriodSeconds, 1)
    if pod.spec.terminationGracePeriodSeconds is not None:
        return max(pod.spec.terminationGracePeriodSeconds, 1)
    return 30


def probe_grace_period_s(pod: Pod, probe: Probe | None) -> int:
    """Seconds a container has to end after a failed probe. Source: setTerminationGracePeriod."""
    if (
        pod.metadata.deletionGracePeriodSeconds is None
        and probe is not None
        and probe.terminationGracePeriodSeconds is not None
    ):
        return max(probe.terminationGracePeriodSeconds, 1)
    return termination_grace_period_s(pod)


def pod_ips_of(status: PodStatus) -> list[str]:
    return [ip.ip for ip in status.podIPs] or ([status.podIP] if status.podIP else [])


def addresses_in_order(pod_ips: Sequence[str], host_ips: Sequence[str]) -> list[str]:
    """The first of each IP family, that of the node's first address before the other. Source: sortPodIPs."""
    first = family_of(host_ips[0]) if host_ips else 4
    by_family = {family_of(ip): ip for ip in reversed(pod_ips)}
    return [by_family[family] for family in sorted(by_family, key=lambda family: family != first)]
