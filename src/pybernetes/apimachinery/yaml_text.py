"""YAML text into a JSON tree, as the API server reads it: YAML 1.1 booleans, no dates, aliases limited.

Source: sigs.k8s.io/yaml (YAMLToJSON, YAMLToJSONStrict).
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

MAX_NODES = 1_000_000
"""An alias counts what it stands for, so that a few lines cannot unfold into gigabytes."""

MAX_DEPTH = 1000
_LONG_RUN = re.compile(rb"[ \t?:-]{%d}" % MAX_DEPTH)
_SEPARATOR = re.compile(rb"^---(.*)\n?", re.MULTILINE)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class _Loader(yaml.CSafeLoader):
    """CSafeLoader with the scalars that Go's YAML knows: no dates, no base 60."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        own = {id(k) for k, _ in node.value}
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = _key(self.construct_object(key_node, deep=True))
            if key in seen:
                self.repeated.append(f'  line {key_node.start_mark.line + 1}: key "{key}" already set in map')
            seen.add(key)
        self.flatten_mapping(node)
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            target = found if id(key_node) in own else merged
            target[_key(self.construct_object(key_node, deep=True))] = self.construct_object(value_node, deep=True)
        return merged | found


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)

_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"[yYnN]$"), list("yYnN"))


def _bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return str(node.value).lower() in ("y", "yes", "true", "on")


def _int(loader: _Loader, node: yaml.ScalarNode) -> int | float | str:
    """One that 64 bits do not hold is read as Go reads it: as a float, and where that is none either, as text."""
    plain = str(node.value).replace("_", "")
    text = plain.replace("0o", "0")
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.removeprefix("+"))
    base = {"0b": 2, "0x": 16}.get(digits[:2].lower(), 8 if len(digits) > 1 and digits[0] == "0" else 10)
    number = sign * int(digits[2:] if base in (2, 16) else digits, base)
    if -(2**63) <= number < 2**64:
        return number
    return _float(loader, node) if plain == text and base in (8, 10) else str(node.value)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float | str:
    number = float(str(node.value).replace("_", ""))
    return number if math.isfinite(number) else str(node.value)


def _binary(loader: _Loader, node: yaml.ScalarNode) -> str:
    return bytes(yaml.constructor.SafeConstructor.construct_yaml_binary(loader, node)).decode("utf-8", "replace")


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.mapping)
_Loader.add_constructor("tag:yaml.org,2002:bool", _bool)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:binary", _binary)
for _tag in ("set", "omap", "pairs", "timestamp"):
    del _Loader.yaml_constructors[f"tag:yaml.org,2002:{_tag}"]  # JSON has nothing for them


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int | float):
        return repr(key)
    if key is None:
        return "null"
    raise yaml.YAMLError(f"unsupported map key of type {type(key).__name__}")


def parse_yaml(body: bytes) -> tuple[Any, list[str]]:
    """(tree, strict problems) of one YAML document. Raises ValueError with one line of text."""
    try:
        _check_depth(body)
        loader = _Loader(body)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(_one_line(error)) from None
    try:
        node = loader.get_single_node()
        if node is not None and _size(node, {}) > MAX_NODES:
            raise yaml.YAMLError("yaml: document contains excessive aliasing")
        tree = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(_one_line(error)) from None
    finally:
        loader.dispose()
    problems = ["yaml: unmarshal errors:\n" + "\n".join(loader.repeated)] if loader.repeated else []
    return tree, problems


def documents(body: bytes) -> list[Any]:
    """The trees of a file of manifests, those that are empty left out. Raises ValueError with one line of text.

    Source: apimachinery/pkg/util/yaml/decoder.go (YAMLReader.Read).
    """
    parts = _SEPARATOR.split(body)
    for after in map(bytes.strip, parts[1::2]):
        if after and not after.startswith(b"#"):
            raise ValueError(f"invalid Yaml document separator: {after.decode(errors='replace')}")
    trees = [parse_yaml(part)[0] for part in parts[::2]]
    return [tree for tree in trees if tree is not None]


def _check_depth(body: bytes) -> None:
    """Raises YAMLError for nesting that the composer, which recurses in C, would overflow its stack on.

    Every level needs a bracket, more indentation or one more indicator in a row, so the events are only counted for
    the rare text that has many of them.
    """
    few = body.count(b"[") + body.count(b"{") <= MAX_DEPTH and not body.startswith(_UTF_16)
    if few and _LONG_RUN.search(body) is None:
        return
    depth = 0
    for event in yaml.parse(body, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise yaml.YAMLError("yaml: exceeded max depth")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes `node` unfolds into; a node inside itself is refused."""
    size = known.get(id(node))
    if size is None:
        known[id(node)] = MAX_NODES + 1
        size = 1
        if isinstance(node, yaml.SequenceNode):
            size += sum(_size(item, known) for item in node.value)
        elif isinstance(node, yaml.MappingNode):
            size += sum(_size(k, known) + _size(v, known) for k, v in node.value)
        known[id(node)] = size
    return size


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "yaml: exceeded max depth"
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if mark is not None and problem:
        return f"yaml: line {mark.line + 1}: {problem}"
    return " ".join(str(error).split())
