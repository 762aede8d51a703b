"""PATCH: the four kinds of patch as transforms of `Writer.replace`.

Source: apiserver/pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec
import orjson

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.field_walk import json_type
from pybernetes.apimachinery.schema import schema_of
from pybernetes.apimachinery.trees import copy_tree
from pybernetes.apiserver.registry.generic.interface import Body, PatchType, RequestContext, Written

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.writing import Current, UpdateRules, Writer

_MAX_JSON_PATCH_OPERATIONS = 10_000
TreePatch = Callable[[dict[str, Any]], dict[str, Any]]


async def patch(writer: Writer, ctx: RequestContext, patch_type: PatchType, body: Body, rules: UpdateRules) -> Written:
    """Patches the object named by ctx. Raises NotFound, BadRequest, Invalid, Conflict."""
    if patch_type == "apply":
        return await _apply(writer, ctx, body, rules)
    if patch_type == "strategic" and writer.resource.custom:
        raise errors.UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        )
    apply_to = tree_patch(patch_type, body, writer.codec.cls)

    def transform(old: Any, current: Current) -> Any:
        tree = apply_to(writer.codec.tree(current.served))
        obj = from_patched(writer, ctx, tree)
        writer.strategy.default(obj)
        writer.managed.updated(ctx, obj, current.served)
        return obj

    served, created = await writer.replace(ctx, transform, rules)
    return Written(served, created)


def tree_patch(patch_type: PatchType, body: Body, cls: type[msgspec.Struct]) -> TreePatch:
    """A function that patches a fresh tree of `cls`. Raises BadRequest for a body that is no patch."""
    patch_tree = parsed(body)
    if patch_type == "json":
        if not isinstance(patch_tree, list):
            raise errors.BadRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
        if len(patch_tree) > _MAX_JSON_PATCH_OPERATIONS:
            raise errors.RequestEntityTooLarge(
                f"The allowed maximum operations in a JSON patch is {_MAX_JSON_PATCH_OPERATIONS}, got {len(patch_tree)}"
            )
        from pybernetes.apimachinery.patches import json_patch

        return lambda tree: cast(dict[str, Any], json_patch.apply(tree, patch_tree))
    if not isinstance(patch_tree, dict):
        raise errors.BadRequest(
            "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}"
        )
    if patch_type == "merge":
        from pybernetes.apimachinery.patches import merge

        return lambda tree: cast(dict[str, Any], merge.apply(tree, patch_tree))
    from pybernetes.apimachinery.patches import strategic

    schema = schema_of(cls)
    return lambda tree: strategic.apply(tree, patch_tree, schema)


def from_patched(writer: Writer, ctx: RequestContext, tree: dict[str, Any]) -> Any:
    """The Struct of a patched tree. Raises Invalid on the field `patch`, as upstream."""
    resource = writer.resource
    if not isinstance(tree, dict):
        why = f"json: cannot unmarshal {json_type(tree)} into Go value of type {resource.kind}"
        raise invalid(("", ""), "", [FieldError.invalid(Path("patch"), orjson.dumps(tree).decode(), why)])
    if tree.get("kind") != resource.kind or tree.get("apiVersion") != resource.api_version:
        tree["kind"], tree["apiVersion"] = resource.kind, resource.api_version
    try:
        return writer.codec.from_tree(ctx, tree)
    except errors.BadRequest as error:
        shown = orjson.dumps(tree).decode()
        raise invalid(("", ""), "", [FieldError.invalid(Path("patch"), shown, error.message)]) from None


async def _apply(writer: Writer, ctx: RequestContext, body: Body, rules: UpdateRules) -> Written:
    if not ctx.field_manager:
        why = FieldError.required(Path("fieldManager"), "is required for apply patch")
        raise invalid(("meta.k8s.io", "PatchOptions"), "", [why])
    applied = _applied_tree(writer, ctx, body)

    def transform(old: Any, current: Current) -> Any:
        tree = writer.managed.applied(ctx, writer.codec.tree(current.served), copy_tree(applied))
        obj = writer.codec.from_tree(ctx, tree)
        writer.strategy.default(obj)
        return obj

    def create() -> Any:
        if ctx.subresource:
            raise errors.not_found(writer.resource.group, writer.resource.plural, ctx.name)
        fresh = copy_tree(applied)
        fresh.setdefault("metadata", {})["name"] = ctx.name
        if fresh["metadata"].get("uid"):
            why = (
                f"uid mismatch: the provided object specified uid {fresh['metadata']['uid']}, "
                "and no existing object was found"
            )
            raise errors.conflict(writer.resource.group, writer.resource.plural, ctx.name, why)
        obj = writer.codec.from_tree(ctx, writer.managed.applied(ctx, None, fresh))
        writer.strategy.default(obj)
        return obj

    served, created = await writer.replace(ctx, transform, rules, create=create)
    return Written(served, created)


def _applied_tree(writer: Writer, ctx: RequestContext, body: Body) -> dict[str, Any]:
    """The applied configuration, checked against its type."""
    tree = parsed(body)
    if not isinstance(tree, dict):
        raise errors.BadRequest("error decoding YAML: the configuration is no object")
    resource = writer.resource
    metadata = tree.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise errors.BadRequest(
            f"json: cannot unmarshal {json_type(metadata)} into Go struct field .metadata of type v1.ObjectMeta"
        )
    if not tree.get("apiVersion") or not tree.get("kind"):
        missing = "apiVersion" if not tree.get("apiVersion") else "kind"
        raise errors.BadRequest(f"Object '{missing.capitalize()}' is missing in the applied configuration")
    if tree["apiVersion"] != resource.api_version:
        raise errors.BadRequest(
            f"Incorrect version specified in apply patch. Specified patch version: {tree['apiVersion']}, "
            f"expected: {resource.api_version}"
        )
    if tree["kind"] != resource.kind:
        raise errors.BadRequest(
            f"invalid object type: {tree['apiVersion']}, Kind={tree['kind']}, expected {resource.kind}"
        )
    if metadata.get("managedFields"):
        raise errors.BadRequest("metadata.managedFields must be nil")
    metadata.pop("managedFields", None)
    _check_repeated(ctx, body)
    if not resource.custom:  # those are held against their schema when they are merged
        # Unknown fields and wrong types are told before anything is merged.
        writer.codec.from_tree(ctx, copy_tree(tree))
    return tree


def _check_repeated(ctx: RequestContext, body: Body) -> None:
    """Tells keys that stand twice in a configuration: refuses them or warns, as field validation says."""
    if not isinstance(body, bytes | bytearray) or ctx.field_validation == "Ignore":
        return
    if bytes(body).lstrip()[:1] == b"{":
        return
    from pybernetes.apimachinery.yaml_text import parse_yaml

    try:
        _, problems = parse_yaml(bytes(body))
    except ValueError as error:
        raise errors.BadRequest(f"error decoding YAML: {error}") from None
    if problems and ctx.field_validation == "Strict":
        raise errors.BadRequest(f"error strict decoding YAML: {', '.join(problems)}")
    ctx.warnings += problems


def parsed(body: Body) -> Any:
    """The tree of a patch: JSON, or YAML for those that are applied. Raises BadRequest."""
    if isinstance(body, msgspec.Struct):
        return msgspec.to_builtins(body)
    if not isinstance(body, bytes | bytearray):
        return orjson.loads(orjson.dumps(body))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if bytes(body).lstrip()[:1] in (b"{", b"["):
            raise errors.BadRequest(f"error decoding patch: {error}") from None
    from pybernetes.apimachinery.yaml_text import parse_yaml

    try:
        return parse_yaml(bytes(body))[0]
    except ValueError as error:
        raise errors.BadRequest(f"error decoding YAML: {error}") from None
