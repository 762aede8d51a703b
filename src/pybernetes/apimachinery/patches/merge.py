"""JSON merge patch (RFC 7386) on a JSON tree."""

from __future__ import annotations

from typing import Any

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apimachinery.field_walk import json_type


def apply(tree: Any, patch: Any) -> Any:
    """The tree with the patch merged in: null removes, maps merge, everything else replaces.

    Neither argument is changed; the result shares unchanged branches with both. Raises BadRequest for what is no patch.
    """
    if not isinstance(patch, dict):
        wanted = "map[string]interface {}"
        raise BadRequest(
            f"error decoding patch: json: cannot unmarshal {json_type(patch)} into Go value of type {wanted}"
        )
    return _merged(tree, patch)


def _merged(tree: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(tree) if isinstance(tree, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result
