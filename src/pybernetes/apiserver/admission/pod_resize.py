"""PodResizeValidator: a running Pod cannot be resized to more than its node has, nor on a node that is not Linux.

Source: plugin/pkg/admission/podresize/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import StatusCause
from pybernetes.apimachinery import pod_resources, quantity
from pybernetes.apimachinery.errors import Forbidden
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin


class PodResizeValidator(Plugin):
    name = "PodResizeValidator"
    operations: ClassVar[frozenset[Operation]] = frozenset({"UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "pods", "resize")})
    validates = True

    async def validate(self, attributes: Attributes) -> None:
        pod, old = attributes.object, attributes.old_object
        if not pod.spec.nodeName or pod.metadata.generation == old.metadata.generation:
            return
        node = await self.reader.read(core.Node, pod.spec.nodeName)
        if node is None:
            raise attributes.forbidden(f'node "{pod.spec.nodeName}" not found')
        system = node.metadata.labels.get("kubernetes.io/os", "linux")
        if system != "linux":
            why = f'pod resize is only supported on linux nodes, node "{node.metadata.name}" is "{system}"'
            raise _because(attributes.forbidden(why), "UnsupportedPlatform")
        lacking = _lacking(pod, node.status.allocatable)
        if lacking:
            why = f"node didn't have enough allocatable resources: {'; '.join(lacking)}"
            raise _because(attributes.forbidden(why), "NodeCapacity")


def _lacking(pod: core.Pod, allocatable: dict[str, str]) -> list[str]:
    requests = pod_resources.total(pod.spec, "requests")
    found = []
    for name, scale in (("cpu", quantity.milli), ("memory", quantity.value)):
        asked, there = scale(requests.get(name, "0")), scale(allocatable.get(name, "0"))
        if asked > there:
            found.append(f"{name}, requested: {asked}, allocatable: {there}")
    return found


def _because(error: Forbidden, cause: str) -> Forbidden:
    error.details.causes.append(StatusCause(reason=cause))
    return error
