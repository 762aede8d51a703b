"""Bytes and trees of a custom resource: the Codec of kinds without a Struct.

Objects are kept and served as the bytes they are, as with built-in kinds, as long as nothing about the schema changed
since
they were written. After a change each is read once, brought into form, and kept so (`_Fresh`).
Source: apiextensions-apiserver/pkg/apiserver/customresource_handler.go (schemaCoercingDecoder, unstructuredDefaulter).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import decoding, errors
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.field_walk import DecodeError
from pybernetes.apimachinery.schema import Schema
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.trees import copy_tree
from pybernetes.apiserver.crd import numbers, structural
from pybernetes.apiserver.registry.generic.codec import Codec
from pybernetes.apiserver.registry.generic.interface import Body, RequestContext

if TYPE_CHECKING:
    from pybernetes.apiserver.crd.kinds import CustomVersion

_encoder = msgspec.json.Encoder(order="deterministic")
_WHOLE_FLOAT = re.compile(rb"[0-9](\.0[],}]|e)")
"""What may be an integer written as a float: readers in Go take none for a field that is an integer."""
_MAX_DEPTH = 200
_FRESH_LIMIT = 20_000
_SHOWN = 30
"""How much of a body an error shows a second time."""
Tree = dict[str, Any]


class CustomObject:
    """One custom object: its metadata as every kind's, everything else as a tree."""

    __slots__ = ("apiVersion", "content", "kind", "metadata")

    def __init__(self, api_version: str, kind: str, metadata: ObjectMeta, content: Tree) -> None:
        self.apiVersion = api_version
        self.kind = kind
        self.metadata = metadata
        self.content = content
        """Without apiVersion, kind and metadata."""

    def tree(self) -> Tree:
        """The whole object as a JSON tree; shares the content."""
        head = {"apiVersion": self.apiVersion, "kind": self.kind, "metadata": msgspec.to_builtins(self.metadata)}
        return {**head, **self.content}


def encoded(api_version: str, kind: str, metadata: ObjectMeta, content: Tree) -> bytes:
    """Canonical bytes of an object."""
    head = b'{"apiVersion":"%b","kind":%b,"metadata":%b' % (
        api_version.encode(),
        orjson.dumps(kind),
        _encoder.encode(metadata),
    )
    if not content:
        return head + b"}"
    body = _encoder.encode(content)
    if _WHOLE_FLOAT.search(body) is not None:
        body = _encoder.encode(numbers.without_points(content))
    return b"%b,%b" % (head, body[1:])


class TreeCodec(Codec):
    def __init__(self, resource: Resource, stored: Resource, version: CustomVersion, *, pristine: bool) -> None:
        self.resource = resource
        self.stored = stored
        self.conversion = None
        self.cls = self.storage_cls = CustomObject
        self._version = version
        self.same_version = pristine and resource.version == stored.version
        self._differs = resource.version != stored.version and version.structural.tree != version.stored_structural.tree
        """Objects are stored in a version of another schema: what that does not know is not kept."""
        self._pristine = pristine and not self._differs
        """No object was written under another schema or in another storage version."""
        self._fresh: dict[bytes, bytes] = {}
        self._stored_head = b'{"apiVersion":"%b"' % stored.api_version.encode()
        self._served_head = b'{"apiVersion":"%b"' % resource.api_version.encode()

    @property
    def renews(self) -> bool:
        """Objects are brought into form when they are read."""
        return not self._pristine

    @property
    def schema(self) -> Schema:
        return self._version.apply_schema

    @property
    def storage_schema(self) -> Schema:
        return self._version.apply_schema

    # -- at rest ---------------------------------------------------------------------------------

    def decode(self, value: bytes) -> CustomObject:
        tree = orjson.loads(value if self._pristine else self._renewed(value))
        metadata = msgspec.convert(tree.pop("metadata"), ObjectMeta)
        tree.pop("apiVersion")
        return CustomObject(self.stored.api_version, tree.pop("kind"), metadata, tree)

    def decode_served(self, value: bytes) -> CustomObject:
        return self.decode(value)

    def encode(self, obj: CustomObject) -> bytes:
        meta = obj.metadata
        if meta.resourceVersion is not None:
            meta.resourceVersion = None
        content = obj.content
        if self._differs:
            content = copy_tree(content)
            structural.prune(content, self._version.stored_structural)
            structural.default(content, self._version.stored_structural)
        return encoded(self.stored.api_version, obj.kind, meta, content)

    def builtins(self, obj: CustomObject) -> Tree:
        found: Tree = orjson.loads(orjson.dumps(obj.tree()))
        return found

    # -- going out -------------------------------------------------------------------------------

    def serve(self, value: bytes) -> bytes:
        if self.same_version:
            return value
        if self._pristine:
            return self._served_head + value.removeprefix(self._stored_head)
        return self._renewed(value)

    def _renewed(self, value: bytes) -> bytes:
        """The bytes in this version, pruned and with defaults: what the schema makes of them now."""
        found = self._fresh.get(value)
        if found is not None:
            return found
        tree = orjson.loads(value)
        head = {"apiVersion": self.resource.api_version, "kind": tree["kind"], "metadata": tree["metadata"]}
        content = {k: v for k, v in tree.items() if k not in structural.META_FIELDS}
        schema = self._version.structural
        structural.prune(content, schema)
        structural.default(content, schema)
        metadata = msgspec.json.encode(head)
        made = b"%b,%b" % (metadata[:-1], _encoder.encode(content)[1:]) if content else metadata
        if len(self._fresh) >= _FRESH_LIMIT:
            self._fresh.clear()
        self._fresh[value] = value if made == value else made
        return made

    # -- coming in -------------------------------------------------------------------------------

    def read(self, ctx: RequestContext, body: Body, cls: Any) -> Any:
        if cls is not CustomObject:
            return super().read(ctx, body, cls)
        if isinstance(body, bytes | bytearray):
            _check_depth(bytes(body))
            lenient = "Ignore" if ctx.field_validation == "Ignore" else "Warn"
            tree, problems = decoding.tree_of(bytes(body), field_validation=lenient, content_type=ctx.content_type)
            return self._object(ctx, tree, problems, bytes(body))
        elif isinstance(body, msgspec.Struct):
            tree, problems = msgspec.to_builtins(body), []
        else:
            tree, problems = orjson.loads(orjson.dumps(body)), []
        return self._object(ctx, tree, problems)

    def from_tree(self, ctx: RequestContext, tree: Tree) -> CustomObject:
        return self._object(ctx, tree, [])

    def to_storage(self, obj: CustomObject) -> CustomObject:
        return obj

    def _object(self, ctx: RequestContext, tree: Any, problems: list[str], body: bytes = b"") -> CustomObject:
        resource = self.resource
        if not isinstance(tree, dict):
            raise errors.BadRequest("couldn't get version/kind; json parse error: the body is no object")
        tree = dict(tree)
        kind, api_version = tree.pop("kind", None), tree.pop("apiVersion", None)
        if not isinstance(kind, str) or not kind:
            shown = (body or orjson.dumps(tree)).decode("utf-8", "replace")
            short = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]} ..."
            raise errors.BadRequest(
                f"the object provided is unrecognized (must be of type {resource.kind}): "
                f"Object 'Kind' is missing in '{shown}' ({short})"
            )
        if api_version != resource.api_version:
            raise errors.BadRequest(
                f"the API version in the data ({api_version or ''}) does not match the expected API version "
                f"({resource.api_version})"
            )
        if kind != resource.kind:
            meta = tree.get("metadata")
            name = meta.get("name") if isinstance(meta, dict) else ""
            why = FieldError.invalid(Path("kind"), kind, f"must be {resource.kind}")
            raise invalid((resource.group, kind), name if isinstance(name, str) else "", [why])
        schema = self._version.structural
        try:
            metadata, strict = structural.read_metadata(tree.pop("metadata", None), "metadata")
            problems = problems + [p for p in strict if not p.startswith("duplicate")]
            embedded = structural.coerce_embedded(tree, schema, "")
            unknown = [*embedded, *structural.prune(tree, schema)]
        except DecodeError as error:
            said = str(error)
            if isinstance(error, structural.EmbeddedError):
                said = str(FieldError.invalid(Path(error.path), error.value, said))
            raise errors.Unreadable(kind, resource.version, resource.kind, said) from None
        problems = problems + [f'unknown field "{path}"' for path in sorted(unknown)]
        if problems and ctx.field_validation == "Strict":
            said = f"strict decoding error: {', '.join(problems)}"
            raise errors.Unreadable(kind, resource.version, resource.kind, said)
        if ctx.field_validation != "Ignore":
            ctx.warnings += problems
        return CustomObject(self.stored.api_version, kind, metadata, tree)


def _check_depth(body: bytes) -> None:
    """Refuses what is nested deeper than any schema: everything behind this walks trees by recursion."""
    if body.count(b"[") + body.count(b"{") <= _MAX_DEPTH:
        return
    depth = 0
    quoted = escaped = False
    for c in body:
        if quoted:
            if escaped:
                escaped = False
            elif c == 0x5C:
                escaped = True
            elif c == 0x22:
                quoted = False
        elif c == 0x22:
            quoted = True
        elif c in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise errors.BadRequest("couldn't get version/kind; json parse error: exceeded max depth")
        elif c in b"]}":
            depth -= 1
