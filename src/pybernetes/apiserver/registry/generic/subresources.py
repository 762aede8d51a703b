"""Subresources that read and write the main object: status, and scale over any kind with replicas.

Source: pkg/registry/*/*/storage/storage.go (StatusREST, ScaleREST).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import orjson

from pybernetes.api.autoscaling.v1 import Scale, ScaleSpec, ScaleStatus
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors, managed_fields
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.patience import patiently
from pybernetes.apimachinery.schema import schema_of
from pybernetes.apimachinery.scheme import GroupVersionKind
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.apiserver.registry.generic import object_meta, patching, scale_owners
from pybernetes.apiserver.registry.generic.interface import Body, PatchType, RequestContext, Written
from pybernetes.apiserver.registry.generic.managed import Entries, manager_of
from pybernetes.apiserver.registry.generic.writing import Current, UpdateRules

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage

_T = TypeVar("_T", bound=msgspec.Struct)
SCALE = GroupVersionKind("autoscaling", "v1", "Scale")
UNSET_REPLICAS = -(2**31)
"""The replicas, while they are patched, of an object that has none."""


class SubresourceBase:
    """Refuses every verb; a subresource overrides those it has."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    async def read(self, ctx: RequestContext, body: Body, cls: type[_T]) -> _T:
        """A body of a kind of the subresource's own. Raises BadRequest."""
        found: _T = await patiently(self.storage.codec.read, ctx, body, cls, size=ctx.size)
        return found

    def _refused(self, ctx: RequestContext, verb: str) -> errors.MethodNotAllowed:
        resource = ctx.resource
        return errors.MethodNotAllowed(
            f'{verb} is not supported on resources of kind "{resource.qualified}"',
            group=resource.group,
            kind=resource.plural,
        )

    async def get(self, ctx: RequestContext) -> bytes:
        raise self._refused(ctx, "get")

    async def create(self, ctx: RequestContext, body: Body) -> Written:
        raise self._refused(ctx, "create")

    async def update(self, ctx: RequestContext, body: Body) -> Written:
        raise self._refused(ctx, "update")

    async def patch(self, ctx: RequestContext, patch_type: PatchType, body: Body) -> Written:
        raise self._refused(ctx, "patch")


class ViewSubresource(SubresourceBase):
    """The main object again, with other rules for what an update may touch."""

    def __init__(self, storage: Storage, rules: UpdateRules) -> None:
        super().__init__(storage)
        self.rules = rules

    async def get(self, ctx: RequestContext) -> bytes:
        return await self.storage.get(ctx)

    async def update(self, ctx: RequestContext, body: Body) -> Written:
        return await self.storage.put(ctx, body, self.rules)

    async def patch(self, ctx: RequestContext, patch_type: PatchType, body: Body) -> Written:
        return await patching.patch(self.storage, ctx, patch_type, body, self.rules)


class StatusSubresource(ViewSubresource):
    def __init__(self, storage: Storage) -> None:
        strategy = storage.strategy
        super().__init__(storage, UpdateRules(strategy.prepare_for_status_update, strategy.validate_status_update))


def reset_meta_for_status(meta: ObjectMeta, old: ObjectMeta) -> None:
    """For status writes of the kinds that keep all metadata but managedFields.

    Source: apimachinery/pkg/apis/meta/v1/meta.go ResetObjectMetaForStatus.
    """
    meta.deletionTimestamp = old.deletionTimestamp
    meta.generation = old.generation
    meta.selfLink = old.selfLink
    meta.labels = old.labels
    meta.annotations = old.annotations
    meta.finalizers = old.finalizers
    meta.ownerReferences = old.ownerReferences


class ScaleSubresource(SubresourceBase):
    """spec.replicas of a workload as autoscaling/v1 Scale."""

    async def get(self, ctx: RequestContext) -> bytes:
        return self._scale(await self.storage.get(ctx))

    async def update(self, ctx: RequestContext, body: Body) -> Written:
        scale = await self.read(ctx, body, Scale)
        return await self._write(ctx, lambda current: self._updated(ctx, scale, current))

    async def patch(self, ctx: RequestContext, patch_type: PatchType, body: Body) -> Written:
        if patch_type == "apply":
            return await self._write(ctx, await patiently(self._applied, ctx, body, size=ctx.size))

        patching.refuse_strategic(self.storage, patch_type)

        def patched(current: bytes) -> Scale:
            tree = patching.tree_patch(patch_type, patching.parsed(body), Scale)(orjson.loads(self._patchable(current)))
            try:
                obj: Scale = self.storage.codec.read(ctx, tree, Scale)
            except errors.BadRequest as error:
                raise patching.invalid_patch(tree, error) from None
            return self._updated(ctx, obj, current)

        return await self._write(ctx, patched)

    def _live(self, current: bytes) -> dict[str, Any]:
        """The Scale that is written to, whose managers are those of the object's replicas."""
        live: dict[str, Any] = orjson.loads(self._patchable(current))
        managers = orjson.loads(current)["metadata"].get("managedFields") or []
        live["metadata"]["managedFields"] = scale_owners.of_scale(managers, self.replicas_path)
        return live

    def _updated(self, ctx: RequestContext, scale: Scale, current: bytes) -> Scale:
        new, now = msgspec.to_builtins(scale), self.storage.registry.clock.now()
        who, schema = manager_of(ctx), schema_of(Scale)
        tree = managed_fields.update(self._live(current), new, who, "Update", schema, now, ctx.subresource)
        scale.metadata.managedFields = msgspec.convert(tree["metadata"].get("managedFields", []), Entries)
        return scale

    def _applied(self, ctx: RequestContext, body: Body) -> Callable[[bytes], Scale]:
        """Server-side apply of a Scale."""
        wanted = patching.applied_tree(ctx, body)

        def scale_of(current: bytes) -> Scale:
            live = self._live(current)
            if (wanted.get("apiVersion"), wanted.get("kind")) != (SCALE.api_version, SCALE.kind):
                raise errors.BadRequest(f"invalid object type: {managed_fields.gvk_text(wanted)}")
            schema = schema_of(Scale)
            now = self.storage.registry.clock.now()
            tree = managed_fields.apply(live, wanted, ctx.field_manager, ctx.force, schema, now, ctx.subresource)
            scale: Scale = self.storage.codec.read(ctx, tree, Scale)
            return scale

        return scale_of

    async def _write(self, ctx: RequestContext, scale_of: Callable[[bytes], Scale]) -> Written:
        def transform(old: Any, current: Current) -> Any:
            scale = scale_of(current.served)
            object_meta.match_name(scale.metadata, ctx.name)
            if scale.metadata.uid and scale.metadata.uid != old.metadata.uid:
                why = (
                    f"the UID in the precondition ({scale.metadata.uid}) does not match the UID in record "
                    f"({old.metadata.uid})"
                )
                raise errors.conflict(ctx.resource.group, ctx.resource.plural, ctx.name, why)
            replicas = (scale.spec.replicas if scale.spec else None) or 0
            if replicas == UNSET_REPLICAS:
                at_path = ".".join(self.replicas_path)
                raise errors.BadRequest(f'the spec replicas field ".{at_path}" cannot be empty')
            if replicas < 0 and not ctx.resource.custom:  # those have their schema
                at = Path("spec").child("replicas")
                why_not = FieldError.invalid(at, replicas, "must be greater than or equal to 0")
                raise invalid(SCALE, ctx.name, [why_not])
            obj = self.storage.codec.decode(current.served)
            if scale.metadata.resourceVersion:
                obj.metadata.resourceVersion = scale.metadata.resourceVersion
            self.set_replicas(obj, replicas)
            self._own(obj, scale)
            return obj

        served, _ = await self.storage.replace(ctx, transform, self.storage.rules)
        return Written(self._scale(served))

    def _own(self, obj: Any, scale: Scale) -> None:
        before, after = (msgspec.to_builtins(of.metadata.managedFields) for of in (obj, scale))
        found = scale_owners.of_parent(before, after, self.replicas_path, self.storage.resource.api_version)
        obj.metadata.managedFields = msgspec.convert(found, Entries)

    @property
    def replicas_path(self) -> Sequence[str]:
        """Where the object has its replicas."""
        return ("spec", "replicas")

    def set_replicas(self, obj: Any, replicas: int) -> None:
        obj.spec.replicas = replicas

    def _patchable(self, served: bytes) -> bytes:
        """The Scale that a patch starts from."""
        return self._scale(served)

    def _scale(self, served: bytes) -> bytes:
        obj = self.storage.codec.decode_served(served)
        meta = obj.metadata
        selector = obj.spec.selector
        text = (
            str(LabelSelector.of(selector)) if not isinstance(selector, dict) else str(LabelSelector.of_set(selector))
        )
        replicas = obj.spec.replicas
        scale = Scale(
            metadata=ObjectMeta(
                name=meta.name,
                namespace=meta.namespace,
                uid=meta.uid,
                resourceVersion=meta.resourceVersion,
                creationTimestamp=meta.creationTimestamp,
            ),
            spec=ScaleSpec(replicas=replicas or None),
            status=ScaleStatus(replicas=obj.status.replicas or 0, selector=text or None),
        )
        return msgspec.json.encode(scale)
