"""POST of a new object. Source: apiserver/pkg/endpoints/handlers/create.go."""

from __future__ import annotations

from pybernetes.apiserver.endpoints import bodies, options
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.http.messages import Response


async def create(scope: Scope) -> Response:
    form = scope.object_form()
    ctx = options.context(scope.request, scope.info, scope.resource, "create")
    scope.require_namespace(ctx)
    options.write_options(ctx, scope.request, "CreateOptions")
    written = await scope.storage.create(ctx, await bodies.read(scope.request, ctx))
    return scope.object_answer(form, written.value, 201)
