"""Validation of spec.volumes.

Source: pkg/apis/core/validation/validation.go (ValidateVolumes, validateVolumeSource).
"""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.persistentvolumeclaims.validation import validate_claim_template
from pybernetes.apiserver.registry.core.pods.environment import VOLUME_FIELDS, validate_field_ref, validate_resource_ref
from pybernetes.apiserver.registry.core.volumes.sources import (
    MAX_INITIATOR_NAME,
    local_path,
    one_too_many,
    validate_source,
)

_SOURCES = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc",
    "flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk",
    "storageos", "projected", "scaleIO", "csi", "ephemeral", "image",
)  # fmt: skip
"""In upstream's order: of several, the first is validated and the others are one too many."""
_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def validate_volumes(
    volumes: Sequence[core.Volume], pod_name: str, path: Path, *, is_pod: bool = True
) -> tuple[dict[str, core.Volume], list[FieldError]]:
    """The valid volumes by name, and what is wrong with the others."""
    found: list[FieldError] = []
    valid: dict[str, core.Volume] = {}
    created = {f"{pod_name}-{v.name}" for v in volumes if v.ephemeral is not None} if pod_name else set()
    for index, volume in enumerate(volumes):
        at = path.index(index)
        wrong = _validate_source(volume, pod_name, at, is_pod)
        if not volume.name:
            wrong.append(FieldError.required(at.child("name")))
        else:
            wrong += [FieldError.invalid(at.child("name"), volume.name, m) for m in names.dns1123_label(volume.name)]
        if volume.name in valid:
            wrong.append(FieldError.duplicate(at.child("name"), volume.name))
        if wrong:
            found += wrong
        else:
            valid[volume.name] = volume
        claim = volume.persistentVolumeClaim
        if claim is not None and claim.claimName in created:
            where = at.child("persistentVolumeClaim").child("claimName")
            why = "must not reference a PVC that gets created for an ephemeral volume"
            found.append(FieldError.invalid(where, claim.claimName, why))
    return valid, found


def _validate_source(volume: core.Volume, pod_name: str, path: Path, is_pod: bool) -> list[FieldError]:
    chosen = [name for name in _SOURCES if getattr(volume, name) is not None]
    if not chosen:
        return [FieldError.required(path, "must specify a volume type")]
    found = [one_too_many(name, path) for name in chosen[1:]]
    source, at = getattr(volume, chosen[0]), path.child(chosen[0])
    if isinstance(source, core.EmptyDirVolumeSource):
        if source.sizeLimit is not None and quantity.nano(source.sizeLimit) < 0:
            why = "SizeLimit field must be a valid resource quantity"
            found.append(FieldError.forbidden(at.child("sizeLimit"), why))
    elif isinstance(source, core.ConfigMapVolumeSource):
        if not source.name:
            found.append(FieldError.required(at.child("name")))
        found += _validate_mode(source.defaultMode, at.child("defaultMode"))
        found += _validate_items(source.items, at.child("items"))
    elif isinstance(source, core.SecretVolumeSource):
        if not source.secretName:
            found.append(FieldError.required(at.child("secretName")))
        found += _validate_mode(source.defaultMode, at.child("defaultMode"))
        found += _validate_items(source.items, at.child("items"))
    elif isinstance(source, core.ProjectedVolumeSource):
        found += _validate_mode(source.defaultMode, at.child("defaultMode"))
        found += _validate_projections(source, at)
    elif isinstance(source, core.DownwardAPIVolumeSource):
        found += _validate_mode(source.defaultMode, at.child("defaultMode"))
        for file in source.items:
            found += _validate_file(file, at)
    elif isinstance(source, core.EphemeralVolumeSource):
        found += _validate_ephemeral(source, volume.name, pod_name, path)
    elif isinstance(source, core.ImageVolumeSource):
        if is_pod and not source.reference:
            found.append(FieldError.required(at.child("reference")))
        if source.pullPolicy not in _PULL_POLICIES:
            found.append(FieldError.not_supported(at.child("pullPolicy"), source.pullPolicy, _PULL_POLICIES))
    else:
        found += validate_source(chosen[0], source, path)
        long = isinstance(source, core.ISCSIVolumeSource) and source.initiatorName is not None
        if long and len(f"{volume.name}:{source.targetPortal}") > 64:
            found.append(FieldError.invalid(path.child("name"), volume.name, MAX_INITIATOR_NAME))
    return found


def _validate_mode(mode: int | None, path: Path) -> list[FieldError]:
    if mode is not None and not 0 <= mode <= 0o777:
        return [FieldError.invalid(path, mode, _MODE)]
    return []


def _validate_items(items: Sequence[core.KeyToPath], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, item in enumerate(items):
        at = path.index(index)
        if not item.key:
            found.append(FieldError.required(at.child("key")))
        if not item.path:
            found.append(FieldError.required(at.child("path")))
        found += local_path(item.path, at.child("path"))
        found += _validate_mode(item.mode, at.child("mode"))
    return found


def _validate_file(file: core.DownwardAPIVolumeFile, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not file.path:
        found.append(FieldError.required(path.child("path")))
    found += local_path(file.path, path.child("path"))
    if file.fieldRef is not None:
        found += validate_field_ref(file.fieldRef, VOLUME_FIELDS, path.child("fieldRef"))
        if file.resourceFieldRef is not None:
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            found.append(FieldError.invalid(path, "resource", why))
    elif file.resourceFieldRef is not None:
        found += validate_resource_ref(file.resourceFieldRef, path.child("resourceFieldRef"), volume=True)
    else:
        found.append(FieldError.required(path, "one of fieldRef and resourceFieldRef is required"))
    return found + _validate_mode(file.mode, path.child("mode"))


def _validate_projections(projected: core.ProjectedVolumeSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    paths: set[str] = set()

    def taken(value: str, shown: str) -> None:
        if value and value in paths:
            found.append(FieldError.invalid(path, shown, "conflicting duplicate paths"))
        paths.add(value)

    for index, source in enumerate(projected.sources or []):
        at = path.child("sources").index(index)
        count = 0
        for name in ("secret", "configMap"):
            keyed = getattr(source, name)
            if keyed is None:
                continue
            count += 1
            if not keyed.name:
                found.append(FieldError.required(at.child(name).child("name")))
            found += _validate_items(keyed.items, at.child(name).child("items"))
            for item in keyed.items:
                taken(item.path, keyed.name or "")
        if source.downwardAPI is not None:
            count += 1
            for file in source.downwardAPI.items:
                found += _validate_file(file, at.child("downwardAPI"))
                taken(file.path, file.path)
        if source.serviceAccountToken is not None:
            count += 1
            found += _validate_token(source.serviceAccountToken, path, at.child("serviceAccountToken"))
        if source.clusterTrustBundle is not None:
            count += 1
            found += _validate_trust_bundle(source.clusterTrustBundle, at.child("clusterTrustBundle"))
            taken(source.clusterTrustBundle.path, source.clusterTrustBundle.path)
        if source.podCertificate is not None:
            count += 1
            certificate, where = source.podCertificate, at.child("podCertificate")
            if certificate.keyType not in _KEY_TYPES:
                found.append(FieldError.not_supported(where.child("keyType"), certificate.keyType, _KEY_TYPES))
            given = [certificate.credentialBundlePath, certificate.keyPath, certificate.certificateChainPath]
            if not any(given):
                why = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
                found.append(FieldError.required(where, why))
            for value in given:
                if value:
                    taken(value, value)
        if count > 1:
            found.append(FieldError.forbidden(at, "may not specify more than 1 volume type per source"))
    return found


def _validate_token(token: core.ServiceAccountTokenProjection, path: Path, at: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seconds = token.expirationSeconds or 0
    where = at.child("expirationSeconds")
    if seconds < 600:
        found.append(FieldError.invalid(where, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > 1 << 32:
        found.append(FieldError.invalid(where, seconds, "may not specify a duration larger than 2^32 seconds"))
    if not token.path:
        found.append(FieldError.required(path.child("path")))
    else:
        found += local_path(token.path, path.child("path"))
    return found


def _validate_trust_bundle(bundle: core.ClusterTrustBundleProjection, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if bundle.name is not None and bundle.signerName is not None:
        found.append(FieldError.invalid(path, bundle, "only one of name and signerName may be used"))
    elif bundle.name is not None:
        if not bundle.name:
            found.append(FieldError.required(path.child("name"), "must be a valid object name"))
        if bundle.labelSelector is not None:
            why = "labelSelector must be unset if name is specified"
            found.append(FieldError.invalid(path.child("labelSelector"), bundle.labelSelector, why))
    elif bundle.signerName is None:
        found.append(FieldError.required(path, "either name or signerName must be specified"))
    if not bundle.path:
        found.append(FieldError.required(path.child("path")))
    return found + local_path(bundle.path, path.child("path"))


def _validate_ephemeral(
    source: core.EphemeralVolumeSource, volume_name: str, pod_name: str, path: Path
) -> list[FieldError]:
    found: list[FieldError] = []
    at, template = path.child("ephemeral").child("volumeClaimTemplate"), source.volumeClaimTemplate
    if template is None:
        found.append(FieldError.required(at))
    else:
        found += validate_claim_template(template, at)
    if pod_name and volume_name:
        name = f"{pod_name}-{volume_name}"
        for message in names.dns1123_subdomain(name):
            found.append(FieldError.invalid(path.child("name"), volume_name, f'PVC name "{name}": {message}'))
    return found
