"""Subresources of Pods: binding, ephemeralcontainers, resize.

Source: pkg/registry/core/pod/storage/storage.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import Status
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.registry.core.pods import validation
from pybernetes.apiserver.registry.core.pods.strategy import scheduled_condition
from pybernetes.apiserver.registry.generic.interface import Body, RequestContext, Written
from pybernetes.apiserver.registry.generic.object_meta import match_namespace
from pybernetes.apiserver.registry.generic.subresources import SubresourceBase, ViewSubresource, reset_meta_for_status
from pybernetes.apiserver.registry.generic.writing import OWN_WRITE, Current, UpdateRules

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage


class BindingSubresource(SubresourceBase):
    """POST a Binding: gives the Pod its node, once."""

    async def create(self, ctx: RequestContext, body: Body) -> Written:
        binding = await self.read(ctx, body, core.Binding)
        if not binding.metadata.name:
            binding.metadata.name = ctx.name
        match_namespace(binding.metadata, ctx.namespace)
        if binding.metadata.name != ctx.name:
            raise errors.BadRequest("name in URL does not match name in Binding object")
        await self.storage.registry.admission.admit(Attributes(ctx, "CREATE", binding))
        _check_binding(binding)
        await self.storage.registry.admission.validate(Attributes(ctx, "CREATE", binding))
        registry = self.storage.registry

        def transform(old: core.Pod, current: Current) -> core.Pod:
            pod: core.Pod = self.storage.codec.decode(current.served)
            if pod.metadata.deletionTimestamp is not None:
                raise _conflict(ctx, f"pod {pod.metadata.name} is being deleted, cannot be assigned to a host")
            if binding.metadata.uid and binding.metadata.uid != pod.metadata.uid:
                raise _conflict(
                    ctx,
                    f"Precondition failed: UID in precondition: {binding.metadata.uid}, "
                    f"UID in object meta: {pod.metadata.uid}",
                )
            if pod.spec.nodeName:
                raise _conflict(ctx, f'pod {pod.metadata.name} is already assigned to node "{pod.spec.nodeName}"')
            if pod.spec.schedulingGates:
                raise _conflict(ctx, f"pod {pod.metadata.name} has non-empty .spec.schedulingGates")
            pod.spec.nodeName = binding.target.name
            pod.status.nominatedNodeName = None
            pod.metadata.annotations.update(binding.metadata.annotations)
            for key, value in binding.metadata.labels.items():
                pod.metadata.labels.setdefault(key, value)
            scheduled_condition(pod, registry.clock.now())
            return pod

        await self.storage.replace(ctx, transform, OWN_WRITE)
        return Written(msgspec.json.encode(Status(status="Success", code=201)), created=True)


def _check_binding(binding: core.Binding) -> None:
    found = []
    if binding.target.kind not in (None, "", "Node"):
        at = Path("target").child("kind")
        found.append(FieldError.not_supported(at, binding.target.kind, ("Node", "<empty>")))
    if not binding.target.name:
        found.append(FieldError.required(Path("target").child("name"), ""))
    if found:
        raise invalid(("", "Binding"), binding.metadata.name or "", found)


def _conflict(ctx: RequestContext, why: str) -> errors.Conflict:
    error = errors.conflict("", "pods/binding", ctx.name, why)
    error.details.kind = "pods"
    return error


class EphemeralContainersSubresource(ViewSubresource):
    """Adds ephemeral containers, and changes nothing else."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, UpdateRules(_only_ephemeral, validation.validate_ephemeral_containers_update))


def _only_ephemeral(ctx: RequestContext, obj: core.Pod, old: core.Pod) -> None:
    ephemeral = obj.spec.ephemeralContainers
    obj.spec = msgspec.structs.replace(old.spec, ephemeralContainers=ephemeral)
    obj.status = old.status
    reset_meta_for_status(obj.metadata, old.metadata)
    if obj.spec != old.spec:
        obj.metadata.generation = (old.metadata.generation or 0) + 1


class ResizeSubresource(ViewSubresource):
    """Changes resources and resizePolicy of containers, and nothing else."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, UpdateRules(_only_resources, _validate_resize))


def _only_resources(ctx: RequestContext, obj: core.Pod, old: core.Pod) -> None:
    new = obj.spec
    lists: dict[str, list[core.Container]] = {}
    for name in ("containers", "initContainers"):
        wanted, before = getattr(new, name), getattr(old.spec, name)
        if [c.name for c in wanted] != [c.name for c in before]:
            # Left as it is; validation says that containers may not be added, removed or renamed.
            lists[name] = wanted
            continue
        lists[name] = [
            msgspec.structs.replace(o, resources=c.resources, resizePolicy=c.resizePolicy)
            for c, o in zip(wanted, before, strict=True)
        ]
    obj.spec = msgspec.structs.replace(
        old.spec, containers=lists["containers"], initContainers=lists["initContainers"], resources=new.resources
    )
    obj.status = old.status
    reset_meta_for_status(obj.metadata, old.metadata)
    if obj.spec != old.spec:
        obj.metadata.generation = (old.metadata.generation or 0) + 1


def _validate_resize(obj: core.Pod, old: core.Pod) -> list[FieldError]:
    from pybernetes.apiserver.registry.core.pods.resizing import validate_resize

    return validate_resize(obj, old)
