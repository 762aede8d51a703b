"""What only containerd's own services tell and do, asked at the socket at which it serves the CRI.

Source: containerd's api/services/{containers,tasks,snapshots}/v1.
"""

from __future__ import annotations

import signal
from typing import Any

from pybernetes.http.grpc_client import Metadata
from pybernetes.kubelet.cri.client import CriClient, CriError

NAMESPACE = "k8s.io"
IN_NAMESPACE: Metadata = (("containerd-namespace", NAMESPACE),)
_SERVICES = "/containerd.services"
_TIMEOUT_S = 10.0


async def container_labels(cri: CriClient, container_id: str) -> dict[str, str] | None:
    """Those of a container, whoever made it; None where there is none. Raises CriError."""
    request, response = _pb().GetContainerRequest(id=container_id), _pb().GetContainerResponse
    try:
        answer = await cri.unary(
            f"{_SERVICES}.containers.v1.Containers/Get", request, response, _TIMEOUT_S, metadata=IN_NAMESPACE
        )
    except CriError as error:
        if not error.not_found:
            raise
        return None
    return dict(answer.container.labels)


async def remove_container(cri: CriClient, container_id: str) -> None:
    """What containerd has written down of it; its task and its snapshot are others. Raises CriError."""
    await _found(cri, "containers.v1.Containers/Delete", _pb().GetContainerRequest(id=container_id))


async def end_task(cri: CriClient, container_id: str) -> None:
    """Kills a container's task and takes it away, whatever the CRI thinks of it. Raises CriError."""
    kill = _pb().TaskRequest(container_id=container_id, signal=signal.SIGKILL)
    task = _pb().TaskRequest(container_id=container_id)
    for method, request in (("Kill", kill), ("Wait", task), ("Delete", task)):
        await _found(cri, f"tasks.v1.Tasks/{method}", request)


async def writable_snapshots(cri: CriClient, snapshotter: str) -> dict[str, float]:
    """When each was made, by key; layers of images are none of them. Raises CriError."""
    request = _pb().ListSnapshotsRequest(snapshotter=snapshotter, filters=["kind==active"])
    path = f"{_SERVICES}.snapshots.v1.Snapshots/List"
    pages = cri.stream(path, request, _pb().ListSnapshotsResponse, metadata=IN_NAMESPACE)
    return {
        each.name: each.created_at.seconds + each.created_at.nanos / 1e9 async for page in pages for each in page.info
    }


async def remove_snapshot(cri: CriClient, snapshotter: str, key: str) -> None:
    """Also one that is gone. Raises CriError."""
    request = _pb().RemoveSnapshotRequest(snapshotter=snapshotter, key=key)
    await _found(cri, "snapshots.v1.Snapshots/Remove", request)


async def _found(cri: CriClient, method: str, request: Any) -> bool:
    """Whether there was what was asked for. Raises CriError."""
    try:
        await cri.unary(f"{_SERVICES}.{method}", request, _pb().Done, _TIMEOUT_S, metadata=IN_NAMESPACE)
    except CriError as error:
        if not error.not_found:
            raise
        return False
    return True


def _pb() -> Any:
    """The messages; imported when the first is made."""
    from pybernetes.kubelet.cri import containerd_services_pb2

    return containerd_services_pb2
