"""Validation of Pods: the PodSpec as a whole, what an update may change, what a status may say.

Source: pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodCreate, ValidatePodUpdate, …).
"""

from __future__ import annotations

import re

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.changes import difference
from pybernetes.apimachinery.field_errors import FieldError, Path, one_of
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION, containers_with_paths, restarts_all
from pybernetes.apimachinery.sysctls import namespace_of, normalized
from pybernetes.apiserver.registry.core.ip_values import validate_ip
from pybernetes.apiserver.registry.core.pods import (
    annotated,
    containers,
    operating_system,
    placement,
    resources,
    volumes,
    windows,
)
from pybernetes.apiserver.registry.core.pods.claim_statuses import validate_claim_statuses
from pybernetes.apiserver.registry.core.pods.valid_specs import ValidSpecs, text_of
from pybernetes.apiserver.registry.generic.object_meta import validate_labels

SPEC = Path("spec")
STATUS = Path("status")
ANNOTATIONS = Path("metadata", "annotations")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_valid = ValidSpecs()


def validate_pod_spec(spec: core.PodSpec, path: Path, pod_name: str = "", *, is_pod: bool = False) -> list[FieldError]:
    """A PodSpec in a Pod (`is_pod`) or in a template."""
    if spec.terminationGracePeriodSeconds is None:
        found = [FieldError.required(path.child("terminationGracePeriodSeconds"))]
    else:
        found = []
    known: dict[str, core.Volume] = {}
    if spec.volumes:
        known, wrong = volumes.validate_volumes(spec.volumes, pod_name, path.child("volumes"), is_pod=is_pod)
        found += wrong
    if spec.resourceClaims:
        found += _validate_resource_claims(spec, path.child("resourceClaims"))
    found += containers.validate_containers(spec, known, path.child("containers"))
    if spec.initContainers:
        found += containers.validate_init_containers(spec, known, path.child("initContainers"))
    if spec.ephemeralContainers:
        found += containers.validate_ephemeral_containers(spec, known, path.child("ephemeralContainers"))
    if spec.resources is not None:
        found += resources.validate_pod_resources(spec, path)
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
    found += windows.validate_host_processes(spec, path)
    if spec.hostUsers is False:
        found += _validate_user_namespace(spec, path)
    if spec.hostnameOverride is not None:
        found += _validate_hostname_override(spec, spec.hostnameOverride, path.child("hostnameOverride"))
    found += _validate_names(spec, path, "serviceAccountName", "nodeName")
    if spec.activeDeadlineSeconds is not None and not 1 <= spec.activeDeadlineSeconds < 2**31:
        at = path.child("activeDeadlineSeconds")
        found.append(FieldError.invalid(at, spec.activeDeadlineSeconds, names.in_range(1, 2**31 - 1)))
    found += _validate_names(spec, path, "hostname", "subdomain")
    if spec.tolerations:
        found += placement.validate_tolerations(spec.tolerations, path.child("tolerations"))
    if spec.hostAliases:
        found += _validate_host_aliases(spec, path.child("hostAliases"))
    found += _validate_names(spec, path, "priorityClassName")
    if spec.runtimeClassName is not None:
        at, value = path.child("runtimeClassName"), spec.runtimeClassName
        found += [FieldError.invalid(at, value, message) for message in names.dns1123_subdomain(value)]
    policy, at = spec.preemptionPolicy, path.child("preemptionPolicy")
    if policy == "":
        found.append(FieldError.required(at))
    elif policy not in (None, "PreemptLowerPriority", "Never"):
        found.append(FieldError.not_supported(at, policy, ("PreemptLowerPriority", "Never")))
    for name, value in spec.overhead.items():
        at = path.child("overhead").key(name)
        found += resources.validate_container_resource_name(name, at)
        found += resources.validate_quantity(name, value, at)
    if spec.os is not None:
        found += operating_system.validate_os(spec, path) or operating_system.validate_fields_of_os(spec, path)
    return found + _validate_file_volumes(spec, path)


_NAMES = {
    "serviceAccountName": names.dns1123_subdomain,
    "nodeName": names.dns1123_subdomain,
    "hostname": names.dns1123_label,
    "subdomain": names.dns1123_label,
    "priorityClassName": names.dns1123_subdomain,
}


def _validate_names(spec: core.PodSpec, path: Path, *fields: str) -> list[FieldError]:
    found: list[FieldError] = []
    for name in fields:
        value = getattr(spec, name)
        if value:
            found += [FieldError.invalid(path.child(name), value, message) for message in _NAMES[name](value)]
    return found


def _validate_user_namespace(spec: core.PodSpec, path: Path) -> list[FieldError]:
    """hostUsers: false. The paths of two fields are upstream's."""
    why = "when `hostUsers` is false"
    found = []
    for name, wire in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if getattr(spec, name):
            found.append(FieldError.forbidden(path.child(wire), why))
    for container, at in containers_with_paths(spec, path):
        if container.volumeDevices:
            found.append(FieldError.forbidden(at.child("volumeDevices"), why))
    return found


def _validate_hostname_override(spec: core.PodSpec, name: str, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if spec.setHostnameAsFQDN:
        found.append(FieldError.forbidden(path, "may not be specified when setHostnameAsFQDN is true"))
    if spec.hostNetwork:
        found.append(FieldError.forbidden(path, "may not be specified when hostNetwork is true"))
    if len(name.encode()) > 64:
        found.append(FieldError.too_long(path, 64))
    return found + [FieldError.invalid(path, name, message) for message in names.dns1123_subdomain(name)]


def _validate_file_volumes(spec: core.PodSpec, path: Path) -> list[FieldError]:
    """Files of variables come from emptyDirs that an init container writes to."""
    found: list[FieldError] = []
    sources = {volume.name: volume for volume in spec.volumes}
    for container, at in containers_with_paths(spec, path):
        for index, variable in enumerate(container.env):
            reference = variable.valueFrom.fileKeyRef if variable.valueFrom is not None else None
            if reference is None:
                continue
            where = at.child("env").index(index).child("valueFrom").child("fileKeyRef").child("volumeName")
            volume = sources.get(reference.volumeName)
            if volume is None:
                found.append(FieldError.not_found(where, reference.volumeName))
            elif volume.emptyDir is None:
                why = "referenced volume must be of type emptyDir"
                found.append(FieldError.invalid(where, reference.volumeName, why))
    return found


def validate_pod(pod: core.Pod) -> list[FieldError]:
    """What holds for a Pod at creation and at every update."""
    spec = pod.spec
    found = annotated.validate_pod_annotations(pod.metadata.annotations, spec, ANNOTATIONS)
    text = text_of(spec)
    if text not in _valid:
        wrong = validate_pod_spec(spec, SPEC, pod.metadata.name or "", is_pod=True)
        found += wrong
        if not wrong:
            _valid.add(text)
    if not spec.serviceAccountName:
        for index, volume in enumerate(spec.volumes):
            for number, source in enumerate(volume.projected.sources or [] if volume.projected else ()):
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
    return found + annotated.validate_profiles_match(pod, SPEC)


def validate_pod_update(pod: core.Pod, old: core.Pod) -> list[FieldError]:
    """Only images, tolerations, gates and the deadline of a Pod may change."""
    spec, before = pod.spec, old.spec
    new_annotations, old_annotations = pod.metadata.annotations, old.metadata.annotations
    found = validate_pod(pod) if spec != before or new_annotations != old_annotations else []
    if new_annotations != old_annotations:
        found += annotated.validate_annotation_changes(new_annotations, old_annotations, ANNOTATIONS)
    if found:
        found += annotated.validate_pod_annotations(new_annotations, spec, ANNOTATIONS)
    for name in ("containers", "initContainers"):
        if len(getattr(spec, name)) != len(getattr(before, name)):
            why = "pod updates may not add or remove containers"
            return [*found, FieldError.forbidden(SPEC.child(name), why)]
        for index, container in enumerate(getattr(spec, name)):
            at = SPEC.child(name).index(index)
            if not container.image:
                found.append(FieldError.required(at.child("image")))
            found += containers.image_spaces(container, at)
    wrong, stop = _validate_deadline(spec, before)
    found += wrong
    if stop:
        return found
    found += _validate_only_added_tolerations(spec, before)
    old_gates = {gate.name for gate in before.schedulingGates}
    for index, gate in enumerate(spec.schedulingGates):
        if gate.name not in old_gates:
            why = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            found.append(FieldError.forbidden(SPEC.child("schedulingGates").index(index).child("name"), why))
    if spec == before:
        return found
    munged = _with_updatable_from(spec, before)
    if before.schedulingGates:
        found += _validate_gated_changes(munged, before)
    if munged != before:
        why = f"pod updates may not change fields other than {_UPDATABLE}\n{difference(before, munged)}"
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
    return munged


def _validate_gated_changes(munged: core.PodSpec, before: core.PodSpec) -> list[FieldError]:
    """A gated Pod may still be narrowed, as no scheduler has looked at it; what may change is put back in `munged`."""
    found: list[FieldError] = []
    if munged.nodeSelector != before.nodeSelector:
        found += placement.validate_more_labels(munged.nodeSelector, before.nodeSelector, SPEC.child("nodeSelector"))
        munged.nodeSelector = before.nodeSelector
    old_node = before.affinity.nodeAffinity if before.affinity is not None else None
    new_node = munged.affinity.nodeAffinity if munged.affinity is not None else None
    if old_node == new_node:
        return found
    found += placement.validate_narrowing(new_node, old_node, SPEC.child("affinity").child("nodeAffinity"))
    other = munged.affinity
    if other is None:
        munged.affinity = core.Affinity(nodeAffinity=old_node) if old_node is not None else None
    elif before.affinity is None and other.podAffinity is None and other.podAntiAffinity is None:
        munged.affinity = None
    else:
        munged.affinity = msgspec.structs.replace(other, nodeAffinity=old_node)
    return found


def _validate_deadline(spec: core.PodSpec, before: core.PodSpec) -> tuple[list[FieldError], bool]:
    """What is wrong, and whether nothing more is looked at."""
    at = SPEC.child("activeDeadlineSeconds")
    new, old = spec.activeDeadlineSeconds, before.activeDeadlineSeconds
    if new is not None:
        if not 0 <= new < 2**31:
            return [FieldError.invalid(at, new, names.in_range(0, 2**31 - 1))], True
        if old is not None and old < new:
            return [FieldError.invalid(at, new, "must be less than or equal to previous value")], True
    elif old is not None:
        return [FieldError.invalid(at, new, "must not update from a positive integer to nil value")], False
    return [], False


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
    for name in ("podIPs", "hostIPs"):
        if name == "hostIPs" and status.hostIPs and status.hostIPs[0].ip != (status.hostIP or ""):
            at = STATUS.child(name).index(0).child("ip")
            found.append(FieldError.invalid(at, status.hostIPs[0].ip, "must be equal to `hostIP`"))
        now, then = ([entry.ip or "" for entry in getattr(each, name)] for each in (status, before))
        found += _validate_ips(now, then, STATUS.child(name))
    return found + validate_claim_statuses(pod, STATUS)


def _validate_transitions(
    statuses: list[core.ContainerStatus], before: list[core.ContainerStatus], spec: core.PodSpec, path: Path
) -> list[FieldError]:
    """A container that must not restart does not leave the terminated state."""
    if spec.restartPolicy == "Always" or restarts_all(spec):
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


def _validate_ips(values: list[str], before: list[str], path: Path) -> list[FieldError]:
    """Source: validatePodIPs, validateHostIPs."""
    found: list[FieldError] = []
    for index, value in enumerate(values):
        found += validate_ip(value, path.index(index), before)
    if len(values) > 2 or (len(values) == 2 and (":" in values[0]) == (":" in values[1])):
        shown = [{"IP": value} for value in values]
        found.append(FieldError.invalid(path, shown, "may specify no more than one IP for each IP family"))
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
        namespace = namespace_of(normalized(sysctl.name))
        if spec.hostNetwork and namespace == "Net":
            found.append(FieldError.invalid(at, sysctl.name, "may not be specified when 'hostNetwork' is true"))
        elif spec.hostIPC and namespace == "IPC":
            found.append(FieldError.invalid(at, sysctl.name, "may not be specified when 'hostIPC' is true"))
    found += one_of(context.fsGroupChangePolicy, ("Always", "OnRootMismatch"), path.child("fsGroupChangePolicy"))
    found += containers.validate_seccomp(context.seccompProfile, path.child("seccompProfile"))
    found += windows.validate_options(context.windowsOptions, path.child("windowsOptions"))
    found += containers.validate_apparmor(context.appArmorProfile, path.child("appArmorProfile"))
    found += one_of(context.supplementalGroupsPolicy, ("Merge", "Strict"), path.child("supplementalGroupsPolicy"))
    # MountOption is of the gate SELinuxMount, which is off.
    return found + one_of(context.seLinuxChangePolicy, ("Recursive",), path.child("seLinuxChangePolicy"))


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
        found += validate_ip(server, path.child("nameservers").index(index))
    if len(config.searches) > 32:
        why = "must not have more than 32 search paths"
        found.append(FieldError.invalid(path.child("searches"), config.searches, why))
    if len(" ".join(config.searches)) > 2048:
        why = "must not have more than 2048 characters (including spaces) in the search list"
        found.append(FieldError.invalid(path.child("searches"), config.searches, why))
    for index, search in enumerate(config.searches):
        if search != ".":
            plain, at = search.removesuffix("."), path.child("searches").index(index)
            found += [FieldError.invalid(at, plain, message) for message in _search_name(plain)]
    for index, option in enumerate(config.options):
        if not option.name:
            found.append(FieldError.required(path.child("options").index(index), "must not be empty"))
    return found


_SEARCH_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SEARCH_NAME = rf"{_SEARCH_LABEL}(\.{_SEARCH_LABEL})*"


def _search_name(value: str) -> list[str]:
    """A subdomain that may have underscores, as search paths alone may. Source: IsDNS1123SubdomainWithUnderscore."""
    found = [names.max_length(253)] if len(value) > 253 else []
    if not re.fullmatch(_SEARCH_NAME, value):
        text = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        found.append(names.regex_error(text, _SEARCH_NAME, "example.com"))
    return found


def _validate_host_aliases(spec: core.PodSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, alias in enumerate(spec.hostAliases):
        found += validate_ip(alias.ip, path.index(index).child("ip"))
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
        for name in given:
            value = getattr(claim, name)
            found += [FieldError.invalid(at.child(name), value, m) for m in names.dns1123_subdomain(value)]
    return found
