"""The pages of the proxy's own port, which only the machine itself reaches. Pure.

Source: cmd/kube-proxy/app/server.go (serveMetrics).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from pybernetes.http.messages import Response
from pybernetes.http.pages import metrics, page_not_found, text

_CONFIGURATION = "kubeproxy.config.k8s.io"


def page(path: str, figures: Callable[[], Iterator[str]], configuration: Mapping[str, object]) -> Response:
    match path:
        case "/healthz":
            return text("ok")
        case "/proxyMode":
            return text("nftables")
        case "/metrics":
            return metrics(figures())
        case "/configz":
            body = msgspec.json.encode({_CONFIGURATION: configuration})
            return Response(200, [("content-type", "application/json")], body)
        case _:
            return page_not_found()
