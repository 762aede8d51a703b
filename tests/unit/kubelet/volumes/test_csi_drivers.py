"""Which versions of a driver are taken, and what the API is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from pybernetes.api.core.v1 import Node
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.storage.v1 import CSIDriver, CSIDriverSpec, CSINode
from pybernetes.kubelet.plugins.registration import PluginError
from pybernetes.kubelet.volumes.csi import csi_pb2 as untyped
from pybernetes.kubelet.volumes.csi.drivers import Drivers, highest_supported
from pybernetes.kubelet.volumes.csi.node_info import NodeInfo
from pybernetes.kubelet.volumes.payload import VolumeError
from tests.fake_api import FakeApi

pb: Any = untyped


@pytest.mark.parametrize(
    ("versions", "highest"),
    [
        (["1.0.0"], (1, 0, 0)),
        (["v1.2.0", "1.10"], (1, 10, 0)),
        (["0.3.0", "1.1.0", "2.0.0"], (1, 1, 0)),
        (["2.0.0"], None),
        (["0.3"], None),
        (["one"], None),
    ],
)
def test_the_highest_of_version_one(versions: list[str], highest: tuple[int, int, int] | None) -> None:
    assert highest_supported(versions) == highest


def test_a_driver_of_a_lower_version_does_not_take_the_place_of_another() -> None:
    async def scene(api: FakeApi, info: NodeInfo) -> None:
        drivers = Drivers(info)
        with pytest.raises(PluginError, match="empty list"):
            drivers.check("d", "/s", [])
        with pytest.raises(PluginError, match="supported"):
            drivers.check("d", "/s", ["2.0.0"])
        drivers.check("d", "/s", ["1.0.0"])

    play(scene)


async def serve(socket: Path, *limits: int) -> Any:
    """A driver that says who it is, and each time the next of its limits; the last one stays."""
    left = [*limits] or [0]
    server = grpc.aio.server()

    async def info(request: Any, context: Any) -> Any:
        return pb.NodeGetInfoResponse(node_id="id", max_volumes_per_node=left.pop(0) if len(left) > 1 else left[0])

    method = grpc.unary_unary_rpc_method_handler(
        info, pb.NodeGetInfoRequest.FromString, lambda made: made.SerializeToString()
    )
    service = grpc.method_handlers_generic_handler("csi.v1.Node", {"NodeGetInfo": method})
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    return server


def test_a_driver_of_a_higher_version_outlives_the_one_before(tmp_path: Path) -> None:
    async def scene(api: FakeApi, info: NodeInfo) -> None:
        old, new = tmp_path / "old.sock", tmp_path / "new.sock"
        servers = [await serve(old), await serve(new)]
        drivers = Drivers(info)
        await drivers.register("d", str(old), ["1.0.0"])
        with pytest.raises(PluginError, match="already registered"):
            drivers.check("d", str(new), ["1.0.0"])
        drivers.check("d", str(new), ["1.1.0"])
        await drivers.register("d", str(new), ["1.1.0"])
        await drivers.deregister("d", str(old))
        assert drivers.get("d").socket == str(new)
        assert [each["name"] for each in api.get("csinodes", "n")["spec"]["drivers"]] == ["d"]
        await drivers.deregister("d", str(new))
        with pytest.raises(VolumeError, match="driver name d not found in the list of registered CSI drivers"):
            drivers.get("d")
        for server in servers:
            await server.stop(None)

    play(scene)


def test_limits_are_asked_for_again_as_the_driver_wants(tmp_path: Path) -> None:
    async def scene(api: FakeApi, info: NodeInfo) -> None:
        await info.install("other", "id", 1, {})
        server = await serve(tmp_path / "d.sock", 5, 7)
        drivers = Drivers(info)
        await drivers.register("d", str(tmp_path / "d.sock"), ["1.0.0"])

        def limit() -> Any:
            found = {each["name"]: each for each in api.get("csinodes", "n")["spec"]["drivers"]}
            return found["d"].get("allocatable")

        assert limit() == {"count": 5}
        spec = CSIDriverSpec(nodeAllocatableUpdatePeriodSeconds=1)
        api.put(CSIDriver(metadata=ObjectMeta(name="d"), spec=spec), "csidrivers")
        async with asyncio.timeout(60):
            while True:
                if limit() == {"count": 7}:
                    break
                await asyncio.sleep(0.05)
        await drivers.close()
        await server.stop(None)

    play(scene)


def test_a_driver_that_does_not_answer_is_not_taken(tmp_path: Path) -> None:
    async def scene(api: FakeApi, info: NodeInfo) -> None:
        drivers = Drivers(info)
        with pytest.raises(PluginError, match="plugin registration failed with err: rpc error: code = Unavailable"):
            await drivers.register("d", str(tmp_path / "none.sock"), ["1.0.0"])
        with pytest.raises(VolumeError):
            drivers.get("d")

    play(scene)


def play(scene: Callable[[FakeApi, NodeInfo], Awaitable[None]], labels: dict[str, str] | None = None) -> FakeApi:
    api = FakeApi()

    async def run() -> None:
        api.put(Node(metadata=ObjectMeta(name="n", uid="u", labels=labels or {})), "nodes")

        async def node() -> Node:
            return await api.client().get(Node, "n")

        await scene(api, NodeInfo(api.client(), node))

    asyncio.run(run())
    return api


def test_a_node_has_a_csi_node_of_its_own() -> None:
    async def scene(api: FakeApi, info: NodeInfo) -> None:
        api.put(CSINode(metadata=ObjectMeta(name="n", uid="of an earlier node")), "csinodes")
        await info.begin()
        found = api.get("csinodes", "n")["metadata"]
        assert [ref["uid"] for ref in found["ownerReferences"]] == ["u"]
        assert "kubernetes.io/aws-ebs" in found["annotations"]["storage.alpha.kubernetes.io/migrated-plugins"]
        written = len(api.requests)
        await info.begin()
        assert len(api.requests) == written

    play(scene)


def test_drivers_come_and_go() -> None:
    async def scene(api: FakeApi, info: NodeInfo) -> None:
        await info.install("one", "id-1", 5, {"zone": "a"})
        await info.install("two", "id-2", 0, {})
        await info.install("one", "id-1", 6, {"zone": "a"})
        found = {each["name"]: each for each in api.get("csinodes", "n")["spec"]["drivers"]}
        assert found["one"]["allocatable"] == {"count": 6} and found["one"]["topologyKeys"] == ["zone"]
        assert "allocatable" not in found["two"]
        node = api.get("nodes", "n")["metadata"]
        assert node["labels"]["zone"] == "a"
        assert json.loads(node["annotations"]["csi.volume.kubernetes.io/nodeid"]) == {"one": "id-1", "two": "id-2"}
        written = len(api.requests)
        await info.install("one", "id-1", 6, {"zone": "a"})
        assert len(api.requests) == written
        await info.uninstall("one")
        await info.uninstall("two")
        assert not api.get("csinodes", "n")["spec"]["drivers"]
        assert "csi.volume.kubernetes.io/nodeid" not in (api.get("nodes", "n")["metadata"].get("annotations") or {})

    play(scene)


@pytest.mark.parametrize(
    ("node_id", "topology", "complaint"),
    [("", {}, "driverNodeID must not be empty"), ("id", {"zone": "b"}, "topology value collision")],
)
def test_what_a_driver_must_not_say(node_id: str, topology: dict[str, str], complaint: str) -> None:
    async def scene(api: FakeApi, info: NodeInfo) -> None:
        with pytest.raises(ValueError, match=complaint):
            await info.install("d", node_id, 0, topology)
        assert not api.all("csinodes")

    play(scene, {"zone": "a"})
