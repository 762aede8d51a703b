"""Paths that are no resources: discovery, health, version, metrics, OpenAPI, OpenID."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from pybernetes.apiserver.authenticators.service_account import ServiceAccountTokens
from pybernetes.apiserver.endpoints import openid
from pybernetes.apiserver.endpoints.answers import answer
from pybernetes.apiserver.endpoints.discovery import Discovery
from pybernetes.apiserver.endpoints.health import ENDPOINTS, Health
from pybernetes.apiserver.endpoints.negotiation import error_form
from pybernetes.apiserver.endpoints.version import version_info
from pybernetes.apiserver.metrics import RequestMetrics
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.pages import metrics, page_not_found

if TYPE_CHECKING:
    from pybernetes.apiserver.crd.installer import CustomResources
    from pybernetes.apiserver.endpoints.served import ServedResources
    from pybernetes.apiserver.openapi.service import OpenApi

Page = Callable[[Request], Response | Awaitable[Response | Upgrade] | None]


class Pages:
    """`table` maps the first segment of a path to what answers it."""

    def __init__(
        self,
        discovery: Discovery,
        health: Health,
        metrics: RequestMetrics,
        tokens: ServiceAccountTokens,
        address: Callable[[], str],
        cache_dir: str,
        custom_resources: CustomResources,
        served: ServedResources,
    ) -> None:
        self._custom_resources = custom_resources
        self._discovery = discovery
        self._served = served
        self._health = health
        self._metrics = metrics
        self._tokens = tokens
        self._address = address
        self._cache_dir = cache_dir
        self._open_api: OpenApi | None = None
        self._version = orjson.dumps(version_info())
        self.table: dict[str, Page] = {
            "api": discovery.answer,
            "apis": discovery.answer,
            "version": self._version_page,
            "metrics": self._metrics_page,
            "openapi": self._openapi,
            "openid": self._openid,
            ".well-known": self._openid,
        }
        for name in ENDPOINTS:
            self.table[name] = health.answer

    def _version_page(self, request: Request) -> Response | None:
        if request.path.strip("/") != "version":
            return None
        return answer(request, error_form(request), self._version)

    def _metrics_page(self, request: Request) -> Response | None:
        if request.path == "/metrics/slis":
            return metrics(self._health.indicators())
        if request.path != "/metrics":
            return None
        from prometheus_client import REGISTRY, generate_latest

        return metrics([generate_latest(REGISTRY).decode().removesuffix("\n"), *self._metrics.lines()])

    def _openid(self, request: Request) -> Response | None:
        path = request.path.rstrip("/")
        if path == openid.CONFIGURATION_PATH:
            return openid.configuration(self._tokens, self._address())
        if path == openid.JWKS_PATH:
            return openid.key_set(self._tokens)
        return None

    async def _openapi(self, request: Request) -> Response:
        # Imported with the first request: documents are heavy and nothing at the start needs them.
        from pybernetes.apiserver.openapi import answers
        from pybernetes.apiserver.openapi.service import OpenApi

        if self._open_api is None:
            from pybernetes.apiserver.crd.publication import CustomDocuments

            built_in = tuple(resource for resource in self._served if not resource.custom)
            custom = CustomDocuments(lambda: self._custom_resources.kinds, self._discovery.remotes)
            self._open_api = OpenApi(Path(self._cache_dir) if self._cache_dir else None, custom, built_in)
        return await answers.answer(self._open_api, request) or page_not_found()
