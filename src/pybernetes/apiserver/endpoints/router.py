"""From a RequestInfo to the module that answers it; the innermost handler of the chain.

Source: apiserver/pkg/endpoints/installer.go, apiserver/pkg/server/handler.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pybernetes.apimachinery.errors import BadRequest, MethodNotAllowed, NotFound
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.endpoints import answers, subresources, virtual
from pybernetes.apiserver.endpoints.create import create
from pybernetes.apiserver.endpoints.delete import delete, delete_collection
from pybernetes.apiserver.endpoints.get import get
from pybernetes.apiserver.endpoints.health import Health
from pybernetes.apiserver.endpoints.list import list_
from pybernetes.apiserver.endpoints.negotiation import error_form
from pybernetes.apiserver.endpoints.patch import patch
from pybernetes.apiserver.endpoints.reviews import Reviews
from pybernetes.apiserver.endpoints.scope import Scope, Services, Verb
from pybernetes.apiserver.endpoints.served import ServedResources
from pybernetes.apiserver.endpoints.update import update
from pybernetes.apiserver.endpoints.watch import watch
from pybernetes.apiserver.registry.generic.interface import Registry
from pybernetes.apiserver.request_info import LONG_RUNNING_SUBRESOURCES, RequestInfo
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.pages import page_not_found

VERBS: dict[str, Verb] = {
    "get": get,
    "list": list_,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}
_WITHOUT_NAME = ("list", "watch", "create", "deletecollection")
_BY_SELECTOR = ("list", "watch", "deletecollection")

Connect = Callable[[Request, RequestInfo, Resource], Awaitable[Response | Upgrade]]
"""log, exec, attach, portforward and proxy of pods, nodes and services."""
Page = Callable[[Request], Response | Awaitable[Response | Upgrade] | None]
"""What answers paths that are no resources; None: not mine."""


class Router:
    def __init__(
        self,
        registry: Registry,
        served: ServedResources,
        services: Services,
        reviews: Reviews,
        health: Health,
        connect: Connect,
        pages: Mapping[str, Page],
    ) -> None:
        self._registry = registry
        self._served = served
        self._services = services
        self._reviews = reviews
        self._health = health
        self._connect = connect
        self._pages = pages

    async def handle(self, request: Request) -> Response | Upgrade:
        info: RequestInfo = request.context["info"]
        if not info.is_resource:
            return await self._page(request)
        resource = self._served.find(info.group, info.version, info.resource)
        if resource is None:
            if not self._served.has(info.group, info.version):
                return page_not_found()
            raise NotFound("the server could not find the requested resource")
        if self._reviews.has(resource):
            _require("create", info)
            return await self._reviews.create(request, info, resource)
        if info.subresource in LONG_RUNNING_SUBRESOURCES or info.verb == "proxy":
            if not any(sub.name == info.subresource for sub in resource.subresources):
                raise NotFound("the server could not find the requested resource")
            return await self._connect(request, info, resource)
        if not resource.group and resource.plural == "bindings":
            return await virtual.create_binding(request, info, self._registry)
        if not resource.group and resource.plural == "componentstatuses":
            return virtual.component_statuses(request, info, resource, self._health)
        return await self._verb(request, info, resource)

    def _verb(self, request: Request, info: RequestInfo, resource: Resource) -> Awaitable[Response | Upgrade]:
        try:
            storage = self._registry.storage_for(resource)
        except KeyError:
            raise NotFound("the server could not find the requested resource") from None
        if resource.namespaced:
            misplaced = not info.namespace and bool(info.name) and info.verb not in _BY_SELECTOR
        else:
            misplaced = bool(info.namespace) and info.resource != "namespaces"
        if misplaced:
            raise NotFound("the server could not find the requested resource")
        if request.method == "HEAD":
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if not info.subresource and (info.name in (".", "..") or "%" in info.name):
            raise BadRequest(f'Name parameter invalid: "{info.name}": {_unfit(info.name)}')
        scope = Scope(request, info, resource, storage, self._services)
        if info.subresource:
            return subresources.subresource(scope)
        serve = VERBS.get(info.verb)
        told = info.verb in resource.verbs or resource.custom  # a custom kind that goes tells fewer than it answers
        if serve is None or not told or (info.verb == "create" and info.name):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if resource.namespaced and not info.namespace and info.verb in ("create", "deletecollection"):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if info.verb not in _WITHOUT_NAME and not info.name:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        return serve(scope)

    async def _page(self, request: Request) -> Response | Upgrade:
        if request.path == "/":
            return answers.answer(request, error_form(request), self._paths())
        first = request.path.strip("/").split("/", 1)[0]
        page = self._pages.get(first)
        found = page(request) if page is not None else None
        if found is None:
            return page_not_found()
        return found if isinstance(found, Response) else await found

    def _paths(self) -> bytes:
        """What `/` lists."""
        import orjson

        paths = {"/api", "/apis", "/version", "/metrics", "/metrics/slis", "/openapi/v2", "/openapi/v3"}
        paths |= {"/healthz", "/livez", "/readyz", "/.well-known/openid-configuration", "/openid/v1/jwks"}
        paths |= {f"/api/{version}" for version in self._served.versions("")}
        for group in self._served.groups():
            paths.add(f"/apis/{group}")
            paths |= {f"/apis/{group}/{version}" for version in self._served.versions(group)}
        return orjson.dumps({"paths": sorted(paths)})


def _unfit(name: str) -> str:
    """Why a name cannot stand in a path. Source: apimachinery/pkg/api/validation/path/name.go."""
    return "may not contain '%'" if "%" in name else f"may not be '{name}'"


def _require(verb: str, info: RequestInfo) -> None:
    if info.name:
        raise NotFound("the server could not find the requested resource")
    if info.verb != verb:
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
