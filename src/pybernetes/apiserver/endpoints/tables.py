"""Objects as a Table (what `kubectl get` prints) or as their metadata alone.

Source: apiserver/pkg/endpoints/handlers/response.go, KEP-491.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import orjson

from pybernetes.apimachinery.errors import BadRequest, NotAcceptable
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.endpoints.negotiation import Form
from pybernetes.apiserver.registry.generic.interface import Column

_INCLUDES = ("None", "Metadata", "Object", "")


class Tabular(Protocol):
    """What has columns: a resource's storage, or what stands for one."""

    resource: Resource

    @property
    def columns(self) -> Sequence[Column]: ...

    def row(self, value: bytes, now: float) -> list[Any]:
        """The cells of one object, in order of `columns`; `now` is epoch seconds for ages."""
        ...

    def row_conditions(self, value: bytes) -> list[dict[str, str]]:
        """TableRowConditions: what there is to know of the row as a whole."""
        ...


class _Head(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


class _ObjectMeta(msgspec.Struct):
    resourceVersion: str = ""


_heads = msgspec.json.Decoder(_Head)
_metas = msgspec.json.Decoder(_ObjectMeta)


def include_object(params: dict[str, list[str]]) -> str:
    """?includeObject=. Raises BadRequest."""
    include = params.get("includeObject", [""])[0]
    if include not in _INCLUDES:
        raise BadRequest(
            f'Unable to convert to Table as requested: includeObject: Invalid value: "{include}": '
            "must be 'Metadata', 'Object', 'None', or empty"
        )
    return include


def metadata_of(value: bytes) -> bytes:
    """The raw JSON of an object's metadata."""
    return bytes(_heads.decode(value).metadata)


def partial(value: bytes, form: Form) -> bytes:
    """PartialObjectMetadata of an object."""
    return b'{"kind":"PartialObjectMetadata","apiVersion":"%b/%b","metadata":%b}' % (
        form.group.encode(),
        form.version.encode(),
        metadata_of(value),
    )


def partial_list(items: Sequence[bytes], metadata: bytes, form: Form) -> bytes:
    """PartialObjectMetadataList of served objects."""
    group_version = f"{form.group}/{form.version}".encode()
    return b'{"kind":"PartialObjectMetadataList","apiVersion":"%b","metadata":%b,"items":[%b]}' % (
        group_version,
        metadata,
        b",".join([partial(item, form) for item in items]),
    )


def table(
    storage: Tabular,
    items: Sequence[bytes],
    metadata: bytes,
    form: Form,
    include: str,
    now: float,
    *,
    headers: bool = True,
) -> bytes:
    """A Table of served objects; `metadata` is the ListMeta as JSON."""
    rows = []
    for item in items:
        row: dict[str, Any] = {"cells": storage.row(item, now)}
        if conditions := storage.row_conditions(item):
            row["conditions"] = conditions
        if include == "Object":
            row["object"] = orjson.Fragment(item)
        elif include != "None":
            row["object"] = orjson.Fragment(partial(item, form))
        else:
            row["object"] = None
        rows.append(row)
    definitions = [definition(column) for column in storage.columns] if headers else None
    return orjson.dumps(
        {
            "kind": "Table",
            "apiVersion": f"{form.group}/{form.version}",
            "metadata": orjson.Fragment(metadata),
            "columnDefinitions": definitions,
            "rows": rows,
        }
    )


def definition(column: Column) -> dict[str, Any]:
    """A TableColumnDefinition."""
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def single_metadata(value: bytes) -> bytes:
    """The ListMeta of a Table that shows one object: its resourceVersion."""
    version = _metas.decode(_heads.decode(value).metadata).resourceVersion
    return orjson.dumps({"resourceVersion": version} if version else {})


def transformed(storage: Tabular, value: bytes, form: Form, include: str, now: float) -> bytes:
    """One object in the form asked for; a Status stays as it is. Raises NotAcceptable."""
    if not form.kind or value.startswith((b'{"kind":"Status"', b'{"apiVersion":"v1","kind":"Status"')):
        return value
    if form.kind == "Table":
        return table(storage, [value], single_metadata(value), form, include, now)
    if form.kind == "PartialObjectMetadata":
        return partial(value, form)
    raise NotAcceptable(f"you requested {form.kind}, but the requested object is not a list ({storage.resource.kind})")
