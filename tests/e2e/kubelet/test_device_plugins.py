"""Devices of a plugin in pods: a plugin of the tests' own, which is a process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.kubelet.serving import pod_resources_pb2 as untyped
from tests.device_plugin import RESOURCE, DevicePlugin

from .harness import NODE, Cluster, eventually, play
from .private_containerd import PrivateContainerd

pytestmark = pytest.mark.e2e
pb: Any = untyped
SHOWS = "echo $DEVICES $(cat /hello) $(ls /dev | grep w); sleep 3600"


@contextlib.asynccontextmanager
async def plugin(k: Cluster, *devices: str, **orders: Any) -> AsyncIterator[DevicePlugin]:
    made = DevicePlugin(k.new_folder("plugin"), k.folder / "kubelet" / "device-plugins")
    made.offer(*devices, **orders)
    made.start()
    try:
        await k.until_allocatable(RESOURCE, str(len(devices)))
        yield made
    finally:
        made.kill()


def wants(count: int, name: str = "c", command: str = SHOWS) -> dict[str, Any]:
    resources = {"limits": {RESOURCE: str(count)}, "requests": {RESOURCE: str(count)}}
    return {"name": name, "command": ["sh", "-c", command], "resources": resources}


async def ask(k: Cluster, method: str, request: Any, response: Any) -> Any:
    socket = k.folder / "kubelet" / "pod-resources" / "kubelet.sock"
    async with grpc.aio.insecure_channel(f"unix://{socket}") as channel:
        call = channel.unary_unary(
            f"/v1.PodResourcesLister/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        return await call(request, timeout=60)


def health(pod: Pod) -> dict[str, str]:
    told = pod.status.containerStatuses[0].allocatedResourcesStatus if pod.status.containerStatuses else []
    return {each.resourceID: each.health or "" for status in told for each in status.resources}


def test_devices_are_handed_out_and_come_back(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        async with plugin(k, "w1", "w2", "w3", prefers=["w3", "w2"], pre_start=True) as made:
            pod = await k.create("two", [wants(2)])
            pod = await k.running("two")
            assert await eventually(lambda: k.log_has(pod, "w2,w3 from the plugin w2 w3"))
            assert health(pod) == {"w2": "Healthy", "w3": "Healthy"}
            assert [sorted(call["devices_ids"]) for call in made.calls("PreStartContainer")] == [["w2", "w3"]]
            listed = await ask(k, "List", pb.ListPodResourcesRequest(), pb.ListPodResourcesResponse)
            held = [i for d in listed.pod_resources[0].containers[0].devices for i in d.device_ids]
            assert sorted(held) == ["w2", "w3"]

            await k.create("too-many", [wants(2)])
            refused = await k.until("too-many", lambda p: p.status.phase == "Failed")
            assert refused.status.reason == "UnexpectedAdmissionError"
            assert "unavailable for example.com/widget. Requested: 2, Available: 1" in (refused.status.message or "")

            await k.delete("two", 0)
            await k.gone("two")
            await k.create("again", [wants(3)])
            await k.running("again")
            one = pb.GetPodResourcesRequest(pod_name="again", pod_namespace="default")
            told = await ask(k, "Get", one, pb.GetPodResourcesResponse)
            assert len(told.pod_resources.containers[0].devices) == 3

    play(containerd, scene)


def test_devices_that_become_ill_and_plugins_that_go_and_come(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        async with plugin(k, "w1", "w2") as made:
            await k.create("one", [wants(1)])
            await k.running("one")
            made.order(devices={"w1": ["Unhealthy"], "w2": ["Healthy"]})
            await k.until("one", lambda p: health(p) == {"w1": "Unhealthy"})
            await k.until_allocatable(RESOURCE, "1")
            made.kill()
            await k.until_allocatable(RESOURCE, "0")
            assert (await k.admin.get(Node, NODE)).status.capacity[RESOURCE] == "2"
            made.offer("w1", "w2")
            made.start()
            await k.until_allocatable(RESOURCE, "2")
            await k.until("one", lambda p: health(p) == {"w1": "Healthy"})

    play(containerd, scene)


def test_a_kubelet_that_comes_back_knows_who_has_what(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        async with plugin(k, "w1", "w2") as made:
            await k.create("stays", [wants(1)])
            before = await k.running("stays")
            await k.stop_kubelet()
            await k.start_kubelet()
            await k.until_allocatable(RESOURCE, "2")
            after = await k.get("stays")
            assert after.status.containerStatuses[0].containerID == before.status.containerStatuses[0].containerID
            await k.create("next", [wants(1)])
            await k.running("next")
            asked = [call["container_requests"][0]["devices_ids"] for call in made.calls("Allocate")]
            assert asked == [["w1"], ["w2"]]
            await k.create("none-left", [wants(1)])
            await k.until("none-left", lambda p: p.status.reason == "UnexpectedAdmissionError")

    play(containerd, scene)
