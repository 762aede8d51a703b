"""PATCH: the four kinds of patch as transforms of `Writer.replace`.

Source: apiserver/pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec
import orjson

from pybernetes.apimachinery import errors, managed_fields
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.field_walk import json_type
from pybernetes.apimachinery.json_text import json_problem
from pybernetes.apimachinery.patience import patiently
from pybernetes.apimachinery.schema import schema_of
from pybernetes.apimachinery.trees import copy_tree, go_text
from pybernetes.apiserver.registry.generic import object_meta
from pybernetes.apiserver.registry.generic.interface import Body, PatchType, RequestContext, Written

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.writing import Current, UpdateRules, Writer

_MAX_JSON_PATCH_OPERATIONS = 10_000
TreePatch = Callable[[dict[str, Any]], dict[str, Any]]


async def patch(writer: Writer, ctx: RequestContext, patch_type: PatchType, body: Body, rules: UpdateRules) -> Written:
    """Patches the object named by ctx. Raises NotFound, BadRequest, Invalid, Conflict."""
    if patch_type == "apply":
        return await _apply(writer, ctx, body, rules)
    refuse_strategic(writer, patch_type)
    read: list[tuple[TreePatch, list[str], Any]] = []

    def transform(old: Any, current: Current) -> Any:
        if not read:  # only now: whether the object is there is told first
            sent = parsed(body)
            apply_to = tree_patch(patch_type, sent, writer.codec.cls)
            read.append((apply_to, _repeated(ctx, patch_type, body, sent), sent if patch_type == "strategic" else None))
        apply_to, repeated, strategic = read[0]
        live = writer.codec.tree(current.served)
        tree = apply_to(live)
        if repeated and ctx.field_validation == "Strict":
            raise invalid_patch(tree, f"strict decoding error: {', '.join(repeated)}")
        ctx.warnings += repeated
        if patch_type == "strategic" and isinstance(tree, dict):
            tree["kind"], tree["apiVersion"] = writer.resource.kind, writer.resource.api_version
        obj = from_patched(writer, ctx, tree, strategic)
        writer.strategy.default(obj)
        if writer.codec.same_version:
            writer.managed.patched(ctx, obj, live)
        else:
            writer.managed.updated(ctx, obj, current.served)
        return obj

    served, created = await writer.replace(ctx, transform, rules)
    return Written(served, created)


def refuse_strategic(writer: Writer, patch_type: PatchType) -> None:
    """Raises UnsupportedMediaType for the one patch that custom resources do not have."""
    if patch_type == "strategic" and writer.resource.custom:
        raise errors.UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        )


def tree_patch(patch_type: PatchType, patch_tree: Any, cls: type[msgspec.Struct]) -> TreePatch:
    """A function that patches a tree of `cls` and leaves it alone. Raises BadRequest for what is no patch."""
    if patch_tree is None and patch_type == "merge":
        raise errors.BadRequest("Invalid JSON Patch")
    if patch_type == "json":
        if not isinstance(patch_tree, list):
            raise errors.BadRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
        if len(patch_tree) > _MAX_JSON_PATCH_OPERATIONS:
            raise errors.RequestEntityTooLarge(
                "Request entity too large: The allowed maximum operations in a JSON patch is "
                f"{_MAX_JSON_PATCH_OPERATIONS}, got {len(patch_tree)}"
            )
        from pybernetes.apimachinery.patches import json_patch

        return lambda tree: cast(dict[str, Any], json_patch.apply(tree, patch_tree))
    if not isinstance(patch_tree, dict):
        raise errors.BadRequest(
            f"error decoding patch: json: cannot unmarshal {json_type(patch_tree)} into Go value of type "
            "map[string]interface {}"
        )
    if patch_type == "merge":
        from pybernetes.apimachinery.patches import merge

        return lambda tree: cast(dict[str, Any], merge.apply(tree, patch_tree))
    from pybernetes.apimachinery.patches import strategic

    schema = schema_of(cls)
    return lambda tree: strategic.apply(tree, patch_tree, schema)


def from_patched(writer: Writer, ctx: RequestContext, tree: dict[str, Any], strategic: Any = None) -> Any:
    """The Struct of a patched tree. Raises Invalid on the field `patch`, as upstream, which shows a strategic patch
    in the place of what it made.
    """
    resource = writer.resource
    if not isinstance(tree, dict):
        why = f"json: cannot unmarshal {json_type(tree)} into Go value of type {resource.kind}"
        raise invalid(("", ""), "", [FieldError.invalid(Path("patch"), orjson.dumps(tree).decode(), why)])
    if not resource.custom:
        _mark_reset(tree)
    try:
        for name, expected in (("apiVersion", resource.api_version), ("kind", resource.kind)):
            if not tree.get(name):
                tree[name] = expected
        if (tree["apiVersion"], tree["kind"]) != (resource.api_version, resource.kind):
            raise errors.BadRequest(f'no kind "{tree["kind"]}" is registered for version "{tree["apiVersion"]}"')
        return writer.codec.from_tree(ctx, tree)
    except errors.BadRequest as error:
        raise invalid_patch(tree if strategic is None else go_text(strategic), error) from None


def _mark_reset(tree: dict[str, Any]) -> None:
    """An empty list of managedFields, by which a client forgets all managers, would be lost in a Struct."""
    metadata = tree.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") == []:
        tree["metadata"] = {**metadata, "managedFields": [{}]}


def _repeated(ctx: RequestContext, patch_type: PatchType, body: Body, tree: Any) -> list[str]:
    """What stands twice in a patch, where field validation wants to know."""
    if ctx.field_validation == "Ignore" or not isinstance(body, bytes | bytearray):
        return []
    from pybernetes.apimachinery.decoding import repeated_fields

    prefix = "json patch " if patch_type == "json" else ""
    return [prefix + problem for problem in repeated_fields(bytes(body), tree)]


def invalid_patch(made: dict[str, Any] | str, problem: errors.BadRequest | str) -> errors.Invalid:
    """The error of a patch that made something of an object which is none of its kind."""
    why = problem.why if isinstance(problem, errors.Unreadable) else str(problem)
    shown = made if isinstance(made, str) else orjson.dumps(made, option=orjson.OPT_SORT_KEYS).decode()
    return invalid(("", ""), "", [FieldError.invalid(Path("patch"), shown, why)])


async def _apply(writer: Writer, ctx: RequestContext, body: Body, rules: UpdateRules) -> Written:
    if not ctx.field_manager:
        why = FieldError.required(Path("fieldManager"), "is required for apply patch")
        raise invalid(("meta.k8s.io", "PatchOptions"), "", [why])
    applied = await patiently(applied_tree, ctx, body, size=ctx.size)

    def transform(old: Any, current: Current) -> Any:
        return _applied_object(writer, ctx, writer.codec.tree(current.served), copy_tree(applied))

    may_create = not ctx.subresource or (ctx.subresource == "status" and writer.strategy.allow_create_on_update)

    def create() -> Any:
        if not may_create:
            raise errors.not_found(writer.resource.group, writer.resource.plural, ctx.name)
        fresh = copy_tree(applied)
        obj = _applied_object(writer, ctx, None, fresh)
        if obj.metadata.uid:
            why = (
                f"uid mismatch: the provided object specified uid {obj.metadata.uid}, and no existing object was found"
            )
            raise errors.conflict(writer.resource.group, writer.resource.plural, ctx.name, why)
        if not obj.metadata.name:
            obj.metadata.name = ctx.name
        object_meta.match_name(obj.metadata, ctx.name)
        return obj

    served, created = await writer.replace(ctx, transform, rules, create=create)
    return Written(served, created)


def _applied_object(writer: Writer, ctx: RequestContext, live: dict[str, Any] | None, applied: dict[str, Any]) -> Any:
    """The Struct of the live object with the configuration merged in."""
    resource = writer.resource
    if applied.get("apiVersion") != resource.api_version or applied.get("kind") != resource.kind:
        raise errors.BadRequest(f"invalid object type: {managed_fields.gvk_text(applied)}")
    tree = writer.managed.applied(ctx, live, applied)
    try:
        obj = writer.codec.from_tree(ctx, tree)
    except errors.Unreadable as error:
        raise errors.BadRequest(
            f"failed to convert new object ({managed_fields.named(applied)}) to proper version: unable to convert "
            f"unstructured object to {managed_fields.gvk_text(applied)}: error decoding from json: {error.why}"
        ) from None
    writer.strategy.default(obj)
    return obj


def applied_tree(ctx: RequestContext, body: Body) -> dict[str, Any]:
    """The applied configuration; its type and fields are checked when there is something to merge it into."""
    tree = parsed(body, applied=True)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise errors.BadRequest(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{json_type(tree)} into Go value of type map[string]interface {{}}"
        )
    _check_repeated(ctx, body)
    return tree


def _check_repeated(ctx: RequestContext, body: Body) -> None:
    """Tells keys that stand twice in a configuration: refuses them or warns, as field validation says."""
    if not isinstance(body, bytes | bytearray) or ctx.field_validation == "Ignore":
        return
    if bytes(body).lstrip()[:1] == b"{":
        from pybernetes.apimachinery.decoding import repeated_fields

        # What begins as JSON may be YAML all the same: trailing commas, plain words.
        with contextlib.suppress(errors.BadRequest):
            if not repeated_fields(bytes(body), parsed(body)):
                return
    from pybernetes.apimachinery.yaml_text import parse_yaml

    try:
        _, problems = parse_yaml(bytes(body))
    except ValueError as error:
        raise errors.BadRequest(f"error decoding YAML: error converting YAML to JSON: {error}") from None
    if problems and ctx.field_validation == "Strict":
        raise errors.BadRequest(f"error strict decoding YAML: error converting YAML to JSON: {', '.join(problems)}")
    ctx.warnings += [line.strip() for problem in problems for line in problem.splitlines()[1:]]


def parsed(body: Body, *, applied: bool = False) -> Any:
    """The tree of a patch: JSON, or YAML for those that are applied. Raises BadRequest."""
    if isinstance(body, msgspec.Struct):
        return msgspec.to_builtins(body)
    if not isinstance(body, bytes | bytearray):
        return orjson.loads(orjson.dumps(body))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not applied:
            raise errors.BadRequest(f"error decoding patch: {json_problem(bytes(body)) or error}") from None
    from pybernetes.apimachinery.yaml_text import parse_yaml

    try:
        return parse_yaml(bytes(body))[0]
    except ValueError as error:
        raise errors.BadRequest(f"error decoding YAML: error converting YAML to JSON: {error}") from None
