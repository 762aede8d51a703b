"""What a DELETE does to an object: pure decisions on its metadata and the options.

Source: apiserver/pkg/registry/rest/delete.go (BeforeDelete) and
registry/generic/registry/store.go (deletionFinalizersForGarbageCollection, markAsDeleting).
"""

from __future__ import annotations

from typing import Literal

from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.apiserver.registry.generic.interface import DeleteOptions
from pybernetes.apiserver.registry.generic.strategy import Strategy

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"

Grace = Literal["graceful", "pending", "none"]
"""graceful: the object was marked and must be written; pending: it is already going; none: delete it."""


def check_preconditions(resource: Resource, meta: ObjectMeta, options: DeleteOptions) -> None:
    """Raises Conflict when uid or resourceVersion are not what the caller expects."""
    name = meta.name or ""
    if options.uid and options.uid != meta.uid:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta.uid or ''}). "
            "The object might have been deleted and then recreated"
        )
        raise errors.conflict(resource.group, resource.kind, name, why)
    if options.resource_version and options.resource_version != meta.resourceVersion:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({meta.resourceVersion or ''}). The object might have been modified"
        )
        raise errors.conflict(resource.group, resource.kind, name, why)


def before_delete(strategy: Strategy, obj: object, options: DeleteOptions, now: float) -> Grace:
    """Marks the object for graceful deletion where its strategy wants that.

    Changes obj.metadata and options.grace_period_s. Raises Conflict on a failed precondition.
    """
    meta: ObjectMeta = obj.metadata  # type: ignore[attr-defined]
    check_preconditions(strategy.resource, meta, options)
    if options.grace_period_s is not None and options.grace_period_s < 0:
        options.grace_period_s = 1
    if meta.deletionGracePeriodSeconds is not None and meta.deletionGracePeriodSeconds < 0:
        meta.deletionGracePeriodSeconds = 1
    if not strategy.graceful:
        return "none"
    if meta.deletionTimestamp is not None:
        return _shorten(meta, options, now)
    if not strategy.check_graceful_delete(obj, options):
        return "none"
    grace_s = options.grace_period_s or 0
    meta.deletionTimestamp = format_time(now + grace_s)
    meta.deletionGracePeriodSeconds = grace_s
    if meta.generation:
        meta.generation += 1
    return "graceful"


def _shorten(meta: ObjectMeta, options: DeleteOptions, now: float) -> Grace:
    """An object already going may only go sooner."""
    held_s = meta.deletionGracePeriodSeconds
    if not held_s:
        return "none"
    wanted_s = options.grace_period_s
    if wanted_s is None:
        options.grace_period_s = held_s
        return "pending"
    if wanted_s >= held_s:
        return "pending"
    at = parse_time(meta.deletionTimestamp or "") - held_s + wanted_s
    if at < now:
        at = now
        if wanted_s:
            wanted_s = 1
    meta.deletionTimestamp = format_time(at)
    meta.deletionGracePeriodSeconds = wanted_s
    return "graceful"


def finalizers_after(strategy: Strategy, meta: ObjectMeta, options: DeleteOptions) -> list[str]:
    """The finalizers that the deletion leaves on the object, garbage collection's included."""
    if strategy.garbage_collection == "Unsupported":
        return [f for f in meta.finalizers if f not in (ORPHAN, FOREGROUND)]
    kept = [f for f in meta.finalizers if f not in (ORPHAN, FOREGROUND)]
    wanted = _garbage_collection_finalizer(strategy, meta, options)
    return [*kept, wanted] if wanted else kept


def _garbage_collection_finalizer(strategy: Strategy, meta: ObjectMeta, options: DeleteOptions) -> str:
    if options.orphan_dependents is not None:
        return ORPHAN if options.orphan_dependents else ""
    if options.propagation_policy is not None:
        return {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(options.propagation_policy, "")
    for finalizer in meta.finalizers:
        if finalizer in (ORPHAN, FOREGROUND):
            return finalizer
    return ORPHAN if strategy.garbage_collection == "OrphanDependents" else ""


def mark_as_deleting(meta: ObjectMeta, now: float) -> None:
    """What an object with finalizers gets instead of deletion."""
    if meta.deletionTimestamp is None and meta.generation:
        meta.generation += 1
    if meta.deletionTimestamp is None or parse_time(meta.deletionTimestamp) > now:
        meta.deletionTimestamp = format_time(now)
    meta.deletionGracePeriodSeconds = 0


def goes_with_update(meta: ObjectMeta, old: ObjectMeta) -> bool:
    """True when an update took the last finalizer off an object that was to be deleted."""
    return not meta.finalizers and old.deletionTimestamp is not None and not old.deletionGracePeriodSeconds
