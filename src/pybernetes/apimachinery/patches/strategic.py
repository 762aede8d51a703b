"""Strategic merge patch: a merge patch that knows which lists are keyed.

A list whose schema has the patch strategy `merge` is merged item by item (by its merge key, or as a set of
scalars); all other lists are replaced. Directives in the patch refine that:

    $patch: replace | delete | merge       on a map, or on an item of a keyed list
    $deleteFromPrimitiveList/<field>       values to take out of a list of scalars
    $setElementOrder/<field>               the order that the list shall have
    $retainKeys                            the only keys of a map that stay

Source: apimachinery/pkg/util/strategicpatch/patch.go.
Differs: a patch that cannot be applied is a 400 throughout; upstream answers some of them with a 500.
"""

from __future__ import annotations

from collections.abc import Hashable
from operator import itemgetter
from typing import Any

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apimachinery.schema import DEDUCED, Schema
from pybernetes.apimachinery.trees import equal, go_text, identity

_PATCH = "$patch"
_DELETE_FROM = "$deleteFromPrimitiveList"
_ORDER = "$setElementOrder"
_RETAIN = "$retainKeys"
_DIRECTIVES = (_DELETE_FROM, _ORDER, _RETAIN)

Tree = dict[str, Any]


def apply(tree: Tree, patch: Any, schema: Schema) -> Tree:
    """The tree with the patch merged in. Raises BadRequest.

    Neither argument is changed; the result is a new map, which shares unchanged branches with both.
    """
    if not isinstance(patch, dict):
        raise BadRequest("invalid JSON document")
    return _merge_map(tree, patch, schema)


def _merge_map(original: Tree, patch: Tree, schema: Schema) -> Tree:
    """`patch` merged into a copy of `original`."""
    if _PATCH in patch:
        return _directed(patch)
    original, patch = dict(original), dict(patch)
    _retain_keys(original, patch)
    _ordered_lists(original, patch, schema)
    for name, value in patch.items():
        if name.startswith(_DELETE_FROM):
            field = _directive_field(name, _DELETE_FROM)
            if isinstance(original.get(field), list) and isinstance(value, list):
                gone = set(map(identity, value))
                original[field] = [item for item in original[field] if identity(item) not in gone]
        elif value is None:
            original.pop(name, None)
        elif name in original and isinstance(value, dict) and isinstance(original[name], dict):
            original[name] = _merge_field(original[name], value, _child(schema, name))
        elif name in original and isinstance(value, list) and isinstance(original[name], list):
            original[name] = _merge_list(original[name], value, _child(schema, name))
        else:
            plain, keep = _without_directives(value)
            if keep:
                original[name] = plain
            else:
                original.pop(name, None)
    return original


def _merge_field(original: Tree, patch: Tree, schema: Schema) -> Tree:
    return patch if "replace" in schema.strategies else _merge_map(original, patch, schema)


def _merge_list(original: list[Any], patch: list[Any], schema: Schema) -> list[Any]:
    """The merged list, server-only items and patch items interleaved in their old order."""
    if "merge" not in schema.strategies:
        return patch
    if not original and not patch:
        return original
    merge_key = schema.merge_key
    if not _all_maps(original, patch):
        merged, known = list(original), set(map(identity, original))
        for item in patch:
            if (key := identity(item)) not in known:
                known.add(key)
                merged.append(item)
        merge_key = ""
    else:
        if not merge_key:
            raise BadRequest("cannot merge lists without merge key for Struct")
        original, patch = _item_directives(original, patch, merge_key)
        merged = _merge_items(list(original), patch, merge_key, schema.element or DEDUCED)
    return _interleaved(merged, patch, original, merge_key)


def _merge_items(merged: list[Any], patch: list[Any], merge_key: str, element: Schema) -> list[Any]:
    places: dict[Hashable, int] = {}
    for i, item in enumerate(merged):
        if merge_key in item:
            places.setdefault(identity(item[merge_key]), i)
    for item in patch:
        if merge_key not in item:
            raise _no_merge_key(item, merge_key)
        place = places.setdefault(identity(item[merge_key]), len(merged))
        if place == len(merged):
            merged.append(item)
        else:
            merged[place] = _merge_map(merged[place], item, element)
    return merged


def _item_directives(original: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """(list, patch) after the items of the patch that are directives have done their work."""
    plain: list[Any] = []
    gone: set[Hashable] = set()
    replace = False
    for item in patch:
        directive = item.get(_PATCH)
        if _PATCH not in item:
            plain.append(item)
        elif directive == "delete":
            if merge_key not in item:
                raise _no_merge_key(item, merge_key)
            gone.add(identity(item[merge_key]))
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise BadRequest("merging lists cannot yet be specified in the patch")
        else:
            raise _unknown_directive(directive, item)
    if replace:
        return plain, []
    return [item for item in original if identity(item.get(merge_key)) not in gone] if gone else original, plain


def _ordered_lists(original: Tree, patch: Tree, schema: Schema) -> None:
    """Merges and orders the lists that have a $setElementOrder, and takes both out of the patch."""
    for name in [name for name in patch if name.startswith(_ORDER)]:
        order = patch.pop(name)
        if not isinstance(order, list):
            raise BadRequest("invalid patch format of setElementOrder list")
        field = _directive_field(name, _ORDER)
        found, wanted = original.get(field), patch.get(field)
        for value in (found, wanted):
            if not isinstance(value, list | None):
                raise BadRequest("invalid patch format of setElementOrder list")
        child = _child(schema, field)
        merge_key = child.merge_key if _all_maps(order) else ""
        _check_order(wanted or [], order, merge_key)
        if found is not None and wanted is not None:
            merged = _merge_list(list(found), wanted, child)
        elif wanted is not None:
            merged = _without_directives(wanted)[0]
        elif found is not None:
            merged = found
        else:
            continue
        if merged:
            merged = _interleaved(merged, order, found or [], merge_key)
        original[field] = merged
        patch.pop(field, None)


def _check_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """The items of the patch (deletions aside) must come in the order that the patch itself demands."""
    if not patch or not order:
        return
    items = [item for item in patch if not (isinstance(item, dict) and _PATCH in item)]
    wanted = iter(order)
    for item in items:
        key = _key_of(item, merge_key)
        if not any(equal(_key_of(candidate, merge_key), key) for candidate in wanted):
            raise BadRequest(
                f"The order in patch list:\n{go_text(patch)}\n doesn't match {_ORDER} list:\n{go_text(order)}\n"
            )


def _interleaved(merged: list[Any], order: list[Any], before: list[Any], merge_key: str) -> list[Any]:
    """The items named in `order` in that order, and between them the others where they stood `before`."""
    rank, place = _ranks(order, merge_key), _ranks(before, merge_key)
    named: list[tuple[int, int, Any]] = []
    others: list[tuple[int, Any]] = []
    for item in merged:
        key = identity(_key_of(item, merge_key))
        at, stood = rank.get(key, -1), place.get(key, -1)
        if at >= 0:
            named.append((at, stood, item))
        else:
            others.append((stood, item))
    named.sort(key=itemgetter(0))
    others.sort(key=itemgetter(0))
    result: list[Any] = []
    i = j = 0
    while i < len(others) and j < len(named):
        if 0 <= others[i][0] < named[j][1]:
            result.append(others[i][1])
            i += 1
        else:
            result.append(named[j][2])
            j += 1
    return result + [item for _, item in others[i:]] + [item for _, _, item in named[j:]]


def _ranks(order: list[Any], merge_key: str) -> dict[Hashable, int]:
    ranks: dict[Hashable, int] = {}
    for i, item in enumerate(order):
        ranks.setdefault(identity(_key_of(item, merge_key)), i)
    return ranks


def _key_of(item: Any, merge_key: str) -> Any:
    if not merge_key:
        return item
    if not isinstance(item, dict) or merge_key not in item:
        raise _no_merge_key(item, merge_key)
    return item[merge_key]


def _retain_keys(original: Tree, patch: Tree) -> None:
    if _RETAIN not in patch:
        return
    retained = patch.pop(_RETAIN)
    if not isinstance(retained, list):
        raise BadRequest("invalid patch format of retainKeys")
    kept = {name for name in retained if isinstance(name, str)}
    for name, value in patch.items():
        if value is not None and name not in kept and not name.startswith((_DELETE_FROM, _ORDER)):
            raise BadRequest("invalid patch format of retainKeys")
    for name in [name for name in original if name not in kept]:
        del original[name]


def _directed(patch: Tree) -> Tree:
    directive = patch[_PATCH]
    if directive == "replace":
        return {name: value for name, value in patch.items() if name != _PATCH}
    if directive == "delete":
        return {}
    raise _unknown_directive(directive, patch)


def _without_directives(value: Any) -> tuple[Any, bool]:
    """(value without nulls and directives, whether it is to be kept at all)."""
    if isinstance(value, dict):
        if _PATCH in value:
            return None, False
        cleaned = {}
        for name, below in value.items():
            if isinstance(below, dict | list):
                below, keep = _without_directives(below)
                if not keep:
                    continue
            if below is not None and not name.startswith(_DIRECTIVES):
                cleaned[name] = below
        return cleaned, True
    if isinstance(value, list):
        items = [_without_directives(item) for item in value]
        return [item for item, keep in items if keep], True
    return value, True


def _child(schema: Schema, name: str) -> Schema:
    return schema.child(name) or DEDUCED


def _directive_field(name: str, prefix: str) -> str:
    head, slash, field = name.partition("/")
    if not slash or head != prefix:
        what = "primitive" if prefix == _DELETE_FROM else "setElementOrder"
        raise BadRequest(f"invalid patch format of {what} list")
    return field


def _all_maps(*lists: list[Any]) -> bool:
    """Whether the items are maps; a mixture is refused, and so are lists in lists."""
    kinds = {type(item) for items in lists for item in items}
    if list in kinds:
        raise BadRequest("lists of lists are not supported")
    if dict in kinds and len(kinds) > 1:
        raise BadRequest(f"list element types are not identical: {go_text(list(lists))}")
    return dict in kinds


def _no_merge_key(item: Any, merge_key: str) -> BadRequest:
    return BadRequest(f"map: {go_text(item)} does not contain declared merge key: {merge_key}")


def _unknown_directive(directive: Any, item: Any) -> BadRequest:
    return BadRequest(f"unknown patch type: {go_text(directive)} in map: {go_text(item)}")
