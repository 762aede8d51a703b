"""The second half of `up`: waits for the API, loads images, waits for the nodes, applies the example."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery.default_class import STORAGE_MARKS
from pybernetes.apimachinery.default_class import default_class as marked_class
from pybernetes.apimachinery.errors import AlreadyExists
from pybernetes.cli import example as example_manifests
from pybernetes.cli import readiness
from pybernetes.cli.output import Progress
from pybernetes.client.client import Client
from pybernetes.cluster import kubeconfig, node_images, preparation
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.files import write_atomic
from pybernetes.host.ip_families import bracketed
from pybernetes.host.processes import find_program
from pybernetes.local_path.plan import default_class

_INGRESS_S = 10.0
"""The cluster is up without it, so nobody waits long."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What `up` tells at its end. Times are seconds since the command was started."""

    api_s: float
    nodes_s: float
    current: bool
    """Whether the cluster's context is the current one."""
    example: str
    """What the example answered; "" without it."""
    ingress: str
    """How the example is reached through its Ingress; "" where it is not."""


async def wait_for(
    spec: ClusterSpec,
    layout: Layout,
    files: list[Path],
    progress: Progress,
    *,
    example: bool,
    gateway_api: bool,
    timeout_s: float,
) -> Arrived:
    """Returns when the cluster is ready. Raises ClusterError with what is in the way."""
    async with readiness.admin(layout) as client:
        images = asyncio.create_task(_images(spec, layout, timeout_s))
        try:
            await readiness.api_ready(client, spec, layout, timeout_s)
            api_s = progress.elapsed_s
            current = kubeconfig.merge(
                files, spec.context, kubeconfig.entry(layout.kubeconfig("admin")), preparation.user_owner()
            )
            await _storage_class(client, spec, layout)
            if gateway_api:
                from pybernetes.cli.gateway_api import install

                await install(client, timeout_s)
            progress.step("images and nodes")
            nodes_s, _ = await asyncio.gather(_nodes(client, spec, layout, progress, timeout_s), images)
        finally:
            images.cancel()
        answer = await _example(client, layout, progress, timeout_s) if example else ""
        through = await _through_ingress(client, spec, progress) if answer and spec.serves_ingresses else ""
    return Arrived(api_s, nodes_s, current, answer, through)


async def _storage_class(client: Client, spec: ClusterSpec, layout: Layout) -> None:
    """Makes the class of local volumes the first time, as the default unless there is another."""
    mark = layout.storage_class_mark
    if spec.simulated or mark.exists():
        return
    made = default_class()
    if marked_class((await client.list(StorageClass)).items, STORAGE_MARKS) is not None:
        made.metadata.annotations = {}
    with suppress(AlreadyExists):
        await client.create(made)
    write_atomic(mark, b"")


async def _nodes(client: Client, spec: ClusterSpec, layout: Layout, progress: Progress, timeout_s: float) -> float:
    await readiness.nodes_ready(client, spec, layout, timeout_s)
    return progress.elapsed_s


async def _images(spec: ClusterSpec, layout: Layout, timeout_s: float) -> None:
    if spec.simulated:
        return
    await asyncio.to_thread(node_images.builtin_archive, layout)
    for node in spec.node_names:
        path = layout.node(node).containerd_socket
        if not await readiness.until(lambda path=path: _accepts(str(path)), timeout_s):  # type: ignore[misc]
            raise ClusterError(f"containerd does not start: {readiness.last_line(layout, f'containerd-{node}')}")
    await asyncio.to_thread(node_images.load_builtin, spec, layout)


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


async def _example(client: Client, layout: Layout, progress: Progress, timeout_s: float) -> str:
    """Applies examples/hello the first time; the answer of its Service, "" when the user took it away."""
    mark = layout.example_mark
    if not mark.exists():
        progress.step("the example")
        await example_manifests.apply(client)
        write_atomic(mark, b"")
    address = await readiness.service_address(client, "default", "hello")
    if not address or not await example_manifests.present(client):
        return ""
    progress.step("the example, over HTTP through its Service")
    await readiness.deployment_ready(client, "default", "hello", timeout_s)
    answer = await readiness.http_answer(address, 80, timeout_s)
    return f"http://{bracketed(address)}/ says: {answer}"


async def _through_ingress(client: Client, spec: ClusterSpec, progress: Progress) -> str:
    """The command that reaches the example by host name and TLS, once it does; what is in the way otherwise."""
    host = await readiness.ingress_host(client, "default", "hello")
    if not host:
        return ""
    if find_program("haproxy") is None:
        return "not without haproxy; install it: apt-get install haproxy"
    progress.step("the example, over HTTPS through its Ingress")
    port, address = spec.ingress_https_port, spec.api_address
    if not await readiness.https_answers(address, port, host, _INGRESS_S):
        return "not yet; see: kubectl describe ingress hello"
    url = f"https://{host}{'' if port == 443 else f':{port}'}/"
    return f"curl -k --resolve {host}:{port}:{bracketed(address)} {url}"
