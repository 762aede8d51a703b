"""What a schema's values are in CEL: to the compiler (protobuf messages made of the schema) and to the evaluation.

Property names that CEL cannot say are escaped the same way on both sides.
Source: apiserver/pkg/cel/common/{schemas,values}.go, apiserver/pkg/cel/escaping.go.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, duration_pb2, timestamp_pb2

from pybernetes.apimachinery.formats import seconds_of
from pybernetes.apiserver.crd.cel import environment, opaque
from pybernetes.apiserver.crd.structural import META_FIELDS, Structural

T = cel.Type
_VALUE = ".google.protobuf.Value"
_RESERVED = re.compile(
    "true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|"
    "void|while"
)
_SPECIAL = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_META = Structural(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}},
    }
)


def escape(name: str) -> str:
    """A property's name in CEL; "" for one that cannot be said."""
    if _RESERVED.fullmatch(name):
        return f"__{name}__"
    escaped = re.sub(r"__|[.\-/]", lambda m: _SPECIAL[m[0]], name)
    return escaped if _NAME.fullmatch(escaped) else ""


def unescape(name: str) -> str:
    if (found := re.fullmatch(r"__([a-z]+)__", name)) and _RESERVED.fullmatch(found[1]):
        return found[1]
    return re.sub(
        r"__(underscores|dot|dash|slash)__",
        lambda m: {"underscores": "__", "dot": ".", "dash": "-", "slash": "/"}[m[1]],
        name,
    )


def with_type_meta(schema: Structural) -> Structural:
    """The root of a resource: apiVersion, kind and metadata's name can be read too."""
    found = Structural({**schema.tree})
    text = Structural({"type": "string"})
    found.properties = {**found.properties, "apiVersion": text, "kind": text, "metadata": _META}
    return found


# -- for the evaluation ----------------------------------------------------------------------------


def value_of(tree: Any, schema: Structural | None) -> Any:
    """A JSON value as the library takes it: escaped names, doubles, times, durations and bytes."""
    if schema is None or tree is None:
        return tree
    if isinstance(tree, dict):
        if not schema.additional:
            found = {}
            for name, child in tree.items():
                below = schema.properties.get(name)
                if below is None and not (schema.preserve or (schema.embedded and name in META_FIELDS)):
                    continue
                key = escape(name)
                if key:
                    found[key] = value_of(child, below)
            return found
        return {name: value_of(child, schema.additional) for name, child in tree.items()}
    if isinstance(tree, list):
        return [value_of(item, schema.items) for item in tree]
    if schema.int_or_string:
        return tree
    if schema.type == "number" and isinstance(tree, int) and not isinstance(tree, bool):
        return float(tree)
    if schema.type == "integer" and isinstance(tree, float):
        return int(tree)
    if isinstance(tree, str):
        return _formatted(tree, schema.tree.get("format"))
    return tree


def _formatted(text: str, form: Any) -> Any:
    try:
        match form:
            case "byte":
                return base64.b64decode(text)
            case "date":
                made = timestamp_pb2.Timestamp()
                made.FromDatetime(datetime.datetime.fromisoformat(text))
                return made
            case "date-time" | "datetime":
                made = timestamp_pb2.Timestamp()
                made.FromJsonString(text)
                return made
            case "duration":
                seconds = seconds_of(text)
                if seconds is not None:
                    length = duration_pb2.Duration()
                    length.FromTimedelta(datetime.timedelta(seconds=seconds))
                    return length
    except (ValueError, binascii.Error):
        pass
    return text


def exposed(node: Structural) -> bool:
    """Whether rules see a value: unknown contents they do not, nor lists and maps of such."""
    if node.int_or_string:
        return True
    match node.type:
        case "array":
            return node.items is not None and exposed(node.items)
        case "object":
            return node.additional is None or exposed(node.additional)
    return bool(node.type)


# -- for the compiler ------------------------------------------------------------------------------


class Checker:
    """Environments in which the rules of one schema's nodes are type-checked."""

    def __init__(self, root: Structural) -> None:
        self._pool = opaque.new_pool()
        self._file = descriptor_pb2.FileDescriptorProto(name="self.proto", package="self", syntax="proto3")
        for name in ("timestamp", "duration", "struct"):
            self._file.dependency.append(f"google/protobuf/{name}.proto")
        self._messages: dict[int, str] = {}
        self._keep = root
        self._closed = False

    def prepare(self, node: Structural) -> None:
        """Must be called for every node before the first `environment`."""
        self._type_name(node)

    def environment(self, node: Structural, *, bindings: bool = False) -> Any:
        if not self._closed:
            self._pool.Add(self._file)
            self._closed = True
        kind = self._type(node)
        variables = {"self": kind, "oldSelf": kind, "hasOldSelf": T.BOOL, "oldSelfValue": kind}
        return cel.NewEnv(
            descriptor_pool=self._pool,
            variables=variables,
            functions=environment.functions(),
            extensions=environment.extensions(bindings=bindings),
        )

    def _type(self, node: Structural | None) -> Any:
        if node is None:
            return T.DYN
        scalar = _scalar(node)
        if scalar is not None:
            return scalar
        if node.type == "array":
            return T.List(self._type(node.items))
        if node.type == "object":
            name = self._type_name(node)
            return T(name) if name else T.Map(T.STRING, self._type(node.additional))
        return T.DYN

    def _type_name(self, node: Structural) -> str:
        """The message of an object with properties; "" for anything else."""
        if node.type != "object" or node.additional is not None:
            for below in (*node.properties.values(), node.additional, node.items):
                if below is not None:
                    self._type_name(below)
            return ""
        known = self._messages.get(id(node))
        if known is not None:
            return known
        name = f"T{len(self._messages)}"
        self._messages[id(node)] = full = f"self.{name}"
        message = self._file.message_type.add(name=name)
        properties = with_type_meta(node).properties if node.embedded else node.properties
        for number, (wire, child) in enumerate(properties.items(), 1):
            if exposed(child) and (escaped := escape(wire)):
                self._field(message, escaped, number if number < 19000 else number + 1000, child)
        return full

    def _field(self, message: Any, name: str, number: int, node: Structural) -> None:
        field = message.field.add(name=name, number=number, label=1)
        if node.type == "array" and node.items is not None and not node.int_or_string:
            kind, type_name = self._element(node.items)
            field.label = 3
        elif node.type == "object" and node.additional is not None:
            entry = message.nested_type.add(name=f"{_camel(name)}Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=9, label=1)
            value = entry.field.add(name="value", number=2, label=1)
            value.type, value_type = self._element(node.additional)
            if value_type:
                value.type_name = value_type
            field.label = 3
            kind, type_name = 11, f".self.{message.name}.{entry.name}"
        else:
            kind, type_name = self._element(node)
        field.type = kind
        if type_name:
            field.type_name = type_name

    def _element(self, node: Structural) -> tuple[int, str]:
        """(field type, type name) of one value; lists of lists and the like are values of any type."""
        if not node.int_or_string and not node.nullable:
            match node.type:
                case "integer":
                    return 3, ""
                case "boolean":
                    return 8, ""
                case "string":
                    match node.tree.get("format"):
                        case "byte":
                            return 12, ""
                        case "date" | "date-time" | "datetime":
                            return 11, ".google.protobuf.Timestamp"
                        case "duration":
                            return 11, ".google.protobuf.Duration"
                    return 9, ""
        if node.type == "object":
            name = self._type_name(node)
            if name:
                return 11, f".{name}"
        for below in (node.items, node.additional):
            if below is not None:
                self._type_name(below)
        return 11, _VALUE


def _scalar(node: Structural) -> Any:
    if node.int_or_string or node.nullable:
        return T.DYN
    match node.type:
        case "integer":
            return T.INT
        case "number":
            return T.DYN  # compared with integers too
        case "boolean":
            return T.BOOL
        case "string":
            match node.tree.get("format"):
                case "byte":
                    return T.BYTES
                case "date" | "date-time" | "datetime":
                    return T.TIMESTAMP
                case "duration":
                    return T.DURATION
            return T.STRING
    return None


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
