"""Waiting for a cluster: its API, its nodes, the example. Watches instead of asking again where there is a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from pybernetes.api.apps.v1 import Deployment
from pybernetes.api.core.v1 import Node, Pod, Service
from pybernetes.api.networking.v1 import Ingress
from pybernetes.apimachinery.conditions import condition_holds, condition_of
from pybernetes.apimachinery.errors import NotFound, StatusError
from pybernetes.client.client import Client
from pybernetes.client.objects import KubernetesObject
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import apiserver_processes, record
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.ip_families import bracketed, socket_address
from pybernetes.host.processes import Process

T = TypeVar("T", bound=KubernetesObject)
_RETRY_S = 0.01
_SLOW_RETRY_S = 0.05


@asynccontextmanager
async def admin(layout: Layout, user_agent: str = "pybernetes-up") -> AsyncIterator[Client]:
    """A client with the admin's credentials."""
    transport = HttpTransport.from_kubeconfig(str(layout.kubeconfig("admin")))
    try:
        yield Client(transport, user_agent)
    finally:
        await transport.close()


async def api_ready(client: Client, spec: ClusterSpec, layout: Layout, timeout_s: float) -> None:
    """Returns when /readyz says ok. Raises ClusterError when it does not in time, or when its process dies."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    deaths: set[int] = set()
    name = apiserver_processes(spec)[0]
    process: Process | None = None
    while True:
        try:
            answer = await client.raw("GET", "/readyz")
            if answer.status == 200:
                return
        except (OSError, StatusError):
            pass
        seen = Process.recorded(record(layout, name))
        if process is not None and seen != process:
            deaths.add(process.pid)
        process = seen or process
        if loop.time() > deadline or len(deaths) > 2:
            raise ClusterError(f"the control plane does not start: {last_line(layout, name)}")
        await asyncio.sleep(_RETRY_S)


def last_line(layout: Layout, process: str) -> str:
    """The end of a process's log, with where to read on."""
    path = layout.logs / f"{process}.log"
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"{lines[-1].strip() if lines else 'it left no message'}; see {path}"


async def nodes_ready(client: Client, spec: ClusterSpec, layout: Layout, timeout_s: float) -> None:
    """Returns when every node is Ready. Raises ClusterError with the reason of one that is not."""
    names = {*spec.node_names, *spec.simulated_names}
    waiting = set(names)
    if not waiting:
        return
    reasons: dict[str, str] = {}
    try:
        async with asyncio.timeout(timeout_s):
            async for node in _observe(client, Node):
                if node.metadata.name not in names:
                    continue
                ready = condition_of(node.status.conditions, "Ready")
                if ready is not None and ready.status == "True":
                    waiting.discard(node.metadata.name)
                else:
                    waiting.add(node.metadata.name)
                    reasons[node.metadata.name] = (ready.message if ready else "") or "no report yet"
                if not waiting:
                    return
    except TimeoutError:
        pass
    name = sorted(waiting)[0]
    raise ClusterError(f"{name} is not ready: {reasons.get(name, 'its kubelet did not register')}; see {layout.logs}")


async def every_node_ready(client: Client, timeout_s: float) -> None:
    """Returns when all the nodes that there are, are Ready. Raises ClusterError."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        nodes = (await client.list(Node)).items
        waiting = [node.metadata.name or "" for node in nodes if not condition_holds(node.status.conditions, "Ready")]
        if not waiting:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise ClusterError(f"{waiting[0]} is not ready, nor are {len(waiting) - 1} others")
        await asyncio.sleep(_SLOW_RETRY_S)


async def _observe(client: Client, cls: type[T], namespace: str = "", field_selector: str = "") -> AsyncIterator[T]:
    """Every object as it is, then as it becomes; goes on over the end of a watch."""
    while True:
        try:
            page = await client.list(cls, namespace, field_selector=field_selector)
            for item in page.items:
                yield item
            async for event in client.watch(
                cls, namespace, resource_version=page.resource_version, field_selector=field_selector, bookmarks=False
            ):
                if event.type in ("ADDED", "MODIFIED"):
                    yield event.object
        except (OSError, StatusError):
            await asyncio.sleep(_SLOW_RETRY_S)


async def deployment_ready(client: Client, namespace: str, name: str, timeout_s: float) -> None:
    """Returns when all replicas are available. Raises ClusterError with what a Pod says otherwise."""
    try:
        async with asyncio.timeout(timeout_s):
            async for found in _observe(client, Deployment, namespace, f"metadata.name={name}"):
                status = found.status
                if (
                    (status.observedGeneration or 0) >= (found.metadata.generation or 0)
                    and (status.availableReplicas or 0) >= (found.spec.replicas or 0)
                    and (status.updatedReplicas or 0) >= (found.spec.replicas or 0)
                ):
                    return
    except TimeoutError:
        pass
    raise ClusterError(
        f"the example does not get ready: {await _why_not(client, namespace, name)}; "
        f"see: kubectl -n {namespace} describe pods"
    )


async def _why_not(client: Client, namespace: str, app: str) -> str:
    pods = (await client.list(Pod, namespace, label_selector=f"app={app}")).items
    if not pods:
        return "no Pod was made"
    for pod in pods:
        for container in pod.status.containerStatuses:
            waiting = container.state.waiting if container.state else None
            if waiting is not None and waiting.reason:
                return f"{pod.metadata.name}: {waiting.reason} {waiting.message or ''}".strip()
        for condition in pod.status.conditions:
            if condition.status == "False" and condition.message:
                return f"{pod.metadata.name}: {condition.message}"
    return f"{pods[0].metadata.name} is {pods[0].status.phase or 'Pending'}"


async def http_answer(address: str, port: int, timeout_s: float) -> str:
    """The body of the first 200 from http://ADDRESS:PORT/. Raises ClusterError when none comes in time."""
    from pybernetes.http.client import HttpClient

    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    url, last = f"http://{socket_address(address, port)}", "no answer"
    while loop.time() < deadline:
        client = HttpClient(url)
        try:
            answer = await client.request("GET", "/", {"host": bracketed(address)}, b"", timeout_s=2)
            if answer.status == 200:
                return answer.body.decode(errors="replace").strip()
            last = f"status {answer.status}"
        except (OSError, TimeoutError) as error:
            last = str(error) or type(error).__name__
        finally:
            await client.close()
        await asyncio.sleep(_SLOW_RETRY_S)
    raise ClusterError(f"{url}/ does not answer ({last}); see: kubectl get endpointslices")


async def service_address(client: Client, namespace: str, name: str) -> str:
    """The ClusterIP; "" when there is no such Service."""
    try:
        service = await client.get(Service, name, namespace)
    except NotFound:
        return ""
    return service.spec.clusterIP or ""


async def ingress_host(client: Client, namespace: str, name: str) -> str:
    """The host of its first rule; "" when there is no such Ingress."""
    try:
        found = await client.get(Ingress, name, namespace)
    except NotFound:
        return ""
    return next((rule.host for rule in found.spec.rules if rule.host), "") or ""


async def https_answers(address: str, port: int, host: str, timeout_s: float) -> bool:
    """Whether a GET of / says 200 in time, whoever signed the certificate."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    question = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
                    writer.write(question)
                    status = await reader.readline()
                    writer.close()
                    if b" 200 " in status:
                        return True
                except OSError:
                    pass
                await asyncio.sleep(_SLOW_RETRY_S)
    except TimeoutError:
        return False


async def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether a condition of this machine (a socket that appears) came true in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not condition():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(_RETRY_S)
    return True
