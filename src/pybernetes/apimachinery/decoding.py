"""A request's body into a Struct, with field validation in upstream's words.

The fast path is one msgspec decode into the Struct: it refuses unknown fields and wrong types by itself. Only what
it refuses (and what may hold a duplicate field) is walked as a tree, to say what is wrong where, to drop nulls and
to read numbers that stand for quantities. Quantities, times and base64 are brought into the form that the API
writes back.

Source: apimachinery/pkg/runtime/serializer/json, sigs.k8s.io/json (messages), apiserver/pkg/endpoints/handlers/rest.go.
"""

from __future__ import annotations

import functools
import json
from typing import Any, TypeVar, cast

import msgspec
import orjson

from pybernetes.apimachinery.errors import BadRequest, Unreadable
from pybernetes.apimachinery.field_walk import MAX_STRICT_ERRORS, DecodeError, Walk, json_type
from pybernetes.apimachinery.json_text import Members, json_problem, parse_json
from pybernetes.apimachinery.scalars import normalise
from pybernetes.apimachinery.schema import schema_of

T = TypeVar("T", bound=msgspec.Struct)
_SUMMARY_LENGTH = 30
_GO_TYPE_META = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
_SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"


def decode(
    body: bytes,
    cls: type[T],
    *,
    field_validation: str = "Strict",
    content_type: str = "application/json",
) -> tuple[T, list[str]]:
    """(object, warnings) of a request's body.

    Strict refuses unknown and duplicate fields, Warn (and "", the server's default) tells them as warnings, Ignore
    drops them silently.
    `content_type` may name YAML. Raises BadRequest with upstream's message.
    """
    if "yaml" in content_type:
        return _decode_yaml(body, cls, field_validation)
    try:
        if b"\\ud" in body or b"\\uD" in body:
            orjson.loads(body)  # refuses half a pair of surrogates, which no text can hold
        found = _decoder(cls).decode(body)
        if field_validation == "Ignore" or not _may_have_duplicates(body):
            return normalise(_typed(found, cls)), []
    except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
        pass
    except ValueError as error:
        raise _bad_request(found, cls, str(error)) from None
    try:
        tree = parse_json(body)
    except (ValueError, RecursionError):
        problem = f"couldn't get version/kind; json parse error: {json_problem(body)}"
        raise BadRequest(_unrecognized(cls, problem, body)) from None
    return _from_tree(tree, cls, field_validation, body, [])


def from_tree(tree: Any, cls: type[T], field_validation: str = "Strict") -> tuple[T, list[str]]:
    """(object, warnings) of a JSON tree, as `decode` does of bytes; the tree is left alone."""
    try:
        found = msgspec.convert(tree, cls)
        return normalise(_typed(found, cls)), []
    except msgspec.ValidationError:
        return _from_tree(tree, cls, field_validation, b"", [])
    except ValueError as error:
        raise _bad_request(found, cls, str(error)) from None


def tree_of(
    body: bytes, *, field_validation: str = "Strict", content_type: str = "application/json"
) -> tuple[Any, list[str]]:
    """(tree, warnings) of a body without a Struct (custom resources); duplicate fields as `decode` tells them."""
    if "yaml" in content_type:
        from pybernetes.apimachinery.yaml_text import parse_yaml

        try:
            tree, problems = parse_yaml(body)
        except ValueError as error:
            raise BadRequest(f"error converting YAML to JSON: {error}") from None
    else:
        try:
            tree = orjson.loads(body)
        except ValueError:
            problem = f"couldn't get version/kind; json parse error: {json_problem(body)}"
            raise BadRequest(problem) from None
        problems = []
        if field_validation != "Ignore":
            problems = repeated_fields(body, tree)
    if problems and field_validation == "Strict":
        raise BadRequest(f"strict decoding error: {', '.join(problems)}")
    return tree, [] if field_validation == "Ignore" else problems


def duplicates(tree: Any, path: str) -> list[str]:
    """`duplicate field "a.b"` for every field that stands twice in its object."""
    found: list[str] = []
    if isinstance(tree, list):
        for i, item in enumerate(tree):
            found += duplicates(item, f"{path}[{i}]")
    elif isinstance(tree, dict):
        at = f"{path}." if path else ""
        repeated = tree.repeated if isinstance(tree, Members) else ()
        found += [f'duplicate field "{at}{name}"' for _, name in repeated]
        for name, value in tree.items():
            if isinstance(value, dict | list):
                found += duplicates(value, at + name)
    return found[:MAX_STRICT_ERRORS]


@functools.cache
def _decoder(cls: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(cls)


def repeated_fields(body: bytes, tree: Any) -> list[str]:
    """`duplicate field "a.b"` for every field that stands twice in a JSON body; `tree` is what it was read as."""
    return duplicates(parse_json(body), "") if _may_have_duplicates(body, tree) else []


def _may_have_duplicates(body: bytes, tree: Any = None) -> bool:
    """Whether the body's members are not plainly as many as the tree's, which keeps one of each name.

    Counts `":` in both; text inside strings counts in both alike. A wrong yes costs a slow parse, and only a body
    made for it (escaped quotes before colons to offset the count) gets a wrong no.
    """
    try:
        return body.count(b'":') != orjson.dumps(orjson.loads(body) if tree is None else tree).count(b'":')
    except ValueError:
        return True


def _decode_yaml(body: bytes, cls: type[T], field_validation: str) -> tuple[T, list[str]]:
    from pybernetes.apimachinery.yaml_text import parse_yaml

    try:
        tree, problems = parse_yaml(body)
    except ValueError as error:
        raise BadRequest(_unrecognized(cls, f"error converting YAML to JSON: {error}", body)) from None
    return _from_tree(tree, cls, field_validation, body, problems)


def _from_tree(tree: Any, cls: type[T], field_validation: str, body: bytes, problems: list[str]) -> tuple[T, list[str]]:
    if not isinstance(tree, dict):
        problem = f"json: cannot unmarshal {json_type(tree)} into Go value of type {_GO_TYPE_META}"
        problem = f"couldn't get version/kind; json parse error: {problem}"
        raise BadRequest(_unrecognized(cls, problem, body or json.dumps(tree).encode()))
    versioned = "kind" in cls.__struct_fields__ and "apiVersion" in cls.__struct_fields__
    if versioned:
        for name in ("apiVersion", "kind"):
            if not isinstance(tree.get(name, ""), str | None):
                problem = f"json: cannot unmarshal {json_type(tree[name])} into Go struct field .{name} of type string"
                problem = f"couldn't get version/kind; json parse error: {problem}"
                raise BadRequest(_unrecognized(cls, problem, body or json.dumps(tree).encode()))
        _check_type(tree.get("apiVersion") or "", tree.get("kind") or "", cls)
    walk = Walk(problems)
    try:
        plain = walk.object(tree, schema_of(cls), "", "")
        if versioned:
            plain = {k: v for k, v in plain.items() if v or k not in ("apiVersion", "kind")}
        walk.check()
        found = msgspec.convert(plain, cls)
    except msgspec.ValidationError as error:
        raise _bad_request(tree, cls, f"json: {error}") from None
    except DecodeError as error:
        raise _bad_request(tree, cls, str(error)) from None
    if walk.problems and field_validation == "Strict":
        raise _bad_request(tree, cls, f"strict decoding error: {', '.join(walk.problems)}")
    normalise(found)
    return found, [] if field_validation == "Ignore" else walk.problems


def _typed(found: Any, cls: type[T]) -> T:
    """The object, with what it leaves empty of its type. Raises BadRequest when it says that it is of another one."""
    wanted = _type_of(cls)
    if wanted[1] and (found.apiVersion, found.kind) != wanted:
        _check_type(found.apiVersion or "", found.kind or "", cls)
        found.apiVersion, found.kind = wanted
    return cast(T, found)


def _check_type(api_version: str, kind: str, cls: type[msgspec.Struct]) -> None:
    """Raises BadRequest when the data says it is of another type."""
    wanted_version, wanted_kind = _type_of(cls)
    api_version, kind = api_version or wanted_version, kind or wanted_kind
    if not wanted_kind or (api_version, kind) == (wanted_version, wanted_kind):
        return
    from pybernetes.apimachinery import scheme

    group, _, version = api_version.rpartition("/")
    try:
        scheme.struct_of(group, version, kind)
    except KeyError:
        why = f'no kind "{kind}" is registered for version "{api_version}" in scheme "{_SCHEME}"'
        raise Unreadable(kind, version, wanted_kind, why) from None
    if kind != wanted_kind:
        package = wanted_version.rpartition("/")[0].partition(".")[0] or "core"
        why = f"converting ({version}.{kind}) to ({package}.{wanted_kind}): unknown conversion"
        raise Unreadable(kind, version, wanted_kind, why)
    raise BadRequest(
        f"the API version in the data ({api_version}) does not match the expected API version ({wanted_version})"
    )


@functools.cache
def _type_of(cls: type[msgspec.Struct]) -> tuple[str, str]:
    """(apiVersion, kind) that objects of the Struct have; empty for Structs that have none."""
    if "apiVersion" not in cls.__struct_fields__ or "kind" not in cls.__struct_fields__:
        return "", ""
    empty: Any = cls()
    return empty.apiVersion or "", empty.kind or ""


def _bad_request(found: Any, cls: type[msgspec.Struct], problem: str) -> BadRequest:
    api_version, kind = _type_of(cls)
    if isinstance(found, dict):
        api_version, kind = found.get("apiVersion") or api_version, found.get("kind") or kind
    version = api_version.rpartition("/")[2]
    return Unreadable(kind or cls.__name__, version, cls.__name__, problem)


def _unrecognized(cls: type[msgspec.Struct], problem: str, body: bytes) -> str:
    if not body:
        shown = "<empty>"
    else:
        head = body[:_SUMMARY_LENGTH]
        shown = head.decode("utf-8", "replace") if body[:1] == b"{" else head.hex()
        shown += " ..." if len(body) > _SUMMARY_LENGTH else ""
    return f"the object provided is unrecognized (must be of type {cls.__name__}): {problem} ({shown})"
