"""Which form a request's body has (Content-Type), and the body in a form that the registry takes.

JSON and YAML go on as the bytes they are; protobuf, which kubectl sends for built-in kinds, and CBOR as a tree.
Source: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation (NegotiateInputSerializer).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from pybernetes.apimachinery import decoding
from pybernetes.apimachinery.errors import BadRequest, UnsupportedMediaType
from pybernetes.apimachinery.patience import patiently
from pybernetes.apiserver.endpoints.negotiation import CBOR, JSON, PROTOBUF, YAML, cbor_offered
from pybernetes.apiserver.registry.generic.interface import Body, RequestContext
from pybernetes.http.messages import Request

T = TypeVar("T", bound=msgspec.Struct)
ACCEPTED = (JSON, YAML, PROTOBUF)


def media_type(request: Request) -> str:
    """The media type of a body, JSON when none is given. Raises UnsupportedMediaType."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not given and not request.headers.get("content-type"):
        return JSON
    accepted = (*ACCEPTED, CBOR) if cbor_offered(request) else ACCEPTED
    if given not in accepted:
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
        )
    return given


async def read(request: Request, ctx: RequestContext) -> Body:
    """The body for the registry; sets ctx.content_type. Raises UnsupportedMediaType, BadRequest."""
    given = media_type(request)
    body = await request.whole()
    ctx.size = len(body)
    if given in _AS_TREE:
        ctx.content_type = JSON
        return await patiently(_AS_TREE[given], body, size=len(body))
    ctx.content_type = given
    return body


async def decode(request: Request, cls: type[T], field_validation: str) -> tuple[T, list[str]]:
    """A body that is not stored (a review) as an object, with warnings. Raises UnsupportedMediaType, BadRequest."""
    given = media_type(request)
    body = await request.whole()
    return await patiently(_decoded, body, given, cls, field_validation, size=len(body))


def _decoded(body: bytes, given: str, cls: type[T], field_validation: str) -> tuple[T, list[str]]:
    if given in _AS_TREE:
        return decoding.from_tree(_AS_TREE[given](body), cls, field_validation)
    return decoding.decode(body, cls, field_validation=field_validation, content_type=given)


async def tree(request: Request) -> dict[str, Any]:
    """A small body (options) as a tree. Raises UnsupportedMediaType, BadRequest."""
    given = media_type(request)
    body = await request.whole()
    return await patiently(_tree, body, given, size=len(body))


def _tree(body: bytes, given: str) -> dict[str, Any]:
    found: Any
    if given in _AS_TREE:
        return _AS_TREE[given](body)
    if given == YAML:
        from pybernetes.apimachinery.yaml_text import parse_yaml

        try:
            found, _ = parse_yaml(body)
        except ValueError as error:
            raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None
    else:
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None
    if not isinstance(found, dict):
        raise BadRequest("couldn't get version/kind; json parse error: expected an object")
    return found


def _protobuf(body: bytes) -> dict[str, Any]:
    from pybernetes.apimachinery.protobuf import decoding as protobuf
    from pybernetes.apimachinery.protobuf.wire import ProtobufError

    try:
        return protobuf.decode(body)
    except ProtobufError as error:
        raise BadRequest(str(error)) from None


def cbor(body: bytes) -> dict[str, Any]:
    """A body in CBOR. Raises BadRequest."""
    # Imported with the first client that speaks it.
    from pybernetes.apimachinery.cbor import CborError, decode

    try:
        found = decode(body)
    except CborError as error:
        raise BadRequest(str(error)) from None
    if not isinstance(found, dict):
        raise BadRequest("unable to determine group/version/kind: cbor: expected a map")
    return found


_AS_TREE: dict[str, Callable[[bytes], dict[str, Any]]] = {PROTOBUF: _protobuf, CBOR: cbor}
