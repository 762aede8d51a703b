"""Validation of volume sources, one function a type: those that Pods and PersistentVolumes share, and their variants.

Source: pkg/apis/core/validation/validation.go (validateNFSVolumeSource, validateCSIPersistentVolumeSource, …).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path

_HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_PARTITION = "must be between 1 and 255, inclusive"
_CACHING = ("None", "ReadOnly", "ReadWrite")
_DISKS = ("Dedicated", "Managed", "Shared")
_MANAGED_URI = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
_BLOB_URI = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_PAIRS = "must be a host:port pair or multiple pairs separated by commas"
_INITIATORS = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.([a-z0-9\-.]+)(:([^,;*&$|\s]+))$"),
    "eui": re.compile(r"^eui.[A-Za-z0-9]{16}$"),
    "naa": re.compile(r"^naa.[A-Za-z0-9]{32}$"),
}
_WRONG_FORMAT = "must be valid format"
MAX_INITIATOR_NAME = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters "
    "if iscsi.initiatorName is specified."
)
_REQUIRED: dict[str, tuple[str, ...]] = {
    "awsElasticBlockStore": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "azureFile": ("secretName", "shareName"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "flexVolume": ("driver",),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "iscsi": ("targetPortal",),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "rbd": ("monitors", "image"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "vsphereVolume": ("volumePath",),
}
"""What must be set, before anything else is said about a source."""
_SHOWN_AS = {"gcePersistentDisk": "persistentDisk"}
_FORBIDDEN_AS = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
"""Some paths differ from the wire's names; clients see them as they are upstream."""


def validate_source(name: str, source: Any, path: Path) -> list[FieldError]:
    """The source `name` of the holder at `path`: what is required, then what its type says."""
    at = path.child(_SHOWN_AS.get(name, name))
    found = [FieldError.required(at.child(key)) for key in _REQUIRED.get(name, ()) if not getattr(source, key)]
    check = _CHECKS.get(name)
    return found + check(source, at) if check is not None else found


def one_too_many(name: str, path: Path) -> FieldError:
    return FieldError.forbidden(path.child(_FORBIDDEN_AS.get(name, name)), "may not specify more than 1 volume type")


def relative_path(value: str, path: Path) -> list[FieldError]:
    """A path that stays below where it starts."""
    found: list[FieldError] = []
    if value.startswith("/"):
        found.append(FieldError.invalid(path, value, "must be a relative path"))
    return found + without_backsteps(value, path)


def without_backsteps(value: str, path: Path) -> list[FieldError]:
    return [FieldError.invalid(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def local_path(value: str, path: Path) -> list[FieldError]:
    """Relative, without backsteps, and not beginning with what the writer keeps for itself ("..")."""
    found = relative_path(value, path)
    if value.startswith("..") and not value.startswith("../"):
        found.append(FieldError.invalid(path, value, "must not start with '..'"))
    return found


def validate_csi_driver_name(name: str, path: Path) -> list[FieldError]:
    """Source: ValidateCSIDriverName."""
    if not name:
        return [FieldError.required(path)]
    found = [FieldError.too_long(path, 63)] if len(name) > 63 else []
    return found + [FieldError.invalid(path, name, message) for message in names.dns1123_subdomain(name.lower())]


def _host_path(source: core.HostPathVolumeSource, path: Path) -> list[FieldError]:
    if not source.path:
        return [FieldError.required(path.child("path"))]
    found = without_backsteps(source.path, path.child("path"))
    if source.type is not None and source.type not in _HOST_PATH_TYPES:
        found.append(FieldError.not_supported(path.child("type"), source.type, _HOST_PATH_TYPES))
    return found


def _local(source: core.LocalVolumeSource, path: Path) -> list[FieldError]:
    at = path.child("path")
    return without_backsteps(source.path, at) if source.path else [FieldError.required(at)]


def _git_repo(source: core.GitRepoVolumeSource, path: Path) -> list[FieldError]:
    return relative_path(source.directory or "", path.child("directory"))


def _partition(
    source: core.GCEPersistentDiskVolumeSource | core.AWSElasticBlockStoreVolumeSource, path: Path
) -> list[FieldError]:
    if 0 <= (source.partition or 0) <= 255:
        return []
    return [FieldError.invalid(path.child("partition"), source.partition, _PARTITION)]


def _nfs(source: core.NFSVolumeSource, path: Path) -> list[FieldError]:
    if source.path.startswith("/"):
        return []
    return [FieldError.invalid(path.child("path"), source.path, "must be an absolute path")]


def _iscsi(source: core.ISCSIVolumeSource | core.ISCSIPersistentVolumeSource, path: Path) -> list[FieldError]:
    persistent = isinstance(source, core.ISCSIPersistentVolumeSource)
    # The two types tell the same mistake in different words.
    unknown = _WRONG_FORMAT if persistent else "must be valid format starting with iqn, eui, or naa"
    found: list[FieldError] = []
    if not source.iqn:
        found.append(FieldError.required(path.child("iqn")))
    else:
        found += _initiator(source.iqn, path.child("iqn"), unknown)
    if not 0 <= source.lun <= 255:
        found.append(FieldError.invalid(path.child("lun"), source.lun, names.in_range(0, 255)))
    if (source.chapAuthDiscovery or source.chapAuthSession) and source.secretRef is None:
        found.append(FieldError.required(path.child("secretRef")))
    if persistent and source.secretRef is not None and not source.secretRef.name:
        found.append(FieldError.required(path.child("secretRef", "name")))
    if source.initiatorName is not None:
        found += _initiator(source.initiatorName, path.child("initiatorname"), unknown)
    return found


def _initiator(value: str, path: Path, unknown: str) -> list[FieldError]:
    pattern = _INITIATORS.get(value[:3])
    if pattern is None:
        return [FieldError.invalid(path, value, unknown)]
    return [] if pattern.search(value) else [FieldError.invalid(path, value, _WRONG_FORMAT)]


def _fibre_channel(source: core.FCVolumeSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    at = path.child("targetWWNs")
    if not source.targetWWNs and not source.wwids:
        found.append(FieldError.required(at, "must specify either targetWWNs or wwids, but not both"))
    if source.targetWWNs and source.wwids:
        why = "targetWWNs and wwids can not be specified simultaneously"
        found.append(FieldError.invalid(at, source.targetWWNs, why))
    if source.targetWWNs:
        if source.lun is None:
            found.append(FieldError.required(path.child("lun"), "lun is required if targetWWNs is specified"))
        elif not 0 <= source.lun <= 255:
            found.append(FieldError.invalid(path.child("lun"), source.lun, names.in_range(0, 255)))
    return found


def _quobyte(source: core.QuobyteVolumeSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    at = path.child("registry")
    if not source.registry:
        found.append(FieldError.required(at, _PAIRS))
    elif len(source.tenant or "") >= 65:
        why = "must be a UUID and may not exceed a length of 64 characters"
        found.append(FieldError.required(path.child("tenant"), why))
    else:
        for pair in source.registry.split(","):
            if not re.fullmatch(r"([^:\[\]]*|\[[^\[\]]*\]):[^:\[\]]*", pair):
                found.append(FieldError.invalid(at, source.registry, _PAIRS))
    if not source.volume:
        found.append(FieldError.required(path.child("volume")))
    return found


def _glusterfs(
    source: core.GlusterfsVolumeSource | core.GlusterfsPersistentVolumeSource, path: Path
) -> list[FieldError]:
    namespace = getattr(source, "endpointsNamespace", None)
    if namespace is None:
        return []
    at = path.child("endpointsNamespace")
    if not namespace:
        why = "if the endpointnamespace is set, it must be a valid namespace name"
        return [FieldError.invalid(at, namespace, why)]
    return [FieldError.invalid(at, namespace, message) for message in names.dns1123_label(namespace)]


def _flocker(source: core.FlockerVolumeSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not source.datasetName and not source.datasetUUID:
        found.append(FieldError.required(path, "one of datasetName and datasetUUID is required"))
    if source.datasetName and source.datasetUUID:
        why = "datasetName and datasetUUID can not be specified simultaneously"
        found.append(FieldError.invalid(path, "resource", why))
    if "/" in (source.datasetName or ""):
        found.append(FieldError.invalid(path.child("datasetName"), source.datasetName, "must not contain '/'"))
    return found


def _flex(source: core.FlexVolumeSource | core.FlexPersistentVolumeSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for key in source.options:
        namespace = key.partition("/")[0].lower()
        if f".{namespace}".endswith((".kubernetes.io", ".k8s.io")):
            why = "kubernetes.io and k8s.io namespaces are reserved"
            found.append(FieldError.invalid(path.child("options").key(key), key, why))
    return found


def _azure_file(
    source: core.AzureFileVolumeSource | core.AzureFilePersistentVolumeSource, path: Path
) -> list[FieldError]:
    empty = getattr(source, "secretNamespace", None) == ""
    return [FieldError.required(path.child("secretNamespace"))] if empty else []


def _azure_disk(source: core.AzureDiskVolumeSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name, supported in (("cachingMode", _CACHING), ("kind", _DISKS)):
        value = getattr(source, name)
        if value is not None and value not in supported:
            found.append(FieldError.not_supported(path.child(name), value, supported))
    if source.kind is not None:
        begin, shape = ("/subscriptions/", _MANAGED_URI) if source.kind == "Managed" else ("https://", _BLOB_URI)
        if not source.diskURI.startswith(begin):
            found.append(FieldError.not_supported(path.child("diskURI"), source.diskURI, (shape,)))
    return found


def _cinder(source: core.CinderVolumeSource | core.CinderPersistentVolumeSource, path: Path) -> list[FieldError]:
    return _reference(source.secretRef, path)


def _storageos(
    source: core.StorageOSVolumeSource | core.StorageOSPersistentVolumeSource, path: Path
) -> list[FieldError]:
    found: list[FieldError] = []
    at = path.child("volumeName")
    if not source.volumeName:
        found.append(FieldError.required(at))
    else:
        found += [FieldError.invalid(at, source.volumeName, m) for m in names.dns1123_label(source.volumeName)]
    if source.volumeNamespace:
        at = path.child("volumeNamespace")
        problems = names.dns1123_label(source.volumeNamespace)
        found += [FieldError.invalid(at, source.volumeNamespace, message) for message in problems]
    return found + _reference(source.secretRef, path)


def _reference(
    reference: core.LocalObjectReference | core.SecretReference | core.ObjectReference | None, path: Path
) -> list[FieldError]:
    """secretRef: its name, and its namespace where it has one."""
    if reference is None:
        return []
    found = [] if reference.name else [FieldError.required(path.child("secretRef", "name"))]
    if not isinstance(reference, core.LocalObjectReference) and not reference.namespace:
        found.append(FieldError.required(path.child("secretRef", "namespace")))
    return found


def _csi(source: core.CSIVolumeSource | core.CSIPersistentVolumeSource, path: Path) -> list[FieldError]:
    found = validate_csi_driver_name(source.driver, path.child("driver"))
    if isinstance(source, core.CSIVolumeSource):
        reference = source.nodePublishSecretRef
        if reference is None:
            return found
        if not reference.name:
            return [*found, FieldError.required(path.child("nodePublishSecretRef", "name"))]
        problems = names.dns1123_subdomain(reference.name)
        return found + [FieldError.invalid(path.child("name"), reference.name, message) for message in problems]
    if not source.volumeHandle:
        found.append(FieldError.required(path.child("volumeHandle")))
    for name in _CSI_SECRETS:
        secret = getattr(source, name)
        for key, check in (("name", names.dns1123_subdomain), ("namespace", names.dns1123_label)):
            if secret is None:
                continue
            value, where = getattr(secret, key) or "", path.child(name, key)
            found += [FieldError.invalid(where, value, m) for m in check(value)] if value else [
                FieldError.required(where)
            ]  # fmt: skip
    return found


_CSI_SECRETS = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)
_CHECKS: dict[str, Callable[[Any, Path], list[FieldError]]] = {
    "awsElasticBlockStore": _partition,
    "azureDisk": _azure_disk,
    "azureFile": _azure_file,
    "cinder": _cinder,
    "csi": _csi,
    "fc": _fibre_channel,
    "flexVolume": _flex,
    "flocker": _flocker,
    "gcePersistentDisk": _partition,
    "gitRepo": _git_repo,
    "glusterfs": _glusterfs,
    "hostPath": _host_path,
    "iscsi": _iscsi,
    "local": _local,
    "nfs": _nfs,
    "quobyte": _quobyte,
    "storageos": _storageos,
}
