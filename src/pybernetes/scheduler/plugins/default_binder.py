"""DefaultBinder: writes the decision through the Pod's `binding` subresource."""

from __future__ import annotations

from pybernetes.api.core.v1 import Binding, ObjectReference, Pod
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.meta.v1 import Status as ApiStatus
from pybernetes.apimachinery.errors import StatusError
from pybernetes.client.client import Client
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.status import SUCCESS, Status, failed


class DefaultBinder:
    name = "DefaultBinder"

    def __init__(self, client: Client) -> None:
        self._client = client

    async def bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        """The uid in the binding makes the server refuse a Pod of the same name that came later."""
        metadata = info.pod.metadata
        binding = Binding(
            metadata=ObjectMeta(name=metadata.name, namespace=metadata.namespace, uid=metadata.uid),
            target=ObjectReference(kind="Node", name=node_name),
        )
        try:
            await self._client.create_subresource(
                Pod, metadata.name or "", metadata.namespace or "", "binding", binding, returns=ApiStatus
            )
        except (StatusError, OSError) as error:
            return failed(error)
        return SUCCESS
