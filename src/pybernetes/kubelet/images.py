"""Images: there already, pulled when they must be, with the credentials that fit.

Back-off lies in the pod worker; this only answers what came of one attempt.

Source: pkg/kubelet/images/image_manager.go, pkg/credentialprovider/keyring.go.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import math
import re
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.api.core.v1 import Pod, Secret
from pybernetes.apimachinery.metrics_text import Durations
from pybernetes.apimachinery.pods import AnyContainer
from pybernetes.apimachinery.times import format_duration
from pybernetes.host.clock import Clock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers.environment import Objects, secret_value
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.image_names import Credentials, best_first
from pybernetes.kubelet.pod_spec import uid_of

if TYPE_CHECKING:
    from pybernetes.kubelet.credential_providers import CredentialProviders

_LOG = logging.getLogger(__name__)
_PULLS = 64
"""Of a pod, remembered until it has started: more than its containers have images."""
_NAME = re.compile(
    r"^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$"
)
_BOUNDS = (1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600)
_SIZES = (
    (100 << 30, "GT100GB"),
    (60 << 30, "60GB-100GB"),
    (40 << 30, "40GB-60GB"),
    (30 << 30, "30GB-40GB"),
    (20 << 30, "20GB-30GB"),
    (10 << 30, "10GB-20GB"),
    (5 << 30, "5GB-10GB"),
    (1 << 30, "1GB-5GB"),
    (500 << 20, "500MB-1GB"),
    (100 << 20, "100MB-500MB"),
    (10 << 20, "10MB-100MB"),
    (0, "0-10MB"),
    (-1, "N/A"),
)
"""What an image of more bytes than that counts as."""
Recorder = Callable[[str, str, str], None]
"""type, reason, message of an event about the container."""


class ImageError(Exception):
    """The container cannot have its image; `reason` is shown as the waiting state's."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def with_default_tag(image: str) -> str:
    """`:latest` for a name with neither tag nor digest. Raises ImageError for what is no name."""
    match = _NAME.match(image)
    if match is None or len(image) > 4096:
        why = "repository name must be lowercase" if image != image.lower() else "invalid reference format"
        raise ImageError(
            "InvalidImageName",
            f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {why}',
        )
    return image if match["tag"] or match["digest"] else image + ":latest"


def images_of_volumes(pods: Iterable[Pod]) -> set[str]:
    """Names of the images that are volumes of these pods."""
    found = set()
    for image in (volume.image for pod in pods for volume in pod.spec.volumes if volume.image is not None):
        with suppress(ImageError):
            found.add(with_default_tag(image.reference or ""))
    return found


def credentials_for(image: str, secrets: Iterable[Secret]) -> list[Credentials]:
    """What the pull secrets hold for the image's registry, the most specific entry first."""
    entries = [(key, _credentials(entry)) for secret in secrets for key, entry in _entries(secret)]
    return best_first(image, entries)


def _entries(secret: Secret) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        if (text := secret_value(secret, ".dockerconfigjson")) is not None:
            yield from json.loads(text).get("auths", {}).items()
        elif (text := secret_value(secret, ".dockercfg")) is not None:
            yield from json.loads(text).items()
    except (ValueError, AttributeError) as error:
        _LOG.warning("pull secret %s/%s cannot be read: %s", secret.metadata.namespace, secret.metadata.name, error)


def _credentials(entry: dict[str, Any]) -> Credentials:
    username, password = str(entry.get("username", "")), str(entry.get("password", ""))
    if entry.get("auth") and not username:
        decoded = base64.b64decode(entry["auth"]).decode(errors="replace")
        username, _, password = decoded.partition(":")
    return Credentials(
        username=username,
        password=password,
        identity_token=str(entry.get("identitytoken", "")),
        registry_token=str(entry.get("registrytoken", "")),
    )


class Images:
    def __init__(self, cri: CriClient, objects: Objects, config: KubeletConfig, clock: Clock) -> None:
        self._cri = cri
        self._objects = objects
        self._providers: CredentialProviders | None = None
        if config.credential_providers:
            from pybernetes.kubelet.credential_providers import CredentialProviders

            folder = Path(config.credential_provider_folder)
            self._providers = CredentialProviders(config.credential_providers, folder, clock)
        limit = 1 if config.serialize_image_pulls else config.max_parallel_image_pulls or 1000
        self._turns = asyncio.Semaphore(limit)
        self._pulled: dict[str, deque[tuple[float, float]]] = {}
        """From when until when images were pulled, the last ones: for a pod by its uid, in the order of their ends."""
        self.took = Durations("image_size_in_bytes", bounds=_BOUNDS)
        """Of pulls that succeeded, with the time that they waited."""

    async def ensure(
        self, pod: Pod, container: AnyContainer, record: Recorder, *, may_pull: bool, sandbox_config: Any = None
    ) -> str:
        """The reference of the container's image, pulled if its policy asks for it. Raises ImageError."""
        policy = container.imagePullPolicy or ""
        return await self._ensure(pod, container.image or "", policy, record, may_pull, sandbox_config)

    async def ensure_volumes(
        self, pod: Pod, container: AnyContainer, record: Recorder, *, may_pull: bool, sandbox_config: Any = None
    ) -> dict[str, str]:
        """The same for the images that are volumes and that the container mounts: references by the volume's name."""
        mounted = {mount.name for mount in container.volumeMounts}
        found = {}
        for volume in pod.spec.volumes:
            if volume.image is not None and volume.name in mounted:
                image, policy = volume.image.reference or "", volume.image.pullPolicy or ""
                found[volume.name] = await self._ensure(pod, image, policy, record, may_pull, sandbox_config)
        return found

    async def _ensure(
        self, pod: Pod, wanted: str, policy: str, record: Recorder, may_pull: bool, sandbox_config: Any
    ) -> str:
        try:
            image = with_default_tag(wanted)
        except ImageError as error:
            record("Warning", "InspectFailed", error.message)
            raise
        policy = policy or ("Always" if image.endswith(":latest") else "IfNotPresent")
        if policy != "Always":
            present = await self._present(image, record)
            if present:
                record("Normal", "Pulled", f'Container image "{wanted}" already present on machine')
                return present
            if policy == "Never":
                text = f'Container image "{wanted}" is not present with pull policy of Never'
                record("Warning", "ErrImageNeverPull", text)
                raise ImageError("ErrImageNeverPull", text)
        if not may_pull:
            text = f'Back-off pulling image "{wanted}"'
            record("Normal", "BackOff", text)
            raise ImageError("ImagePullBackOff", text)
        return await self._pull(pod, wanted, image, record, sandbox_config)

    async def _present(self, image: str, record: Recorder) -> str:
        try:
            found = await self._cri.image_status(image)
        except CriError as error:
            text = f'Failed to inspect image "{image}": {error}'
            record("Warning", "InspectFailed", text)
            raise ImageError("ImageInspectError", text) from None
        return str(found.id) if found is not None else ""

    async def _pull(self, pod: Pod, wanted: str, image: str, record: Recorder, sandbox_config: Any) -> str:
        record("Normal", "Pulling", f'Pulling image "{wanted}"')
        clock = asyncio.get_running_loop().time
        asked = clock()
        async with self._turns:
            began = clock()
            try:
                reference = await self._pull_with_credentials(pod, image, sandbox_config)
            except CriError as error:
                text = f'Failed to pull image "{wanted}": {error}'
                record("Warning", "Failed", text)
                known = re.match(r"^(RegistryUnavailable|SignatureValidationFailed)", error.message)
                raise ImageError(known[1] if known else "ErrImagePull", str(error)) from None
        ended = clock()
        self._pulled.setdefault(uid_of(pod), deque(maxlen=_PULLS)).append((asked, ended))
        pulling, waiting = _milliseconds(ended - began), _milliseconds(ended - asked)
        found = await self._cri.image_status(reference)
        size = found.size if found is not None else 0
        self.took.add(ended - asked, next(name for least, name in _SIZES if size > least))
        record(
            "Normal",
            "Pulled",
            f'Successfully pulled image "{wanted}" in {pulling} ({waiting} including waiting). '
            f"Image size: {size} bytes.",
        )
        return reference

    def pulled_s(self, uid: str) -> float:
        """How long images were pulled for a pod, side by side or not; it is forgotten with that."""
        total_s, until_s = 0.0, -math.inf
        for asked, ended in sorted(self._pulled.pop(uid, ())):
            total_s += max(0.0, ended - max(asked, until_s))
            until_s = max(until_s, ended)
        return total_s

    async def _pull_with_credentials(self, pod: Pod, image: str, sandbox_config: Any) -> str:
        """Tries each entry that fits, then without any; the last refusal counts."""
        namespace = pod.metadata.namespace or ""
        named = [self._objects.secret(namespace, ref.name or "") for ref in pod.spec.imagePullSecrets]
        known = credentials_for(image, [secret for secret in named if secret is not None])
        if self._providers is not None:
            known += [each for each in await self._providers.credentials(image) if each not in known]
        for credentials in known[:-1]:
            try:
                return await self._cri.pull_image(image, self._auth(credentials), sandbox_config)
            except CriError as error:
                _LOG.debug("pulling %s with one of several credentials: %s", image, error)
        return await self._cri.pull_image(image, self._auth(known[-1]) if known else None, sandbox_config)

    def _auth(self, credentials: Credentials) -> Any:
        return self._cri.pb.AuthConfig(
            username=credentials.username,
            password=credentials.password,
            auth=credentials.auth,
            identity_token=credentials.identity_token,
            registry_token=credentials.registry_token,
        )


def _milliseconds(seconds: float) -> str:
    return format_duration(round(seconds, 3))
