"""Namespaces, with the finalize subresource. Source: pkg/registry/core/namespace/{strategy.go,storage/storage.go}."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ViewSubresource
from pybernetes.apiserver.registry.generic.table import age, columns
from pybernetes.apiserver.registry.generic.writing import UpdateRules

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage
    from pybernetes.apiserver.registry.generic.subresources import SubresourceBase

NAME_LABEL = "kubernetes.io/metadata.name"
KUBERNETES = "kubernetes"


class NamespaceStrategy(Strategy):
    metadata_again = "whole"
    returns_deleted_object = True
    columns = columns("Name", "Status", "Age")
    extra_fields = frozenset({"status.phase"})

    def validate_name(self, name: str) -> list[str]:
        return names.dns1123_label(name)

    def default(self, obj: core.Namespace) -> None:
        if obj.metadata.name:
            obj.metadata.labels[NAME_LABEL] = obj.metadata.name
        if not obj.status.phase:
            obj.status.phase = "Active"

    def prepare_for_create(self, ctx: RequestContext, obj: core.Namespace) -> None:
        obj.status = core.NamespaceStatus(phase="Active")
        if KUBERNETES not in obj.spec.finalizers:
            obj.spec.finalizers = [*obj.spec.finalizers, KUBERNETES]

    def canonicalize(self, obj: core.Namespace) -> None:
        # A generated name is only known now.
        obj.metadata.labels[NAME_LABEL] = obj.metadata.name or ""

    def validate(self, obj: core.Namespace) -> list[FieldError]:
        at = Path("spec", "finalizers")
        return [error for finalizer in obj.spec.finalizers for error in _finalizer(finalizer, at)]

    def prepare_for_update(self, ctx: RequestContext, obj: core.Namespace, old: core.Namespace) -> None:
        obj.spec.finalizers = old.spec.finalizers
        obj.status = old.status

    def validate_update(self, obj: core.Namespace, old: core.Namespace) -> list[FieldError]:
        return []

    def validate_status_update(self, obj: core.Namespace, old: core.Namespace) -> list[FieldError]:
        at = Path("status", "Phase")
        if not obj.metadata.deletionTimestamp and obj.status.phase != "Active":
            why = "may only be 'Active' if `deletionTimestamp` is empty"
            return [FieldError.invalid(at, obj.status.phase, why)]
        if obj.metadata.deletionTimestamp and obj.status.phase != "Terminating":
            why = "may only be 'Terminating' if `deletionTimestamp` is not empty"
            return [FieldError.invalid(at, obj.status.phase, why)]
        return []

    def holds_deletion(self, obj: core.Namespace) -> bool:
        """A namespace lives on until its spec.finalizers are gone."""
        obj.status.phase = "Terminating"
        return bool(obj.spec.finalizers)

    def should_delete_during_update(self, obj: core.Namespace, old: core.Namespace) -> bool:
        return not obj.spec.finalizers

    def fields(self, obj: core.Namespace) -> dict[str, str]:
        return {"status.phase": obj.status.phase or ""}

    def row(self, obj: core.Namespace, now: float) -> list[Any]:
        return [obj.metadata.name, obj.status.phase or "", age(obj.metadata.creationTimestamp, now)]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"finalize": lambda storage: ViewSubresource(storage, UpdateRules(_only_finalizers, _validate_finalize))}


def _only_finalizers(ctx: RequestContext, obj: core.Namespace, old: core.Namespace) -> None:
    obj.status = old.status


def _validate_finalize(obj: core.Namespace, old: core.Namespace) -> list[FieldError]:
    at = Path("spec", "finalizers")
    return [error for i, f in enumerate(obj.spec.finalizers) for error in _finalizer(f, at.index(i))]


def _finalizer(name: str, path: Path) -> list[FieldError]:
    found = [FieldError.invalid(path, name, message) for message in names.qualified_name(name)]
    if "/" not in name and name not in (KUBERNETES, "orphan", "foregroundDeletion"):
        why = "name is neither a standard finalizer name nor is it fully qualified"
        found.append(FieldError.invalid(path, name, why))
    return found
