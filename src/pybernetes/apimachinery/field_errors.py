"""Paths to fields and what can be wrong with a field's value, in upstream's words.

Validation collects FieldErrors; `invalid` turns a list of them into the 422 answer with its causes.

Source: apimachinery/pkg/util/validation/field/{path,errors}.go, apimachinery/pkg/api/errors/errors.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pybernetes.api.meta.v1 import StatusCause
from pybernetes.apimachinery.errors import Invalid
from pybernetes.apimachinery.trees import go_float

_NO_VALUE: Any = object()
OMITTED: Any = _NO_VALUE
"""A value that an error does not show."""
_WORDS = {
    "FieldValueNotFound": "Not found",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueTypeInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueTooLong": "Too long",
    "FieldValueTooShort": "Too short",
    "FieldValueTooMany": "Too many",
    "FieldValueTooFew": "Too few",
    "InternalError": "Internal error",
}
_WITH_VALUE = {
    "FieldValueInvalid",
    "FieldValueTypeInvalid",
    "FieldValueNotSupported",
    "FieldValueNotFound",
    "FieldValueDuplicate",
    "FieldValueTooMany",
    "FieldValueTooFew",
}


class Path:
    """`Path("spec").child("containers").index(0)` prints as spec.containers[0]; immutable."""

    __slots__ = ("text",)

    def __init__(self, *names: str) -> None:
        self.text = ".".join(names)

    def child(self, *names: str) -> Path:
        return self._with(".".join((self.text, *names)) if self.text else ".".join(names))

    def index(self, position: int) -> Path:
        return self._with(f"{self.text}[{position}]")

    def key(self, key: str) -> Path:
        return self._with(f"{self.text}[{key}]")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @staticmethod
    def _with(text: str) -> Path:
        path = Path.__new__(Path)
        path.text = text
        return path


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field. `type` is the cause's reason on the wire."""

    type: str
    field: str
    value: Any
    detail: str = ""

    @property
    def body(self) -> str:
        """The message without the field's name."""
        text = _WORDS[self.type]
        if self.type in _WITH_VALUE and self.value is not _NO_VALUE:
            text = f"{text}: {_shown(self.value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"

    @classmethod
    def required(cls, path: Path, detail: str = "") -> FieldError:
        return cls("FieldValueRequired", str(path), "", detail)

    @classmethod
    def invalid(cls, path: Path, value: Any, detail: str) -> FieldError:
        return cls("FieldValueInvalid", str(path), value, detail)

    @classmethod
    def type_invalid(cls, path: Path, value: Any, detail: str) -> FieldError:
        return cls("FieldValueTypeInvalid", str(path), value, detail)

    @classmethod
    def not_supported(cls, path: Path, value: Any, supported: Iterable[str]) -> FieldError:
        values = ", ".join(quoted(str(v)) for v in supported)
        return cls("FieldValueNotSupported", str(path), value, f"supported values: {values}" if values else "")

    @classmethod
    def duplicate(cls, path: Path, value: Any) -> FieldError:
        return cls("FieldValueDuplicate", str(path), value)

    @classmethod
    def not_found(cls, path: Path, value: Any) -> FieldError:
        return cls("FieldValueNotFound", str(path), value)

    @classmethod
    def forbidden(cls, path: Path, detail: str) -> FieldError:
        return cls("FieldValueForbidden", str(path), "", detail)

    @classmethod
    def too_long(cls, path: Path, max_bytes: int) -> FieldError:
        unit = "byte" if max_bytes == 1 else "bytes"
        detail = f"may not be more than {max_bytes} {unit}" if max_bytes >= 0 else "value is too long"
        return cls("FieldValueTooLong", str(path), "<value omitted>", detail)

    @classmethod
    def too_many(cls, path: Path, actual: int, most: int) -> FieldError:
        unit = "item" if most == 1 else "items"
        detail = f"must have at most {most} {unit}" if most >= 0 else "has too many items"
        return cls("FieldValueTooMany", str(path), actual if actual >= 0 else _NO_VALUE, detail)

    @classmethod
    def internal(cls, path: Path, detail: str) -> FieldError:
        return cls("InternalError", str(path), "", detail)


class _Kind(Protocol):
    @property
    def group(self) -> str: ...
    @property
    def kind(self) -> str: ...


def invalid(kind: _Kind | tuple[str, str] | str, name: str, errors: Sequence[FieldError]) -> Invalid:
    """The 422 answer for an object that failed validation.

    `kind` is anything with a group and a kind, a pair (group, kind), or text such as "Deployment.apps".
    """
    if isinstance(kind, str):
        kind_name, _, group = kind.partition(".")
    elif isinstance(kind, tuple):
        group, kind_name = kind
    else:
        group, kind_name = kind.group, kind.kind
    message = f"{kind_name}.{group}" if group else kind_name
    message = f"{message} {quoted(name)} is invalid"
    if errors:
        message = f"{message}: {aggregate(errors)}"
    causes = [StatusCause(reason=e.type, message=e.body, field_=e.field) for e in errors]
    return Invalid(message, group=group, kind=kind_name, name=name, causes=causes)


_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


def as_sent(errors: Iterable[FieldError], sent: Any) -> list[FieldError]:
    """The errors, with empty values shown as they were sent: `null` for a field left out, `{}`, `[]` or `""`.

    A Struct keeps no difference between an empty map or list and none. `sent` is the tree that was made into one.
    """
    return [error if error.value or _is_scalar(error.value) else _as_sent(error, sent) for error in errors]


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool, int, float))


def _as_sent(error: FieldError, sent: Any) -> FieldError:
    for key, name in _STEP.findall(error.field):
        if isinstance(sent, list) and key.isdecimal() and int(key) < len(sent):
            sent = sent[int(key)]
        elif isinstance(sent, dict):
            sent = sent.get(key or name)
        elif sent is not None:
            return error
    return error if sent else replace(error, value=sent)


def one_of(value: str | None, supported: Sequence[str], path: Path) -> list[FieldError]:
    """What is wrong with a value that is one of a few, where there is one."""
    return [] if value is None or value in supported else [FieldError.not_supported(path, value, supported)]


def aggregate(errors: Iterable[object]) -> str:
    """Several errors in one text, each once: `a` or `[a, b]`."""
    texts = list(dict.fromkeys(str(e) for e in errors))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


_CONTROL = re.compile(r"(?<!\\)\\u00([01][0-9a-f])")
_GO_ESCAPES = {"07": "\\a", "08": "\\b", "0b": "\\v", "0c": "\\f"}


def quoted(text: str) -> str:
    """As Go's %q writes it."""
    written = json.dumps(text, ensure_ascii=False)
    if text.isprintable():
        return written
    written = written.replace("\\b", "\\u0008").replace("\\f", "\\u000c")
    return _CONTROL.sub(lambda found: _GO_ESCAPES.get(found[1], f"\\x{found[1]}"), written)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, (bool, int)) or value is None:
        return json.dumps(value)
    import msgspec

    try:
        return msgspec.json.encode(value, order="deterministic").decode()
    except TypeError:
        return str(value)
