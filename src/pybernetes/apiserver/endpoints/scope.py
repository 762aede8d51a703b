"""One routed request to a served resource: what every verb's module works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.endpoints import answers, tables
from pybernetes.apiserver.endpoints.joined import JoinedLists
from pybernetes.apiserver.endpoints.negotiation import OBJECT_FORMS, PROTOBUF, Form, negotiate
from pybernetes.apiserver.metrics import RequestMetrics
from pybernetes.apiserver.registry.generic.interface import RequestContext, ResourceStorage
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.http.messages import Request, Response, Upgrade


@dataclass(slots=True)
class Services:
    """What verbs need of the server besides the registry."""

    config: ApiServerConfig
    clock: Clock
    random: Random
    metrics: RequestMetrics
    lists: JoinedLists = field(default_factory=JoinedLists)


@dataclass(slots=True)
class Scope:
    request: Request
    info: RequestInfo
    resource: Resource
    storage: ResourceStorage
    services: Services

    def object_form(self) -> Form:
        """How one object is answered. Raises NotAcceptable."""
        return self.form(OBJECT_FORMS)

    def form(self, transforms: tuple[tuple[str, str], ...], *, stream: bool = False) -> Form:
        """How the resource is answered: in protobuf only where it has a form in it. Raises NotAcceptable."""
        form = negotiate(self.request, transforms, stream=stream)
        if form.media_type == PROTOBUF and not form.kind:
            from pybernetes.apimachinery.protobuf import encoding

            if not encoding.known(self.resource.api_version, self.resource.kind):
                return negotiate(self.request, transforms, stream=stream, protobuf=False)
        return form

    def object_answer(self, form: Form, value: bytes, status: int = 200) -> Response:
        """One object in `form`."""
        if form.kind:
            include = tables.include_object(self.request.params()) if form.kind == "Table" else ""
            value = tables.transformed(self.storage, value, form, include, self.services.clock.now())
        return answers.answer(self.request, form, value, status)

    def require_namespace(self, ctx: RequestContext) -> None:
        """Raises BadRequest for one object of a namespaced resource without its namespace."""
        if self.resource.namespaced and not ctx.namespace:
            raise BadRequest("namespace is required for this request")


Verb = Callable[[Scope], Awaitable[Response | Upgrade]]
