"""The two operations of field management: update and apply. See the package's docstring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
import orjson

from pybernetes.api.meta.v1 import StatusCause
from pybernetes.apimachinery.errors import BadRequest, Conflict
from pybernetes.apimachinery.managed_fields import entries, typed
from pybernetes.apimachinery.managed_fields.entries import Manager, Managers, Owned
from pybernetes.apimachinery.managed_fields.field_set import (
    FieldSet,
    difference,
    has,
    intersection,
    path_text,
    paths,
    union,
    without_branch,
)
from pybernetes.apimachinery.schema import Schema
from pybernetes.apimachinery.times import format_time

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
BEFORE_FIRST_APPLY = "before-first-apply"
MAX_ANNOTATIONS_BYTES = 256 * 1024

Tree = dict[str, Any]
Convert = Callable[[Tree, str], tuple[Tree, Schema] | None]
"""(object, apiVersion) -> the object in that version and its structure; None when there is no such version."""
_Conflicts = list[tuple[Manager, tuple[str, ...]]]


def update(
    live: Tree | None,
    new: Tree,
    manager: str,
    operation: str = "Update",
    schema: Schema | None = None,
    now: float = 0.0,
    subresource: str = "",
    *,
    ignored: Iterable[str] = (),
    api_version: str = "",
    convert: Convert | None = None,
) -> Tree:
    """`new` with the managedFields that follow from changing `live` into it; None means it is created.

    The manager owns every field that it changed or added, everybody else loses those; fields that are gone belong to
    nobody. `now` is seconds since the epoch, the time of the entry when anything changed. `api_version` is the one
    that the client wrote in (default: that of the tree). `ignored` are paths such as "status" or "metadata.labels"
    that this operation cannot write (they are reset by the strategy). With `convert`, what managers own in another
    apiVersion is compared there. Neither tree is changed. Never refuses: managedFields that cannot be read are
    taken as none.
    """
    shape = _schema(schema)
    before = empty_object(shape, new) if live is None else live
    managers = _managers_for_update(before, new, subresource)
    if live is not None and not managers:
        return _with_managers(new, {})  # nobody is kept book of: nothing was applied, or a client reset them
    who = Manager.of(manager, operation, api_version or new.get("apiVersion", ""), subresource)
    try:
        managers = _updated(before, new, managers, who, shape, now, ignored, convert)
    except typed.TypedError:
        managers = {}
    return _with_managers(new, managers)


def first_fields(new: Tree, schema: Schema | None = None, *, ignored: Iterable[str] = ()) -> FieldSet:
    """What the creator of `new`, who sent no managedFields, owns: as `update` of nothing says, without its ceremony.

    In the order that it has on the wire.
    """
    shape = _schema(schema)
    tree: Tree = msgspec.to_builtins(new, order="sorted")
    try:
        found = typed.Comparison(empty_object(shape, tree), tree, shape)
    except typed.TypedError:
        return {}
    fields = entries.stripped(_without(found.changed, ignored))
    return entries.in_order(fields) if found.modified else fields  # what was added is in the order of the tree


def apply(
    live: Tree | None,
    applied: Tree,
    manager: str,
    force: bool = False,
    schema: Schema | None = None,
    now: float = 0.0,
    subresource: str = "",
    *,
    ignored: Iterable[str] = (),
    convert: Convert | None = None,
) -> Tree:
    """The object after `applied` was applied to `live` (None: it is created), with managedFields.

    A field that the manager applied before, no longer does, and nobody else owns is removed. Raises Conflict, with a
    cause FieldManagerConflict for each field, when another manager owns a field that would change and `force` is not
    set; BadRequest when the configuration does not fit the schema. Neither tree is changed.
    """
    shape = _schema(schema)
    _check_applied(live, applied, shape)
    before = empty_object(shape, applied) if live is None else live
    try:
        managers = entries.decode(before.get("metadata", {}).get("managedFields"))
    except entries.EntriesError as error:
        raise BadRequest(f"failed to decode managed fields: {error}") from None
    api_version = applied["apiVersion"]
    if not managers and live is not None:
        who = Manager.of(BEFORE_FIRST_APPLY, "Update", api_version, subresource)
        managers = _updated(empty_object(shape, live), live, managers, who, shape, now, ignored)
    who = Manager.of(manager, "Apply", api_version, subresource)
    wanted = typed.canonical(_plain(applied), shape)
    run = _Apply(_plain(before), wanted, managers, who, api_version, shape, format_time(now), ignored, convert)
    merged, owners, conflicts = run.result()
    if conflicts and not force and manager == "kubectl":
        conflicts = _not_last_applied(conflicts, before, shape, api_version)
    if conflicts and not force:
        raise _conflict(conflicts)
    if manager == "kubectl" and merged.get("metadata", {}).get("annotations", {}).get(LAST_APPLIED):
        merged = _with_last_applied(merged, applied)
    return _with_managers(merged, owners)


def empty_object(schema: Schema, like: Tree) -> Tree:
    """What an object of the kind is before anything is written: the parts that are always there, empty."""
    if schema.struct is None:
        return {"apiVersion": like.get("apiVersion", ""), "kind": like.get("kind", ""), "metadata": {}}
    found = _EMPTY.get(schema.struct)
    if found is None:
        found = _EMPTY[schema.struct] = msgspec.json.encode(schema.struct())
    tree: Tree = orjson.loads(found)
    return tree


_EMPTY: dict[type[msgspec.Struct], bytes] = {}


class _Apply:
    """One application of a configuration; the steps of structured-merge-diff's Updater.Apply."""

    def __init__(
        self,
        live: Tree,
        applied: Tree,
        managers: Managers,
        who: Manager,
        api_version: str,
        schema: Schema,
        time: str,
        ignored: Iterable[str],
        convert: Convert | None,
    ) -> None:
        self.convert = convert
        self.ignored = tuple(ignored)
        self.live, self.applied, self.schema = live, applied, schema
        self.managers, self.who = managers, who
        previous = managers.get(who)
        self.last: FieldSet = previous.fields if previous else {}
        self.mine = _without(typed.field_set(applied, schema), self.ignored)
        self.time = time
        self.own = Owned(entries.stripped(self.mine), api_version, previous.time if previous else None)

    def result(self) -> tuple[Tree, Managers, _Conflicts]:
        """(object, managers, conflicts); the object and the managers are those of a forced apply."""
        merged = typed.merge(self.live, self.applied, self.schema)
        merged = self._pruned(merged)
        changes = _Changes(self.live, merged, self.schema, self.own.api_version, self.ignored, self.convert)
        conflicts: _Conflicts = []
        owners: Managers = {}
        for manager, owned in self.managers.items():
            change = changes.of(owned.api_version) if manager != self.who else None
            if change is None:
                continue
            fields = owned.fields
            if change.changed and (lost := intersection(fields, change.changed)):
                conflicts += [(manager, path) for path in paths(lost)]
                fields = difference(fields, lost)
            fields = difference(fields, change.removed)
            if fields:
                owners[manager] = owned if fields is owned.fields else owned._replace(fields=fields)
        if self.own.fields:
            unchanged = merged == self.live
            owners[self.who] = self.own if unchanged and self.own.time else self.own._replace(time=self.time)
        conflicts.sort(key=lambda conflict: entries.identity(conflict[0]))
        return merged, owners, conflicts

    def _pruned(self, merged: Tree) -> Any:
        """Without the fields that were applied before, are no longer, and that nobody else owns."""
        if not self.last or not difference(self.last, self.mine):
            return merged
        version = self.managers[self.who].api_version
        if self.convert is not None and version != self.own.api_version:
            return self._pruned_there(merged, version, self.convert)
        schema = self.schema
        last = typed.with_named_fields(self.last, schema)
        everything = typed.with_named_fields(typed.field_set(merged, schema), schema)
        pruned = typed.remove(merged, last, schema) or {}
        kept = typed.with_named_fields(typed.field_set(pruned, schema), schema)
        owned: FieldSet = self.mine
        for manager, other in self.managers.items():
            if manager != self.who:
                owned = union(owned, other.fields)
        kept = union(kept, typed.with_named_fields(owned, schema))
        pruned = typed.remove(merged, difference(everything, kept), schema) or {}
        kept = typed.with_named_fields(typed.field_set(pruned, schema), schema)
        gone = intersection(difference(everything, kept), last)
        pruned = typed.remove(merged, gone, schema) or {}
        # A list or map that lost its last entry, but was applied as an empty one, is empty instead of gone.
        return typed.merge(pruned, self.applied, schema)

    def _pruned_there(self, merged: Tree, version: str, convert: Convert) -> Any:
        """The same for what was applied in another version: it is taken away there, and what is owned here stays."""
        found = convert(merged, version)
        if found is None:
            return merged
        there, schema = found
        owned: dict[str, FieldSet] = {version: {}, self.own.api_version: self.mine}
        for manager, other in self.managers.items():
            if manager != self.who and other.api_version in owned:
                owned[other.api_version] = union(owned[other.api_version], other.fields)
        gone = difference(typed.with_named_fields(self.last, schema), typed.with_named_fields(owned[version], schema))
        back = convert(typed.remove(there, gone, schema) or {}, self.own.api_version)
        if back is None:
            return merged
        everything = typed.with_named_fields(typed.field_set(merged, self.schema), self.schema)
        kept = typed.with_named_fields(typed.field_set(back[0], self.schema), self.schema)
        kept = union(kept, typed.with_named_fields(owned[self.own.api_version], self.schema))
        pruned = typed.remove(merged, difference(everything, kept), self.schema) or {}
        return typed.merge(pruned, self.applied, self.schema)


class _Change(NamedTuple):
    """What is new or other and what is gone, of the fields that an operation can write."""

    changed: FieldSet
    removed: FieldSet


class _Changes:
    """What a change is in each version that somebody owns fields in; made when first asked for."""

    def __init__(
        self,
        before: Tree,
        after: Tree,
        schema: Schema,
        api_version: str,
        ignored: Iterable[str],
        convert: Convert | None,
    ) -> None:
        self._before, self._after, self._ignored, self._convert = before, after, ignored, convert
        self.own = self._change(before, after, schema)
        self._made: dict[str, _Change | None] = {api_version: self.own}

    def _change(self, before: Tree, after: Tree, schema: Schema) -> _Change:
        found = typed.Comparison(before, after, schema)
        return _Change(_without(found.changed, self._ignored), _without(found.removed, self._ignored))

    def of(self, api_version: str) -> _Change | None:
        """None when the kind has no such version any more."""
        if self._convert is None:
            return self.own
        if api_version not in self._made:
            before, after = self._convert(self._before, api_version), self._convert(self._after, api_version)
            found = None
            if before is not None and after is not None:
                found = self._change(before[0], after[0], after[1])
            self._made[api_version] = found
        return self._made[api_version]


def _updated(
    before: Tree,
    new: Tree,
    managers: Managers,
    who: Manager,
    schema: Schema,
    now: float,
    ignored: Iterable[str],
    convert: Convert | None = None,
) -> Managers:
    changes = _Changes(_plain(before), _plain(new), schema, new.get("apiVersion", ""), ignored, convert)
    if not changes.own.changed and not changes.own.removed:
        return {manager: owned for manager, owned in managers.items() if owned.fields}
    result: Managers = {}
    for manager, owned in managers.items():
        change = changes.of(owned.api_version)
        if change is None:
            continue
        fields = difference(difference(owned.fields, change.changed), change.removed)
        if fields:
            result[manager] = owned if fields is owned.fields else owned._replace(fields=fields)
    mine = entries.stripped(changes.own.changed)
    if mine:
        previous = result.get(who)
        fields = union(mine, previous.fields) if previous else mine
        result[who] = Owned(fields, who.api_version, format_time(now))
    return entries.capped(result)


def _managers_for_update(before: Tree, new: Tree, subresource: str) -> Managers:
    """The managers that an update starts from: those the client sent, unless it sent none or may not."""
    live = before.get("metadata", {}).get("managedFields")
    if not subresource:
        sent = new.get("metadata", {}).get("managedFields")
        if entries.is_reset(sent):
            return {}
        try:
            if managers := entries.decode(sent):
                return managers if sent == live else entries.known(managers)
        except (entries.EntriesError, AttributeError, TypeError):
            pass
    try:
        return entries.decode(live)
    except entries.EntriesError:
        return {}


def _check_applied(live: Tree | None, applied: Tree, schema: Schema) -> None:
    if not applied.get("apiVersion") or not applied.get("kind"):
        raise BadRequest(f"invalid object type: {gvk_text(applied)}")
    if live is not None and applied.get("apiVersion") != live.get("apiVersion"):
        raise BadRequest(f"invalid object type: {gvk_text(applied)}")
    metadata = applied.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    found = list(typed.problems(applied, schema))
    if found:
        text = found[0] if len(found) == 1 else "errors:\n" + "\n".join(f"  {problem}" for problem in found)
        # Differs: upstream answers with 500.
        raise BadRequest(f"failed to create typed patch object ({named(applied)}): {text}")


def named(tree: Tree) -> str:
    """An object in messages: `namespace/name; group/version, Kind=kind`."""
    metadata = tree.get("metadata") if isinstance(tree.get("metadata"), dict) else {}
    assert isinstance(metadata, dict)
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {gvk_text(tree)}"


def gvk_text(tree: Tree) -> str:
    """The type of an object in messages: `apps/v1, Kind=Deployment`; the core group is the empty one before `/v1`."""
    api_version = tree.get("apiVersion") or ""
    return f"{api_version if '/' in str(api_version) else f'/{api_version}'}, Kind={tree.get('kind') or ''}"


def _conflict(conflicts: _Conflicts) -> Conflict:
    """The 409 of an apply that would change fields of other managers, in upstream's words."""
    causes = [
        StatusCause(reason="FieldManagerConflict", message=f"conflict with {_shown(m)}", field_=path_text(path))
        for m, path in conflicts
    ]
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        return Conflict(
            f"Apply failed with 1 conflict: conflict with {_shown(manager)}: {path_text(path)}", causes=causes
        )
    lines: list[str] = []
    for manager in dict.fromkeys(m for m, _ in conflicts):
        lines.append(f"conflicts with {_shown(manager)}:")
        lines += [f"- {path_text(path)}" for m, path in conflicts if m == manager]
    return Conflict(f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines), causes=causes)


def _shown(manager: Manager) -> str:
    text = f'"{manager.name}"'
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    return f"{text} using {manager.api_version}" if manager.operation == "Update" else text


def _not_last_applied(conflicts: _Conflicts, live: Tree, schema: Schema, api_version: str) -> _Conflicts:
    """The conflicts that remain when fields as `kubectl apply` last wrote them count as kubectl's own."""
    text = live.get("metadata", {}).get("annotations", {}).get(LAST_APPLIED)
    try:
        last = orjson.loads(text or "")
        if not isinstance(last, dict) or last.get("apiVersion") != api_version:
            return conflicts
        allowed = typed.field_set(last, schema)
        comparison = typed.Comparison(last, live, schema)
    except (ValueError, typed.TypedError):
        return conflicts
    for changed in (comparison.modified, comparison.added, comparison.removed):
        allowed = difference(allowed, changed)
    return [(manager, path) for manager, path in conflicts if not has(allowed, path)]


def _with_last_applied(merged: Tree, applied: Tree) -> Tree:
    """The annotation of client-side apply, brought up to date with what was applied."""
    metadata = dict(applied.get("metadata", {}))
    if LAST_APPLIED in (metadata.get("annotations") or {}):
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != LAST_APPLIED}
    text = orjson.dumps({**applied, "metadata": metadata}, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    annotations = {**merged["metadata"]["annotations"], LAST_APPLIED: text}
    if sum(len(k) + len(v) for k, v in annotations.items()) > MAX_ANNOTATIONS_BYTES:
        del annotations[LAST_APPLIED]
    return {**merged, "metadata": {**merged["metadata"], "annotations": annotations}}


def _plain(tree: Tree) -> Tree:
    """The tree without managedFields, which nobody owns."""
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return tree
    return {**tree, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _with_managers(tree: Tree, managers: Managers) -> Tree:
    metadata = {name: value for name, value in tree.get("metadata", {}).items() if name != "managedFields"}
    if managers:
        metadata["managedFields"] = entries.encode(managers)
    return {**tree, "metadata": metadata}


def _without(fields: FieldSet, ignored: Iterable[str]) -> FieldSet:
    for path in ignored:
        fields = without_branch(fields, tuple(f"f:{name}" for name in path.split(".")))
    return fields


def _schema(schema: Schema | None) -> Schema:
    if schema is not None:
        return schema
    from pybernetes.apimachinery.schema import custom_resource

    return custom_resource(None)
