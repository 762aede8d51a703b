"""The ConfigMaps and Secrets that pods of this node refer to, each watched by name.

A pod registers what it refers to; the first one to name an object starts a watch of that object
alone (which is all that the node authorizer allows), the last one to go ends it.

Source: pkg/kubelet/util/manager/watch_based_manager.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import ConfigMap, Pod, Secret
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.pods import containers_of
from pybernetes.client.client import Client
from pybernetes.kubelet.pod_spec import uid_of

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0

Reference = tuple[str, str, str]
"""("configmap" or "secret", namespace, name)."""


def references(pod: Pod) -> set[Reference]:
    """Every ConfigMap and Secret a pod's containers, volumes and image pulls name."""
    namespace = pod.metadata.namespace or ""
    found: set[tuple[str, str | None]] = set()
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
    found |= {("secret", reference.name) for reference in pod.spec.imagePullSecrets}
    return {(kind, namespace, name) for kind, name in found if name}


@dataclass(slots=True)
class _Watched:
    pods: set[str] = field(default_factory=set)
    value: ConfigMap | Secret | None = None
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
        watched = self._watched.get(("configmap", namespace, name))
        value = watched.value if watched is not None else None
        return value if isinstance(value, ConfigMap) else None

    def secret(self, namespace: str, name: str) -> Secret | None:
        watched = self._watched.get(("secret", namespace, name))
        value = watched.value if watched is not None else None
        return value if isinstance(value, Secret) else None

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
        cls: type[ConfigMap] | type[Secret] = ConfigMap if kind == "configmap" else Secret
        selector = f"metadata.name={name}"
        assert self.client is not None
        page = await self.client.list(cls, namespace, field_selector=selector)
        self._set(reference, watched, page.items[0] if page.items else None)
        version = page.resource_version
        async for event in self.client.watch(cls, namespace, resource_version=version, field_selector=selector):
            if event.type != "BOOKMARK":
                self._set(reference, watched, None if event.type == "DELETED" else event.object)

    def _set(self, reference: Reference, watched: _Watched, value: ConfigMap | Secret | None) -> None:
        old, watched.value = watched.value, value
        first = not watched.seen.is_set()
        watched.seen.set()
        if first:
            return
        old_version = old.metadata.resourceVersion if old is not None else None
        if (value.metadata.resourceVersion if value is not None else None) != old_version:
            self._on_change(reference, tuple(watched.pods))
