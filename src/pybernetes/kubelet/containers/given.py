"""What a container gets besides what its spec says: from device plugins, drivers of claims and managers. Pure.

Source: pkg/kubelet/cm/devicemanager/pod_devices.go deviceRunContainerOptions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Given:
    environment: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Path on the host and whether it is read-only, by path in the container."""
    devices: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Path on the host and permissions, by path in the container."""
    annotations: dict[str, str] = field(default_factory=dict)
    cdi: list[str] = field(default_factory=list)
    """Fully qualified names of CDI devices, in order."""
    cpus: str = ""
    """Those that the container may run on, as a list of cpuset; "" for all."""
    memory_nodes: str = ""
    """NUMA nodes whose memory it may use, likewise."""
    owns_cpus: bool = False
    """Whether nobody else does."""

    def add_devices(self, answer: Any) -> None:
        """What a device plugin answered (ContainerAllocateResponse). What came first stays."""
        for name, value in answer.envs.items():
            self.environment.setdefault(name, value)
        for mount in answer.mounts:
            self.mounts.setdefault(mount.container_path, (mount.host_path, mount.read_only))
        for device in answer.devices:
            self.devices.setdefault(device.container_path, (device.host_path, device.permissions))
        for name, value in answer.annotations.items():
            self.annotations.setdefault(name, value)
        self.add_cdi(device.name for device in answer.cdi_devices)

    def add_cdi(self, names: Any) -> None:
        self.cdi += [name for name in names if name not in self.cdi]
