"""Creates Pods from a template and deletes them, with the events users know.

Source: pkg/controller/controller_utils.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pybernetes.api.core.v1 import Pod, PodTemplateSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.objects import KubernetesObject
from pybernetes.controllers.runtime.owners import controller_reference

_LONGEST_NAME = 253


def pod_from_template(template: PodTemplateSpec, owner: KubernetesObject) -> Pod:
    """A Pod to create: the template's labels, annotations, finalizers and a copy of its spec, controlled by `owner`."""
    prefix = f"{owner.metadata.name}-"
    meta = template.metadata
    return Pod(
        metadata=ObjectMeta(
            generateName=prefix if len(prefix) <= _LONGEST_NAME else owner.metadata.name,
            namespace=owner.metadata.namespace,
            labels=dict(meta.labels) if meta else {},
            annotations=dict(meta.annotations) if meta else {},
            finalizers=list(meta.finalizers) if meta else [],
            ownerReferences=[controller_reference(owner)],
        ),
        spec=fresh(template.spec),
    )


def is_namespace_terminating(error: errors.StatusError) -> bool:
    return any(c.reason == "NamespaceTerminating" for c in error.details.causes)


class PodControl:
    def __init__(self, client: Client, recorder: EventRecorder) -> None:
        self._client = client
        self._recorder = recorder

    async def create(self, pod: Pod, owner: KubernetesObject) -> Pod:
        """The Pod that was made, for reading alone."""
        try:
            made = await self._client.create(pod, read_only=True)
        except errors.StatusError as error:
            if not is_namespace_terminating(error):
                self._recorder.event(owner, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {made.metadata.name}")
        return made

    async def delete(self, pod: Pod, owner: KubernetesObject) -> None:
        """Raises NotFound when it is already gone."""
        name = pod.metadata.name or ""
        try:
            await self._client.delete(Pod, name, pod.metadata.namespace or "")
        except errors.NotFound:
            raise
        except errors.StatusError as error:
            self._recorder.event(owner, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")


async def slow_start(
    count: int, call: Callable[[int], Awaitable[object]], first_batch: int = 1
) -> tuple[int, Exception | None]:
    """Calls `call(0..count-1)` in batches of 1, 2, 4, …; a batch with a failure is the last.

    Returns how many succeeded and the first failure. So a quota that refuses every Pod is asked a few
    times, not a thousand times.
    """
    done = 0
    successes = 0
    size = min(count, first_batch)
    while size > 0:
        results = await asyncio.gather(*(call(done + i) for i in range(size)), return_exceptions=True)
        failures = [r for r in results if isinstance(r, BaseException)]
        successes += size - len(failures)
        for failure in failures:
            if not isinstance(failure, Exception):
                raise failure
            return successes, failure
        done += size
        size = min(2 * size, count - done)
    return successes, None
