"""GET of a collection: served bytes, joined. Source: apiserver/pkg/endpoints/handlers/get.go."""

from __future__ import annotations

from pybernetes.apiserver.endpoints import answers, options, tables
from pybernetes.apiserver.endpoints.negotiation import LIST_FORMS, Form, negotiate
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.apiserver.registry.generic.interface import ListResult
from pybernetes.http.messages import Response


async def list_(scope: Scope) -> Response:
    form = negotiate(scope.request, LIST_FORMS)
    params = scope.request.params() if scope.request.query else {}
    ctx = options.context(scope.request, scope.info, scope.resource, "list")
    result = await scope.storage.list(ctx, options.list_options(params))
    return list_answer(scope, form, result)


def list_answer(scope: Scope, form: Form, result: ListResult) -> Response:
    """A ListResult as a List, a Table or metadata alone."""
    metadata = answers.list_metadata(result.revision, result.continue_, result.remaining)
    if form.kind == "Table":
        include = tables.include_object(scope.request.params())
        now = scope.services.clock.now()
        body = tables.table(scope.storage, result.items, metadata, form, include, now)
    elif form.kind:
        body = tables.partial_list(result.items, metadata, form)
    else:
        body = answers.list_body(scope.resource, result.items, metadata)
    return answers.answer(scope.request, form, body)
