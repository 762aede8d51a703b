"""GET of one object: the bytes of the watch cache."""

from __future__ import annotations

from pybernetes.apiserver.endpoints import options
from pybernetes.apiserver.endpoints.scope import Scope
from pybernetes.http.messages import Response


async def get(scope: Scope) -> Response:
    form = scope.object_form()
    ctx = options.context(scope.request, scope.info, scope.resource, "get")
    version = ""
    if "resourceVersion" in scope.request.query:
        version = scope.request.params().get("resourceVersion", [""])[0]
    return scope.object_answer(form, await scope.storage.get(ctx, version))
