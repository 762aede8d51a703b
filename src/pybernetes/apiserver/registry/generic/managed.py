"""metadata.managedFields of what is written: who set which field, kept by apimachinery/managed_fields.

Source: apimachinery/pkg/util/managedfields, apiserver/pkg/endpoints/handlers/fieldmanager.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.meta.v1 import ManagedFieldsEntry
from pybernetes.apimachinery import managed_fields
from pybernetes.apimachinery.managed_fields.field_set import FieldSet
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.host.clock import Clock

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.codec import Codec

_MANAGER_LIMIT = 128
_REMEMBERED_BODIES = 8
"""As many as controllers make copies of at a time."""
_REMEMBERED_BYTES = 16 * 1024
Entries = list[ManagedFieldsEntry]


def manager_of(ctx: RequestContext) -> str:
    """?fieldManager=, or what stands before the first slash of the user agent."""
    if ctx.field_manager:
        return ctx.field_manager
    name = ctx.user_agent.partition("/")[0]
    if not name.isprintable():
        name = "".join(filter(str.isprintable, name))
    return name[:_MANAGER_LIMIT] or "unknown"


class Managed:
    def __init__(self, codec: Codec, clock: Clock, reset_fields: Mapping[str, tuple[str, ...]]) -> None:
        self._codec = codec
        self._clock = clock
        self._ignored = reset_fields
        self._first: dict[tuple[bytes, str], FieldSet] = {}
        """What the creator owns of bodies that came last: a controller sends the same one for each of its Pods."""

    def created(self, ctx: RequestContext, obj: Any) -> None:
        """The manager owns all that it created."""
        codec = self._codec
        if obj.metadata.managedFields or codec.conversion is not None:
            self._update(ctx, None, obj)
            return
        fields = self._first_fields(ctx, obj)
        if fields:
            entry = ManagedFieldsEntry(
                apiVersion=codec.resource.api_version,
                fieldsType="FieldsV1",
                fieldsV1=fields,
                manager=manager_of(ctx),
                operation="Update",
                subresource=ctx.subresource or None,
                time=format_time(self._clock.now()),
            )
            obj.metadata.managedFields = [entry]

    def _first_fields(self, ctx: RequestContext, obj: Any) -> FieldSet:
        body = ctx.sent if isinstance(ctx.sent, bytes) and len(ctx.sent) <= _REMEMBERED_BYTES else b""
        if body and (name := obj.metadata.name):
            # Nobody owns the name, and bodies that are the same but for it are so in all else: if it is another text
            # that goes here (a label before the name, say), then the name is still there to tell them apart.
            body = body.replace(f'"{name}"'.encode(), b"\0", 1)
        fields = self._first.get((body, ctx.subresource)) if body else None
        if fields is None:
            codec, ignored = self._codec, self._ignored.get(ctx.subresource, ())
            fields = managed_fields.first_fields(codec.builtins(obj), codec.storage_schema, ignored=ignored)
            if body:
                if len(self._first) >= _REMEMBERED_BODIES:
                    del self._first[next(iter(self._first))]
                self._first[body, ctx.subresource] = fields
        return fields

    def updated(self, ctx: RequestContext, obj: Any, live: bytes) -> None:
        """The manager owns what it changed from `live` (served bytes of the storage version)."""
        self._update(ctx, msgspec.json.decode(live), obj)

    def patched(self, ctx: RequestContext, obj: Any, live: dict[str, Any]) -> None:
        """The same where `live` has been read as a tree, which is used up."""
        self._update(ctx, live, obj)

    def _update(self, ctx: RequestContext, before: dict[str, Any] | None, obj: Any) -> None:
        new = self._codec.builtins(obj)
        new["metadata"].pop("resourceVersion", None)
        schema, conversion = self._codec.storage_schema, self._codec.conversion
        if conversion is not None:  # of another shape: what the client wrote is recorded as the client sees it
            new, schema = conversion.from_storage(new), self._codec.schema
            before = None if before is None else conversion.from_storage(before)
        tree = managed_fields.update(
            before,
            new,
            manager_of(ctx),
            "Update",
            schema,
            self._clock.now(),
            ctx.subresource,
            ignored=self._ignored.get(ctx.subresource, ()),
            api_version=self._codec.resource.api_version,
            convert=self._codec.in_version,
        )
        found = tree["metadata"].get("managedFields") or []
        obj.metadata.managedFields = msgspec.convert(found, Entries)

    def applied(self, ctx: RequestContext, live: dict[str, Any] | None, tree: dict[str, Any]) -> dict[str, Any]:
        """Server-side apply of `tree` (in the served version). Raises Conflict with its causes."""
        return managed_fields.apply(
            live,
            tree,
            ctx.field_manager,
            ctx.force,
            self._codec.schema,
            self._clock.now(),
            ctx.subresource,
            ignored=self._ignored.get(ctx.subresource, ()),
            convert=self._codec.in_version,
        )

    @staticmethod
    def only_times_differ(obj: Any, old: Any) -> bool:
        """Whether both have the same managers with the same fields."""
        new, before = obj.metadata.managedFields, old.metadata.managedFields
        if len(new) != len(before):
            return False
        return all(_without_time(a) == _without_time(b) for a, b in zip(new, before, strict=True))


def _without_time(entry: ManagedFieldsEntry) -> tuple[Any, ...]:
    return entry.manager, entry.operation, entry.subresource, entry.apiVersion, entry.fieldsV1
