"""Fields of a PodSpec that are dropped while their feature is off, unless the object already has them.

Source: pkg/api/pod/util.go (dropDisabledFields).
"""

from __future__ import annotations

from collections.abc import Callable

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.pods import containers_of


def drop_disabled(spec: core.PodSpec, old: core.PodSpec | None, features: FeatureGates) -> None:
    """Changes `spec`; `old` is what an update finds.

    Stop signals and projections of Pod certificates are of gates that are off and that no kubelet of ours knows.
    """
    trust_bundles = features.enabled("ClusterTrustBundleProjection")
    for enabled, in_use, drop in (
        (False, _stop_signals_in_use, _drop_stop_signals),
        (trust_bundles, _projections_in_use("clusterTrustBundle"), _drop_projections("clusterTrustBundle")),
        (False, _projections_in_use("podCertificate"), _drop_projections("podCertificate")),
        (features.enabled("GenericWorkload"), _field_in_use("schedulingGroup"), _drop_field("schedulingGroup")),
        (features.enabled("HostnameOverride"), _field_in_use("hostnameOverride"), _drop_field("hostnameOverride")),
        (features.enabled("ContainerRestartRules"), _restart_rules_in_use, _drop_restart_rules),
        (features.enabled("EnvFiles"), _file_keys_in_use, _drop_file_keys),
    ):
        if not enabled and in_use(spec) and not (old is not None and in_use(old)):
            drop(spec)


_InUse = Callable[[core.PodSpec], bool]
_Drop = Callable[[core.PodSpec], None]


def _field_in_use(name: str) -> _InUse:
    return lambda spec: getattr(spec, name) is not None


def _drop_field(name: str) -> _Drop:
    return lambda spec: setattr(spec, name, None)


def _stop_signals_in_use(spec: core.PodSpec) -> bool:
    return any(c.lifecycle is not None and c.lifecycle.stopSignal is not None for c in containers_of(spec))


def _drop_stop_signals(spec: core.PodSpec) -> None:
    for container in containers_of(spec):
        if container.lifecycle is not None and container.lifecycle.stopSignal is not None:
            container.lifecycle.stopSignal = None
            if container.lifecycle == core.Lifecycle():
                container.lifecycle = None


def _projections_in_use(name: str) -> _InUse:
    def in_use(spec: core.PodSpec) -> bool:
        return any(
            getattr(source, name) is not None
            for volume in spec.volumes
            if volume.projected is not None
            for source in (volume.projected.sources or [])
        )

    return in_use


def _drop_projections(name: str) -> _Drop:
    def drop(spec: core.PodSpec) -> None:
        for volume in spec.volumes:
            for source in (volume.projected.sources or []) if volume.projected is not None else ():
                setattr(source, name, None)

    return drop


def _restart_rules_in_use(spec: core.PodSpec) -> bool:
    return any(c.restartPolicy is not None or c.restartPolicyRules for c in spec.containers) or any(
        c.restartPolicy not in (None, "Always") or c.restartPolicyRules for c in spec.initContainers
    )


def _drop_restart_rules(spec: core.PodSpec) -> None:
    """Without the feature only init containers have a policy of their own, and only Always."""
    for container in spec.containers:
        container.restartPolicy, container.restartPolicyRules = None, []
    for container in spec.initContainers:
        container.restartPolicyRules = []
        if container.restartPolicy != "Always":
            container.restartPolicy = None


def _file_keys_in_use(spec: core.PodSpec) -> bool:
    return any(
        variable.valueFrom is not None and variable.valueFrom.fileKeyRef is not None
        for container in containers_of(spec)
        for variable in container.env
    )


def _drop_file_keys(spec: core.PodSpec) -> None:
    for container in containers_of(spec):
        for variable in container.env:
            if variable.valueFrom is not None:
                variable.valueFrom.fileKeyRef = None
