"""--runtime-config: which API versions and resources are on, read and decided.

Source: apiserver/pkg/server/options/api_enablement.go, apiserver/pkg/server/resourceconfig/helpers.go,
pkg/controlplane/instance.go (DefaultAPIResourceConfigSource: no alpha and no beta version is on by itself).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pybernetes.apimachinery import features
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.scheme import RESOURCES, Resource

_STAGE = re.compile(r"v\d+(alpha|beta)?\d*")
_STAGES = ("api/all", "api/ga", "api/beta", "api/alpha")

_GATES = {
    ("certificates.k8s.io", "clustertrustbundles"): "ClusterTrustBundle",
    ("certificates.k8s.io", "podcertificaterequests"): "PodCertificateRequest",
    ("scheduling.k8s.io", "podgroups"): "GenericWorkload",
    ("scheduling.k8s.io", "workloads"): "GenericWorkload",
    ("storagemigration.k8s.io", "storageversionmigrations"): "StorageVersionMigrator",
}
"""Resources that need a gate besides their version. Source: pkg/registry/*/rest/storage_*.go."""


def parse(text: str) -> dict[str, bool]:
    """The settings of a flag, A=true,B=false; a key alone is on. Raises ValueError in upstream's words."""
    settings = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key in _STAGES:
            if equals and value not in ("true", "false"):
                raise ValueError(f"invalid value {key}={value}")
            settings[key] = not equals or value == "true"
        elif value and value not in features.TRUE | features.FALSE:
            reason = f'strconv.ParseBool: parsing "{value}": invalid syntax'
            raise ValueError(f"invalid value of {key}: {value}, err: {reason}")
        else:
            settings[key] = not value or value in features.TRUE
    return settings


class RuntimeConfig:
    """Decides for each resource. Raises ValueError in upstream's words for keys that name nothing."""

    def __init__(self, settings: Mapping[str, bool], gates: FeatureGates) -> None:
        if dict(settings) == {"api/all": False}:
            raise ValueError("invalid runtime-config with only api/all=false")
        self._settings = {_checked(key): value for key, value in settings.items()}
        self._gates = gates

    def enabled(self, resource: Resource) -> bool:
        gate = _GATES.get((resource.group, resource.plural))
        if gate is not None and not self._gates.enabled(gate):
            return False
        version = f"{resource.group}/{resource.version}"
        found = _STAGE.fullmatch(resource.version)
        stage = (found[1] or "ga") if found else "ga"
        for key in (f"{version}/{resource.plural}", version, f"api/{stage}", "api/all"):
            if key in self._settings:
                return self._settings[key]
        return stage == "ga"


def _checked(key: str) -> str:
    if key in _STAGES:
        return key
    parts = key.split("/")
    if len(parts) not in (2, 3):
        raise ValueError(f"runtime-config invalid key {key}")
    group, version = parts[:2]
    versions = {resource.version for resource in RESOURCES if resource.group == group}
    if not versions:
        raise ValueError(f"unknown api groups {group}/{version}")
    if version not in versions:
        raise ValueError(f"group version {group}/{version} that has not been registered")
    if parts[2:] and parts[2].lower() != parts[2]:
        rule = "group/version/resource and resource is always lowercase plural"
        raise ValueError(f'invalid key {key}: {rule}, not "{parts[2]}"')
    return key
