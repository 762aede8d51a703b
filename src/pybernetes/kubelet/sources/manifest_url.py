"""Static pods from a URL that answers with a Pod or a list of Pods, asked again and again.

Source: pkg/kubelet/config/http.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from pybernetes.api.core.v1 import Pod
from pybernetes.host.clock import Clock
from pybernetes.http.client import HttpClient
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.sources.static_pods import parse_manifests

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 10.0
_MOST_BYTES = 10 << 20
_TOLD_FAILURES = 3


class ManifestUrl:
    """`on_pods` gets the pods by uid when they are others than before; what cannot be read changes nothing."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, list[str]],
        period_s: float,
        node_name: str,
        clock: Clock,
        on_pods: Callable[[dict[str, Pod]], None],
    ) -> None:
        parts = urlsplit(url)
        self._url = url
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._client = HttpClient(f"{parts.scheme}://{parts.netloc}")
        self._headers = {name: ", ".join(values) for name, values in headers.items()}
        self._period_s = period_s
        self._node_name = node_name
        self._clock = clock
        self._on_pods = on_pods
        self._last: bytes | None = None
        self._failures = 0

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._ask()
                except (OSError, TimeoutError, ValueError) as error:
                    self._failures += 1
                    if self._failures <= _TOLD_FAILURES:
                        _LOG.warning("static pods cannot be read from %s: %s", self._url, error or "timed out")
                else:
                    self._failures = 0
                await asyncio.sleep(self._period_s)
        finally:
            await self._client.close()

    async def _ask(self) -> None:
        answer = await self._client.request("GET", self._target, self._headers, timeout_s=_TIMEOUT_S)
        if answer.status != 200:
            raise ValueError(f"the answer is {answer.status}")
        if len(answer.body) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES >> 20} MiB")
        if not answer.body:
            if self._last != b"":
                self._last = b""
                self._on_pods({})
            raise ValueError("zero-length data received")
        if answer.body == self._last:
            return
        self._last = answer.body
        pods = parse_manifests(answer.body, self._node_name, self._clock, "http")
        self._on_pods({pod_spec.uid_of(pod): pod for pod in pods})
