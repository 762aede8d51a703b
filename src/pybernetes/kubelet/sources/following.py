"""The static pods of the node: those of a folder and those behind a URL, as one set.

Source: pkg/kubelet/config/config.go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pybernetes.api.core.v1 import Pod
from pybernetes.host.clock import Clock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.sources.static_pods import StaticPods
from pybernetes.kubelet.tasks import Spawn


class StaticSources:
    """`changed(new, gone)` is called with pods, and uids of pods that are no more, each time a source was read."""

    def __init__(self, config: KubeletConfig, clock: Clock, changed: Callable[[list[Pod], list[str]], None]) -> None:
        self._config = config
        self._clock = clock
        self._changed = changed
        self._by_source: dict[str, dict[str, Pod]] = {}
        self._unread = {"file"} if config.static_pod_path else set[str]()
        if config.static_pod_url:
            self._unread.add("http")
        self.pods: dict[str, Pod] = {}
        """By uid; the same dictionary always."""

    def all_read(self) -> bool:
        return not self._unread

    def begin(self, spawn: Spawn) -> None:
        if self._config.static_pod_path:
            folder, name = Path(self._config.static_pod_path), self._config.node_name
            spawn(StaticPods(folder, name, self._clock, partial(self._read, "file")).run(), "static pods")
        if self._config.static_pod_url:
            spawn(self._follow_url(), "static pods from a URL")

    async def _follow_url(self) -> None:
        from pybernetes.kubelet.sources.manifest_url import ManifestUrl

        config = self._config
        source = ManifestUrl(
            config.static_pod_url,
            config.static_pod_url_headers,
            config.http_check_frequency_s,
            config.node_name,
            self._clock,
            partial(self._read, "http"),
        )
        await source.run()

    def _read(self, source: str, found: dict[str, Pod]) -> None:
        self._unread.discard(source)
        self._by_source[source] = found
        pods = {uid: pod for one in self._by_source.values() for uid, pod in one.items()}
        gone = [uid for uid in self.pods if uid not in pods]
        new = [pod for uid, pod in pods.items() if uid not in self.pods]
        self.pods.clear()
        self.pods.update(pods)
        self._changed(new, gone)
