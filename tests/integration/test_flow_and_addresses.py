"""What every cluster finds after the start: priority levels, flow schemas, the ServiceCIDR; and whose an address is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.registry.flowcontrol import built_in
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Request, Response
from pybernetes.storage.memory import MemoryStore

ADMIN = UserInfo("admin", groups=("system:masters",))
FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1"
NETWORK = "/apis/networking.k8s.io/v1"
SERVICES = "/api/v1/namespaces/default/services"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


class Api:
    def __init__(self, server: ApiServer) -> None:
        self.server = server

    async def ask(self, method: str, path: str, tree: Any = None) -> tuple[int, Any]:
        headers = {"accept": "application/json", "content-type": "application/json"}
        if method == "PATCH":
            headers["content-type"] = "application/merge-patch+json"
        body = json.dumps(tree).encode() if tree is not None else b""
        answer = await self.server.handler(Request(method, path, "", headers, body, user=ADMIN))
        assert isinstance(answer, Response) and isinstance(answer.body, bytes)
        return answer.status, json.loads(answer.body)

    async def get(self, path: str) -> Any:
        status, tree = await self.ask("GET", path)
        assert status == 200, tree
        return tree

    async def names(self, path: str) -> set[str]:
        return {item["metadata"]["name"] for item in (await self.get(path))["items"]}

    async def service(self, name: str, **spec: Any) -> tuple[int, Any]:
        tree = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
        return await self.ask("POST", SERVICES, {**tree, "spec": {"ports": [{"port": 80}], **spec}})


@pytest.fixture
def run() -> Callable[[Callable[[Api], Awaitable[None]]], None]:
    def call(body: Callable[[Api], Awaitable[None]]) -> None:
        async def main() -> None:
            store = MemoryStore()
            await store.start()
            config = ApiServerConfig(port=-1, service_cluster_ip_range="10.96.0.0/24")
            server = ApiServer(config, store, SystemClock(), Random(1))
            await server.start()
            api = Api(server)
            try:
                async with asyncio.timeout(60):
                    while not any(name.startswith("apiserver-") for name in await api.names(LEASES)):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                await body(api)
            finally:
                await server.stop(0)
                await store.stop()

        asyncio.run(main())

    return call


def test_flow_control_objects(run: Any) -> None:
    async def body(api: Api) -> None:
        levels = {level.metadata.name for level in built_in.levels()}
        assert await api.names(f"{FLOW}/prioritylevelconfigurations") == levels and len(levels) == 8
        schemas = (await api.get(f"{FLOW}/flowschemas"))["items"]
        assert len(schemas) == 11
        assert {s["spec"]["priorityLevelConfiguration"]["name"] for s in schemas} == levels
        assert all(s["metadata"]["generation"] == 1 for s in schemas)
        (exempt,) = [s for s in schemas if s["metadata"]["name"] == "exempt"]
        headers = {"accept": "application/json"}
        answer = await api.server.handler(Request("GET", "/api/v1/pods", "", headers, user=ADMIN))
        assert ("X-Kubernetes-PF-FlowSchema-UID", exempt["metadata"]["uid"]) in answer.headers
        status, refused = await api.ask("PATCH", f"{FLOW}/flowschemas/exempt", {"spec": {"matchingPrecedence": 7}})
        assert (status, refused["reason"]) == (422, "Invalid")
        shares = {"spec": {"exempt": {"nominalConcurrencyShares": 3}}}
        assert (await api.ask("PATCH", f"{FLOW}/prioritylevelconfigurations/exempt", shares))[0] == 200

    run(body)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "spec.priorityLevelConfiguration.name"),
        ({"priorityLevelConfiguration": {"name": "x"}, "matchingPrecedence": 1}, "spec.matchingPrecedence"),
        ({"priorityLevelConfiguration": {"name": "x"}, "matchingPrecedence": 20000}, "spec.matchingPrecedence"),
        ({"rules": [{"subjects": [{"kind": "Robot"}]}]}, "spec.rules[0].subjects[0].kind"),
        ({"rules": [{"subjects": [{"kind": "User"}]}]}, "spec.rules[0].subjects[0].user"),
        (
            {"rules": [{"nonResourceRules": [{"verbs": ["*", "get"], "nonResourceURLs": ["x"]}]}]},
            "spec.rules[0].nonResourceRules[0].nonResourceURLs[0]",
        ),
    ],
)
def test_a_flow_schema_is_refused(run: Any, spec: dict[str, Any], field: str) -> None:
    async def body(api: Api) -> None:
        tree = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": "a"}}
        status, answer = await api.ask("POST", f"{FLOW}/flowschemas", {**tree, "spec": spec})
        assert status == 422 and field in [cause["field"] for cause in answer["details"]["causes"]]

    run(body)


def test_a_missing_priority_level_is_told(run: Any) -> None:
    async def body(api: Api) -> None:
        async def state(name: str, wanted: str) -> None:
            async with asyncio.timeout(60):
                while True:
                    found = await api.get(f"{FLOW}/flowschemas/{name}")
                    if [c["status"] for c in found["status"].get("conditions", [])] == [wanted]:
                        return
                    await asyncio.sleep(0.01)

        await state("probes", "False")
        tree = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": "mine"}}
        await api.ask("POST", f"{FLOW}/flowschemas", {**tree, "spec": {"priorityLevelConfiguration": {"name": "own"}}})
        await state("mine", "True")
        level = {**tree, "kind": "PriorityLevelConfiguration", "metadata": {"name": "own"}}
        spec = {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}
        assert (await api.ask("POST", f"{FLOW}/prioritylevelconfigurations", {**level, "spec": spec}))[0] == 201
        await state("mine", "False")

    run(body)


def test_addresses_have_objects(run: Any) -> None:
    async def body(api: Api) -> None:
        default = await api.get(f"{NETWORK}/servicecidrs/kubernetes")
        assert default["spec"]["cidrs"] == ["10.96.0.0/24"]
        assert [(c["type"], c["status"]) for c in default["status"]["conditions"]] == [("Ready", "True")]
        _, made = await api.service("web")
        address = made["spec"]["clusterIP"]
        found = await api.get(f"{NETWORK}/ipaddresses/{address}")
        assert found["spec"]["parentRef"] == {"resource": "services", "namespace": "default", "name": "web"}
        assert found["metadata"]["labels"]["ipaddress.kubernetes.io/managed-by"] == "ipallocator.k8s.io"
        await api.ask("DELETE", f"{SERVICES}/web")
        assert await api.names(f"{NETWORK}/ipaddresses") == set()

        taken = {"metadata": {"name": "10.96.0.77"}, "spec": {"parentRef": {"resource": "boxes", "name": "b"}}}
        kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IPAddress"}
        assert (await api.ask("POST", f"{NETWORK}/ipaddresses", {**kind, **taken}))[0] == 201
        status, refused = await api.service("mine", clusterIP="10.96.0.77")
        assert status == 422 and "already allocated" in refused["message"]
        for index in range(40):
            _, made = await api.service(f"s{index}")
            assert made["spec"]["clusterIP"] != "10.96.0.77"

    run(body)


def test_a_second_range(run: Any) -> None:
    async def body(api: Api) -> None:
        kind = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "more"}}
        tree = {**kind, "spec": {"cidrs": ["10.97.0.0/24"]}}
        status, made = await api.ask("POST", f"{NETWORK}/servicecidrs", tree)
        assert status == 201
        assert (await api.service("a", clusterIP="10.97.0.9"))[0] == 422
        made["status"] = {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "message": "",
                    "reason": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ]
        }
        assert (await api.ask("PUT", f"{NETWORK}/servicecidrs/more/status", made))[0] == 200
        assert (await api.service("a", clusterIP="10.97.0.9"))[0] == 201
        assert (await api.service("b", clusterIP="10.97.0.9"))[0] == 422
        changed = {"spec": {"cidrs": ["10.98.0.0/24"]}}
        status, refused = await api.ask("PATCH", f"{NETWORK}/servicecidrs/more", changed)
        assert status == 422 and refused["details"]["causes"][0]["field"] == "spec.cidrs[0]"

    run(body)


@pytest.mark.parametrize(
    ("cidrs", "field"),
    [
        ([], "spec.cidrs"),
        (["10.0.0.0/8", "10.1.0.0/16"], "spec.cidrs"),
        (["10.0.0.1/8"], "spec.cidrs[0]"),
        (["x"], "spec.cidrs[0]"),
    ],
)
def test_a_range_is_refused(run: Any, cidrs: list[str], field: str) -> None:
    async def body(api: Api) -> None:
        kind = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "more"}}
        status, answer = await api.ask("POST", f"{NETWORK}/servicecidrs", {**kind, "spec": {"cidrs": cidrs}})
        assert status == 422 and field in [cause["field"] for cause in answer["details"]["causes"]]

    run(body)
