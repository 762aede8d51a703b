"""Requests that become a connection: log, exec, attach, portforward, proxy."""

from __future__ import annotations

from pybernetes.apimachinery.errors import ServiceUnavailable
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Request, Response, Upgrade


async def connect(request: Request, info: RequestInfo, resource: Resource) -> Response | Upgrade:
    raise ServiceUnavailable("streaming is not there yet")
