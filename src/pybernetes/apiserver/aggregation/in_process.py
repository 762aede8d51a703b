"""A group-version that this process serves as another server would: its APIService names no Service.

Like `backend.Backend`, without connections. An APIService of the same name that names a Service takes its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pybernetes.http.messages import Request, Response, Upgrade

Serve = Callable[[Request], Awaitable[Response | Upgrade]]


class InProcess:
    def __init__(self, resources: Mapping[str, Any], openapi_url: str, serve: Serve) -> None:
        """`resources`: its APIResourceList."""
        self.path = f"/apis/{resources['groupVersion']}"
        self.resources = dict(resources)
        self.openapi_url = openapi_url
        self.serve = serve

    async def openapi_v2(self, known_tag: str) -> tuple[str, dict[str, Any]] | None:
        """It is described in OpenAPI v3 alone."""
        return None

    async def close(self) -> None:
        pass
