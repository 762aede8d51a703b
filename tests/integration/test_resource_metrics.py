"""metrics.k8s.io over the real apiserver in virtual time: what is asked of kubelets, who may read, in which forms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.rbac.v1 import ClusterRole
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Request, Response
from pybernetes.storage.memory import MemoryStore
from tests.unit.controllers.builders import make
from tests.worlds import live_in

ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
PATH = "/apis/metrics.k8s.io/v1beta1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
API_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"


class World:
    """Nodes a and b, Pods a0 and a1 on a and b0 on b, each of one container that uses a quarter of a CPU."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        config = ApiServerConfig(
            bind_addresses=(), port=-1, resource_metrics=True, disable_admission_plugins=["ServiceAccount"]
        )
        self.server = ApiServer(config, MemoryStore(), self.clock, Random(1))
        self.client = Client(LocalTransport(self.server.handler, ADMIN), "test")
        self.asked: list[tuple[str, str]] = []
        self.away: set[str] = set()
        self.hidden: set[str] = set()

    async def start(self) -> None:
        await self.server.start()
        self.began = self.clock.now()
        self.server._connections().kubelet_page = self.kubelet_page  # type: ignore[method-assign]
        for node in ("a", "b"):
            await self.client.create(make(Node, {"metadata": {"name": node, "labels": {"zone": node}}}))
        for name in ("a0", "a1", "b0"):
            spec = {"nodeName": name[0], "containers": [{"name": "c", "image": "i"}]}
            tree = {"metadata": {"name": name, "namespace": "default", "labels": {"app": name[0]}}, "spec": spec}
            made = fresh(await self.client.create(make(Pod, tree)))
            made.status.phase = "Running"
            await self.client.update_status(made)
        await self.until(lambda: self.status(PATH))

    async def stop(self) -> None:
        await self.server.stop()

    async def kubelet_page(self, node: str, path: str) -> bytes:
        self.asked.append((node, path))
        if node in self.away:
            raise OSError("no route to host")
        now = self.clock.now()
        lines = [f"node_cpu_usage_seconds_total {now / 2} {int(now * 1000)}", "node_memory_working_set_bytes 1048576"]
        for pod in {f"{node}{number}" for number in range(2)} - self.hidden:
            labels = f'{{container="c",namespace="default",pod="{pod}"}}'
            lines.append(f"container_cpu_usage_seconds_total{labels} {now / 4} {int(now * 1000)}")
            lines.append(f"container_memory_working_set_bytes{labels} 2048")
            lines.append(f"container_start_time_seconds{labels} {self.began}")
        return "\n".join(lines).encode()

    async def get(
        self, path: str, query: str = "", accept: str = "application/json", user: UserInfo = ADMIN
    ) -> Response:
        request = Request("GET", path, query, {"accept": accept})
        request.user = user
        answer = await self.server.handler(request)
        assert isinstance(answer, Response)
        return answer

    async def tree(self, path: str, query: str = "", accept: str = "application/json") -> Any:
        answer = await self.get(path, query, accept)
        assert isinstance(answer.body, bytes)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    async def status(self, path: str) -> bool:
        return (await self.get(path)).status == 200

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await holds():  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.05)


def in_world(body: Callable[[World], Awaitable[None]]) -> None:
    live_in(World, body)


def names(listed: Any) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]


def test_nodes_and_pods() -> None:
    async def body(w: World) -> None:
        nodes = await w.tree(f"{PATH}/nodes")
        assert (nodes["kind"], names(nodes)) == ("NodeMetricsList", ["a", "b"])
        first = nodes["items"][0]
        assert (first["usage"], first["window"]) == ({"cpu": "500m", "memory": "1Mi"}, "1s")
        pods = await w.tree(f"{PATH}/namespaces/default/pods")
        assert names(pods) == ["a0", "a1", "b0"]
        assert pods["items"][0]["containers"] == [{"name": "c", "usage": {"cpu": "250m", "memory": "2Ki"}}]
        assert pods["items"][0]["metadata"]["labels"] == {"app": "a"}
        assert len(w.asked) == 4, "both questions are answered by the same samples"
        one = await w.tree(f"{PATH}/namespaces/default/pods/b0")
        assert (one["kind"], one["metadata"]["name"]) == ("PodMetrics", "b0")

    in_world(body)


def test_only_nodes_of_the_pods_asked_for_are_asked() -> None:
    async def body(w: World) -> None:
        assert names(await w.tree(f"{PATH}/pods", "labelSelector=app%3Db")) == ["b0"]
        assert names(await w.tree(f"{PATH}/pods", "fieldSelector=metadata.name%3Db0")) == ["b0"]
        assert names(await w.tree(f"{PATH}/nodes", "labelSelector=zone%3Db")) == ["b"]
        assert {node for node, _ in w.asked} == {"b"}
        assert {path for _, path in w.asked} == {"/metrics/resource"}
        assert names(await w.tree(f"{PATH}/pods", "labelSelector=app%3Dnone")) == []

    in_world(body)


def test_a_pod_that_began_after_the_last_sample_is_told_of() -> None:
    async def body(w: World) -> None:
        w.hidden = {"a1"}
        assert names(await w.tree(f"{PATH}/pods")) == ["a0", "b0"]
        w.hidden = set()
        await asyncio.sleep(2)
        assert names(await w.tree(f"{PATH}/pods")) == ["a0", "a1", "b0"]
        assert [node for node, _ in w.asked] == ["a", "b", "a", "b", "a"]

    in_world(body)


def test_tables_and_metadata() -> None:
    async def body(w: World) -> None:
        table = await w.tree(f"{PATH}/namespaces/default/pods", accept=TABLE)
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "cpu", "memory", "Window"]
        assert table["rows"][0]["cells"] == ["a0", "250m", "2Ki", "1s"]
        one = await w.tree(f"{PATH}/nodes/a", accept=TABLE)
        assert one["rows"][0]["cells"] == ["a", "500m", "1Mi", "1s"]
        accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
        assert names(await w.tree(f"{PATH}/nodes", accept=accept)) == ["a", "b"]

    in_world(body)


def test_what_cannot_be_had() -> None:
    async def body(w: World) -> None:
        w.away = {"b"}
        assert names(await w.tree(f"{PATH}/pods")) == ["a0", "a1"]
        for path, status, message in (
            (f"{PATH}/nodes/none", 404, 'nodes.metrics.k8s.io "none" not found'),
            (f"{PATH}/namespaces/default/pods/none", 404, 'pods.metrics.k8s.io "none" not found'),
            (f"{PATH}/namespaces/default/pods/b0", 404, 'pods.metrics.k8s.io "b0" not found'),
            (f"{PATH}/namespaces/default/gadgets", 404, "the server could not find the requested resource"),
            (f"{PATH}/pods?watch=true", 405, "the server does not allow this method on the requested resource"),
        ):
            answer = await w.get(*path.split("?"))
            assert isinstance(answer.body, bytes)
            assert (answer.status, json.loads(answer.body)["message"]) == (status, message), path
        assert (await w.get(f"{PATH}/pods", "labelSelector=%3D%3D")).status == 400

    in_world(body)


def test_discovery_and_who_may_read() -> None:
    async def body(w: World) -> None:
        listed = await w.tree(PATH)
        assert [(r["name"], r["kind"], r["verbs"]) for r in listed["resources"]] == [
            ("nodes", "NodeMetrics", ["get", "list"]),
            ("pods", "PodMetrics", ["get", "list"]),
        ]
        groups = [group["name"] for group in (await w.tree("/apis"))["groups"]]
        assert groups[-1] == "metrics.k8s.io"
        index = await w.tree("/openapi/v3")
        url = index["paths"][PATH[1:]]["serverRelativeURL"]
        document = await w.tree(*url.split("?"))
        assert f"{PATH}/nodes" in document["paths"]
        condition = (await w.tree(API_SERVICE))["status"]["conditions"][0]
        assert (condition["type"], condition["status"], condition["reason"]) == ("Available", "True", "Local")
        name = "system:aggregated-metrics-reader"
        await w.until(lambda: w.status(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}"))
        role = await w.client.get(ClusterRole, name)
        assert role.metadata.labels["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
        nobody = UserInfo("nobody", groups=(AUTHENTICATED,))
        assert (await w.get(f"{PATH}/pods", user=nobody)).status == 403
        assert not w.asked

    in_world(body)


def test_an_installed_metrics_server_takes_over() -> None:
    async def body(w: World) -> None:
        service = {"name": "metrics-server", "namespace": "kube-system", "port": 443}
        for given, status in ((service, 503), (None, 200)):
            patch = json.dumps({"spec": {"service": given, "insecureSkipTLSVerify": True if given else None}}).encode()
            await w.client.raw(
                "PATCH", API_SERVICE, headers={"content-type": "application/merge-patch+json"}, body=patch
            )

            async def answered(status: int = status) -> bool:
                return (await w.get(f"{PATH}/nodes")).status == status

            await w.until(answered)

    in_world(body)
