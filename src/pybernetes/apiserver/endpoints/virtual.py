"""Resources that nothing is stored for: `bindings` of a namespace, `componentstatuses`.

Source: pkg/registry/core/pod/storage (LegacyBindingREST), pkg/registry/core/componentstatus.
"""

from __future__ import annotations

import orjson

from pybernetes.apimachinery.errors import BadRequest, MethodNotAllowed, not_found
from pybernetes.apimachinery.scheme import Resource, find
from pybernetes.apiserver.endpoints import bodies, negotiation, options
from pybernetes.apiserver.endpoints.answers import answer, list_body
from pybernetes.apiserver.endpoints.health import Health
from pybernetes.apiserver.registry.generic.interface import Registry
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Request, Response


async def create_binding(request: Request, info: RequestInfo, registry: Registry) -> Response:
    """POST of a Binding to the namespace: the same as to pods/NAME/binding."""
    if info.verb != "create" or info.name:
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    form = negotiation.negotiate(request)
    tree = bodies.tree(request)
    metadata = tree.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise BadRequest("name is required")
    pods = find("", "v1", "pods")
    assert pods is not None
    info.name, info.subresource = name, "binding"
    ctx = options.context(request, info, pods, "create")
    options.write_options(ctx, request, "CreateOptions")
    written = await registry.storage_for(pods).subresources["binding"].create(ctx, bodies.read(request, ctx))
    return answer(request, form, written.value, 201)


def component_statuses(request: Request, info: RequestInfo, resource: Resource, health: Health) -> Response:
    """The store as this apiserver sees it; other components are not asked (deprecated since v1.19)."""
    form = negotiation.negotiate(request)
    problem = health.failing("livez").get("etcd", "")
    condition = {"type": "Healthy", "status": "False" if problem else "True", "message": problem or "ok"}
    status = {
        "apiVersion": "v1",
        "kind": "ComponentStatus",
        "metadata": {"name": "etcd-0"},
        "conditions": [condition],
    }
    body = orjson.dumps(status)
    if info.verb == "list":
        return answer(request, form, list_body(resource, [body], b"{}"))
    if info.verb != "get":
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    if info.name != "etcd-0":
        raise not_found("", "componentstatuses", info.name)
    return answer(request, form, body)
