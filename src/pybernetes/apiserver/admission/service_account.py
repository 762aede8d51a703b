"""ServiceAccount: a Pod gets an account, its token as a projected volume, and its pull secrets.

Source: plugin/pkg/admission/serviceaccount/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.pod_secrets import secrets_of, secrets_of_container
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION, containers_of
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin, Reader
from pybernetes.host.random import Random

DEFAULT = "default"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
ROOT_CA_CONFIG_MAP = "kube-root-ca.crt"
EXPIRATION_S = 60 * 60 + 7
ENFORCE_ANNOTATION = "kubernetes.io/enforce-mountable-secrets"
_WAIT_S = 1.5
"""How long the default account of a new namespace is waited for."""


class ServiceAccounts(Plugin):
    name = "ServiceAccount"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset(
        {("", "pods", ""), ("", "pods", "ephemeralcontainers")}
    )
    mutates = True
    validates = True

    def __init__(self, reader: Reader, random: Random | None = None) -> None:
        super().__init__(reader)
        self._random = random or Random()

    async def admit(self, attributes: Attributes) -> None:
        if attributes.operation != "CREATE":
            return
        pod: core.Pod = attributes.object
        if MIRROR_ANNOTATION in pod.metadata.annotations:
            _check_mirror(attributes, pod)
            return
        spec = pod.spec
        if not spec.serviceAccountName:
            spec.serviceAccountName = DEFAULT
        account = await self._account(attributes, spec.serviceAccountName)
        if _automounts(account, spec):
            self._mount_token(spec)
        if not spec.imagePullSecrets:
            spec.imagePullSecrets = [core.LocalObjectReference(name=s.name) for s in account.imagePullSecrets]

    async def validate(self, attributes: Attributes) -> None:
        pod: core.Pod = attributes.object
        if attributes.operation == "UPDATE" and attributes.subresource != "ephemeralcontainers":
            return
        if MIRROR_ANNOTATION in pod.metadata.annotations:
            _check_mirror(attributes, pod)
            return
        if not pod.spec.serviceAccountName:
            raise attributes.forbidden(
                f"no service account specified for pod {attributes.namespace}/{pod.metadata.name or ''}"
            )
        account = await self._account(attributes, pod.spec.serviceAccountName)
        if account.metadata.annotations.get(ENFORCE_ANNOTATION) in ("true", "True", "1", "t", "T", "TRUE"):
            _check_secrets(attributes, account, pod)

    async def _account(self, attributes: Attributes, name: str) -> core.ServiceAccount:
        namespace = attributes.namespace
        account = await self.reader.read(core.ServiceAccount, name, namespace)
        if account is None and name == DEFAULT:
            account = await self.reader.wait_for(core.ServiceAccount, name, namespace, _WAIT_S)
        if account is None:
            raise attributes.forbidden(
                f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            )
        return account

    def _mount_token(self, spec: core.PodSpec) -> None:
        name = next((v.name for v in spec.volumes if v.name.startswith(VOLUME_PREFIX)), "")
        known = bool(name)
        name = name or VOLUME_PREFIX + self._random.suffix()
        needed = False
        for container in [*spec.initContainers, *spec.containers]:
            if all(mount.mountPath != MOUNT_PATH for mount in container.volumeMounts):
                mount = core.VolumeMount(name=name, readOnly=True, mountPath=MOUNT_PATH)
                container.volumeMounts = [*container.volumeMounts, mount]
                needed = True
        if needed and not known:
            spec.volumes = [*spec.volumes, token_volume(name)]


def token_volume(name: str) -> core.Volume:
    """Token, cluster CA and namespace, as every container finds them under MOUNT_PATH."""
    sources = [
        core.VolumeProjection(
            serviceAccountToken=core.ServiceAccountTokenProjection(path="token", expirationSeconds=EXPIRATION_S)
        ),
        core.VolumeProjection(
            configMap=core.ConfigMapProjection(
                name=ROOT_CA_CONFIG_MAP, items=[core.KeyToPath(key="ca.crt", path="ca.crt")]
            )
        ),
        core.VolumeProjection(
            downwardAPI=core.DownwardAPIProjection(
                items=[
                    core.DownwardAPIVolumeFile(
                        path="namespace",
                        fieldRef=core.ObjectFieldSelector(apiVersion="v1", fieldPath="metadata.namespace"),
                    )
                ]
            )
        ),
    ]
    return core.Volume(name=name, projected=core.ProjectedVolumeSource(sources=sources, defaultMode=0o644))


def _automounts(account: core.ServiceAccount, spec: core.PodSpec) -> bool:
    if spec.automountServiceAccountToken is not None:
        return spec.automountServiceAccountToken
    return account.automountServiceAccountToken is not False


def _check_mirror(attributes: Attributes, pod: core.Pod) -> None:
    """A mirror Pod shows a static one, which has no account and no secrets."""
    if pod.spec.serviceAccountName:
        raise attributes.forbidden("a mirror pod may not reference service accounts")
    if secrets_of(pod):
        raise attributes.forbidden("a mirror pod may not reference secrets")
    for volume in pod.spec.volumes:
        if volume.projected and any(s.serviceAccountToken is not None for s in (volume.projected.sources or [])):
            raise attributes.forbidden("a mirror pod may not use ServiceAccountToken volume projections")


def _check_secrets(attributes: Attributes, account: core.ServiceAccount, pod: core.Pod) -> None:
    """Where the account says so, its Pods use only the secrets it lists."""
    allowed = {s.name for s in account.secrets}
    tail = f"is not allowed because service account {account.metadata.name} does not reference that secret"
    for volume in pod.spec.volumes:
        if volume.secret is not None and volume.secret.secretName not in allowed:
            raise attributes.forbidden(f'volume with secret.secretName="{volume.secret.secretName}" {tail}')
    for container in containers_of(pod.spec):
        for name in sorted(secrets_of_container(container) - allowed):
            raise attributes.forbidden(f'container {container.name} referencing secret.secretName="{name}" {tail}')
    pulls = {s.name for s in account.imagePullSecrets}
    for index, reference in enumerate(pod.spec.imagePullSecrets):
        if reference.name not in pulls:
            raise attributes.forbidden(
                f'imagePullSecrets[{index}].name="{reference.name}" is not allowed because service account '
                f"{account.metadata.name} does not reference that imagePullSecret"
            )
