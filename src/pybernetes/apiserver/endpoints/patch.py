"""PATCH in its four kinds. Source: apiserver/pkg/endpoints/handlers/patch.go."""

from __future__ import annotations

from pybernetes.apimachinery.errors import UnsupportedMediaType
from pybernetes.apiserver.endpoints import negotiation, options
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.apiserver.registry.generic.interface import PatchType
from pybernetes.http.messages import Request, Response

_TYPES: dict[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


async def patch(scope: Scope) -> Response:
    form = scope.object_form()
    patch_type = type_of(scope.request)
    ctx = options.context(scope.request, scope.info, scope.resource, "patch")
    scope.require_namespace(ctx)
    ctx.content_type = negotiation.YAML if patch_type == "apply" else negotiation.JSON
    options.write_options(ctx, scope.request, "PatchOptions", patch_type)
    written = await scope.storage.patch(ctx, patch_type, scope.request.body)
    return scope.object_answer(form, written.value, 201 if written.created else 200)


def type_of(request: Request) -> PatchType:
    """Which patch the body is. Raises UnsupportedMediaType."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found = _TYPES.get(media_type)
    if found is None:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(_TYPES)
        )
    return found
