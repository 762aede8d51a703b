"""The fieldPath of a rule: `.spec['a-b'].c`, followed along the schema it is written in.

Source: apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (ValidFieldPath).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pybernetes.apimachinery.field_errors import Path
from pybernetes.apiserver.crd.structural import Structural

_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\['(?P<quoted>(?:[^'\\]|\\.)*)'\]", re.DOTALL)


class FieldPathError(ValueError):
    """A path that leads nowhere."""


def steps(text: str, schema: Structural) -> Iterator[tuple[str, bool]]:
    """(name, whether it is a property's and not a map's) along a path. Raises FieldPathError."""
    node: Structural | None = schema
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or node is None:
            raise FieldPathError(text)
        quoted = found["quoted"]
        name = found["name"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        named = bool(node.properties)
        if named and name not in node.properties:
            raise FieldPathError(text)
        if not named and node.additional is None:
            raise FieldPathError(text)
        node = node.properties[name] if named else node.additional
        yield name, named
        at = found.end()


def is_valid(text: str, schema: Structural) -> bool:
    try:
        list(steps(text, schema))
    except FieldPathError:
        return False
    return True


def joined(path: Path, text: str, schema: Structural) -> Path:
    """Where a failed rule says that the field is; the path itself when its own leads nowhere."""
    found = path
    try:
        for name, named in steps(text, schema):
            found = found.child(name) if named else found.key(name)
    except FieldPathError:
        return path
    return found
