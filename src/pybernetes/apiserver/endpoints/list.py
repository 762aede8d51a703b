"""GET of a collection: served bytes, joined. Source: apiserver/pkg/endpoints/handlers/get.go."""

from __future__ import annotations

from pybernetes.apimachinery.patience import patiently
from pybernetes.apiserver.endpoints import answers, options, tables
from pybernetes.apiserver.endpoints.negotiation import CBOR, LIST_FORMS, PROTOBUF, YAML, Form
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.apiserver.registry.generic.interface import ListResult
from pybernetes.http.messages import Response


async def list_(scope: Scope) -> Response:
    form = scope.form(LIST_FORMS)
    params = scope.request.params() if scope.request.query else {}
    ctx = options.context(scope.request, scope.info, scope.resource, "list")
    result = await scope.storage.list(ctx, options.list_options(params))
    return await list_answer(scope, form, result)


async def list_answer(scope: Scope, form: Form, result: ListResult) -> Response:
    """A ListResult as a List, a Table or metadata alone."""
    metadata = answers.list_metadata(result.revision, result.continue_, result.remaining)
    if form.kind == "Table":
        include = tables.include_object(scope.request.params())
        now = scope.services.clock.now()
        body = tables.table(scope.storage, result.items, metadata, form, include, now)
    elif form.kind and form.media_type == PROTOBUF:
        partials = [tables.partial(item, form) for item in result.items]
        group_version = f"{form.group}/{form.version}"
        return await answers.protobuf_list(scope.request, group_version, "PartialObjectMetadata", partials, metadata)
    elif form.kind:
        body = tables.partial_list(result.items, metadata, form)
    elif form.media_type == PROTOBUF:
        resource = scope.resource
        return await answers.protobuf_list(scope.request, resource.api_version, resource.kind, result.items, metadata)
    elif form.media_type == CBOR:
        resource = scope.resource
        return await answers.cbor_list(scope.request, resource.api_version, resource.list_kind, result.items, metadata)
    else:
        body = scope.services.lists.body(scope.info, scope.resource, result.items, metadata)
    if form.media_type == YAML:  # written object by object; all else in one go
        return await patiently(answers.answer, scope.request, form, body, size=len(body))
    return answers.answer(scope.request, form, body)
