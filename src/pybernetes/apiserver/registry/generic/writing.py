"""The write pipeline of one resource: decode, default, admit, validate, encode, compare-and-set.

Flow: endpoints → ResourceStorage (storage.py) → here → store. Every write of every built-in type goes
through `insert` or `replace`; a subresource is `replace` with another `UpdateRules`.
Source: apiserver/pkg/registry/generic/registry/store.go, endpoints/handlers/{create,update,patch,delete}.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pybernetes.api.meta.v1 import ManagedFieldsEntry
from pybernetes.apimachinery import errors, names
from pybernetes.apimachinery.field_errors import FieldError, Path, as_sent, invalid
from pybernetes.apimachinery.patience import patiently
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.registry.generic import deletion, metadata_checks, object_meta, patching
from pybernetes.apiserver.registry.generic.codec import Codec
from pybernetes.apiserver.registry.generic.interface import Body, Deleted, DeleteOptions, RequestContext, Written
from pybernetes.apiserver.registry.generic.managed import Managed
from pybernetes.apiserver.registry.generic.strategy import Finish, Strategy
from pybernetes.storage.canonical import with_resource_version
from pybernetes.storage.store import Cause, KeyExists, RevisionMismatch

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.registry import Registry

_NAME_ATTEMPTS = 8
_NO_MANAGERS = re.compile(rb'"managedFields"\s*:\s*\[\s*\]')
"""How a client forgets all managers; a Struct holds no difference between an empty list and none."""
_CONFLICT_ATTEMPTS = 100
"""Retries of a write that others overtake; each retry means that another write succeeded."""


class Current(NamedTuple):
    """An object as the store has it."""

    served: bytes
    """In the version that the codec works on, with resourceVersion."""
    revision: int
    stored: bytes = b""
    """As it lies in the store, where a webhook made `served` of it; else empty."""


@dataclass(slots=True)
class UpdateRules:
    """What one way of updating (the main resource, status, finalize, …) may touch and must fulfil."""

    prepare: Callable[[RequestContext, Any, Any], None]
    validate: Callable[[Any, Any], list[FieldError]]
    begins: bool = False
    """The strategy's begin_update takes part."""
    warns: bool = False


OWN_WRITE = UpdateRules(lambda *_: None, lambda *_: [])
"""Of a write that the server makes up itself: nothing to reset, nothing to find."""

Transform = Callable[[Any, Current], Any]
"""(old object, current) -> the new object, before preparation; called again when a write is overtaken."""


class Writer:
    def __init__(self, registry: Registry, strategy: Strategy, codec: Codec, prefix: str) -> None:
        self.registry = registry
        self.strategy = strategy
        self.codec = codec
        self.prefix = prefix
        self.resource = codec.resource
        self.managed = Managed(codec, registry.clock, strategy.reset_fields if strategy.has_status else {})
        self.rules = UpdateRules(strategy.prepare_for_update, strategy.validate_update, begins=True, warns=True)

    def key(self, ctx: RequestContext, name: str) -> str:
        return f"{self.prefix}{ctx.namespace}/{name}" if self.resource.namespaced else self.prefix + name

    async def current(self, key: str) -> Current | None:
        raise NotImplementedError

    async def at_rest(self, obj: Any) -> bytes:
        """The object as it is stored. A webhook may be asked (crd/converting.py), else nothing is waited for."""
        return self.codec.encode(obj)

    async def answer(self, value: bytes) -> bytes:
        """Stored bytes with their resourceVersion, as this version serves them."""
        return self.codec.serve(value)

    def cause(self, ctx: RequestContext, verb: str = "") -> Cause:
        """Who writes and why, for the journal; a request without a trace joins its cause's, or begins one."""
        if not ctx.traceparent:
            random = self.registry.random
            trace = self.registry.store.trace_of(ctx.cause_revision)[3:35] if ctx.cause_revision else ""
            fresh = random.hex(48)
            ctx.traceparent = f"00-{trace or fresh[:32]}-{fresh[32:]}-01"
        verb = verb or ctx.verb
        if ctx.subresource:
            verb = f"{verb} {ctx.subresource}"
        return Cause(ctx.user.name, ctx.user_agent, verb, ctx.traceparent, ctx.cause_revision)

    # -- create ----------------------------------------------------------------------------------

    async def create(self, ctx: RequestContext, body: Body) -> Written:
        obj = await patiently(self._new, ctx, body, size=ctx.size)
        return Written(await self.insert(ctx, obj), created=True)

    def _new(self, ctx: RequestContext, body: Body) -> Any:
        obj = self.codec.body(ctx, body)
        self.strategy.default(obj)
        meta = obj.metadata
        object_meta.wipe_system_fields(meta)
        if meta.resourceVersion:
            # Differs: upstream says so with a 500.
            raise errors.BadRequest("resourceVersion should not be set on objects to be created")
        object_meta.match_namespace(meta, ctx.namespace if self.resource.namespaced else "")
        _warn_duplicate_owners(ctx, meta)
        self.managed.created(ctx, obj)
        return obj

    async def insert(self, ctx: RequestContext, obj: Any) -> bytes:
        """Admits, completes, validates and stores a new object; returns it as served.

        Raises AlreadyExists, Invalid, Forbidden, …
        """
        chain = self.registry.admission
        attributes = Attributes(ctx, "CREATE", obj)
        await chain.admit(attributes)
        _warn_duplicate_owners(ctx, obj.metadata)
        if obj.metadata.name or not obj.metadata.generateName:
            return await self._insert_once(ctx, obj, attributes)
        pristine = self.codec.encode(obj)
        for attempt in range(_NAME_ATTEMPTS):
            if attempt:
                obj = attributes.object = self.codec.decode(pristine)
            base = obj.metadata.generateName[: object_meta.MAX_GENERATED_NAME]
            obj.metadata.name = base + self.registry.random.suffix()
            try:
                return await self._insert_once(ctx, obj, attributes)
            except errors.AlreadyExists:
                if attempt == _NAME_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def _insert_once(self, ctx: RequestContext, obj: Any, attributes: Attributes) -> bytes:
        strategy, meta = self.strategy, obj.metadata
        meta.uid = self.registry.random.uid()
        meta.creationTimestamp = format_time(self.registry.clock.now())
        finish: Finish = await strategy.begin_create(ctx, obj)
        done = False
        try:
            object_meta.match_namespace(meta, ctx.namespace if self.resource.namespaced else "")
            strategy.prepare_for_create(ctx, obj)
            await self._check_created(ctx, obj)
            await self.registry.admission.validate(attributes)
            served = await self._store_new(ctx, obj)
            done = True
            return served
        finally:
            await finish(done and not ctx.dry_run)

    def _refusal(self, ctx: RequestContext, meta: Any, found: list[FieldError]) -> errors.Invalid:
        """The 422 for an object with something wrong."""
        if ctx.sent:
            found = as_sent(found, patching.parsed(ctx.sent, applied=True))
        return invalid(self.resource.gvk, meta.name or "", found)

    async def _check_created(self, ctx: RequestContext, obj: Any) -> None:
        strategy, meta = self.strategy, obj.metadata
        found: list[FieldError] = []
        if meta.name:
            at = object_meta.METADATA.child("name")
            found += [FieldError.invalid(at, meta.name, message) for message in strategy.validate_name(meta.name)]
        if meta.generateName:
            prefix = names.masked_trailing_dash(meta.generateName)
            at = object_meta.METADATA.child("generateName")
            found += [FieldError.invalid(at, meta.generateName, message) for message in strategy.validate_name(prefix)]
        found += metadata_checks.on_create(strategy, meta)
        if found:
            found = _unique(found)
        found += await patiently(strategy.validate, obj, size=ctx.size)
        if found:
            raise await patiently(self._refusal, ctx, meta, found, size=ctx.size)
        ctx.warnings += await patiently(strategy.warnings, obj, None, size=ctx.size)
        await patiently(strategy.canonicalize, obj, size=ctx.size)

    async def _store_new(self, ctx: RequestContext, obj: Any) -> bytes:
        name = obj.metadata.name
        key = self.key(ctx, name)
        value = await self.at_rest(obj)
        if ctx.dry_run:
            if await self.current(key) is not None:
                raise await self._exists(key, name)
            return await self.answer(value)
        try:
            revision = await self.registry.store.create(key, value, self.cause(ctx), self.strategy.ttl_s)
        except KeyExists:
            raise await self._exists(key, name) from None
        return await self.answer(with_resource_version(value, revision))

    async def _exists(self, key: str, name: str) -> errors.AlreadyExists:
        error = errors.already_exists(self.resource.group, self.resource.plural, name)
        current = await self.current(key)
        if current is not None and self.codec.decode(current.served).metadata.deletionTimestamp:
            error.message = f"object is being deleted: {error.message}"
        return error

    # -- update ----------------------------------------------------------------------------------

    async def replace(
        self,
        ctx: RequestContext,
        transform: Transform,
        rules: UpdateRules,
        *,
        create: Callable[[], Any] | None = None,
    ) -> tuple[bytes, bool]:
        """Reads, transforms, admits, validates and compare-and-sets, again when another write came between.

        `create` makes the object where there is none (apply, PUT of a type that allows it). Returns the
        served bytes and whether the object is new. Raises NotFound, Conflict, Invalid, …
        """
        key = self.key(ctx, ctx.name)
        warned = len(ctx.warnings)
        for _ in range(_CONFLICT_ATTEMPTS):
            await self.registry.turns.wait(key)
            del ctx.warnings[warned:]
            current = await self.current(key)
            if current is None:
                if create is None:
                    raise errors.not_found(self.resource.group, self.resource.plural, ctx.name)
                try:
                    return await self.insert(ctx, await patiently(create, size=ctx.size)), True
                except errors.AlreadyExists:
                    if await self.current(key) is None:
                        raise
                    continue
            try:
                return await self._replace_once(ctx, key, current, transform, rules), False
            except RevisionMismatch:
                continue
        raise errors.modified(self.resource.group, self.resource.plural, ctx.name)

    async def put(self, ctx: RequestContext, body: Body, rules: UpdateRules) -> Written:
        """PUT of the main resource or of a view of it (status, finalize, …)."""
        # Read once before anything else, so that a body that cannot be read is told first.
        first = await patiently(self.codec.body, ctx, body, size=ctx.size)
        object_meta.match_namespace(first.metadata, ctx.namespace if self.resource.namespaced else "")
        object_meta.match_name(first.metadata, ctx.name)
        warnings = list(ctx.warnings)
        built_in = not self.resource.custom  # custom resources are reset by a list of one empty entry alone
        resets = built_in and isinstance(body, bytes | bytearray) and _NO_MANAGERS.search(body) is not None
        unread: list[Any] = [first]

        def new_object() -> Any:
            obj = unread.pop() if unread else self.codec.body(ctx, body)
            if resets and not obj.metadata.managedFields:
                obj.metadata.managedFields = [ManagedFieldsEntry()]
            ctx.warnings[:] = warnings
            self.strategy.default(obj)
            object_meta.match_namespace(obj.metadata, ctx.namespace if self.resource.namespaced else "")
            object_meta.match_name(obj.metadata, ctx.name)
            _warn_duplicate_owners(ctx, obj.metadata)
            return obj

        def transform(old: Any, current: Current) -> Any:
            obj = new_object()
            self._check_uid(ctx, obj.metadata.uid, old.metadata.uid)
            self.managed.updated(ctx, obj, current.served)
            return obj

        def create() -> Any:
            obj = new_object()
            self._check_uid(ctx, obj.metadata.uid, "")
            object_meta.wipe_system_fields(obj.metadata)
            obj.metadata.resourceVersion = None
            self.managed.created(ctx, obj)
            return obj

        may_create = self.strategy.allow_create_on_update and ctx.subresource in ("", "status")
        served, created = await self.replace(ctx, transform, rules, create=create if may_create else None)
        return Written(served, created)

    def _check_uid(self, ctx: RequestContext, wanted: str | None, held: str) -> None:
        """Raises Conflict when an update is for another object of the name; `held` is "" where there is none."""
        if wanted and wanted != held:
            why = (
                f"StorageError: invalid object, Code: 4, Key: {self.key(ctx, ctx.name)}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {held}"
            )
            raise errors.conflict(self.resource.group, self.resource.plural, ctx.name, why)

    async def _replace_once(
        self, ctx: RequestContext, key: str, current: Current, transform: Transform, rules: UpdateRules
    ) -> bytes:
        size = ctx.size + len(current.served)
        old, obj = await patiently(self._changed, current, transform, size=size)
        meta = obj.metadata
        object_meta.match_namespace(meta, ctx.namespace if self.resource.namespaced else "")
        object_meta.match_name(meta, ctx.name)
        _warn_duplicate_owners(ctx, meta)
        attributes = Attributes(ctx, "UPDATE", obj, old)
        await self.registry.admission.admit(attributes)
        _warn_duplicate_owners(ctx, meta)
        self._check_revision(meta, current.revision)
        finish: Finish | None = await self.strategy.begin_update(ctx, obj, old) if rules.begins else None
        done = False
        try:
            await self._check_updated(ctx, obj, old, rules, size)
            await self.registry.admission.validate(attributes)
            served = await self._store_changed(ctx, key, current, obj, old)
            done = True
            return served
        finally:
            if finish is not None:
                await finish(done and not ctx.dry_run)

    def _changed(self, current: Current, transform: Transform) -> tuple[Any, Any]:
        """(the object before, after)."""
        old = self.codec.decode(current.served)
        return old, transform(old, current)

    def _check_revision(self, meta: Any, revision: int) -> None:
        """The resourceVersion of an update: absent where that is allowed, or the current one."""
        resource = self.resource
        if not meta.resourceVersion or meta.resourceVersion == "0":
            if not self.strategy.allow_unconditional_update:
                at = object_meta.METADATA.child("resourceVersion")
                why = FieldError.invalid(at, 0, "must be specified for an update")
                raise invalid((resource.group, resource.plural), meta.name, [why])
            meta.resourceVersion = str(revision)
        elif meta.resourceVersion != str(revision):
            if not meta.resourceVersion.isdecimal():
                at = object_meta.METADATA.child("resourceVersion")
                problem = f'strconv.ParseUint: parsing "{meta.resourceVersion}": invalid syntax'
                why = FieldError.invalid(at, meta.resourceVersion, problem)
                raise invalid((resource.group, resource.plural), meta.name, [why])
            raise errors.modified(resource.group, resource.plural, meta.name)

    async def _check_updated(self, ctx: RequestContext, obj: Any, old: Any, rules: UpdateRules, size: int) -> None:
        meta, old_meta = obj.metadata, old.metadata
        meta.generation = old_meta.generation
        rules.prepare(ctx, obj, old)
        object_meta.carry_over(meta, old_meta)
        found = metadata_checks.on_update(self.strategy, meta, old_meta, ctx.subresource)
        found += await patiently(rules.validate, obj, old, size=size)
        if found:
            raise await patiently(self._refusal, ctx, meta, found, size=size)
        if rules.warns:
            ctx.warnings += await patiently(self.strategy.warnings, obj, old, size=size)
        await patiently(self.strategy.canonicalize, obj, size=size)

    async def _store_changed(self, ctx: RequestContext, key: str, current: Current, obj: Any, old: Any) -> bytes:
        value = await self.at_rest(obj)
        stored = current.stored or current.served
        if with_resource_version(value, current.revision) == stored and not await self.registry.store.stale(key):
            return await self.answer(stored)
        if self.managed.only_times_differ(obj, old):
            obj.metadata.managedFields = old.metadata.managedFields
            value = await self.at_rest(obj)
            if with_resource_version(value, current.revision) == stored and not await self.registry.store.stale(key):
                return await self.answer(stored)
        if deletion.goes_with_update(obj.metadata, old.metadata) and self.strategy.should_delete_during_update(
            obj, old
        ):
            if not ctx.dry_run:
                await self._remove(ctx, key, current.revision, old)
            return await self.answer(with_resource_version(value, current.revision))
        if ctx.dry_run:
            return await self.answer(with_resource_version(value, current.revision))
        store = self.registry.store
        with self.registry.turns.writing(key):
            revision = await store.update(key, value, current.revision, self.cause(ctx), self.strategy.ttl_s)
        return await self.answer(with_resource_version(value, revision))

    # -- delete ----------------------------------------------------------------------------------

    async def delete(self, ctx: RequestContext, options: DeleteOptions) -> Deleted:
        _check_delete_options(options)
        self.warn_of_orphans(ctx, options)
        key = self.key(ctx, ctx.name)
        for _ in range(_CONFLICT_ATTEMPTS):
            current = await self.current(key)
            if current is None:
                raise errors.not_found(self.resource.group, self.resource.plural, ctx.name)
            attempt = DeleteOptions(
                options.grace_period_s,
                options.propagation_policy,
                options.orphan_dependents,
                options.uid,
                options.resource_version,
            )
            try:
                return await self._delete_once(ctx, key, current, attempt)
            except RevisionMismatch:
                continue
        raise errors.modified(self.resource.group, self.resource.plural, ctx.name)

    def warn_of_orphans(self, ctx: RequestContext, options: DeleteOptions) -> None:
        if self.strategy.orphan_warning and options.propagation_policy is None and options.orphan_dependents is None:
            ctx.warnings.append(self.strategy.orphan_warning)

    async def _delete_once(self, ctx: RequestContext, key: str, current: Current, options: DeleteOptions) -> Deleted:
        now = self.registry.clock.now()
        obj = self.codec.decode(current.served)
        attributes = Attributes(ctx, "DELETE", None, self.codec.decode(current.served), options)
        deletion.check_preconditions(self.resource, obj.metadata, options)
        await self.registry.admission.admit(attributes)
        await self.registry.admission.validate(attributes)
        if self.strategy.holds_deletion(obj):
            if obj.metadata.deletionTimestamp is None:
                obj.metadata.deletionTimestamp = format_time(now)
            return await self._mark(ctx, key, current, obj, options)
        grace = deletion.before_delete(self.strategy, obj, options, now)
        if grace == "pending":
            return self._deleted(current.served, obj, options, gone=False)
        meta = obj.metadata
        finalizers = deletion.finalizers_after(self.strategy, meta, options)
        if set(finalizers) != set(meta.finalizers):
            meta.finalizers = finalizers
        if grace == "graceful":
            if meta.finalizers or options.grace_period_s:
                return await self._mark(ctx, key, current, obj, options)
        elif meta.finalizers:
            deletion.mark_as_deleting(meta, now)
            return await self._mark(ctx, key, current, obj, options)
        if not ctx.dry_run:
            await self._remove(ctx, key, current.revision, obj)
        served = with_resource_version(self.codec.encode(obj), current.revision)
        return self._deleted(served, obj, options, gone=True)

    async def _mark(self, ctx: RequestContext, key: str, current: Current, obj: Any, options: DeleteOptions) -> Deleted:
        served = with_resource_version(self.codec.encode(obj), current.revision)
        if not ctx.dry_run and served != current.served:
            value, store = await self.at_rest(obj), self.registry.store
            revision = await store.update(key, value, current.revision, self.cause(ctx), self.strategy.ttl_s)
            served = with_resource_version(self.codec.encode(obj), revision)
        return self._deleted(served, obj, options, gone=False)

    async def _remove(self, ctx: RequestContext, key: str, revision: int, obj: Any) -> None:
        await self.registry.store.delete(key, revision, self.cause(ctx))
        await self.strategy.after_delete(obj, False)

    def _deleted(self, served: bytes, obj: Any, options: DeleteOptions, *, gone: bool) -> Deleted:
        accepted = not gone and options.orphan_dependents is False
        if not gone or self.strategy.returns_deleted_object:
            return Deleted(self.codec.serve(served), accepted)
        return Deleted(success(self.resource.group, self.resource.plural, obj.metadata), accepted)


def success(group: str, plural: str, meta: Any) -> bytes:
    """The Status of a deletion that is done."""
    import msgspec

    from pybernetes.api.meta.v1 import Status, StatusDetails

    details = StatusDetails(group=group or None, kind=plural, name=meta.name, uid=meta.uid)
    return msgspec.json.encode(Status(status="Success", details=details))


def _warn_duplicate_owners(ctx: RequestContext, meta: Any) -> None:
    if len(meta.ownerReferences) > 1:
        warning = object_meta.dedup_owner_references(meta)
        if warning:
            ctx.warnings.append(warning)


def _check_delete_options(options: DeleteOptions) -> None:
    found = []
    policy = options.propagation_policy
    if options.orphan_dependents is not None and policy is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        found.append(FieldError.invalid(Path("propagationPolicy"), policy, why))
    if policy is not None and policy not in ("Foreground", "Background", "Orphan"):
        supported = ("Foreground", "Background", "Orphan", "nil")
        found.append(FieldError.not_supported(Path("propagationPolicy"), policy, supported))
    if found:
        raise invalid(("meta.k8s.io", "DeleteOptions"), "", found)


def _unique(found: list[FieldError]) -> list[FieldError]:
    """Without repetitions: a name can be wrong by its kind's rule and by the general one."""
    seen: dict[str, FieldError] = {}
    for error in found:
        seen.setdefault(str(error), error)
    return list(seen.values())
