"""The pages of the proxy's own port, which only the machine itself reaches. Pure.

Source: cmd/kube-proxy/app/server.go (serveMetrics).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from pybernetes.http.messages import Response

_CONFIGURATION = "kubeproxy.config.k8s.io"


def page(path: str, metrics: Callable[[], Iterator[str]], configuration: Mapping[str, object]) -> Response:
    match path:
        case "/healthz":
            return _text(200, "ok")
        case "/proxyMode":
            return _text(200, "nftables")
        case "/metrics":
            return Response(200, [("content-type", "text/plain; version=0.0.4")], "\n".join([*metrics(), ""]).encode())
        case "/configz":
            body = msgspec.json.encode({_CONFIGURATION: configuration})
            return Response(200, [("content-type", "application/json")], body)
        case _:
            return _text(404, "404 page not found\n")


def _text(status: int, body: str) -> Response:
    headers = [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]
    return Response(status, headers, body.encode())
