"""Pods from manifests in a directory: read when a file changes (inotify).

Source: pkg/kubelet/config/file.go, file_linux.go, common.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Pod, Toleration
from pybernetes.apimachinery.times import format_micro_time
from pybernetes.host.clock import Clock
from pybernetes.host.inotify import FolderWatch
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.images import ImageError, with_default_tag

_LOG = logging.getLogger(__name__)
_SETTLE_S = 0.05
_WITHOUT_INOTIFY_S = 20.0


def parse_manifest(content: bytes, node_name: str, clock: Clock) -> Pod:
    """A pod as the kubelet runs it: named after the node, with a uid of its own. Raises ValueError."""
    return _pod(_tree(content), content, node_name, clock, "file")


def parse_manifests(content: bytes, node_name: str, clock: Clock, source: str) -> list[Pod]:
    """One pod, or those of a list. Raises ValueError."""
    tree = _tree(content)
    items = tree.get("items") if isinstance(tree, dict) and tree.get("kind") in ("PodList", "List") else None
    if not isinstance(items, list):
        return [_pod(tree, content, node_name, clock, source)]
    whole = [{"kind": "Pod", **item} if isinstance(item, dict) else item for item in items]
    return [_pod(item, msgspec.json.encode(item), node_name, clock, source) for item in whole]


def _tree(content: bytes) -> Any:
    # Imported with the first manifest: nothing at start needs YAML.
    from pybernetes.apimachinery.yaml_text import parse_yaml

    return parse_yaml(content)[0]


def _pod(tree: Any, content: bytes, node_name: str, clock: Clock, source: str) -> Pod:
    if not isinstance(tree, dict) or tree.get("kind") != "Pod":
        raise ValueError("the manifest is not of kind Pod")
    tree.pop("status", None)
    try:
        pod = msgspec.convert(_with_text_quantities(tree), Pod)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if not pod.metadata.name or not pod.spec.containers:
        raise ValueError("the pod needs a name and at least one container")
    digest = hashlib.md5(content + node_name.encode(), usedforsecurity=False).hexdigest()
    meta = pod.metadata
    meta.uid = meta.uid or digest
    meta.name = f"{meta.name}-{node_name}".lower()
    meta.namespace = meta.namespace or "default"
    meta.annotations = {
        **meta.annotations,
        pod_spec.HASH_ANNOTATION: digest,
        pod_spec.SOURCE_ANNOTATION: source,
        pod_spec.SEEN_ANNOTATION: format_micro_time(clock.now()),
    }
    pod.spec.nodeName = node_name
    pod.spec.tolerations = [*pod.spec.tolerations, Toleration(operator="Exists", effect="NoExecute")]
    set_defaults(pod)
    return pod


def _with_text_quantities(tree: Any) -> Any:
    """Numbers in resource lists are quantities: text."""
    if isinstance(tree, dict):
        fixed = {}
        for key, value in tree.items():
            if key in ("limits", "requests", "overhead") and isinstance(value, dict):
                fixed[key] = {k: str(v) for k, v in value.items()}
            elif value is not None:
                fixed[key] = _with_text_quantities(value)
        return fixed
    if isinstance(tree, list):
        return [_with_text_quantities(item) for item in tree]
    return tree


def set_defaults(pod: Pod) -> None:
    """What the apiserver would have set. Source: pkg/apis/core/v1/defaults.go."""
    spec = pod.spec
    spec.restartPolicy = spec.restartPolicy or "Always"
    spec.dnsPolicy = spec.dnsPolicy or "ClusterFirst"
    if spec.terminationGracePeriodSeconds is None:
        spec.terminationGracePeriodSeconds = 30
    if spec.enableServiceLinks is None:
        spec.enableServiceLinks = True
    spec.schedulerName = spec.schedulerName or "default-scheduler"
    for container in (*spec.initContainers, *spec.containers):
        container.terminationMessagePath = container.terminationMessagePath or "/dev/termination-log"
        container.terminationMessagePolicy = container.terminationMessagePolicy or "File"
        if not container.imagePullPolicy:
            try:
                latest = with_default_tag(container.image or "").endswith(":latest")
            except ImageError:
                latest = False
            container.imagePullPolicy = "Always" if latest else "IfNotPresent"
        for port in container.ports:
            port.protocol = port.protocol or "TCP"
            if spec.hostNetwork:
                port.hostPort = port.hostPort or port.containerPort
        if container.resources is not None:
            for name, amount in container.resources.limits.items():
                container.resources.requests.setdefault(name, amount)


class StaticPods:
    """`on_pods` gets all pods of the directory, by uid, whenever they are others than before."""

    def __init__(self, path: Path, node_name: str, clock: Clock, on_pods: Callable[[dict[str, Pod]], None]) -> None:
        self._path = path
        self._node_name = node_name
        self._clock = clock
        self._on_pods = on_pods
        self._last: dict[str, Pod] | None = None
        self._seen: dict[Path, tuple[bytes, Pod | None]] = {}

    async def run(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            changed: Callable[[], Awaitable[object]] = functools.partial(asyncio.sleep, _WITHOUT_INOTIFY_S)
            try:
                changed = stack.enter_context(FolderWatch(self._path)).wait
            except OSError as error:
                _LOG.warning("static pods are looked for every %g s: %s", _WITHOUT_INOTIFY_S, error)
            while True:
                self._read()
                await changed()
                await asyncio.sleep(_SETTLE_S)

    def _read(self) -> None:
        pods: dict[str, Pod] = {}
        present: dict[Path, tuple[bytes, Pod | None]] = {}
        try:
            files = sorted(p for p in self._path.iterdir() if p.is_file() and not p.name.startswith("."))
        except OSError as error:
            _LOG.warning("static pods cannot be read from %s: %s", self._path, error.strerror)
            return
        for file in files:
            try:
                content = file.read_bytes()
            except OSError:
                continue
            known = self._seen.get(file)
            pod = known[1] if known is not None and known[0] == content else self._parse(file, content)
            present[file] = (content, pod)
            if pod is not None:
                pods[pod_spec.uid_of(pod)] = pod
        self._seen = present
        if self._last is None or pods.keys() != self._last.keys():
            self._last = pods
            self._on_pods(pods)

    def _parse(self, file: Path, content: bytes) -> Pod | None:
        try:
            return parse_manifest(content, self._node_name, self._clock)
        except ValueError as error:
            _LOG.error("static pod manifest %s is left out: %s", file, error)
            return None
