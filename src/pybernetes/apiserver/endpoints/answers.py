"""Answers: served bytes, lists, Statuses, in the form the client accepts.

Bytes go out as they lie in the cache; a tree is made only for YAML and pretty printing.
Source: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
import orjson

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.endpoints.negotiation import CBOR, JSON, PROTOBUF, YAML, Form, error_form
from pybernetes.http.messages import Request, Response

_JSON_HEADERS = (("Cache-Control", "no-cache, private"), ("Content-Type", JSON))
_YAML_HEADERS = (("Cache-Control", "no-cache, private"), ("Content-Type", YAML))
_PROTOBUF_HEADERS = (("Cache-Control", "no-cache, private"), ("Content-Type", PROTOBUF))
_CBOR_HEADERS = (("Cache-Control", "no-cache, private"), ("Content-Type", CBOR))
_SLICE = 200
"""So many objects are written in protobuf or CBOR before others get their turn."""
_QUOTED = re.compile(r'[\\"]')
_BACKSLASHED = r"\\\g<0>"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_MOST_OF_WARNINGS, _START_OF_A_WARNING = 4096, 256


def answer(request: Request, form: Form, body: bytes, status: int = 200) -> Response:
    """A whole answer from JSON bytes, with the request's warnings."""
    headers = list(_JSON_HEADERS)
    if form.media_type == YAML:
        headers, body = list(_YAML_HEADERS), to_yaml(body)
    elif form.media_type == PROTOBUF:
        written = protobuf(body)
        if written is not None:
            headers, body = list(_PROTOBUF_HEADERS), written
    elif form.media_type == CBOR:
        headers, body = list(_CBOR_HEADERS), cbor(body)
    elif form.pretty:
        body = prettily(body)
    return _with_warnings(request, Response(status, headers, body))


def _with_warnings(request: Request, response: Response) -> Response:
    warnings = request.context.get("warnings")
    if warnings:
        response.headers += warning_headers(warnings)
    return response


def error_answer(request: Request, error: StatusError) -> Response:
    """The Status of an error."""
    response = answer(request, error_form(request), msgspec.json.encode(error.status), error.code)
    if error.details is not None and error.details.retryAfterSeconds:
        response.headers.append(("Retry-After", str(error.details.retryAfterSeconds)))
    if error.code in (401, 403):
        response.headers.append(("X-Content-Type-Options", "nosniff"))
    return response


def list_prefix(resource: Resource) -> bytes:
    """How every served object of the resource begins; a list leaves it out of its items."""
    return b'{"apiVersion":"%b","kind":"%b",' % (resource.api_version.encode(), resource.kind.encode())


def list_metadata(revision: int, continue_: str, remaining: int | None) -> bytes:
    """ListMeta as JSON."""
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if continue_:
        metadata["continue"] = continue_
    if remaining is not None and continue_:
        metadata["remainingItemCount"] = remaining
    return orjson.dumps(metadata)


def list_body(resource: Resource, items: list[bytes], metadata: bytes) -> bytes:
    """A List of served objects."""
    return b"".join((list_head(resource, metadata), list_items(resource, items), b"]}"))


def list_head(resource: Resource, metadata: bytes) -> bytes:
    """How a List of served objects begins; then come its items and `]}`."""
    if resource.custom and b'"continue":' not in metadata:
        metadata = b'{"continue":"",' + metadata[1:]
    return b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
        resource.list_kind.encode(),
        resource.api_version.encode(),
        metadata,
    )


def list_items(resource: Resource, items: list[bytes]) -> bytes:
    """The items of a List, joined; without apiVersion and kind but for custom ones, as upstream has it."""
    if resource.custom:
        return b",".join(items)
    prefix = list_prefix(resource)
    size = len(prefix)
    return b",".join([b"{" + item[size:] if item.startswith(prefix) else item for item in items])


def protobuf(body: bytes) -> bytes | None:
    """An enveloped object from its JSON; None for kinds that have no form in protobuf."""
    # Imported with the first client that asks for it.
    from pybernetes.apimachinery.protobuf import encoding
    from pybernetes.apimachinery.protobuf.wire import ProtobufError

    try:
        return encoding.enveloped_json(body)
    except ProtobufError:
        return None


async def protobuf_list(request: Request, api_version: str, kind: str, items: list[bytes], metadata: bytes) -> Response:
    """A List in protobuf; long ones let others have their turn."""
    from pybernetes.apimachinery.protobuf import encoding

    messages: list[bytes] = []
    for start in range(0, len(items), _SLICE):
        if start:
            await asyncio.sleep(0)
        messages += map(encoding.encode_json, items[start : start + _SLICE])
    raw = encoding.list_message(orjson.loads(metadata), messages)
    return _with_warnings(
        request, Response(200, list(_PROTOBUF_HEADERS), encoding.envelope(api_version, f"{kind}List", raw))
    )


def cbor(body: bytes) -> bytes:
    """An object in CBOR from its JSON."""
    # Imported with the first client that asks for it.
    from pybernetes.apimachinery.cbor import encode

    return encode(orjson.loads(body))


async def cbor_list(request: Request, api_version: str, kind: str, items: list[bytes], metadata: bytes) -> Response:
    """A List in CBOR; long ones let others have their turn."""
    from pybernetes.apimachinery.cbor import encode_item, list_of

    encoded: list[bytes] = []
    for start in range(0, len(items), _SLICE):
        if start:
            await asyncio.sleep(0)
        encoded += [encode_item(orjson.loads(item)) for item in items[start : start + _SLICE]]
    body = list_of(api_version, kind, orjson.loads(metadata), encoded)
    return _with_warnings(request, Response(200, list(_CBOR_HEADERS), body))


def prettily(body: bytes) -> bytes:
    """Indented JSON with a newline at its end."""
    return msgspec.json.format(body, indent=2) + b"\n"


def to_yaml(body: bytes) -> bytes:
    """The YAML form of JSON bytes, keys sorted as upstream's encoder does."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(
        orjson.loads(body), Dumper=dumper, sort_keys=True, default_flow_style=False, allow_unicode=True
    )
    return text.encode()


def warning_headers(texts: list[str]) -> list[tuple[str, str]]:
    """Warning headers, each text once; where all of them are long, each says how it begins.

    Source: apiserver/pkg/endpoints/filters/warning.go, apimachinery/pkg/util/net/http.go (NewWarningHeader).
    """
    shown = [text for text in dict.fromkeys(texts) if text and not _CONTROL.search(text)]
    if sum(map(len, shown)) > _MOST_OF_WARNINGS:
        starts, said = [], 0
        for text in shown:
            if said >= _MOST_OF_WARNINGS:
                break
            starts.append(text[:_START_OF_A_WARNING])
            said += len(starts[-1])
        shown = starts
    return [("Warning", f'299 - "{_QUOTED.sub(_BACKSLASHED, text)}"') for text in shown]
