"""A driver of dynamic resources as a process of its own: `python -m tests.dra_driver FOLDER REGISTRY NAME`.

It registers with the kubelet whose folder of plugins REGISTRY is. A prepared claim gets one device of the pool "node",
"gadget-1", as the CDI device NAME/gadget=CLAIM. Orders: `fail`, `refuse` (an error for claims by name), `health` (of
devices, as the protocol's number and a message).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.plugin_process import Answers, Plugin

DRIVER = "gadgets.example.com"
DEVICE = "gadget-1"
_LOOK_S = 0.05
_CDI = Path("/var/run/cdi")


class DraDriver(Plugin):
    def __init__(self, folder: Path, registry: Path, name: str = DRIVER) -> None:
        super().__init__("tests.dra_driver", folder)
        self.registry, self.name = registry, name
        self.order()

    def start(self) -> None:
        self.registry.mkdir(parents=True, exist_ok=True)
        self.run(str(self.folder), str(self.registry), self.name)

    def gone(self) -> None:
        """Ends it as if it were taken off the node."""
        self.kill()
        (self.registry / f"{self.name}-reg.sock").unlink(missing_ok=True)


class _Driver(Answers):
    def __init__(self, folder: Path, name: str, endpoint: str) -> None:
        from pybernetes.kubelet.claims import dra_health_pb2, dra_pb2
        from pybernetes.kubelet.plugins import plugin_registration_pb2

        super().__init__(folder)
        self._name, self._endpoint = name, endpoint
        self.pb: Any = dra_pb2
        self.health: Any = dra_health_pb2
        self.registration: Any = plugin_registration_pb2

    # The protocol's methods.

    def GetInfo(self, request: Any, context: Any) -> Any:
        versions = ["v1.DRAPlugin", "v1alpha1.DRAResourceHealth"]
        return self.registration.PluginInfo(
            type="DRAPlugin", name=self._name, endpoint=self._endpoint, supported_versions=versions
        )

    def NotifyRegistrationStatus(self, request: Any, context: Any) -> Any:
        return self.registration.RegistrationStatusResponse()

    def NodePrepareResources(self, request: Any, context: Any) -> Any:
        answer = self.pb.NodePrepareResourcesResponse()
        for claim in request.claims:
            told = answer.claims[claim.uid]
            if error := self.orders().get("refuse", {}).get(claim.name):
                told.error = error
                continue
            self._describe(claim.name)
            cdi = [f"{self._name}/gadget={claim.name}"]
            told.devices.add(pool_name="node", device_name=DEVICE, request_names=["gadget"], cdi_device_ids=cdi)
        return answer

    def _description(self, claim: str) -> Path:
        return _CDI / f"{self._name}-{claim}.json"

    def _describe(self, claim: str) -> None:
        """Runtimes that know CDI refuse devices that nobody describes."""
        device = {"name": claim, "containerEdits": {"env": [f"GADGET={claim}"]}}
        _CDI.mkdir(parents=True, exist_ok=True)
        kind = f"{self._name}/gadget"
        self._description(claim).write_text(json.dumps({"cdiVersion": "0.6.0", "kind": kind, "devices": [device]}))

    def NodeUnprepareResources(self, request: Any, context: Any) -> Any:
        answer = self.pb.NodeUnprepareResourcesResponse()
        for claim in request.claims:
            self._description(claim.name).unlink(missing_ok=True)
            answer.claims[claim.uid].error = self.orders().get("refuse", {}).get(claim.name, "")
        return answer

    def NodeWatchResources(self, request: Any, context: Any) -> Any:
        told = None
        while context.is_active():
            if (devices := self.orders().get("health", {})) != told:
                told = devices
                answer = self.health.NodeWatchResourcesResponse()
                for name, (number, message) in devices.items():
                    each = answer.devices.add(health=number, message=message, health_check_timeout_seconds=600)
                    each.device.pool_name, each.device.device_name = "node", name
                yield answer
            time.sleep(_LOOK_S)


def serve(folder: Path, registry: Path, name: str) -> None:
    endpoint = folder / "dra.sock"
    driver = _Driver(folder, name, str(endpoint))
    servers = [
        driver.listen([(driver.pb, "DRAPlugin"), (driver.health, "DRAResourceHealth")], endpoint),
        driver.listen([(driver.registration, "Registration")], registry / f"{name}-reg.sock"),
    ]
    print("ready", flush=True)
    for server in servers:
        server.wait_for_termination()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
