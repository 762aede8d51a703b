"""The strategy and the storage of custom resources.

Source: apiextensions-apiserver/pkg/registry/customresource/{strategy,status_strategy,etcd,validator}.go,
pkg/registry/customresource/tableconvertor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import orjson

from pybernetes.api.autoscaling.v1 import Scale, ScaleSpec, ScaleStatus
from pybernetes.api.meta.v1 import ObjectMeta, StatusCause
from pybernetes.apimachinery import errors, names
from pybernetes.apimachinery.field_errors import FieldError, Path, quoted
from pybernetes.apimachinery.times import parse_time
from pybernetes.apimachinery.trees import equal, go_text, go_type
from pybernetes.apiserver.crd import json_path, structural
from pybernetes.apiserver.crd.tree_codec import CustomObject, TreeCodec
from pybernetes.apiserver.registry.generic import keys, object_meta
from pybernetes.apiserver.registry.generic.interface import (
    Body,
    Column,
    Deleted,
    DeleteOptions,
    ListOptions,
    ListResult,
    PatchType,
    RequestContext,
    Written,
)
from pybernetes.apiserver.registry.generic.metadata_checks import STANDARD_FINALIZERS
from pybernetes.apiserver.registry.generic.storage import Storage
from pybernetes.apiserver.registry.generic.strategy import Finish, Strategy, nothing_to_finish
from pybernetes.apiserver.registry.generic.subresources import UNSET_REPLICAS, ScaleSubresource, SubresourceBase
from pybernetes.apiserver.registry.generic.table import human_duration
from pybernetes.apiserver.registry.generic.writing import Current

if TYPE_CHECKING:
    from pybernetes.apiserver.crd.kinds import CustomKind, CustomVersion
    from pybernetes.apiserver.registry.generic.registry import Registry

_MAX_REPLICAS = 2**31 - 1
_BLOCKING = (
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
)


class CustomResourceStrategy(Strategy):
    finalizer_domains = False
    allow_unconditional_update = False
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}

    def __init__(self, registry: Registry, kind: CustomKind, version: CustomVersion) -> None:
        super().__init__(version.resource, registry)
        self._kind = kind
        self._version = version
        self._selectable = kind.selectable()
        self.extra_fields = frozenset(self._selectable)  # type: ignore[misc]

    # -- create and update -------------------------------------------------------------------------

    def default(self, obj: CustomObject) -> None:
        structural.default(obj.content, self._version.structural)

    async def begin_create(self, ctx: RequestContext, obj: CustomObject) -> Finish:
        if self._kind.terminating:
            why = "create not allowed while custom resource definition is terminating"
            raise errors.Forbidden(
                f'{self.resource.qualified} "{obj.metadata.name or ""}" is forbidden: {why}',
                group=self.resource.group,
                kind=self.resource.plural,
                name=obj.metadata.name or "",
            )
        return nothing_to_finish

    def prepare_for_create(self, ctx: RequestContext, obj: CustomObject) -> None:
        if self.has_status:
            obj.content.pop("status", None)
            self.default(obj)  # a status of its own making goes, that of the schema comes
        obj.metadata.generation = 1

    def prepare_for_update(self, ctx: RequestContext, obj: CustomObject, old: CustomObject) -> None:
        if self.has_status:
            obj.content.pop("status", None)
            if "status" in old.content:
                obj.content["status"] = old.content["status"]
        if not equal(obj.content, old.content):
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def prepare_for_status_update(self, ctx: RequestContext, obj: CustomObject, old: CustomObject) -> None:
        content = {name: value for name, value in old.content.items() if name != "status"}
        if "status" in obj.content:
            content["status"] = obj.content["status"]
        obj.content = content
        meta = msgspec.structs.replace(old.metadata)
        meta.managedFields = obj.metadata.managedFields
        meta.resourceVersion = obj.metadata.resourceVersion
        obj.metadata = meta

    # -- validation ----------------------------------------------------------------------------------

    def validate(self, obj: CustomObject) -> list[FieldError]:
        return self._validate(obj, None)

    def validate_update(self, obj: CustomObject, old: CustomObject) -> list[FieldError]:
        return self._validate(obj, old)

    def warnings(self, obj: CustomObject, old: CustomObject | None) -> list[str]:
        before = old.metadata.finalizers if old is not None else ()
        return [text for name in sorted({*obj.metadata.finalizers}.difference(before)) for text in _of_finalizer(name)]

    def validate_status_update(self, obj: CustomObject, old: CustomObject) -> list[FieldError]:
        return self._validate(obj, old)

    def _validate(self, obj: CustomObject, old: CustomObject | None) -> list[FieldError]:
        version = self._version
        if version.schema_tree is None:
            return self._scale_errors(obj)
        from pybernetes.apiserver.crd import validation

        tree = obj.tree()
        before = validation.ABSENT if old is None else old.tree()
        found: list[FieldError] = version.validator.validate(tree, "", before)
        found += self._scale_errors(obj)
        schema = version.structural
        found += structural.validate_embedded(obj.content, schema, Path())
        repeated = validation.duplicates(obj.content, schema, Path())
        if repeated and (old is None or not validation.duplicates(old.content, schema, Path())):
            found += repeated
        if version.rules is not None:
            if any(error.type in _BLOCKING for error in found):
                found.append(
                    FieldError.invalid(
                        Path("<nil>"),
                        None,
                        "some validation rules were not checked because the object was invalid; "
                        "correct the existing errors to complete validation",
                    )
                )
            else:
                found += version.rules.validate(tree, None if old is None else before)
        return found

    def _scale_errors(self, obj: CustomObject) -> list[FieldError]:
        scale = self._version.scale
        if scale is None:
            return []
        found = []
        for path in (scale.specReplicasPath, scale.statusReplicasPath):
            at = Path(path)
            value: Any = obj.content
            left = list(json_path.simple_path(path))
            while left and isinstance(value, dict):
                value = value.get(left.pop(0))
            if value is None:
                continue
            if left or isinstance(value, bool) or not isinstance(value, int):
                wanted = "map[string]interface{}" if left else "int64"
                why = f"{path} accessor error: {go_text(value)} is of the type {go_type(value)}, expected {wanted}"
                found.append(FieldError.invalid(at, 0, why))
                continue
            if value < 0:
                found.append(FieldError.invalid(at, value, "should be a non-negative integer"))
            elif value > _MAX_REPLICAS:
                found.append(FieldError.invalid(at, value, f"should be less than or equal to {_MAX_REPLICAS}"))
        return found

    # -- reading -------------------------------------------------------------------------------------

    def fields(self, obj: CustomObject) -> dict[str, str]:
        return {name: _field_text(json_path.lookup(obj.content, path)) for name, path in self._selectable.items()}

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"scale": CustomScale} if self._version.scale is not None else {}

    @property
    def version(self) -> CustomVersion:
        return self._version

    @property
    def kind(self) -> CustomKind:
        return self._kind


def _of_finalizer(name: str) -> Iterator[str]:
    """What is to be said of a finalizer's name. Source: pkg/registry/customresource/validator.go."""
    at = f"{object_meta.METADATA.child('finalizers')}: {quoted(name)}: "
    for problem in names.qualified_name(name):
        yield at + problem
    if "/" not in name and name not in STANDARD_FINALIZERS:
        wanted = "finalizer name including a path (/)" if "." in name else "finalizer name"
        why = "to avoid accidental conflicts with other finalizer writers"
        yield f"{at}prefer a domain-qualified {wanted} {why}"


def _field_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


class CustomStorage(Storage):
    """Columns by JSONPath, and the warning of a deprecated version; all else is every resource's."""

    strategy: CustomResourceStrategy

    def __init__(self, registry: Registry, strategy: CustomResourceStrategy, codec: TreeCodec, prefix: str) -> None:
        super().__init__(registry, strategy, codec, prefix)
        selectable = {field.jsonPath.removeprefix(".") for field in strategy.version.spec.selectableFields}
        for other in strategy.extra_fields - selectable:
            del self._selectable[other]

    async def current(self, key: str) -> Current | None:
        """With the defaults of now, so that nobody comes to own those by writing something else."""
        found = await super().current(key)
        assert isinstance(self.codec, TreeCodec)
        if found is None or not self.codec.renews:
            return found
        return Current(self.codec.serve(found.served), found.revision, found.served)

    @property
    def columns(self) -> Sequence[Column]:
        return [column for column, _ in self.strategy.version.columns]

    def row(self, value: bytes, now: float) -> list[Any]:
        tree = orjson.loads(value)
        cells: list[Any] = []
        for column, find in self.strategy.version.columns:
            if find is None:
                cells.append(tree["metadata"].get("name", ""))
            else:
                cells.append(_cell(find(tree), column.type, now))
        return cells

    def _warn(self, ctx: RequestContext) -> None:
        warning = self.strategy.version.deprecation
        if warning and warning not in ctx.warnings:
            ctx.warnings.append(warning)

    async def get(self, ctx: RequestContext, resource_version: str = "") -> bytes:
        self._warn(ctx)
        return await super().get(ctx, resource_version)

    async def list(self, ctx: RequestContext, options: ListOptions) -> ListResult:
        self._warn(ctx)
        return await super().list(ctx, options)

    async def watch(self, ctx: RequestContext, options: ListOptions) -> Any:
        self._warn(ctx)
        return await super().watch(ctx, options)

    async def create(self, ctx: RequestContext, body: Body) -> Written:
        self._warn(ctx)
        return await super().create(ctx, body)

    async def update(self, ctx: RequestContext, body: Body) -> Written:
        self._warn(ctx)
        return await super().update(ctx, body)

    async def patch(self, ctx: RequestContext, patch_type: PatchType, body: Body) -> Written:
        self._warn(ctx)
        return await super().patch(ctx, patch_type, body)

    async def delete(self, ctx: RequestContext, options: DeleteOptions) -> Deleted:
        self._warn(ctx)
        return await super().delete(ctx, options)


def _cell(values: list[Any], kind: str, now: float) -> Any:
    """What a column shows of the values at its path."""
    if not values:
        return None
    value = values[0]
    match kind:
        case "integer":
            return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "number":
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date":
            try:
                return human_duration(now - parse_time(value))
            except (ValueError, TypeError):
                return "<invalid>"
    return value if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    return "" if value is None else orjson.dumps(value).decode()


class CustomScale(ScaleSubresource):
    """Replicas at the paths that the definition names."""

    @property
    def _paths(self) -> Any:
        strategy = self.storage.strategy
        assert isinstance(strategy, CustomResourceStrategy)
        assert strategy.version.scale is not None
        return strategy.version.scale

    @property
    def replicas_path(self) -> Sequence[str]:
        return json_path.simple_path(self._paths.specReplicasPath)

    def _patchable(self, served: bytes) -> bytes:
        return self._made(served, unset=UNSET_REPLICAS)

    def set_replicas(self, obj: CustomObject, replicas: int) -> None:
        json_path.put(obj.content, json_path.simple_path(self._paths.specReplicasPath), replicas)

    def _scale(self, served: bytes) -> bytes:
        return self._made(served, unset=None)

    def _made(self, served: bytes, unset: int | None) -> bytes:
        """The Scale of an object; `unset` are the replicas of one that has none, None refuses it."""
        obj = self.storage.codec.decode_served(served)
        paths = self._paths
        replicas = json_path.lookup(obj.content, json_path.simple_path(paths.specReplicasPath))
        if not isinstance(replicas, int):
            replicas = unset
        if replicas is None:
            why = f'the spec replicas field "{paths.specReplicasPath}" does not exist'
            raise errors.InternalError(f"Internal error occurred: {why}", causes=[StatusCause(message=why)])
        current = json_path.lookup(obj.content, json_path.simple_path(paths.statusReplicasPath))
        selector = None
        if paths.labelSelectorPath:
            selector = json_path.lookup(obj.content, json_path.simple_path(paths.labelSelectorPath))
        meta = obj.metadata
        scale = Scale(
            metadata=ObjectMeta(
                name=meta.name,
                namespace=meta.namespace,
                uid=meta.uid,
                resourceVersion=meta.resourceVersion,
                creationTimestamp=meta.creationTimestamp,
            ),
            spec=ScaleSpec(replicas=replicas or None),
            status=ScaleStatus(
                replicas=current if isinstance(current, int) else 0,
                selector=selector if isinstance(selector, str) and selector else None,
            ),
        )
        return msgspec.json.encode(scale)


def storages(registry: Registry, kind: CustomKind) -> list[CustomStorage]:
    """A storage for every version of a kind, served or not."""
    made: list[CustomStorage] = []
    if kind.webhook:
        from pybernetes.apiserver.crd.converting import Converter, ConvertingStorage

        converter = Converter(registry, kind)
    for version in kind.versions.values():
        strategy = CustomResourceStrategy(registry, kind, version)
        if kind.webhook:
            codec = TreeCodec(version.resource, version.resource, version, pristine=True)
            made.append(ConvertingStorage(registry, strategy, codec, keys.prefix(kind.stored), converter))
            continue
        codec = TreeCodec(version.resource, kind.stored, version, pristine=kind.pristine)
        made.append(CustomStorage(registry, strategy, codec, keys.prefix(kind.stored)))
    return made
