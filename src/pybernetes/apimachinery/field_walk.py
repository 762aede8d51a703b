"""A JSON tree held against a schema: what is unknown, doubled or of the wrong type, in the words of Go's decoder.

Used off the fast path only: to word an error, to drop nulls, to read numbers that stand for quantities.
Source: sigs.k8s.io/json (the strict decoder), encoding/json (type errors).
"""

from __future__ import annotations

from typing import Any

from pybernetes.apimachinery.json_text import Members
from pybernetes.apimachinery.scalars import CANONICAL
from pybernetes.apimachinery.schema import Schema

MAX_STRICT_ERRORS = 100
_GO_TYPES = {"string": "string", "boolean": "bool", "number": "float64", "int32": "int32", "int64": "int64"}
_ZERO: dict[str, Any] = {"boolean": False, "number": 0.0, "int32": 0, "int64": 0, "int_or_string": 0, "quantity": "0"}
_LIMITS = {"int32": 2**31, "int64": 2**63}
_DROP = object()


class DecodeError(ValueError):
    """The first value of a wrong type."""


class Walk:
    """One pass over one tree. `problems` collects the strict errors in the order of the document."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        self.error: str = ""

    def check(self) -> None:
        """Raises DecodeError when a value had a wrong type."""
        if self.error:
            raise DecodeError(self.error)

    def object(self, tree: dict[str, Any], schema: Schema, path: str, names: str) -> dict[str, Any]:
        """The tree of a Struct without nulls and unknown fields, scalars canonical.

        `path` is the strict path (`spec.containers[0]`), `names` Go's path without indices.
        """
        again = tree.repeated_after if isinstance(tree, Members) and tree.repeated else None
        found: dict[str, Any] = {}
        fields = schema.fields
        struct = schema.struct.__name__ if schema.struct else ""
        for count, (name, value) in enumerate(tree.items()):
            if again is not None:
                self._duplicates(again(count), path)
            at = f"{path}.{name}" if path else name
            field = fields.get(name)
            if field is None:
                self._problem(f'unknown field "{at}"')
                continue
            if value is None and field.kind != "any":
                continue
            where = f"{names}.{name}" if names else name
            plain = self._value(value, field, at, where, f"{struct}.{where}")
            if plain is not _DROP:
                found[name] = plain
        if again is not None:
            self._duplicates(again(len(tree)), path)
        return found

    def _value(self, value: Any, schema: Schema, path: str, names: str, go_field: str) -> Any:
        kind = schema.kind
        if kind == "any":
            return value
        if kind == "scalar":
            return self._scalar(value, schema.scalar, go_field)
        if kind == "object":
            if value is None:
                return {}
            if not isinstance(value, dict):
                return self._mismatch(value, go_field, go_type(schema))
            return self.object(value, schema, path, names)
        element = schema.element
        assert element is not None
        if value is None:
            return [] if kind == "list" else {}
        if kind == "list":
            if not isinstance(value, list):
                return self._mismatch(value, go_field, go_type(schema))
            items = [self._value(v, element, f"{path}[{i}]", names, go_field) for i, v in enumerate(value)]
            return [item for item in items if item is not _DROP]
        if not isinstance(value, dict):
            return self._mismatch(value, go_field, go_type(schema))
        if isinstance(value, Members):
            self._duplicates([name for _, name in value.repeated], path)
        entries = {k: self._value(v, element, f"{path}.{k}", names, go_field) for k, v in value.items()}
        return {k: v for k, v in entries.items() if v is not _DROP}

    def _scalar(self, value: Any, scalar: str, go_field: str) -> Any:
        if value is None:
            return _ZERO.get(scalar, "")
        if scalar in CANONICAL:
            if scalar == "quantity" and _is_number(value):
                value = repr(value)
            if not isinstance(value, str):
                if scalar == "quantity":
                    return self._refuse(_QUANTITY_WRONG)
                return self._mismatch(
                    value, "" if scalar != "bytes" else go_field, "string" if scalar != "bytes" else "[]uint8"
                )
            try:
                return CANONICAL[scalar](value)
            except ValueError as error:
                return self._refuse(str(error))
        if scalar == "int_or_string":
            if isinstance(value, str):
                return value
            scalar, go_field = "int32", ""
        if scalar in _LIMITS:
            return self._integer(value, scalar, go_field)
        fits = {"string": isinstance(value, str), "boolean": isinstance(value, bool), "number": _is_number(value)}
        return value if fits[scalar] else self._mismatch(value, go_field, _GO_TYPES[scalar])

    def _integer(self, value: Any, scalar: str, go_field: str) -> Any:
        if not _is_number(value):
            return self._mismatch(value, go_field, scalar)
        limit = _LIMITS[scalar]
        if isinstance(value, float) or not -limit <= value < limit:
            return self._mismatch(value, go_field, scalar, f"number {_number(value)}")
        return value

    def _mismatch(self, value: Any, go_field: str, wanted: str, got: str = "") -> Any:
        where = f"Go struct field {go_field} of type" if go_field else "Go value of type"
        return self._refuse(f"json: cannot unmarshal {got or json_type(value)} into {where} {wanted}")

    def _refuse(self, message: str) -> Any:
        self.error = self.error or message
        return _DROP

    def _duplicates(self, names: list[str], path: str) -> None:
        for name in names:
            self._problem(f'duplicate field "{path}.{name}"' if path else f'duplicate field "{name}"')

    def _problem(self, message: str) -> None:
        if len(self.problems) < MAX_STRICT_ERRORS and message not in self.problems:
            self.problems.append(message)


_QUANTITY_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def json_type(value: Any) -> str:
    """The word of Go's decoder for the type of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    return "array" if isinstance(value, list) else "object"


def go_type(schema: Schema) -> str:
    """The Go type that stands for a schema: []v1.Container, map[string]string."""
    if schema.struct is not None:
        return f"{schema.struct.__module__.rpartition('.')[2]}.{schema.struct.__name__}"
    if schema.kind == "list":
        return f"[]{go_type(schema.element)}" if schema.element else "[]interface {}"
    if schema.kind == "map":
        return f"map[string]{go_type(schema.element)}" if schema.element else "map[string]interface {}"
    special = {"quantity": "resource.Quantity", "time": "v1.Time", "micro_time": "v1.MicroTime", "bytes": "[]uint8"}
    special["int_or_string"] = "intstr.IntOrString"
    return _GO_TYPES.get(schema.scalar) or special.get(schema.scalar, "interface {}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: int | float) -> str:
    return repr(value)
