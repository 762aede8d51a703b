"""Puts the RequestInfo into the request's context. Source: endpoints/filters/requestinfo.go."""

from __future__ import annotations

from collections.abc import Awaitable

from pybernetes.apiserver.request_info import resolve
from pybernetes.http.messages import Handler, Request, Response, Upgrade


def with_request_info(inner: Handler) -> Handler:
    def handle(request: Request) -> Awaitable[Response | Upgrade]:
        request.context["info"] = resolve(request)
        return inner(request)

    return handle
