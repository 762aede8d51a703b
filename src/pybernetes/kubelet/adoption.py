"""What an earlier kubelet left: pods that still run are adopted, what belongs to none is removed.

Source: pkg/kubelet/kubelet_pods.go HandlePodCleanups.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from pybernetes.api.core.v1 import Container as ContainerSpec
from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet import runtime
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.resources.cgroups import Cgroups
from pybernetes.kubelet.runtime import FoundPod, sandbox_of
from pybernetes.kubelet.volumes.csi.volumes import CsiVolumes
from pybernetes.kubelet.volumes.manager import Volumes
from pybernetes.kubelet.volumes.payload import VolumeError
from pybernetes.kubelet.worker.shell import observed

_LOG = logging.getLogger(__name__)
_STRAYS_RETRY_S = 5.0


async def look_at_runtime(cri: CriClient, instance: str) -> dict[str, FoundPod]:
    """Pods that this kubelet (in an earlier life) made; of others' containers nothing is known here."""
    mine = {runtime.KUBELET_LABEL: instance}
    found: dict[str, FoundPod] = {}

    def pod_of(labels: Any) -> FoundPod:
        uid = labels[runtime.POD_UID_LABEL]
        if uid not in found:
            names = labels[runtime.POD_NAMESPACE_LABEL], labels[runtime.POD_NAME_LABEL]
            found[uid] = FoundPod(uid, *names)
        return found[uid]

    for item in await cri.list_pod_sandboxes(mine):
        pod = pod_of(item.labels)
        if (status := await _status(cri.pod_sandbox_status(item.id))) is not None:
            pod.runtime = pod.runtime.with_sandbox(sandbox_of(status))
    for item in await cri.list_containers(mine):
        pod = pod_of(item.labels)
        if (status := await _status(cri.container_status(item.id))) is not None:
            pod.runtime = pod.runtime.with_container(observed(status, item.pod_sandbox_id))
            grace = status.annotations.get(runtime.GRACE_PERIOD_ANNOTATION, "")
            pod.grace_period_s = int(grace) if grace.isdecimal() else pod.grace_period_s
    return found


async def _status(asked: Awaitable[Any]) -> Any:
    """None for what has gone since it was listed."""
    try:
        return (await asked).status
    except CriError as error:
        if error.not_found:
            return None
        raise


def pod_from_labels(found: FoundPod) -> Pod:
    """As much of a pod as the runtime remembers: enough to end it."""
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace, pod.metadata.uid = found.name, found.namespace, found.uid
    pod.spec.terminationGracePeriodSeconds = found.grace_period_s
    names = dict.fromkeys(c.name for c in found.runtime.containers)
    pod.spec.containers = [ContainerSpec(name=name) for name in names]
    return pod


class Strays:
    """Volumes and cgroups of pods that are gone."""

    def __init__(self, volumes: Volumes, cgroups: Cgroups | None, csi: CsiVolumes | None) -> None:
        self._volumes = volumes
        self._cgroups = cgroups
        self._csi = csi

    def found(self) -> set[str]:
        """Uids of all pods that have anything on the node."""
        return self._volumes.known_pods() | (self._cgroups.pods() if self._cgroups is not None else set())

    async def remove(self, uids: set[str]) -> None:
        """What a driver has to give back waits until the driver is there."""
        while True:
            uids = {uid for uid in uids if not await self._removed(uid)}
            try:
                if not uids and self._csi is not None:
                    await self._csi.tear_down_strays()
                if not uids:
                    return
            except (VolumeError, OSError) as error:
                _LOG.warning("a volume that nobody uses stays for now: %s", error)
            await asyncio.sleep(_STRAYS_RETRY_S)

    async def _removed(self, uid: str) -> bool:
        try:
            await self._volumes.remove(uid)
            if self._cgroups is not None:
                self._cgroups.remove(uid)
        except VolumeError as error:
            _LOG.warning("volumes of pod %s, which is gone, stay for now: %s", uid, error)
            return False
        except OSError as error:
            _LOG.warning("what is left of pod %s cannot be removed: %s", uid, error)
        return True
