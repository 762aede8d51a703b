"""The JSONPath of printer columns and simple field paths: `.status.conditions[?(@.type=="Ready")].status`.

Source: client-go/util/jsonpath (the part that upstream allows in additionalPrinterColumns).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

Values = list[Any]
Step = Callable[[Values], Values]


class JsonPathError(ValueError):
    """A path that cannot be read."""


_TOKEN = re.compile(
    r"""\.\.|\.(?P<name>(?:\\.|[^\s.\[\]\\'"?@()*,{}])+)|\.?(?P<star>\*)|\[(?P<index>-?\d+)\]|\[\*\]
    |\[(?P<from>-?\d*):(?P<to>-?\d*)\]
    |\['(?P<single>(?:[^'\\]|\\.)*)'\]|\["(?P<double>(?:[^"\\]|\\.)*)"\]
    |\[\?\(\s*@(?P<left>[^=!<>]*?)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<right>'[^']*'|"[^"]*"|[^)\s]+)\s*)?\)\]""",
    re.VERBOSE,
)


def compile_path(text: str) -> Callable[[Any], Values]:
    """A function from a JSON tree to every value at the path. Raises JsonPathError."""
    text = text.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise JsonPathError(f"unrecognized character in action: {text[at:]!r}")
        steps.append(_step(found))
        at = found.end()

    def values(tree: Any) -> Values:
        current: Values = [tree]
        for step in steps:
            current = step(current)
            if not current:
                break
        return current

    return values


def _step(found: re.Match[str]) -> Step:
    if found[0] == "..":
        return _descend
    if found["star"] or found[0] == "[*]":
        return _all
    for group in ("name", "single", "double"):
        if found[group] is not None:
            name = re.sub(r"\\(.)", r"\1", found[group])
            return lambda values: [v[name] for v in values if isinstance(v, dict) and name in v]
    if found["index"] is not None:
        index = int(found["index"])
        return lambda values: [v[index] for v in values if isinstance(v, list) and -len(v) <= index < len(v)]
    if found["from"] is not None:
        part = slice(*(int(found[g]) if found[g] else None for g in ("from", "to")))
        return lambda values: [item for v in values if isinstance(v, list) for item in v[part]]
    return _filter(found["left"], found["op"] or "", found["right"] or "")


def _all(values: Values) -> Values:
    return [item for v in values for item in (v.values() if isinstance(v, dict) else v if isinstance(v, list) else ())]


def _descend(values: Values) -> Values:
    found: Values = []
    for value in values:
        found.append(value)
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        found += _descend([child for child in children if isinstance(child, dict | list)])
    return found


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _filter(left: str, operator: str, right: str) -> Step:
    inner = compile_path(left)
    wanted = _literal(right)

    def matches(item: Any) -> bool:
        values = inner(item)
        if not operator:
            return bool(values)
        try:
            return bool(values) and _COMPARE[operator](values[0], wanted)
        except TypeError:
            return False

    return lambda values: [item for v in values if isinstance(v, list) for item in v if matches(item)]


def _literal(text: str) -> Any:
    if text[:1] in ("'", '"'):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


@functools.lru_cache(1024)
def simple_path(text: str) -> tuple[str, ...]:
    """The names of a path of plain fields, `.spec.replicas`. Raises JsonPathError for anything else."""
    names = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        name = found and (found["name"] or found["single"] or found["double"])
        if found is None or not name:
            raise JsonPathError(f"{text!r} is no path of fields")
        names.append(re.sub(r"\\(.)", r"\1", name))
        at = found.end()
    return tuple(names)


def lookup(tree: Any, names: tuple[str, ...]) -> Any:
    """The value at a path of fields; None where there is none."""
    for name in names:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree


def put(tree: dict[str, Any], names: tuple[str, ...], value: Any) -> None:
    for name in names[:-1]:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    tree[names[-1]] = value
