"""metadata.managedFields: the list on the wire, and the managers with their field sets in code.

Source: apimachinery/pkg/util/managedfields/internal/{managedfields,buildmanagerinfo,capmanagers,stripmeta}.go.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, NamedTuple

import msgspec
import orjson

from pybernetes.apimachinery.managed_fields.field_set import FieldSet, difference, union

MAX_UPDATE_MANAGERS = 10
ANCIENT = "ancient-changes"
_SYSTEM_FIELDS = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
)
_STRIPPED: FieldSet = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {".": {}, **{f"f:{name}": {} for name in _SYSTEM_FIELDS}},
}


class Manager(NamedTuple):
    """Who owns fields. Appliers are one whatever the apiVersion, so theirs is empty here."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    @classmethod
    def of(cls, name: str, operation: str, api_version: str, subresource: str = "") -> Manager:
        return cls(name or "unknown", operation, "" if operation == "Apply" else api_version, subresource)


class Owned(NamedTuple):
    """What a manager owns, in which version, since when (None: not told)."""

    fields: FieldSet
    api_version: str
    time: str | None


Managers = dict[Manager, Owned]


class EntriesError(ValueError):
    """managedFields that cannot be read."""


def decode(entries: list[Any] | None) -> Managers:
    """The managers of a managedFields list. Raises EntriesError."""
    found: Managers = {}
    for i, entry in enumerate(entries or ()):
        operation = entry.get("operation")
        if operation not in ("Apply", "Update"):
            raise EntriesError("operation must be `Apply` or `Update`")
        api_version = entry.get("apiVersion")
        if not api_version:
            raise EntriesError("apiVersion must not be empty")
        fields_type = entry.get("fieldsType")
        if fields_type != "FieldsV1":
            raise EntriesError(
                f'invalid fieldsType "{fields_type}" in managed fields entry {i}'
                if fields_type
                else f"missing fieldsType in managed fields entry {i}"
            )
        fields = entry.get("fieldsV1") or {}
        if not isinstance(fields, dict):
            raise EntriesError(f"error decoding set of managed fields entry {i}")
        name = entry.get("manager") or ""
        manager = Manager(name, operation, "" if operation == "Apply" else api_version, entry.get("subresource") or "")
        found[manager] = Owned(fields, api_version, entry.get("time"))
    return found


def known(managers: Managers) -> Managers:
    """managedFields as clients write them, without path elements of a type from some later release.

    Raises EntriesError when a field set has an element that is none.
    """
    return {manager: owned._replace(fields=_known_elements(owned.fields)) for manager, owned in managers.items()}


def _known_elements(fields: Any) -> FieldSet:
    if not isinstance(fields, dict):
        raise EntriesError("error decoding set: a field set is an object")
    found: FieldSet = {}
    for element, below in fields.items():
        kind, rest = element[:2], element[2:]
        try:
            if kind in ("v:", "k:"):
                orjson.loads(rest)
            elif kind == "i:":
                int(rest)
            elif element != "." and kind[1:] != ":":
                raise EntriesError(f"error decoding set: unknown path element {element!r}")
            elif element != "." and kind != "f:":
                continue
        except ValueError as error:
            raise EntriesError(f"error decoding set: {error}") from None
        found[element] = _known_elements(below)
    return found


def identity(manager: Manager) -> str:
    """What conflicts are sorted by: the manager's entry, without its fields, as JSON text."""
    told = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    told["subresource"] = manager.subresource
    return orjson.dumps({name: value for name, value in told.items() if value}).decode()


def encode(*managers: Managers) -> list[dict[str, Any]]:
    """The managedFields list: appliers first, then by time, name, version and subresource.

    Who stands in several of `managers` has an entry for each.
    """
    ordered = sorted(
        chain.from_iterable(some.items() for some in managers),
        key=lambda pair: (
            pair[0].operation,
            pair[1].time or "",
            pair[0].name,
            pair[1].api_version,
            pair[0].subresource,
        ),
    )
    result = []
    for manager, owned in ordered:
        entry: dict[str, Any] = {
            "apiVersion": owned.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": in_order(owned.fields),
            **({"manager": manager.name} if manager.name else {}),
            "operation": manager.operation,
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        if owned.time:
            entry["time"] = owned.time
        result.append(entry)
    return result


def in_order(fields: FieldSet) -> FieldSet:
    """The same set with its elements sorted at each level, as clients compare the text."""
    ordered: FieldSet = msgspec.to_builtins(fields, order="sorted")
    return ordered


def is_reset(entries: Any) -> bool:
    """Whether a client asks to forget all managers: an empty list, or a list of one empty entry."""
    return isinstance(entries, list) and entries in ([], [{}])


def stripped(fields: FieldSet) -> FieldSet:
    """The set without what the system owns: apiVersion, kind, name, uid, resourceVersion and the like."""
    return difference(fields, _STRIPPED)


def capped(managers: Managers) -> Managers:
    """At most MAX_UPDATE_MANAGERS updaters: the oldest of a version are put together as "ancient-changes"."""
    updaters = [manager for manager in managers if manager.operation == "Update"]
    if len(updaters) <= MAX_UPDATE_MANAGERS:
        return managers
    updaters.sort(key=lambda m: (managers[m].time or "", m.name, m.api_version, m.subresource))
    result = dict(managers)
    count = len(updaters)
    first: dict[str, Manager] = {}
    for manager in updaters:
        if count <= MAX_UPDATE_MANAGERS:
            break
        owned = result[manager]
        version = owned.api_version
        if version not in first:
            first[version] = manager
            continue
        bucket = Manager.of(ANCIENT, "Update", version)
        if bucket not in result:
            result[bucket] = result.pop(first[version])
        if manager != bucket:
            result[bucket] = result[bucket]._replace(fields=union(owned.fields, result[bucket].fields), time=owned.time)
            del result[manager]
        count -= 1
    return result
