"""Mirror pods: each static pod of the node is shown in the API by one.

Source: pkg/kubelet/pod/mirror_client.go, pkg/kubelet/kubelet.go handleMirrorPod.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION
from pybernetes.client.client import Client
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.tasks import Spawn

_LOG = logging.getLogger(__name__)
_RETRY_S = 2.0


class Mirrors:
    """`registered` waits for the Node; `static` are the static pods by uid, None before all their sources were read."""

    def __init__(
        self,
        client: Client,
        registered: Callable[[], Awaitable[Node]],
        static: Mapping[str, Pod],
        all_read: Callable[[], bool],
        spawn: Spawn,
    ) -> None:
        self._client = client
        self._registered = registered
        self._static = static
        self._all_read = all_read
        self._spawn = spawn
        self._mirrors: dict[tuple[str, str], Pod] = {}

    def __len__(self) -> int:
        """How many the API has."""
        return len(self._mirrors)

    def of(self, static: Pod) -> Pod | None:
        return self._mirrors.get(full_name(static))

    def seen(self, mirror: Pod) -> bool:
        """Takes a mirror as the API has it; whether it is another one than before."""
        before = self._mirrors.get(full_name(mirror))
        self._mirrors[full_name(mirror)] = mirror
        self.reconcile()
        return before is None or before.metadata.uid != mirror.metadata.uid

    def gone(self, mirror: Pod) -> None:
        self._mirrors.pop(full_name(mirror), None)
        self.reconcile()

    def reconcile(self) -> None:
        wanted = {full_name(pod): pod for pod in self._static.values()}
        for name, mirror in self._mirrors.items():
            if name not in wanted and self._all_read():
                self._spawn(self._remove(mirror), f"mirror of {name[1]}")
        for name, pod in wanted.items():
            existing = self._mirrors.get(name)
            if existing is None or not _shows(existing, pod):
                self._spawn(self._ensure(pod, existing), f"mirror of {name[1]}")

    async def _ensure(self, pod: Pod, existing: Pod | None) -> None:
        """Makes the mirror, replacing one of an earlier version of the pod."""
        node = await self._registered()
        try:
            if existing is not None:
                await self._delete(existing)
            await self._client.create(_mirror(pod, node))
        except errors.AlreadyExists:
            return
        except (errors.StatusError, OSError) as error:
            _LOG.warning("the mirror of static pod %s cannot be made yet: %s", pod.metadata.name, error)
            await asyncio.sleep(_RETRY_S)
            self.reconcile()

    async def _remove(self, mirror: Pod) -> None:
        try:
            await self._delete(mirror)
        except (errors.StatusError, OSError) as error:
            _LOG.warning("mirror pod %s cannot be removed: %s", mirror.metadata.name, error)

    async def _delete(self, mirror: Pod) -> None:
        meta = mirror.metadata
        try:
            await self._client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "", grace_period_s=0)
        except (errors.NotFound, errors.Conflict):
            return


def full_name(pod: Pod) -> tuple[str, str]:
    return pod.metadata.namespace or "", pod.metadata.name or ""


def _shows(mirror: Pod, pod: Pod) -> bool:
    digest = pod.metadata.annotations.get(pod_spec.HASH_ANNOTATION)
    return mirror.metadata.deletionTimestamp is None and mirror.metadata.annotations.get(MIRROR_ANNOTATION) == digest


def _mirror(pod: Pod, node: Node) -> Pod:
    mirror = fresh(pod)
    mirror.metadata.uid = None
    mirror.metadata.annotations[MIRROR_ANNOTATION] = pod.metadata.annotations[pod_spec.HASH_ANNOTATION]
    if node.metadata.uid:
        mirror.metadata.ownerReferences = [
            OwnerReference(
                apiVersion="v1", kind="Node", name=node.metadata.name or "", uid=node.metadata.uid, controller=True
            )
        ]
    return mirror
