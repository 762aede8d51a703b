"""Counts requests and times them. Source: apiserver/pkg/endpoints/metrics/metrics.go."""

from __future__ import annotations

import asyncio

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apiserver.chain import Filter
from pybernetes.apiserver.metrics import RequestMetrics
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Handler, Request, Response, Upgrade


def measured(metrics: RequestMetrics) -> Filter:
    def wrap(inner: Handler) -> Handler:
        async def handle(request: Request) -> Response | Upgrade:
            info: RequestInfo = request.context["info"]
            loop = asyncio.get_running_loop()
            started = loop.time()
            code = 500
            metrics.begin(info)
            try:
                answer = await inner(request)
                code = answer.status if isinstance(answer, Response) else 101
                return answer
            except StatusError as error:
                code = error.code
                raise
            finally:
                metrics.end(info, code, loop.time() - started)

        return handle

    return wrap
