"""POST of a new object. Source: apiserver/pkg/endpoints/handlers/create.go."""

from __future__ import annotations

from pybernetes.apiserver.endpoints import negotiation, options
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.http.messages import Response


async def create(scope: Scope) -> Response:
    form = scope.object_form()
    ctx = options.context(scope.request, scope.info, scope.resource, "create")
    scope.require_namespace(ctx)
    ctx.content_type = negotiation.body_type(scope.request)
    options.write_options(ctx, scope.request, "CreateOptions")
    written = await scope.storage.create(ctx, scope.request.body)
    return scope.object_answer(form, written.value, 201)
