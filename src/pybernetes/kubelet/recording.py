"""Events of the node and its pods for the user; a kubelet without an API logs them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pybernetes.api.core.v1 import Node, ObjectReference, Pod
from pybernetes.client.events import EventRecorder
from pybernetes.kubelet import pod_spec

_LOG = logging.getLogger(__name__)


class Recording:
    def __init__(self, recorder: EventRecorder | None) -> None:
        self._recorder = recorder

    def of_pod(
        self,
        pod: Pod,
        kind: str,
        reason: str,
        message: str,
        container: str = "",
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        if self._recorder is None:
            _LOG.info("%s %s/%s: %s %s", kind, pod.metadata.name, container, reason, message)
            return
        meta = pod.metadata
        reference = ObjectReference(
            apiVersion="v1",
            kind="Pod",
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            resourceVersion=meta.resourceVersion,
            fieldPath=pod_spec.field_path(pod, container) or None if container else None,
        )
        self._recorder.event(reference, kind, reason, message, annotations=annotations)

    def of_node(self, node: Node, kind: str, reason: str, message: str) -> None:
        if self._recorder is not None:
            name = node.metadata.name
            reference = ObjectReference(apiVersion="v1", kind="Node", name=name, uid=name)
            self._recorder.event(reference, kind, reason, message)

    async def flush(self) -> None:
        """Waits until all that was told is in the API."""
        if self._recorder is not None:
            await self._recorder.flush()

    async def stop(self) -> None:
        if self._recorder is not None:
            await self._recorder.stop()
