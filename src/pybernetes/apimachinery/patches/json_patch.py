"""JSON Patch (RFC 6902) on a JSON tree.

Source: the JSON patch library that upstream's handlers call, apiserver/pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from pybernetes.api.meta.v1 import StatusCause
from pybernetes.apimachinery.errors import BadRequest, Invalid, RequestEntityTooLarge
from pybernetes.apimachinery.field_walk import json_type
from pybernetes.apimachinery.trees import copy_tree, equal

MAX_OPERATIONS = 10_000
MAX_COPIED_BYTES = 3 << 20
"""Source: apiserver/pkg/server/config.go, JSONPatchMaxCopyBytes."""
REJECTED = "the server rejected our request due to an error in our request"
"""What upstream answers to a patch that does not apply, whatever the reason."""
_INDEX = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


_OF_ALL = ("replace", "test")
"""What can be done with the whole document, by an empty path."""


class PatchError(Invalid):
    """An operation that does not apply (422).

    Differs: upstream's answer has no causes; ours says in one which operation failed and why.
    """

    def __init__(self, why: str) -> None:
        super().__init__(REJECTED, causes=[StatusCause(reason="FieldValueInvalid", message=why, field_="patch")])
        self.why = why


def apply(tree: Any, operations: Any) -> Any:
    """The tree after all operations; `tree` itself is left alone.

    Raises BadRequest for what is no patch, PatchError for an operation that does not apply (a `test` that fails
    among them), RequestEntityTooLarge for more than MAX_OPERATIONS operations.
    """
    if not isinstance(operations, list):
        raise _no_patch(operations, "[]handlers.jsonPatchOp")
    if len(operations) > MAX_OPERATIONS:
        raise RequestEntityTooLarge(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        )
    document = [copy_tree(tree)]
    copied_bytes = 0
    for operation in operations:
        if not isinstance(operation, dict):
            raise _no_patch(operation, "handlers.jsonPatchOp")
        name = operation.get("op")
        run = _OPERATIONS.get(name) if isinstance(name, str) else None
        if run is None:
            raise PatchError(f"Unexpected kind: {name}")
        if name == "copy":
            # Each copy can double the document, so what they add up to is limited, not their number.
            copied_bytes += _copied_bytes(document, operation)
            if copied_bytes > MAX_COPIED_BYTES:
                raise PatchError(
                    f"Unable to complete the copy, the accumulated size increase of copy is {copied_bytes}, "
                    f"exceeding the limit {MAX_COPIED_BYTES}"
                )
        run(document, operation)
    return document[0]


def _copied_bytes(document: list[Any], operation: dict[str, Any]) -> int:
    try:
        return len(msgspec.json.encode(_get(document, _path(operation, "from"), "copy")))
    except RecursionError:
        raise PatchError("copy operation does not apply: exceeded max depth") from None


def _no_patch(value: Any, wanted: str) -> BadRequest:
    return BadRequest(f"error decoding patch: json: cannot unmarshal {json_type(value)} into Go value of type {wanted}")


def _add(document: list[Any], operation: dict[str, Any]) -> None:
    _insert(document, _path(operation, "path"), copy_tree(operation.get("value")), "add")


def _remove(document: list[Any], operation: dict[str, Any]) -> None:
    _take(document, _path(operation, "path"), "remove")


def _replace(document: list[Any], operation: dict[str, Any]) -> None:
    path = _path(operation, "path")
    holder, key = _find(document, path, "replace")
    if isinstance(holder, list):
        holder[_position(key, path, len(holder) - 1)] = copy_tree(operation.get("value"))
    else:  # as upstream's library, which asks for the key in lists alone
        holder[key] = copy_tree(operation.get("value"))


def _move(document: list[Any], operation: dict[str, Any]) -> None:
    source, target = _path(operation, "from"), _path(operation, "path")
    if target.startswith(source + "/"):
        raise PatchError(f"move operation does not apply: {source} cannot move into itself")
    _insert(document, target, _take(document, source, "move"), "move")


def _copy(document: list[Any], operation: dict[str, Any]) -> None:
    value = _get(document, _path(operation, "from"), "copy")
    _insert(document, _path(operation, "path"), copy_tree(value), "copy")


def _test(document: list[Any], operation: dict[str, Any]) -> None:
    path = _path(operation, "path")
    holder, key = _find(document, path, "test")
    value = holder.get(key) if isinstance(holder, dict) else holder[_position(key, path, len(holder) - 1)]
    if not equal(value, operation.get("value")):
        raise PatchError(f"testing value {path} failed: test failed")


_OPERATIONS: dict[str, Callable[[list[Any], dict[str, Any]], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _path(operation: dict[str, Any], name: str) -> str:
    path = operation.get(name)
    if not isinstance(path, str):
        raise PatchError(f"{operation['op']} operation failed to decode {name}: missing value")
    if path and not path.startswith("/"):
        raise PatchError(f'{operation["op"]} operation does not apply: doc is missing path: "{path}": missing value')
    return path


def _find(document: list[Any], path: str, name: str) -> tuple[Any, str]:
    """The container that holds the last part of the path, and that part.

    The document lies in a list of one, so that the empty path is an index like another.
    """
    if not path and name in _OF_ALL:
        return document, "0"
    *parts, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    holder = document[0] if path else None
    for part in parts:
        if isinstance(holder, dict):
            holder = holder.get(part)
        elif isinstance(holder, list) and _INDEX.fullmatch(part) and -len(holder) <= int(part) < len(holder):
            holder = holder[int(part)]
        else:
            holder = None
    if not isinstance(holder, dict | list):
        raise PatchError(f'{name} operation does not apply: doc is missing path: "{path}": missing value')
    return holder, last


def _get(document: list[Any], path: str, name: str) -> Any:
    holder, key = _find(document, path, name)
    if isinstance(holder, list):
        return holder[_position(key, path, len(holder) - 1)]
    if key not in holder:
        if name == "copy":
            return None
        raise PatchError(f"{name} operation does not apply: doc is missing path: {path}: missing value")
    return holder[key]


def _take(document: list[Any], path: str, name: str) -> Any:
    value = _get(document, path, name)
    holder, key = _find(document, path, name)
    if isinstance(holder, dict):
        del holder[key]
    else:
        del holder[_position(key, path, len(holder) - 1)]
    return value


def _insert(document: list[Any], path: str, value: Any, name: str) -> None:
    holder, key = _find(document, path, name)
    if isinstance(holder, dict):
        holder[key] = value
    elif key == "-":
        holder.append(value)
    else:
        holder.insert(_position(key, path, len(holder)), value)


def _position(key: str, path: str, last: int) -> int:
    """The index that `key` names; a negative one counts from the end."""
    if not _INDEX.fullmatch(key):
        raise PatchError(f"value was not a proper array index: '{key}' in {path}")
    index = int(key)
    if index < 0:
        index += last + 1
    if not 0 <= index <= last:
        raise PatchError(f"Unable to access invalid index: {key} in {path}: invalid index referenced")
    return index
