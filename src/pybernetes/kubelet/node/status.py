"""What the node says of itself: capacity, addresses, conditions. Reads /proc; writes nothing.

Source: pkg/kubelet/nodestatus/setters.go, pkg/kubelet/kubelet_node_status.go.
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.core.v1 import (
    ContainerImage,
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeFeatures,
    NodeRuntimeHandler,
    NodeRuntimeHandlerFeatures,
    NodeStatus,
    NodeSwapStatus,
    NodeSystemInfo,
    Taint,
)
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.conditions import with_condition
from pybernetes.apimachinery.declared_features import (
    RESIZE_OF_INIT_CONTAINERS,
    RESIZE_OF_PODS,
    RESTART_ALL_CONTAINERS,
)
from pybernetes.apimachinery.times import format_time
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.node.usage import meminfo
from pybernetes.kubelet.resources import node_allocatable
from pybernetes.kubelet.resources.numa import read_huge_pages

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}
_HUGEPAGES = Path("/sys/kernel/mm/hugepages")
_APPARMOR_ENABLED = Path("/sys/module/apparmor/parameters/enabled")
_APPARMOR_PROFILES = Path("/sys/kernel/security/apparmor")
_MAX_NAMES = 5
_DECLARED_FEATURES = sorted([RESIZE_OF_INIT_CONTAINERS, RESIZE_OF_PODS, RESTART_ALL_CONTAINERS])
PRESSURES = {
    "MemoryPressure": (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    "DiskPressure": (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    "PIDPressure": (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}
"""Reason and message by condition: first of a node that has enough, then of one that has not."""


@dataclass(slots=True)
class RuntimeHealth:
    """What the runtime says of itself; `error` is why it cannot be asked."""

    error: str = "container runtime is down"
    network_error: str = ""
    name: str = "containerd"
    version: str = ""
    handlers: list[NodeRuntimeHandler] = field(default_factory=list)
    features: NodeFeatures | None = None


@dataclass(slots=True)
class Machine:
    """Facts that do not change while the kubelet runs."""

    capacity: dict[str, str] = field(default_factory=dict)
    allocatable: dict[str, str] = field(default_factory=dict)
    memory_bytes: int = 0
    swap_bytes: int = 0
    info: NodeSystemInfo = field(default_factory=NodeSystemInfo)
    has_apparmor: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """Resources of device plugins."""

    capacity: Mapping[str, str] = field(default_factory=dict)
    allocatable: Mapping[str, str] = field(default_factory=dict)


NOTHING_OFFERED = Offer()


def architecture() -> str:
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def default_address() -> str:
    """The address packets to the outside would come from; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def read_machine(config: KubeletConfig) -> Machine:
    kernel = meminfo()
    memory, swap = kernel["MemTotal"], kernel["SwapTotal"]
    root = Path(config.root_dir)
    while not root.exists():
        root = root.parent
    disk = os.statvfs(root)
    disk_bytes = disk.f_blocks * disk.f_frsize
    cpus = len(os.sched_getaffinity(0))
    capacity = {
        "cpu": str(cpus),
        "memory": f"{memory // 1024}Ki",
        "ephemeral-storage": f"{disk_bytes // 1024}Ki",
        **_hugepages(),
        "pods": str(min(config.max_pods, config.pods_per_core * cpus) if config.pods_per_core else config.max_pods),
    }
    reserved = (config.system_reserved, config.kube_reserved)
    allocatable = node_allocatable.allocatable(capacity, reserved, config.eviction_hard)
    return Machine(capacity, allocatable, memory, swap, _system_info(config, swap), _has_apparmor())


def _has_apparmor() -> bool:
    """Source: third_party/forked/libcontainer/apparmor."""
    try:
        return _APPARMOR_ENABLED.read_text().startswith("Y") and _APPARMOR_PROFILES.exists()
    except OSError:
        return False


def _hugepages() -> dict[str, str]:
    """Those that are set aside."""
    return {name: quantity.from_value(size, "BinarySI") for name, size in read_huge_pages(_HUGEPAGES).items()}


def _system_info(config: KubeletConfig, swap_bytes: int) -> NodeSystemInfo:
    def first_line(path: str) -> str:
        try:
            return Path(path).read_text().strip()
        except OSError:
            return ""

    release = {}
    for line in first_line("/etc/os-release").splitlines():
        key, _, value = line.partition("=")
        release[key] = value.strip('"')
    machine_id = first_line("/etc/machine-id")
    return NodeSystemInfo(
        machineID=machine_id,
        systemUUID=first_line("/sys/class/dmi/id/product_uuid") or machine_id,
        bootID=first_line("/proc/sys/kernel/random/boot_id"),
        kernelVersion=platform.release(),
        osImage=release.get("PRETTY_NAME", "Linux"),
        operatingSystem=platform.system().lower(),
        architecture=architecture(),
        kubeletVersion=config.version,
        kubeProxyVersion="",
        swap=NodeSwapStatus(capacity=swap_bytes) if swap_bytes else None,
    )


def initial_node(config: KubeletConfig) -> Node:
    """The Node to register, without its status."""
    node = Node()
    node.metadata.name = config.node_name
    arch, system = architecture(), platform.system().lower()
    node.metadata.labels = {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": system,
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": config.hostname,
        "kubernetes.io/os": system,
        **config.node_labels,
    }
    node.metadata.annotations = {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    node.spec.taints = [Taint(key=k, value=v or None, effect=e) for k, v, e in config.register_with_taints]
    if config.provider_id:
        node.spec.providerID = config.provider_id
    if config.pod_cidr:
        node.spec.podCIDR, node.spec.podCIDRs = config.pod_cidr, [config.pod_cidr]
    return node


def node_status(
    config: KubeletConfig,
    machine: Machine,
    old: NodeStatus,
    health: RuntimeHealth,
    images: list[ContainerImage],
    host_ips: list[str],
    server_port: int,
    now_s: float,
    *,
    pressure: frozenset[str] = frozenset(),
    volumes_in_use: Sequence[str] = (),
    offered: Offer = NOTHING_OFFERED,
    shutting_down: bool = False,
) -> NodeStatus:
    """The status to report; times of transition are kept from `old`. Pure but for its inputs.

    Extended resources that someone else wrote into the capacity can be allocated, as long as they stand there.
    """
    info = msgspec.structs.replace(
        machine.info, containerRuntimeVersion=f"{health.name}://{health.version or 'Unknown'}"
    )
    addresses = [NodeAddress(type="InternalIP", address=ip) for ip in host_ips]
    addresses.append(NodeAddress(type="Hostname", address=config.hostname))
    foreign = {name: amount for name, amount in old.capacity.items() if "/" in name}
    status = msgspec.structs.replace(
        old,
        capacity={**foreign, **machine.capacity, **offered.capacity},
        allocatable={**foreign, **machine.allocatable, **offered.allocatable},
        declaredFeatures=list(_DECLARED_FEATURES),
        runtimeHandlers=health.handlers,
        features=health.features,
        nodeInfo=info,
        addresses=addresses,
        images=images,
        volumesInUse=list(volumes_in_use),
    )
    if server_port > 0:
        status.daemonEndpoints = NodeDaemonEndpoints(kubeletEndpoint=DaemonEndpoint(Port=server_port))
    problems = (health.error, health.network_error, "node is shutting down" if shutting_down else "")
    problem = "; ".join(text for text in problems if text)
    wanted = [
        *((kind, str(kind in pressure), *told[kind in pressure]) for kind, told in PRESSURES.items()),
        ("Ready", "False", "KubeletNotReady", problem)
        if problem
        else ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    now = format_time(now_s)
    for kind, value, reason, message in wanted:
        told = NodeCondition(type=kind, status=value, reason=reason, message=message, lastHeartbeatTime=now)
        status.conditions = with_condition(status.conditions, told, now_s)
    return status


def same_but_for_heartbeats(left: NodeStatus, right: NodeStatus) -> bool:
    def bare(status: NodeStatus) -> NodeStatus:
        conditions = [msgspec.structs.replace(c, lastHeartbeatTime=None) for c in status.conditions]
        return msgspec.structs.replace(status, conditions=conditions)

    return bare(left) == bare(right)


def images_of(found: list[object], most: int) -> list[ContainerImage]:
    """The largest of a CRI image list, as the Node shows them; so many at most, -1 for all."""
    images = []
    for image in found:
        names = [*getattr(image, "repo_digests", ()), *getattr(image, "repo_tags", ())][:_MAX_NAMES]
        images.append(ContainerImage(names=names, sizeBytes=int(getattr(image, "size", 0))))
    images.sort(key=lambda image: image.sizeBytes or 0, reverse=True)
    return images if most < 0 else images[:most]


def handlers_of(answer: Any) -> list[NodeRuntimeHandler]:
    """What the runtime's handlers can do, of a CRI StatusResponse."""
    return [
        NodeRuntimeHandler(
            name=handler.name,
            features=NodeRuntimeHandlerFeatures(
                recursiveReadOnlyMounts=handler.features.recursive_read_only_mounts,
                userNamespaces=handler.features.user_namespaces,
            ),
        )
        for handler in answer.runtime_handlers
    ]


def features_of(answer: Any) -> NodeFeatures | None:
    if not answer.HasField("features"):
        return None
    return NodeFeatures(supplementalGroupsPolicy=answer.features.supplemental_groups_policy)
