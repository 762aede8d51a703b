"""Validation of Pods: the PodSpec as a whole, what an update may change, what a status may say.

Source: pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodCreate, ValidatePodUpdate, …).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods import containers, operating_system, placement, resources, volumes
from pybernetes.apiserver.registry.generic.object_meta import validate_labels

SPEC = Path("spec")
STATUS = Path("status")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod_spec(spec: core.PodSpec, path: Path, pod_name: str = "", *, is_pod: bool = False) -> list[FieldError]:
    """A PodSpec in a Pod (`is_pod`) or in a template."""
    if spec.terminationGracePeriodSeconds is None:
        found = [FieldError.required(path.child("terminationGracePeriodSeconds"))]
    else:
        found = []
    known, wrong = volumes.validate_volumes(spec.volumes, pod_name, path.child("volumes")) if spec.volumes else ({}, [])
    found += wrong
    found += containers.validate_containers(spec, known, path.child("containers"))
    if spec.initContainers:
        found += containers.validate_init_containers(spec, known, path.child("initContainers"))
    if spec.ephemeralContainers:
        found += containers.validate_ephemeral_containers(spec, known, path.child("ephemeralContainers"))
    if spec.resourceClaims:
        found += _validate_resource_claims(spec, path.child("resourceClaims"))
    if spec.resources is not None:
        found += resources.validate_requirements(spec.resources, set(), path.child("resources"))
    if spec.hostNetwork:
        found += _validate_host_network(spec, path, is_pod)
    if spec.restartPolicy not in _RESTART_POLICIES:
        at = path.child("restartPolicy")
        found.append(FieldError.not_supported(at, spec.restartPolicy, _RESTART_POLICIES))
    if spec.dnsPolicy not in _DNS_POLICIES:
        found.append(FieldError.not_supported(path.child("dnsPolicy"), spec.dnsPolicy, _DNS_POLICIES))
    if spec.nodeSelector:
        found += validate_labels(spec.nodeSelector, path.child("nodeSelector"))
    if spec.securityContext is not None:
        found += _validate_security_context(spec.securityContext, spec, path.child("securityContext"))
    if spec.affinity is not None:
        found += placement.validate_affinity(spec.affinity, path.child("affinity"))
    if spec.dnsConfig is not None or spec.dnsPolicy == "None":
        found += _validate_dns_config(spec.dnsConfig, spec.dnsPolicy or "", path.child("dnsConfig"))
    for index, gate in enumerate(spec.readinessGates):
        at = path.child("readinessGates").index(index).child("conditionType")
        found += placement.validate_label_name(gate.conditionType, at)
    if spec.schedulingGates:
        found += _validate_scheduling_gates(spec.schedulingGates, path.child("schedulingGates"))
    if spec.topologySpreadConstraints:
        at = path.child("topologySpreadConstraints")
        found += placement.validate_topology_spread(spec.topologySpreadConstraints, at)
    if spec.hostUsers is False:
        for name, wire in (("hostPID", "HostPID"), ("hostIPC", "HostIPC"), ("hostNetwork", "hostNetwork")):
            if getattr(spec, name):
                found.append(FieldError.forbidden(path.child(wire), "when `hostUsers` is false"))
    for name, check in _NAMES:
        value = getattr(spec, name)
        if value:
            found += [FieldError.invalid(path.child(name), value, message) for message in check(value)]
    if spec.activeDeadlineSeconds is not None and not 1 <= spec.activeDeadlineSeconds < 2**31:
        at = path.child("activeDeadlineSeconds")
        found.append(FieldError.invalid(at, spec.activeDeadlineSeconds, names.in_range(1, 2**31 - 1)))
    if spec.tolerations:
        found += placement.validate_tolerations(spec.tolerations, path.child("tolerations"))
    if spec.hostAliases:
        found += _validate_host_aliases(spec, path.child("hostAliases"))
    if spec.preemptionPolicy not in (None, "Never", "PreemptLowerPriority"):
        at = path.child("preemptionPolicy")
        found.append(FieldError.not_supported(at, spec.preemptionPolicy, ("Never", "PreemptLowerPriority")))
    for name, value in spec.overhead.items():
        at = path.child("overhead").key(name)
        found += resources.validate_container_resource_name(name, at)
        found += resources.validate_quantity(name, value, at)
    if spec.os is not None:
        found += operating_system.validate_os(spec, path)
        found += operating_system.validate_fields_of_os(spec, path)
    return found


_NAMES = (
    ("serviceAccountName", names.dns1123_subdomain),
    ("nodeName", names.dns1123_subdomain),
    ("hostname", names.dns1123_label),
    ("subdomain", names.dns1123_label),
    ("priorityClassName", names.dns1123_subdomain),
    ("runtimeClassName", names.dns1123_subdomain),
)


def validate_pod(pod: core.Pod) -> list[FieldError]:
    """What holds for a Pod at creation and at every update."""
    spec = pod.spec
    found = validate_pod_spec(spec, SPEC, pod.metadata.name or "", is_pod=True)
    if not spec.serviceAccountName:
        for index, volume in enumerate(spec.volumes):
            for number, source in enumerate(volume.projected.sources if volume.projected else ()):
                if source.serviceAccountToken is not None:
                    at = SPEC.child("volumes").index(index).child("projected").child("sources").index(number)
                    why = "must not be specified when serviceAccountName is not set"
                    found.append(FieldError.forbidden(at.child("serviceAccountToken"), why))
    for name in ("containers", "initContainers"):
        for index, container in enumerate(getattr(spec, name)):
            found += containers.image_spaces(container, SPEC.child(name).index(index))
    return found


def validate_pod_create(pod: core.Pod) -> list[FieldError]:
    found = validate_pod(pod)
    spec = pod.spec
    if spec.ephemeralContainers:
        found.append(FieldError.forbidden(SPEC.child("ephemeralContainers"), "cannot be set on create"))
    if spec.nodeName and spec.schedulingGates:
        why = "cannot be set until all schedulingGates have been cleared"
        found.append(FieldError.forbidden(SPEC.child("nodeName"), why))
    return found


def validate_pod_update(pod: core.Pod, old: core.Pod) -> list[FieldError]:
    """Only images, tolerations, gates and the deadline of a Pod may change."""
    found = validate_pod(pod) if pod.spec != old.spec else []
    spec, before = pod.spec, old.spec
    if pod.metadata.annotations != old.metadata.annotations:
        new_mirror = pod.metadata.annotations.get(MIRROR_ANNOTATION)
        if new_mirror != old.metadata.annotations.get(MIRROR_ANNOTATION):
            at = Path("metadata").child("annotations").key(MIRROR_ANNOTATION)
            why = "may not remove or update mirror pod annotation"
            found.append(FieldError.forbidden(at, why))
    for name in ("containers", "initContainers"):
        if len(getattr(spec, name)) != len(getattr(before, name)):
            why = "pod updates may not add or remove containers"
            return [*found, FieldError.forbidden(SPEC.child(name), why)]
    for name in ("containers", "initContainers"):
        for index, container in enumerate(getattr(spec, name)):
            if not container.image:
                found.append(FieldError.required(SPEC.child(name).index(index).child("image")))
    found += _validate_deadline(spec, before)
    found += _validate_only_added_tolerations(spec, before)
    old_gates = {gate.name for gate in before.schedulingGates}
    for index, gate in enumerate(spec.schedulingGates):
        if gate.name not in old_gates:
            at = SPEC.child("schedulingGates").index(index).child("name")
            why = "only deletion is allowed, but found new scheduling gate '" + gate.name + "'"
            found.append(FieldError.forbidden(at, why))
    if spec == before:
        return found
    munged = _with_updatable_from(spec, before)
    if munged != before:
        difference = _difference(msgspec.to_builtins(before), msgspec.to_builtins(munged))
        why = f"pod updates may not change fields other than {_UPDATABLE}\n{difference}"
        found.append(FieldError.forbidden(SPEC, why))
    return found


def _with_updatable_from(spec: core.PodSpec, before: core.PodSpec) -> core.PodSpec:
    """`spec` with every field that may change put back to what it was."""
    munged = msgspec.structs.replace(
        spec,
        containers=[
            msgspec.structs.replace(c, image=o.image) for c, o in zip(spec.containers, before.containers, strict=True)
        ],
        initContainers=[
            msgspec.structs.replace(c, image=o.image)
            for c, o in zip(spec.initContainers, before.initContainers, strict=True)
        ],
        activeDeadlineSeconds=before.activeDeadlineSeconds,
        schedulingGates=before.schedulingGates,
        tolerations=before.tolerations,
    )
    grace_s = before.terminationGracePeriodSeconds
    if grace_s is not None and grace_s < 0 and munged.terminationGracePeriodSeconds == 1:
        munged.terminationGracePeriodSeconds = grace_s
    if before.schedulingGates:
        # A gated Pod may still be narrowed; the scheduler has not looked at it.
        if all(munged.nodeSelector.get(k) == v for k, v in before.nodeSelector.items()):
            munged.nodeSelector = before.nodeSelector
        old_node = before.affinity.nodeAffinity if before.affinity else None
        if old_node is None or old_node.requiredDuringSchedulingIgnoredDuringExecution is None:
            other = munged.affinity
            if other is not None and before.affinity is not None:
                munged.affinity = msgspec.structs.replace(other, nodeAffinity=old_node)
            elif other is not None and other.podAffinity is None and other.podAntiAffinity is None:
                munged.affinity = None
    return munged


def _difference(old: Any, new: Any, path: str = "") -> str:
    """The first differing leaf, for the message."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                return _difference(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            if a != b:
                return _difference(a, b, f"{path}[{index}]")
    shown_old, shown_new = msgspec.json.encode(old).decode(), msgspec.json.encode(new).decode()
    return f"  spec.{path}:\n- {shown_old}\n+ {shown_new}\n"


def _validate_deadline(spec: core.PodSpec, before: core.PodSpec) -> list[FieldError]:
    at = SPEC.child("activeDeadlineSeconds")
    new, old = spec.activeDeadlineSeconds, before.activeDeadlineSeconds
    if new is not None:
        if not 0 <= new < 2**31:
            return [FieldError.invalid(at, new, names.in_range(0, 2**31 - 1))]
        if old is not None and old < new:
            return [FieldError.invalid(at, new, "must be less than or equal to previous value")]
    elif old is not None:
        return [FieldError.invalid(at, new, "must not update from a positive integer to nil value")]
    return []


def _validate_only_added_tolerations(spec: core.PodSpec, before: core.PodSpec) -> list[FieldError]:
    if spec.tolerations == before.tolerations:
        return []
    at = SPEC.child("tolerations")
    for old in before.tolerations:
        # tolerationSeconds alone may change.
        bare = msgspec.structs.replace(old, tolerationSeconds=None)
        if not any(msgspec.structs.replace(t, tolerationSeconds=None) == bare for t in spec.tolerations):
            why = "existing toleration can not be modified except its tolerationSeconds"
            return [FieldError.forbidden(at, why)]
    return placement.validate_tolerations(spec.tolerations, at)


def validate_pod_status_update(pod: core.Pod, old: core.Pod) -> list[FieldError]:
    found: list[FieldError] = []
    status, before = pod.status, old.status
    nominated = status.nominatedNodeName
    if nominated and nominated != before.nominatedNodeName:
        at = STATUS.child("nominatedNodeName")
        found += [FieldError.invalid(at, nominated, message) for message in names.dns1123_subdomain(nominated)]
    if status.observedGeneration is not None and status.observedGeneration < 0:
        at = STATUS.child("observedGeneration")
        found.append(FieldError.invalid(at, status.observedGeneration, "must be a non-negative integer"))
    if status.qosClass != before.qosClass:
        found.append(FieldError.invalid(STATUS.child("qosClass"), status.qosClass, "field is immutable"))
    for name in ("containerStatuses", "initContainerStatuses"):
        found += _validate_transitions(getattr(status, name), getattr(before, name), old.spec, STATUS.child(name))
    for name, single in (("podIPs", "podIP"), ("hostIPs", "hostIP")):
        if getattr(status, name) != getattr(before, name):
            found += _validate_ips([entry.ip or "" for entry in getattr(status, name)], STATUS.child(name), single)
    return found


def _validate_transitions(
    statuses: list[core.ContainerStatus], before: list[core.ContainerStatus], spec: core.PodSpec, path: Path
) -> list[FieldError]:
    """A container that must not restart does not leave the terminated state."""
    if spec.restartPolicy == "Always":
        return []
    found: list[FieldError] = []
    new = {status.name: (index, status) for index, status in enumerate(statuses)}
    restarting = {c.name for c in [*spec.containers, *spec.initContainers] if c.restartPolicy or c.restartPolicyRules}
    for old in before:
        terminated = old.state.terminated if old.state else None
        if terminated is None or old.name not in new or old.name in restarting:
            continue
        if terminated.exitCode != 0 and spec.restartPolicy == "OnFailure":
            continue
        index, status = new[old.name]
        if status.state is None or status.state.terminated is None:
            at = path.index(index).child("state")
            found.append(FieldError.forbidden(at, "may not be transitioned to non-terminated state"))
    return found


def _validate_ips(values: list[str], path: Path, single: str) -> list[FieldError]:
    found: list[FieldError] = []
    for index, value in enumerate(values):
        try:
            ipaddress.ip_address(value)
        except ValueError:
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            found.append(FieldError.invalid(path.index(index), value, why))
    if len(values) > 2:
        why = "may specify no more than one IP for each IP family"
        found.append(FieldError.invalid(path, values, why))
    return found


def validate_ephemeral_containers_update(pod: core.Pod, old: core.Pod) -> list[FieldError]:
    at = SPEC.child("ephemeralContainers")
    if MIRROR_ANNOTATION in old.metadata.annotations:
        return [FieldError.forbidden(Path(""), "static pods do not support ephemeral containers")]
    found = validate_pod(pod)
    new = {container.name: container for container in pod.spec.ephemeralContainers}
    for container in old.spec.ephemeralContainers:
        if container.name not in new:
            why = f'existing ephemeral containers "{container.name}" may not be removed\n'
            found.append(FieldError.forbidden(at, why))
        elif new[container.name] != container:
            why = f'existing ephemeral containers "{container.name}" may not be changed\n'
            found.append(FieldError.forbidden(at, why))
    return found


def _validate_host_network(spec: core.PodSpec, path: Path, is_pod: bool) -> list[FieldError]:
    found: list[FieldError] = []
    for index, container in enumerate(spec.containers):
        for number, port in enumerate(container.ports):
            host = port.hostPort or 0
            if (is_pod or host) and host != port.containerPort:
                at = path.child("containers").index(index).child("ports").index(number).child("hostPort")
                why = "must match `containerPort` when `hostNetwork` is true"
                found.append(FieldError.invalid(at, host, why))
    return found


_SYSCTL_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_WRONG = f"must have at most 253 characters and match regex ^({_SYSCTL_SEGMENT}[\\./])*{_SYSCTL_SEGMENT}$"


def _is_sysctl(name: str) -> bool:
    return len(name) <= 253 and all(re.fullmatch(_SYSCTL_SEGMENT, part) for part in re.split("[./]", name))


def _validate_security_context(context: core.PodSecurityContext, spec: core.PodSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name in ("fsGroup", "runAsUser", "runAsGroup"):
        value = getattr(context, name)
        if value is not None:
            found += [FieldError.invalid(path.child(name), value, m) for m in names.user_or_group_id(value)]
    for index, group in enumerate(context.supplementalGroups):
        at = path.child("supplementalGroups").index(index)
        found += [FieldError.invalid(at, group, message) for message in names.user_or_group_id(group)]
    if spec.shareProcessNamespace and spec.hostPID:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        found.append(FieldError.invalid(path.child("shareProcessNamespace"), True, why))
    seen: set[str] = set()
    for index, sysctl in enumerate(context.sysctls):
        at = path.child("sysctls").index(index).child("name")
        if not sysctl.name:
            found.append(FieldError.required(at))
        elif not _is_sysctl(sysctl.name):
            found.append(FieldError.invalid(at, sysctl.name, _SYSCTL_WRONG))
        elif sysctl.name in seen:
            found.append(FieldError.duplicate(at, sysctl.name))
        seen.add(sysctl.name)
    for name, supported in (
        ("fsGroupChangePolicy", ("Always", "OnRootMismatch")),
        ("supplementalGroupsPolicy", ("Merge", "Strict")),
        ("seLinuxChangePolicy", ("MountOption", "Recursive")),
    ):
        value = getattr(context, name)
        if value is not None and value not in supported:
            found.append(FieldError.not_supported(path.child(name), value, supported))
    found += containers.validate_seccomp(context.seccompProfile, path.child("seccompProfile"))
    return found + containers.validate_apparmor(context.appArmorProfile, path.child("appArmorProfile"))


def _validate_dns_config(config: core.PodDNSConfig | None, policy: str, path: Path) -> list[FieldError]:
    if policy == "None":
        if config is None:
            return [FieldError.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.nameservers:
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [FieldError.required(path.child("nameservers"), why)]
    if config is None:
        return []
    found: list[FieldError] = []
    if len(config.nameservers) > 3:
        why = "must not have more than 3 nameservers"
        found.append(FieldError.invalid(path.child("nameservers"), config.nameservers, why))
    for index, server in enumerate(config.nameservers):
        found += _validate_ip(server, path.child("nameservers").index(index))
    if len(config.searches) > 32:
        why = "must not have more than 32 search paths"
        found.append(FieldError.invalid(path.child("searches"), config.searches, why))
    if len(" ".join(config.searches)) > 2048:
        why = "must not have more than 2048 characters (including spaces) in the search list"
        found.append(FieldError.invalid(path.child("searches"), config.searches, why))
    for index, search in enumerate(config.searches):
        if search != ".":
            # Underscores are allowed in search paths, nowhere else in names.
            plain = search.removesuffix(".").replace("_", "a")
            at = path.child("searches").index(index)
            found += [FieldError.invalid(at, search, message) for message in names.dns1123_subdomain(plain)]
    for index, option in enumerate(config.options):
        if not option.name:
            found.append(FieldError.required(path.child("options").index(index), "must not be empty"))
    return found


def _validate_ip(value: str, path: Path) -> list[FieldError]:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        return [FieldError.invalid(path, value, why)]
    return []


def _validate_host_aliases(spec: core.PodSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, alias in enumerate(spec.hostAliases):
        found += _validate_ip(alias.ip, path.index(index).child("ip"))
        for number, hostname in enumerate(alias.hostnames):
            at = path.index(index).child("hostnames").index(number)
            found += [FieldError.invalid(at, hostname, message) for message in names.dns1123_subdomain(hostname)]
    return found


def _validate_scheduling_gates(gates: list[core.PodSchedulingGate], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        found += placement.validate_label_name(gate.name, path.index(index))
        if gate.name in seen:
            found.append(FieldError.duplicate(path.index(index), gate.name))
        seen.add(gate.name)
    return found


def _validate_resource_claims(spec: core.PodSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, claim in enumerate(spec.resourceClaims):
        at = path.index(index)
        if not claim.name:
            found.append(FieldError.required(at.child("name")))
        elif claim.name in seen:
            found.append(FieldError.duplicate(at.child("name"), claim.name))
        else:
            found += [FieldError.invalid(at.child("name"), claim.name, m) for m in names.dns1123_label(claim.name)]
        seen.add(claim.name)
        given = [n for n in ("resourceClaimName", "resourceClaimTemplateName") if getattr(claim, n) is not None]
        if len(given) > 1:
            why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            found.append(FieldError.invalid(at, claim, why))
        elif not given:
            why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            found.append(FieldError.invalid(at, claim, why))
    return found
