"""PUT of a whole object. Source: apiserver/pkg/endpoints/handlers/update.go."""

from __future__ import annotations

from pybernetes.apiserver.endpoints import bodies, options
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.http.messages import Response


async def update(scope: Scope) -> Response:
    form = scope.object_form()
    ctx = options.context(scope.request, scope.info, scope.resource, "update")
    scope.require_namespace(ctx)
    options.write_options(ctx, scope.request, "UpdateOptions")
    written = await scope.storage.update(ctx, await bodies.read(scope.request, ctx))
    return scope.object_answer(form, written.value, 201 if written.created else 200)
