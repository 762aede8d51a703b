"""Ends a short request that takes too long with a 504 Status.

Source: apiserver/pkg/server/filters/timeout.go, endpoints/filters/request_deadline.go.
"""

from __future__ import annotations

import asyncio

from pybernetes.apimachinery.errors import BadRequest, Timeout
from pybernetes.apimachinery.times import TimeError, parse_duration
from pybernetes.apiserver.chain import Filter
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Handler, Request, Response, Upgrade


def with_deadline(timeout_s: float) -> Filter:
    def wrap(inner: Handler) -> Handler:
        async def handle(request: Request) -> Response | Upgrade:
            info: RequestInfo = request.context["info"]
            if info.long_running:
                return await inner(request)
            limit = timeout_s
            if "timeout=" in request.query and (text := request.params().get("timeout", [""])[0]):
                limit = min(limit, _asked(text) or limit)
            try:
                async with asyncio.timeout(limit):
                    return await inner(request)
            except TimeoutError:
                raise Timeout(
                    "Timeout: request did not complete within the allotted timeout",
                    group=info.group,
                    kind=info.resource,
                    name=info.name,
                ) from None

        return handle

    return wrap


def _asked(text: str) -> float:
    try:
        return parse_duration(text)
    except TimeError:
        raise BadRequest(f'invalid timeout specified in the request URL - time: invalid duration "{text}"') from None
