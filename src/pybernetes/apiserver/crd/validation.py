"""Whether an object fits a structural schema, in upstream's words.

`jsonschema-rs` answers for every object that is valid; only one that is not is walked here, to say what is wrong
where and,
on an update, to let pass what was wrong before and did not change (ratcheting).
Source: kube-openapi/pkg/validation/validate, apiextensions-
apiserver/pkg/apiserver/validation/{validation,ratcheting}.go,
apiextensions-apiserver/pkg/apiserver/schema/listtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs
import orjson

from pybernetes.apimachinery import patterns
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.formats import FORMATS
from pybernetes.apimachinery.trees import equal
from pybernetes.apiserver.crd import numbers
from pybernetes.apiserver.crd.structural import Structural

Tree = Mapping[str, Any]
ABSENT: Any = object()
"""Stands for an old value that there is none of."""
_NOWHERE = Path("<nil>")
"""What upstream shows for an error of the object as a whole."""
_SAME_WORD = (
    "maximum",
    "minimum",
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "multipleOf",
    "maxProperties",
    "minProperties",
    "required",
    "enum",
)
_INTEGERS = {"int32": 2**31, "int64": 2**63}
_GO_FORMATS = {"integer": "int64", "number": "float64"}
"""What upstream calls the format of a number that it read."""


class SchemaValidator:
    """The compiled schema of one version."""

    def __init__(self, schema: Tree) -> None:
        self._schema = schema
        self._compiled = _compile(schema)

    def validate(self, value: Any, base: str = "", old: Any = ABSENT) -> list[FieldError]:
        """All that is wrong with a JSON value, in a stable order; `old` is the value before an update.

        `base` is where the value stands, for one that is no object of its own.
        """
        if self._compiled is not None and self._compiled.is_valid(value):
            return []
        return _Walk(base).node(value, self._schema, "", old)


def _compile(schema: Tree) -> Any:
    """What answers for valid objects at once; None for a schema that JSON Schema reads in another way."""
    if not _alike(schema):
        return None
    try:
        formats = {**FORMATS, **{f"pattern {text}": patterns.searcher(text) for text in _patterns(schema)}}
        return jsonschema_rs.Draft4Validator(
            json_schema(schema), validate_formats=True, ignore_unknown_formats=True, formats=formats
        )
    except (ValueError, jsonschema_rs.ValidationError):
        return None  # words that mean nothing: an enum of nothing, a negative length


def _below(schema: Tree) -> list[Tree]:
    found = [*(schema.get("properties") or {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for word in ("allOf", "anyOf", "oneOf"):
        found += schema.get(word) or ()
    return [child for child in (*found, schema.get("not")) if isinstance(child, Mapping)]


def _alike(schema: Tree) -> bool:
    if schema.get("format") and (schema.get("x-kubernetes-int-or-string") or not schema.get("type")):
        return False
    return numbers.plain(schema) and all(_alike(child) for child in _below(schema))


def _patterns(schema: Tree) -> set[str]:
    found = {schema["pattern"]} if schema.get("pattern") else set()
    return found.union(*(_patterns(child) for child in _below(schema)))


def json_schema(schema: Tree) -> dict[str, Any]:
    """The JSON schema (draft 4, with boolean exclusive bounds) that a structural schema means."""
    made: dict[str, Any] = {word: schema[word] for word in _SAME_WORD if word in schema}
    for bound, exclusive in (("maximum", "exclusiveMaximum"), ("minimum", "exclusiveMinimum")):
        if bound in made and schema.get(exclusive):
            made[exclusive] = True
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    elif schema.get("type"):
        made["type"] = schema["type"]
    if schema.get("format") in FORMATS and schema.get("type") == "string":
        made["format"] = schema["format"]
    if schema.get("properties"):
        made["properties"] = {name: json_schema(child) for name, child in schema["properties"].items()}
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        made["additionalProperties"] = json_schema(additional)
    elif additional is False:
        made["additionalProperties"] = False
    if isinstance(schema.get("items"), Mapping):
        made["items"] = json_schema(schema["items"])
    for word in ("allOf", "anyOf", "oneOf"):
        if schema.get(word):
            made[word] = [json_schema(child) for child in schema[word]]
    if schema.get("not") is not None:
        made["not"] = json_schema(schema["not"])
    besides: list[dict[str, Any]] = []
    if made.get("type") in ("integer", ["integer", "string"]):
        limit = _INTEGERS.get(schema.get("format") or "", 2**63)
        besides.append({"minimum": -limit, "maximum": limit - 1})
    if schema.get("pattern"):
        besides.append({"format": f"pattern {schema['pattern']}"})
    if besides:
        made = {"allOf": [made, *besides]}
    if schema.get("nullable"):
        null: dict[str, Any] = {"type": "null"}
        if schema.get("enum") is not None:
            null["enum"] = schema["enum"]
        return {"anyOf": [null, made]}
    return made


class _Walk:
    """One value held against one schema; errors come in the order of upstream's validators."""

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._nowhere = Path(base) if base else _NOWHERE

    def node(self, value: Any, schema: Tree, path: str, old: Any) -> list[FieldError]:
        if old is not ABSENT and equal(value, old):
            return []
        found = self._type(value, schema, path)
        if value is None:
            return found + self._enum(value, schema, path)
        found += self._combined(value, schema, path, old)
        if isinstance(value, str):
            found += self._string(value, schema, path)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found += self._number(value, schema, path)
        elif isinstance(value, list):
            found += self._list(value, schema, path, old)
        found += self._enum(value, schema, path)
        if isinstance(value, dict):
            found += self._object(value, schema, path, old)
        return found

    def _type(self, value: Any, schema: Tree, path: str) -> list[FieldError]:
        kind, form = schema.get("type"), format_of(schema)
        types: tuple[Any, ...] = (kind,) if kind else ()
        if schema.get("x-kubernetes-int-or-string"):
            types = ("integer", "string")
        got = type_name(value)
        if value is None:
            fits = not types or bool(schema.get("nullable")) or got in types
        else:
            fits = got in types or (got == "integer" and "number" in types)
            fits = fits or (isinstance(value, float) and "integer" in types and numbers.is_whole(value))
        if fits or not (types or form):
            return []
        wanted = ",".join(types)
        if form and value is not None:
            # Where there is a format, upstream does not look at the type of texts and lists, and names formats else.
            numeric = "number" in types or "integer" in types
            if got not in ("string", "array"):
                if _GO_FORMATS.get(got, "") != form:
                    wanted, got = form, _GO_FORMATS.get(got, "")
            elif not numeric:
                return []
        said = f'must be of type {wanted}: "{got}"'
        return [FieldError.type_invalid(self._at(path), got, _worded(path, said))]

    def _combined(self, value: Any, schema: Tree, path: str, old: Any) -> list[FieldError]:
        found: list[FieldError] = []
        quoted = f'"{path}"'
        if any_of := schema.get("anyOf"):
            results = [self.node(value, child, path, old) for child in any_of]
            if all(results):
                found.append(
                    FieldError.invalid(self._nowhere, "", f"{quoted} must validate at least one schema (anyOf)")
                )
                found += sorted(results, key=_count)[0]
        if one_of := schema.get("oneOf"):
            results = [self.node(value, child, path, old) for child in one_of]
            valid = sum(not result for result in results)
            if valid != 1:
                why = f"Found {valid} valid alternatives" if valid else "Found none valid"
                said = f"{quoted} must validate one and only one schema (oneOf). {why}"
                found.append(FieldError.invalid(self._nowhere, "", said))
                found += sorted(results, key=_count)[0] if not valid else []
        if all_of := schema.get("allOf"):
            results = [self.node(value, child, path, old) for child in all_of]
            found += [error for result in results for error in result]
            if any(results):
                none = ". None validated" if all(results) else ""
                found.append(
                    FieldError.invalid(self._nowhere, "", f"{quoted} must validate all the schemas (allOf){none}")
                )
        if schema.get("not") is not None and not self.node(value, schema["not"], path, ABSENT):
            found.append(FieldError.invalid(self._nowhere, "", f"{quoted} must not validate the schema (not)"))
        return found

    def _string(self, value: str, schema: Tree, path: str) -> list[FieldError]:
        found: list[FieldError] = []
        most, least, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
        if most is not None and len(value) > most:
            found.append(FieldError.too_long(self._at(path), most))
        elif least is not None and len(value) < least:
            found.append(self._invalid(path, value, f"should be at least {least} chars long"))
        elif pattern and (why := patterns.problem(pattern)):
            found.append(self._invalid(path, value, f"should match '{pattern}, but pattern is invalid: {why}'"))
        elif pattern and not patterns.searcher(pattern)(value):
            found.append(self._invalid(path, value, f"should match '{pattern}'"))
        form = format_of(schema)
        check = FORMATS.get(form)
        if check is not None and not check(value):
            said = f'must be of type {form}: "{value}"'
            found.append(FieldError.type_invalid(self._at(path), value, _worded(path, said)))
        return found

    def _number(self, value: int | float, schema: Tree, path: str) -> list[FieldError]:
        return [
            FieldError.invalid(self._nowhere, "", wrong.said)
            if wrong.whole
            else FieldError.invalid(self._at(path), wrong.shown, wrong.said)
            if wrong.said.startswith("factor")
            else self._invalid(path, wrong.shown, wrong.said)
            for wrong in numbers.problems(value, schema, path)
        ]

    def _list(self, value: list[Any], schema: Tree, path: str, old: Any) -> list[FieldError]:
        found: list[FieldError] = []
        items = schema.get("items")
        if isinstance(items, Mapping):
            before = _correlated(value, schema, old)
            for i, item in enumerate(value):
                found += self.node(item, items, f"{path}[{i}]", before(i))
        if schema.get("minItems") is not None and len(value) < schema["minItems"]:
            found.append(self._invalid(path, len(value), f"should have at least {schema['minItems']} items"))
        if schema.get("maxItems") is not None and len(value) > schema["maxItems"]:
            found.append(FieldError.too_many(self._at(path), len(value), schema["maxItems"]))
        return found

    def _enum(self, value: Any, schema: Tree, path: str) -> list[FieldError]:
        allowed = schema.get("enum")
        if not allowed or any(equal(value, option) for option in allowed):
            return []
        options = [o if isinstance(o, str) else orjson.dumps(o).decode() for o in allowed]
        return [FieldError.not_supported(self._at(path), value, options)]

    def _object(self, value: dict[str, Any], schema: Tree, path: str, old: Any) -> list[FieldError]:
        found: list[FieldError] = []
        least, most = schema.get("minProperties"), schema.get("maxProperties")
        if least is not None and len(value) < least:
            found.append(self._invalid(path, len(value), f"should have at least {least} properties"))
        if most is not None and len(value) > most:
            found.append(FieldError.too_many(self._at(path), len(value), most))
        properties = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        before = old if isinstance(old, dict) and schema.get("x-kubernetes-map-type") != "atomic" else {}
        for name in sorted(value):
            child = properties.get(name, additional)
            if isinstance(child, Mapping):
                at = f"{path}.{name}" if path or name not in properties else name
                found += self.node(value[name], child, at, before.get(name, ABSENT))
            elif additional is False and name not in properties:
                found.append(self._invalid(path, "", f"{path}.{name} in body is a forbidden property"))
        for name in schema.get("required") or ():
            if name not in value:
                found.append(FieldError.required(self._at(f"{path}.{name}")))
        return found

    def _at(self, path: str) -> Path:
        if not self._base:
            return Path(path.removeprefix("."))
        return Path(f"{self._base}.{path.removeprefix('.')}" if path else self._base)

    def _invalid(self, path: str, value: Any, said: str) -> FieldError:
        detail = said if " in body " in said else _worded(path, said)
        return FieldError.invalid(self._at(path), value, detail)


def format_of(schema: Tree) -> str:
    """The format of a schema; "" for one that upstream knows for other types or not at all."""
    form = schema.get("format") or ""
    match schema.get("type"):
        case "string" | "" | None:
            return form if form in FORMATS else ""
        case "integer":
            return form if form in ("int32", "int64") else ""
        case "number":
            return form if form in ("float", "double") else ""
    return ""


def _correlated(value: list[Any], schema: Tree, old: Any) -> Callable[[int], Any]:
    """The old item that stands for the new one at an index: by its keys in a list of type map, else none."""
    if not isinstance(old, list) or schema.get("x-kubernetes-list-type") != "map":
        return lambda i: ABSENT
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    known: dict[bytes, Any] = {}
    for item in old:
        if isinstance(item, dict):
            known[orjson.dumps([item.get(k) for k in keys])] = item

    def before(i: int) -> Any:
        item = value[i]
        return known.get(orjson.dumps([item.get(k) for k in keys]), ABSENT) if isinstance(item, dict) else ABSENT

    return before


def type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _count(errors: list[FieldError]) -> int:
    return len(errors)


def _worded(path: str, said: str) -> str:
    return f"{path} in body {said}"


# -- lists of type set and map ---------------------------------------------------------------------


def duplicates(value: Any, schema: Structural | None, path: Path) -> list[FieldError]:
    """Items that stand twice in a list of type set, or share their keys in one of type map."""
    found: list[FieldError] = []
    if schema is None or not schema.listed:
        return found
    if isinstance(value, dict):
        for name, child in value.items():
            if isinstance(child, dict | list):
                at = path.child(name) if name in schema.properties else path.key(name)
                found += duplicates(child, schema.child(name), at)
    elif isinstance(value, list):
        if schema.list_type == "set":
            found += [FieldError.duplicate(path.index(i), value[i]) for i in _repeated(value)]
        elif schema.list_type == "map":
            found += _list_map(value, schema, path)
        for i, item in enumerate(value):
            if isinstance(item, dict | list):
                found += duplicates(item, schema.items, path.index(i))
    return found


def _list_map(value: list[Any], schema: Structural, path: Path) -> list[FieldError]:
    for i, item in enumerate(value):
        if item is not None and not isinstance(item, dict):
            return [FieldError.invalid(path.index(i), item, "must be an object for an array of list-type map")]
    keys = [{k: item[k] for k in schema.list_keys if k in item} if item else {} for item in value]
    return [FieldError.duplicate(path.index(i), keys[i]) for i in _repeated(keys)]


def _repeated(items: list[Any]) -> list[int]:
    """The index of the second of each kind."""
    counts: dict[bytes, int] = {}
    found = []
    for i, item in enumerate(items):
        item = numbers.without_points(item) if isinstance(item, dict | list) else item
        key = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] == 2:
            found.append(i)
    return found
