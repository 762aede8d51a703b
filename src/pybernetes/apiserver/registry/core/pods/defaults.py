"""Defaults of Pods and of the PodSpecs inside templates.

Source: pkg/apis/core/v1/defaults.go, zz_generated.defaults.go.
"""

from __future__ import annotations

import re

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.pod_resources import sum_of_containers
from pybernetes.apiserver.registry.core.pods.resources import is_hugepages

_TERMINATION_MESSAGE_PATH = "/dev/termination-log"
_FILE_MODE = 0o644
_HOUR_S = 3600


def _same_address(status: core.PodStatus) -> None:
    """podIP is the first of podIPs: whichever is given, and podIP where they differ.

    Source: pkg/apis/core/v1/conversion.go (Convert_v1_PodStatus_To_core_PodStatus).
    """
    if status.podIP and (not status.podIPs or status.podIPs[0].ip != status.podIP):
        status.podIPs = [core.PodIP(ip=status.podIP)]
    elif status.podIPs:
        status.podIP = status.podIPs[0].ip


def default_pod(pod: core.Pod) -> None:
    """A Pod itself: its spec, and what templates do not get."""
    spec = pod.spec
    default_pod_spec(spec)
    _same_address(pod.status)
    if spec.terminationGracePeriodSeconds is not None and spec.terminationGracePeriodSeconds < 0:
        spec.terminationGracePeriodSeconds = 1
    for container in spec.containers:
        _requests_from_limits(container.resources)
    for container in spec.initContainers:
        _requests_from_limits(container.resources)
    if spec.resources is not None:
        _default_pod_resources(spec, spec.resources)
    if spec.enableServiceLinks is None:
        spec.enableServiceLinks = True
    if spec.hostNetwork:
        for container in [*spec.containers, *spec.initContainers]:
            for port in container.ports:
                if not port.hostPort:
                    port.hostPort = port.containerPort


def default_pod_spec(spec: core.PodSpec) -> None:
    """What every PodSpec gets, in a Pod or in a template."""
    if spec.dnsPolicy is None:
        spec.dnsPolicy = "ClusterFirst"
    if spec.restartPolicy is None:
        spec.restartPolicy = "Always"
    if spec.securityContext is None:
        spec.securityContext = core.PodSecurityContext()
    if spec.terminationGracePeriodSeconds is None:
        spec.terminationGracePeriodSeconds = 30
    if spec.schedulerName is None:
        spec.schedulerName = "default-scheduler"
    if not spec.serviceAccountName and spec.serviceAccount:
        spec.serviceAccountName = spec.serviceAccount
    elif spec.serviceAccountName:
        spec.serviceAccount = spec.serviceAccountName
    for container in spec.containers:
        _default_container(container)
    for container in spec.initContainers:
        _default_container(container)
    for ephemeral in spec.ephemeralContainers:
        _default_container(ephemeral)
    for volume in spec.volumes:
        _default_volume(volume)


def _default_container(container: core.Container | core.EphemeralContainer) -> None:
    if not container.imagePullPolicy:
        container.imagePullPolicy = pull_policy(container.image or "")
    if not container.terminationMessagePath:
        container.terminationMessagePath = _TERMINATION_MESSAGE_PATH
    if not container.terminationMessagePolicy:
        container.terminationMessagePolicy = "File"
    if container.resources is None:
        container.resources = core.ResourceRequirements()
    for port in container.ports:
        if not port.protocol:
            port.protocol = "TCP"
    for variable in container.env:
        source = variable.valueFrom
        if source is not None:
            if source.fieldRef is not None and not source.fieldRef.apiVersion:
                source.fieldRef.apiVersion = "v1"
            if source.resourceFieldRef is not None and source.resourceFieldRef.divisor is None:
                source.resourceFieldRef.divisor = "0"
            if source.fileKeyRef is not None and source.fileKeyRef.optional is None:
                source.fileKeyRef.optional = False
    for probe in (container.livenessProbe, container.readinessProbe, container.startupProbe):
        if probe is not None:
            _default_probe(probe)
    if container.lifecycle is not None:
        for handler in (container.lifecycle.postStart, container.lifecycle.preStop):
            if handler is not None and handler.httpGet is not None:
                _default_http_get(handler.httpGet)


def _default_probe(probe: core.Probe) -> None:
    probe.timeoutSeconds = probe.timeoutSeconds or 1
    probe.periodSeconds = probe.periodSeconds or 10
    probe.successThreshold = probe.successThreshold or 1
    probe.failureThreshold = probe.failureThreshold or 3
    if probe.httpGet is not None:
        _default_http_get(probe.httpGet)
    if probe.grpc is not None and probe.grpc.service is None:
        probe.grpc.service = ""


def _default_http_get(action: core.HTTPGetAction) -> None:
    action.path = action.path or "/"
    action.scheme = action.scheme or "HTTP"


_VOLUME_SOURCES = tuple(name for name in core.Volume.__struct_fields__ if name != "name")


def _default_volume(volume: core.Volume) -> None:
    if volume.configMap is not None:
        if volume.configMap.defaultMode is None:
            volume.configMap.defaultMode = _FILE_MODE
    elif volume.secret is not None:
        if volume.secret.defaultMode is None:
            volume.secret.defaultMode = _FILE_MODE
    elif volume.emptyDir is not None:
        return
    elif volume.projected is not None:
        if volume.projected.defaultMode is None:
            volume.projected.defaultMode = _FILE_MODE
        for source in volume.projected.sources or []:
            token = source.serviceAccountToken
            if token is not None and token.expirationSeconds is None:
                token.expirationSeconds = _HOUR_S
            if source.downwardAPI is not None:
                _default_downward(source.downwardAPI.items)
    elif volume.downwardAPI is not None:
        if volume.downwardAPI.defaultMode is None:
            volume.downwardAPI.defaultMode = _FILE_MODE
        _default_downward(volume.downwardAPI.items)
    elif volume.image is not None:
        if not volume.image.pullPolicy:
            volume.image.pullPolicy = pull_policy(volume.image.reference or "")
    elif volume.ephemeral is not None:
        template = volume.ephemeral.volumeClaimTemplate
        if template is not None and template.spec.volumeMode is None:
            template.spec.volumeMode = "Filesystem"
    elif all(getattr(volume, name) is None for name in _VOLUME_SOURCES):
        volume.emptyDir = core.EmptyDirVolumeSource()
    else:
        default_persistent_source(volume)


def default_persistent_source(holder: core.Volume | core.PersistentVolumeSpec) -> None:
    """The sources that Pods' volumes and PersistentVolumes share."""
    if holder.hostPath is not None and holder.hostPath.type is None:
        holder.hostPath.type = ""
    if holder.iscsi is not None:
        holder.iscsi.iscsiInterface = holder.iscsi.iscsiInterface or "default"
    if holder.rbd is not None:
        holder.rbd.pool = holder.rbd.pool or "rbd"
        holder.rbd.user = holder.rbd.user or "admin"
        holder.rbd.keyring = holder.rbd.keyring or "/etc/ceph/keyring"
    if holder.azureDisk is not None:
        disk = holder.azureDisk
        disk.cachingMode = "ReadWrite" if disk.cachingMode is None else disk.cachingMode
        disk.kind = "Shared" if disk.kind is None else disk.kind
        disk.fsType = "ext4" if disk.fsType is None else disk.fsType
        disk.readOnly = bool(disk.readOnly)
    if holder.scaleIO is not None:
        holder.scaleIO.storageMode = holder.scaleIO.storageMode or "ThinProvisioned"
        holder.scaleIO.fsType = holder.scaleIO.fsType or "xfs"


def _default_downward(items: list[core.DownwardAPIVolumeFile]) -> None:
    for item in items:
        if item.fieldRef is not None and not item.fieldRef.apiVersion:
            item.fieldRef.apiVersion = "v1"
        if item.resourceFieldRef is not None and item.resourceFieldRef.divisor is None:
            item.resourceFieldRef.divisor = "0"


def _requests_from_limits(resources: core.ResourceRequirements | None) -> None:
    if resources is not None and resources.limits:
        requests = resources.requests
        missing = {name: value for name, value in resources.limits.items() if name not in requests}
        if missing:
            resources.requests = {**requests, **missing}


def _default_pod_resources(spec: core.PodSpec, whole: core.ResourceRequirements) -> None:
    """Pod-level limits of huge pages: the containers' sums; requests: their sums where they have any, else the limits.

    Source: defaultHugePagePodLimits, defaultPodRequests.
    """
    if not whole.limits and not whole.requests:
        return
    limits = dict(whole.limits)
    for name, value in sum_of_containers(spec, "limits").items():
        if is_hugepages(name) and name not in whole.requests:
            limits.setdefault(name, value)
    whole.limits = limits
    if not limits:
        return
    requests = dict(whole.requests)
    for name, value in sum_of_containers(spec, "requests").items():
        if name in ("cpu", "memory"):
            requests.setdefault(name, value)
    for name, value in limits.items():
        if name in ("cpu", "memory") or is_hugepages(name):
            requests.setdefault(name, value)
    whole.requests = requests


_REFERENCE = re.compile(
    r"(?:(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[\w.-]+)?(?:@.+)?"
).fullmatch


def pull_policy(image: str) -> str:
    """Always for :latest and for no tag, IfNotPresent for any other tag, a digest, or what is no reference."""
    if not _REFERENCE(image):
        return "IfNotPresent"
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if at:
        return "IfNotPresent" if tag != "latest" else "Always"
    return "Always" if tag in ("", "latest") else "IfNotPresent"
