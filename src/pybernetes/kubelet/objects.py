"""The ConfigMaps, Secrets and ClusterTrustBundles that pods of this node refer to, each watched by name.

A pod registers what it refers to; the first one to name an object starts a watch of that object
alone (which is all that the node authorizer allows), the last one to go ends it.

Source: pkg/kubelet/util/manager/watch_based_manager.go, pkg/kubelet/clustertrustbundle. Differs: only bundles
that a pod asks for are watched, by their name or their signer's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

from pybernetes.api.core.v1 import ClusterTrustBundleProjection, ConfigMap, Pod, Secret
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.pods import containers_of
from pybernetes.client.client import Client
from pybernetes.kubelet.pod_spec import uid_of

if TYPE_CHECKING:
    from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle

    _Object = ConfigMap | Secret | ClusterTrustBundle

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0

Reference = tuple[str, str, str]
"""(kind, namespace, name); of the kind "signer", whose trust bundles are meant, its name."""
_SELECTORS = {"signer": "spec.signerName"}
"""What is selected by another field than its name."""


def references(pod: Pod) -> set[Reference]:
    """Every ConfigMap, Secret and trust bundle a pod's containers, volumes and image pulls name."""
    namespace = pod.metadata.namespace or ""
    found: set[tuple[str, str | None]] = set()
    bundles: set[Reference] = set()
    for container in containers_of(pod.spec):
        for source in container.envFrom:
            if source.configMapRef is not None:
                found.add(("configmap", source.configMapRef.name))
            if source.secretRef is not None:
                found.add(("secret", source.secretRef.name))
        for variable in container.env:
            origin = variable.valueFrom
            if origin is not None and origin.configMapKeyRef is not None:
                found.add(("configmap", origin.configMapKeyRef.name))
            if origin is not None and origin.secretKeyRef is not None:
                found.add(("secret", origin.secretKeyRef.name))
    for volume in pod.spec.volumes:
        if volume.configMap is not None:
            found.add(("configmap", volume.configMap.name))
        if volume.secret is not None:
            found.add(("secret", volume.secret.secretName))
        for projection in (volume.projected.sources or []) if volume.projected is not None else []:
            if projection.configMap is not None:
                found.add(("configmap", projection.configMap.name))
            if projection.secret is not None:
                found.add(("secret", projection.secret.name))
            if projection.clusterTrustBundle is not None:
                bundles.add(_bundle_reference(projection.clusterTrustBundle))
    found |= {("secret", reference.name) for reference in pod.spec.imagePullSecrets}
    return {(kind, namespace, name) for kind, name in found if name} | bundles


def _bundle_reference(projection: ClusterTrustBundleProjection) -> Reference:
    return ("bundle", "", projection.name) if projection.name else ("signer", "", projection.signerName or "")


@dataclass(slots=True)
class _Watched:
    pods: set[str] = field(default_factory=set)
    values: dict[str, _Object] = field(default_factory=dict)
    """By name."""
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class ReferencedObjects:
    """`on_change(reference)` is called when a watched object appears, changes or goes."""

    def __init__(self, client: Client | None, on_change: Callable[[Reference, Iterable[str]], None]) -> None:
        self.client = client
        self._on_change = on_change
        self._watched: dict[Reference, _Watched] = {}

    def register(self, pod: Pod) -> None:
        """Starts following what the pod refers to, and stops what an earlier version of it named alone."""
        uid = uid_of(pod)
        wanted = references(pod) if self.client is not None else set()
        for reference in [r for r, w in self._watched.items() if uid in w.pods and r not in wanted]:
            self._drop(reference, uid)
        for reference in wanted:
            watched = self._watched.get(reference)
            if watched is None:
                watched = self._watched[reference] = _Watched()
                watched.task = asyncio.get_running_loop().create_task(
                    self._follow(reference, watched), name=f"{reference[0]} {reference[1]}/{reference[2]}"
                )
            watched.pods.add(uid)

    def unregister(self, uid: str) -> None:
        for reference in [r for r, w in self._watched.items() if uid in w.pods]:
            self._drop(reference, uid)

    async def ready(self, pod: Pod, timeout_s: float = 10.0) -> None:
        """Until each of the pod's objects was looked for once (it may not exist). Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            for reference in references(pod):
                watched = self._watched.get(reference)
                if watched is not None:
                    await watched.seen.wait()

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        value = self._values(("configmap", namespace, name)).get(name)
        return value if isinstance(value, ConfigMap) else None

    def secret(self, namespace: str, name: str) -> Secret | None:
        value = self._values(("secret", namespace, name)).get(name)
        return value if isinstance(value, Secret) else None

    def trust_bundles(self, projection: ClusterTrustBundleProjection) -> list[ClusterTrustBundle]:
        """Those of the name, or of the signer, that there are; labels are not looked at."""
        return [found for found in self._values(_bundle_reference(projection)).values() if _is_bundle(found)]

    def _values(self, reference: Reference) -> dict[str, _Object]:
        watched = self._watched.get(reference)
        return watched.values if watched is not None else {}

    async def stop(self) -> None:
        tasks = [w.task for w in self._watched.values() if w.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watched.clear()

    def _drop(self, reference: Reference, uid: str) -> None:
        watched = self._watched[reference]
        watched.pods.discard(uid)
        if not watched.pods:
            if watched.task is not None:
                watched.task.cancel()
            del self._watched[reference]

    async def _follow(self, reference: Reference, watched: _Watched) -> None:
        while True:
            try:
                await self._list_and_watch(reference, watched)
            except errors.StatusError as error:
                if not isinstance(error, errors.Gone | errors.Expired):
                    _LOG.debug("cannot follow %s %s/%s: %s", *reference, error)
                    await asyncio.sleep(_RETRY_S)
            except OSError:
                await asyncio.sleep(_RETRY_S)

    async def _list_and_watch(self, reference: Reference, watched: _Watched) -> None:
        kind, namespace, name = reference
        cls = _class_of(kind)
        selector = f"{_SELECTORS.get(kind, 'metadata.name')}={name}"
        assert self.client is not None
        try:
            page = await self.client.list(cls, namespace, field_selector=selector)
        except errors.NotFound:
            self._set(reference, watched, {})  # the API is not served: there are none
            raise
        self._set(reference, watched, {_name(found): found for found in page.items})
        version = page.resource_version
        async for event in self.client.watch(cls, namespace, resource_version=version, field_selector=selector):
            if event.type == "BOOKMARK":
                continue
            values = {key: value for key, value in watched.values.items() if key != _name(event.object)}
            if event.type != "DELETED":
                values[_name(event.object)] = event.object
            self._set(reference, watched, values)

    def _set(self, reference: Reference, watched: _Watched, values: dict[str, _Object]) -> None:
        old, watched.values = watched.values, values
        first = not watched.seen.is_set()
        watched.seen.set()
        if not first and _versions(values) != _versions(old):
            self._on_change(reference, tuple(watched.pods))


def _class_of(kind: str) -> type[_Object]:
    if kind == "configmap":
        return ConfigMap
    if kind == "secret":
        return Secret
    from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle

    return ClusterTrustBundle


def _is_bundle(value: _Object) -> TypeGuard[ClusterTrustBundle]:
    return not isinstance(value, ConfigMap | Secret)


def _name(value: _Object) -> str:
    return value.metadata.name or ""


def _versions(values: dict[str, _Object]) -> dict[str, str | None]:
    return {name: value.metadata.resourceVersion for name, value in values.items()}
