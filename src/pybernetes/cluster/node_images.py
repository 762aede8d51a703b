"""Images onto every node of a cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pybernetes.cluster.images.archive import write_archive
from pybernetes.cluster.images.builtin import builtin_images, busybox_path
from pybernetes.cluster.images.containerd import ContainerdImages, NodeImage
from pybernetes.cluster.images.names import BUSYBOX, HELLO, PAUSE
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec

_BUILTIN = (PAUSE, BUSYBOX, HELLO)


def of_node(spec: ClusterSpec, layout: Layout, node: str) -> ContainerdImages:
    place = layout.node(node)
    namespace = spec.network_namespace(node) if spec.own_namespaces else ""
    return ContainerdImages(place.containerd_socket, place.certs_d, namespace)


def builtin_archive(layout: Layout) -> Path:
    """The archive with the images that every cluster has; made when it is missing or busybox is newer."""
    path = layout.images / "builtin.tar"
    if not path.exists() or path.stat().st_mtime < busybox_path().stat().st_mtime:
        write_archive(builtin_images(), path)
    return path


def load_builtin(spec: ClusterSpec, layout: Layout) -> None:
    """Imports into the nodes that lack one of them or a part of it. Raises ClusterError."""

    def load(node: str) -> None:
        images = of_node(spec, layout, node)
        if not images.complete(_BUILTIN):
            images.load(builtin_archive(layout))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, spec.node_names))


def load_archive(spec: ClusterSpec, layout: Layout, archive: Path) -> list[str]:
    """Imports into every node; the names of the images. Raises ClusterError."""
    with ThreadPoolExecutor(4) as pool:
        names = list(pool.map(lambda node: of_node(spec, layout, node).load(archive), spec.node_names))
    return names[0]


def pull(spec: ClusterSpec, layout: Layout, name: str) -> None:
    """Lets every node pull. Raises ClusterError."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda node: of_node(spec, layout, node).pull(name), spec.node_names))


def listed(spec: ClusterSpec, layout: Layout) -> dict[str, list[NodeImage]]:
    """Node -> its images. Raises ClusterError."""
    return {node: of_node(spec, layout, node).list() for node in spec.node_names}
