"""Resources that nothing is stored for: `bindings` of a namespace, `componentstatuses`.

Source: pkg/registry/core/pod/storage (LegacyBindingREST), pkg/registry/core/componentstatus.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from pybernetes.apimachinery.errors import BadRequest, MethodNotAllowed, NotFound, not_found
from pybernetes.apimachinery.scheme import Resource, find
from pybernetes.apiserver.endpoints import bodies, negotiation, options
from pybernetes.apiserver.endpoints.answers import answer, list_body
from pybernetes.apiserver.endpoints.deprecated import deprecation
from pybernetes.apiserver.endpoints.health import Health
from pybernetes.apiserver.endpoints.tables import definition
from pybernetes.apiserver.registry.generic.interface import Column, Registry
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Request, Response


async def create_binding(request: Request, info: RequestInfo, registry: Registry) -> Response:
    """POST of a Binding to the namespace: the same as to pods/NAME/binding."""
    if info.name:
        raise NotFound("the server could not find the requested resource")
    if info.verb != "create":
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    form = negotiation.negotiate(request)
    tree = await bodies.tree(request)
    metadata = tree.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise BadRequest("name is required")
    pods = find("", "v1", "pods")
    assert pods is not None
    ctx = options.context(request, replace(info, name=name, subresource="binding"), pods, "create")
    options.write_options(ctx, request, "CreateOptions")
    written = await registry.storage_for(pods).subresources["binding"].create(ctx, await bodies.read(request, ctx))
    return answer(request, form, written.value, 201)


def component_statuses(request: Request, info: RequestInfo, resource: Resource, health: Health) -> Response:
    """The store as this apiserver sees it; other components are not asked (deprecated since v1.19)."""
    request.context.setdefault("warnings", []).append(deprecation(resource))
    transforms = negotiation.LIST_FORMS if info.verb == "list" else negotiation.OBJECT_FORMS
    form = negotiation.negotiate(request, tuple(each for each in transforms if each[0] == "Table"))
    problem = health.failing("livez").get("etcd", "")
    condition = {"type": "Healthy", "status": "False" if problem else "True", "message": problem or "ok"}
    status = {
        "apiVersion": "v1",
        "kind": "ComponentStatus",
        "metadata": {"name": "etcd-0"},
        "conditions": [condition],
    }
    body = orjson.dumps(status)
    if info.verb not in ("get", "list"):
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    if info.verb == "get" and info.name != "etcd-0":
        raise not_found("", "componentstatuses", info.name)
    if form.kind == "Table":
        return answer(request, form, _table(status, form, problem))
    if info.verb == "list":
        return answer(request, form, list_body(resource, [body], b"{}"))
    return answer(request, form, body)


def _table(status: dict[str, Any], form: negotiation.Form, problem: str) -> bytes:
    columns = [Column("Name", "string", "name"), Column("Status"), Column("Message"), Column("Error")]
    cells = ["etcd-0", "Unhealthy" if problem else "Healthy", problem or "ok", ""]
    group_version = f"{form.group}/{form.version}"
    shown = {"kind": "PartialObjectMetadata", "apiVersion": group_version, "metadata": status["metadata"]}
    return orjson.dumps(
        {
            "kind": "Table",
            "apiVersion": group_version,
            "metadata": {},
            "columnDefinitions": [definition(column) for column in columns],
            "rows": [{"cells": cells, "object": shown}],
        }
    )
