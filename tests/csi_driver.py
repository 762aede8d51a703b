"""A CSI driver as a process of its own: `python -m tests.csi_driver FOLDER REGISTRY NAME`.

Its volumes are folders (or, asked for as a device, the loop device that FOLDER/device names) which it bind-mounts, as a
real one does. FOLDER/orders.json is read at every call: {"can": [1], "fail": {"NodeStageVolume": "INTERNAL"}, ...};
every call is a line of FOLDER/calls.jsonl. It registers with the kubelet whose folder of plugins REGISTRY is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.plugin_process import Answers, Plugin

STAGE, STATS, EXPAND = 1, 2, 3


class CsiDriver(Plugin):
    """Starts and ends the process, says what it is to do and reads what it was asked."""

    def __init__(self, folder: Path, registry: Path, name: str = "csi.example.com") -> None:
        super().__init__("tests.csi_driver", folder)
        self.registry, self.name = registry, name
        self.order()

    def order(self, **orders: Any) -> None:
        """`can` (all), `fail` (gRPC's code by method), `node` (what NodeGetInfo answers)."""
        super().order(**{"can": [STAGE, STATS, EXPAND], **orders})

    def start(self) -> None:
        self.registry.mkdir(parents=True, exist_ok=True)
        self.run(str(self.folder), str(self.registry), self.name)


class _Node(Answers):
    """The Node service and that of the registration."""

    def __init__(self, folder: Path, name: str, endpoint: str) -> None:
        from pybernetes.kubelet.plugins import plugin_registration_pb2
        from pybernetes.kubelet.volumes.csi import csi_pb2

        super().__init__(folder)
        self._name, self._endpoint = name, endpoint
        self.pb: Any = csi_pb2
        self.registration: Any = plugin_registration_pb2

    def _source(self, request: Any) -> Path:
        if request.volume_capability.HasField("block"):
            return Path((self.folder / "device").read_text())
        source = self.folder / "volumes" / request.volume_id
        source.mkdir(parents=True, exist_ok=True)
        return source

    # The protocol's methods.

    def GetInfo(self, request: Any, context: Any) -> Any:
        return self.registration.PluginInfo(
            type="CSIPlugin", name=self._name, endpoint=self._endpoint, supported_versions=["1.0.0"]
        )

    def NotifyRegistrationStatus(self, request: Any, context: Any) -> Any:
        return self.registration.RegistrationStatusResponse()

    def NodeGetInfo(self, request: Any, context: Any) -> Any:
        told = self.orders().get("node", {})
        return self.pb.NodeGetInfoResponse(
            node_id=told.get("id", "node-of-the-driver"),
            max_volumes_per_node=told.get("most", 0),
            accessible_topology=self.pb.Topology(segments=told.get("topology", {})),
        )

    def NodeGetCapabilities(self, request: Any, context: Any) -> Any:
        answer = self.pb.NodeGetCapabilitiesResponse()
        for each in self.orders()["can"]:
            answer.capabilities.add().rpc.type = each
        return answer

    def NodeStageVolume(self, request: Any, context: Any) -> Any:
        if not request.volume_capability.HasField("block"):
            _bind(self._source(request), Path(request.staging_target_path))
        return self.pb.NodeStageVolumeResponse()

    def NodeUnstageVolume(self, request: Any, context: Any) -> Any:
        _unbind(Path(request.staging_target_path))
        return self.pb.NodeUnstageVolumeResponse()

    def NodePublishVolume(self, request: Any, context: Any) -> Any:
        target = Path(request.target_path)
        if request.volume_capability.HasField("block"):
            target.touch()
        else:
            target.mkdir(exist_ok=True)
        _bind(self._source(request), target)
        return self.pb.NodePublishVolumeResponse()

    def NodeUnpublishVolume(self, request: Any, context: Any) -> Any:
        target = Path(request.target_path)
        _unbind(target)
        if target.is_dir():
            target.rmdir()
        else:
            target.unlink(missing_ok=True)
        return self.pb.NodeUnpublishVolumeResponse()

    def NodeGetVolumeStats(self, request: Any, context: Any) -> Any:
        answer = self.pb.NodeGetVolumeStatsResponse()
        answer.usage.add(unit=1, total=1000, available=600, used=400)
        answer.usage.add(unit=2, total=100, available=90, used=10)
        return answer

    def NodeExpandVolume(self, request: Any, context: Any) -> Any:
        return self.pb.NodeExpandVolumeResponse(capacity_bytes=request.capacity_range.required_bytes)


def _mounted(place: Path) -> bool:
    return any(line.split(" ")[4] == str(place) for line in Path("/proc/self/mountinfo").read_text().splitlines())


def _bind(source: Path, target: Path) -> None:
    if not _mounted(target):
        subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


def _unbind(target: Path) -> None:
    while _mounted(target):
        subprocess.run(["umount", str(target)], check=True)


def serve(folder: Path, registry: Path, name: str) -> None:
    endpoint = folder / "csi.sock"
    node = _Node(folder, name, str(endpoint))
    servers = [
        node.listen([(node.pb, "Node")], endpoint),
        node.listen([(node.registration, "Registration")], registry / f"{name}-reg.sock"),
    ]
    print("ready", flush=True)
    for server in servers:
        server.wait_for_termination()


if __name__ == "__main__":
    os.umask(0o022)
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
