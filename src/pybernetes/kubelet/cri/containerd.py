"""What only containerd's own services tell and do, asked at the socket at which it serves the CRI.

Source: containerd's api/services/{containers,tasks}/v1.
"""

from __future__ import annotations

import signal

from pybernetes.apimachinery.protobuf.varint import varint
from pybernetes.kubelet.cri.client import CriClient, CriError

NAMESPACE = "k8s.io"
_SERVICES = "/containerd.services"
_TIMEOUT_S = 10.0


async def has_container(cri: CriClient, container_id: str) -> bool:
    """Whether containerd knows a container of that id, whoever made it. Raises CriError."""
    return await _found(cri, "containers.v1.Containers/Get", container_id)


async def end_task(cri: CriClient, container_id: str) -> None:
    """Kills a container's task and takes it away, whatever the CRI thinks of it. Raises CriError."""
    kill = b"\x18" + varint(signal.SIGKILL)
    for method, more in (("Kill", kill), ("Wait", b""), ("Delete", b"")):
        await _found(cri, f"tasks.v1.Tasks/{method}", container_id, more)


async def _found(cri: CriClient, method: str, container_id: str, more: bytes = b"") -> bool:
    """Whether there was what was asked for. Raises CriError."""
    call = cri.channel.unary_unary(f"{_SERVICES}.{method}", request_serializer=bytes, response_deserializer=bytes)
    request = b"\x0a" + varint(len(container_id)) + container_id.encode() + more
    try:
        await call(request, metadata=(("containerd-namespace", NAMESPACE),), timeout=_TIMEOUT_S)
    except Exception as failure:
        error = cri.error_of(failure)
        if not isinstance(error, CriError) or not error.not_found:
            raise error or failure from None
        return False
    return True
