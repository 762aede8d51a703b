"""Lets a request on when the user may do it. Source: apiserver/pkg/endpoints/filters/authorization.go."""

from __future__ import annotations

from pybernetes.apiserver.authorizers.attributes import Attributes, Authorizer, forbidden
from pybernetes.apiserver.chain import Filter
from pybernetes.http.messages import Handler, Request, Response, Upgrade


def authorized(authorizer: Authorizer) -> Filter:
    def wrap(inner: Handler) -> Handler:
        async def handle(request: Request) -> Response | Upgrade:
            attributes = Attributes.of(request.user, request.context["info"])  # type: ignore[arg-type]
            decision = await authorizer.authorize(attributes)
            if not decision.allowed:
                raise forbidden(attributes, decision.reason)
            return await inner(request)

        return handle

    return wrap
