"""Which objects a list or watch wants, and where the next page of a list begins.

Source: apiserver/pkg/registry/generic/matcher.go, storage/selection_predicate.go, storage/continue.go.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.selectors import FieldSelector, LabelSelector, SelectorError
from pybernetes.apiserver.registry.generic.attributes import Attributes
from pybernetes.apiserver.registry.generic.interface import ListOptions

CONTINUE_VERSION = "meta.k8s.io/v1"
_PLAIN = re.compile(r"[A-Za-z0-9._/-]*")


@dataclass(slots=True, frozen=True)
class Selection:
    labels: LabelSelector
    fields: FieldSelector

    @property
    def everything(self) -> bool:
        return self.labels.empty and self.fields.empty

    @property
    def name(self) -> str | None:
        """The one metadata.name that is wanted, if any."""
        return self.fields.exact("metadata.name")

    @property
    def namespace(self) -> str | None:
        return self.fields.exact("metadata.namespace")

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What stands in the bytes of every object that is wanted, so that the others need not be decoded.

        Canonical JSON has no spaces, and nothing that may stand in a label or a name is escaped in it.
        """
        found = []
        for field, value in (("name", self.name), ("namespace", self.namespace)):
            if value and _PLAIN.fullmatch(value):
                found.append(f'"{field}":"{value}"'.encode())
        for requirement in self.labels.requirements:
            values = requirement.values
            if requirement.operator in ("=", "==", "in") and len(values) == 1:
                text = f'"{requirement.key}":"{values[0]}"'
            elif requirement.operator in ("in", "exists", "gt", "lt"):
                text = f'"{requirement.key}":"'
            else:
                continue
            if _PLAIN.fullmatch(requirement.key) and all(map(_PLAIN.fullmatch, values)):
                found.append(text.encode())
        return tuple(found)

    @property
    def matches(self) -> Callable[[Attributes], bool] | None:
        """None: everything matches."""
        labels, fields = self.labels, self.fields
        if fields.empty:
            return None if labels.empty else lambda found: labels.matches(found.labels)
        if labels.empty:
            return lambda found: fields.matches(found.fields)
        return lambda found: labels.matches(found.labels) and fields.matches(found.fields)


EVERYTHING = Selection(LabelSelector(), FieldSelector())


def parse(options: ListOptions, selectable: Mapping[str, str]) -> Selection:
    """Both selectors of a request; `selectable` says which field a name stands for. Raises BadRequest."""
    if not options.label_selector and not options.field_selector:
        return EVERYTHING
    try:
        labels = LabelSelector.parse(options.label_selector)
        fields = FieldSelector.parse(options.field_selector)
    except SelectorError as error:
        raise errors.BadRequest(str(error)) from None
    for requirement in fields.requirements:
        if requirement.field not in selectable:
            raise errors.BadRequest(_unsupported(requirement.field, selectable))
    return Selection(labels, fields.transformed(lambda name, value: (selectable[name], value)))


def _unsupported(field: str, selectable: Iterable[str]) -> str:
    """Kinds with fields of their own tell this otherwise than those that have metadata alone."""
    if set(selectable) - {"metadata.name", "metadata.namespace"}:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


class _Token(msgspec.Struct):
    v: str
    rv: int
    start: str


_BAD_TOKEN = "invalid continue token: continue key is not valid"
_token = msgspec.json.Decoder(_Token)


def encode_continue(start_key: str, prefix: str, revision: int) -> str:
    """The token for the page that begins at `start_key`."""
    raw = msgspec.json.encode(_Token(CONTINUE_VERSION, revision, start_key.removeprefix(prefix)))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_continue(token: str, prefix: str) -> tuple[str, int]:
    """The start key and the revision. Raises BadRequest."""
    try:
        parsed = _token.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise errors.BadRequest(f"{_BAD_TOKEN}: it cannot be decoded") from None
    if parsed.v != CONTINUE_VERSION:
        why = f"server does not recognize this encoded version {json_text(parsed.v)}"
        raise errors.BadRequest(f"{_BAD_TOKEN}: {why}")
    if parsed.rv == 0:
        why = f"incorrect encoded start resourceVersion (version {CONTINUE_VERSION})"
        raise errors.BadRequest(f"{_BAD_TOKEN}: {why}")
    if not parsed.start or ".." in parsed.start.split("/"):
        raise errors.BadRequest(f"{_BAD_TOKEN}: invalid start key")
    return prefix + parsed.start, parsed.rv


def json_text(value: str) -> str:
    return msgspec.json.encode(value).decode()
