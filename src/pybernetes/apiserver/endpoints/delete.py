"""DELETE of one object and of a collection. Source: apiserver/pkg/endpoints/handlers/delete.go."""

from __future__ import annotations

from pybernetes.apiserver.endpoints import options
from pybernetes.apiserver.endpoints.list import list_answer
from pybernetes.apiserver.endpoints.negotiation import LIST_FORMS
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.http.messages import Response


async def delete(scope: Scope) -> Response:
    form = scope.object_form()
    ctx = options.context(scope.request, scope.info, scope.resource, "delete")
    scope.require_namespace(ctx)
    chosen = await options.delete_options(ctx, scope.request)
    deleted = await scope.storage.delete(ctx, chosen)
    return scope.object_answer(form, deleted.value, 202 if deleted.accepted else 200)


async def delete_collection(scope: Scope) -> Response:
    form = scope.form(LIST_FORMS)
    params = scope.request.params() if scope.request.query else {}
    ctx = options.context(scope.request, scope.info, scope.resource, "deletecollection")
    scope.require_namespace(ctx)
    chosen = await options.delete_options(ctx, scope.request)
    result = await scope.storage.delete_collection(ctx, options.list_options(params), chosen)
    return await list_answer(scope, form, result)
