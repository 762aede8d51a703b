"""What a Pod or a Pod template may say, but had better not: texts for Warning headers.

Source: pkg/api/pod/warnings.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.field_errors import Path
from pybernetes.apiserver.registry.core.ip_values import ip_warnings
from pybernetes.apiserver.registry.core.persistentvolumeclaims.validation import claim_warnings
from pybernetes.apiserver.registry.core.pods.annotated import SECCOMP_CONTAINER, SECCOMP_POD, apparmor_warnings
from pybernetes.apiserver.registry.core.pods.old_labels import OLD_NODE_LABELS, node_term_warnings
from pybernetes.apiserver.registry.core.pods.overlaps import overlapping_paths

_OLD_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_OLD_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_WIRE = {"storageos": "storageOS"}
_NULL_SELECTOR = "a null labelSelector results in matching no pod"
_FRACTION = "fractional byte value {} is invalid, must be an integer"


def pod_warnings(spec: core.PodSpec, meta: ObjectMeta | None, path: Path | None = None) -> list[str]:
    """`path` is that of a template; a Pod itself has none."""
    path = path or Path()
    at = path.child("spec")
    return [
        *_placement(spec, at),
        *_annotations(meta, path),
        *_volumes(spec, at),
        *overlapping_paths(spec.volumes),
        *_lists(spec, at),
        *_profiles(spec, meta, path),
        *_containers(spec, at),
        *_ports(spec, at),
        *_grace(spec, at),
        *_affinity(spec, at),
        *_addresses(spec, at),
    ]


def _placement(spec: core.PodSpec, at: Path) -> Iterator[str]:
    for key in spec.nodeSelector:
        if key in OLD_NODE_LABELS:
            yield f"{at.child('nodeSelector').key(key)}: {OLD_NODE_LABELS[key]}"
    if spec.affinity is not None and spec.affinity.nodeAffinity is not None:
        yield from _node_affinity(spec.affinity.nodeAffinity, at.child("affinity", "nodeAffinity"))
    for index, constraint in enumerate(spec.topologySpreadConstraints):
        where = at.child("topologySpreadConstraints").index(index)
        key = constraint.topologyKey
        if key in OLD_NODE_LABELS:
            yield f"{where.child('topologyKey')}: {key} is {OLD_NODE_LABELS[key]}"
        if constraint.labelSelector is None:
            yield f"{where.child('labelSelector')}: {_NULL_SELECTOR}"


def _node_affinity(affinity: core.NodeAffinity, at: Path) -> Iterator[str]:
    if affinity.requiredDuringSchedulingIgnoredDuringExecution is not None:
        where = at.child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
        terms = affinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms
        for index, term in enumerate(terms):
            yield from node_term_warnings(term, where.index(index))
    where = at.child("preferredDuringSchedulingIgnoredDuringExecution")
    for index, preferred in enumerate(affinity.preferredDuringSchedulingIgnoredDuringExecution):
        yield from node_term_warnings(preferred.preference, where.index(index).child("preference"), values=True)


def _annotations(meta: ObjectMeta | None, path: Path) -> Iterator[str]:
    annotations = meta.annotations if meta is not None else {}
    at = path.child("metadata", "annotations")
    for key, why in _OLD_ANNOTATIONS.items():
        if key in annotations:
            yield f"{at.key(key)}: {why}"


def _profiles(spec: core.PodSpec, meta: ObjectMeta | None, path: Path) -> Iterator[str]:
    """Annotations that fields have replaced."""
    annotations = meta.annotations if meta is not None else {}
    if not annotations:
        return
    at = path.child("metadata", "annotations")
    seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead'
    context = spec.securityContext
    if (context is None or context.seccompProfile is None) and SECCOMP_POD in annotations:
        yield f"{at.key(SECCOMP_POD)}: {seccomp}"
    for container in [*spec.initContainers, *spec.containers]:
        key = SECCOMP_CONTAINER + container.name
        own = container.securityContext
        if key in annotations and (own is None or own.seccompProfile is None):
            yield f"{at.key(key)}: {seccomp}"
    if path.text:
        yield from apparmor_warnings(spec, annotations, at)


def _volumes(spec: core.PodSpec, at: Path) -> Iterator[str]:
    for index, volume in enumerate(spec.volumes):
        for name, why in _OLD_VOLUMES.items():
            if getattr(volume, name, None) is not None:
                yield f"{at.child('volumes').index(index).child(_WIRE.get(name, name))}: {why}"
        if volume.ephemeral is not None and volume.ephemeral.volumeClaimTemplate is not None:
            where = at.child("volumes").index(index).child("ephemeral").child("volumeClaimTemplate").child("spec")
            yield from claim_warnings(volume.ephemeral.volumeClaimTemplate.spec, where)


def _lists(spec: core.PodSpec, at: Path) -> Iterator[str]:
    seen: set[str] = set()
    for index, alias in enumerate(spec.hostAliases):
        if alias.ip in seen:
            yield f'{at.child("hostAliases").index(index).child("ip")}: duplicate ip "{alias.ip}"'
        seen.add(alias.ip)
    seen = set()
    for index, secret in enumerate(spec.imagePullSecrets):
        if secret.name is not None and secret.name in seen:
            yield f'{at.child("imagePullSecrets").index(index).child("name")}: duplicate name "{secret.name}"'
        seen.add(secret.name or "")
    for index, secret in enumerate(spec.imagePullSecrets):
        if not secret.name:
            yield f'{at.child("imagePullSecrets").index(index).child("name")}: invalid empty name ""'
    yield from _fractions(spec.overhead, at.child("overhead"))


def _grace(spec: core.PodSpec, at: Path) -> Iterator[str]:
    if spec.terminationGracePeriodSeconds is not None and spec.terminationGracePeriodSeconds < 0:
        where = at.child("terminationGracePeriodSeconds")
        yield f"{where}: must be >= 0; negative values are invalid and will be treated as 1"


def _fractions(amounts: dict[str, str], at: Path) -> Iterator[str]:
    for name in ("memory", "ephemeral-storage"):
        value = amounts.get(name)
        if value is not None and value.endswith(("m", "u", "n")) and quantity.nano(value) % quantity.NANO:
            yield f"{at.key(name)}: " + _FRACTION.format(f'"{value}"')


def _with_paths(spec: core.PodSpec, at: Path) -> Iterator[tuple[core.Container, Path]]:
    for name in ("initContainers", "containers"):
        for index, container in enumerate(getattr(spec, name)):
            yield container, at.child(name).index(index)


def _containers(spec: core.PodSpec, at: Path) -> Iterator[str]:
    for container, where in _with_paths(spec, at):
        if container.resources is not None:
            yield from _fractions(container.resources.limits, where.child("resources", "limits"))
            yield from _fractions(container.resources.requests, where.child("resources", "requests"))
        seen: set[str] = set()
        for index, variable in enumerate(container.env):
            reference, value = f"$({variable.name})", variable.value or ""
            hides = variable.valueFrom is not None or value == reference or reference not in value
            if variable.name in seen and hides:
                why = f'hides previous definition of "{variable.name}", which may be dropped when using apply'
                yield f"{where.child('env').index(index)}: {why}"
            seen.add(variable.name)


def _ports(spec: core.PodSpec, at: Path) -> Iterator[str]:
    known: dict[tuple[int, str], list[tuple[Path, core.ContainerPort]]] = {}
    for container, where in _with_paths(spec, at):
        for index, port in enumerate(container.ports):
            here = where.child("ports").index(index)
            if port.hostIP and not port.hostPort:
                yield f"{here}: hostIP set without hostPort: {_shown(port)}"
            others = known.setdefault((port.containerPort, port.protocol or ""), [])
            for other_path, other in others:
                clash = _clash(port, other)
                if clash:
                    yield f"{here}: {clash} port definition with {other_path}"
            others.append((here, port))
    by_name: dict[str, Path] = {}
    for container, where in _with_paths(spec, at):
        for index, port in enumerate(container.ports):
            here = where.child("ports").index(index)
            first = by_name.setdefault(port.name, here) if port.name else here
            if first != here:
                why = f"services and probes that select ports by name will use {first}"
                yield f'{here}: duplicate port name "{port.name}" with {first}, {why}'


def _shown(port: core.ContainerPort) -> str:
    """As a port prints in Go."""
    return (
        f"{{Name:{port.name or ''} HostPort:{port.hostPort or 0} ContainerPort:{port.containerPort} "
        f"Protocol:{port.protocol or ''} HostIP:{port.hostIP or ''}}}"
    )


def _clash(port: core.ContainerPort, other: core.ContainerPort) -> str:
    if (port.hostIP, port.hostPort) == (other.hostIP, other.hostPort):
        return "duplicate"
    if not port.hostPort or not other.hostPort:
        return "overlapping"
    if port.hostPort == other.hostPort and bool(port.hostIP) != bool(other.hostIP):
        return "dangerously ambiguous"
    return ""


def _affinity(spec: core.PodSpec, at: Path) -> Iterator[str]:
    if spec.affinity is None:
        return
    for name in ("podAffinity", "podAntiAffinity"):
        affinity: core.PodAffinity | None = getattr(spec.affinity, name)
        if affinity is None:
            continue
        where = at.child("affinity", name)
        for index, term in enumerate(affinity.requiredDuringSchedulingIgnoredDuringExecution):
            if term.labelSelector is None:
                here = where.child("requiredDuringSchedulingIgnoredDuringExecution").index(index)
                yield f"{here.child('labelSelector')}: {_NULL_SELECTOR}"
        for index, weighted in enumerate(affinity.preferredDuringSchedulingIgnoredDuringExecution):
            if weighted.podAffinityTerm.labelSelector is None:
                here = where.child("preferredDuringSchedulingIgnoredDuringExecution").index(index)
                yield f"{here.child('podAffinityTerm', 'labelSelector')}: {_NULL_SELECTOR}"


def _addresses(spec: core.PodSpec, at: Path) -> Iterator[str]:
    for index, server in enumerate(spec.dnsConfig.nameservers if spec.dnsConfig is not None else ()):
        yield from ip_warnings(server, at.child("dnsConfig", "nameservers").index(index))
    for index, alias in enumerate(spec.hostAliases):
        yield from ip_warnings(alias.ip, at.child("hostAliases").index(index).child("ip"))
