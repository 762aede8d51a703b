"""A device plugin as a process of its own: `python -m tests.device_plugin FOLDER KUBELET RESOURCE`.

KUBELET is the kubelet's folder of device plugins. It registers whenever the kubelet's socket is another one. Orders:
`devices` (health and NUMA nodes by id), `prefers` (ids to take first; else it does not mind), `pre_start`, `fail`.
A container gets the ids of its devices in DEVICES, the file FOLDER/hello as /hello, /dev/null as /dev/DEVICE.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from tests.plugin_process import Answers, Plugin

RESOURCE = "example.com/widget"
_LOOK_S = 0.05


class DevicePlugin(Plugin):
    def __init__(self, folder: Path, kubelet: Path, resource: str = RESOURCE) -> None:
        super().__init__("tests.device_plugin", folder)
        self.kubelet, self.resource = kubelet, resource
        (folder / "hello").write_text("from the plugin\n")

    def offer(self, *devices: str, **orders: Any) -> None:
        """All healthy and near no NUMA node."""
        self.order(devices={device: ["Healthy"] for device in devices}, **orders)

    def start(self) -> None:
        self.run(str(self.folder), str(self.kubelet), self.resource)


class _Devices(Answers):
    def __init__(self, folder: Path) -> None:
        from pybernetes.kubelet.devices import device_plugin_pb2

        super().__init__(folder)
        self.pb: Any = device_plugin_pb2

    # The protocol's methods.

    def GetDevicePluginOptions(self, request: Any, context: Any) -> Any:
        orders = self.orders()
        return self.pb.DevicePluginOptions(
            pre_start_required=orders.get("pre_start", False), get_preferred_allocation_available="prefers" in orders
        )

    def ListAndWatch(self, request: Any, context: Any) -> Any:
        told = None
        while context.is_active():
            if (devices := self.orders()["devices"]) != told:
                told = devices
                yield self.pb.ListAndWatchResponse(devices=[self._device(i, *each) for i, each in devices.items()])
            time.sleep(_LOOK_S)

    def _device(self, identity: str, health: str, *nodes: int) -> Any:
        device = self.pb.Device(ID=identity, health=health)
        device.topology.nodes.extend(self.pb.NUMANode(ID=node) for node in nodes)
        return device

    def GetPreferredAllocation(self, request: Any, context: Any) -> Any:
        first = self.orders()["prefers"]
        answers = []
        for each in request.container_requests:
            rest = [d for d in each.available_deviceIDs if d not in each.must_include_deviceIDs]
            chosen = [*each.must_include_deviceIDs, *sorted(rest, key=lambda d: (d not in first, d))]
            answers.append(self.pb.ContainerPreferredAllocationResponse(deviceIDs=chosen[: each.allocation_size]))
        return self.pb.PreferredAllocationResponse(container_responses=answers)

    def Allocate(self, request: Any, context: Any) -> Any:
        answer = self.pb.AllocateResponse()
        for each in request.container_requests:
            made = answer.container_responses.add()
            made.envs["DEVICES"] = ",".join(sorted(each.devices_ids))
            made.mounts.add(container_path="/hello", host_path=str(self.folder / "hello"), read_only=True)
            for device in each.devices_ids:
                made.devices.add(container_path=f"/dev/{device}", host_path="/dev/null", permissions="rw")
            made.annotations["example.com/devices"] = str(len(each.devices_ids))
        return answer

    def PreStartContainer(self, request: Any, context: Any) -> Any:
        return self.pb.PreStartContainerResponse()

    # Registration.

    def register(self, kubelet: Path, resource: str, endpoint: str) -> None:
        import grpc

        with grpc.insecure_channel(f"unix://{kubelet / 'kubelet.sock'}") as channel:
            call = channel.unary_unary(
                "/v1beta1.Registration/Register",
                request_serializer=self.pb.RegisterRequest.SerializeToString,
                response_deserializer=self.pb.Empty.FromString,
            )
            call(self.pb.RegisterRequest(version="v1beta1", endpoint=endpoint, resource_name=resource), timeout=60)


def serve(folder: Path, kubelet: Path, resource: str) -> None:
    import grpc

    devices = _Devices(folder)
    socket = kubelet / f"{resource.replace('/', '_')}.sock"
    seen, server = (0, 0), None
    print("ready", flush=True)
    while True:
        with contextlib.suppress(FileNotFoundError, grpc.RpcError):
            found = (kubelet / "kubelet.sock").stat()
            if (found.st_ino, found.st_ctime_ns) != seen:
                if server is not None:
                    server.stop(None)
                server = devices.listen([(devices.pb, "DevicePlugin")], socket)
                devices.register(kubelet, resource, socket.name)
                seen = found.st_ino, found.st_ctime_ns
        time.sleep(_LOOK_S)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
