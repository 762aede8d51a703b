"""Requests to a subresource that is data: status, scale, binding, eviction, token, finalize, …"""

from __future__ import annotations

from pybernetes.apimachinery.errors import MethodNotAllowed, NotFound
from pybernetes.apiserver.endpoints import bodies, negotiation, options
from pybernetes.apiserver.endpoints.patch import body_of, type_of
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.apiserver.registry.generic.interface import Subresource
from pybernetes.http.messages import Response


async def subresource(scope: Scope) -> Response:
    """Dispatches by verb. Raises NotFound, MethodNotAllowed, what the subresource raises."""
    name = scope.info.subresource
    handler = scope.storage.subresources.get(name)
    declared = next((sub for sub in scope.resource.subresources if sub.name == name), None)
    if handler is None or declared is None:
        raise NotFound("the server could not find the requested resource")
    verb = scope.info.verb
    if verb not in declared.verbs:
        raise MethodNotAllowed(f'{verb} is not supported on resources of kind "{scope.resource.qualified}/{name}"')
    return await _serve(scope, handler, verb, scope.resource.plural if name == "status" else name)


async def _serve(scope: Scope, handler: Subresource, verb: str, shown_as: str) -> Response:
    # Only status answers with the resource's own kind, so only it has the resource's columns.
    request = scope.request
    form = scope.object_form() if shown_as == scope.resource.plural else negotiation.negotiate(request, _METADATA)
    ctx = options.context(request, scope.info, scope.resource, verb)
    if verb == "get":
        return scope.object_answer(form, await handler.get(ctx))
    if verb == "patch":
        patch_type = type_of(request)
        options.write_options(ctx, request, "PatchOptions", patch_type)
        written = await handler.patch(ctx, patch_type, await body_of(request, ctx, patch_type))
    else:
        options.write_options(ctx, request, "CreateOptions" if verb == "create" else "UpdateOptions")
        act = handler.create if verb == "create" else handler.update
        written = await act(ctx, await bodies.read(request, ctx))
    status = 201 if written.created or verb == "create" else 200
    return scope.object_answer(form, written.value, status)


_METADATA = tuple(form for form in negotiation.OBJECT_FORMS if form[0] != "Table")
