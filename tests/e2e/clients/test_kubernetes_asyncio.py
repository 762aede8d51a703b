"""The client library `kubernetes-asyncio` from PyPI, unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ..conftest import PATIENCE_S, Cluster
from .conftest import BOX

pytestmark = pytest.mark.e2e
kubernetes_asyncio = pytest.importorskip("kubernetes_asyncio")

Flow = Callable[[Any, Any], Awaitable[None]]


@pytest.fixture
def run(cluster: Cluster) -> Callable[[Flow], None]:
    """Runs a flow with an API client and its configuration."""
    from kubernetes_asyncio import client, config

    async def with_client(flow: Flow) -> None:
        configuration = client.Configuration()
        await config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
        async with client.ApiClient(configuration) as api:
            await asyncio.wait_for(flow(api, configuration), PATIENCE_S)

    return lambda flow: asyncio.run(with_client(flow))


def test_pods_talk(run: Callable[[Flow], None], namespace: str) -> None:
    from kubernetes_asyncio import client, watch
    from kubernetes_asyncio.stream import WsApiClient

    async def flow(api: Any, configuration: Any) -> None:
        core = client.CoreV1Api(api)
        created = await core.create_namespaced_pod(namespace, BOX)
        version = created.metadata.resource_version
        async with watch.Watch() as watcher:
            async for event in watcher.stream(core.list_namespaced_pod, namespace, resource_version=version):
                if event["object"].status.phase == "Running":
                    break
        lines: list[str] = []
        async with watch.Watch() as watcher:
            async for line in watcher.stream(core.read_namespaced_pod_log, "box", namespace, follow=True):
                lines.append(line.strip())
                if len(lines) == 2:
                    break
        assert lines == ["one", "two"]
        async with WsApiClient(configuration) as streams:
            remote = client.CoreV1Api(streams)
            said = await remote.connect_get_namespaced_pod_exec(
                "box", namespace, command=["echo", "hello"], stdin=False, stdout=True, stderr=True, tty=False
            )
            assert said == "hello\n"
            socket = await remote.connect_get_namespaced_pod_exec(
                "box", namespace, command=["sh"], stdin=True, stdout=True, stderr=True, tty=False,
                _preload_content=False,
            )  # fmt: skip
            async with socket as open_socket:
                await open_socket.send_bytes(b"\x00echo typed; exit 4\n")
                output = b""
                status = b""
                async for message in open_socket:
                    output += message.data[1:] if message.data[0] == 1 else b""
                    status += message.data[1:] if message.data[0] == 3 else b""
            assert output == b"typed\n"
            assert WsApiClient.parse_error_data(status) == 4
        await core.delete_namespaced_pod("box", namespace, grace_period_seconds=0)

    run(flow)


def test_objects(run: Callable[[Flow], None], namespace: str) -> None:
    from kubernetes_asyncio import client, watch

    async def flow(api: Any, configuration: Any) -> None:
        core = client.CoreV1Api(api)
        start = (await core.list_namespaced_config_map(namespace)).metadata.resource_version
        made = [
            core.create_namespaced_config_map(namespace, {"metadata": {"name": f"c{n}", "labels": {"l": str(n % 2)}}})
            for n in range(20)
        ]
        await asyncio.gather(*made)
        names: list[str] = []
        token = None
        while token != "":
            page = await core.list_namespaced_config_map(namespace, limit=7, _continue=token, label_selector="l")
            names += [item.metadata.name for item in page.items]
            token = page.metadata._continue or ""
        assert sorted(names) == sorted(f"c{n}" for n in range(20))
        seen = set()
        async with watch.Watch() as watcher:
            async for event in watcher.stream(
                core.list_namespaced_config_map, namespace, resource_version=start, label_selector="l=1"
            ):
                seen.add(event["object"].metadata.name)
                if len(seen) == 10:
                    break
        assert seen == {f"c{n}" for n in range(1, 20, 2)}
        patch = core.patch_namespaced_config_map
        assert (await patch("c1", namespace, {"data": {"a": "1"}})).data == {"a": "1"}
        steps = [{"op": "add", "path": "/data/b", "value": "2"}]
        assert (await patch("c1", namespace, steps)).data == {"a": "1", "b": "2"}
        merge = {"_content_type": "application/merge-patch+json"}
        assert (await patch("c1", namespace, {"data": {"a": None}}, **merge)).data == {"b": "2"}
        wanted: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c1"}}
        wanted["data"] = {"c": "3"}
        applied = await patch(
            "c1", namespace, wanted, field_manager="me", force=True, _content_type="application/apply-patch+yaml"
        )
        assert applied.data == {"b": "2", "c": "3"}
        await core.delete_collection_namespaced_config_map(namespace, label_selector="l=1")
        left = await core.list_namespaced_config_map(namespace, label_selector="l")
        assert len(left.items) == 10

    run(flow)


def test_custom_resources_and_errors(run: Callable[[Flow], None], namespace: str, gadgets: str) -> None:
    from kubernetes_asyncio import client, dynamic
    from kubernetes_asyncio.client.exceptions import ApiException

    async def flow(api: Any, configuration: Any) -> None:
        custom = client.CustomObjectsApi(api)
        where = (gadgets, "v1", namespace, "gadgets")
        body: dict[str, Any] = {"apiVersion": f"{gadgets}/v1", "kind": "Gadget", "metadata": {"name": "g"}}
        body["spec"] = {"color": "red"}
        assert (await custom.create_namespaced_custom_object(*where, body))["spec"]["size"] == 1
        with pytest.raises(ApiException) as conflict:
            await custom.create_namespaced_custom_object(*where, body)
        assert conflict.value.status == 409
        resources = await dynamic.DynamicClient(api)
        gadget = await resources.resources.get(api_version=f"{gadgets}/v1", kind="Gadget")
        listed = await gadget.get(namespace=namespace)
        assert [item.metadata.name for item in listed.items] == ["g"]
        with pytest.raises(ApiException) as missing:
            await client.CoreV1Api(api).read_namespaced_pod("nobody", namespace)
        assert missing.value.status == 404

    run(flow)
