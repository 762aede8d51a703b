"""The group-version's place in the aggregation layer; what serves it is imported with the first question."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apiserver.aggregation.in_process import InProcess
from pybernetes.apiserver.resource_metrics.resources import GROUP, RESOURCES, VERSION
from pybernetes.http.messages import Request, Response

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.apiserver.resource_metrics.serving import Serving
    from pybernetes.host.clock import Clock

KubeletPage = Callable[[str, str], Awaitable[bytes]]
"""kubelet_page(node, path)."""
_METRICS = "/metrics/resource"
_OPENAPI = f"/openapi/v3/apis/{GROUP}/{VERSION}?hash=1"


def in_process(
    registry: Registry, kubelets: Callable[[], KubeletPage], clock: Clock, resolution_s: float
) -> dict[tuple[str, str], InProcess]:
    """What the aggregation layer is told of metrics.k8s.io."""

    async def fetch(node: str) -> bytes:
        try:
            return await kubelets()(node, _METRICS)
        except StatusError as error:
            raise OSError(str(error)) from None

    @functools.cache
    def serving() -> Serving:
        from pybernetes.apiserver.resource_metrics.sampler import Sampler
        from pybernetes.apiserver.resource_metrics.serving import Serving

        return Serving(registry, Sampler(fetch, clock, resolution_s), clock)

    async def serve(request: Request) -> Response:
        return await serving().serve(request)

    return {(GROUP, VERSION): InProcess(RESOURCES, _OPENAPI, serve)}
