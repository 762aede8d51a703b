"""PATCH in its four kinds, one of them in two encodings. Source: apiserver/pkg/endpoints/handlers/patch.go."""

from __future__ import annotations

from pybernetes.apimachinery.errors import UnsupportedMediaType
from pybernetes.apimachinery.patience import patiently
from pybernetes.apiserver.endpoints import bodies, negotiation, options
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.apiserver.registry.generic.interface import Body, PatchType, RequestContext
from pybernetes.http.messages import Request, Response

_TYPES: dict[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
_APPLY_CBOR = "application/apply-patch+cbor"


async def patch(scope: Scope) -> Response:
    form = scope.object_form()
    patch_type = type_of(scope.request)
    ctx = options.context(scope.request, scope.info, scope.resource, "patch")
    scope.require_namespace(ctx)
    options.write_options(ctx, scope.request, "PatchOptions", patch_type)
    written = await scope.storage.patch(ctx, patch_type, await body_of(scope.request, ctx, patch_type))
    return scope.object_answer(form, written.value, 201 if written.created else 200)


def type_of(request: Request) -> PatchType:
    """Which patch the body is. Raises UnsupportedMediaType."""
    media_type = _media_type(request)
    found = _TYPES.get(media_type)
    if found is None:
        cbor = negotiation.cbor_offered(request)
        if cbor and media_type == _APPLY_CBOR:
            return "apply"
        types = [*_TYPES, _APPLY_CBOR] if cbor else _TYPES
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(types)
        )
    return found


async def body_of(request: Request, ctx: RequestContext, patch_type: PatchType) -> Body:
    """The patch for the registry; sets ctx.content_type. Raises BadRequest."""
    ctx.content_type = negotiation.YAML if patch_type == "apply" else negotiation.JSON
    body = await request.whole()
    ctx.size = len(body)
    return await patiently(bodies.cbor, body, size=len(body)) if _media_type(request) == _APPLY_CBOR else body


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
