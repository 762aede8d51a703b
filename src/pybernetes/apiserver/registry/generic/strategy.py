"""What one resource adds to the generic pipeline: defaults, validation, what each verb may touch, columns.

A strategy works on the Struct of the storage version, in place, without I/O; hooks that need other
objects or an allocator are the `begin_*` ones. The base class is a complete strategy: a resource
without one of its own is served with it.
Source: apiserver/pkg/registry/rest/create_update.go, delete.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from pybernetes.apimachinery.names import dns1123_subdomain
from pybernetes.apiserver.registry.generic.interface import Column, DeleteOptions, RequestContext
from pybernetes.apiserver.registry.generic.table import DEFAULT_COLUMNS

if TYPE_CHECKING:
    from pybernetes.apimachinery.field_errors import FieldError
    from pybernetes.apimachinery.scheme import Resource
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.apiserver.registry.generic.storage import Storage
    from pybernetes.apiserver.registry.generic.subresources import SubresourceBase

Finish = Callable[[bool], Awaitable[None]]
"""Called once with True after the write, with False when it did not happen."""


async def nothing_to_finish(success: bool) -> None:
    """The Finish of a hook that holds nothing."""


class Strategy:
    """The defaults of every resource; subclasses override what differs."""

    allow_create_on_update: ClassVar[bool] = False
    allow_unconditional_update: ClassVar[bool] = True
    returns_deleted_object: ClassVar[bool] = False
    """DELETE answers with the object rather than a Status."""
    garbage_collection: ClassVar[Literal["DeleteDependents", "OrphanDependents", "Unsupported"]] = "DeleteDependents"
    orphan_warning: ClassVar[str] = ""
    """Told to who deletes without saying what becomes of dependents."""
    ttl_s: ClassVar[int] = 0
    """Objects vanish this long after their last write; 0: never."""
    generation: ClassVar[bool] = False
    """metadata.generation is 1 at creation and rises when spec changes."""
    finalizer_domains: bool = True
    """Finalizers need a domain, but for the standard ones."""
    metadata_again: Literal["never", "update", "whole"] = "update"
    """How the kind's own validation of an update sees metadata once more: as changed, also as if it were new."""
    reset_fields: ClassVar[Mapping[str, tuple[str, ...]]] = {"": ("status",), "status": ("spec",)}
    """What a write of the main resource ("") or of a subresource cannot set, so that its manager does not own it."""
    columns: ClassVar[Sequence[Column]] = DEFAULT_COLUMNS
    extra_fields: ClassVar[frozenset[str]] = frozenset()
    """Field selectors beside metadata.name and metadata.namespace."""
    field_aliases: ClassVar[dict[str, str]] = {}
    """Old names of fields in selectors."""
    indexes: ClassVar[dict[str, Callable[[bytes], str]]] = {}
    """Fields that the watch cache keeps an index of: from served bytes to the value."""

    def __init__(self, resource: Resource, registry: Registry) -> None:
        self.resource = resource
        self.registry = registry
        self.has_status = any(s.name == "status" for s in resource.subresources)

    # -- names ---------------------------------------------------------------------------------

    def validate_name(self, name: str) -> list[str]:
        """What is wrong with metadata.name; a DNS-1123 subdomain unless overridden."""
        return dns1123_subdomain(name)

    # -- create --------------------------------------------------------------------------------

    def default(self, obj: Any) -> None:
        """Fills in the defaults of the API version; also on objects that a patch made."""

    def prepare_for_create(self, ctx: RequestContext, obj: Any) -> None:
        """Clears what a creator may not set: status, where the resource has a status subresource."""
        if self.has_status:
            obj.status = type(obj.status)()
        if self.generation:
            obj.metadata.generation = 1

    def validate(self, obj: Any) -> list[FieldError]:
        return []

    def warnings(self, obj: Any, old: Any | None) -> list[str]:
        return []

    def canonicalize(self, obj: Any) -> None:
        """Brings a validated object into the one form that is stored."""

    async def begin_create(self, ctx: RequestContext, obj: Any) -> Finish:
        """Takes what the object needs (an address, …) before it is validated."""
        return nothing_to_finish

    # -- update --------------------------------------------------------------------------------

    def prepare_for_update(self, ctx: RequestContext, obj: Any, old: Any) -> None:
        """An update of the main resource keeps the status; generation rises when spec changed."""
        if self.has_status:
            obj.status = old.status
        if self.generation and obj.spec != old.spec:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def validate_update(self, obj: Any, old: Any) -> list[FieldError]:
        return self.validate(obj)

    async def begin_update(self, ctx: RequestContext, obj: Any, old: Any) -> Finish:
        return nothing_to_finish

    # -- status --------------------------------------------------------------------------------

    def prepare_for_status_update(self, ctx: RequestContext, obj: Any, old: Any) -> None:
        """A status update never touches spec; kinds differ in what of metadata it may touch."""
        if hasattr(obj, "spec"):
            obj.spec = old.spec

    def validate_status_update(self, obj: Any, old: Any) -> list[FieldError]:
        return []

    # -- delete --------------------------------------------------------------------------------

    graceful: ClassVar[bool] = False
    """`check_graceful_delete` is asked."""

    def check_graceful_delete(self, obj: Any, options: DeleteOptions) -> bool:
        """True: the object gets a deletionTimestamp and lives on for options.grace_period_s (set here)."""
        return False

    def holds_deletion(self, obj: Any) -> bool:
        """True: a deletion only marks the object, something beside metadata.finalizers holds it (may change obj)."""
        return False

    def should_delete_during_update(self, obj: Any, old: Any) -> bool:
        """A further condition on deleting an object whose last finalizer an update removed."""
        return True

    async def after_delete(self, obj: Any, dry_run: bool) -> None:
        """Frees what the object held."""

    # -- reading -------------------------------------------------------------------------------

    def selectable_fields(self) -> dict[str, str]:
        """What selectors call the fields beside metadata's, and what those are in `fields`."""
        return {name: name for name in self.extra_fields} | self.field_aliases

    selected: ClassVar[type[msgspec.Struct] | None] = None
    """The part of an object that `fields` is given, where that is little; None: all of it."""

    def fields(self, obj: Any) -> dict[str, str]:
        """The values of `extra_fields`; values of absent fields are ""."""
        return {}

    def row(self, obj: Any, now: float) -> list[Any]:
        """One cell a column."""
        return [obj.metadata.name, obj.metadata.creationTimestamp or ""]

    def row_conditions(self, value: bytes) -> list[dict[str, str]]:
        """TableRowConditions of an object's row, from its bytes."""
        return []

    # -- subresources --------------------------------------------------------------------------

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        """Beside status, which every resource that declares it gets."""
        return {}
