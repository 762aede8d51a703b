"""What differs between two versions of an object, field by field, as people read it. Pure.

Lists whose items have names are compared by name. Bookkeeping is left out: resourceVersion, generation and
managedFields change with every write. A Secret's values are told by their size, unless they are asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

_BOOKKEEPING = ("resourceVersion", "generation", "managedFields")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEYS = ("name", "type", "containerPort", "port", "key", "uid", "ip")
_SHOWN = 100
_SALT = os.urandom(16)

Tree = dict[str, Any]


def without_bookkeeping(tree: Tree | None) -> Tree:
    """The object without what every write changes."""
    if not tree:
        return {}
    meta = {key: value for key, value in tree.get("metadata", {}).items() if key not in _BOOKKEEPING}
    return {**tree, "metadata": meta}


def without_values(tree: Tree | None) -> Tree | None:
    """A Secret with the size of its values in their place; anything else as it is."""
    if not tree or tree.get("kind") != "Secret":
        return tree
    hidden = dict(tree)
    for field in ("data", "stringData"):
        if isinstance(tree.get(field), dict):
            hidden[field] = {key: _hidden(value) for key, value in tree[field].items()}
    notes = tree.get("metadata", {}).get("annotations") or {}
    if _LAST_APPLIED in notes:
        hidden["metadata"] = {
            **tree["metadata"],
            "annotations": {**notes, _LAST_APPLIED: _hidden(notes[_LAST_APPLIED])},
        }
    return hidden


def lines(old: Tree | None, new: Tree | None, *, status: bool = True) -> list[str]:
    """`spec.replicas: 1 → 3`, `+ metadata.labels.a: b`, `- spec.paused: true`, in the order of the fields."""
    before, after = without_bookkeeping(old), without_bookkeeping(new)
    if not status:
        before.pop("status", None)
        after.pop("status", None)
    return [
        f"- {path}: {_text(was)}" if now is _NOTHING else f"+ {path}: {_text(now)}" if was is _NOTHING
        else f"{path}: {_text(was)} → {_text(now)}"
        for path, was, now in _differences("", before, after)
    ]  # fmt: skip


class _Nothing:
    pass


_NOTHING = _Nothing()


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            inner = f"{path}.{key}" if path and "." not in key and "/" not in key else f"{path}[{key}]" if path else key
            yield from _differences(inner, old.get(key, _NOTHING), new.get(key, _NOTHING))
    elif isinstance(old, list) and isinstance(new, list) and (name := _key_of(old, new)):
        was, now = ({str(item[name]): item for item in items} for items in (old, new))
        for key in [*now, *(key for key in was if key not in now)]:
            yield from _differences(f"{path}[{key}]", was.get(key, _NOTHING), now.get(key, _NOTHING))
    else:
        yield path, old, new


def _key_of(old: list[Any], new: list[Any]) -> str:
    """The field that tells the items of both lists apart; "" when none does."""
    items = [*old, *new]
    if not items or not all(isinstance(item, dict) for item in items):
        return ""
    for key in _KEYS:
        if all(key in item for item in items) and all(
            len({str(item[key]) for item in each}) == len(each) for each in (old, new)
        ):
            return key
    return ""


def _text(value: Any) -> str:
    text = value if isinstance(value, str) and value and "\n" not in value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _hidden(value: Any) -> str:
    """Its size and a mark that tells two values apart, in this output alone."""
    text = str(value)
    return f"({len(text)} characters, {blake2b(text.encode(), key=_SALT, digest_size=2).hexdigest()})"
