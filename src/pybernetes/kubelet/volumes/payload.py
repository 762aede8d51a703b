"""What files the API's volumes hold: ConfigMaps, Secrets, the downward API, projections. Pure.

Source: pkg/volume/configmap, secret, downwardapi, projected (MakePayload, CollectData).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from pybernetes.api.core.v1 import (
    ClusterTrustBundleProjection,
    ConfigMap,
    DownwardAPIVolumeFile,
    KeyToPath,
    Pod,
    ProjectedVolumeSource,
    Secret,
    Volume,
)
from pybernetes.apimachinery import pem
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.kubelet.containers import downward
from pybernetes.kubelet.containers.environment import Facts, Objects
from pybernetes.kubelet.pod_spec import find_container
from pybernetes.kubelet.volumes.atomic_writer import File

DEFAULT_MODE = 0o644
_PRIVATE_MODE = 0o600


class VolumeError(Exception):
    """The volume cannot be set up or taken away now; the text stands in a FailedMount event.

    `step` is what failed, and `name` the volume's where it is not the pod's name for it.
    """

    def __init__(self, text: str, name: str = "", step: str = "MountVolume.SetUp") -> None:
        super().__init__(text)
        self.name = name
        self.step = step


def is_payload(volume: Volume) -> bool:
    """Whether the kubelet writes the volume's files itself."""
    return (
        volume.configMap is not None
        or volume.secret is not None
        or volume.downwardAPI is not None
        or volume.projected is not None
    )


def needs_memory(volume: Volume) -> bool:
    """Whether the files must never reach a disk."""
    return volume.secret is not None or volume.projected is not None


def payload(pod: Pod, volume: Volume, objects: Objects, facts: Facts, tokens: Mapping[str, str]) -> dict[str, File]:
    """Every file of one volume. `tokens` holds ServiceAccount tokens by path. Raises VolumeError."""
    namespace = pod.metadata.namespace or ""
    if (config := volume.configMap) is not None:
        found = objects.config_map(namespace, config.name or "")
        return _of_config_map(found, config.items, config.defaultMode, config.optional, config.name)
    if (secret := volume.secret) is not None:
        held = objects.secret(namespace, secret.secretName or "")
        return _of_secret(held, secret.items, secret.defaultMode, secret.optional, secret.secretName)
    if (down := volume.downwardAPI) is not None:
        return _of_downward(pod, down.items, down.defaultMode, facts)
    if volume.projected is not None:
        return _of_projections(pod, volume.projected, objects, facts, tokens)
    return {}


def _of_projections(
    pod: Pod, projected: ProjectedVolumeSource, objects: Objects, facts: Facts, tokens: Mapping[str, str]
) -> dict[str, File]:
    namespace, mode = pod.metadata.namespace or "", projected.defaultMode
    files: dict[str, File] = {}
    for source in projected.sources or []:
        if (config := source.configMap) is not None:
            found = objects.config_map(namespace, config.name or "")
            files |= _of_config_map(found, config.items, mode, config.optional, config.name)
        elif (secret := source.secret) is not None:
            held = objects.secret(namespace, secret.name or "")
            files |= _of_secret(held, secret.items, mode, secret.optional, secret.name)
        elif source.downwardAPI is not None:
            files |= _of_downward(pod, source.downwardAPI.items, mode, facts)
        elif source.serviceAccountToken is not None:
            path = source.serviceAccountToken.path
            files[path] = private_file(pod, tokens[path].encode(), mode)
        elif (bundle := source.clusterTrustBundle) is not None:
            files[bundle.path] = private_file(pod, _anchors(bundle, objects), mode)
    return files


def _anchors(projection: ClusterTrustBundleProjection, objects: Objects) -> bytes:
    """The certificates of the bundles that are meant, each once. A signer's bundles without a selector: none.

    Source: pkg/kubelet/clustertrustbundle/clustertrustbundle_manager.go. Differs: their order is always the same.
    """
    found = objects.trust_bundles(projection)
    if not projection.name:
        selector = projection.labelSelector
        found = [b for b in found if selector is not None and LabelSelector.of(selector).matches(b.metadata.labels)]
    if not found and not projection.optional:
        raise VolumeError(
            f'clustertrustbundle "{projection.name}" not found'
            if projection.name
            else "combination of signerName and labelSelector matched zero ClusterTrustBundles"
        )
    texts = {_plain(block.text) for bundle in found for block in pem.blocks(bundle.spec.trustBundle.encode())}
    return b"".join(sorted(texts))


def _plain(certificate: bytes) -> bytes:
    """PEM as everybody writes it: 64 characters a line."""
    first, *lines, last = (line.strip() for line in certificate.strip().splitlines())
    body = b"".join(lines)
    return b"\n".join([first, *(body[at : at + 64] for at in range(0, len(body), 64)), last, b""])


def private_file(pod: Pod, content: bytes, mode: int | None) -> File:
    """Its owner's alone where all containers run as one user or there is an fsGroup, which then may read it, too."""
    context = pod.spec.securityContext
    users = {
        own.runAsUser if (own := c.securityContext) is not None and own.runAsUser is not None
        else (context.runAsUser if context is not None else None)
        for c in (*pod.spec.initContainers, *pod.spec.containers)
    }  # fmt: skip
    user = users.pop() if len(users) == 1 else None
    if user is None and (context is None or context.fsGroup is None):
        return File(content, DEFAULT_MODE if mode is None else mode)
    return File(content, _PRIVATE_MODE, owner=user)


def _of_config_map(
    config_map: ConfigMap | None,
    items: list[KeyToPath],
    mode: int | None,
    optional: bool | None,
    name: str | None,
) -> dict[str, File]:
    if config_map is None:
        if optional:
            return {}
        raise VolumeError(f'configmap "{name}" not found')
    data = {k: v.encode() for k, v in config_map.data.items()}
    data |= {k: base64.b64decode(v) for k, v in config_map.binaryData.items()}
    return _selected(data, items, mode, optional, "configmap")


def _of_secret(
    secret: Secret | None,
    items: list[KeyToPath],
    mode: int | None,
    optional: bool | None,
    name: str | None,
) -> dict[str, File]:
    if secret is None:
        if optional:
            return {}
        raise VolumeError(f'secret "{name}" not found')
    data = {k: base64.b64decode(v) for k, v in secret.data.items()}
    return _selected(data, items, mode, optional, "secret")


def _selected(
    data: Mapping[str, bytes],
    items: list[KeyToPath],
    mode: int | None,
    optional: bool | None,
    kind: str,
) -> dict[str, File]:
    default = DEFAULT_MODE if mode is None else mode
    if not items:
        return {key: File(content, default) for key, content in data.items()}
    files = {}
    for item in items:
        if item.key not in data:
            if optional:
                continue
            raise VolumeError(f"references non-existent {kind} key: {item.key}")
        files[item.path] = File(data[item.key], default if item.mode is None else item.mode)
    return files


def _of_downward(pod: Pod, items: list[DownwardAPIVolumeFile], mode: int | None, facts: Facts) -> dict[str, File]:
    files = {}
    default = DEFAULT_MODE if mode is None else mode
    try:
        for item in items:
            text = ""
            if item.fieldRef is not None:
                text = downward.field_value(
                    pod,
                    item.fieldRef.fieldPath,
                    node_name=facts.node_name,
                    host_ips=facts.host_ips,
                    pod_ips=facts.pod_ips,
                )
            elif item.resourceFieldRef is not None:
                holder = find_container(pod, item.resourceFieldRef.containerName or "")
                if holder is None:
                    raise VolumeError(f"container {item.resourceFieldRef.containerName} not found")
                text = downward.resource_value(pod, item.resourceFieldRef, holder, facts.allocatable)
            files[item.path] = File(text.encode(), default if item.mode is None else item.mode)
    except downward.FieldError as error:
        raise VolumeError(str(error)) from None
    return files
