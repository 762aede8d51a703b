"""Bytes, Structs and trees of one resource: what comes in, what is stored, what goes out.

Objects are stored in one version a resource. A storage of another version of the same shape reads and
writes by changing apiVersion; versions of another shape have a `Conversion`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import orjson

from pybernetes.apimachinery import decoding, errors
from pybernetes.apimachinery.scalars import normalise
from pybernetes.apimachinery.schema import Schema, schema_of
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.registry.generic.interface import Body, RequestContext

_encoder = msgspec.json.Encoder()


class _Head(msgspec.Struct):
    apiVersion: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Between trees of a served version and of the storage version; both get and return fresh trees."""

    to_storage: Callable[[dict[str, Any]], dict[str, Any]]
    from_storage: Callable[[dict[str, Any]], dict[str, Any]]


class Codec:
    in_version: Callable[[dict[str, Any], str], tuple[dict[str, Any], Schema] | None] | None = None
    """A tree of this version in another one with its structure, where paths differ between versions."""

    def __init__(self, resource: Resource, stored: Resource, conversion: Conversion | None = None) -> None:
        self.resource = resource
        self.stored = stored
        self.conversion = conversion
        self.cls: Any = resource.struct()
        self.storage_cls: Any = stored.struct()
        self._decoder = msgspec.json.Decoder(self.storage_cls)
        self.same_version = resource.gvk == stored.gvk
        self._stored_head = b'{"apiVersion":"%b"' % stored.api_version.encode()
        self._served_head = b'{"apiVersion":"%b"' % resource.api_version.encode()

    @property
    def schema(self) -> Schema:
        """The structure of this version."""
        return schema_of(self.cls)

    @property
    def storage_schema(self) -> Schema:
        return schema_of(self.storage_cls)

    # -- at rest ---------------------------------------------------------------------------------

    def builtins(self, obj: Any) -> dict[str, Any]:
        """The object as a fresh JSON tree."""
        return cast(dict[str, Any], msgspec.to_builtins(obj))

    def decode(self, value: bytes) -> Any:
        """A fresh Struct of the storage version from stored bytes (with or without resourceVersion)."""
        return self._decoder.decode(value)

    def decode_served(self, value: bytes) -> Any:
        """A Struct of this version from its served bytes."""
        return self._decoder.decode(value) if self.same_version else msgspec.json.decode(value, type=self.cls)

    def encode(self, obj: Any) -> bytes:
        """Canonical bytes: apiVersion, kind, metadata first, no resourceVersion."""
        meta = obj.metadata
        if meta.resourceVersion is not None:
            meta.resourceVersion = None
        return _encoder.encode(obj)

    # -- going out -------------------------------------------------------------------------------

    def serve(self, value: bytes) -> bytes:
        """Served bytes of the storage version, in the version of this resource."""
        if self.same_version:
            return value
        if self.conversion is None:
            return self._served_head + value.removeprefix(self._stored_head)
        tree = self.conversion.from_storage(orjson.loads(value))
        return _encoder.encode(msgspec.convert(tree, self.cls))

    def tree(self, value: bytes) -> dict[str, Any]:
        """Served bytes of the storage version as a tree of this version: what patches work on."""
        return cast(dict[str, Any], orjson.loads(self.serve(value)))

    # -- coming in -------------------------------------------------------------------------------

    def body(self, ctx: RequestContext, body: Body) -> Any:
        """The object of a create or update, in the storage version.

        Adds field validation warnings to ctx. Raises BadRequest.
        """
        ctx.sent = body
        return self.to_storage(self.read(ctx, body, self.cls))

    def read(self, ctx: RequestContext, body: Body, cls: Any) -> Any:
        """A body as the Struct `cls`. Raises BadRequest when it says that it is something else."""
        if isinstance(body, msgspec.Struct):
            if type(body) is not cls:
                raise errors.InternalError(f"a {type(body).__name__} is no {cls.__name__}")
            return normalise(msgspec.json.decode(_encoder.encode(body), type=cls))
        if isinstance(body, bytes | bytearray):
            obj, warnings = decoding.decode(
                bytes(body), cls, field_validation=ctx.field_validation, content_type=ctx.content_type
            )
        else:
            obj, warnings = decoding.from_tree(body, cls, ctx.field_validation)
        ctx.warnings += warnings
        return obj

    def from_tree(self, ctx: RequestContext, tree: dict[str, Any]) -> Any:
        """The object that a patch made of `tree`, in the storage version. Raises BadRequest, Invalid."""
        ctx.sent = tree
        obj, warnings = decoding.from_tree(tree, self.cls, ctx.field_validation)
        ctx.warnings += warnings
        return self.to_storage(obj)

    def to_storage(self, obj: Any) -> Any:
        if self.same_version:
            return obj
        tree = msgspec.to_builtins(obj)
        if self.conversion is not None:
            tree = self.conversion.to_storage(tree)
        tree["apiVersion"] = self.stored.api_version
        return msgspec.convert(tree, self.storage_cls)
