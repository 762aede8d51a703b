"""Puts the RequestInfo into the request's context. Source: endpoints/filters/requestinfo.go."""

from __future__ import annotations

from pybernetes.apiserver.request_info import resolve
from pybernetes.http.messages import Handler, Request, Response, Upgrade


def with_request_info(inner: Handler) -> Handler:
    async def handle(request: Request) -> Response | Upgrade:
        request.context["info"] = resolve(request)
        return await inner(request)

    return handle
