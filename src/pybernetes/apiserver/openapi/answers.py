"""/openapi/v2 and /openapi/v3 over HTTP: which form a client accepts, ETags, the hash in a document's URL.

Source: kube-openapi/pkg/handler (v2), kube-openapi/pkg/handler3 (v3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pybernetes.apiserver.openapi.service import PROTOBUF, PROTOBUF_ACCEPTED, OpenApi
from pybernetes.http.messages import Request, Response

_JSON = "application/json"
_IMMUTABLE = "public, immutable"


async def answer(openapi: OpenApi, request: Request) -> Response | None:
    """The answer to a GET below /openapi; None where there is nothing."""
    path = request.path.strip("/")
    if path == "openapi/v2":
        form = _v2_form(request.headers.get("accept", ""))
        if form is None:
            return Response(406, [("Content-Type", "text/plain; charset=utf-8")], b"Not Acceptable\n")
        name, build = ("v2.json", openapi.v2_json) if form == _JSON else ("v2.pb", openapi.v2_protobuf)
        return await _document(request, form, openapi.etag(name), build)
    if path == "openapi/v3":
        return await _document(request, _JSON, openapi.etag("v3"), openapi.v3_index)
    name = path.removeprefix("openapi/v3/")
    if name == path or name not in openapi.v3_names():
        return None
    asked = request.params().get("hash", [""])[0]
    current = openapi.hash_of(name)
    if asked and asked != current:
        return Response(301, [("Location", f"/{path}?hash={current}")])
    response = await _document(request, _JSON, openapi.etag(name), lambda: openapi.v3_document(name) or b"")
    if asked:
        response.headers.append(("Cache-Control", _IMMUTABLE))
    return response


async def _document(request: Request, content_type: str, etag: str, build: Callable[[], bytes]) -> Response:
    headers = [("Etag", etag), ("Vary", "Accept")]
    if etag in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(304, headers)
    return Response(200, [("Content-Type", content_type), *headers], await asyncio.to_thread(build))


def _v2_form(accept: str) -> str | None:
    """The first form in the Accept header that there is; JSON when it names none at all."""
    if not accept:
        return _JSON
    for part in accept.split(","):
        wanted = part.partition(";")[0].strip()
        if wanted in PROTOBUF_ACCEPTED:
            return PROTOBUF
        if wanted in (_JSON, "application/*", "*/*"):
            return _JSON
    return None
